//! `picket detector test`: golden cases on the real component in the real sandbox.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use picket_sdk::golden::{Case, Evidence, Expected, File, Found};
use serde_json::json;

use super::component;
use super::evidence;
use crate::cli::known;
use crate::cli::sandbox::{self, Sandbox};
use crate::cli::table::plain;
use crate::model::{Event, Known, Outcome, Signal};
use crate::runtime::Prepared;

/// Run the golden cases of a detector.
#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    /// The detector's folder, built
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// Where the cases are; DIR/golden or DIR/tests unless given
    #[arg(long, value_name = "FILE|DIR")]
    cases: Option<PathBuf>,
    /// The component; what was built in DIR unless given
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,
    /// Write what the detector says now into the cases
    #[arg(long)]
    update: bool,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = r#"A case is a line of a .jsonl file, or a .json file:
  {"name": "spaced", "text": "ring 206 555 0142",
   "signals": [{"label": "contact.phone", "quotes": ["206 555 0142"]}]}

`event` may stand instead of `text`: {"type": "bid.placed", "data": {"amount": 5}}. `settings` are given
to `configure`. `known` is what it is told beyond the event, by the names of its inputs:
{"lists.known_phones": true, "count by subject": 3, "recent data.content by subject": ["206"]}; what is
not named is as if nothing had happened before. A signal is held to what is written of it: label, quotes, score, confidence, and spans
with field, text, start, end. The Rust harness reads the same files."#;

/// Where cases are looked for in a detector's folder.
const FOLDERS: [&str; 2] = ["golden", "tests"];

pub(super) fn run(args: &Test) -> anyhow::Result<ExitCode> {
    let (_, bytes) = component::read(args.detector.as_deref().unwrap_or(&args.dir))?;
    let path = match &args.cases {
        Some(path) => path.clone(),
        None => cases_of(&args.dir).ok_or_else(|| no_cases(&args.dir))?,
    };
    let mut files = File::read(&path).map_err(|error| anyhow!(error))?;
    let report = run_cases(&Sandbox::start()?, &bytes, &files)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report.json())?);
    } else {
        print!("{}", report.render(std::io::stdout().is_terminal()));
    }
    if args.update {
        let updated = report.adopt(&mut files);
        for file in updated {
            file.write().map_err(|error| anyhow!(error))?;
        }
    }
    let good = report.failed.iter().all(|failed| args.update && failed.found.is_ok());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cases of a detector's folder.
pub(super) fn cases_of(dir: &Path) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| dir.join(folder)).find(|path| path.is_dir())
}

fn no_cases(dir: &Path) -> anyhow::Error {
    anyhow!(
        "{}: no golden cases: a detector that nothing holds to its word will break; write one into {}",
        dir.display(),
        dir.join("golden/cases.jsonl").display()
    )
}

/// How a run of cases went.
pub(super) struct Report {
    cases: usize,
    failed: Vec<Failed>,
}

/// A case that is not met.
struct Failed {
    /// Which file, and which of its cases.
    file: usize,
    at: usize,
    path: PathBuf,
    case: Case,
    /// What the case would have to say, or how the detector failed.
    found: Result<Vec<Expected>, String>,
}

/// Runs every case. A detector that does not load at all is an error; with the settings of one case it is
/// that case's.
pub(super) fn run_cases(sandbox: &Sandbox, bytes: &[u8], files: &[File]) -> anyhow::Result<Report> {
    let mut loaded: BTreeMap<String, Result<Prepared, String>> = BTreeMap::new();
    let mut report = Report { cases: 0, failed: Vec::new() };
    for (number, file) in files.iter().enumerate() {
        for (at, case) in file.cases.iter().enumerate() {
            let settings =
                serde_json_canonicalizer::to_string(case.settings.as_ref().unwrap_or(&json!({})))?;
            let prepared = loaded.entry(settings).or_insert_with_key(|settings| {
                sandbox.load(bytes, settings).map_err(|error| error.to_string())
            });
            if let (Err(error), None) = (&prepared, &case.settings) {
                bail!("a server would refuse it: {error}");
            }
            let found = prepared.as_ref().map_err(String::clone);
            let found = found.and_then(|prepared| run_case(sandbox, prepared, case));
            report.cases += 1;
            if found.as_ref() != Ok(&case.signals) {
                let (path, case) = (file.path.clone(), case.clone());
                report.failed.push(Failed { file: number, at, path, case, found });
            }
        }
    }
    Ok(report)
}

