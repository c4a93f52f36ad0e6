//! `picket policy explain`: each step of the arithmetic, from what was found to what is enforced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::found::{Shipped, Written};
use crate::cli::sandbox;
use crate::cli::table::{self, plain};
use crate::model::{Action, Event, Scope, Score, Signal};
use crate::policy::{
    Bound, BoundStep, ExemptStep, LabelStep, LiftStep, ModifierStep, Policy, RuleStep, Scheme,
    StageStep, Step, Verdict,
};

/// Show how a policy comes to what it decides about an event.
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// The policy
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// A CloudEvents envelope as JSON, of which all but `data` may be left out
    #[arg(value_name = "EVENT.json")]
    event: PathBuf,
    /// What was found, as JSON; the shipped detectors run in the sandbox unless given
    #[arg(long, value_name = "FILE")]
    findings: Option<PathBuf>,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = r#"An event is as much of an envelope as matters:
  {"type": "message.sent", "data": {"content": "ring me"}}

Findings are signals, and the detectors from which no finding came; score and confidence are 1
unless given:
  {"signals": [{"label": "contact.phone", "score": 0.95, "confidence": 0.9}],
   "missing": ["contact-email"],
   "facts": {"features": {"messages_1h": 40}, "accounts": {"contact.phone": 3},
             "subject": {"strikes": 2, "restrictions": ["cooldown"], "score": 0.7, "trust": 0.1}}}

`facts` are what is known of the past: features by name, how many accounts had what the signals of a
label carry (this one included), and how the account stands. What is not given is as if nothing had
happened before."#;

pub(super) fn run(args: &Explain) -> anyhow::Result<ExitCode> {
    let policy = super::load(&args.policy)?;
    let event = sandbox::event(&read::<Json>(&args.event)?)
        .with_context(|| args.event.display().to_string())?;
    let found = match &args.findings {
        Some(file) => {
            let found = read::<Written>(file)?.found();
            found.is_for(&policy).with_context(|| file.display().to_string())?;
            found
        }
        None => Shipped::default().find(&event)?,
    };
    let verdict = found.judged_by(&policy, &event);
    if args.json {
        let policy = json!({
            "name": policy.name(), "digest": policy.digest(), "merge": policy.scheme().as_str(),
        });
        let event = json!({
            "id": event.id, "source": event.source, "type": event.kind, "subject": event.subject,
        });
        let all = json!({"policy": policy, "event": event, "verdict": verdict});
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        print!("{}", render(&policy, &event, &verdict));
    }
    Ok(ExitCode::SUCCESS)
}

fn read<T: DeserializeOwned>(file: &Path) -> anyhow::Result<T> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    serde_json::from_str(&text).with_context(|| file.display().to_string())
}

fn render(policy: &Policy, event: &Event, verdict: &Verdict) -> String {
    let mut out = format!(
        "{} ({}) on {} of {}\n\n",
        policy.name(),
        policy.scheme(),
        plain(&event.kind),
        plain(&event.subject)
    );
    if !verdict.trace.is_empty() {
        let mut table = table::new(&["STEP", "NUMBER", "WEIGHT", "GIVES", "TOTAL", "WHY"]);
        for step in &verdict.trace {
            table.add_row(row(policy, step, &verdict.signals));
        }
        out += &format!("{table}\n\n");
    }
    let mut silent: Vec<String> = (verdict.signals.iter())
        .filter(|signal| !signal.counted)
        .map(|signal| plain(&signal.label))
        .collect();
    silent.sort();
    silent.dedup();
    if !silent.is_empty() {
        out += &format!("did not count: {}\n", silent.join(", "));
    }
    let from = policy.tiers().iter().find(|tier| tier.name == verdict.tier).map(|tier| tier.from);
    let from = from.unwrap_or(Score::ZERO);
    out += &format!("score    {}\ntier     {}, from {from}\n", verdict.score, verdict.tier);
    for scoped in &verdict.actions {
        let until = scoped.expires_at.map(|until| format!(" until {until}")).unwrap_or_default();
        out += &format!("action   {} of the {}{until}\n", scoped.action, scoped.scope);
        let later = policy.onset().filter(|_| scoped.scope == Scope::Account);
        if let Some(onset) = later.filter(|_| scoped.action > Action::Allow) {
            out += &format!("begins   {onset}\n");
        }
    }
    if !verdict.tags.is_empty() {
        out += &format!("tags     {}\n", verdict.tags.join(", "));
    }
    if !verdict.alerts.is_empty() {
        out += &format!("alerts   {}\n", verdict.alerts.join(", "));
    }
    if let Some(case) = &verdict.case {
        out += &format!("case     {case}\n");
    }
    if verdict.review {
        out += "review   a person should look\n";
    }
    if let Some(message) = &verdict.message {
        out += &format!("message  {}\n", plain(message));
    }
    out + &format!("because  {}\n", plain(&verdict.reason))
}

