//! `picket hold`: subjects of whom nothing goes while the law wants it kept.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Server, encode};
use super::table;
use crate::api::Holds;

pub(super) const AFTER_HELP: &str = "\
  picket hold add qwickservices user-17 --why 'case 2026-118'
  picket hold release 0198c1d2-... --why 'case 2026-118 is closed'

While a subject is held, nothing of it is erased, and nothing removed because of its age
(retention_allowed_days, retention_enforced_days).";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Hold a subject
    Add {
        source: String,
        subject: String,
        /// Why, such as the number of a lawsuit
        #[arg(long)]
        why: String,
        #[command(flatten)]
        server: Server,
    },
    /// List holds: those in force first, of these and of the others the newest
    List {
        /// The `next` of the page before
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: u32,
        #[command(flatten)]
        server: Server,
    },
    /// End a hold
    Release {
        /// The hold's id, as `picket hold list` shows it
        id: String,
        /// Why: kept with what is personal, of which the audit log has the salted digest
        #[arg(long)]
        why: String,
        #[command(flatten)]
        server: Server,
    },
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add { source, subject, why, server } => {
            let asked = json!({ "source": source, "subject": subject, "why": why });
            let hold = server.post("/v1/holds", &asked).await?;
            told(&server, &hold, "held by");
        }
        Command::List { after, limit, server } => list(&server, after.as_deref(), limit).await?,
        Command::Release { id, why, server } => {
            let path = format!("/v1/holds/{id}/release");
            let hold = server.post(&path, &json!({ "why": why })).await?;
            told(&server, &hold, "released:");
        }
    }
    Ok(())
}

fn told(server: &Server, hold: &Value, what: &str) {
    match server.json {
        true => println!("{hold}"),
        false => println!("{what} {}", table::plain(hold["id"].as_str().unwrap_or("-"))),
    }
}

async fn list(server: &Server, after: Option<&str>, limit: u32) -> anyhow::Result<()> {
    let mut path = format!("/v1/holds?limit={limit}");
    if let Some(after) = after {
        path += &format!("&after={}", encode(after));
    }
    let page: Holds = server.get(&path).await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&page)?);
        return Ok(());
    }
    let mut out = table::new(&["ID", "SOURCE", "SUBJECT", "SINCE", "RELEASED", "WHY"]);
    for hold in &page.holds {
        out.add_row([
            hold.id.clone(),
            table::plain(&hold.source),
            table::plain(&hold.subject),
            hold.held_at.to_string(),
            hold.released_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            table::plain(&hold.why),
        ]);
    }
    println!("{out}");
    if let Some(next) = &page.next {
        println!("more: --after {next}");
    }
    Ok(())
}
