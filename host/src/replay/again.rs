//! A decision made again from what it was made from, and compared. Pure but for the time that it takes.
//!
//! Not everything is made again. How a finding ended that ran out of time, or was not run at all, is no
//! function of the inputs: it is taken as it is recorded, and what the policy made of it is not. What a
//! replay does not have is taken as recorded too, so that the rest is compared all the same.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::compare::Comparison;
use super::earlier::{Earlier, Retold, retell};
use super::{AsRecorded, Lack, Missing, Replay};
use crate::engine::{EntityKey, evaluate_again};
use crate::ingest::{Basis, Given, Stood, conclude, enforce};
use crate::model::decision::SEMANTICS;
use crate::model::{
    Build, Decision, DecisionId, Digest, Event, Finding, Isolation, Outcome, Signal, Stage,
    Standing,
};
use crate::policy::Policy;
use crate::runtime::{Limits, Prepared};

/// Processor time that one run may take: its deadline then is no measure for another machine now.
const PATIENCE: Duration = Duration::from_secs(10);
/// Processor time that all runs of one replay may take.
const PATIENCE_IN_ALL: Duration = Duration::from_secs(60);

/// All that a replay starts from.
pub(super) struct Material {
    /// As it is recorded.
    pub decision: Decision,
    pub basis: Json,
    pub event: Event,
    /// Of the event that was decided about, and of the one that is here.
    pub event_digests: (Digest, Digest),
    /// The earlier events of which detectors were told, by their decisions.
    pub earlier: HashMap<DecisionId, Result<Earlier, Missing>>,
    pub policy: Result<Arc<Policy>, Missing>,
    pub builds: HashMap<Build, Result<Prepared, Missing>>,
    /// What no run may have more of here.
    pub ceiling: Limits,
    /// The key of the host that made the decision, where this is that host.
    pub key: Option<EntityKey>,
}

/// A replay under way.
struct Again<'a> {
    material: &'a Material,
    basis: &'a Basis<'static>,
    retold: Retold,
    key: EntityKey,
    spent: Duration,
    /// Runs that had less to use than then.
    cramped: Vec<Missing>,
    /// What must be known of runs in kept instances, if anything differs.
    kept: Vec<String>,
    replay: Replay,
}

impl Material {
    /// The builds that have to run again, with the names of their detectors.
    pub fn wanted(decision: &Decision) -> impl Iterator<Item = (Build, &str)> {
        let runs = decision.findings.iter().filter(|finding| by_chance(finding, false).is_none());
        runs.filter_map(named)
    }

    /// Runs the decision again and compares.
    pub fn replay(&self) -> Replay {
        let Decision { id, semantics, ref signals, .. } = self.decision;
        if semantics != SEMANTICS {
            let detail = format!(
                "it was decided with the arithmetic {semantics}; this program decides with {SEMANTICS}: \
                 replay it with the release that made it"
            );
            return Replay::cannot_tell(id, Missing::new(Lack::Semantics, detail));
        }
        let basis: Basis<'static> = match serde_json::from_value(self.basis.clone()) {
            Ok(basis) => basis,
            Err(error) => {
                let detail = format!("what it was made from does not read back: {error}");
                return Replay::cannot_tell(id, Missing::new(Lack::Basis, detail));
            }
        };
        let replay = Replay {
            signals: signals.len(),
            missing: Vec::new(),
            ..Replay::cannot_tell(id, Missing::new(Lack::Basis, ""))
        };
        let again = Again {
            material: self,
            basis: &basis,
            retold: retell(basis.known.clone().into_owned(), &self.earlier),
            // Without the key the commitments are compared, for which any key will do.
            key: self.key.clone().unwrap_or_else(|| EntityKey::new(&[0; 32])),
            spent: Duration::ZERO,
            cramped: Vec::new(),
            kept: Vec::new(),
            replay,
        };
        again.run()
    }
}

