//! `picket source`: the platforms, and whether decisions about them are enforced.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::ask::{agrees, can_ask};
use super::client::{Server, encode};
use super::table::{self, plain};
use crate::model::{Mode, ModePreview};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the sources with their mode
    List(Server),
    /// Set whether decisions of a source are enforced: audited, and at once
    #[command(after_help = MODE_HELP)]
    Mode(SetMode),
    /// Show what the decisions of the last days in shadow mode would have enforced
    #[command(after_help = PREVIEW_HELP)]
    Preview(Preview),
}

const MODE_HELP: &str = "\
  picket source mode market active --why 'a month in shadow'
  picket source mode market shadow --why 'it holds back order numbers'

Before decisions are enforced it shows what those of the last days would have done, and asks; where
nobody can be asked it needs --yes. Back to shadow takes effect unasked.";

const PREVIEW_HELP: &str = "\
  picket source preview market --days 30

Counted are the decisions in shadow mode, whatever policy made them; the hour in which you look back on
the first day is counted whole.";

#[derive(Debug, Args)]
pub(super) struct SetMode {
    source: String,
    /// shadow (decided and recorded, nothing enforced) or active
    mode: Mode,
    /// Why, for the audit log
    #[arg(long)]
    why: String,
    /// How many days to look back on before
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Preview {
    source: String,
    /// How many days to look back on
    #[arg(long, default_value_t = 7)]
    days: u32,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(server) => list(&server).await,
        Command::Mode(set) => set_mode(&set).await,
        Command::Preview(Preview { source, days, server }) => {
            let preview = fetch(&server, &source, days).await?;
            match server.json {
                true => println!("{}", serde_json::to_string_pretty(&preview)?),
                false => println!("{}", render(&preview)),
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn set_mode(set: &SetMode) -> anyhow::Result<ExitCode> {
    let SetMode { source, mode, why, days, yes, server } = set;
    if *mode == Mode::Active {
        if !yes && !can_ask() {
            bail!(
                "nobody can be asked here: look at `picket source preview {source}` and say --yes"
            );
        }
        let preview = fetch(server, source, *days).await?;
        if !server.json {
            println!("{}\n", render(&preview));
        }
        if !yes && !agrees(&plain(&format!("Enforce decisions of {source}? [y/N]")))? {
            eprintln!("nothing has changed");
            return Ok(ExitCode::FAILURE);
        }
    }
    let path = format!("/v1/sources/{}/mode", encode(source));
    let changed = server.put(&path, &json!({ "mode": mode, "why": why })).await?;
    match server.json {
        true => println!("{changed}"),
        false => println!("{source} is {mode} as of generation {}", changed["generation"]),
    }
    Ok(ExitCode::SUCCESS)
}

async fn fetch(server: &Server, source: &str, days: u32) -> anyhow::Result<ModePreview> {
    server.get(&format!("/v1/sources/{}/mode/preview?days={days}", encode(source))).await
}

fn render(preview: &ModePreview) -> String {
    let ModePreview { source, mode, decisions, subjects, reviews, since, .. } = preview;
    let source = plain(source);
    let mut out = match decisions {
        0 => format!("{source} is {mode}: no decision in shadow mode since {since}."),
        _ => format!(
            "{source} is {mode}. Of {decisions} decisions in shadow mode since {since}, active mode would have enforced something in {}, on {subjects} accounts, and asked for {reviews} reviews.",
            preview.actions.iter().map(|it| it.decisions).sum::<u64>()
        ),
    };
    if !preview.actions.is_empty() {
        let mut rows = table::new(&["WOULD", "DECISIONS", "SHARE", "ACCOUNTS"]);
        for would in &preview.actions {
            let share = would.decisions as f64 / (*decisions).max(1) as f64;
            rows.add_row([
                would.action.to_string(),
                would.decisions.to_string(),
                super::words::percent(share),
                would.subjects.to_string(),
            ]);
        }
        out.push_str(&format!("\n\n{rows}"));
    }
    if !preview.newest.is_empty() {
        let mut rows = table::new(&["NEWEST", "WOULD", "AT"]);
        for withheld in &preview.newest {
            rows.add_row([
                plain(&withheld.decision),
                withheld.action.to_string(),
                withheld.at.to_string(),
            ]);
        }
        out.push_str(&format!("\n\n{rows}"));
    }
    out
}

async fn list(server: &Server) -> anyhow::Result<ExitCode> {
    let sources: Vec<Value> = server.get("/v1/sources").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&sources)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = table::new(&["SOURCE", "MODE", "SINCE"]);
    for source in &sources {
        let text = |field: &str| plain(source[field].as_str().unwrap_or("-"));
        out.add_row(["source", "mode", "updated_at"].map(text));
    }
    println!("{out}");
    Ok(ExitCode::SUCCESS)
}
