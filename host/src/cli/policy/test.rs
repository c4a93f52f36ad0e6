//! `picket policy test`: golden cases, without a server.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value as Json, json};

use super::found::Shipped;
use super::golden::{self, Case, Expected, File};
use crate::cli::table::plain;
use crate::policy::Policy;

/// Hold policies to their golden cases.
#[derive(Debug, Args)]
pub(in crate::cli) struct Test {
    /// A policy, or a folder of policies
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// Write what the policies decide now into the cases
    #[arg(long)]
    update: bool,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = r#"The cases of NAME.toml are in golden/NAME.jsonl beside it, a case on a line, or in the .json and
.jsonl files of golden/NAME/:
  {"name": "a phone number", "signals": [{"label": "contact.phone", "score": 0.95}],
   "expect": {"score": 0.7, "tier": "high", "action": "soft_block"}}

Score and confidence of a signal are 1 unless given. `"missing": ["contact-phone"]` says that no
finding came from a detector. `text`, or `event` with as much of an envelope as matters, may stand
instead of `signals`: then the shipped detectors run in the sandbox. `facts` say what is known beyond
that, as if nothing had happened before unless given:
  "facts": {"features": {"messages_1h": 40}, "accounts": {"contact.phone": 3},
            "subject": {"strikes": 2, "restrictions": ["cooldown"], "score": 0.7, "trust": 0.1}}

A decision is held to what is written of it: score, tier, action, scope, review, degraded, tags, alerts,
case (the matter, or "" for none), rules (those that fire), strike (its number, or 0 for none), and actions:
all that is enforced, such as ["soft_block message", "cooldown account 24 h"]; what was in force before
reads "cooldown account in force". A rule that no case fires is told of. Exits with 1 where a case differs."#;

pub(super) fn run(args: &Test) -> anyhow::Result<ExitCode> {
    let mut suites = Vec::new();
    for path in &args.paths {
        suites.extend(suites_of(path)?);
    }
    let mut shipped = Shipped::default();
    let mut report = Report::default();
    for suite in &suites {
        suite.run(&mut shipped, &mut report);
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&report.json())?),
        false => print!("{}", report.render(std::io::stdout().is_terminal())),
    }
    if args.update {
        report.adopt(&mut suites)?;
    }
    let good = report.failed.iter().all(|failed| args.update && failed.decided.is_ok());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A policy with its cases.
struct Suite {
    path: PathBuf,
    policy: Policy,
    files: Vec<File>,
}

fn suites_of(path: &Path) -> anyhow::Result<Vec<Suite>> {
    if !path.is_dir() {
        return Ok(vec![Suite::read(path)?]);
    }
    let files = golden::listed(path)?.into_iter();
    let policies: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|end| end == "toml")).collect();
    if policies.is_empty() {
        bail!("{}: no policy: those are .toml files", path.display());
    }
    let folder = path.join("golden");
    if folder.is_dir() {
        let names: BTreeSet<_> = policies.iter().filter_map(|policy| policy.file_stem()).collect();
        for cases in golden::listed(&folder)? {
            // The stem of `golden/NAME` is its whole name, for a folder has no ending.
            let name = if cases.is_dir() { cases.file_name() } else { cases.file_stem() };
            if name.is_none_or(|name| !names.contains(name)) {
                bail!(
                    "{}: cases of no policy: {} is not there",
                    cases.display(),
                    path.join(name.unwrap_or_default()).with_added_extension("toml").display()
                );
            }
        }
    }
    policies.iter().map(|policy| Suite::read(policy)).collect()
}

