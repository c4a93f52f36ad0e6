//! Judging: findings in, verdict out. The order of findings and of their signals never matters, and
//! a failed finding never makes the outcome milder.

#[cfg(test)]
pub(super) mod tests;

use std::cmp::Ordering;

use serde::Serialize;

use super::escalate::demand;
use super::scoring::Scoring;
use super::trace::{LabelStep, Step};
use super::{OnError, Policy, Tier};
use crate::model::{
    Action, Direction, Event, Finding, Outcome, Scope, ScopedAction, Score, Signal, Stage,
};

/// What a policy says about one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    pub score: Score,
    /// The name of the tier that the score lies in.
    pub tier: String,
    /// What is to be enforced: at most one per scope, sorted by scope, never empty.
    pub actions: Vec<ScopedAction>,
    /// What decided, in one sentence for a reviewer. It quotes nothing of the event.
    pub reason: String,
    /// The tier's text for the end user.
    pub message: Option<String>,
    /// Whether a finding was missing, so that `on_error` had a say.
    pub degraded: bool,
    /// Whether a person should look.
    pub review: bool,
    /// Whether it counts as a violation, so that it gives a strike.
    pub violation: bool,
    /// Every signal of every finding, in the order of the findings.
    pub signals: Vec<Signal>,
    /// The arithmetic, a step for each label that weighs and for what else made the score.
    pub trace: Vec<Step>,
}

impl Verdict {
    /// The most severe action and its scope; among equals the wider scope.
    pub fn strongest(&self) -> (Action, Scope) {
        let each = self.actions.iter().map(|scoped| (scoped.action, scoped.scope));
        each.max().unwrap_or((Action::Allow, Scope::Message))
    }

    /// Which way another verdict on the same event differs, by what is enforced and by who looks;
    /// `None` where it does not.
    pub fn direction_to(&self, other: &Self) -> Option<Direction> {
        match other.strongest().0.cmp(&self.strongest().0) {
            Ordering::Greater => Some(Direction::Stricter),
            Ordering::Less => Some(Direction::Milder),
            Ordering::Equal if self.tier != other.tier || self.review != other.review => {
                Some(Direction::Retiered)
            }
            Ordering::Equal => None,
        }
    }
}

impl Policy {
    /// Judges one event. Total: scores that are out of range or not numbers are brought into 0..=1,
    /// though findings with such are refused before they get here.
    ///
    /// A signal counts if its finding is counted and ok, its label weighs more than 0 or a modifier
    /// names it, and the policy judges the event's type. Of each label the strongest
    /// `score * confidence` counts, once.
    /// An event of a type that the policy does not judge misses no finding: it is never degraded.
    pub fn judge(&self, event: &Event, findings: &[Finding]) -> Verdict {
        let judged = self.judges(&event.kind);
        let (signals, strongest) = self.count(judged, findings);
        let trace = Scoring::run(self, &strongest);
        let score = trace.last().map_or(Score::ZERO, |step| Score::from_unit(step.total()));
        let tier = self.tier_of(score);
        let missing = if judged { missing(findings) } else { Vec::new() };
        let degraded = !missing.is_empty();
        let mut actions = Vec::with_capacity(2);
        demand(&mut actions, ScopedAction::lasting(tier.action, tier.scope));
        if degraded && self.on_error == OnError::Deny {
            let withheld = ScopedAction::lasting(Action::SoftBlock, Scope::Message);
            demand(&mut actions, withheld);
        }
        let mut reason = match judged {
            true => self.explain(&trace, score, tier),
            false => self.explain_unjudged(&event.kind, tier),
        };
        if degraded {
            reason.push_str(&explain_missing(self.on_error, missing));
        }
        Verdict {
            score,
            tier: tier.name.clone(),
            actions,
            reason,
            message: tier.message.clone(),
            violation: judged && self.gives_strike(&tier.name),
            degraded,
            review: degraded && self.on_error != OnError::Allow,
            signals,
            trace,
        }
    }

    /// Every signal, and the strongest evidence for each of the policy's labels that has any.
    fn count(&self, judged: bool, findings: &[Finding]) -> (Vec<Signal>, Vec<Option<f64>>) {
        let mut strongest: Vec<Option<f64>> = vec![None; self.weights.len()];
        let mut signals = Vec::with_capacity(findings.iter().map(|f| f.signals.len()).sum());
        for finding in findings {
            let counts = judged && finding.outcome == Outcome::Ok && finding.counted;
            let on_trial = finding.stage.is_some_and(Stage::is_trial);
            for signal in &finding.signals {
                let label = if counts { self.weighed(&signal.label) } else { None };
                if let Some(at) = label {
                    let evidence = unit(unit(signal.score) * unit(signal.confidence));
                    strongest[at] = Some(strongest[at].unwrap_or(0.0).max(evidence));
                }
                let version = finding.version.clone().filter(|_| on_trial);
                signals.push(Signal { counted: label.is_some(), version, ..signal.clone() });
            }
        }
        (signals, strongest)
    }

