//! `picket detector list`.

use std::process::ExitCode;

use console::style;

use super::super::client::Server;
use super::super::table::{self, plain};
use super::words;
use crate::model::Stage;
use crate::registry::{Catalogue, DetectorStatus};

pub(super) const AFTER_HELP: &str = "\
  picket detector list
  picket detector list --json | jq '.detectors[] | select(.stage == \"canary\")'

A version that is `not loading` stands there and does not run; the reason is below the table.
Retired versions are not listed: `picket detector show NAME` has them.";

pub(super) async fn run(server: &Server) -> anyhow::Result<ExitCode> {
    let catalogue: Catalogue = server.get("/v1/detectors").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&catalogue)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = table::new(&["DETECTOR", "VERSION", "STAGE", "SOURCE", "ORIGIN", "DIGEST"]);
    let standing = || catalogue.detectors.iter().filter(|status| status.stage.is_live());
    for status in standing() {
        out.add_row([
            plain(&status.name),
            status.version.clone(),
            stage(status),
            plain(&status.source),
            plain(&status.origin),
            status.digest.short(),
        ]);
    }
    println!("generation {}\n{out}", catalogue.generation);
    for status in standing() {
        for note in notes(status) {
            println!("\n{} {}: {note}", plain(&status.name), status.version);
        }
    }
    for refusal in &catalogue.refused {
        println!("\nrefused {} at {}: {}", plain(&refusal.file), refusal.at, plain(&refusal.error));
    }
    if let Some(loud) = catalogue.landing.warning() {
        println!("\n{}", style(plain(&loud)).yellow().bold());
    }
    Ok(ExitCode::SUCCESS)
}

fn stage(status: &DetectorStatus) -> String {
    match status.live {
        true => words::stage(status.stage, status.canary.as_ref()),
        false => "not loading".to_owned(),
    }
}

/// What somebody should know of a version.
fn notes(status: &DetectorStatus) -> Vec<String> {
    let mut notes = Vec::new();
    if status.stage == Stage::Quarantined {
        notes.push(format!("quarantined: {}", plain(&status.why)));
    }
    if let Some(why) = &status.impure {
        notes.push(format!("impure, so it may not be promoted: {}", plain(why)));
    }
    notes.extend(words::isolation(status).map(str::to_owned));
    if let (false, Some(error)) = (status.live, &status.last_error) {
        notes.push(plain(&error.error));
    }
    notes
}
