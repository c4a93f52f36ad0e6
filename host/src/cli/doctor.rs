//! `picket doctor`.

use std::process::ExitCode;

use clap::Args;
use console::style;

use super::ConfigFile;
use super::progress::waiting;
use super::table;
use crate::app::{Health, examine};

pub(super) const AFTER_HELP: &str = "\
  picket doctor
  picket doctor --quick --json

Changes nothing, and a server may run meanwhile. Exits with 0 where nothing is bad; a warning is not.";

/// Look for what is wrong with an installation, and say how to mend it
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Leave out what takes long: every page of the database, every audit entry
    #[arg(long)]
    quick: bool,
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(doctor: &Doctor) -> anyhow::Result<ExitCode> {
    let config = doctor.config.load()?;
    let findings = waiting("looking at everything", examine(&config, !doctor.quick)).await;
    let bad = findings.iter().any(|finding| finding.health == Health::Bad);
    if doctor.json {
        println!("{}", serde_json::to_string_pretty(&findings)?);
    } else {
        for finding in &findings {
            let health = match finding.health {
                Health::Good => style("good   ").green(),
                Health::Warning => style("warning").yellow(),
                Health::Bad => style("BAD    ").red().bold(),
            };
            println!("{health}  {:<12} {}", finding.what, table::plain(&finding.text));
        }
    }
    Ok(if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
