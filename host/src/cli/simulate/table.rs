//! A simulation for people who do not open the page: some lines and two tables.

use crate::cli::table::{new, plain};
use crate::cli::words::percent;
use crate::simulate::{
    Simulated,
    report::{Quality, Rate, Report, Sums},
};

pub(super) fn render(done: &Simulated) -> String {
    let Simulated { result, cost } = done;
    let mut out = format!("{} events", result.history.events);
    if let (Some(first), Some(last)) = (result.history.first, result.history.last) {
        out += &format!(", {first} to {last}");
    }
    out += &format!(
        "; {:.0} events/s on {} threads, {:.0} for each core\n",
        result.history.events as f64 / cost.wall_s.max(f64::EPSILON),
        cost.threads,
        cost.events_per_s_core
    );
    out += &passed_over(result);
    if let Some(before) = &result.before {
        let flips = &result.flips;
        let sum = flips.stricter + flips.milder + flips.retiered;
        out += &format!(
            "{sum} decisions differ: {} stricter, {} milder, {} retiered; another score only: {}\n",
            flips.stricter, flips.milder, flips.retiered, flips.rescored
        );
        out += &format!(
            "strikes {} -> {}, for review {} -> {}, accounts restricted {} -> {}\n",
            before.strikes,
            result.after.strikes,
            before.reviews,
            result.after.reviews,
            result.subjects.restricted_before,
            result.subjects.restricted_after
        );
    }
    out + &tiers(result)
}

fn tiers(result: &Report) -> String {
    let mut table = new(&["TIER", "FROM", "BEFORE", "AFTER", "PRECISION", "RECALL", "F1"]);
    let number = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |it| it.to_string());
    let before = |name: &str| {
        let tiers = result.before.as_ref().map(|sums: &Sums| &sums.tiers)?;
        Some(tiers.iter().find(|line| line.tier == name).map_or(0, |line| line.events))
    };
    for line in &result.after.tiers {
        let quality = result.after.quality.iter().find(|quality| quality.tier == line.tier);
        let rate = |of: fn(&Quality) -> Option<Rate>| match quality.and_then(of) {
            Some(rate) => {
                format!("{} ({}-{})", percent(rate.value), percent(rate.low), percent(rate.high))
            }
            None => "-".to_owned(),
        };
        table.add_row([
            plain(&line.tier),
            line.from.map_or_else(|| "-".to_owned(), |from| from.to_string()),
            number(before(&line.tier)),
            line.events.to_string(),
            rate(|quality| quality.precision),
            rate(|quality| quality.recall),
            quality.and_then(|it| it.f1).map_or_else(|| "-".to_owned(), |f1| format!("{f1:.2}")),
        ]);
    }
    format!("\n{table}\n")
}

/// Empty where nothing was passed over.
fn passed_over(result: &Report) -> String {
    let sums = &result.history.passed_over;
    let parts: Vec<String> = sums.each().map(|(count, why)| format!("{count} {why}")).collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("passed over: {}\n", parts.join(", ")),
    }
}

/// What of the past is less known than it might seem, a line each.
pub(super) fn doubts(result: &Report) -> Vec<String> {
    let unknown = result.told.iter().filter(|line| line.unknown > 0).map(|line| {
        format!(
            "`{}` could not be read when {} of the events were decided, and is as unknown here: on_error has its say",
            line.input, line.unknown
        )
    });
    let erased = result.history.passed_over.erased;
    let lacking = (erased > 0 && !result.told.is_empty()).then(|| {
        format!("{erased} events were erased: what is worked out about the past is without them")
    });
    unknown.chain(lacking).collect()
}

/// Why a simulation is of no event, and what to do.
pub(super) fn why_nothing(result: &Report) -> String {
    match passed_over(result).trim_end() {
        "" => "no events lie there; go further back with --since, or look at --source".to_owned(),
        passed => format!("no events are left; {passed}"),
    }
}