impl Again<'_> {
    fn run(mut self) -> Replay {
        let was = &self.material.decision;
        let recorded = recorded(was, &self.basis.entities);
        let mut findings = Vec::with_capacity(was.findings.len());
        for (number, (finding, signals)) in was.findings.iter().zip(recorded).enumerate() {
            let again = self.finding(number, finding);
            findings.push(again.unwrap_or_else(|| Finding { signals, ..finding.clone() }));
        }
        let (mut is, trace) = match &self.material.policy {
            Ok(policy) => {
                let given = Given {
                    id: was.id,
                    decided_at: was.decided_at,
                    event: &self.material.event,
                    policy: was.policy.clone(),
                    mode: was.mode,
                    generation: was.generation,
                    known: &self.retold.known,
                    account: &self.basis.account,
                };
                let verdict = policy.judge(&self.material.event, &given.facts(), &findings);
                let stood = self.basis.stood.clone();
                // Where nothing is recorded it made no difference.
                let stood = stood
                    .unwrap_or_else(|| Stood { at: was.decided_at, standing: Standing::default() });
                let escalation = policy.escalate(&verdict.asked(was.id), &stood.standing, stood.at);
                let (decision, trace) = conclude(given, findings, verdict);
                (enforce(decision, &escalation), json!(trace))
            }
            Err(missing) => {
                self.replay.missing.push(missing.clone());
                (unjudged(was, findings), json!(self.basis.trace))
            }
        };
        let entities: Vec<String> = (is.signals.iter().flat_map(|signal| &signal.entities))
            .map(|entity| entity.commitment.clone())
            .collect();
        if self.material.key.is_none() {
            take_hashes(&mut is, was);
        }
        let mut comparison = Comparison::default();
        comparison.compare("", &json!(was), &json!(is));
        let (event, event_now) = self.material.event_digests;
        let Basis { entities: entities_then, trace: trace_then, .. } = self.basis;
        let (earlier, earlier_now) = &self.retold.digests;
        comparison.compare(
            "/basis",
            &json!({
                "earlier": earlier, "entities": entities_then, "event": event, "trace": trace_then,
            }),
            &json!({
                "earlier": earlier_now, "entities": entities, "event": event_now, "trace": trace,
            }),
        );
        match (comparison.differences.is_empty(), self.cramped.is_empty()) {
            (true, _) => {}
            (false, true) => {
                self.replay.differences = comparison.differences;
                self.replay.more = comparison.more;
                self.replay.notes = self.kept;
            }
            // It may be for that alone.
            (false, false) => self.replay.missing.append(&mut self.cramped),
        }
        self.replay.concluded()
    }

    /// The finding as it comes out now; `None` where it is taken as it is recorded.
    fn finding(&mut self, number: usize, was: &Finding) -> Option<Finding> {
        let otherwise = self.basis.otherwise.iter().find(|it| it.finding == number);
        let kept = otherwise.is_some_and(|it| it.isolation == Isolation::Warm);
        if let Some(why) = by_chance(was, kept) {
            self.replay.as_recorded.push(AsRecorded {
                detector: was.detector.clone(),
                version: was.version.clone(),
                outcome: was.outcome,
                why,
            });
            return None;
        }
        let name = format!("{} {}", was.detector, was.version.as_deref().unwrap_or_default());
        let prepared = match named(was).and_then(|(build, _)| self.material.builds.get(&build)) {
            Some(Ok(prepared)) => prepared.clone(),
            Some(Err(missing)) => {
                self.miss(missing.clone());
                return None;
            }
            None => {
                let detail =
                    format!("{name}: the decision does not say of which file and settings");
                self.miss(Missing::new(Lack::Detector, detail));
                return None;
            }
        };
        let inputs = &prepared.manifest().inputs;
        let lacking = self.retold.lacking.iter().find(|(input, _)| inputs.contains(input));
        if let Some((_, missing)) = lacking {
            self.miss(missing.clone());
            return None;
        }
        let limits = match otherwise.and_then(|it| it.limits) {
            Some(limits) => limits,
            None => self.basis.ceiling.within(&prepared.manifest().budget),
        };
        let patience = PATIENCE.min(PATIENCE_IN_ALL.saturating_sub(self.spent));
        let here = limits.at_most(&self.material.ceiling);
        let prepared = prepared.under(Limits { deadline: patience, ..here });
        let event = &self.material.event;
        let finding = evaluate_again(&prepared, event, &self.retold.known, was, &self.key);
        self.spent += Duration::from_micros(finding.micros);
        self.replay.ran += 1;
        if finding.outcome == Outcome::Deadline {
            let detail =
                format!("{name} did not end in {} s of processor time", patience.as_secs());
            self.miss(Missing::new(Lack::Time, detail));
            return None;
        }
        if (Limits { deadline: limits.deadline, ..here }) != limits {
            let detail = format!(
                "{name} ran under {}, and no more than {} is allowed here: raise the limits of the \
                 configuration, or replay a capsule of it",
                json!(limits),
                json!(self.material.ceiling)
            );
            self.cramped.push(Missing::new(Lack::Limits, detail));
        }
        if kept {
            self.kept.push(format!(
                "{name} ran in an instance that was kept from earlier events (isolation = \"warm\"); what \
                 that had kept is not in the record"
            ));
        }
        let error = match finding.outcome == was.outcome && was.outcome != Outcome::Error {
            // The host's own words, which may differ from release to release.
            true => was.error.clone(),
            false => finding.error,
        };
        Some(Finding { micros: was.micros, error, ..finding })
    }

    fn miss(&mut self, missing: Missing) {
        if !self.replay.missing.contains(&missing) {
            self.replay.missing.push(missing);
        }
    }
}

