//! `picket destination`: where the actions of each source are sent, and whether they are.

use clap::Subcommand;
use serde_json::json;

use super::client::{Server, encode};
use super::table::{self, plain};
use crate::api::DestinationDetail;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List destinations, with what waits before each
    #[command(after_help = LIST_HELP)]
    List(Server),
    /// Have a destination told again that wanted no more: audited
    #[command(after_help = ENABLE_HELP)]
    Enable {
        source: String,
        /// Which of the source's destinations, where it has one without a name and others
        #[arg(long, default_value = "")]
        name: String,
        /// Why, for the audit log, which keeps it for ever: no names
        #[arg(long)]
        why: String,
        #[command(flatten)]
        server: Server,
    },
}

const LIST_HELP: &str = "\
A destination is disabled when it answers 410: it wants no more. What is to be sent there waits until
`picket destination enable`. Destinations are written in picket.toml: endpoints as [destinations.SOURCE],
e-mail as [email.SOURCE], short messages as [sms.SOURCE]; each may be a list, [[destinations.SOURCE]],
of which each has a `name`.";

const ENABLE_HELP: &str = "\
  picket destination enable qwickservices --why 'their new endpoint is in the configuration'

What waits is sent in its order, some of it within a second. Where the endpoint answers 410 again, it
is disabled again.";

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(server) => list(&server).await,
        Command::Enable { source, name, why, server } => {
            let path = format!("/v1/destinations/{}/enable", encode(&source));
            let said = server.post(&path, &json!({ "why": why, "name": name })).await?;
            match server.json {
                true => println!("{said}"),
                false => println!("{} is told again; pending: {}", plain(&source), said["pending"]),
            }
            Ok(())
        }
    }
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let destinations: Vec<DestinationDetail> = server.get("/v1/destinations").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&destinations)?);
        return Ok(());
    }
    let mut out = table::new(&[
        "SOURCE",
        "NAME",
        "CHANNEL",
        "DESTINATION",
        "STATE",
        "SIGNED",
        "PENDING",
        "DEAD",
        "OLDEST",
    ]);
    for one in &destinations {
        let origin = one.origin.as_deref().map_or("-".to_owned(), plain);
        let state = match (&one.disabled_at, &one.origin) {
            (Some(at), _) => format!("disabled {at}"),
            (None, Some(_)) => "told".to_owned(),
            (None, None) => "not configured".to_owned(),
        };
        let signed = if one.signed { "yes" } else { "no" };
        out.add_row([
            plain(&one.source),
            if one.name.is_empty() { "-".to_owned() } else { plain(&one.name) },
            one.channel.clone().unwrap_or_else(|| "-".to_owned()),
            origin,
            state,
            signed.to_owned(),
            one.pending.to_string(),
            one.dead.to_string(),
            one.oldest.as_ref().map_or("-".to_owned(), ToString::to_string),
        ]);
    }
    println!("{out}");
    Ok(())
}
