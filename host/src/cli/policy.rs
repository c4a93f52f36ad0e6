//! `picket policy`: the bench, which needs no server: check a document, see how it judges, hold it to its
//! cases, see what another would change. And the life of a version on a server, from the file to the day
//! when it is retired.

mod compare;
mod diff;
mod explain;
mod facts;
mod found;
mod golden;
mod list;
mod push;
mod show;
mod stage;
mod test;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;

use super::client::Server;
use super::sandbox::at_the_bench;
use crate::policy::{Known, Labels, Policy, Severity, Whole, code, render};
use crate::registry::parts_beside;

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
        /// Print the document with the parts that it includes put in, as it is sent
        #[arg(long, conflicts_with = "json")]
        whole: bool,
    },
    /// Show what a policy in shadow or canary would have decided
    #[command(after_help = compare::AFTER_HELP)]
    Compare(compare::Compare),
    /// Take a version back to shadow: it judges on and is recorded, and decides nothing
    #[command(after_help = stage::DEMOTE_HELP)]
    Demote(stage::Demote),
    /// Show which decisions differ between two policies, and which way
    #[command(after_help = diff::AFTER_HELP)]
    Diff(diff::Diff),
    /// Show each step of the arithmetic on one event, without a server
    #[command(after_help = explain::AFTER_HELP)]
    Explain(explain::Explain),
    /// List what decides and what is on trial on a server, and the files that were refused with the reason
    #[command(after_help = list::AFTER_HELP)]
    List(Server),
    /// Have a version decide, for a share of the subjects or for all
    #[command(after_help = stage::PROMOTE_HELP)]
    Promote(stage::Promote),
    /// Send a policy to a server: it lands beside what decides, to be looked at
    #[command(after_help = push::AFTER_HELP)]
    Push(push::Push),
    /// Take a version off its trial; its text is kept
    #[command(after_help = stage::RETIRE_HELP)]
    Retire(stage::Retire),
    /// Go back to the policy that decided before, at once
    #[command(after_help = stage::ROLLBACK_HELP)]
    Rollback(stage::Rollback),
    /// Show the versions of a policy, or one version, or its text
    #[command(after_help = show::AFTER_HELP)]
    Show(show::Show),
    /// Hold policies to their golden cases, without a server
    #[command(after_help = test::AFTER_HELP)]
    Test(test::Test),
}

const CHECK_AFTER_HELP: &str = r#"What several policies share may lie in parts, in folders beside them:
  include = ["shared/contacts.toml"]
A part is written like a policy and has as much of one as is shared. Tables such as [weights] go on in it,
lists such as [[rules]] grow, and a key that two files write is an error. What is versioned, judged by and
sent to a server is the whole, so another text of a part is another version.

Of each label the strongest evidence counts, e = score x confidence, with its weight w in
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
  alert = "shared-phone"               tells people, once within an hour for each source, also in shadow mode
  case = "collusion"                   a person looks, in a case: one is open of each account and matter, and
                                       later decisions join it; the first rule that fires and names one counts
A condition is CEL over event (id, type, source, subject, time, data), signals (each with detector,
label, score, confidence), labels (label to evidence), evidence("contact.phone"), score, tier,
degraded, lists.NAME, and what is known of the past:
  features.messages_1h                 a number of the [[features]]; has(features.NAME) where it may say nothing
  accounts("contact.phone", 30)        how many accounts, this one included, had what signals of the label
                                       carry, such as the same phone, within so many days (1 to 90); 0 where
                                       none carries anything, of several things the most
  subject.strikes, subject.restricted, subject.restrictions, subject.score, subject.tier, subject.trust
                                       how the account stood before: strikes that count (up to 64), what is
                                       in force such as "cooldown", and the risk of its last 1,000 decisions
All rules see the same merged score. Of those that fire the lowest ceiling and the highest floor count, and
a floor wins over a ceiling. A rule without an answer does not fire, and `on_error` says what that means:
so it is where it asks, also by has(...), for features or accounts that are not known, for the record did
not answer in time, or what happened before they were declared is not looked through yet.

