//! What a decision is due to: whether it would be milder if one version of a detector had found nothing.

use serde::Deserialize;

use super::again::recorded;
use super::{Lack, Missing, Replayer};
use crate::ingest::Given;
use crate::model::{Account, Action, Decision, Event, Finding, Known, Outcome, ScopedAction};
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
        let told: Told = match serde_json::from_value(replayable.document.replay.clone()) {
            Ok(told) => told,
            Err(error) => {
                let detail = format!("what it was made from does not read back: {error}");
                return Ok(Err(Missing::new(Lack::Basis, detail)));
            }
        };
        let policy = self.policy(&decision.policy).await?;
        let event = &replayable.event;
        Ok(policy.map(|policy| is_due(&policy, decision, event, &told, (detector, version))))
    }
}

/// What its rules were told, of what it was made from.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    known: Known,
    #[serde(default)]
    account: Account,
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
    told: &Told,
    (detector, version): (&str, &str),
) -> bool {
    let given = |known| Given {
        id: decision.id,
        decided_at: decision.decided_at,
        event,
        policy: decision.policy.clone(),
        mode: decision.mode,
        generation: decision.generation,
        known,
        account: &told.account,
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
    // What nobody carries any more, no account had.
    let is_carried = |label: &str| without.iter().any(|finding| finding.carries(label));
    let known =
        told.known.without(|input| input.entities().is_some_and(|label| !is_carried(label)));
    let judge = |known, findings: &[Finding]| policy.judge(event, &given(known).facts(), findings);
    is_milder(&judge(&known, &without), &judge(&told.known, &with))
}

/// Whether the one asks for less than the other anywhere.
fn is_milder(one: &Verdict, other: &Verdict) -> bool {
    let asked = |own: &ScopedAction| {
        let same = one.actions.iter().find(|mine| mine.scope == own.scope);
        same.map_or(Action::Allow, |mine| mine.action)
    };
    (other.violation && !one.violation)
        || (other.case.is_some() && one.case.is_none())
        || other.actions.iter().any(|own| asked(own) < own.action)
}