impl Suite {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let policy = super::load(path)?;
        let files: Vec<File> =
            golden::files_of(path)?.into_iter().map(File::read).collect::<Result<_, _>>()?;
        if files.iter().all(|file| file.cases.is_empty()) {
            let file = path.with_file_name("golden").join(path.file_stem().unwrap_or_default());
            return Err(anyhow!(
                "{}: no golden cases: a policy that nothing holds to its word will drift; write one into {}",
                path.display(),
                file.with_added_extension("jsonl").display()
            ));
        }
        Ok(Self { path: path.to_owned(), policy, files })
    }

    fn run(&self, shipped: &mut Shipped, report: &mut Report) {
        let number = report.suites;
        report.suites += 1;
        let mut fired = BTreeSet::new();
        for (file, File { path, cases }) in self.files.iter().enumerate() {
            for (at, case) in cases.iter().enumerate() {
                let given = case.given(shipped).and_then(|(event, found)| {
                    found.is_for(&self.policy)?;
                    Ok((event, found))
                });
                let decided = given.map(|(event, found)| {
                    let verdict = found.judged_by(&self.policy, &event);
                    fired.extend(verdict.rules().map(str::to_owned));
                    let enforced = found.enforced_by(&self.policy, &event, &verdict);
                    case.expect.adopting(&verdict, &enforced, event.time)
                });
                let decided = decided.map_err(|error| format!("{error:#}"));
                report.cases += 1;
                if decided.as_ref() != Ok(&case.expect) {
                    let (path, case) = (path.clone(), case.clone());
                    report.failed.push(Failed { place: (number, file, at), path, case, decided });
                }
            }
        }
        let idle = self.policy.rules().iter().filter(|rule| !fired.contains(&rule.name));
        report.unfired.extend(idle.map(|rule| (self.path.clone(), rule.name.clone())));
    }
}

/// How the cases went.
#[derive(Default)]
struct Report {
    suites: usize,
    cases: usize,
    failed: Vec<Failed>,
    /// Rules that no case fires, each with the file of its policy.
    unfired: Vec<(PathBuf, String)>,
}

/// A case that is not met.
struct Failed {
    /// Which suite, which of its files, and which case in it.
    place: (usize, usize, usize),
    path: PathBuf,
    case: Case,
    /// What the case would have to say, or why it cannot be decided.
    decided: Result<Expected, String>,
}

impl Report {
    /// What differs, case by case, and the count. Red and green on a terminal alone.
    fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for Failed { path, case, decided, .. } in &self.failed {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            out += &format!("{} `{}`\n", plain(&file), plain(&case.name));
            out += &format!("    {}\n", plain(&case.to_string()));
            match decided {
                Ok(decided) => out += &diff(&case.expect, decided, colour),
                Err(error) => out += &format!("    {}\n", plain(error)),
            }
        }
        for (path, rule) in &self.unfired {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            out += &format!(
                "warning: {}: no case fires the rule `{}`: nothing shows what it does\n",
                plain(&file),
                plain(rule)
            );
        }
        let good = self.cases - self.failed.len();
        let line = match self.failed.is_empty() {
            true => format!("{good} of {good} cases pass\n"),
            false => format!("{good} of {} cases pass; expected -, decided +\n", self.cases),
        };
        out + &line
    }

    fn json(&self) -> Json {
        let failed = self.failed.iter().map(|Failed { path, case, decided, .. }| {
            let (decided, error) = (decided.as_ref().ok(), decided.as_ref().err());
            json!({
                "file": path, "name": case.name, "expected": case.expect, "decided": decided,
                "error": error,
            })
        });
        let unfired = self.unfired.iter().map(|(file, rule)| json!({"file": file, "rule": rule}));
        json!({
            "cases": self.cases, "failed": failed.collect::<Vec<_>>(),
            "unfired": unfired.collect::<Vec<_>>(),
        })
    }

    /// Puts what was decided into the cases and writes the files that this changes.
    fn adopt(&self, suites: &mut [Suite]) -> anyhow::Result<()> {
        let mut changed = BTreeSet::new();
        for Failed { place: (suite, file, at), decided, .. } in &self.failed {
            if let Ok(decided) = decided {
                suites[*suite].files[*file].cases[*at].expect = decided.clone();
                changed.insert((*suite, *file));
            }
        }
        changed.into_iter().try_for_each(|(suite, file)| suites[suite].files[file].write())
    }
}

/// What a case says otherwise than the decision, part by part.
fn diff(expected: &Expected, decided: &Expected, colour: bool) -> String {
    let (expected, decided) = (expected.parts(), decided.parts());
    let other = |parts: &[String], than: &[String]| -> Vec<String> {
        parts.iter().filter(|part| !than.contains(part)).cloned().collect()
    };
    let line = |sign: &str, parts: Vec<String>, paint: &str| match (parts.is_empty(), colour) {
        (true, _) => String::new(),
        (false, true) => format!("  {paint}{sign} {}\u{1b}[0m\n", plain(&parts.join("  "))),
        (false, false) => format!("  {sign} {}\n", plain(&parts.join("  "))),
    };
    line("-", other(&expected, &decided), "\u{1b}[31m")
        + &line("+", other(&decided, &expected), "\u{1b}[32m")
}
