//! Fan-out: one event to every detector that wants it, findings back.
//!
//! Detectors of one event run in sequence on one evaluation thread; events run in parallel on as
//! many threads as there are cores ([`Pool`]). A detector's failure is a finding, never an error. One
//! that keeps failing is no longer run ([`breaker`]), and what the engine learns that somebody should act
//! on is an [`Incident`].

mod again;
mod breaker;
mod builds;
pub mod check;
mod examine;
mod incident;
mod inputs;
mod pool;
mod purity;
mod visit;
mod vitals;
mod warm;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use crate::model::{
    Build, Event, Finding, Isolation, Known, LogLevel, LogLine, Outcome, Stage, Vitals,
};
use crate::registry::{LiveDetector, Snapshot, Subscribed};
use crate::runtime::Run;
use crate::telemetry::{Compared, Metrics};

use builds::{Builds, State};
use purity::Sampling;
use visit::{TIME_UP, Visit, finding};
use vitals::Used;

pub use again::evaluate_again;
pub use check::EntityKey;
pub use examine::{Examined, examine};
pub use incident::{INCIDENTS_MAX, Incident};
pub use inputs::read as read_inputs;
pub use pool::{Answer, Pool, PoolError, Spare};

/// What an engine is built from.
pub struct EngineOptions {
    pub entity_key: EntityKey,
    /// Wall time of all detectors together on one event.
    pub event_deadline: Duration,
    /// One run in so many is done again and compared; 0 for none.
    pub purity_check_every: u64,
    /// Where incidents go; bounded, for nobody waits here.
    pub incidents: mpsc::Sender<Incident>,
    pub metrics: Arc<Metrics>,
}

/// Runs detectors, and keeps what it learns of each build while that is live. One per process.
pub struct Engine {
    key: EntityKey,
    deadline: Duration,
    sampling: Sampling,
    builds: ArcSwap<Builds>,
    /// A new snapshot is followed by one event; the others wait for that.
    following: Mutex<()>,
    incidents: mpsc::Sender<Incident>,
    metrics: Arc<Metrics>,
}

/// What came of an event, and what the engine has still to do for itself.
pub struct Evaluated<'a> {
    /// Sorted by the detector's name and stage.
    pub findings: Vec<Finding>,
    pub upkeep: Upkeep<'a>,
}

/// What the engine learns from an event for itself: it changes no finding, so nobody waits for it.
pub struct Upkeep<'a> {
    event: &'a Event,
    known: &'a Known,
    now: Instant,
    again: Vec<Again<'a>>,
    stopped: Vec<(&'a LiveDetector, Arc<State>)>,
}

/// A run that is done again.
struct Again<'a> {
    live: &'a LiveDetector,
    state: Arc<State>,
    first: Run,
}

impl Engine {
    pub fn new(options: EngineOptions) -> Self {
        Self {
            key: options.entity_key,
            deadline: options.event_deadline,
            sampling: Sampling::new(options.purity_check_every),
            builds: ArcSwap::default(),
            following: Mutex::default(),
            incidents: options.incidents,
            metrics: options.metrics,
        }
    }

