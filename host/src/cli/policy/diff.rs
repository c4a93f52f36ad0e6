//! `picket policy diff`: which decisions another policy would change, on events that somebody kept.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value as Json, json};

use super::found::{Found, Shipped};
use super::golden::Case;
use crate::cli::sandbox;
use crate::cli::table::{self, plain};
use crate::model::{Action, Direction, Event};
use crate::policy::Verdict;

/// Show which decisions differ between two policies.
#[derive(Debug, Args)]
pub(in crate::cli) struct Diff {
    /// The policy as it is
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The policy as it would be
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Events, an envelope or a golden case on a line
    #[arg(long = "on", value_name = "EVENTS")]
    events: PathBuf,
    /// How many examples of each kind of difference are listed
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    examples: usize,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
  picket policy diff policies/market.toml draft.toml --on events.jsonl

The shipped detectors run once on each event, and both policies judge what they find; a golden case
may say what is found. Events that neither policy judges, by type or by source, are passed over. stricter and milder go by
the action; retiered is the same action from another tier, or a person who should look. The exit
code is 0 whatever differs.";

/// Characters of an event's id that the table shows.
const ID_CHARS: usize = 40;

pub(super) fn run(args: &Diff) -> anyhow::Result<ExitCode> {
    let (before, after) = (super::load(&args.before)?, super::load(&args.after)?);
    let shown = args.events.display().to_string();
    let file = std::fs::File::open(&args.events).with_context(|| shown.clone())?;
    let mut shipped = Shipped::default();
    let mut differences = Differences::default();
    for (at, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| shown.clone())?;
        if line.trim().is_empty() {
            continue;
        }
        let given = given(&line, &[before.source(), after.source()], &mut shipped);
        let given = given.with_context(|| format!("{shown}:{}", at + 1))?;
        let judged = |event: &Event| before.judges(&event.kind) || after.judges(&event.kind);
        let Some((event, found)) = given.filter(|(event, _)| judged(event)) else {
            differences.passed_over += 1;
            continue;
        };
        let was = found.judged_by(&before, &event);
        differences.add(&event, &was, &found.judged_by(&after, &event));
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&differences.json(args.examples))?),
        false => print!("{}", differences.render(args.examples)),
    }
    Ok(ExitCode::SUCCESS)
}

/// An event with what is found in it; `None` where it says that it is of another source. A line that says
/// what was found, or has a bare text, is a case.
fn given(
    line: &str,
    sources: &[&str],
    shipped: &mut Shipped,
) -> anyhow::Result<Option<(Event, Found)>> {
    let line: Json = serde_json::from_str(line)?;
    let source = line.get("event").unwrap_or(&line)["source"].as_str();
    if source.is_some_and(|source| !sources.contains(&source)) {
        return Ok(None);
    }
    if ["text", "event", "signals"].iter().any(|&key| line.get(key).is_some()) {
        return serde_json::from_value::<Case>(line)?.given(shipped).map(Some);
    }
    let event = sandbox::event(&line)?;
    let found = shipped.find(&event)?;
    Ok(Some((event, found)))
}

/// What differs between the decisions of two policies.
#[derive(Default)]
struct Differences {
    events: usize,
    passed_over: usize,
    /// Same decision from another score.
    rescored: usize,
    /// By direction, and by action before and after.
    changed: BTreeMap<Kind, Vec<Changed>>,
}

/// Stricter first; then what is most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    rank: u8,
    before: Action,
    after: Action,
}

struct Changed {
    event: String,
    subject: String,
    before: Filed,
    after: Filed,
}

/// Score, tier and the matter of the case.
struct Filed {
    score: f64,
    tier: String,
    case: Option<String>,
}

impl Differences {
    fn add(&mut self, event: &Event, was: &Verdict, is: &Verdict) {
        self.events += 1;
        let Some(direction) = was.direction_to(is) else {
            self.rescored += usize::from(was.score != is.score);
            return;
        };
        let kind =
            Kind { rank: rank(direction), before: was.strongest().0, after: is.strongest().0 };
        let side = |verdict: &Verdict| Filed {
            score: verdict.score.as_f64(),
            tier: verdict.tier.clone(),
            case: verdict.case.clone(),
        };
        self.changed.entry(kind).or_default().push(Changed {
            event: event.id.clone(),
            subject: event.subject.clone(),
            before: side(was),
            after: side(is),
        });
    }

    fn count(&self, direction: Direction) -> usize {
        let kinds = self.changed.iter().filter(|(kind, _)| kind.rank == rank(direction));
        kinds.map(|(_, changed)| changed.len()).sum()
    }

    fn render(&self, examples: usize) -> String {
        let changed: usize = DIRECTIONS.map(|direction| self.count(direction)).iter().sum();
        let mut out = format!("{} events, {changed} decisions differ", self.events);
        for direction in DIRECTIONS {
            let sign = if direction == Direction::Stricter { ": " } else { ", " };
            out += &format!("{sign}{} {}", self.count(direction), direction.as_str());
        }
        out += &format!("; another score only: {}\n", self.rescored);
        if self.passed_over > 0 {
            out += &format!("events that neither policy judges: {}\n", self.passed_over);
        }
        if changed == 0 {
            return out;
        }
        let mut table = table::new(&["", "BEFORE", "AFTER", "COUNT", "EXAMPLES"]);
        for (kind, changed) in &self.changed {
            let examples: Vec<String> = changed.iter().take(examples).map(Changed::line).collect();
            table.add_row([
                kind.direction().as_str().to_owned(),
                kind.before.to_string(),
                kind.after.to_string(),
                changed.len().to_string(),
                examples.join("\n"),
            ]);
        }
        out + &format!("\n{table}\n")
    }

    fn json(&self, examples: usize) -> Json {
        let kinds = self.changed.iter().map(|(kind, changed)| {
            json!({
                "direction": kind.direction(), "before": kind.before, "after": kind.after,
                "count": changed.len(),
                "examples": changed.iter().take(examples).map(Changed::json).collect::<Vec<_>>(),
            })
        });
        json!({
            "events": self.events, "passed_over": self.passed_over, "rescored": self.rescored,
            "stricter": self.count(Direction::Stricter), "milder": self.count(Direction::Milder),
            "retiered": self.count(Direction::Retiered), "changed": kinds.collect::<Vec<_>>(),
        })
    }
}

/// In the order in which they are told.
const DIRECTIONS: [Direction; 3] = [Direction::Stricter, Direction::Milder, Direction::Retiered];

fn rank(direction: Direction) -> u8 {
    match direction {
        Direction::Stricter => 0,
        Direction::Milder => 1,
        Direction::Retiered => 2,
    }
}

impl Kind {
    fn direction(self) -> Direction {
        DIRECTIONS[usize::from(self.rank)]
    }
}

impl Changed {
    fn line(&self) -> String {
        let id: String = plain(&self.event).chars().take(ID_CHARS).collect();
        format!("{id}: {} -> {}", self.before.line(), self.after.line())
    }

    fn json(&self) -> Json {
        json!({
            "event": self.event, "subject": self.subject, "before": self.before.json(),
            "after": self.after.json(),
        })
    }
}

impl Filed {
    fn line(&self) -> String {
        let case = self.case.as_ref().map(|case| format!(", case {case}")).unwrap_or_default();
        format!("{} {}{case}", self.score, self.tier)
    }

    fn json(&self) -> Json {
        let mut json = json!({"score": self.score, "tier": self.tier});
        if let Some(case) = &self.case {
            json["case"] = json!(case);
        }
        json
    }
}
