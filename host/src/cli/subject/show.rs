//! `picket subject show` and `check`: how accounts stand.

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::super::client::Server;
use super::super::table::{self, plain};
use super::place;
use crate::model::profile::{KeptStrike, Permission, Profile};
use crate::model::{Restriction, Timestamp};

pub(super) const SHOW_HELP: &str = "\
  picket subject show qwickservices user-17

Its risk (the worst of its scores, each fading to half in 30 days), its trust (one half after 20 clean events
in a row), strikes, restrictions in force and what was decided last.";

pub(super) const CHECK_HELP: &str = "\
  picket subject check qwickservices user-17 user-18 --type message.sent

Whether they may do that now. Exits 1 where one of them may not.";

/// Decisions that are shown.
const SHOWN: usize = 10;

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// The platform, such as qwickservices
    source: String,
    /// The account on it, such as user-17
    subject: String,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The platform, such as qwickservices
    source: String,
    /// The accounts on it
    #[arg(required = true)]
    subjects: Vec<String>,
    /// What they want to do, as the type of the event that it would be
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn show(args: &Show) -> anyhow::Result<()> {
    let profile: Profile = args.server.get(&place(&args.source, &args.subject)).await?;
    if args.server.json {
        println!("{}", serde_json::to_string_pretty(&profile)?);
        return Ok(());
    }
    let Profile { source, subject, mode, risk, strikes, restrictions, history } = &profile;
    println!("{} of {}, which is {mode}", plain(subject), plain(source));
    println!("risk   {} {}", risk.score, risk.tier);
    println!("trust  {}", risk.trust);
    let count = strikes.iter().filter(|strike| strike.counts_as.is_some()).count();
    println!("\nstrikes: {count} count");
    if !strikes.is_empty() {
        let mut out = table::new(&["COUNTS AS", "GIVEN AS", "GIVEN AT", "EXPIRES AT", "DECISION"]);
        for strike in strikes {
            out.add_row([
                counts(strike),
                strike.number.to_string(),
                strike.given_at.to_string(),
                strike.expires_at.to_string(),
                strike.decision_id.to_string(),
            ]);
        }
        println!("{out}");
    }
    println!("\nin force: {}", in_force(restrictions));
    if !history.is_empty() {
        println!("\ndecided last");
        let mut out = table::new(&["AT", "TYPE", "SCORE", "TIER", "ACTION", "DECISION"]);
        for one in history.iter().take(SHOWN) {
            let overturned = if one.overturned { " (overturned)" } else { "" };
            out.add_row([
                one.decided_at.to_string(),
                plain(&one.kind),
                one.score.to_string(),
                plain(&one.tier),
                format!("{}{overturned}", one.action),
                one.decision_id.to_string(),
            ]);
        }
        println!("{out}");
    }
    Ok(())
}

pub(super) async fn check(args: &Check) -> anyhow::Result<ExitCode> {
    let Check { source, subjects, kind, server } = args;
    let mut asked = json!({ "source": source, "subjects": subjects });
    if let Some(kind) = kind {
        asked["type"] = json!(kind);
    }
    let answer = server.post("/v1/restrictions/check", &asked).await?;
    let results: Vec<Permission> = serde_json::from_value(answer["results"].clone())
        .context("an answer of another release at /v1/restrictions/check")?;
    if server.json {
        println!("{answer}");
    } else {
        for Permission { subject, allowed, restrictions } in &results {
            let may = if *allowed { "may" } else { "may not" };
            let why = match restrictions.is_empty() {
                true => String::new(),
                false => format!(": {}", in_force(restrictions)),
            };
            println!("{} {may}{why}", plain(subject));
        }
    }
    let all = results.iter().all(|result| result.allowed);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn counts(strike: &KeptStrike) -> String {
    match (strike.counts_as, strike.revoked_at) {
        (Some(number), _) => number.to_string(),
        (None, Some(_)) => "taken back".to_owned(),
        (None, None) => "expired".to_owned(),
    }
}

fn in_force(restrictions: &[Restriction]) -> String {
    if restrictions.is_empty() {
        return "nothing".to_owned();
    }
    let until = |end: Option<Timestamp>| match end {
        Some(end) => format!("until {end}"),
        None => "until a person lifts it".to_owned(),
    };
    let told = restrictions.iter().map(|own| format!("{} {}", own.action, until(own.expires_at)));
    told.collect::<Vec<_>>().join(", ")
}
