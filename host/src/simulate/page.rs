//! The report as a page: one file, without scripts and without anything from elsewhere, for light and dark, for
//! a screen, for paper, and for whoever has it read out.

mod markup;
mod people;
mod plots;
mod sections;

use super::Simulated;
use super::report::{Against, HistorySaid, OriginSaid, Report};
use markup::{number, put, share, text};

const STYLE: &str = include_str!("page/style.css");

/// Sections in their order: the anchor, the heading, and what makes it. `None` where there is nothing to say.
type Section = (&'static str, &'static str, fn(&Simulated) -> Option<String>);

const SECTIONS: [Section; 11] = [
    ("scores", "Scores", sections::scores),
    ("time", "Tiers over time", sections::time),
    ("actions", "Actions before and after", sections::actions),
    ("flips", "What differs", sections::flips),
    ("quality", "Precision and recall", people::quality),
    ("accounts", "Accounts, strikes and restrictions", people::accounts),
    ("labels", "Labels", sections::labels),
    ("rules", "Rules", sections::rules),
    ("past", "What was known of the past", sections::told),
    ("detectors", "Detectors", sections::detectors),
    ("cost", "Cost", sections::cost),
];

/// The page of a simulation.
pub fn html(done: &Simulated) -> String {
    let report = &done.result;
    let candidate = &report.candidate;
    let title = format!("Simulation of {} on {}", text(&candidate.name), text(&candidate.source));
    let made: Vec<(&str, &str, String)> = SECTIONS
        .iter()
        .filter_map(|(anchor, heading, make)| Some((*anchor, *heading, make(done)?)))
        .collect();
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{title}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n\
         <h1>{title}</h1><p class=\"quiet\">{}</p>\n<nav aria-label=\"Sections\">",
        span_told(&report.history)
    );
    for (anchor, heading, _) in &made {
        put(&mut out, format_args!("<a href=\"#{anchor}\">{heading}</a>"));
    }
    out.push_str("</nav>\n");
    out.push_str(&cards(report));
    out.push_str(&compared(report));
    for (anchor, heading, body) in &made {
        put(
            &mut out,
            format_args!(
                "\n<section aria-labelledby=\"{anchor}\"><h2 id=\"{anchor}\">{heading}</h2>\n{body}</section>"
            ),
        );
    }
    put(
        &mut out,
        format_args!(
            "\n<footer>Made by picket {}. Nothing live was touched. Accounts are hashes; report.json holds the same \
         numbers for a program.</footer>\n</main></body></html>\n",
            env!("CARGO_PKG_VERSION")
        ),
    );
    out
}

fn span_told(history: &HistorySaid) -> String {
    match (history.first, history.last) {
        (Some(first), Some(last)) => {
            format!("{} events from {first} to {last}", number(history.events))
        }
        _ => "no events".to_owned(),
    }
}

fn cards(report: &Report) -> String {
    let (events, flips, after) = (report.history.events, &report.flips, &report.after);
    let mut cards = vec![(number(events), "events".to_owned())];
    let turned = |before: u64, after: u64| format!("{} → {}", number(before), number(after));
    match &report.before {
        Some(before) => {
            let differ = flips.stricter + flips.milder + flips.retiered;
            cards.push((number(differ), format!("decisions differ, {}", share(differ, events))));
            cards.push((number(flips.stricter), "stricter".to_owned()));
            cards.push((number(flips.milder), "milder".to_owned()));
            cards.push((turned(before.strikes, after.strikes), "strikes".to_owned()));
            cards.push((
                turned(before.reviews, after.reviews),
                "for a person to look at".to_owned(),
            ));
        }
        None => {
            cards.push((number(after.strikes), "strikes".to_owned()));
            cards.push((number(after.reviews), "for a person to look at".to_owned()));
        }
    }
    let mut out = "<ul class=\"cards\">".to_owned();
    for (figure, what) in cards {
        put(&mut out, format_args!("<li><b>{figure}</b><span>{what}</span></li>"));
    }
    out + "</ul>\n"
}

fn compared(report: &Report) -> String {
    let mut out = "<dl>".to_owned();
    let mut say = |what: &str, html: String| {
        put(&mut out, format_args!("<dt>{what}</dt><dd>{html}</dd>"));
    };
    let candidate = &report.candidate;
    say("Candidate", format!("{} <code>{}</code>", text(&candidate.name), candidate.digest));
    for line in report.detectors.iter().filter(|line| line.detector.candidate) {
        let detector = &line.detector;
        let name = format!("{} {}", text(&detector.name), text(&detector.version));
        say("With detector", format!("{name} <code>{}</code>", detector.digest));
    }
    match &report.against {
        Against::Nothing => say("Against", "nothing: only the candidate was asked".to_owned()),
        Against::Policy(policy) => {
            say("Against", format!("{} <code>{}</code>", text(&policy.name), policy.digest));
        }
        Against::Decided { policies } => {
            for policy in policies {
                say(
                    "Decided by",
                    format!(
                        "{} {} <code>{}</code>, {} events",
                        text(&policy.name),
                        policy.version,
                        policy.digest,
                        number(policy.events)
                    ),
                );
            }
        }
    }
    match &report.history.origin {
        OriginSaid::Record { since, until, share, looked_back_to, .. } => {
            say(
                "From",
                format!(
                    "the record, {since} to {until}{}",
                    if *share < 1.0 {
                        format!(", {} of the accounts", markup::percent(*share))
                    } else {
                        String::new()
                    }
                ),
            );
            if let Some(from) = looked_back_to {
                let before = number(report.history.remembered);
                say(
                    "Before that",
                    format!("{before} events from {from}, for what is asked about the past"),
                );
            }
        }
        OriginSaid::File { .. } => say("From", "a file of events".to_owned()),
    }
    let sums = &report.history.passed_over;
    let passed: Vec<String> =
        sums.each().map(|(count, why)| format!("{} {why}", number(count))).collect();
    if !passed.is_empty() {
        say("Passed over", passed.join(", "));
    }
    out + "</dl>\n"
}
