//! `picket simulate`: what a candidate would have decided on what happened, as a page, as JSON and as a
//! table.

mod inputs;
mod table;

use std::io::Write as _;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use clap::Args;
use tempfile::NamedTempFile;

use super::ConfigFile;
use super::progress::{Patient, waiting};
use super::replay::range::{Share, When};
use super::sandbox::Sandbox;
use crate::simulate::{Effort, Simulated, Simulation, html};

pub(super) const AFTER_HELP: &str = "\
  picket simulate --policy draft.toml --since 30d
  picket simulate --policy draft.toml --since 30d --detector contact-phone-2.wasm --sample 10%
  picket simulate --policy draft.toml --events events.ndjson --labels labels.csv --against market.toml
  zcat events.ndjson.gz | picket simulate --policy draft.toml --events - --out weekly

With --since the decisions of the record are judged again, on what the detectors found then; a detector that is
given with --detector (its settings in NAME.toml beside it) runs in the sandbox in place of the one of that name.
They are held against what was decided. With --events the shipped detectors
run on a file of CloudEvents, one on each line, or {\"event\": {...}, \"violation\": true}; held against the policy
--against, if there is one. Strikes are counted as a server counts them, from those that stood when the time began,
and a sample is of accounts, each with all that it did. What people say comes from --labels, NDJSON or CSV of
source,id,violation, else from rulings: where a decision was upheld it was a violation if anything was asked for,
where it was overturned if nothing was.

What is declared about the past is known as of then: features, recent texts and accounts(...) as they were read when
an event was decided, and what was not read follows from the events before it; with --since from those that lie before
it, too, as far back as that looks. subject.strikes and the like are what the candidate itself has made of an account
since the time began, and before that what was decided. An event that was erased counts for nobody.

Writes report.html, which needs neither network nor scripts and can be printed, and report.json. The database
is opened to be read and nothing else; a server may run meanwhile. Accounts are shown as hashes.

Exit code: 0 done; 2 where something given is wrong or nothing is there to simulate.";

#[derive(Debug, Args)]
pub(super) struct Simulate {
    /// The candidate policy; the active one of --source unless given
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A candidate detector, in place of the one of its name; may be given several times
    #[arg(long = "detector", value_name = "FILE")]
    detectors: Vec<PathBuf>,
    /// Decisions since then: 30d, 12h, 45m, or a time such as 2026-09-01T00:00:00Z
    #[arg(
        long,
        value_name = "WHEN",
        required_unless_present = "events",
        conflicts_with = "events"
    )]
    since: Option<When>,
    /// Decisions before then; now unless given
    #[arg(long, value_name = "WHEN", requires = "since")]
    until: Option<When>,
    /// The source whose decisions are simulated; that of the policy unless given
    #[arg(long, requires = "since")]
    source: Option<String>,
    /// A file of events in place of the record; `-` is standard input
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// What the candidate is held against on --events
    #[arg(long, value_name = "FILE", requires = "events")]
    against: Option<PathBuf>,
    /// Which events are violations, by the word of people
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The share of the accounts, each with all that it did: 10%, or 0.1
    #[arg(long, value_name = "SHARE", default_value = "100%")]
    sample: Share,
    /// The folder to write report.html and report.json into
    #[arg(long, value_name = "DIR", default_value = "simulation")]
    out: PathBuf,
    /// How many examples of each kind of flip are shown
    #[arg(long, default_value_t = 5, value_name = "COUNT")]
    examples: usize,
    /// Threads that evaluate; as many as there are cores unless given. The result is the same
    #[arg(long, value_name = "COUNT")]
    threads: Option<NonZero<usize>>,
    /// Print the JSON as well, for a program
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Any failure is a 2: there is no report.
pub(super) async fn run(args: &Simulate) -> ExitCode {
    match simulate(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("picket: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn simulate(args: &Simulate) -> anyhow::Result<()> {
    let config = args.config.load()?;
    // Its clock runs as long as this lives.
    let sandbox = Arc::new(Sandbox::of(&config)?);
    let prepared = match &args.events {
        Some(_) => inputs::of_file(args, &config, &sandbox).await,
        None => inputs::of_record(args, &config, &sandbox).await,
    };
    let inputs::Prepared { simulation, history } = prepared?;
    let done = go(args, simulation).await;
    if let Some(history) = history {
        history.close().await;
    }
    let done = done?;
    if done.result.history.events == 0 {
        bail!("nothing to simulate: {}", table::why_nothing(&done.result));
    }
    for doubt in table::doubts(&done.result) {
        eprintln!("picket: {doubt}");
    }
    let written = write(&args.out, &done)?;
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&done)?),
        false => print!("{}", table::render(&done)),
    }
    eprintln!("written: {}", written.display());
    Ok(())
}

async fn go(args: &Simulate, simulation: Simulation) -> anyhow::Result<Simulated> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let effort = Effort {
        share: args.sample.0,
        examples: args.examples,
        threads: args.threads.map_or(cores, NonZero::get),
    };
    let template = match (&args.events, simulation.length()) {
        (None, _) => "{bar:30} {pos} of {len} decisions  {per_sec}  {eta} left",
        (Some(_), Some(_)) => "{bar:30} {bytes} of {total_bytes}  {eta} left",
        (Some(_), None) => "{spinner} {bytes}",
    };
    let mut bar = Patient::new(simulation.length(), template);
    Ok(simulation.run(effort, |position| bar.at(position)).await?)
}

/// Writes both files, each at once, and returns where the page is.
fn write(out: &Path, done: &Simulated) -> anyhow::Result<PathBuf> {
    let context = || format!("cannot write into {} (--out)", out.display());
    std::fs::create_dir_all(out).with_context(context)?;
    let page = out.join("report.html");
    let json = serde_json::to_string_pretty(done)? + "\n";
    for (path, text) in [(out.join("report.json"), json), (page.clone(), html(done))] {
        let mut file = NamedTempFile::new_in(out).with_context(context)?;
        file.write_all(text.as_bytes()).with_context(context)?;
        file.persist(&path).with_context(context)?;
    }
    Ok(page)
}

/// Off the async threads, with a sign of life.
async fn loading<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let loaded = waiting("loading detectors", tokio::task::spawn_blocking(work)).await;
    loaded.context("loading panicked")?
}
