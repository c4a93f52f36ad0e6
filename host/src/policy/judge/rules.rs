//! Rules on one event: which fire, and what comes of all of them together.
//!
//! Invariant: their order in the policy decides nothing. All see the same merged score and tier. Of
//! ceilings the lowest counts, of floors the highest, and a floor wins over a ceiling: as with actions,
//! the more severe of two demands is met, and no rule undoes what another asks for. Who is never to be
//! acted on is exempt, which says so.

use super::super::expression::{Failure, Scene};
use super::super::rules::Rule;
use super::super::trace::{Bound, BoundStep, RuleStep, Step};
use super::super::{Facts, Policy, Tier};
use super::{listed, unit};
use crate::model::{Event, Finding, Outcome, Score, Signal, Timestamp};

/// What the rules of a policy say about one event.
#[derive(Debug, Default)]
pub(super) struct Ruled<'p> {
    /// The rules that fired and those that have no answer, in the order of the policy.
    outcomes: Vec<(&'p Rule, Result<(), Failure>)>,
}

impl Policy {
    /// Asks every rule. `merged` is the score that they see.
    pub(super) fn ask_rules(
        &self,
        event: &Event,
        findings: &[Finding],
        merged: Score,
        facts: &Facts<'_>,
        degraded: bool,
    ) -> Ruled<'_> {
        if self.rules.is_empty() {
            return Ruled::default();
        }
        let signals = counting(findings);
        let scene = Scene {
            event,
            labels: strongest(&signals),
            signals,
            score: merged.as_f64(),
            tier: &self.tier_of(merged).name,
            degraded,
            lists: self.lists.iter().map(|list| list.has(event, facts.at)).collect(),
            known: facts.known,
            account: facts.account,
            account_tier: &self.tier_of(facts.account.score).name,
        };
        let asked = self.rules.iter().map(|rule| (rule, rule.condition.holds(&scene)));
        let outcomes = asked.filter_map(|(rule, holds)| match holds {
            Ok(holds) => holds.then_some((rule, Ok(()))),
            Err(failure) => Some((rule, Err(failure))),
        });
        Ruled { outcomes: outcomes.collect() }
    }
}

/// The signals of the findings that count, in an order that follows from what they say.
fn counting(findings: &[Finding]) -> Vec<&Signal> {
    let counts = findings.iter().filter(|it| it.outcome == Outcome::Ok && it.counted);
    let mut signals: Vec<&Signal> = counts.flat_map(|finding| &finding.signals).collect();
    signals.sort_by(|a, b| {
        (&a.detector, &a.label)
            .cmp(&(&b.detector, &b.label))
            .then(a.score.total_cmp(&b.score))
            .then(a.confidence.total_cmp(&b.confidence))
    });
    signals
}

/// The strongest evidence of each label, sorted by label.
fn strongest<'a>(signals: &[&'a Signal]) -> Vec<(&'a str, f64)> {
    let evidence = |signal: &&'a Signal| {
        (signal.label.as_str(), unit(unit(signal.score) * unit(signal.confidence)))
    };
    let mut labels: Vec<(&str, f64)> = signals.iter().map(evidence).collect();
    labels.sort_by(|a, b| a.0.cmp(b.0).then(b.1.total_cmp(&a.1)));
    labels.dedup_by(|later, first| later.0 == first.0);
    labels
}

impl<'p> Ruled<'p> {
    pub fn fired(&self) -> impl Iterator<Item = &'p Rule> + '_ {
        self.outcomes.iter().filter(|(_, answer)| answer.is_ok()).map(|(rule, _)| *rule)
    }

    /// The rules without an answer, each with why, for a sentence.
    pub fn failed(&self) -> Vec<String> {
        let failed = self.outcomes.iter().filter_map(|(rule, answer)| {
            let why = answer.as_ref().err()?;
            Some(format!("the rule {} ({why})", rule.name))
        });
        failed.collect()
    }

    pub fn tags(&self) -> Vec<String> {
        sorted(self.fired().filter_map(|rule| rule.tag.as_deref()))
    }

    pub fn alerts(&self) -> Vec<String> {
        sorted(self.fired().filter_map(|rule| rule.alert.as_deref()))
    }