    /// Where in `weights` a label is, if it weighs more than 0 or a modifier looks at it.
    fn weighed(&self, label: &str) -> Option<usize> {
        let at = self.weights.binary_search_by(|(weighed, _)| weighed.as_str().cmp(label)).ok()?;
        let counts = self.weights[at].1 > Score::ZERO
            || self.modifiers.iter().any(|modifier| modifier.names(at));
        counts.then_some(at)
    }

    pub(super) fn tier_of(&self, score: Score) -> &Tier {
        let above = self.tiers.partition_point(|tier| tier.from <= score);
        // Invariant: the first tier starts at 0, so at least one is not above.
        &self.tiers[above.saturating_sub(1)]
    }

    fn gives_strike(&self, tier: &str) -> bool {
        self.strikes.as_ref().is_some_and(|strikes| strikes.tiers.iter().any(|own| own == tier))
    }

    fn explain(&self, trace: &[Step], score: Score, tier: &Tier) -> String {
        let tier = &tier.name;
        if trace.is_empty() {
            return format!("no signal that the policy weighs: score {score}, tier {tier}");
        }
        let mut steps: Vec<&LabelStep> = trace.iter().filter_map(Step::label).collect();
        steps.sort_by(|a, b| {
            b.contribution.total_cmp(&a.contribution).then_with(|| a.label.cmp(&b.label))
        });
        let labels =
            steps.iter().map(|step| format!("{} {}", step.label, short(step.contribution)));
        let modifiers = trace.iter().filter_map(|step| match step {
            Step::Modifier(step) => Some(format!("{} +{}", step.modifier, short(step.add))),
            _ => None,
        });
        let parts: Vec<String> = labels.chain(modifiers).collect();
        let give = if parts.len() == 1 { "gives" } else { "give" };
        let lift = trace.iter().find_map(|step| match step {
            Step::Lift(step) => Some(format!(", lifted by {},", step.lifted_by)),
            _ => None,
        });
        let (parts, lift) = (listed(parts.into_iter()), lift.unwrap_or_default());
        format!("{parts} by {}{lift} {give} {score}, tier {tier}", self.scheme)
    }

    fn explain_unjudged(&self, kind: &str, tier: &Tier) -> String {
        format!("the policy {} does not judge {kind}: score 0, tier {}", self.name, tier.name)
    }
}

/// The findings that should have been there, for a sentence: failures of what counts, and
/// required detectors that are not loaded and so have no stage. Sorted, for their order is chance.
fn missing(findings: &[Finding]) -> Vec<String> {
    let mut missing: Vec<String> = findings
        .iter()
        .filter(|finding| finding.counted && finding.outcome != Outcome::Ok)
        .map(|finding| match finding.stage {
            None => format!("{} (not loaded)", finding.detector),
            Some(Stage::Quarantined) => format!("{} (quarantined)", finding.detector),
            Some(_) => format!("{} ({})", finding.detector, finding.outcome),
        })
        .collect();
    missing.sort();
    missing
}

fn explain_missing(on_error: OnError, missing: Vec<String>) -> String {
    let did = match on_error {
        OnError::Allow => "adds nothing",
        OnError::Review => "asks for a review",
        OnError::Deny => "asks for at least soft_block and a review",
    };
    let missing = listed(missing.into_iter());
    format!("; on_error = {on_error} {did}, for no finding came from {missing}")
}

/// Parts of a sentence that are named before the rest is only counted.
const LISTED_MAX: usize = 4;

/// `a`, `a and b`, `a, b and c`, `a, b, c, d and 3 more`.
fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(LISTED_MAX);
    let mut named: Vec<String> = items.take(LISTED_MAX).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    match named.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => named.concat(),
    }
}

/// A number for a sentence: at most three places.
fn short(number: f64) -> String {
    let digits = format!("{number:.3}");
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number brought into 0..=1; NaN is 0.
fn unit(number: f64) -> f64 {
    if number > 0.0 { number.min(1.0) } else { 0.0 }
}
