//! `picket alert`: what somebody should look at, and saying that one has.

use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Server, encode};
use super::table::{self, plain};
use crate::api::Alert;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List alerts, newest first
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Say that somebody has seen an alert, and what is done: audited
    #[command(after_help = ACK_HELP)]
    Ack {
        /// The alert's id
        id: String,
        /// Why, for the audit log, which keeps it for ever: no names
        #[arg(long)]
        why: String,
        #[command(flatten)]
        server: Server,
    },
}

const LIST_HELP: &str = "\
Alerts tell of what happened once (a detector in quarantine, a delivery that was given up), or are raised
by the rules in picket.toml:
  [alerts.phones]
  watch = \"label\"          or \"tier\", \"failures\", \"overturned\", \"silence\"
  label = \"contact.phone\"
  source = \"qwickservices\" left out: each source by itself
  window_minutes = 10      how far it looks back
  share_above = 0.2        or count_above = 50, or times_above = 3 (the mean of the seven windows before)
  least = 20               nothing is concluded from fewer decisions
Of a rule and a source one alert is open, with how often it was found so; it is resolved by itself when
the rate is back. Who is told: an endpoint with `alerts = true`, e-mail and short messages with a notice
`on = \"alert\"` and an address in `to`.

For older ones give the id of the last as --before.";

const ACK_HELP: &str = "\
  picket alert ack 019926c5-7a90-7e51-b2a4-30f1c51a2f0d --why 'a campaign, they know'";

#[derive(Debug, Args)]
pub(super) struct List {
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only those before the alert of this id
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(&args).await,
        Command::Ack { id, why, server } => {
            let path = format!("/v1/alerts/{}/acknowledge", encode(&id));
            let said = server.post(&path, &json!({ "why": why })).await?;
            match server.json {
                true => println!("{said}"),
                false => println!("{} is acknowledged", plain(&id)),
            }
            Ok(())
        }
    }
}

async fn list(args: &List) -> anyhow::Result<()> {
    let before = args.before.as_deref().map(|id| format!("&before={}", encode(id)));
    let path = format!("/v1/alerts?limit={}{}", args.limit, before.unwrap_or_default());
    let alerts: Vec<Alert> = args.server.get(&path).await?;
    if args.server.json {
        println!("{}", serde_json::to_string_pretty(&alerts)?);
        return Ok(());
    }
    let mut out = table::new(&["ALERT", "STATE", "KIND", "OBJECT", "AT", "COUNT", "LAST", "TEXT"]);
    for one in &alerts {
        out.add_row([
            plain(&one.id),
            one.state.to_string(),
            plain(&one.kind),
            plain(&one.object),
            one.at.to_string(),
            one.count.to_string(),
            one.last_at.to_string(),
            plain(&one.text),
        ]);
    }
    println!("{out}");
    Ok(())
}