[[features]] are numbers about earlier events of the source, up to 32:
  name = "messages_1h", function = "count", by = "subject", window_s = 3600, events = ["message.*"]
  function = "count", "sum", "mean", "distinct", "first_seen" or "last_seen" (in milliseconds since 1970),
  of = "data.amount_cents" is what is added up or told apart, by = "data.thread_id" whose past it is,
  window_s = 1 to 7776000 how far back, events which types count, all unless named.

[[lists]] have name, kind = "allow" or "deny", field = "subject" or "data.thread_id", and entries of
value, until, why. [[exemptions]] have subjects, until, why: nothing is enforced on those accounts.

[strikes] say how violations add up:
  tiers = ["high", "critical"], window_days = 30    which give one, and how long it counts
  [[strikes.steps]] action = "cooldown", for_h = 24, message = "..."
    what the first strike leads to for the account, the second and so on, each at least as severe
The more severe of tier, rules and strike is enforced. A clean event is punished for none.

A `message`, of a tier or a step, is what the end user reads: one text, or one for each language:
  default_language = "en", language_field = "data.language"    beside `name`: who reads which
  message = { en = "Paused until {until}.", es = "En pausa hasta {until}." }
Languages are those of BCP 47; the longest beginning of what the event names is taken (es-MX: es),
else `default_language`. What a text may say of the decision: {action}, {scope}, {until} (when it
ends, in UTC), {count} (the number of its strike), {tier}, {reason} (for your own people: it shows
the arithmetic). {{ and }} are braces. What is not known is `-`.

Exits with 1 where there is a fault."#;

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check { file, json, whole } => check(&file, json, whole),
        Command::Compare(compare) => compare::run(&compare).await,
        Command::Demote(demote) => stage::demote(&demote).await,
        Command::Diff(diff) => at_the_bench(move || diff::run(&diff)).await,
        Command::Explain(explain) => at_the_bench(move || explain::run(&explain)).await,
        Command::List(server) => list::run(&server).await,
        Command::Promote(promote) => stage::promote(&promote).await,
        Command::Push(push) => push::run(&push).await,
        Command::Retire(retire) => stage::retire(&retire).await,
        Command::Rollback(rollback) => stage::roll_back(&rollback).await,
        Command::Show(show) => show::run(&show).await,
        Command::Test(test) => at_the_bench(move || test::run(&test)).await,
    }
}

/// A policy as written, with the parts that it includes.
fn read(file: &Path) -> anyhow::Result<Whole> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(Whole::assemble(&text, parts_beside(file)))
}

/// A policy of which only the language is checked: detectors of one's own are known to a server alone.
pub(super) fn load(file: &Path) -> anyhow::Result<Policy> {
    let whole = read(file)?;
    match Policy::compile_whole(&whole, None) {
        Ok(compiled) => Ok(compiled.policy),
        Err(faults) => {
            let name = file.display().to_string();
            bail!("{name} does not compile\n\n{}", render(&name, &whole, &faults).trim_end())
        }
    }
}

fn check(file: &Path, json: bool, print: bool) -> anyhow::Result<ExitCode> {
    let whole = read(file)?;
    let detectors: BTreeSet<String> =
        picket_bundle::DETECTORS.iter().map(|bundled| bundled.name.to_owned()).collect();
    let known = Known { labels: Labels::default(), detectors };
    let (mut found, good) = match Policy::compile_whole(&whole, Some(&known)) {
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
        let rendered = render(&name, &whole, &found);
        if std::io::stderr().is_terminal() {
            let red = rendered.replace("error[", "\u{1b}[1;31merror\u{1b}[0m[");
            eprintln!("{}", red.replace("warning[", "\u{1b}[1;33mwarning\u{1b}[0m["));
        } else {
            eprintln!("{rendered}");
        }
    }
    match (good, print) {
        (true, true) => print!("{}", whole.text()),
        (true, false) => println!("{name}: good"),
        (false, _) => {}
    }
    Ok(exit(good))
}

fn exit(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
