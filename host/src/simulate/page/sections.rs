//! What stands in each section of the page.

use super::super::Simulated;
use super::super::past::Said;
use super::super::report::{Example, FlipKind, RuleLine, Sums, ToldLine};
use super::markup::{Cell, number, put, share, table, text};
use super::plots;
use crate::model::{Action, Direction};

pub(super) fn scores(done: &Simulated) -> Option<String> {
    let report = &done.result;
    let plot = plots::scores(&report.scores, report.before.is_some(), &report.after);
    Some(format!(
        "<figure>{plot}<figcaption>Events by score, in steps of 0.025, on a logarithmic scale. The dashed lines are \
         where the candidate's tiers begin.</figcaption></figure>{}",
        tier_table(done)
    ))
}

fn tier_table(done: &Simulated) -> String {
    let report = &done.result;
    let before = |sums: &Sums, name: &str| {
        sums.tiers.iter().find(|line| line.tier == name).map_or(0, |line| line.events)
    };
    let mut names: Vec<&str> = report.after.tiers.iter().map(|line| line.tier.as_str()).collect();
    for line in report.before.iter().flat_map(|sums| &sums.tiers) {
        if line.events > 0 && !names.contains(&line.tier.as_str()) {
            names.push(&line.tier);
        }
    }
    let rows: Vec<(String, Vec<Cell>)> = names
        .iter()
        .map(|name| {
            let after = before(&report.after, name);
            let from = report.after.tiers.iter().find(|line| line.tier == *name);
            let from =
                from.and_then(|line| line.from).map_or("–".to_owned(), |it| it.to_string());
            let mut cells = vec![Cell::Figure(from)];
            if let Some(sums) = &report.before {
                cells.push(Cell::Number(before(sums, name)));
            }
            cells.push(Cell::Number(after));
            cells.push(Cell::Figure(share(after, report.history.events)));
            (text(name), cells)
        })
        .collect();
    let head: &[&str] = match report.before {
        Some(_) => &["Tier", "From", "Before", "Candidate", "Share"],
        None => &["Tier", "From", "Candidate", "Share"],
    };
    table("Events in each tier", head, &rows)
}

pub(super) fn time(done: &Simulated) -> Option<String> {
    let report = &done.result;
    let after: Vec<(String, Vec<u64>)> =
        report.days.iter().map(|day| (day.day.clone(), day.after.clone())).collect();
    let (together, after) = plots::columns(&after);
    let before: Vec<(String, Vec<u64>)> =
        report.days.iter().map(|day| (day.day.clone(), day.before.clone())).collect();
    let before = report.before.as_ref().map(|sums| (sums, plots::columns(&before).1));
    let highest = |columns: &[(String, Vec<u64>)]| {
        columns.iter().map(|(_, tiers)| tiers.iter().skip(1).sum::<u64>()).max().unwrap_or(0)
    };
    let most = highest(&after).max(before.as_ref().map_or(0, |(_, columns)| highest(columns)));
    let mut out = String::new();
    if let Some((sums, columns)) = &before {
        put(
            &mut out,
            format_args!(
                "<figure>{}{}<figcaption>Before</figcaption></figure>",
                plots::tiers_legend(sums),
                plots::tiers("plot-before", "Tiers over time, before", columns, sums, most)
            ),
        );
    }
    if before.as_ref().is_none_or(|(sums, _)| names(sums) != names(&report.after)) {
        out += &plots::tiers_legend(&report.after);
    }
    let unit = match together {
        1 => "for each day (UTC)".to_owned(),
        days => format!("for each {days} days (UTC)"),
    };
    put(
        &mut out,
        format_args!(
            "<figure>{}<figcaption>Candidate. Events above the first tier, stacked, {unit}, on the same \
         scale.</figcaption></figure>",
            plots::tiers("plot-after", "Tiers over time, candidate", &after, &report.after, most)
        ),
    );
    let rows: Vec<(String, Vec<Cell>)> = after
        .iter()
        .map(|(day, tiers)| (text(day), tiers.iter().map(|count| Cell::Number(*count)).collect()))
        .collect();
    let mut head = vec!["Day".to_owned()];
    head.extend(report.after.tiers.iter().map(|line| text(&line.tier)));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    put(
        &mut out,
        format_args!(
            "<details><summary>The candidate's numbers</summary>{}</details>",
            table("Events in each tier of the candidate", &head, &rows)
        ),
    );
    Some(out)
}