/// Why a finding is no function of the inputs, if so. `kept`: it ran in a kept instance.
fn by_chance(finding: &Finding, kept: bool) -> Option<String> {
    match finding.outcome {
        Outcome::Skipped => {
            Some(finding.error.clone().unwrap_or_else(|| "it was not run".to_owned()))
        }
        Outcome::Deadline => Some("its time was up".to_owned()),
        Outcome::Memory if kept => Some("its instance had grown with earlier events".to_owned()),
        _ => None,
    }
}

/// Every build that a decision names, with the names of their detectors.
pub(super) fn builds(decision: &Decision) -> impl Iterator<Item = (Build, &str)> {
    decision.findings.iter().filter_map(named)
}

fn named(finding: &Finding) -> Option<(Build, &str)> {
    let build = Build { digest: finding.digest?, settings: finding.settings_digest? };
    Some((build, &finding.detector))
}

/// The signals of each finding as they are recorded, with the commitments of their entities.
pub(super) fn recorded(decision: &Decision, commitments: &[Cow<'static, str>]) -> Vec<Vec<Signal>> {
    let mut commitments = commitments.iter();
    let mut of_findings = vec![Vec::new(); decision.findings.len()];
    for signal in &decision.signals {
        let mut signal = signal.clone();
        for entity in &mut signal.entities {
            entity.commitment = commitments.next().map(ToString::to_string).unwrap_or_default();
        }
        let mut findings = decision.findings.iter();
        if let Some(at) = findings.position(|finding| finding.gave(&signal)) {
            of_findings[at].push(signal);
        }
    }
    of_findings
}

/// The decision as it was, with what was found now.
fn unjudged(was: &Decision, findings: Vec<Finding>) -> Decision {
    let found = findings.iter().flat_map(|finding| {
        let on_trial = finding.stage.is_some_and(Stage::is_trial);
        let version = finding.version.clone().filter(|_| on_trial);
        finding.signals.iter().map(move |it| Signal { version: version.clone(), ..it.clone() })
    });
    let signals = found.enumerate().map(|(number, signal)| {
        let counted = was.signals.get(number).is_some_and(|was| was.counted);
        Signal { counted, ..signal }
    });
    Decision { signals: signals.collect(), findings, ..was.clone() }
}

/// Puts the hashes of the record in the place of those that are under no key.
fn take_hashes(is: &mut Decision, was: &Decision) {
    for (is, was) in is.signals.iter_mut().zip(&was.signals) {
        for (is, was) in is.entities.iter_mut().zip(&was.entities) {
            is.hash.clone_from(&was.hash);
        }
    }
}
