//! `picket detector promote`, `demote`, `retire` and `rollback`: where a version stands.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::super::ask::{agrees, can_ask};
use super::super::client::{Server, encode};
use super::super::table::plain;
use super::diff;
use super::words::{self, WhichVersion};
use crate::model::{Bounds, Canary, Stage};
use crate::registry::Stood;

pub(super) const PROMOTE_HELP: &str = "\
  picket detector promote contact-phone@1.3.0 --to canary --share 0.05 --why 'a week in shadow'
  picket detector promote contact-phone@1.3.0 --why 'no complaint in the canary' --yes

Shows what the version would have changed, and asks; where nobody can be asked it needs --yes.
A canary counts for a share of the subjects, always the same ones, and goes back to shadow by itself
when it leaves its bounds. What stood at the stage before is retired, and `picket detector rollback`
brings it back.";

pub(super) const DEMOTE_HELP: &str = "\
  picket detector demote contact-phone@1.3.0 --why 'it blocks order numbers'

Nothing serves in its place until you say so: to go back to what served before, use
`picket detector rollback contact-phone`.";

pub(super) const RETIRE_HELP: &str = "\
  picket detector retire contact-phone@1.3.0 --why 'replaced by contact'

A policy that requires the detector then decides without it as its `on_error` says.";

pub(super) const ROLLBACK_HELP: &str = "\
  picket detector rollback contact-phone --why '1.3.0 blocks order numbers'

The version that was active before serves again with the next event, and the present one is retired.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Promote {
    /// NAME@VERSION; the version is a number or a digest
    #[arg(value_name = "NAME@VERSION")]
    which: WhichVersion,
    /// active, canary or shadow; canary if there is a --share, active if not
    #[arg(long, value_name = "STAGE")]
    to: Option<Stage>,
    /// Of the subjects, for which a canary counts, such as 0.05
    #[arg(long)]
    share: Option<f64>,
    #[command(flatten)]
    bounds: CanaryBounds,
    #[command(flatten)]
    about: About,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// What takes a canary back to shadow.
#[derive(Debug, Args)]
struct CanaryBounds {
    /// Conclude nothing from fewer events
    #[arg(long, value_name = "N")]
    events_min: Option<u64>,
    /// Of its runs, that may fail
    #[arg(long, value_name = "RATE")]
    failure_rate_max: Option<f64>,
    /// Processor time of a run on average, in microseconds
    #[arg(long, value_name = "MICROS")]
    mean_micros_max: Option<u64>,
    /// Of its runs, that must find something
    #[arg(long, value_name = "RATE")]
    fire_rate_min: Option<f64>,
    /// Of its runs, that may find something
    #[arg(long, value_name = "RATE")]
    fire_rate_max: Option<f64>,
    /// Of its decisions that a person looked at, that may be overturned
    #[arg(long, value_name = "RATE")]
    overturn_rate_max: Option<f64>,
}

#[derive(Debug, Args)]
struct About {
    /// The source that it is about; every one unless the key is bound to one
    #[arg(long)]
    source: Option<String>,
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
    /// The detector
    name: String,
    #[command(flatten)]
    about: About,
}

pub(super) async fn promote(promote: &Promote) -> anyhow::Result<ExitCode> {
    let Promote { which, about, .. } = promote;
    let canary = promote.canary()?;
    let to = promote.to.unwrap_or(if canary.is_some() { Stage::Canary } else { Stage::Active });
    if !promote.yes && !can_ask() {
        bail!("nobody can be asked here: look at `picket detector diff` and say --yes");
    }
    let source = about.source.as_deref();
    let diff = diff::fetch(&about.server, which, source, 10).await?;
    if !about.server.json {
        println!("{}\n", diff::render(&diff));
    }
    if !promote.yes {
        let stage = words::stage(to, canary.as_ref());
        let source = words::source(&diff.source);
        let question =
            format!("Make {} {} {stage} for {source}? [y/N]", diff.detector, diff.version);
        if !agrees(&plain(&question))? {
            eprintln!("nothing has changed");
            return Ok(ExitCode::FAILURE);
        }
    }
    let put = put(which, to, canary, about).await?;
    if let Some(canary) = canary.filter(|_| !about.server.json) {
        println!("{}", words::bounds(&canary.bounds));
    }
    Ok(put)
}

impl Promote {
    fn canary(&self) -> anyhow::Result<Option<Canary>> {
        let CanaryBounds { events_min, mean_micros_max, .. } = self.bounds;
        let rates = [
            self.bounds.failure_rate_max,
            self.bounds.fire_rate_min,
            self.bounds.fire_rate_max,
            self.bounds.overturn_rate_max,
        ];
        let bounded =
            events_min.is_some() || mean_micros_max.is_some() || rates.iter().any(Option::is_some);
        let Some(share) = self.share else {
            if bounded || self.to == Some(Stage::Canary) {
                bail!(
                    "a canary counts for a share of the subjects: say which, such as --share 0.05"
                );
            }
            return Ok(None);
        };
        if self.to.is_some_and(|to| to != Stage::Canary) {
            bail!("--share is for a canary: leave it out, or say --to canary");
        }
        let usual = Bounds::default();
        let [failure, fire_min, fire_max, overturn] = rates;
        let bounds = Bounds {
            events_min: events_min.unwrap_or(usual.events_min),
            failure_rate_max: failure.unwrap_or(usual.failure_rate_max),
            mean_micros_max,
            fire_rate_min: fire_min.unwrap_or(usual.fire_rate_min),
            fire_rate_max: fire_max.unwrap_or(usual.fire_rate_max),
            overturn_rate_max: overturn.unwrap_or(usual.overturn_rate_max),
        };
        let canary = Canary { share, bounds };
        canary.check().map_err(anyhow::Error::msg)?;
        Ok(Some(canary))
    }
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
    let path = format!("/v1/detectors/{}/rollback", encode(name));
    let body = json!({ "source": about.source, "why": why });
    told(about.server.post(&path, &body).await?, about.server.json)
}

async fn put(
    which: &WhichVersion,
    to: Stage,
    canary: Option<Canary>,
    about: &About,
) -> anyhow::Result<ExitCode> {
    let why = words::why(about.why.as_deref())?;
    let body = json!({ "stage": to, "source": about.source, "why": why, "canary": canary });
    let path = format!("{}/stage", which.of_detector());
    told(about.server.put(&path, &body).await?, about.server.json)
}

fn told(answer: Value, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
        return Ok(ExitCode::SUCCESS);
    }
    let stood: Stood = serde_json::from_value(answer).context("an answer of another release")?;
    println!(
        "{} {} is {} for {}, it was {}; generation {}",
        plain(&stood.detector),
        plain(&stood.version),
        stood.to,
        words::source(&stood.source),
        stood.from,
        stood.generation
    );
    Ok(ExitCode::SUCCESS)
}
