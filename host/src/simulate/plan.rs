//! What is compared: the two sides, and the pure steps of `ingest` that an event goes through for each.
//! No I/O; any thread may do it, and the result does not depend on which. Where rules ask what comes of earlier
//! decisions, judging waits for these ([`super::course`]).

mod side;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::past::{Part, Past};
use super::remembered::{LATE_MICROS, Remembered};
use super::told::{ToldSums, Whence};
use crate::engine::{EntityKey, evaluate_again};
use crate::ingest::{Given, conclude};
use crate::model::{
    Account, Definition, Finding, Input, Known, Mode, Outcome, PolicyRef, Stage, Timestamp, Told,
};
use crate::policy::Policy;
use crate::runtime::Prepared;

pub use side::DetectorSaid;
use side::definitions;
pub(super) use side::{Judged, Runner, Side};

/// What is compared with what.
pub struct Plan {
    pub(super) before: Before,
    pub(super) after: Side,
    /// Every detector that is run. Each runs once on an event, whichever sides hear it.
    pub(super) detectors: Vec<Runner>,
    /// What entities are hashed under: that of the record, so that what candidates find is met again there.
    key: EntityKey,
}

/// What the candidate is held against.
pub(super) enum Before {
    Nothing,
    /// What was decided.
    Decided,
    Policy(Side),
}

/// How far an event has come for a side.
pub(super) enum Weighing {
    Judged(Box<Judged>),
    /// What the side hears, to be judged when what was before is decided.
    Found(Vec<Finding>),
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
    pub before: Option<Weighing>,
    pub after: Weighing,
    /// One for each of the plan's detectors; `None` where it does not want the event.
    pub runs: Vec<Option<Ran>>,
}

