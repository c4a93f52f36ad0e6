//! Judging: findings in, verdict out. The order of findings and of their signals never matters, and
//! a failed finding never makes the outcome milder.

mod rules;
#[cfg(test)]
pub(super) mod tests;

use std::cmp::Ordering;

use serde::Serialize;

use rules::Ruled;

use super::escalate::demand;
use super::scoring::Scoring;
use super::texts::{Said, Wording};
use super::trace::{ExemptStep, LabelStep, Step};
use super::{Enforced, Exemption, Facts, OnError, Policy, Tier};
use crate::model::{
    Action, Direction, Event, Finding, Language, Outcome, Scope, ScopedAction, Score, Signal,
    Stage, Template, Timestamp,
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
    /// The tier's text for the end user, as it reads before anything escalates.
    pub message: Option<String>,
    /// The same, before it was filled.
    #[serde(skip)]
    pub text: Option<Template>,
    /// What its subject reads, where the event says so.
    #[serde(skip)]
    pub language: Option<Language>,
    /// What the rules that fired mark it with: sorted, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What those tell people of by an alert: sorted, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// The matter of the case that it belongs to: of the first rule of the policy that fired and names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Whether a finding was missing or a rule had no answer, so that `on_error` had a say.
    pub degraded: bool,
    /// Whether a person should look.
    pub review: bool,
    /// Whether nothing is enforced because the account is exempt. It then gets no strike either.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exempt: bool,
    /// Whether the policy judges events of this type.
    #[serde(skip)]
    pub judged: bool,
    /// Whether it counts as a violation, so that it gives a strike.
    pub violation: bool,
    /// Every signal of every finding, in the order of the findings.
    pub signals: Vec<Signal>,
    /// The arithmetic, a step for each label that weighs and for what else made the score; then the
    /// rules that fired or had no answer.
    pub trace: Vec<Step>,
}

impl Verdict {
    /// The most severe action and its scope; among equals the wider scope.
    pub fn strongest(&self) -> (Action, Scope) {
        let each = self.actions.iter().map(|scoped| (scoped.action, scoped.scope));
        each.max().unwrap_or((Action::Allow, Scope::Message))
    }

    pub(super) fn wording(&self) -> Wording {
        Wording {
            language: self.language.clone(),
            text: self.text.clone(),
            tier: self.tier.clone(),
            reason: self.reason.clone(),
        }
    }

    /// The names of the rules that fired, in the order of the policy.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.trace.iter().filter_map(|step| match step {
            Step::Rule(step) if step.failed.is_none() => Some(step.rule.as_str()),
            _ => None,
        })
    }

    /// Which way another verdict on the same event differs, by what is enforced and by who looks;
    /// `None` where it does not.
    pub fn direction_to(&self, other: &Self) -> Option<Direction> {
        match other.strongest().0.cmp(&self.strongest().0) {
            Ordering::Greater => Some(Direction::Stricter),
            Ordering::Less => Some(Direction::Milder),
            Ordering::Equal if self.looked_at() != other.looked_at() => Some(Direction::Retiered),
            Ordering::Equal => None,
        }
    }

    /// What it is filed under: its tier, whether a person looks, and in which case.
    fn looked_at(&self) -> (&str, bool, Option<&str>) {
        (&self.tier, self.review, self.case.as_deref())
    }
}

