//! `picket policy`: check a document, see how it judges, hold it to its cases, see what another would
//! change; and what judges on a server.

mod diff;
mod explain;
mod found;
mod golden;
mod test;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;

use super::client::Server;
use super::sandbox::at_the_bench;
use super::table;
use crate::policy::{Known, Labels, Policy, Severity, code, render};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a policy without a server: every fault with its line and a hint
    #[command(after_help = CHECK_AFTER_HELP)]
    Check {
        /// The TOML document
        file: PathBuf,
        /// Print JSON, for a program
        #[arg(long)]
        json: bool,
    },
    /// Show which decisions differ between two policies, and which way
    #[command(after_help = diff::AFTER_HELP)]
    Diff(diff::Diff),
    /// Show each step of the arithmetic on one event, without a server
    #[command(after_help = explain::AFTER_HELP)]
    Explain(explain::Explain),
    /// List the policies of a running server
    List(Server),
    /// Hold policies to their golden cases, without a server
    #[command(after_help = test::AFTER_HELP)]
    Test(test::Test),
}

const CHECK_AFTER_HELP: &str = r#"Of each label the strongest evidence counts, e = score x confidence, with its weight w in
[weights]. How labels make the score, from 0 to 1:
  merge = "max"             the greatest w e
  merge = "noisy-or"        1 - (1 - w e)(1 - w e)...: they confirm each other
  merge = "weighted"        the sum of w e over the sum of all weights
  merge = "sum-capped"      the sum of w e, at most 1
  merge = "stage-weighted"  the sum of weight x number over the [[stages]], which need
    name = "rules", weight = 0.5, merge = (one of the above), labels = ["contact.phone"]
    and with a [lift] of from = 0.85, share = 0.8, at least 0.8 of a stage that reaches 0.85

Any number of [[modifiers]] add to that, or with `stage` to the number of that stage, 1 at most:
  name = "disguised", labels = ["evasion.obfuscation"], with = ["contact.phone"], add = 0.12
      once, where one of `labels` and, if there is a `with`, one of those is found
  name = "further", labels = ["contact.phone", "contact.email"], add_each_further = 0.08,
    at_most = 0.15
      for each of `labels` that is found beyond the first

Any number of [[rules]] see what came of that, and ask for more or less of it:
  name = "large-jobs", when = 'has(event.data.amount_cents) && event.data.amount_cents > 1000000'
  floor = "high", ceiling = "medium"   a tier that the score reaches, or does not leave
  action = "cooldown", scope = "account", for_h = 24    enforced at least, with its end
  tag = "large", review = true         marks the decision; a person looks
A condition is CEL over event (id, type, source, subject, time, data), signals (each with detector,
label, score, confidence), labels (label to evidence), evidence("contact.phone"), score, tier,
degraded and lists.NAME. All rules see the same merged score. Of those that fire the lowest ceiling
and the highest floor count, and a floor wins over a ceiling. A rule without an answer does not fire,
and `on_error` says what that means.

[[lists]] have name, kind = "allow" or "deny", field = "subject" or "data.thread_id", and entries of
value, until, why. [[exemptions]] have subjects, until, why: nothing is enforced on those accounts.

Exits with 1 where there is a fault."#;

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { file, json } => check(&file, json),
        Command::Diff(diff) => at_the_bench(move || diff::run(&diff)).await,
        Command::Explain(explain) => at_the_bench(move || explain::run(&explain)).await,
        Command::List(server) => {
            list(&server).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Test(test) => at_the_bench(move || test::run(&test)).await,
    }
}

/// A policy of which only the language is checked: detectors of one's own are known to a server alone.
fn load(file: &Path) -> anyhow::Result<Policy> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    match Policy::compile_again(&text) {
        Ok(compiled) => Ok(compiled.policy),
        Err(faults) => {
            let name = file.display().to_string();
            bail!("{name} does not compile\n\n{}", render(&name, &text, &faults).trim_end())
        }
    }
}

fn check(file: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let detectors: BTreeSet<String> =
        picket_bundle::DETECTORS.iter().map(|bundled| bundled.name.to_owned()).collect();
    let known = Known { labels: Labels::default(), detectors };
    let (mut found, good) = match Policy::compile(&text, &known) {
        Ok(compiled) => (compiled.warnings, true),
        Err(faults) => (faults, false),
    };
    // Without a server nothing is loaded, so a warning that something is not would say nothing.
    found
        .retain(|fault| ![code::LABEL_NOT_LOADED, code::DETECTOR_NOT_LOADED].contains(&fault.code));
    if !good {
        found.retain(|fault| fault.severity == Severity::Error);
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(exit(good));
    }
    if !found.is_empty() {
        let rendered = render(&name, &text, &found);
        if std::io::stderr().is_terminal() {
            let red = rendered.replace("error[", "\u{1b}[1;31merror\u{1b}[0m[");
            eprintln!("{}", red.replace("warning[", "\u{1b}[1;33mwarning\u{1b}[0m["));
        } else {
            eprintln!("{rendered}");
        }
    }
    if good {
        println!("{name}: good");
    }
    Ok(exit(good))
}

fn exit(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let all: Value = server.get("/v1/policies").await?;
    if server.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let mut out = table::new(&["SOURCE", "POLICY", "VERSION", "STAGE", "ORIGIN"]);
    for policy in all["policies"].as_array().into_iter().flatten() {
        let text = |field: &str| match &policy[field] {
            Value::String(text) => table::plain(text),
            other => other.to_string(),
        };
        out.add_row(["source", "name", "version", "stage", "origin"].map(text));
    }
    println!("{out}");
    for refusal in all["refused"].as_array().into_iter().flatten() {
        let text = |field: &str| refusal[field].as_str().unwrap_or_default();
        println!("\nrefused {} at {}:\n{}", table::plain(text("file")), text("at"), text("error"));
    }
    Ok(())
}
