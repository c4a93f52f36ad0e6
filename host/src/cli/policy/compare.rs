//! `picket policy compare`: what a policy on trial would have decided.

use std::process::ExitCode;

use clap::Args;

use super::list::stage;
use crate::api::PolicyCompared;
use crate::cli::client::Server;
use crate::cli::table::{self, plain};
use crate::cli::which::WhichVersion;
use crate::model::{PolicyTrial, Said};

pub(super) const AFTER_HELP: &str = "\
  picket policy compare market@4
  picket policy compare market@4 --limit 50

While a policy is in shadow or canary it judges every event of its source on the same findings as the
active one. `stricter` are decisions with a more severe action, `milder` with a milder one, `retiered` of
another tier, or another word on whether a person should look, and the same action. A trial begins anew
when another policy becomes active. Strikes are not part of it. Each row below is a decision that
differs: `picket decision show` has it whole.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Compare {
    /// NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME@VERSION")]
    which: WhichVersion,
    /// How many of the decisions that differ to show
    #[arg(long, default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(compare: &Compare) -> anyhow::Result<ExitCode> {
    let compared = fetch(&compare.server, &compare.which, compare.limit).await?;
    match compare.server.json {
        true => println!("{}", serde_json::to_string_pretty(&compared)?),
        false => println!("{}", render(&compared)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn fetch(
    server: &Server,
    which: &WhichVersion,
    limit: u32,
) -> anyhow::Result<PolicyCompared> {
    server.get(&format!("{}/trial?limit={limit}", which.of_policy())).await
}

pub(super) fn render(compared: &PolicyCompared) -> String {
    let status = &compared.status;
    let active = match &compared.active {
        Some(active) if active.digest == status.digest => "it is what decides".to_owned(),
        Some(active) => format!("{} {} is active", plain(&active.name), active.version),
        None => "none is active".to_owned(),
    };
    let mut out = format!(
        "{} {} is {} for {}; {active}.\n{}",
        plain(&status.name),
        status.version,
        stage(status),
        plain(&status.source),
        plain(&compared.summary)
    );
    if !compared.trials.is_empty() {
        out.push_str(&format!("\n\n{}", trials(&compared.trials)));
    }
    if !compared.differences.is_empty() {
        let mut rows = table::new(&["DECISION", "SUBJECT", "WITHOUT", "WITH"]);
        for difference in &compared.differences {
            rows.add_row([
                plain(&difference.decision),
                plain(&difference.subject),
                said(&difference.without),
                said(&difference.with),
            ]);
        }
        out.push_str(&format!("\n\n{rows}"));
    }
    out
}

/// `0.68 high soft_block, review` or `0.68 high soft_block, case collusion`.
fn said(said: &Said) -> String {
    let looks = match &said.case {
        Some(case) => format!(", case {}", plain(case)),
        None if said.review => ", review".to_owned(),
        None => String::new(),
    };
    format!("{} {} {}{looks}", said.score, plain(&said.tier), said.action)
}

/// The sums side by side, a column for each trial.
pub(super) fn trials(trials: &[PolicyTrial]) -> String {
    let heads = trials.iter().map(|trial| trial.stage.as_str().to_uppercase());
    let heads: Vec<String> = std::iter::once("TRIAL IN".to_owned()).chain(heads).collect();
    let mut out = table::new(&heads.iter().map(String::as_str).collect::<Vec<_>>());
    type Line = (&'static str, fn(&PolicyTrial) -> String);
    let lines: [Line; 10] = [
        ("since", |trial| trial.since.to_string()),
        ("beside", |trial| match &trial.against {
            Some(against) => format!("{} {}", plain(&against.name), against.version),
            None => "none".to_owned(),
        }),
        ("events", |trial| trial.events.to_string()),
        ("decided", |trial| trial.decided.to_string()),
        ("stricter", |trial| trial.stricter.to_string()),
        ("milder", |trial| trial.milder.to_string()),
        ("retiered", |trial| trial.retiered.to_string()),
        ("reviews", |trial| trial.reviews.to_string()),
        ("reviews added", |trial| trial.reviews_added.to_string()),
        ("reviews spared", |trial| trial.reviews_spared.to_string()),
    ];
    for (name, value) in lines {
        let values = trials.iter().map(value);
        out.add_row(std::iter::once(name.to_owned()).chain(values));
    }
    out.to_string()
}
