//! One event with everything that deciding it needs: evaluating, judging and escalating, and the entry that
//! comes of it. No I/O.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::basis::{Basis, Stood};
use super::conclude::{Given, conclude, enforce};
use super::{policies, trial};
use crate::engine::{Engine, Evaluated, Upkeep};
use crate::features::Features;
use crate::model::profile::Risk;
use crate::model::{
    Account, Decision, DecisionId, Definition, Event, Finding, Input, Known, Mode, Observation,
    Outgoing, Signal, Standing, Timestamp, Told, Trials, Wants,
};
use crate::policy::{Asked, Escalation};
use crate::registry::{LivePolicy, Snapshot, Subscribed};
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
    pub features: Arc<Features>,
    /// What its past says, as it was read.
    pub known: Known,
    /// How its subject stands, as far as rules ask.
    pub account: Account,
    /// From when it is decided; see [`Job::begin`].
    pub decided_at: Timestamp,
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
    /// What it says about what is on trial.
    trials: Trials,
    /// What later events may be told of it.
    observations: Vec<Observation>,
}

impl Job {
    pub fn mode(&self) -> Mode {
        self.snapshot.mode(&self.event.source)
    }

    /// When it happened, for what counts from then on: strikes and restrictions. Not in the future, or a
    /// wrong clock would keep them for ever.
    pub fn happened_at(&self) -> Timestamp {
        self.event.time.min(self.received_at)
    }

    /// How the subject stands, as far as that is asked.
    pub fn account(&self, standing: &Standing, risk: Option<Risk>) -> Account {
        let mut account = Account::NOBODY;
        if self.snapshot.reads(&self.event).standing {
            account.strikes = standing.strikes;
            account.restrictions = standing.restrictions.iter().map(|own| own.action).collect();
        }
        if let Some(risk) = risk {
            (account.score, account.trust) = (risk.score, risk.trust);
        }
        account
    }

    /// It is decided now: one moment for what detectors are told of a list and what rules find on it.
    pub fn begin(&mut self) {
        self.decided_at = Timestamp::now();
        let told = self.lists(self.decided_at);
        told.iter().for_each(|(input, is)| self.known.tell(input, is.clone()));
    }

    /// What is found, with what the engine does once the answer has been given.
    pub fn evaluate(&self) -> (Vec<Finding>, Upkeep<'_>) {
        let Self { snapshot, policy, event, known, .. } = self;
        let Evaluated { findings, upkeep } = self.engine.evaluate(snapshot, event, known);
        (policies::heard(&policy.policy, snapshot, &event.source, findings), upkeep)
    }

    /// What the rules ask about what was found, if anything.
    pub fn asks(&self, findings: &[Finding]) -> Vec<&Definition> {
        let wanted = self.snapshot.definitions_of_entities(&self.event);
        if Features::meets(&wanted, findings) { wanted } else { Vec::new() }
    }

    /// What comes of what was found, with all that is known.
    pub fn judge(&self, findings: Vec<Finding>, known: &Known) -> Decided {
        let Self { snapshot, policy, event, account, .. } = self;
        let given = Given {
            id: self.id,
            decided_at: self.decided_at,
            event,
            policy: policy.reference(),
            mode: self.mode(),
            generation: snapshot.generation(),
            known,
            account,
        };
        let verdict = policy.policy.judge(event, &given.facts(), &findings);
        let seen = snapshot.subscribed(event);
        let trials = Trials {
            detectors: trial::trials(&policy.policy, &given, &seen, &findings, &verdict),
            policies: policies::trials(snapshot, &given, policy, &findings, &verdict),
        };
        let asked = verdict.asked(self.id);
        let (decision, trace) = conclude(given, findings, verdict);
        let basis = Basis::new(&decision, trace, &seen, &self.ceiling, known, account);
        let basis = serde_json::to_value(basis).expect("it is plain JSON");
        let at = self.happened_at();
        let heard: Vec<&Signal> = decision.heard().collect();
        let declared = snapshot.definitions_of(&event.source);
        let observations = self.features.observe(declared, event, &heard, at);
        Decided {
            decision,
            asked,
            policy: Arc::clone(policy),
            event: Arc::clone(event),
            received_at: self.received_at,
            at,
            basis,
            trials,
            observations,
        }
    }

    /// Whether the event is on the lists that its detectors ask about, by the policy that decides. Of a list
    /// that this does not have nothing is known.
    fn lists(&self, at: Timestamp) -> Vec<(Input, Told)> {
        if !self.snapshot.asks_about_lists() {
            return Vec::new();
        }
        let seen = self.snapshot.subscribed(&self.event);
        let inputs =
            seen.iter().flat_map(|it: &Subscribed<'_>| &it.live.prepared.manifest().inputs);
        let lists = inputs.filter_map(|input| {
            let Input::List { name } = input else { return None };
            let list = self.policy.policy.lists().iter().find(|list| list.name == *name);
            let is = list.map_or(Told::Absent, |list| Told::Boolean(list.has(&self.event, at)));
            Some((input.clone(), is))
        });
        lists.collect()
    }
}

impl Decided {
    /// The decision if its subject stood as one of whom nothing is known.
    pub fn for_nobody(self) -> Decision {
        let escalation = self.escalate(&Standing::default());
        enforce(self.decision, &escalation)
    }

    /// The entry for how its subject stands, as far as that is known; the commit may know better.
    /// `wants` is what the destinations of its source want to hear of.
    pub fn entry(
        self,
        standing: Standing,
        fingerprint: [u8; 32],
        wants: Option<Arc<[Wants]>>,
    ) -> Entry {
        let (escalation, at) = (self.escalate(&standing), self.at);
        // Kept only where it is needed: most events change nothing.
        let kept = escalation.change.is_some().then(|| self.clone());
        let entry = self.written(escalation, &standing, fingerprint, wants.clone());
        let escalates = kept.map(|kept| Escalates {
            standing,
            at,
            again: Arc::new(move |now| {
                let escalation = kept.escalate(now);
                kept.clone().written(escalation, now, fingerprint, wants.clone())
            }),
        });
        Entry { escalates, ..entry }
    }

    fn escalate(&self, standing: &Standing) -> Escalation {
        self.policy.policy.escalate(&self.asked, standing, self.at)
    }

    fn written(
        mut self,
        escalation: Escalation,
        standing: &Standing,
        fingerprint: [u8; 32],
        wants: Option<Arc<[Wants]>>,
    ) -> Entry {
        if self.asked.violation || escalation.change.is_some() || !standing.restrictions.is_empty()
        {
            self.basis["stood"] = json!(Stood { at: self.at, standing: standing.clone() });
        }
        let decision = enforce(self.decision, &escalation);
        let told = wants.as_deref().unwrap_or_default().iter();
        let outgoing = told.flat_map(|wants| Outgoing::to(&decision, &self.event, wants)).collect();
        Entry {
            event: self.event,
            received_at: self.received_at,
            fingerprint,
            outgoing,
            wants,
            decision: Arc::new(decision),
            replay: self.basis,
            trials: self.trials,
            observations: self.observations,
            change: escalation.change,
            escalates: None,
        }
    }
}
