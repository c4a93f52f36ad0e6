//! `picket detector`: what is live and what was refused.

use clap::Subcommand;

use super::client::Server;
use super::table;
use crate::registry::Catalogue;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List detectors with their state, and the files that were refused with the reason
    List(Server),
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    let Command::List(server) = command;
    let catalogue: Catalogue = server.get("/v1/detectors").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&catalogue)?);
        return Ok(());
    }
    let mut out = table::new(&["DETECTOR", "VERSION", "STAGE", "ORIGIN", "DIGEST", "LABELS"]);
    for status in &catalogue.detectors {
        let stage = match status.live {
            true => status.stage.as_str(),
            false if status.stage.is_live() => "not loading",
            false => status.stage.as_str(),
        };
        out.add_row([
            table::plain(&status.name),
            status.version.clone(),
            stage.to_owned(),
            table::plain(&status.origin),
            status.digest.short(),
            table::plain(&status.labels.join(" ")),
        ]);
    }
    println!("generation {}\n{out}", catalogue.generation);
    for refusal in &catalogue.refused {
        println!(
            "\nrefused {} at {}: {}",
            table::plain(&refusal.file),
            refusal.at,
            table::plain(&refusal.error)
        );
    }
    Ok(())
}
