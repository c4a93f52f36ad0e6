//! `picket detector check`: all that a server would say of a file, and what an author would want to hear.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use indicatif::BinaryBytes;
use serde_json::json;

use super::component;
use crate::cli::sandbox::Sandbox;
use crate::cli::table::plain;
use crate::model::{Digest, Input};
use crate::registry::Refused;
use crate::runtime::{self, Limits, Prepared};
use crate::store::EVERY_SOURCE;

/// Load a component as a server would and say what is found.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// A .wasm file, or the folder of a detector that was built
    #[arg(default_value = ".", value_name = "FILE|DIR")]
    path: PathBuf,
    /// Settings as a JSON object, as the file beside the detector would give them
    #[arg(long, default_value = "{}", value_name = "JSON")]
    settings: String,
    /// As if it were pushed for this source alone
    #[arg(long, default_value = EVERY_SOURCE)]
    source: String,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
The file is scanned, compiled, described, configured, snapshotted and tried on an event without inputs,
in the sandbox of a server that would start here: its limits are those of picket.toml and PICKET_*, and so
are its grants, budgets and trusted keys. Exits with 1 where that server would refuse it.";

/// Slower to compile than anybody wants to wait for.
const BYTES_MANY: usize = 4 << 20;

pub(super) fn run(args: &Check) -> anyhow::Result<ExitCode> {
    let settings: serde_json::Value =
        serde_json::from_str(&args.settings).context("--settings is not JSON")?;
    let settings = serde_json_canonicalizer::to_string(&settings)?;
    let (file, bytes) = component::read(&args.path)?;
    let sandbox = Sandbox::start()?;
    let begun = Instant::now();
    let admitted = admit(&sandbox, &file, &bytes, &settings, &args.source);
    let took = begun.elapsed();
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    match admitted {
        Ok((prepared, unsigned)) => {
            let (ceiling, prepared) = (&sandbox.ceiling, &prepared);
            let report = Report { file: &file, bytes: &bytes, prepared, unsigned, ceiling, took };
            match args.json {
                true => println!("{}", serde_json::to_string_pretty(&report.json())?),
                false => report.print(),
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let error = error.to_string();
            match args.json {
                true => {
                    let refused = json!({
                        "file": file, "bytes": bytes.len(), "digest": Digest::of(&bytes),
                        "good": false, "error": error,
                    });
                    println!("{}", serde_json::to_string_pretty(&refused)?);
                }
                false => println!("{}: refused: {}", plain(&name), plain(&error)),
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Everything that stands between a file and a source.
fn admit(
    sandbox: &Sandbox,
    file: &Path,
    bytes: &[u8],
    settings: &str,
    source: &str,
) -> Result<(Prepared, Option<String>), Refused> {
    sandbox.admit_unopened(file, bytes)?;
    let prepared = sandbox.load_as_stranger(bytes, settings)?;
    let unsigned = sandbox.admit(file, &prepared, source)?;
    Ok((prepared, unsigned))
}

/// One line for those who only want to know whether it loads.
pub(super) fn line(prepared: &Prepared, took: Duration) -> String {
    let manifest = prepared.manifest();
    format!(
        "good: {} {}, loaded in {:.1} s",
        plain(&manifest.name),
        manifest.version,
        took.as_secs_f64()
    )
}

struct Report<'a> {
    file: &'a Path,
    bytes: &'a [u8],
    prepared: &'a Prepared,
    /// What the operator would be warned of.
    unsigned: Option<String>,
    ceiling: &'a Limits,
    took: Duration,
}

impl Report<'_> {
    fn print(&self) {
        let manifest = self.prepared.manifest();
        let limits = self.prepared.limits();
        let inputs: Vec<String> = manifest.inputs.iter().map(Input::in_full).collect();
        let events: Vec<String> = manifest.events.iter().map(ToString::to_string).collect();
        let snapshot = match self.prepared.pre_initialised() {
            true => "pre-initialised: events begin after `configure`",
            false => "not pre-initialised: each event pays for `configure`",
        };
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        let budget = format!(
            "{} ms, {}",
            limits.deadline.as_millis(),
            BinaryBytes(limits.memory_bytes as u64)
        );
        let size = BinaryBytes(self.bytes.len() as u64).to_string();
        println!("{} {}  {}", plain(&manifest.name), manifest.version, plain(&manifest.summary));
        let rows = [
            ("file", plain(&file)),
            ("size", size),
            ("digest", Digest::of(self.bytes).to_string()),
            ("labels", plain(&manifest.labels.join(" "))),
            ("events", plain(&events.join(" "))),
            ("inputs", plain(&inputs.join(", "))),
            ("imports", plain(&runtime::imports(self.bytes).join(" "))),
            ("budget", budget),
            ("start", snapshot.to_owned()),
        ];
        for (what, said) in rows {
            println!("  {what:8} {said}");
        }
        for warning in self.warnings() {
            println!("warning: {}", plain(&warning));
        }
        println!("{}", line(self.prepared, self.took));
    }

    fn json(&self) -> serde_json::Value {
        let limits = self.prepared.limits();
        json!({
            "file": self.file,
            "bytes": self.bytes.len(),
            "digest": Digest::of(self.bytes),
            "good": true,
            "manifest": self.prepared.manifest(),
            "imports": runtime::imports(self.bytes),
            "pre_initialised": self.prepared.pre_initialised(),
            "deadline_ms": limits.deadline.as_millis() as u64,
            "memory_bytes": limits.memory_bytes,
            "load_millis": self.took.as_millis() as u64,
            "warnings": self.warnings(),
        })
    }

    fn warnings(&self) -> Vec<String> {
        let manifest = self.prepared.manifest();
        let mut warnings: Vec<String> = self.unsigned.iter().cloned().collect();
        let mut warn = |is: bool, what: String| warnings.extend(is.then_some(what));
        warn(
            manifest.summary.is_empty(),
            "the manifest has no summary: reviewers read it".to_owned(),
        );
        warn(manifest.author.is_empty(), "the manifest names no author to ask".to_owned());
        let shipped = picket_bundle::DETECTORS.iter().any(|shipped| shipped.name == manifest.name);
        warn(
            shipped,
            format!("{} takes the place of the shipped detector of that name", manifest.name),
        );
        warn(
            !self.prepared.pre_initialised(),
            "it cannot be snapshotted, so every event pays for `configure`; a start function, an open file or clock after `configure` would be a reason".to_owned(),
        );
        let wasi = runtime::imports(self.bytes).iter().any(|import| import.starts_with("wasi:"));
        warn(
            wasi,
            "it imports WASI, all of it locked; without, an event costs a few microseconds less"
                .to_owned(),
        );
        let size = BinaryBytes(self.bytes.len() as u64);
        warn(
            self.bytes.len() > BYTES_MANY,
            format!("{size} take seconds to compile at every load"),
        );
        let ceiling = self.ceiling;
        let deadline = manifest.budget.deadline_ms.map(Duration::from_millis);
        warn(
            deadline.is_some_and(|asked| asked > ceiling.deadline),
            format!(
                "it asks for {} ms; a server gives {} ms unless its operator raises that",
                manifest.budget.deadline_ms.unwrap_or_default(),
                ceiling.deadline.as_millis()
            ),
        );
        let memory = manifest.budget.memory_bytes;
        warn(
            memory.is_some_and(|asked| asked > ceiling.memory_bytes as u64),
            format!(
                "it asks for {}; a server gives {} unless its operator raises that",
                BinaryBytes(memory.unwrap_or_default()),
                BinaryBytes(ceiling.memory_bytes as u64)
            ),
        );
        warnings
    }
}
