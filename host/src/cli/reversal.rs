//! `picket reversal`: all that a version caused, overturned in one act.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::{agrees, can_ask};
use super::client::{Server, encode};
use super::replay::When;
use super::table::{self, plain};
use crate::model::{Reversal, ReversalPreview, Timestamp};

pub(super) const AFTER_HELP: &str = "\
  picket detector rollback contact-phone --why '1.3.0 holds back order numbers'
  picket reversal preview market --detector contact-phone@1.3.0 --since 2d
  picket reversal begin market --detector contact-phone@1.3.0 --since 2d --why 'order numbers'
  picket reversal begin market --policy market@4 --since 2026-11-01T00:00:00Z --why 'wrong tier'

Of a detector's version those decisions are overturned that would be milder if it had found nothing, of a
policy's all that it made. Strikes count no more, restrictions and cases end, platforms that were told are told
to lift what they enforced. What people have ruled on stays as they said. Take the version out of service
first.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what would be overturned
    Preview {
        #[command(flatten)]
        wrong: WrongArgs,
        #[command(flatten)]
        server: Server,
    },
    /// Overturn it: audited; it goes on by itself, also after a restart
    Begin {
        #[command(flatten)]
        wrong: WrongArgs,
        /// Why, for the audit log and whoever looks at one of the decisions later
        #[arg(long)]
        why: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        server: Server,
    },
    /// List reversals, the newest first
    List(Server),
    /// Show how far a reversal has come
    Show {
        /// The reversal's id, as `picket reversal list` shows it
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(Debug, Args)]
pub(super) struct WrongArgs {
    /// The platform
    source: String,
    /// The version of a detector that was wrong
    #[arg(
        long,
        value_name = "NAME@VERSION",
        required_unless_present = "policy",
        conflicts_with = "policy"
    )]
    detector: Option<String>,
    /// The version of a policy that was wrong
    #[arg(long, value_name = "NAME@VERSION")]
    policy: Option<String>,
    /// Decisions since then: 30d, 12h, 45m, or a time such as 2026-09-01T00:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: When,
    /// Decisions before then; now unless given
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,
}

impl WrongArgs {
    fn json(&self, now: Timestamp) -> anyhow::Result<Value> {
        let (kind, named) = match (&self.detector, &self.policy) {
            (Some(detector), _) => ("detector", detector),
            (None, Some(policy)) => ("policy", policy),
            (None, None) => {
                bail!("what was wrong? --detector NAME@VERSION or --policy NAME@VERSION")
            }
        };
        let Some((name, version)) = named.split_once('@') else {
            bail!("`{named}` names no version: write {named}@1.3.0, or of a policy {named}@4");
        };
        Ok(json!({
            "source": self.source,
            "cause": { "kind": kind, "name": name, "version": version },
            "since": self.since.at(now),
            "until": self.until.map_or(now, |until| until.at(now)),
        }))
    }
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Preview { wrong, server } => {
            let preview = preview(&server, &wrong.json(Timestamp::now())?).await?;
            match server.json {
                true => println!("{}", serde_json::to_string_pretty(&preview)?),
                false => println!("{}", render(&preview)),
            }
        }
        Command::Begin { wrong, why, yes, server } => {
            return begin(&server, wrong.json(Timestamp::now())?, &why, yes).await;
        }
        Command::List(server) => {
            let reversals: Vec<Reversal> = server.get("/v1/reversals").await?;
            match server.json {
                true => println!("{}", serde_json::to_string_pretty(&reversals)?),
                false => println!("{}", listed(&reversals)),
            }
        }
        Command::Show { id, server } => {
            let reversal: Reversal = server.get(&format!("/v1/reversals/{}", encode(&id))).await?;
            match server.json {
                true => println!("{}", serde_json::to_string_pretty(&reversal)?),
                false => println!("{}", listed(std::slice::from_ref(&reversal))),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn begin(
    server: &Server,
    mut asked: Value,
    why: &str,
    yes: bool,
) -> anyhow::Result<ExitCode> {
    if !yes && !can_ask() {
        bail!("nobody can be asked here: look at `picket reversal preview` and say --yes");
    }
    let preview = preview(server, &asked).await?;
    if !server.json {
        println!("{}\n", render(&preview));
    }
    if !yes && !agrees("Overturn them? [y/N]")? {
        eprintln!("nothing has changed");
        return Ok(ExitCode::FAILURE);
    }
    asked["why"] = why.into();
    let begun = server.post("/v1/reversals", &asked).await?;
    match server.json {
        true => println!("{begun}"),
        false => {
            let id = plain(begun["id"].as_str().unwrap_or("-"));
            println!("under way: picket reversal show {id}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn preview(server: &Server, asked: &Value) -> anyhow::Result<ReversalPreview> {
    let preview = server.post("/v1/reversals/preview", asked).await?;
    Ok(serde_json::from_value(preview)?)
}

fn render(preview: &ReversalPreview) -> String {
    let ReversalPreview { seen, overturned, subjects, strikes, restrictions, cases, told, .. } =
        preview;
    let mut out = format!(
        "Of {}{seen} decisions that enforced something, or would have, {overturned} would be overturned, on \
         {subjects} accounts: {strikes} strikes would count no more, {restrictions} restrictions would end, \
         {cases} cases are about them, and platforms would be told to lift {told} actions.",
        if preview.more { "the first " } else { "" },
    );
    if preview.ruled > 0 {
        out.push_str(&format!(" {} stay as people ruled.", preview.ruled));
    }
    if preview.unclear > 0 {
        out.push_str(&format!(
            " {} stay because the record does not have what tells whether they are due to it.",
            preview.unclear
        ));
    }
    if !preview.actions.is_empty() {
        let mut rows = table::new(&["OVERTURNED", "DECISIONS"]);
        for reversed in &preview.actions {
            rows.add_row([reversed.action.to_string(), reversed.decisions.to_string()]);
        }
        out.push_str(&format!("\n\n{rows}"));
    }
    out
}

fn listed(reversals: &[Reversal]) -> String {
    let mut rows =
        table::new(&["ID", "SOURCE", "CAUSE", "SEEN", "OVERTURNED", "ASKED", "ENDED", "WHY"]);
    for reversal in reversals {
        let ended = reversal.ended_at.map_or("under way".to_owned(), |at| at.to_string());
        rows.add_row([
            plain(&reversal.id),
            plain(&reversal.wrong.source),
            plain(&reversal.wrong.cause.to_string()),
            reversal.done.seen.to_string(),
            reversal.done.overturned.to_string(),
            reversal.asked_at.to_string(),
            ended,
            plain(&reversal.why),
        ]);
    }
    rows.to_string()
}
