//! One event with everything that deciding it needs: evaluating, judging and escalating, and the entry that
//! comes of it. No I/O.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::basis::{Basis, Stood};
use super::conclude::{Given, conclude, enforce};
use super::trial;
use crate::engine::{Engine, Evaluated, Upkeep};
use crate::model::{
    Action, Decision, DecisionId, Event, Finding, Mode, Outgoing, Standing, StandingChange,
    Timestamp, TrialRun,
};
use crate::policy::Asked;
use crate::registry::{LivePolicy, Snapshot};
use crate::runtime::Limits;
use crate::store::{Entry, Escalates};

/// One event, and what it is decided with.
pub(super) struct Job {
    pub snapshot: Arc<Snapshot>,
    pub policy: Arc<LivePolicy>,
    pub event: Arc<Event>,
    pub id: DecisionId,
    pub received_at: Timestamp,
    pub engine: Arc<Engine>,
    /// What no detector gets more of.
    pub ceiling: Limits,
}

/// What came of it, before how its subject stands has its say.
#[derive(Clone)]
pub(super) struct Decided {
    decision: Decision,
    asked: Asked,
    policy: Arc<LivePolicy>,
    event: Arc<Event>,
    received_at: Timestamp,
    /// When it happened.
    at: Timestamp,
    /// What a replay needs besides.
    basis: Json,
    /// What it says about versions on trial.
    trials: Vec<TrialRun>,
}

/// Whether something is delivered because of a decision, where its source has a destination that wants
/// these actions.
pub(super) fn sends(decision: &Decision, wanted: &BTreeSet<Action>) -> bool {
    !Outgoing::of(decision, wanted).is_empty()
}

/// The actions that are delivered; `None`: the source has no destination.
type Wanted = Option<Arc<BTreeSet<Action>>>;

impl Job {
    pub fn mode(&self) -> Mode {
        self.snapshot.mode(&self.event.source)
    }

    /// When it happened, for what counts from then on: strikes and restrictions. Not in the future, or a
    /// wrong clock would keep them for ever.
    pub fn happened_at(&self) -> Timestamp {
        self.event.time.min(self.received_at)
    }

    /// With what the engine does once the answer has been given.
    pub fn decide(&self) -> (Decided, Upkeep<'_>) {
        let Self { snapshot, policy, event, .. } = self;
        let Evaluated { mut findings, upkeep } = self.engine.evaluate(snapshot, event);
        let absent =
            policy.policy.requires().iter().filter(|name| !snapshot.has(&event.source, name));
        findings.extend(absent.map(|name| Finding::absent(name)));
        findings.sort_by(|a, b| a.detector.cmp(&b.detector));
        let given = Given {
            id: self.id,
            decided_at: Timestamp::now(),
            event,
            policy: policy.reference(),
            mode: self.mode(),
            generation: snapshot.generation(),
        };
        let verdict = policy.policy.judge(event, &given.facts(), &findings);
        let seen = snapshot.subscribed(event);
        let trials = trial::trials(&policy.policy, &given, &seen, &findings, &verdict);
        let asked = verdict.asked();
        let (decision, trace) = conclude(given, findings, verdict);
        let basis = Basis::new(&decision, trace, &seen, &self.ceiling);
        let basis = serde_json::to_value(basis).expect("it is plain JSON");
        let decided = Decided {
            decision,
            asked,
            policy: Arc::clone(policy),
            event: Arc::clone(event),
            received_at: self.received_at,
            at: self.happened_at(),
            basis,
            trials,
        };
        (decided, upkeep)
    }
}

impl Decided {
    /// The decision if its subject stood as one of whom nothing is known.
    pub fn for_nobody(self) -> Decision {
        self.escalated(&Standing::default()).0.decision
    }

    /// The entry for how its subject stands, as far as that is known; the commit may know better.
    pub fn entry(self, standing: Standing, fingerprint: [u8; 32], wanted: Wanted) -> Entry {
        // Kept only where it is needed: most events change nothing.
        let changes = self.policy.policy.escalate(&self.asked, &standing, self.at).change.is_some();
        let kept = changes.then(|| self.clone());
        let at = self.at;
        let entry = self.written(&standing, fingerprint, wanted.as_deref());
        let escalates = kept.map(|kept| Escalates {
            standing,
            at,
            again: Arc::new(move |now| kept.clone().written(now, fingerprint, wanted.as_deref())),
        });
        Entry { escalates, ..entry }
    }

    fn written(
        self,
        standing: &Standing,
        fingerprint: [u8; 32],
        wanted: Option<&BTreeSet<Action>>,
    ) -> Entry {
        let (decided, change) = self.escalated(standing);
        let Self { decision, event, received_at, basis, trials, .. } = decided;
        Entry {
            event,
            received_at,
            fingerprint,
            outgoing: wanted.map_or_else(Vec::new, |wanted| Outgoing::of(&decision, wanted)),
            decision: Arc::new(decision),
            replay: basis,
            trials,
            change,
            escalates: None,
        }
    }

    fn escalated(mut self, standing: &Standing) -> (Self, Option<StandingChange>) {
        let escalation = self.policy.policy.escalate(&self.asked, standing, self.at);
        self.decision = enforce(self.decision, &escalation);
        if escalation.change.is_some() || !standing.restrictions.is_empty() {
            self.basis["stood"] = json!(Stood { at: self.at, standing: standing.clone() });
        }
        (self, escalation.change)
    }
}
