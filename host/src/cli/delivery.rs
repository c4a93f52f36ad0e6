//! `picket delivery`: what platforms were told to do, and what could not be told.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use super::client::{Server, encode};
use super::table::{self, plain};
use crate::api::{Deliveries, DeliveryDetail, ReplayedAll};
use crate::model::{DeliveryState, Timestamp};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List deliveries, newest first
    #[command(after_help = LIST_HELP)]
    List(List),
    /// Show a delivery with every try
    Show {
        /// The delivery's id, as `picket delivery list` shows it
        id: String,
        #[command(flatten)]
        server: Server,
    },
    /// Have dead deliveries tried again: one, or all of a source
    #[command(after_help = REPLAY_HELP)]
    Replay(Replay),
}

const LIST_HELP: &str = "\
  picket delivery list --state dead
  picket delivery list --source qwickservices --state pending --json

A delivery is pending until the platform has answered with 2xx, and dead when it was tried
`delivery_attempts_max` times. Of one account nothing is sent before what came earlier is delivered
or dead, and nothing at all while its destination is disabled (`picket destination list`).";

const REPLAY_HELP: &str = "\
  picket delivery replay 019926c5-7a90-7e51-b2a4-30f1c51a2f0d.message --why 'their key was renewed'
  picket delivery replay --source qwickservices --why 'their endpoint is back'

What is replayed keeps its id, which the platform knows a repeat by.";

#[derive(Debug, Args)]
pub(super) struct List {
    /// pending, delivered, dead or erased
    #[arg(long)]
    state: Option<DeliveryState>,
    #[arg(long)]
    source: Option<String>,
    /// The `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// The delivery's id
    #[arg(required_unless_present = "source", conflicts_with = "source")]
    id: Option<String>,
    /// Every dead delivery of this source
    #[arg(long)]
    source: Option<String>,
    /// Why. Of one delivery it is kept with what is personal, and the audit log has its salted digest; of
    /// a source's it goes into the audit log, which keeps it for ever: no names
    #[arg(long)]
    why: String,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(&args).await,
        Command::Show { id, server } => show(&id, &server).await,
        Command::Replay(args) => replay(&args).await,
    }
}

async fn list(args: &List) -> anyhow::Result<()> {
    let mut path = format!("/v1/deliveries?limit={}", args.limit);
    if let Some(state) = args.state {
        path += &format!("&state={state}");
    }
    for (name, value) in [("source", &args.source), ("after", &args.after)] {
        if let Some(value) = value {
            path += &format!("&{name}={}", encode(value));
        }
    }
    let page: Deliveries = args.server.get(&path).await?;
    if args.server.json {
        println!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(());
    }
    let mut out = table::new(&["DELIVERY", "SOURCE", "ACTION", "STATE", "TRIES", "WRITTEN", "DUE"]);
    for one in &page.deliveries {
        out.add_row([
            one.id.to_string(),
            plain(&one.source),
            one.action.to_string(),
            one.state.to_string(),
            one.attempts.to_string(),
            one.created_at.to_string(),
            one.due_at.as_ref().map_or("-".to_owned(), Timestamp::to_string),
        ]);
    }
    println!("{out}");
    if let Some(next) = &page.next {
        println!("older ones: --after {next}");
    }
    Ok(())
}

async fn show(id: &str, server: &Server) -> anyhow::Result<()> {
    let detail: DeliveryDetail = server.get(&format!("/v1/deliveries/{}", encode(id))).await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&detail)?);
        return Ok(());
    }
    let one = &detail.delivery;
    println!("{}  {} to {}", one.id, one.action, plain(&one.source));
    println!("decision {}, written {}", one.decision_id, one.created_at);
    match (one.ended_at, one.due_at) {
        (Some(ended), _) => println!("{} at {ended}, tries: {}", one.state, one.attempts),
        (None, Some(due)) => println!("{}, next try at {due}, tries: {}", one.state, one.attempts),
        (None, None) => println!("{}, after an earlier one of its account", one.state),
    }
    if let Some(why) = &one.replayed_why {
        println!("tried again: {}", plain(why));
    }
    let mut out = table::new(&["AT", "OUTCOME", "STATUS", "MS", "ERROR"]);
    for one in &detail.tries {
        out.add_row([
            one.at.to_string(),
            one.outcome.as_str().to_owned(),
            one.status.map_or("-".to_owned(), |status| status.to_string()),
            (one.micros / 1_000).to_string(),
            plain(one.error.as_deref().unwrap_or_default()),
        ]);
    }
    println!("{out}");
    Ok(())
}

async fn replay(args: &Replay) -> anyhow::Result<()> {
    let server = &args.server;
    match (&args.id, &args.source) {
        (Some(id), _) => {
            let path = format!("/v1/deliveries/{}/replay", encode(id));
            let said = server.post(&path, &json!({ "why": args.why })).await?;
            match server.json {
                true => println!("{said}"),
                false => println!("{} is pending again", plain(id)),
            }
        }
        (None, Some(source)) => {
            let replayed = replay_all(server, source, &args.why).await?;
            match server.json {
                true => println!("{}", json!({ "replayed": replayed })),
                false => println!("{replayed} deliveries of {} are pending again", plain(source)),
            }
        }
        (None, None) => bail!("name a delivery, or --source for all that are dead"),
    }
    Ok(())
}

/// Goes on until there is no more; what dies again meanwhile is not taken up twice.
async fn replay_all(server: &Server, source: &str, why: &str) -> anyhow::Result<usize> {
    let (mut replayed, mut after) = (0, None::<String>);
    loop {
        let body = json!({ "source": source, "why": why, "after": after });
        let said = server.post("/v1/deliveries/replay", &body).await?;
        let said: ReplayedAll = serde_json::from_value(said)?;
        replayed += said.replayed;
        match said.next {
            Some(next) => after = Some(next),
            None => return Ok(replayed),
        }
    }
}