impl Plan {
    /// The record: `candidate` judges what was found, with `detectors` run in place of what those of the
    /// same name found; `known` are the detectors that the record knows, and `key` is that of its entities. Held
    /// against what was decided.
    pub fn of_record(
        candidate: Arc<Policy>,
        detectors: Vec<Prepared>,
        known: BTreeSet<String>,
        key: EntityKey,
    ) -> Self {
        let detectors: Vec<Runner> =
            detectors.into_iter().map(|prepared| Runner::new(prepared, true)).collect();
        let mut loaded = known;
        loaded.extend(detectors.iter().map(|runner| runner.said.name.clone()));
        let after = Side { policy: candidate, runs: (0..detectors.len()).collect(), loaded };
        Self { before: Before::Decided, after, detectors, key }
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

    /// What is declared about the past beyond what signals carry: by the detectors that are run, and by the
    /// policies.
    pub(super) fn definitions(&self) -> Vec<Definition> {
        let detectors = self.detectors.iter().flat_map(|it| &it.prepared.manifest().inputs);
        let policies = self.sides().flat_map(|side| side.policy.asks());
        let inputs = detectors.chain(policies).filter(|input| input.entities().is_none());
        definitions(self.after.policy.source(), inputs)
    }

    /// What is declared about what other accounts did, if anything: for that all of them are needed.
    pub fn of_others(&self) -> Option<Input> {
        let of_others = |input: &Input| match input {
            Input::Recent(_) => false,
            _ => input.past().is_some_and(|past| past.by != "subject"),
        };
        let carried = self.sides().flat_map(Side::carried);
        let all = self.definitions().into_iter().chain(carried).map(|it| it.input);
        all.into_iter().find(of_others)
    }

    /// Since when earlier events count for one of this moment; `None` where none do.
    pub(super) fn looks_back(&self, since: Timestamp) -> Option<Timestamp> {
        let mut all = self.definitions();
        all.extend(self.after.carried());
        let window_s = all.iter().map(|it| it.past().window_s).max()?;
        let window = i64::try_from(window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Some(Timestamp::from_micros(since.micros() - window - LATE_MICROS))
    }

    /// Whether events matter that no policy judges: they count for those that one does.
    pub(super) fn remembers(&self) -> bool {
        !self.definitions().is_empty() || self.sides().any(Side::follows)
    }

    fn sides(&self) -> impl Iterator<Item = &Side> {
        let before = match &self.before {
            Before::Policy(side) => Some(side),
            Before::Nothing | Before::Decided => None,
        };
        before.into_iter().chain([&self.after])
    }

    /// Evaluates, and judges where that does not depend on what comes of earlier events.
    pub(super) fn weigh(&self, mut past: Past) -> Weighed {
        if past.part == Part::Before {
            let after = Weighing::Found(std::mem::take(&mut past.findings));
            return Weighed { past, before: None, after, runs: Vec::new() };
        }
        let found: Vec<Option<Finding>> =
            self.detectors.iter().map(|runner| self.run(runner, &past)).collect();
        let before = match &self.before {
            Before::Policy(side) => Some(self.weighing(side, &past, &found)),
            Before::Nothing | Before::Decided => None,
        };
        let after = self.weighing(&self.after, &past, &found);
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
            let told = match input {
                Input::Field { .. } => continue,
                Input::List { name } => {
                    let list = self.after.policy.lists().iter().find(|list| list.name == *name);
                    list.map(|list| Told::Boolean(list.has(&past.event, past.decided_at)))
                }
                Input::Feature(_) | Input::Recent(_) => past.known.of(input).cloned(),
            };
            known.tell(input, told.unwrap_or(Told::Absent));
        }
        let was = Finding { stage: Some(Stage::Active), ..Finding::absent(&runner.said.name) };
        if let Some(why) = known.lacks(&manifest.inputs) {
            let digest = Some(runner.prepared.digest());
            return Some(Finding { outcome: Outcome::Skipped, error: Some(why), digest, ..was });
        }
        Some(evaluate_again(&runner.prepared, &past.event, &known, &was, &self.key))
    }

    fn weighing(&self, side: &Side, past: &Past, found: &[Option<Finding>]) -> Weighing {
        let found = self.heard(side, past, found);
        if side.follows() {
            return Weighing::Found(found);
        }
        let mut known = Known::default();
        side.policy.asks().iter().for_each(|input| known.tell(input, past.told(input)));
        Weighing::Judged(Box::new(self.judged(side, past, found, &known, &Account::NOBODY)))
    }

    /// The findings that a side hears: what is recorded of those detectors that do not run, and what is found now.
    fn heard(&self, side: &Side, past: &Past, found: &[Option<Finding>]) -> Vec<Finding> {
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
        findings
    }

    /// What is known of what a side's rules ask about the past, with what signals carry. How many had it is taken as
    /// it was read where the record's findings are all that there is; else it follows from the events before.
    pub(super) fn known(
        &self,
        side: &Side,
        past: &Past,
        findings: &[Finding],
        carried: &Remembered,
        sums: &mut ToldSums,
    ) -> Known {
        let is_recorded = matches!(self.before, Before::Decided) && self.detectors.is_empty();
        let mut known = Known::default();
        for input in side.policy.asks() {
            if input.entities().is_none() {
                known.tell(input, past.told(input));
                continue;
            }
            // What nobody carries has no number.
            let Some(counted) = carried.accounts(input, past, findings) else { continue };
            let (whence, told) = match past.known.of(input).filter(|_| is_recorded) {
                Some(read) => (Whence::Record, read.clone()),
                None => (Whence::Events, counted),
            };
            if past.part == Part::Judged {
                sums.count(input, whence, &told);
            }
            known.tell(input, told);
        }
        known
    }

    /// What a side says of what it hears.
    pub(super) fn judged(
        &self,
        side: &Side,
        past: &Past,
        findings: Vec<Finding>,
        known: &Known,
        account: &Account,
    ) -> Judged {
        let given = Given {
            id: past.decision,
            decided_at: past.decided_at,
            event: &past.event,
            policy: PolicyRef {
                name: side.policy.name().to_owned(),
                version: 0,
                digest: side.policy.digest(),
            },
            mode: Mode::Active,
            generation: 0,
            known,
            account,
        };
        let verdict = side.policy.judge(&past.event, &given.facts(), &findings);
        let asked = verdict.asked(given.id);
        let (decision, trace) = conclude(given, findings, verdict);
        Judged { decision, asked, trace }
    }
}