/// A step as a row. What goes into the number of a stage is indented, and the row of the stage follows.
fn row(policy: &Policy, step: &Step, signals: &[Signal]) -> [String; 6] {
    let indented = |stage: &Option<String>, name: &str| match stage {
        Some(_) => format!("  {}", plain(name)),
        None => plain(name),
    };
    match step {
        Step::Label(LabelStep { stage, label, evidence, weight, contribution, total }) => [
            indented(stage, label),
            number(*evidence),
            number(*weight),
            number(*contribution),
            number(*total),
            evidence_of(label, signals),
        ],
        Step::Modifier(ModifierStep { stage, modifier, because, add, total }) => [
            indented(stage, modifier),
            String::new(),
            String::new(),
            format!("+{}", number(*add)),
            number(*total),
            because.join(", "),
        ],
        Step::Stage(StageStep { stage, number: made, weight, contribution, total }) => [
            stage.clone(),
            number(*made),
            number(*weight),
            number(*contribution),
            number(*total),
            how_merged(policy, stage),
        ],
        Step::Lift(LiftStep { lifted_by, number: made, share, total }) => [
            "lift".to_owned(),
            number(*made),
            number(*share),
            number(*total),
            number(*total),
            lifted(policy, lifted_by),
        ],
        Step::Rule(step) => {
            let (gives, why) = (asked(step), why_ruled(policy, step));
            [step.rule.clone(), String::new(), String::new(), gives, number(step.total), why]
        }
        Step::Bound(BoundStep { bound, tier, rules, total }) => {
            let (name, gives) = match bound {
                Bound::Ceiling => ("ceiling", format!("below the tier above {tier}")),
                Bound::Floor => ("floor", format!("from {tier} on")),
            };
            let blank = String::new;
            [name.to_owned(), blank(), blank(), gives, number(*total), rules.join(", ")]
        }
        Step::Exempt(ExemptStep { exempt_until, why, total }) => [
            "exempt".to_owned(),
            String::new(),
            String::new(),
            format!("nothing until {exempt_until}"),
            number(*total),
            plain(why),
        ],
    }
}

/// What a rule asks for, in a word each.
fn asked(step: &RuleStep) -> String {
    if step.failed.is_some() {
        return "no answer".to_owned();
    }
    let parts = [
        step.floor.as_ref().map(|tier| format!("floor {tier}")),
        step.ceiling.as_ref().map(|tier| format!("ceiling {tier}")),
        step.asks.as_ref().map(|asks| asks.action.to_string()),
        step.tag.as_ref().map(|tag| format!("tag {tag}")),
        step.alert.as_ref().map(|alert| format!("alert {alert}")),
        step.case.as_ref().map(|case| format!("case {case}")),
        step.review.then(|| "review".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Characters of a condition that are shown.
const WHEN_CHARS: usize = 60;

/// The condition of a rule that fired, or why another has no answer.
fn why_ruled(policy: &Policy, step: &RuleStep) -> String {
    if let Some(failed) = &step.failed {
        return plain(failed);
    }
    let rule = policy.rules().iter().find(|rule| rule.name == step.rule);
    let when = rule.map_or("", |rule| &rule.when);
    let words: Vec<&str> = when.split_whitespace().collect();
    let mut shown: String = plain(&words.join(" "));
    if let Some((at, _)) = shown.char_indices().nth(WHEN_CHARS) {
        shown.truncate(at);
        shown.push('…');
    }
    shown
}

/// The signal that is the evidence for a label: the strongest that counts.
fn evidence_of(label: &str, signals: &[Signal]) -> String {
    let strength = |signal: &&Signal| signal.score * signal.confidence;
    let strongest = (signals.iter())
        .filter(|signal| signal.counted && signal.label == label)
        .max_by(|a, b| strength(a).total_cmp(&strength(b)));
    strongest.map_or_else(String::new, |signal| {
        let (score, sure) = (number(signal.score), number(signal.confidence));
        format!("score {score} x confidence {sure}, {}", plain(&signal.detector))
    })
}

fn how_merged(policy: &Policy, name: &str) -> String {
    let Scheme::Stages { stages, .. } = policy.scheme() else { return String::new() };
    let merge = stages.iter().find(|stage| stage.name == name).map(|stage| stage.merge);
    merge.map_or_else(String::new, |merge| format!("a stage, its labels by {merge}"))
}

fn lifted(policy: &Policy, by: &str) -> String {
    match policy.scheme() {
        Scheme::Stages { lift: Some(lift), .. } => format!("{by} is {} at least", lift.from),
        _ => String::new(),
    }
}

/// At most six places, as many as a score has.
fn number(number: f64) -> String {
    let digits = format!("{number:.6}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}
