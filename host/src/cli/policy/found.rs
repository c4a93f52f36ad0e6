//! What a policy is given to judge without a server: what the shipped detectors find in the sandbox, or
//! what somebody wrote down.

use std::collections::BTreeSet;

use anyhow::Context;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::facts::WrittenFacts;
use crate::cli::sandbox::Sandbox;
use crate::model::{
    Account, Action, DecisionId, Event, Finding, Known, Outcome, Restriction, Signal, Stage,
    Standing,
};
use crate::policy::{Escalation, Facts, Policy, Verdict};
use crate::runtime::Prepared;

/// Findings of one event, for any policy.
pub(super) struct Found {
    findings: Vec<Finding>,
    /// The detectors that are there. Of those that a policy requires the others are missing; `None`
    /// where somebody wrote down which are.
    loaded: Option<BTreeSet<String>>,
    facts: WrittenFacts,
}

impl Found {
    /// The same, with what is known beyond it.
    pub fn told(self, facts: WrittenFacts) -> Self {
        Self { facts, ..self }
    }

    /// Why a policy cannot be asked about what is given, if so.
    ///
    /// # Errors
    /// A feature that it does not have, or a label that it does not ask about.
    pub fn is_for(&self, policy: &Policy) -> anyhow::Result<()> {
        self.facts.is_for(policy)
    }

    /// What is enforced of a verdict where the account stands as is given. What is in force has no end there.
    pub fn enforced_by(&self, policy: &Policy, event: &Event, verdict: &Verdict) -> Escalation {
        let Account { strikes, restrictions, .. } = &self.facts.subject;
        let since = event.time.plus_millis(-1);
        let in_force = |action: &Action| Restriction { action: *action, since, expires_at: None };
        let mut restrictions: Vec<Restriction> = restrictions.iter().map(in_force).collect();
        restrictions.sort_by_key(|own| own.action);
        let standing = Standing { strikes: *strikes, restrictions, case: None };
        // The chance in when it begins follows from the id, and a case is to be the same each time.
        let id = DecisionId::from_time(event.time);
        policy.escalate(&verdict.asked(id), &standing, event.time)
    }

    pub fn judged_by(&self, policy: &Policy, event: &Event) -> Verdict {
        let mut findings = self.findings.clone();
        if let Some(loaded) = &self.loaded {
            let absent = policy.requires().iter().filter(|name| !loaded.contains(*name));
            findings.extend(absent.map(|name| Finding::absent(name)));
            findings.sort_by(|a, b| a.detector.cmp(&b.detector));
        }
        // At the bench an event is decided when it happens, so that a case is the same on every day.
        let known = self.facts.known(policy, event, &findings);
        let facts = Facts { at: event.time, known: &known, account: &self.facts.subject };
        policy.judge(event, &facts, &findings)
    }
}

/// What somebody says was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    pub signals: Vec<WrittenSignal>,
    /// Detectors from which no finding came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What is known beyond the event and what was found.
    #[serde(default)]
    pub facts: WrittenFacts,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSignal {
    pub label: String,
    #[serde(default = "one", deserialize_with = "unit", skip_serializing_if = "is_one")]
    pub score: f64,
    #[serde(default = "one", deserialize_with = "unit", skip_serializing_if = "is_one")]
    pub confidence: f64,
}

fn one() -> f64 {
    1.0
}

/// A mistyped number would be judged as the nearest that can be.
fn unit<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(from)?;
    match (0.0..=1.0).contains(&number) {
        true => Ok(number),
        false => Err(D::Error::custom(format!("{number} is not from 0 to 1"))),
    }
}

fn is_one(number: &f64) -> bool {
    *number == 1.0
}

/// What a written signal says that it is of.
const WRITTEN: &str = "written";

impl Written {
    pub fn found(&self) -> Found {
        let signals = self.signals.iter().map(WrittenSignal::signal).collect();
        let missing = self.missing.iter().map(|name| Finding::absent(name));
        let findings = missing.chain([ran(WRITTEN, Outcome::Ok, None, signals)]).collect();
        Found { findings, loaded: None, facts: self.facts.clone() }
    }
}

impl WrittenSignal {
    fn signal(&self) -> Signal {
        Signal {
            detector: WRITTEN.to_owned(),
            version: None,
            label: self.label.clone(),
            score: self.score,
            confidence: self.confidence,
            reason: String::new(),
            spans: Vec::new(),
            entities: Vec::new(),
            counted: false,
        }
    }
}

fn ran(detector: &str, outcome: Outcome, error: Option<String>, signals: Vec<Signal>) -> Finding {
    Finding { stage: Some(Stage::Active), outcome, error, signals, ..Finding::absent(detector) }
}

/// The shipped detectors, loaded at the first event that is for them: it takes a moment.
#[derive(Default)]
pub(super) struct Shipped(Option<(Sandbox, Vec<Prepared>)>);

impl Shipped {
    /// Runs those that subscribe to the event.
    pub fn find(&mut self, event: &Event) -> anyhow::Result<Found> {
        let (sandbox, detectors) = match &mut self.0 {
            Some(loaded) => loaded,
            none => {
                let sandbox = Sandbox::start()?;
                let shipped = picket_bundle::DETECTORS.iter().map(|one| (one.name, one.component));
                let detectors = sandbox
                    .load_together(&shipped.collect::<Vec<_>>())
                    .context("a shipped detector does not load")?;
                none.insert((sandbox, detectors))
            }
        };
        let wanting = detectors.iter().filter(|prepared| prepared.manifest().wants(&event.kind));
        let findings = wanting.map(|prepared| {
            let examined =
                sandbox.judge(prepared, event, &Known::of_nothing(&prepared.manifest().inputs));
            let name = &prepared.manifest().name;
            ran(name, examined.outcome, examined.error, examined.signals)
        });
        let names = detectors.iter().map(|prepared| prepared.manifest().name.clone());
        let (findings, loaded) = (findings.collect(), Some(names.collect()));
        Ok(Found { findings, loaded, facts: WrittenFacts::default() })
    }
}