fn names(sums: &Sums) -> Vec<&str> {
    sums.tiers.iter().map(|line| line.tier.as_str()).collect()
}

pub(super) fn actions(done: &Simulated) -> Option<String> {
    let report = &done.result;
    report.before.as_ref()?;
    let has = |action: Action| {
        report.actions.iter().any(|pair| pair.before == action || pair.after == action)
    };
    let actions: Vec<Action> = Action::ALL.into_iter().filter(|action| has(*action)).collect();
    let mut out = "<div class=\"wide\"><table><caption>Each row is what was asked for before, each column what the \
                   candidate asks for, strikes included. Stricter is to the right of the diagonal.</caption><thead><tr>\
                   <th scope=\"col\">Before \\ candidate</th>"
        .to_owned();
    for action in &actions {
        put(&mut out, format_args!("<th scope=\"col\" class=\"n\">{action}</th>"));
    }
    out.push_str("</tr></thead><tbody>");
    for before in &actions {
        put(&mut out, format_args!("<tr><th scope=\"row\">{before}</th>"));
        for after in &actions {
            let pair = report.actions.iter().find(|it| (it.before, it.after) == (*before, *after));
            let (class, figure) = match pair {
                None => ("none", "·".to_owned()),
                Some(pair) if before == after => ("same", number(pair.events)),
                Some(pair) if before < after => ("worse", number(pair.events)),
                Some(pair) => ("milder", number(pair.events)),
            };
            put(&mut out, format_args!("<td class=\"n {class}\">{figure}</td>"));
        }
        out.push_str("</tr>");
    }
    Some(out + "</tbody></table></div>")
}

pub(super) fn flips(done: &Simulated) -> Option<String> {
    let report = &done.result;
    report.before.as_ref()?;
    let flips = &report.flips;
    let mut out = format!(
        "<p>{} stricter, {} milder, {} retiered: the same action from another tier, or a person who should look. \
         Of these {} have the same score and tier: strikes, restrictions or rules alone make the difference. {} more have \
         another score and nothing else.</p>",
        number(flips.stricter),
        number(flips.milder),
        number(flips.retiered),
        number(flips.same_score),
        number(flips.rescored)
    );
    for kind in &flips.kinds {
        out += &flip_kind(kind);
    }
    Some(out)
}

fn flip_kind(kind: &FlipKind) -> String {
    let direction = match kind.direction {
        Direction::Stricter => "Stricter",
        Direction::Milder => "Milder",
        Direction::Retiered => "Retiered",
    };
    let spoken = match (kind.violations, kind.clean) {
        (0, 0) => String::new(),
        (violations, clean) => format!(
            ", of which people call {} a violation and {} none",
            number(violations),
            number(clean)
        ),
    };
    let mut out = format!(
        "<h3>{direction}: {} → {}</h3><p>{} events{spoken}.</p>",
        kind.before,
        kind.after,
        number(kind.events)
    );
    if kind.examples.is_empty() {
        return out;
    }
    let rows: Vec<(String, Vec<Cell>)> = kind.examples.iter().map(example).collect();
    let head = ["Event", "Account", "People say", "Before", "Candidate", "Why"];
    out += &table("The first of them", &head, &rows);
    out
}

fn example(example: &Example) -> (String, Vec<Cell>) {
    let people = match example.violation {
        Some(true) => "<span class=\"is-violation\">a violation</span>",
        Some(false) => "<span class=\"is-clean\">none</span>",
        None => "–",
    };
    let name = format!(
        "<code>{}</code><br><span class=\"range\">{} {}</span>",
        text(&example.id),
        text(&example.kind),
        example.time
    );
    let cells = vec![
        Cell::Text(format!("<code>{}</code>", text(&example.subject))),
        Cell::Text(people.to_owned()),
        Cell::Text(said(&example.before)),
        Cell::Text(said(&example.after)),
        Cell::Text(why(&example.after)),
    ];
    (name, cells)
}

fn said(said: &Said) -> String {
    let mut out = format!("{:.3} {}", said.score.as_f64(), text(&said.tier));
    if let Some(number) = said.strike {
        put(&mut out, format_args!("<br><span class=\"range\">strike {number}</span>"));
    }
    match &said.case {
        Some(case) => {
            put(&mut out, format_args!("<br><span class=\"range\">case {}</span>", text(case)))
        }
        None if said.review => out += "<br><span class=\"range\">a person looks</span>",
        None => {}
    }
    out
}