impl Policy {
    /// Judges one event. Total: scores that are out of range or not numbers are brought into 0..=1,
    /// though findings with such are refused before they get here.
    ///
    /// A signal counts if its finding is counted and ok, its label weighs more than 0 or a modifier or
    /// rule names it, and the policy judges the event's type. Of each label the strongest
    /// `score * confidence` counts, once.
    ///
    /// A rule without an answer on this event does not fire; like a missing finding it degrades the
    /// verdict, and `on_error` says what that means. An event of a type that the policy does not judge
    /// misses no finding, asks no rule, and is never degraded.
    pub fn judge(&self, event: &Event, facts: &Facts<'_>, findings: &[Finding]) -> Verdict {
        let judged = self.judges(&event.kind);
        let (signals, strongest) = self.count(judged, findings);
        let mut trace = Scoring::run(self, &strongest);
        let number = trace.last().map_or(0.0, Step::total);
        let merged = Score::from_unit(number);
        let missing = if judged { missing(findings) } else { Vec::new() };
        let ruled = match judged {
            true => self.ask_rules(event, findings, merged, facts, !missing.is_empty()),
            false => Ruled::default(),
        };
        let mut reason = match judged {
            true => self.explain(&trace, merged, self.tier_of(merged)),
            false => self.explain_unjudged(&event.kind, self.tier_of(merged)),
        };
        let (score, steps) = ruled.bound(&self.tiers, merged, number, facts.at);
        let tier = self.tier_of(score);
        reason.push_str(&ruled.explain(&steps, score, tier));
        trace.extend(steps);
        let failed = ruled.failed();
        let degraded = !missing.is_empty() || !failed.is_empty();
        if degraded {
            reason.push_str(&explain_missing(self.on_error, missing, failed));
        }
        let mut actions = Vec::with_capacity(2);
        demand(&mut actions, tier.enforced.from(facts.at));
        for action in ruled.fired().filter_map(|rule| rule.action) {
            demand(&mut actions, action.from(facts.at));
        }
        if degraded && self.on_error == OnError::Deny {
            let withheld =
                Enforced { action: Action::SoftBlock, scope: Scope::Message, for_h: None };
            demand(&mut actions, withheld.from(facts.at));
        }
        let language = self.languages.of(event);
        let own = tier.message.as_ref();
        let mut text = own.map(|texts| texts.in_language(language.as_ref()).clone());
        let exemption = self.exemption(&event.subject, facts.at);
        if let Some(exemption) = exemption {
            let allow = Action::Allow;
            let allowed = Enforced { action: allow, scope: allow.usual_scope(), for_h: None };
            actions = vec![allowed.from(facts.at)];
            text = None;
            let (exempt_until, why) = (exemption.until, exemption.why.clone());
            reason.push_str(&format!(
                "; nothing is enforced, for the account is exempt until {exempt_until}"
            ));
            let total = trace.last().map_or(0.0, Step::total);
            trace.push(Step::Exempt(ExemptStep { exempt_until, why, total }));
        }
        let said = Said { actions: &actions, count: 0, tier: &tier.name, reason: &reason };
        let message = text.as_ref().map(|text| said.in_words(text));
        Verdict {
            score,
            tier: tier.name.clone(),
            actions,
            reason,
            message,
            text,
            language,
            tags: ruled.tags(),
            alerts: ruled.alerts(),
            case: ruled.case(),
            judged,
            violation: judged && exemption.is_none() && self.gives_strike(&tier.name),
            degraded,
            review: (degraded && self.on_error != OnError::Allow)
                || tier.review
                || ruled.fired().any(|rule| rule.review || rule.case.is_some()),
            exempt: exemption.is_some(),
            signals,
            trace,
        }
    }

    /// The exemption of a subject that ends last, if one is in force.
    pub fn exemption(&self, subject: &str, at: Timestamp) -> Option<&Exemption> {
        let covers = |exemption: &&Exemption| exemption.covers(subject, at);
        let order = |a: &&Exemption, b: &&Exemption| (a.until, &a.why).cmp(&(b.until, &b.why));
        self.exemptions.iter().filter(covers).max_by(order)
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
                let named = counts && self.named.binary_search(&signal.label).is_ok();
                if let Some(at) = label {
                    let evidence = unit(unit(signal.score) * unit(signal.confidence));
                    strongest[at] = Some(strongest[at].unwrap_or(0.0).max(evidence));
                }
                let version = finding.version.clone().filter(|_| on_trial);
                let counted = label.is_some() || named;
                signals.push(Signal { counted, version, ..signal.clone() });
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
        let labels = steps.iter().map(|step| (&step.label, "", step.contribution));
        let modifiers = trace.iter().filter_map(|step| match step {
            Step::Modifier(step) => Some((&step.modifier, "+", step.add)),
            _ => None,
        });
        let parts: Vec<(&String, &str, f64)> = labels.chain(modifiers).collect();
        let give = if parts.len() == 1 { "gives" } else { "give" };
        let parts = parts.iter().map(|(name, sign, by)| format!("{name} {sign}{}", short(*by)));
        let lift = trace.iter().find_map(|step| match step {
            Step::Lift(step) => Some(format!(", lifted by {},", step.lifted_by)),
            _ => None,
        });
        let (parts, lift) = (listed(parts), lift.unwrap_or_default());
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

/// `missing` and `failed` for a sentence: findings that did not come, and rules without an answer.
fn explain_missing(on_error: OnError, missing: Vec<String>, failed: Vec<String>) -> String {
    let did = match on_error {
        OnError::Allow => "adds nothing",
        OnError::Review => "asks for a review",
        OnError::Deny => "asks for at least soft_block and a review",
    };
    let mut causes = Vec::new();
    if !missing.is_empty() {
        causes.push(format!("no finding came from {}", listed(missing.into_iter())));
    }
    if !failed.is_empty() {
        causes.push(format!("no answer came from {}", listed(failed.into_iter())));
    }
    format!("; on_error = {on_error} {did}, for {}", causes.join(" and "))
}

/// Parts of a sentence that are named before the rest is only counted.
const LISTED_MAX: usize = 4;

/// `a`, `a and b`, `a, b and c`, `a, b, c, d and 3 more`. Of those that are counted none is made.
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
    let mut digits = format!("{number:.3}");
    digits.truncate(digits.trim_end_matches('0').trim_end_matches('.').len());
    digits
}

/// A number brought into 0..=1; NaN is 0.
fn unit(number: f64) -> f64 {
    if number > 0.0 { number.min(1.0) } else { 0.0 }
}
