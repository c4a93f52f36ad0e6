//! `picket detector diff`: what a version on trial would have changed.

use std::process::ExitCode;

use clap::Args;

use super::super::client::{Server, encode};
use super::super::table::{self, plain};
use super::words::{self, WhichVersion};
use crate::api::{Diff, TrialSums};
use crate::model::Cost;

pub(super) const AFTER_HELP: &str = "\
  picket detector diff contact-phone@1.3.0
  picket detector diff contact-phone@1.3.0 --source market --limit 50

While a version is in shadow or canary, each event is judged with it and without it. `stricter` are
decisions with a more severe action, `milder` with a milder one, `retiered` of another tier and the
same action. Each row below is a decision that differs: `GET /v1/decisions/{id}` has it whole.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME@VERSION")]
    which: WhichVersion,
    /// The source for which it stands; every one unless the key is bound to one
    #[arg(long)]
    source: Option<String>,
    /// How many of the decisions that differ to show
    #[arg(long, default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(show: &Show) -> anyhow::Result<ExitCode> {
    let diff = fetch(&show.server, &show.which, show.source.as_deref(), show.limit).await?;
    match show.server.json {
        true => println!("{}", serde_json::to_string_pretty(&diff)?),
        false => println!("{}", render(&diff)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn fetch(
    server: &Server,
    which: &WhichVersion,
    source: Option<&str>,
    limit: u32,
) -> anyhow::Result<Diff> {
    let source = source.map(|source| format!("&source={}", encode(source)));
    let path = format!("{}/diff?limit={limit}{}", which.of_detector(), source.unwrap_or_default());
    server.get(&path).await
}

fn is_newer(version: &str, than: &str) -> bool {
    let read = |version: &str| semver::Version::parse(version).ok();
    read(version).zip(read(than)).is_some_and(|(version, than)| version > than)
}

pub(super) fn render(diff: &Diff) -> String {
    let active = match &diff.active {
        Some(active) if *active == diff.version => "it is what serves".to_owned(),
        Some(active) if is_newer(active, &diff.version) => {
            format!("{active} is active and newer, so to promote this is a downgrade")
        }
        Some(active) => format!("{active} is active"),
        None => "none is active".to_owned(),
    };
    let mut out = format!(
        "{} {} is {} for {}; {active}.\n{}",
        plain(&diff.detector),
        plain(&diff.version),
        words::stage(diff.stage, diff.canary.as_ref()),
        words::source(&diff.source),
        plain(&diff.summary)
    );
    if let Some(why) = &diff.impure {
        out.push_str(&format!("\nIt is impure, so it may not be promoted: {}", plain(why)));
    }
    if !diff.trials.is_empty() {
        out.push_str(&format!("\n\n{}", trials(&diff.trials)));
    }
    if let Some(cost) = &diff.cost {
        out.push_str(&format!("\n\nOn this server a run takes {}", takes(cost)));
        match (&diff.active, &diff.active_cost) {
            (Some(active), Some(cost)) if *active != diff.version => {
                out.push_str(&format!("; {} takes {}.", plain(active), takes(cost)));
            }
            _ => out.push('.'),
        }
    }
    if !diff.differences.is_empty() {
        let mut rows = table::new(&["DECISION", "SUBJECT", "WITHOUT", "WITH"]);
        for difference in &diff.differences {
            rows.add_row([
                plain(&difference.decision),
                plain(&difference.subject),
                difference.without.to_string(),
                difference.with.to_string(),
            ]);
        }
        out.push_str(&format!("\n\n{rows}"));
    }
    out
}

pub(super) fn takes(cost: &Cost) -> String {
    format!("{} µs, and {} µs at the 99th percentile", cost.p50_micros, cost.p99_micros)
}

/// The sums side by side, a column for each trial.
pub(super) fn trials(trials: &[TrialSums]) -> String {
    let heads = trials.iter().map(|sums| sums.trial.stage.as_str().to_uppercase());
    let heads: Vec<String> = std::iter::once("TRIAL IN".to_owned()).chain(heads).collect();
    let mut out = table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    type Line = (&'static str, fn(&TrialSums) -> String);
    let lines: [Line; 13] = [
        ("since", |sums| sums.trial.since.to_string()),
        ("events", |sums| sums.trial.events.to_string()),
        ("counted", |sums| sums.trial.counted.to_string()),
        ("stricter", |sums| sums.trial.stricter.to_string()),
        ("milder", |sums| sums.trial.milder.to_string()),
        ("retiered", |sums| sums.trial.retiered.to_string()),
        ("reviews added", |sums| sums.trial.reviews_added.to_string()),
        ("reviews spared", |sums| sums.trial.reviews_spared.to_string()),
        ("ruled on", |sums| sums.trial.ruled.to_string()),
        ("overturned", |sums| sums.trial.overturned.to_string()),
        ("failed", |sums| words::percent(sums.failure_rate)),
        ("found something", |sums| words::percent(sums.fire_rate)),
        ("mean / longest", |sums| {
            format!("{:.0} / {} µs", sums.mean_micros, sums.trial.micros_max)
        }),
    ];
    for (name, value) in lines {
        let values = trials.iter().map(value);
        out.add_row(std::iter::once(name.to_owned()).chain(values));
    }
    out.to_string()
}
