//! One event of the past with all that it is judged by, and what a policy says about it in the end.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::{
    Action, Decision, DecisionId, Event, Finding, Input, Known, Mode, PolicyRef, Restriction,
    Scope, Score, Timestamp, Told,
};
use crate::policy::Step;

/// When something happened, and when it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Strikes and restrictions count by it.
    pub at: Timestamp,
    /// What people had taken back by then counts no more.
    pub received_at: Timestamp,
}

/// One event of the past.
#[derive(Debug)]
pub(super) struct Past {
    /// What it is called in the report: the id of its decision, or of the event where there is none.
    pub shown: String,
    /// The decision about it; where there is none, an id of its time.
    pub decision: DecisionId,
    pub part: Part,
    pub event: Event,
    pub subject: Subject,
    /// Whose ledger its strikes are in.
    pub mode: Mode,
    pub moment: Moment,
    /// By what lists, exemptions and the ends of actions count.
    pub decided_at: Timestamp,
    /// As they are recorded, with their signals.
    pub findings: Vec<Finding>,
    /// What was known of the past when it was decided; and what is told it here, once it was told.
    pub known: Known,
    /// What was decided, and by which policy.
    pub was: Option<(Said, PolicyRef)>,
    pub spoken: Option<Spoken>,
    /// When people overturned the decision.
    pub overturned_at: Option<Timestamp>,
}

/// What part an event has in a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Judged,
    /// It is of a type that no policy judges, and counts for those to come alone.
    Unjudged,
    /// It lies before the stretch that is simulated, and counts for those to come alone, as it is recorded.
    Before,
}

impl Past {
    /// What it is told for an input.
    pub fn told(&self, input: &Input) -> Told {
        self.known.of(input).cloned().unwrap_or_else(|| Told::of_nothing(input))
    }
}

/// Whether an event was a violation, by the word of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoken {
    pub violation: bool,
    pub by: Speaker,
}

/// Who spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    Label,
    Ruling,
}

/// An account, without its name: what the record calls it, or of a file a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Subject(pub [u8; 16]);

impl Subject {
    /// Of a file.
    pub fn hashed(source: &str, subject: &str) -> Self {
        let hash = Sha256::new()
            .chain_update((source.len() as u64).to_be_bytes())
            .chain_update(source)
            .chain_update(subject)
            .finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        Self(half)
    }
}

impl fmt::Display for Subject {
    /// The first ten digits: enough to tell the accounts of a report apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..5]))
    }
}

/// What is said about an event in the end, strikes included.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    pub score: Score,
    pub tier: String,
    /// The most severe of what is enforced; in shadow mode, of what would have been.
    pub action: Action,
    pub review: bool,
    /// The matter of the case that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    pub degraded: bool,
    /// The number of the strike that it gives.
    pub strike: Option<u32>,
    /// What it restricts the account by. Not what was in force before.
    pub restriction: Option<Action>,
    /// The rules that fired.
    pub rules: Vec<String>,
    /// The labels that counted, sorted.
    pub labels: Vec<String>,
    /// It quotes nothing of the event.
    pub reason: String,
}

impl Said {
    /// Of a decision, and the steps of its arithmetic.
    pub fn of(decision: &Decision, trace: &[Step]) -> Self {
        let would = decision.would.as_ref();
        let actions = would.map_or(&decision.actions, |would| &would.actions);
        let strike = would.map_or(&decision.strike, |would| &would.strike);
        let imposed = actions.iter().filter(|own| own.in_force_since.is_none());
        let account = imposed.filter(|own| own.scope == Scope::Account).map(|own| own.action);
        let counted = decision.signals.iter().filter(|signal| signal.counted);
        let labels: BTreeSet<&str> = counted.map(|signal| signal.label.as_str()).collect();
        let fired = trace.iter().filter_map(|step| match step {
            Step::Rule(step) if step.failed.is_none() => Some(step),
            _ => None,
        });
        Self {
            score: decision.score,
            tier: decision.tier.clone(),
            action: would.map_or(decision.action, |would| would.action),
            review: decision.review,
            case: fired.clone().find_map(|step| step.case.clone()),
            degraded: decision.degraded,
            strike: strike.as_ref().map(|strike| strike.number),
            restriction: account.filter(|action| Restriction::restricts(*action)).max(),
            rules: fired.map(|step| step.rule.clone()).collect(),
            labels: labels.into_iter().map(str::to_owned).collect(),
            reason: decision.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_of_two_sources_are_two() {
        let subject = Subject::hashed("market", "user-17");
        assert_eq!(subject, Subject::hashed("market", "user-17"));
        assert_ne!(subject, Subject::hashed("marketu", "ser-17"));
        assert_eq!(subject.to_string().len(), 10);
    }
}
