//! The sides of a plan: a policy with the detectors that it hears, and each of these.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::super::past::Said;
use crate::ingest::enforce;
use crate::model::{
    Decision, Definition, Digest, Input, Signal, Standing, StandingChange, Timestamp,
};
use crate::policy::{Asked, Policy, Step};
use crate::runtime::{Limits, Prepared};

/// Processor time that one run may take. A deadline would make the result a matter of the machine; how
/// often the real one would have been missed is told with the cost.
const PATIENCE: Duration = Duration::from_secs(1);

/// A detector that is run.
pub struct Runner {
    pub prepared: Prepared,
    /// Its own, which it may exceed here.
    pub deadline: Duration,
    pub said: DetectorSaid,
}

/// A policy and whom it hears.
#[derive(Clone)]
pub struct Side {
    pub policy: Arc<Policy>,
    /// Which of the plan's detectors.
    pub runs: Vec<usize>,
    /// Detectors that are there: of those that the policy requires the others are missing.
    pub loaded: BTreeSet<String>,
}

/// A detector as the report names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetectorSaid {
    pub name: String,
    pub version: String,
    pub digest: Digest,
    /// Whether it is a candidate, and not one of those that are shipped.
    pub candidate: bool,
}

/// What a side says of an event before strikes.
pub struct Judged {
    pub decision: Decision,
    pub asked: Asked,
    pub trace: Vec<Step>,
}

impl Side {
    /// Whether what it says of an event depends on what it said of others.
    pub fn follows(&self) -> bool {
        let asks_for_carried = self.policy.asks().iter().any(|input| input.entities().is_some());
        asks_for_carried || self.policy.reads().any()
    }

    /// What its rules ask about what signals carry.
    pub fn carried(&self) -> Vec<Definition> {
        let inputs = self.policy.asks().iter().filter(|input| input.entities().is_some());
        definitions(self.policy.source(), inputs)
    }

    /// What is enforced of a verdict where its subject stands like this, and what that adds.
    pub fn enforced(
        &self,
        judged: Judged,
        standing: &Standing,
        at: Timestamp,
    ) -> (Said, Option<StandingChange>) {
        let escalation = self.policy.escalate(&judged.asked, standing, at);
        let decision = enforce(judged.decision, &escalation);
        (Said::of(&decision, &judged.trace), escalation.change)
    }
}

impl Judged {
    /// The signals that had a say.
    pub fn heard(&self) -> impl Iterator<Item = &Signal> {
        self.decision.heard()
    }
}

impl Runner {
    pub fn new(prepared: Prepared, candidate: bool) -> Self {
        let (manifest, limits) = (prepared.manifest(), *prepared.limits());
        let said = DetectorSaid {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: prepared.digest(),
            candidate,
        };
        let deadline = limits.deadline;
        let prepared = prepared.under(Limits { deadline: PATIENCE, ..limits });
        Self { prepared, deadline, said }
    }
}

/// Each once.
pub fn definitions<'a>(source: &str, inputs: impl Iterator<Item = &'a Input>) -> Vec<Definition> {
    let mut each: Vec<Definition> = Vec::new();
    for definition in inputs.filter_map(|input| Definition::of(source, input)) {
        if each.iter().all(|own| own.id != definition.id) {
            each.push(definition);
        }
    }
    each
}
