//! The last pure steps, which deciding and replaying share: findings and the verdict on them in, the
//! decision out; then how its subject stands has its say. No clock is read and no id is made here; whoever
//! calls brings them.

use crate::model::decision::SEMANTICS;
use crate::model::{
    Account, Action, Decision, DecisionId, Event, Finding, Known, Mode, PolicyRef, ScopedAction,
    Timestamp, Would,
};
use crate::policy::{Escalation, Facts, Step, Verdict};

/// What a decision is about and under what it is made. A replay takes it from the record.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    pub id: DecisionId,
    pub decided_at: Timestamp,
    pub event: &'a Event,
    pub policy: PolicyRef,
    pub mode: Mode,
    pub generation: u64,
    /// What is known of the past.
    pub known: &'a Known,
    /// How the subject stands.
    pub account: &'a Account,
}

impl Given<'_> {
    /// What the policy judges by beside event and findings.
    pub fn facts(&self) -> Facts<'_> {
        Facts { at: self.decided_at, known: self.known, account: self.account }
    }
}

/// The decision before it is escalated, and the arithmetic behind it. `verdict` is what the policy says
/// of these findings.
pub fn conclude(
    given: Given<'_>,
    findings: Vec<Finding>,
    verdict: Verdict,
) -> (Decision, Vec<Step>) {
    let Given { id, decided_at, event, policy, mode, generation, .. } = given;
    let (action, scope) = verdict.strongest();
    let decision = Decision {
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
        message_later: None,
        tags: verdict.tags,
        alerts: verdict.alerts,
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
    (decision, verdict.trace)
}

/// The decision as it is enforced: what `escalation` says of its verdict, in its mode.
pub fn enforce(mut decision: Decision, escalation: &Escalation) -> Decision {
    decision.actions.clone_from(&escalation.actions);
    let each = decision.actions.iter().map(|own| (own.action, own.scope));
    (decision.action, decision.scope) = each.max().unwrap_or((decision.action, decision.scope));
    decision.review |= escalation.review;
    if let Some(reason) = &escalation.reason {
        decision.reason.push_str(reason);
    }
    decision.message.clone_from(&escalation.message);
    decision.message_later.clone_from(&escalation.later);
    let change = escalation.change.as_ref();
    decision.strike = change.and_then(|change| change.strike.clone());
    let case = change.and_then(|change| change.case.as_ref());
    match decision.mode {
        Mode::Active => decision.case_id = case.map(|case| case.joins.unwrap_or(decision.id)),
        Mode::Shadow => enforce_nothing(&mut decision, case.map(|case| case.matter.clone())),
    }
    decision
}

/// In shadow mode the decision says what it would have done, and does nothing.
fn enforce_nothing(decision: &mut Decision, case: Option<String>) {
    let allow = Action::Allow;
    let scope = allow.usual_scope();
    let allowed = vec![ScopedAction::lasting(allow, scope)];
    decision.would = Some(Would {
        action: decision.action,
        scope: decision.scope,
        actions: std::mem::replace(&mut decision.actions, allowed),
        message: decision.message.take().or(decision.message_later.take()),
        strike: decision.strike.take(),
        case,
    });
    (decision.action, decision.scope) = (allow, scope);
}
