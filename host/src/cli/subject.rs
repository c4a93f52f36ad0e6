//! `picket subject`: how an account stands, what is held on a person, and erasing it.

mod show;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::json;

use super::ConfigFile;
use super::ask::{agrees, can_ask};
use super::client::{Server, encode};
use super::table::plain;
use crate::app::{open_host_key, read_erasures, store_options};
use crate::model::{Erased, Erasure};
use crate::store::Store;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show how an account stands
    #[command(after_help = show::SHOW_HELP)]
    Show(show::Show),
    /// Ask whether accounts may do something now
    #[command(after_help = show::CHECK_HELP)]
    Check(show::Check),
    /// Write everything that is held on a person as one JSON document
    #[command(after_help = EXPORT_HELP)]
    Export(Export),
    /// Erase everything personal that is held on a person
    #[command(after_help = ERASE_HELP)]
    Erase(Erase),
    /// Write the list of who was erased, a line for each, by keyed hash
    #[command(after_help = ERASURES_HELP)]
    Erasures(Server),
    /// Erase in a record that was restored whom a list names
    #[command(after_help = LISTED_HELP)]
    EraseListed(EraseListed),
}

const EXPORT_HELP: &str = "\
  picket subject export qwickservices user-17 --out user-17.json

Events as they were sent, decisions with their signals and evidence, rulings, and what versions on trial
would have changed. Needs an admin's key, and goes into the audit log.";

const ERASE_HELP: &str = "\
  picket subject erase qwickservices user-17 --why 'ticket 4711'

The key under which everything of the person is sealed is destroyed, and with it whatever copies there are.
Tier, action, score, times, labels, policy and detectors of the decisions stay, under a pseudonym. The ids
of the events stay spent: sent again, they are answered 410. An event that comes later is a new life.
Needs an admin's key, and goes into the audit log, which still verifies. Asks, unless --yes is there.

A backup from before still holds the key. The erasure is also written to erasures.jsonl of data_dir, and
whoever is on that list is erased again in a backup that is restored there.";

const ERASURES_HELP: &str = "\
  picket subject erasures > /safe/erasures.jsonl

The server keeps the same list in erasures.jsonl of data_dir. Keep a copy where the loss of that machine does
not reach, and `picket restore --erasures` erases again whoever it names.";

const LISTED_HELP: &str = "\
  picket subject erase-listed /safe/erasures.jsonl

`picket restore` does so itself, and so does a server when it starts, with erasures.jsonl of its data_dir.
This is for a database that was restored by its own tools, with another list: run it before the server
starts. Opens the database itself; whom the record knows to be erased it passes over.";

#[derive(Debug, Args)]
pub(super) struct EraseListed {
    /// What `picket subject erasures` wrote
    list: PathBuf,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The platform, such as qwickservices
    source: String,
    /// The account on it, such as user-17
    subject: String,
    /// Where to write it, as a new file that its owner alone may read; standard output unless named
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// The platform, such as qwickservices
    source: String,
    /// The account on it, such as user-17
    subject: String,
    /// Why, for the audit log: name a ticket, not the person
    #[arg(long)]
    why: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => return show::check(&args).await,
        Command::Show(args) => show::show(&args).await,
        Command::Export(args) => export(&args).await,
        Command::Erase(args) => erase(&args).await,
        Command::Erasures(server) => erasures(&server).await,
        Command::EraseListed(args) => erase_listed(&args).await,
    }
    .map(|()| ExitCode::SUCCESS)
}

/// As it comes: it may be larger than memory.
async fn export(args: &Export) -> anyhow::Result<()> {
    let path = format!("{}/export", place(&args.source, &args.subject));
    let mut response = args.server.open(Method::GET, &path, |request| request).await?;
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(file.with_context(|| format!("cannot create {}", path.display()))?)
        }
    };
    while let Some(chunk) = response.chunk().await.context("the export broke off")? {
        out.write_all(&chunk)?;
    }
    out.flush()?;
    if let Some(path) = &args.out {
        println!(
            "everything held on {} of {} is in {}",
            plain(&args.subject),
            plain(&args.source),
            path.display()
        );
    }
    Ok(())
}

async fn erase(args: &Erase) -> anyhow::Result<()> {
    let Erase { source, subject, why, yes, server } = args;
    let whom = format!("{} of {}", plain(subject), plain(source));
    if !yes {
        if !can_ask() {
            bail!("nobody can be asked here: say --yes");
        }
        if !agrees(&format!("Erase {whom}? It cannot be undone. [y/N]"))? {
            bail!("nothing was erased");
        }
    }
    let path = format!("{}/erase", place(source, subject));
    let answer = server.post(&path, &json!({ "why": why })).await?;
    let erased: Erased = serde_json::from_value(answer.clone())
        .with_context(|| format!("an answer of another release at {path}"))?;
    match (server.json, erased) {
        (true, _) => println!("{answer}"),
        (false, Erased { events: 0, decisions: 0, erased_at, .. }) => {
            println!("nothing is held on {whom}; the erasure of {erased_at} is on the list");
        }
        (false, Erased { events, decisions, rulings, .. }) => println!(
            "{whom} is erased: {events} events, {decisions} decisions, {rulings} reasons of rulings"
        ),
    }
    Ok(())
}

async fn erasures(server: &Server) -> anyhow::Result<()> {
    let (mut out, mut known) = (io::stdout().lock(), 0);
    loop {
        let page: Vec<Erasure> = server.get(&format!("/v1/erasures?after={known}")).await?;
        if page.is_empty() {
            return Ok(out.flush()?);
        }
        for erasure in &page {
            writeln!(out, "{}", serde_json::to_string(erasure)?)?;
        }
        known += page.len();
    }
}

async fn erase_listed(args: &EraseListed) -> anyhow::Result<()> {
    let config = args.config.load()?;
    let list = read_erasures(&args.list)?;
    let host_key = open_host_key(&config.data_dir)?;
    let store = Store::open(&store_options(&config, host_key)).await?;
    let erased = store.replay_erasures(&list).await;
    store.close().await?;
    println!("{} of {} that are listed are erased now", erased?, list.len());
    Ok(())
}

fn place(source: &str, subject: &str) -> String {
    format!("/v1/subjects/{}/{}", encode(source), encode(subject))
}
