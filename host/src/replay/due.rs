//! What a decision is due to: whether it would be milder if one version of a detector had found nothing.

use super::again::recorded;
use super::{Missing, Replayer};
use crate::ingest::Given;
use crate::model::{Action, Decision, Event, Finding, Outcome, ScopedAction};
use crate::policy::{Policy, Verdict};
use crate::store::{Replayable, StoreError};

impl Replayer {
    /// Whether a decision would be milder if a version of a detector had found nothing in the event.
    ///
    /// # Errors
    /// Where the store does not answer. The inner error is what it would take to tell and the record lacks.
    pub async fn is_due_to(
        &self,
        replayable: &Replayable,
        detector: &str,
        version: &str,
    ) -> Result<Result<bool, Missing>, StoreError> {
        let decision = &replayable.document.decision;
        if !decision.findings.iter().any(|finding| is_of(finding, detector, version)) {
            return Ok(Ok(false));
        }
        let policy = self.policy(&decision.policy).await?;
        Ok(policy.map(|policy| is_due(&policy, decision, &replayable.event, detector, version)))
    }
}

/// Whether it is a finding of that version, and had a say.
fn is_of(finding: &Finding, detector: &str, version: &str) -> bool {
    finding.counted
        && finding.detector == detector
        && finding.version.as_deref().is_some_and(|own| own == version)
}

fn is_due(
    policy: &Policy,
    decision: &Decision,
    event: &Event,
    detector: &str,
    version: &str,
) -> bool {
    let given = Given {
        id: decision.id,
        decided_at: decision.decided_at,
        event,
        policy: decision.policy.clone(),
        mode: decision.mode,
        generation: decision.generation,
    };
    // What is committed to entities has no say.
    let found = recorded(decision, &[]);
    let with: Vec<Finding> = (decision.findings.iter().zip(found))
        .map(|(finding, signals)| Finding { signals, ..finding.clone() })
        .collect();
    let mut without = with.clone();
    for finding in without.iter_mut().filter(|finding| is_of(finding, detector, version)) {
        finding.signals.clear();
        // What it broke down on, it did not find either.
        finding.outcome = Outcome::Ok;
    }
    let judge = |findings: &[Finding]| policy.judge(event, &given.facts(), findings);
    is_milder(&judge(&without), &judge(&with))
}

/// Whether the one asks for less than the other anywhere.
fn is_milder(one: &Verdict, other: &Verdict) -> bool {
    let asked = |own: &ScopedAction| {
        let same = one.actions.iter().find(|mine| mine.scope == own.scope);
        same.map_or(Action::Allow, |mine| mine.action)
    };
    (other.violation && !one.violation) || other.actions.iter().any(|own| asked(own) < own.action)
}
