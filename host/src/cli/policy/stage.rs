//! `picket policy promote`, `demote`, `retire` and `rollback`: where a version stands.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::compare;
use crate::cli::ask::{agrees, can_ask};
use crate::cli::client::{Server, encode};
use crate::cli::table::plain;
use crate::cli::which::WhichVersion;
use crate::cli::words;
use crate::model::Stage;
use crate::registry::PolicyStood;

pub(super) const PROMOTE_HELP: &str = "\
  picket policy promote market@4 --to canary --share 0.05 --why 'a week in shadow'
  picket policy promote market@4 --why 'no complaint in the canary' --yes

Shows what the version would have decided, and asks; where nobody can be asked it needs --yes. A canary
decides for a share of the subjects, always the same ones. What decided before is retired, and `picket
policy rollback` brings it back.";

pub(super) const DEMOTE_HELP: &str = "\
  picket policy demote market@4 --why 'it holds back order numbers'

From canary back to shadow. What is active decides until another version does: promote that, or go back
with `picket policy rollback`.";

pub(super) const RETIRE_HELP: &str = "\
  picket policy retire market@4 --why 'market@5 is better'

It judges no event any more. Its text, its number and its decisions stay.";

pub(super) const ROLLBACK_HELP: &str = "\
  picket policy rollback market --why '4 holds back order numbers'

The policy that decided about the same source before decides again with the next event, and the present
one is retired. Once more goes back one further.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Promote {
    /// NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME@VERSION")]
    which: WhichVersion,
    /// active, canary or shadow; canary if there is a --share, active if not
    #[arg(long, alias = "stage", value_name = "STAGE")]
    to: Option<Stage>,
    /// Of the subjects, for which a canary decides, such as 0.05
    #[arg(long)]
    share: Option<f64>,
    #[command(flatten)]
    about: About,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct About {
    /// Why, for the audit log
    #[arg(long)]
    why: Option<String>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Demote {
    /// NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME@VERSION")]
    which: WhichVersion,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Retire {
    /// NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME@VERSION")]
    which: WhichVersion,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Rollback {
    /// The policy, or any of its source
    name: String,
    #[command(flatten)]
    about: About,
}

pub(super) async fn promote(promote: &Promote) -> anyhow::Result<ExitCode> {
    let Promote { which, share, about, .. } = promote;
    let to = promote.to.unwrap_or(if share.is_some() { Stage::Canary } else { Stage::Active });
    if to == Stage::Canary && share.is_none() {
        bail!("a canary decides for a share of the subjects: say which, such as --share 0.05");
    }
    if !promote.yes && !can_ask() {
        bail!("nobody can be asked here: look at `picket policy compare` and say --yes");
    }
    let compared = compare::fetch(&about.server, which, 10).await?;
    if !about.server.json {
        println!("{}\n", compare::render(&compared));
    }
    if !promote.yes {
        let share = share.map(|share| format!(" {}", words::percent(share))).unwrap_or_default();
        let status = &compared.status;
        let question = format!(
            "Make {} {} {to}{share} for {}? [y/N]",
            status.name, status.version, status.source
        );
        if !agrees(&plain(&question))? {
            eprintln!("nothing has changed");
            return Ok(ExitCode::FAILURE);
        }
    }
    put(which, to, *share, about).await
}

pub(super) async fn demote(demote: &Demote) -> anyhow::Result<ExitCode> {
    put(&demote.which, Stage::Shadow, None, &demote.about).await
}

pub(super) async fn retire(retire: &Retire) -> anyhow::Result<ExitCode> {
    put(&retire.which, Stage::Retired, None, &retire.about).await
}

pub(super) async fn roll_back(rollback: &Rollback) -> anyhow::Result<ExitCode> {
    let Rollback { name, about } = rollback;
    // Whoever goes back is in a hurry.
    let why = about.why.as_deref().unwrap_or("rolled back by hand");
    let path = format!("/v1/policies/{}/rollback", encode(name));
    told(about.server.post(&path, &json!({ "why": why })).await?, about.server.json)
}

async fn put(
    which: &WhichVersion,
    to: Stage,
    share: Option<f64>,
    about: &About,
) -> anyhow::Result<ExitCode> {
    let why = words::why(about.why.as_deref())?;
    let body = json!({ "stage": to, "share": share, "why": why });
    let path = format!("{}/stage", which.of_policy());
    told(about.server.put(&path, &body).await?, about.server.json)
}

fn told(answer: Value, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(ExitCode::SUCCESS);
    }
    let stood: PolicyStood =
        serde_json::from_value(answer).context("an answer of another release")?;
    let share = stood.share.map(|share| format!(" {}", words::percent(share))).unwrap_or_default();
    println!(
        "{} {} is {}{share} for {}, it was {}; generation {}",
        plain(&stood.policy),
        stood.version,
        stood.to,
        plain(&stood.source),
        stood.from,
        stood.generation
    );
    Ok(ExitCode::SUCCESS)
}
