//! `picket source`: the platforms, and whether decisions about them are enforced.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::Server;
use super::table;
use crate::model::Mode;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the sources with their mode
    List(Server),
    /// Set whether decisions of a source are enforced: audited, and at once
    Mode {
        source: String,
        /// shadow (decided and recorded, nothing enforced) or active
        mode: Mode,
        /// Why, for the audit log
        #[arg(long)]
        why: String,
        #[command(flatten)]
        server: Server,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(server) => list(&server).await,
        Command::Mode { source, mode, why, server } => {
            let path = format!("/v1/sources/{source}/mode");
            let changed = server.put(&path, &json!({ "mode": mode, "why": why })).await?;
            match server.json {
                true => println!("{changed}"),
                false => println!("{source} is {mode} as of generation {}", changed["generation"]),
            }
            Ok(())
        }
    }
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let sources: Vec<Value> = server.get("/v1/sources").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&sources)?);
        return Ok(());
    }
    let mut out = table::new(&["SOURCE", "MODE", "SINCE"]);
    for source in &sources {
        let text = |field: &str| table::plain(source[field].as_str().unwrap_or("-"));
        out.add_row(["source", "mode", "updated_at"].map(text));
    }
    println!("{out}");
    Ok(())
}