fn run_case(sandbox: &Sandbox, prepared: &Prepared, case: &Case) -> Result<Vec<Expected>, String> {
    let event = sandbox::event(&case.envelope()?).map_err(|error| error.to_string())?;
    let manifest = prepared.manifest();
    if !manifest.wants(&event.kind) {
        return Err(format!("{} does not subscribe to {}", manifest.name, event.kind));
    }
    let known = known::of(manifest, &case.known)?;
    let judged = sandbox.judge(prepared, &event, &known);
    if judged.outcome != Outcome::Ok {
        return Err(format!("{}: {}", judged.outcome, judged.error.unwrap_or_default()));
    }
    let found: Vec<Found> =
        judged.signals.iter().map(|signal| found(&event, &known, signal)).collect();
    Ok(case.adopting(&found))
}

fn found(event: &Event, known: &Known, signal: &Signal) -> Found {
    let spans = signal.spans.iter().map(|span| Evidence {
        field: span.field.clone(),
        text: evidence::quote(event, known, span).unwrap_or_default().to_owned(),
        start: span.start,
        end: span.end,
    });
    Found {
        label: signal.label.clone(),
        score: signal.score,
        confidence: signal.confidence,
        spans: spans.collect(),
    }
}

impl Report {
    pub fn is_good(&self) -> bool {
        self.failed.is_empty()
    }

    /// What differs, case by case, and the count. Red and green on a terminal alone.
    pub fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for failed in &self.failed {
            let file = failed.path.file_name().unwrap_or_default().to_string_lossy();
            let sent = match &failed.case.text {
                Some(text) => format!("{text:?}"),
                None => failed.case.event.as_ref().map(ToString::to_string).unwrap_or_default(),
            };
            out +=
                &format!("{} `{}`\n    {}\n", plain(&file), plain(&failed.case.name), plain(&sent));
            match &failed.found {
                Ok(found) => out += &diff(&failed.case.signals, found, colour),
                Err(error) => out += &format!("    {}\n", plain(error)),
            }
        }
        out + &self.line() + "\n"
    }

    pub fn line(&self) -> String {
        let good = self.cases - self.failed.len();
        match self.is_good() {
            true => format!("{good} of {good} cases pass"),
            false => format!("{good} of {} cases pass; expected -, found +", self.cases),
        }
    }

    fn json(&self) -> serde_json::Value {
        let failed = self.failed.iter().map(|failed| {
            let (found, error) = match &failed.found {
                Ok(found) => (Some(found), None),
                Err(error) => (None, Some(error)),
            };
            json!({
                "file": failed.path, "name": failed.case.name, "expected": failed.case.signals,
                "found": found, "error": error,
            })
        });
        json!({"cases": self.cases, "failed": failed.collect::<Vec<_>>()})
    }

    /// Puts what was found into the cases, and gives the files that this changed.
    fn adopt<'f>(&self, files: &'f mut [File]) -> Vec<&'f File> {
        let mut changed = Vec::new();
        for failed in &self.failed {
            if let Ok(found) = &failed.found {
                files[failed.file].cases[failed.at].signals.clone_from(found);
                changed.push(failed.file);
            }
        }
        changed.dedup();
        changed.into_iter().map(|number| &files[number]).collect()
    }
}

/// Lines as a patch has them. What both begin and end with is shown once.
fn diff(expected: &[Expected], found: &[Expected], colour: bool) -> String {
    let alike = |(a, b): &(&Expected, &Expected)| a == b;
    let head = expected.iter().zip(found).take_while(alike).count();
    let (expected, found) = (&expected[head..], &found[head..]);
    let tail = expected.iter().rev().zip(found.iter().rev()).take_while(alike).count();
    let line = |sign: &str, said: &str, paint: &str| match colour {
        true => format!("  {paint}{sign} {said}\u{1b}[0m\n"),
        false => format!("  {sign} {said}\n"),
    };
    let all = |sign: &str, list: &[Expected], paint: &str| -> String {
        if list.is_empty() && tail == 0 && head == 0 {
            return line(sign, "nothing", paint);
        }
        list.iter().map(|one| line(sign, &plain(&one.to_string()), paint)).collect()
    };
    let same = match head + tail {
        0 => String::new(),
        1 => "    and one as expected\n".to_owned(),
        many => format!("    and {many} as expected\n"),
    };
    all("-", &expected[..expected.len() - tail], "\u{1b}[31m")
        + &all("+", &found[..found.len() - tail], "\u{1b}[32m")
        + &same
}
