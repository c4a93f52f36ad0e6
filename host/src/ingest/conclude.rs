//! The last pure step, which deciding and replaying share: findings and the verdict on them in, the
//! decision out. No clock is read and no id is made here; whoever calls brings them.

use crate::model::decision::SEMANTICS;
use crate::model::{
    Action, Decision, DecisionId, Event, Finding, Mode, PolicyRef, ScopedAction, Timestamp, Would,
};
use crate::policy::{Facts, Step, Verdict};

/// What a decision is about and under what it is made. A replay takes it from the record.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    pub id: DecisionId,
    pub decided_at: Timestamp,
    pub event: &'a Event,
    pub policy: PolicyRef,
    pub mode: Mode,
    pub generation: u64,
}

impl Given<'_> {
    /// What the policy judges by beside event and findings.
    pub fn facts(&self) -> Facts {
        Facts { at: self.decided_at }
    }
}

/// The decision, and the arithmetic behind it. `verdict` is what the policy says of these findings.
pub fn conclude(
    given: Given<'_>,
    findings: Vec<Finding>,
    verdict: Verdict,
) -> (Decision, Vec<Step>) {
    let Given { id, decided_at, event, policy, mode, generation } = given;
    let (action, scope) = verdict.strongest();
    let mut decision = Decision {
        id,
        event_id: event.id.clone(),
        source: event.source.clone(),
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        time: event.time,
        decided_at,
        mode,
        score: verdict.score,
        tier: verdict.tier,
        action,
        scope,
        actions: verdict.actions,
        would: None,
        reason: verdict.reason,
        message: verdict.message,
        tags: verdict.tags,
        strike: None,
        case_id: None,
        degraded: verdict.degraded,
        review: verdict.review,
        policy,
        signals: verdict.signals,
        findings,
        generation,
        semantics: SEMANTICS,
        erased_at: None,
    };
    if mode == Mode::Shadow {
        enforce_nothing(&mut decision);
    }
    (decision, verdict.trace)
}

/// In shadow mode the decision says what it would have done, and does nothing.
fn enforce_nothing(decision: &mut Decision) {
    let allow = Action::Allow;
    let scope = allow.usual_scope();
    let allowed = vec![ScopedAction { action: allow, scope, expires_at: None }];
    decision.would = Some(Would {
        action: decision.action,
        scope: decision.scope,
        actions: std::mem::replace(&mut decision.actions, allowed),
        message: decision.message.take(),
    });
    (decision.action, decision.scope) = (allow, scope);
}