fn why(said: &Said) -> String {
    let rules = match said.rules.as_slice() {
        [] => String::new(),
        rules => format!("<br><span class=\"range\">rules: {}</span>", text(&rules.join(", "))),
    };
    format!("{}{rules}", text(&said.reason))
}

pub(super) fn labels(done: &Simulated) -> Option<String> {
    let report = &done.result;
    if report.labels.is_empty() {
        return None;
    }
    let rows: Vec<(String, Vec<Cell>)> = report
        .labels
        .iter()
        .map(|line| {
            let mut cells = Vec::with_capacity(4);
            if report.before.is_some() {
                cells.push(Cell::Number(line.before));
            }
            cells.extend([line.after, line.violations, line.clean].map(Cell::Number));
            (format!("<code>{}</code>", text(&line.label)), cells)
        })
        .collect();
    let head: &[&str] = match report.before {
        Some(_) => &["Label", "Before", "Candidate", "Violations", "None"],
        None => &["Label", "Candidate", "Violations", "None"],
    };
    Some(table("Events in which a label counted; the last two by the word of people", head, &rows))
}

pub(super) fn rules(done: &Simulated) -> Option<String> {
    let report = &done.result;
    if report.rules.is_empty() {
        return None;
    }
    let row = |line: &RuleLine| {
        let before = report.before.as_ref().map(|_| line.before);
        let cells = before.into_iter().chain([line.after]).map(Cell::Number);
        (format!("<code>{}</code>", text(&line.rule)), cells.collect())
    };
    let rows: Vec<(String, Vec<Cell>)> = report.rules.iter().map(row).collect();
    let head: &[&str] = match report.before {
        Some(_) => &["Rule", "Before", "Candidate"],
        None => &["Rule", "Candidate"],
    };
    Some(table("Events on which a rule fired", head, &rows))
}

pub(super) fn told(done: &Simulated) -> Option<String> {
    let lines = &done.result.told;
    if lines.is_empty() {
        return None;
    }
    let row = |line: &ToldLine| {
        let cells = [line.recorded, line.worked_out, line.unknown];
        (format!("<code>{}</code>", text(&line.input)), cells.map(Cell::Number).into())
    };
    let rows: Vec<(String, Vec<Cell>)> = lines.iter().map(row).collect();
    let erased = match done.result.history.passed_over.erased {
        0 => String::new(),
        count => format!("<p>What is worked out is without {} erased events.</p>", number(count)),
    };
    Some(
        erased
            + &table(
                "Events that were told what is declared about the past: as it was read when they were decided, worked out from \
         the events before them, or as unknown as it was then",
                &["Declared", "As read then", "Worked out", "Unknown"],
                &rows,
            ),
    )
}

pub(super) fn detectors(done: &Simulated) -> Option<String> {
    let report = &done.result;
    if report.detectors.is_empty() {
        return None;
    }
    let line = |at: usize| {
        let (line, cost) = (&report.detectors[at], done.cost.detectors.get(at)?);
        let kind = if line.detector.candidate { "candidate" } else { "shipped" };
        let cells = vec![
            Cell::Text(format!("{} {kind}", text(&line.detector.version))),
            Cell::Number(line.runs),
            Cell::Number(line.found),
            Cell::Number(line.failed),
            Cell::Figure(format!("{:.0}", cost.micros_mean)),
            Cell::Number(cost.micros_p50),
            Cell::Number(cost.micros_p99),
            Cell::Number(cost.micros_max),
            Cell::Number(cost.late),
        ];
        Some((format!("<code>{}</code>", text(&line.detector.name)), cells))
    };
    let rows: Vec<(String, Vec<Cell>)> = (0..report.detectors.len()).filter_map(line).collect();
    let head =
        ["Detector", "Version", "Runs", "Found", "Failed", "Mean µs", "p50", "p99", "Most", "Late"];
    Some(table(
        "Detectors that were run, with the processor time of a run on this machine. Late: beyond the deadline that a \
         server would have kept",
        &head,
        &rows,
    ))
}

pub(super) fn cost(done: &Simulated) -> Option<String> {
    let cost = &done.cost;
    Some(format!(
        "<dl><dt>Events</dt><dd>{:.0} for each second of processor time, loading aside</dd>\
         <dt>Time</dt><dd>{:.1} s on {} threads, {:.1} s of processor time</dd></dl>",
        cost.events_per_s_core, cost.wall_s, cost.threads, cost.cpu_s
    ))
}
