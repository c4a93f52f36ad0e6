//! `picket detector try`: what detectors find in a text, and where.

use std::io::IsTerminal;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use console::Term;
use serde_json::json;

use super::component;
use super::evidence::{self, Mark};
use crate::cli::sandbox::{self, Sandbox};
use crate::cli::table::plain;
use crate::engine::Examined;
use crate::model::{Event, Known, Outcome, Signal};
use crate::runtime::Prepared;

/// Run detectors on a text as if it had been sent as a message.
#[derive(Debug, Args)]
pub(in crate::cli) struct Try {
    /// The text: the `data.content` of the event
    text: String,
    /// A .wasm file, the folder of a detector that was built, or the name of a shipped detector; may be
    /// given again. All shipped ones unless given
    #[arg(long, value_name = "FILE|DIR|NAME")]
    detector: Vec<PathBuf>,
    /// The event's type
    #[arg(long = "type", default_value = "message.sent", value_name = "TYPE")]
    kind: String,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
  picket detector try 'call me on 206-555-0142'
  picket detector try 'is there parking?' --detector parking

On a terminal the evidence is underlined, on a pipe it is marked in the line beneath.";

/// Where no terminal says how wide it is.
const WIDTH: usize = 100;

pub(super) fn run(args: &Try) -> anyhow::Result<ExitCode> {
    let event = sandbox::event(&json!({"type": args.kind, "data": {"content": args.text}}))?;
    let sandbox = Sandbox::start()?;
    let detectors = load(&sandbox, &args.detector)?;
    let (wanting, others): (Vec<_>, Vec<_>) =
        detectors.iter().partition(|prepared| prepared.manifest().wants(&event.kind));
    let judged: Vec<Judged<'_>> = wanting
        .into_iter()
        .map(|prepared| {
            let known = Known::of_nothing(&prepared.manifest().inputs);
            Judged { prepared, examined: sandbox.judge(prepared, &event, &known) }
        })
        .collect();
    if args.json {
        let all: Vec<_> = judged.iter().map(Judged::json).collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        print(&event, &judged);
        let others: Vec<String> =
            others.iter().map(|other| plain(&other.manifest().name)).collect();
        if !others.is_empty() {
            println!("not subscribed to {}: {}", plain(&event.kind), others.join(" "));
        }
    }
    let failed = judged.iter().any(|one| one.examined.outcome != Outcome::Ok);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a detector said.
struct Judged<'a> {
    prepared: &'a Prepared,
    examined: Examined,
}

/// The detectors that were asked for.
fn load(sandbox: &Sandbox, named: &[PathBuf]) -> anyhow::Result<Vec<Prepared>> {
    if named.is_empty() {
        let shipped = picket_bundle::DETECTORS.iter().map(|one| (one.name, one.component));
        return sandbox.load_together(&shipped.collect::<Vec<_>>());
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for path in named {
        files.push((path.display().to_string(), bytes_of(path)?));
    }
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    sandbox.load_together(&files)
}

fn bytes_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path.exists() {
        return Ok(component::read(path)?.1);
    }
    let shipped = picket_bundle::DETECTORS;
    match shipped.iter().find(|shipped| Path::new(shipped.name) == path) {
        Some(shipped) => Ok(shipped.component.to_vec()),
        None => {
            let names: Vec<&str> = shipped.iter().map(|shipped| shipped.name).collect();
            bail!(
                "{}: neither a file or folder nor a shipped detector; those are {}",
                path.display(),
                names.join(", ")
            )
        }
    }
}

fn print(event: &Event, judged: &[Judged<'_>]) {
    let stdout = Term::stdout();
    let (mark, width) = match std::io::stdout().is_terminal() {
        true => (Mark::Underline, usize::from(stdout.size().1).saturating_sub(2).max(20)),
        false => (Mark::Carets, WIDTH),
    };
    for Judged { prepared, examined } in judged {
        let manifest = prepared.manifest();
        let who = format!("{} {}", plain(&manifest.name), manifest.version);
        if examined.outcome != Outcome::Ok {
            let error = plain(examined.error.as_deref().unwrap_or_default());
            println!("{who}  {}: {error}\n", examined.outcome);
        }
        for signal in &examined.signals {
            println!("{who}  {}\n  {}", headline(signal), plain(&signal.reason));
            for line in evidence_of(event, signal, width, mark) {
                println!("  {line}");
            }
            println!();
        }
        for line in &examined.log {
            println!("{who}  log {}", plain(line));
        }
    }
    let silent = judged.iter().filter(|Judged { examined, .. }| {
        examined.outcome == Outcome::Ok && examined.signals.is_empty()
    });
    let silent: Vec<String> = silent.map(|one| plain(&one.prepared.manifest().name)).collect();
    if !silent.is_empty() {
        println!("nothing: {}", silent.join(" "));
    }
}

fn headline(signal: &Signal) -> String {
    let entities: Vec<&str> = signal.entities.iter().map(|entity| entity.kind.as_str()).collect();
    let entities = match entities.is_empty() {
        true => String::new(),
        false => format!("  entities {}", entities.join(" ")),
    };
    format!(
        "{}  score {:.2}  confidence {:.2}{entities}",
        plain(&signal.label),
        signal.score,
        signal.confidence
    )
}

/// The texts that a signal points into, each once, with all of its evidence in them.
fn evidence_of(event: &Event, signal: &Signal, width: usize, mark: Mark) -> Vec<String> {
    let mut texts: Vec<(&str, Vec<Range<usize>>)> = Vec::new();
    let mut before = None;
    let nothing = Known::default();
    for span in &signal.spans {
        let Some(text) = evidence::text_of(event, &nothing, span) else { continue };
        if before != Some((&span.field, span.item)) {
            texts.push((text, Vec::new()));
            before = Some((&span.field, span.item));
        }
        if let Some((_, spans)) = texts.last_mut() {
            spans.push(span.start as usize..span.end as usize);
        }
    }
    texts.iter().flat_map(|(text, spans)| evidence::marked(text, spans, width, mark)).collect()
}

impl Judged<'_> {
    fn json(&self) -> serde_json::Value {
        let (manifest, examined) = (self.prepared.manifest(), &self.examined);
        json!({
            "detector": manifest.name, "version": manifest.version,
            "digest": self.prepared.digest(), "outcome": examined.outcome,
            "error": examined.error, "log": examined.log, "signals": examined.signals,
        })
    }
}
