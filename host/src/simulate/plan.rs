//! What is compared: the two sides, and the pure steps of `ingest` that an event goes through for each.
//! No I/O; any thread may do it, and the result does not depend on which.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::past::{Past, Said};
use crate::engine::{EntityKey, evaluate_again};
use crate::ingest::{Given, conclude, enforce};
use crate::model::{
    Account, Decision, DecisionId, Digest, Finding, Input, Known, Mode, Outcome, PolicyRef, Stage,
    Standing, StandingChange, Timestamp, Told,
};
use crate::policy::{Asked, Policy, Step};
use crate::runtime::{Limits, Prepared};

/// Processor time that one run may take. A deadline would make the result a matter of the machine; how
/// often the real one would have been missed is told with the cost.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is compared with what.
pub struct Plan {
    pub(super) before: Before,
    pub(super) after: Side,
    /// Every detector that is run. Each runs once on an event, whichever sides hear it.
    pub(super) detectors: Vec<Runner>,
    /// Entities are hashed as on a server; nobody compares these.
    key: EntityKey,
}

/// What the candidate is held against.
pub(super) enum Before {
    Nothing,
    /// What was decided.
    Decided,
    Policy(Side),
}

/// A detector that is run.
pub(super) struct Runner {
    pub prepared: Prepared,
    /// Its own, which it may exceed here.
    pub deadline: Duration,
    pub said: DetectorSaid,
}

/// A policy and whom it hears.
#[derive(Clone)]
pub(super) struct Side {
    pub policy: Arc<Policy>,
    /// Which of the plan's detectors.
    runs: Vec<usize>,
    /// Detectors that are there: of those that the policy requires the others are missing.
    loaded: BTreeSet<String>,
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
pub(super) struct Judged {
    decision: Decision,
    asked: Asked,
    trace: Vec<Step>,
}

/// How a run went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ran {
    pub outcome: Outcome,
    pub found: bool,
    pub micros: u64,
}

/// An event that was evaluated and judged.
pub(super) struct Weighed {
    pub past: Past,
    pub before: Option<Judged>,
    pub after: Judged,
    /// One for each of the plan's detectors; `None` where it does not want the event.
    pub runs: Vec<Option<Ran>>,
}

impl Plan {
    /// The record: `candidate` judges what was found, with `detectors` run in place of what those of the
    /// same name found; `known` are the detectors that the record knows. Held against what was decided.
    pub fn of_record(
        candidate: Arc<Policy>,
        detectors: Vec<Prepared>,
        known: BTreeSet<String>,
    ) -> Self {
        let detectors: Vec<Runner> =
            detectors.into_iter().map(|prepared| Runner::new(prepared, true)).collect();
        let mut loaded = known;
        loaded.extend(detectors.iter().map(|runner| runner.said.name.clone()));
        let after = Side { policy: candidate, runs: (0..detectors.len()).collect(), loaded };
        Self { before: Before::Decided, after, detectors, key: EntityKey::new(&[0; 32]) }
    }

    /// A file: the `shipped` detectors and the candidate ones in their place are run. Held against the
    /// policy `against` on the shipped ones; without it against the candidate policy on these, where there
    /// are candidate detectors, else against nothing.
    pub fn of_file(
        candidate: Arc<Policy>,
        against: Option<Arc<Policy>>,
        detectors: Vec<Prepared>,
        shipped: Vec<Prepared>,
    ) -> Self {
        let names: BTreeSet<String> =
            detectors.iter().map(|prepared| prepared.manifest().name.clone()).collect();
        let against = against.or_else(|| (!names.is_empty()).then(|| Arc::clone(&candidate)));
        let candidates = detectors.into_iter().map(|prepared| Runner::new(prepared, true));
        let shipped = shipped
            .into_iter()
            .filter(|prepared| against.is_some() || !names.contains(&prepared.manifest().name))
            .map(|prepared| Runner::new(prepared, false));
        let detectors: Vec<Runner> = candidates.chain(shipped).collect();
        let side = |policy, heard: &dyn Fn(&Runner) -> bool| {
            let numbered = detectors.iter().enumerate().filter(|(_, runner)| heard(runner));
            let (runs, loaded) =
                numbered.map(|(number, runner)| (number, runner.said.name.clone())).unzip();
            Side { policy, runs, loaded }
        };
        let after = side(candidate, &|it| it.said.candidate || !names.contains(&it.said.name));
        let before = match against {
            Some(policy) => Before::Policy(side(policy, &|it| !it.said.candidate)),
            None => Before::Nothing,
        };
        Self { before, after, detectors, key: EntityKey::new(&[0; 32]) }
    }

