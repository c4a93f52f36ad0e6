//! Counts and times of what was played, and how they are told at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use comfy_table::CellAlignment;
use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::caller::Answer;
use crate::cli::table::{self, plain};
use crate::model::{Action, Outcome, Score};

/// Everything that is counted.
pub(super) struct Tally {
    /// Those that got a decision.
    pub events: u64,
    /// Those that did not.
    pub errors: u64,
    quiet: u64,
    degraded: u64,
    begun: Instant,
    kinds: BTreeSet<String>,
    sources: BTreeMap<String, Counts>,
    /// The lowest score seen in each tier: their order.
    tiers: BTreeMap<String, Score>,
    /// By name and version.
    detectors: BTreeMap<(String, String), Runs>,
    calls: Histogram<u64>,
}

#[derive(Default)]
struct Counts {
    tiers: BTreeMap<String, u64>,
    actions: BTreeMap<Action, u64>,
}

/// One version's evaluations.
struct Runs {
    micros: Histogram<u64>,
    signals: u64,
    failed: u64,
}

/// Microseconds up to a minute, to three digits.
fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds that there can be")
}

impl Tally {
    pub fn new() -> Self {
        Self {
            events: 0,
            errors: 0,
            quiet: 0,
            degraded: 0,
            begun: Instant::now(),
            kinds: BTreeSet::new(),
            sources: BTreeMap::new(),
            tiers: BTreeMap::new(),
            detectors: BTreeMap::new(),
            calls: times(),
        }
    }

    pub fn decision(&mut self, answer: &Answer) {
        let decision = &answer.decision;
        self.events += 1;
        self.quiet += u64::from(decision.signals.is_empty() && decision.action == Action::Allow);
        self.degraded += u64::from(decision.degraded);
        self.calls.saturating_record(answer.micros);
        self.kinds.insert(decision.kind.clone());
        let counts = self.sources.entry(decision.source.clone()).or_default();
        *counts.tiers.entry(decision.tier.clone()).or_default() += 1;
        *counts.actions.entry(decision.action).or_default() += 1;
        let floor = self.tiers.entry(decision.tier.clone()).or_insert(decision.score);
        *floor = decision.score.min(*floor);
        for finding in &decision.findings {
            let version = finding.version.clone().unwrap_or_default();
            let runs = self
                .detectors
                .entry((finding.detector.clone(), version))
                .or_insert_with(|| Runs { micros: times(), signals: 0, failed: 0 });
            runs.micros.saturating_record(finding.micros);
            runs.failed += u64::from(finding.outcome != Outcome::Ok);
            let found = decision.signals.iter().filter(|it| it.detector == finding.detector);
            runs.signals += found.count() as u64;
        }
    }

    /// Events that were answered, in whatever way.
    pub fn shown(&self) -> u64 {
        self.events + self.errors
    }

    /// For the progress bar.
    pub fn line(&self) -> String {
        let mut actions: BTreeMap<Action, u64> = BTreeMap::new();
        for (action, count) in self.sources.values().flat_map(|counts| &counts.actions) {
            *actions.entry(*action).or_default() += count;
        }
        let quiet = format!("quiet {}", self.quiet);
        let counted = actions.iter().map(|(action, count)| match action {
            Action::Allow => format!("allow {}", count - self.quiet),
            _ => format!("{action} {count}"),
        });
        let errors = format!("errors {}", self.errors);
        std::iter::once(quiet).chain(counted).chain([errors]).collect::<Vec<_>>().join("  ")
    }

    pub fn tables(&self) -> Vec<String> {
        let degraded = match self.degraded {
            0 => String::new(),
            degraded => format!(", degraded: {degraded}"),
        };
        let mut lines = vec![format!(
            "{} of {} decided in {:.1} s, errors: {}{degraded}",
            counted(self.events, "event"),
            counted(self.kinds.len() as u64, "type"),
            self.begun.elapsed().as_secs_f64(),
            self.errors,
        )];
        lines.extend(self.decisions());
        lines.push(String::new());
        lines.extend(self.costs());
        lines.extend(self.times());
        lines
    }

