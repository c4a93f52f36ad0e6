//! `picket detector alerts`.

use std::process::ExitCode;

use clap::Args;

use super::super::client::{Server, encode};
use super::super::table::plain;
use crate::api::Alert;

pub(super) const AFTER_HELP: &str = "\
  picket detector alerts
  picket detector alerts --limit 10 --json

Newest first. For older ones give the id of the last as --before.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Alerts {
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only those before the alert of this id
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: &Alerts) -> anyhow::Result<ExitCode> {
    let before = args.before.as_deref().map(|id| format!("&before={}", encode(id)));
    let path = format!("/v1/alerts?limit={}{}", args.limit, before.unwrap_or_default());
    let alerts: Vec<Alert> = args.server.get(&path).await?;
    if args.server.json {
        println!("{}", serde_json::to_string_pretty(&alerts)?);
        return Ok(ExitCode::SUCCESS);
    }
    if alerts.is_empty() {
        println!("no alerts");
    }
    for alert in &alerts {
        let (kind, object) = (plain(&alert.kind), plain(&alert.object));
        println!("{}  {kind}  {object}\n    {}", alert.at, plain(&alert.text));
    }
    Ok(ExitCode::SUCCESS)
}