    /// How long strikes count at most, in days.
    pub(super) fn window_days(&self) -> u32 {
        let window = |policy: &Policy| policy.strikes().map_or(0, |strikes| strikes.window_days);
        match &self.before {
            Before::Policy(side) => window(&side.policy).max(window(&self.after.policy)),
            Before::Nothing | Before::Decided => window(&self.after.policy),
        }
    }

    /// Evaluates and judges.
    pub(super) fn weigh(&self, past: Past) -> Weighed {
        let found: Vec<Option<Finding>> =
            self.detectors.iter().map(|runner| self.run(runner, &past)).collect();
        let before = match &self.before {
            Before::Policy(side) => Some(self.judged(side, &past, &found)),
            Before::Nothing | Before::Decided => None,
        };
        let after = self.judged(&self.after, &past, &found);
        let ran = |finding: &Finding| Ran {
            outcome: finding.outcome,
            found: !finding.signals.is_empty(),
            micros: finding.micros,
        };
        let runs = found.iter().map(|finding| finding.as_ref().map(ran)).collect();
        Weighed { past, before, after, runs }
    }

    fn run(&self, runner: &Runner, past: &Past) -> Option<Finding> {
        let manifest = runner.prepared.manifest();
        if !manifest.wants(&past.event.kind) {
            return None;
        }
        let mut known = Known::default();
        for input in &manifest.inputs {
            let Input::List { name } = input else { continue };
            let list = self.after.policy.lists().iter().find(|list| list.name == *name);
            let is = list.map(|list| Told::Boolean(list.has(&past.event, past.decided_at)));
            known.tell(input, is.unwrap_or(Told::Absent));
        }
        let was = Finding { stage: Some(Stage::Active), ..Finding::absent(&runner.said.name) };
        Some(evaluate_again(&runner.prepared, &past.event, &known, &was, &self.key))
    }

    fn judged(&self, side: &Side, past: &Past, found: &[Option<Finding>]) -> Judged {
        let is_run =
            |name: &str| side.runs.iter().any(|&number| self.detectors[number].said.name == name);
        // What is not loaded stands nowhere.
        let recorded =
            past.findings.iter().filter(|it| it.stage.is_some() && !is_run(&it.detector));
        let run = side.runs.iter().filter_map(|&number| found[number].as_ref());
        let was_absent = |name: &str| {
            past.findings
                .iter()
                .any(|it| it.stage.is_none() && it.detector == name && !is_run(name))
        };
        let required = side.policy.requires().iter();
        let absent = required.filter(|name| !side.loaded.contains(*name) || was_absent(name));
        let mut findings: Vec<Finding> = recorded.chain(run).cloned().collect();
        findings.extend(absent.map(|name| Finding::absent(name)));
        findings.sort_by(|a, b| a.detector.cmp(&b.detector));
        let ran = side.runs.iter().filter_map(|&number| found[number].as_ref());
        let known = known(&side.policy, past, &findings, &ran.collect::<Vec<_>>());
        let given = Given {
            // Nobody sees it.
            id: DecisionId::from_time(past.decided_at),
            decided_at: past.decided_at,
            event: &past.event,
            policy: PolicyRef {
                name: side.policy.name().to_owned(),
                version: 0,
                digest: side.policy.digest(),
            },
            mode: Mode::Active,
            generation: 0,
            known: &known,
            // No policy that asks about it is simulated.
            account: &Account::NOBODY,
        };
        let verdict = side.policy.judge(&past.event, &given.facts(), &findings);
        let asked = verdict.asked(given.id);
        let (decision, trace) = conclude(given, findings, verdict);
        Judged { decision, asked, trace }
    }
}

/// What is known of what a policy asks about the past: as it was read when the event was decided. What was
/// not read then is unknown, as is what those carry that run here, for nobody looked that up.
fn known(policy: &Policy, past: &Past, findings: &[Finding], ran: &[&Finding]) -> Known {
    let mut known = Known::default();
    for input in policy.asks() {
        let carried = input.entities().map(|label| {
            let carries = |finding: &Finding| finding.carries(label);
            (findings.iter().any(carries), ran.iter().copied().any(carries))
        });
        let read = past.known.of(input).filter(|_| !matches!(carried, Some((_, true))));
        match (read, carried) {
            // Nothing was carried, so there is nothing to be known.
            (_, Some((false, _))) => {}
            (Some(read), _) => known.tell(input, read.clone()),
            (None, _) => {
                known.tell(input, Told::Unknown("it was not read when this was decided".to_owned()))
            }
        }
    }
    known
}

impl Side {
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

impl Runner {
    fn new(prepared: Prepared, candidate: bool) -> Self {
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