    /// Runs every subscribed detector on the event and what is known beyond it: infallible, bounded by the
    /// event's deadline, and sorted by the detector's name and stage, so that the order of arrival cannot
    /// matter. What counts runs first, so that nothing on trial takes its time away. Who asks for what is not
    /// known is not run.
    pub fn evaluate<'a>(
        &self,
        snapshot: &'a Snapshot,
        event: &'a Event,
        known: &'a Known,
    ) -> Evaluated<'a> {
        self.evaluate_at(snapshot, event, known, Instant::now())
    }

    /// As [`Engine::evaluate`], at a time of the caller's for breakers and probes. The event's own
    /// deadline is by the clock.
    pub fn evaluate_at<'a>(
        &self,
        snapshot: &'a Snapshot,
        event: &'a Event,
        known: &'a Known,
        now: Instant,
    ) -> Evaluated<'a> {
        let begun = Instant::now();
        let left = || self.deadline.checked_sub(begun.elapsed()).filter(|left| !left.is_zero());
        let builds = self.builds_of(snapshot, now);
        let mut turns: Vec<_> = snapshot.subscribed(event).into_iter().enumerate().collect();
        turns.sort_by_key(|(_, subscribed)| !subscribed.counted);
        let mut findings = Vec::with_capacity(turns.len());
        let (mut again, mut stopped) = (Vec::new(), Vec::new());
        for (place, Subscribed { live, counted }) in turns {
            let state = builds.of(live, &self.metrics, now);
            let finding = match (state.open(), left()) {
                (Some(why), _) => {
                    stopped.push((live, state));
                    if live.stage == Stage::Quarantined && !counted {
                        continue;
                    }
                    skipped(live, format!("in quarantine: {why}"))
                }
                (None, None) => {
                    let finding = skipped(live, TIME_UP.to_owned());
                    state.record(&finding, Used::default(), now);
                    finding
                }
                (None, Some(left)) => {
                    // Nothing that it did: its breaker hears nothing of it.
                    if let Some(why) = known.lacks(&live.prepared.manifest().inputs) {
                        findings.push((place, Finding { counted, ..skipped(live, why) }));
                        continue;
                    }
                    let visit = Visit::new(&live.prepared, Some(live.stage), event, known);
                    let (finding, first) = self.run(live, &visit, &state, left, now);
                    again.extend(first.map(|first| Again { live, state, first }));
                    finding
                }
            };
            findings.push((place, Finding { counted, ..finding }));
        }
        findings.sort_unstable_by_key(|(place, _)| *place);
        let findings = findings.into_iter().map(|(_, finding)| finding).collect();
        Evaluated { findings, upkeep: Upkeep { event, known, now, again, stopped } }
    }

    /// Does some runs again and compares them, and probes what is stopped: each a run of one detector
    /// within its own limits, begun only while `may` says so and all together within an event's time.
    pub fn look_after(&self, upkeep: Upkeep<'_>, may: impl Fn() -> bool) {
        let Upkeep { event, known, now, again, stopped } = upkeep;
        let begun = Instant::now();
        let left = || {
            let left = self.deadline.checked_sub(begun.elapsed());
            left.filter(|left| !left.is_zero() && may())
        };
        for one in again {
            let visit = Visit::new(&one.live.prepared, Some(one.live.stage), event, known);
            self.check(&one, &visit, left());
        }
        for (live, state) in stopped {
            let Some(left) = left() else { return };
            if state.begin_probe(now) {
                let visit = Visit::new(&live.prepared, Some(live.stage), event, known);
                self.probe(live, &visit, &state, left, now);
            }
        }
    }

    /// How a build fares; `None` where it is not live, or was not yet when the last event came.
    pub fn vitals(&self, build: &Build) -> Option<Vitals> {
        self.builds.load().get(build).map(|state| state.vitals(Instant::now()))
    }

    /// The last lines of a build with a number greater than `after`, oldest first.
    pub fn log(&self, build: &Build, after: u64) -> Vec<LogLine> {
        self.builds.load().get(build).map_or_else(Vec::new, |state| state.log(after))
    }

    /// Drops the lines about whom `gone` says to, by source and subject.
    pub fn forget(&self, gone: impl Fn(&str, &str) -> bool) {
        for state in self.builds.load().states() {
            state.forget(&gone);
        }
    }

    fn builds_of(&self, snapshot: &Snapshot, now: Instant) -> Arc<Builds> {
        let builds = self.builds.load_full();
        if builds.is_of(snapshot) {
            return builds;
        }
        let _alone = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        let builds = self.builds.load_full();
        if builds.is_of(snapshot) {
            return builds;
        }
        let next = Arc::new(builds.following(snapshot, &self.metrics, now));
        self.builds.store(Arc::clone(&next));
        next
    }

    /// One run that counts; with it the run as it was, where it is to be done again.
    fn run(
        &self,
        live: &LiveDetector,
        visit: &Visit<'_>,
        state: &State,
        left: Duration,
        now: Instant,
    ) -> (Finding, Option<Run>) {
        let (mut run, warm) = match live.isolation {
            Isolation::Fresh => (visit.fresh(left), None),
            Isolation::Warm => visit.warm(&state.kept, left),
        };
        let lines = visit.lines(&mut run);
        let compared = purity::comparable(&run) && self.sampling.picks(live, visit.event);
        let first = compared.then(|| run.clone());
        let used = Used { memory_bytes: run.memory_bytes, output_bytes: run.output_bytes };
        let finding = visit.finding(run, &self.key);
        if let Some(warm) = warm.filter(|_| finding.outcome == Outcome::Ok) {
            state.kept.put(warm);
        }
        write(state, visit.event, lines, &finding, "");
        if let Some(why) = state.record(&finding, used, now) {
            self.tell(Incident::tripped(live, &why));
        }
        (finding, first)
    }

    /// The same run in another fresh instance. What was recorded is the first.
    fn check(&self, again: &Again<'_>, visit: &Visit<'_>, left: Option<Duration>) {
        let Again { live, state, first } = again;
        let manifest = live.prepared.manifest();
        let second = left.map(|left| visit.fresh(left));
        let Some(second) = second.filter(purity::comparable) else {
            self.metrics.purity_check(&manifest.name, Compared::Not);
            return;
        };
        let difference = purity::difference(manifest, first, &second);
        state.compared(difference.is_some());
        let compared = if difference.is_some() { Compared::Differs } else { Compared::Same };
        self.metrics.purity_check(&manifest.name, compared);
        if let Some(why) = difference
            && state.begin_impure()
            && !self.tell(Incident::impure(live, &why))
        {
            state.untell_impure();
        }
    }

    /// One run of a version that is stopped, of which nothing is recorded but whether it went well.
    fn probe(
        &self,
        live: &LiveDetector,
        visit: &Visit<'_>,
        state: &State,
        left: Duration,
        now: Instant,
    ) {
        let mut run = visit.fresh(left);
        let lines = visit.lines(&mut run);
        let finding = visit.finding(run, &self.key);
        write(state, visit.event, lines, &finding, "probe: ");
        if state.probed(finding.outcome, now) {
            self.tell(Incident::recovered(live));
        }
    }

    /// Whether somebody will hear of it.
    fn tell(&self, incident: Incident) -> bool {
        let told = self.incidents.try_send(incident);
        if let Err(error) = &told {
            self.metrics.incident("dropped");
            tracing::error!("nobody could be told of an incident: {error}");
        }
        told.is_ok()
    }
}

fn skipped(live: &LiveDetector, why: String) -> Finding {
    finding(&live.prepared, Some(live.stage), Outcome::Skipped, Some(why))
}

/// Keeps the lines of a run, and how it failed.
fn write(
    state: &State,
    event: &Event,
    mut lines: Vec<(LogLevel, String)>,
    finding: &Finding,
    before: &str,
) {
    if finding.outcome.is_failure() {
        let error = finding.error.as_deref().unwrap_or_default();
        lines.push((LogLevel::Error, format!("{before}{}: {error}", finding.outcome)));
    }
    if !lines.is_empty() {
        state.write(event, &lines);
    }
}