    /// Sources down, tiers and actions across.
    fn decisions(&self) -> Vec<String> {
        let mut tiers: Vec<&String> = self.tiers.keys().collect();
        tiers.sort_by_key(|tier| self.tiers[*tier]);
        let actions: BTreeSet<Action> =
            self.sources.values().flat_map(|counts| counts.actions.keys().copied()).collect();
        let names = tiers.iter().map(|tier| plain(tier)).chain([String::new()]);
        let names = names.chain(actions.iter().map(ToString::to_string));
        let head: Vec<String> = std::iter::once("DECISIONS".to_owned()).chain(names).collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let rows = self.sources.iter().map(|(source, counts)| {
            let tiers = tiers.iter().map(|tier| counts.tiers.get(*tier));
            let actions = actions.iter().map(|action| counts.actions.get(action));
            let count = |count: Option<&u64>| count.copied().unwrap_or(0).to_string();
            let cells = tiers.map(count).chain([String::new()]).chain(actions.map(count));
            std::iter::once(plain(source)).chain(cells).collect()
        });
        aligned(&head, rows.collect(), 1)
    }

    fn costs(&self) -> Vec<String> {
        let head = ["DETECTOR", "VERSION", "runs", "signals", "failed", "median us", "p99 us"];
        let rows = self.detectors.iter().map(|((name, version), runs)| {
            let times = [0.5, 0.99].map(|part| runs.micros.value_at_quantile(part));
            let counts = [runs.micros.len(), runs.signals, runs.failed, times[0], times[1]];
            let counts = counts.iter().map(ToString::to_string);
            [plain(name), plain(version)].into_iter().chain(counts).collect()
        });
        aligned(&head, rows.collect(), 2)
    }

    fn times(&self) -> Vec<String> {
        let call = |part| self.calls.value_at_quantile(part) as f64 / 1_000.0;
        let (p50, p99) = (call(0.5), call(0.99));
        let mut lines =
            vec![format!("  a call            p50 {p50:.1} ms, p99 {p99:.1} ms, durable on disk")];
        if let Some((name, micros)) = self.slowest() {
            let name = plain(name);
            lines.push(format!("  slowest detector  {name}, {micros} us at the median"));
        }
        lines
    }

    /// The detector with the highest median.
    fn slowest(&self) -> Option<(&str, u64)> {
        let medians = self
            .detectors
            .iter()
            .map(|((name, _), runs)| (name.as_str(), runs.micros.value_at_quantile(0.5)));
        medians.max_by_key(|(_, micros)| *micros)
    }

    pub fn json(&self) -> Value {
        let call = |part| self.calls.value_at_quantile(part) as f64 / 1_000.0;
        let sources: BTreeMap<_, _> = self
            .sources
            .iter()
            .map(|(source, it)| (source, json!({ "tiers": it.tiers, "actions": it.actions })))
            .collect();
        let detectors = self.detectors.iter().map(|((name, version), runs)| {
            json!({
                "name": name,
                "version": version,
                "runs": runs.micros.len(),
                "signals": runs.signals,
                "failed": runs.failed,
                "median_micros": runs.micros.value_at_quantile(0.5),
                "p99_micros": runs.micros.value_at_quantile(0.99),
            })
        });
        json!({
            "events": self.shown(),
            "decisions": self.events,
            "errors": self.errors,
            "degraded": self.degraded,
            "types": self.kinds,
            "seconds": self.begun.elapsed().as_secs_f64(),
            "sources": sources,
            "detectors": detectors.collect::<Vec<_>>(),
            "call_ms": { "p50": call(0.5), "p99": call(0.99) },
            "slowest_detector": self.slowest().map(|(name, _)| name),
        })
    }
}

/// A table whose first columns are names and the others numbers.
fn aligned(head: &[&str], rows: Vec<Vec<String>>, names: usize) -> Vec<String> {
    let mut table = table::new(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(names) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.lines().map(|line| format!(" {}", line.trim_end())).collect()
}

/// `1 event`, `2 events`.
pub(super) fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
