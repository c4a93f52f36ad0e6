//! `picket detector bench`: what an event costs, in a fresh instance as a server runs it and in one that
//! is kept, against the detector's budget.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use hdrhistogram::Histogram;
use indicatif::BinaryBytes;
use picket_sdk::golden;
use serde_json::json;

use super::{component, test};
use crate::cli::sandbox::{self, Sandbox};
use crate::cli::table;
use crate::engine;
use crate::model::{Event, Known, Outcome};
use crate::runtime::{Call, Prepared, Run, Value};

/// Measure a detector in the sandbox.
#[derive(Debug, Args)]
pub(in crate::cli) struct Bench {
    /// A .wasm file, or the folder of a detector that was built
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    path: PathBuf,
    /// Events to run it on, one JSON envelope per line; its golden cases unless given, else a message
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
Times are processor time of one evaluation, as a deadline counts it. `fresh` is what a server does: a new
instance for every event. `warm` keeps one, to show what the detector itself takes.";

/// Stops at so many evaluations, or after so long.
const ROUNDS: u32 = 2_000;
const LASTS: Duration = Duration::from_secs(3);
const WARM_UP: u32 = 20;

const MESSAGE: &str =
    "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180. Call 206-555-0142?";

pub(super) fn run(args: &Bench) -> anyhow::Result<ExitCode> {
    let (_, bytes) = component::read(&args.path)?;
    let sandbox = Sandbox::start()?;
    let begun = Instant::now();
    let prepared = sandbox.load(&bytes, "{}").context("a server would refuse it")?;
    let load = begun.elapsed();
    let manifest = prepared.manifest();
    let mut events = events(args)?;
    events.retain(|event| manifest.wants(&event.kind));
    if events.is_empty() {
        bail!("{} subscribes to none of the events: give some with --event", manifest.name);
    }
    let fresh =
        measure(&prepared, &events, |call| prepared.evaluate(call, prepared.limits().deadline))?;
    let mut kept = None;
    let warm = measure(&prepared, &events, |call| {
        if kept.is_none() {
            kept = prepared.warm(call).ok();
        }
        match &mut kept {
            Some(warm) => warm.evaluate(call, prepared.limits().deadline),
            None => prepared.evaluate(call, prepared.limits().deadline),
        }
    })?;
    let report = Report { prepared: &prepared, bytes: bytes.len(), load, events: events.len() };
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report.json(&fresh, &warm))?),
        false => report.print(&fresh, &warm),
    }
    Ok(ExitCode::SUCCESS)
}

/// What it is measured on.
fn events(args: &Bench) -> anyhow::Result<Vec<Event>> {
    if let Some(file) = &args.event {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let values = serde_json::Deserializer::from_str(&text).into_iter();
        let parse = |value: Result<_, _>| sandbox::event(&value?);
        return values
            .map(parse)
            .collect::<Result<_, _>>()
            .with_context(|| file.display().to_string());
    }
    let Some(cases) = test::cases_of(&args.path) else {
        return Ok(vec![sandbox::event(&json!({"data": {"content": MESSAGE}}))?]);
    };
    let files = golden::File::read(&cases).map_err(|error| anyhow!(error))?;
    // Those with settings of their own would want a detector of their own.
    let cases = files.iter().flat_map(|file| &file.cases).filter(|case| case.settings.is_none());
    cases.map(|case| sandbox::event(&case.envelope().map_err(|error| anyhow!(error))?)).collect()
}

/// The events in turn, again and again. One that fails ends it: its cost says nothing.
fn measure(
    prepared: &Prepared,
    events: &[Event],
    mut evaluate: impl FnMut(&Call<'_>) -> Run,
) -> anyhow::Result<Cost> {
    let mut nanos = Histogram::<u64>::new(3)?;
    let mut memory_bytes = 0;
    let begun = Instant::now();
    let known = Known::of_nothing(&prepared.manifest().inputs);
    for (round, event) in (0..ROUNDS + WARM_UP).zip(events.iter().cycle()) {
        let inputs: Vec<Value<'_>> =
            engine::read_inputs(event, &known, &prepared.manifest().inputs);
        let call = Call {
            id: &event.id,
            kind: &event.kind,
            time_ms: event.time.millis(),
            inputs: &inputs,
        };
        let run = evaluate(&call);
        if run.outcome != Outcome::Ok {
            let content = event.field("data.content");
            bail!("it fails ({}: {}) on {content:?}", run.outcome, run.error.unwrap_or_default());
        }
        memory_bytes = memory_bytes.max(run.memory_bytes);
        if round >= WARM_UP {
            nanos.record(u64::try_from(run.time.as_nanos()).unwrap_or(u64::MAX))?;
        }
        if begun.elapsed() > LASTS && !nanos.is_empty() {
            break;
        }
    }
    Ok(Cost { nanos, memory_bytes })
}

/// What evaluations took.
struct Cost {
    nanos: Histogram<u64>,
    /// The most of any.
    memory_bytes: usize,
}

struct Report<'a> {
    prepared: &'a Prepared,
    bytes: usize,
    load: Duration,
    events: usize,
}

impl Report<'_> {
    fn print(&self, fresh: &Cost, warm: &Cost) {
        let manifest = self.prepared.manifest();
        let start = match self.prepared.pre_initialised() {
            true => "pre-initialised",
            false => "not pre-initialised",
        };
        println!(
            "{} {}, {}, loads in {:.1} s, {start}",
            table::plain(&manifest.name),
            manifest.version,
            BinaryBytes(self.bytes as u64),
            self.load.as_secs_f64()
        );
        let deadline = self.prepared.limits().deadline;
        let mut out = table::new(&["us", "p50", "p99", "max", "rounds", "p99 of the deadline"]);
        for (what, Cost { nanos, .. }) in [("fresh", fresh), ("warm", warm)] {
            let p99 = nanos.value_at_quantile(0.99);
            let part = p99 as f64 / deadline.as_nanos() as f64 * 100.0;
            out.add_row([
                what.to_owned(),
                micros(nanos.value_at_quantile(0.5)),
                micros(p99),
                micros(nanos.max()),
                nanos.len().to_string(),
                format!("{part:.2}% of {} ms", deadline.as_millis()),
            ]);
        }
        println!("{out}");
        let memory_max = self.prepared.limits().memory_bytes as u64;
        println!(
            "on {} events; {} of memory at most, of {}",
            self.events,
            BinaryBytes(fresh.memory_bytes as u64),
            BinaryBytes(memory_max)
        );
    }

    fn json(&self, fresh: &Cost, warm: &Cost) -> serde_json::Value {
        let manifest = self.prepared.manifest();
        let nanos = |Cost { nanos, .. }: &Cost| {
            json!({
                "p50_nanos": nanos.value_at_quantile(0.5), "p99_nanos": nanos.value_at_quantile(0.99),
                "max_nanos": nanos.max(), "rounds": nanos.len(),
            })
        };
        json!({
            "detector": manifest.name, "version": manifest.version, "bytes": self.bytes,
            "load_millis": self.load.as_millis() as u64,
            "pre_initialised": self.prepared.pre_initialised(),
            "deadline_ms": self.prepared.limits().deadline.as_millis() as u64,
            "events": self.events, "memory_bytes": fresh.memory_bytes,
            "memory_bytes_max": self.prepared.limits().memory_bytes, "fresh": nanos(fresh), "warm": nanos(warm),
        })
    }
}

fn micros(nanos: u64) -> String {
    format!("{:.1}", nanos as f64 / 1e3)
}