    pub fn case(&self) -> Option<String> {
        self.fired().find_map(|rule| rule.case.clone())
    }

    /// The score that the ceilings and floors leave of the merged one, and the steps to it, beginning
    /// with those of the rules. `number` is the merged one before it was rounded.
    pub fn bound(
        &self,
        tiers: &[Tier],
        merged: Score,
        number: f64,
        at: Timestamp,
    ) -> (Score, Vec<Step>) {
        let step = |(rule, answer): &(&Rule, Result<(), Failure>)| {
            Step::Rule(rule_step(rule, answer.as_ref().err(), tiers, number, at))
        };
        let mut steps: Vec<Step> = self.outcomes.iter().map(step).collect();
        let mut score = merged;
        let mut move_to = |bound, place: usize, to: Score, of: fn(&Rule) -> Option<usize>| {
            let rules = self.fired().filter(|rule| of(rule) == Some(place));
            steps.push(Step::Bound(BoundStep {
                bound,
                tier: tiers[place].name.clone(),
                rules: rules.map(|rule| rule.name.clone()).collect(),
                total: to.as_f64(),
            }));
            to
        };
        if let Some(place) = self.fired().filter_map(|rule| rule.ceiling).min() {
            let top = top_of(tiers, place);
            if score > top {
                score = move_to(Bound::Ceiling, place, top, |rule| rule.ceiling);
            }
        }
        if let Some(place) = self.fired().filter_map(|rule| rule.floor).max() {
            let from = tiers[place].from;
            if score < from {
                score = move_to(Bound::Floor, place, from, |rule| rule.floor);
            }
        }
        (score, steps)
    }

    /// What fired and moved the score, for the end of a sentence; nothing where nothing fired.
    pub fn explain(&self, steps: &[Step], score: Score, tier: &Tier) -> String {
        let fired: Vec<&str> = self.fired().map(|rule| rule.name.as_str()).collect();
        if fired.is_empty() {
            return String::new();
        }
        let what = if fired.len() == 1 { "the rule" } else { "the rules" };
        let fires = if fired.len() == 1 { "fires" } else { "fire" };
        let mut out = format!("; {what} {} {fires}", listed(fired.into_iter().map(str::to_owned)));
        let moved: Vec<String> = (steps.iter())
            .filter_map(|step| match step {
                Step::Bound(BoundStep { bound: Bound::Ceiling, rules, .. }) => {
                    Some(format!("lowered by {}", rules.join(", ")))
                }
                Step::Bound(BoundStep { bound: Bound::Floor, rules, .. }) => {
                    Some(format!("raised by {}", rules.join(", ")))
                }
                _ => None,
            })
            .collect();
        if !moved.is_empty() {
            out += &format!(": {} to {score}, tier {}", moved.join(" and "), tier.name);
        }
        out
    }
}

/// Each once.
fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    words.into_iter().map(str::to_owned).collect()
}

fn rule_step(
    rule: &Rule,
    failed: Option<&Failure>,
    tiers: &[Tier],
    total: f64,
    at: Timestamp,
) -> RuleStep {
    let name = rule.name.clone();
    let tier = |place: Option<usize>| place.map(|place| tiers[place].name.clone());
    match failed {
        Some(failure) => RuleStep {
            rule: name,
            failed: Some(failure.to_string()),
            floor: None,
            ceiling: None,
            tag: None,
            asks: None,
            alert: None,
            case: None,
            review: false,
            total,
        },
        None => RuleStep {
            rule: name,
            failed: None,
            floor: tier(rule.floor),
            ceiling: tier(rule.ceiling),
            tag: rule.tag.clone(),
            asks: rule.action.map(|action| action.from(at)),
            alert: rule.alert.clone(),
            case: rule.case.clone(),
            review: rule.review,
            total,
        },
    }
}

/// The greatest score of a tier: a millionth below the next one.
fn top_of(tiers: &[Tier], place: usize) -> Score {
    let next = tiers.get(place + 1).map(|next| next.from.millionths().saturating_sub(1));
    next.and_then(Score::from_millionths).unwrap_or(Score::ONE)
}
