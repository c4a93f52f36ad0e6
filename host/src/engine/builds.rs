//! What the engine keeps of each build while it is live: breaker, counts, lines, kept instances.
//!
//! An event looks its builds up in a map that only a new snapshot replaces. What belongs to one build
//! is behind its own lock, which nobody holds while a guest runs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::breaker::Breaker;
use super::vitals::{Lines, Tally, Used};
use super::warm::{Kept, Room};
use crate::model::{Build, Event, Finding, LogLevel, LogLine, Outcome, Stage, Vitals};
use crate::registry::{LiveDetector, Snapshot};
use crate::telemetry::{Metrics, Raised};

/// Every build of one snapshot.
#[derive(Default)]
pub(super) struct Builds {
    /// `None` before the first.
    edition: Option<(u64, u32)>,
    states: HashMap<Build, Arc<State>>,
    room: Room,
}

/// One build.
pub(super) struct State {
    inner: Mutex<Inner>,
    pub kept: Kept,
    impure: AtomicBool,
}

struct Inner {
    breaker: Breaker,
    /// Shows that the breaker is open.
    raised: Raised,
    tally: Tally,
    lines: Lines,
}

impl Builds {
    pub fn is_of(&self, snapshot: &Snapshot) -> bool {
        // An event that began on an older snapshot finishes on it, with what is known by now.
        self.edition.is_some_and(|edition| edition >= snapshot.edition())
    }

    /// Those of a newer snapshot: what is known of a build stays, what is live no longer is dropped.
    pub fn following(&self, snapshot: &Snapshot, metrics: &Metrics, now: Instant) -> Self {
        let mut quarantined: HashMap<Build, bool> = HashMap::new();
        let mut states = HashMap::with_capacity(snapshot.detectors().len());
        for live in snapshot.detectors() {
            let build = live.prepared.build();
            *quarantined.entry(build).or_default() |= live.stage == Stage::Quarantined;
            states.entry(build).or_insert_with(|| match self.states.get(&build) {
                Some(state) => Arc::clone(state),
                None => Arc::new(State::new(live, self.room.clone(), metrics, now)),
            });
        }
        for (build, state) in &states {
            state.follow(quarantined.get(build).copied().unwrap_or_default(), now);
        }
        Self { edition: Some(snapshot.edition()), states, room: self.room.clone() }
    }

    /// The state of a detector. One that is live no longer, for an event that began before, gets a new
    /// one that nobody keeps.
    pub fn of(&self, live: &LiveDetector, metrics: &Metrics, now: Instant) -> Arc<State> {
        match self.states.get(&live.prepared.build()) {
            Some(state) => Arc::clone(state),
            None => Arc::new(State::new(live, self.room.clone(), metrics, now)),
        }
    }

    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.values().map(Arc::as_ref)
    }

    pub fn get(&self, build: &Build) -> Option<&State> {
        self.states.get(build).map(Arc::as_ref)
    }
}

impl State {
    fn new(live: &LiveDetector, room: Room, metrics: &Metrics, now: Instant) -> Self {
        let inner = Inner {
            breaker: Breaker::new(now),
            raised: metrics.breaker(&live.prepared.manifest().name),
            tally: Tally::new(),
            lines: Lines::default(),
        };
        let state = Self {
            inner: Mutex::new(inner),
            kept: Kept::new(room),
            impure: AtomicBool::new(false),
        };
        state.follow(live.stage == Stage::Quarantined, now);
        state
    }

    /// Why the version may not run, while it may not.
    pub fn open(&self) -> Option<Arc<str>> {
        self.inner().breaker.open().map(Arc::clone)
    }

    /// Counts what is recorded of an event. Returns why the breaker opened, where it opened.
    pub fn record(&self, finding: &Finding, used: Used, now: Instant) -> Option<Arc<str>> {
        let mut inner = self.inner();
        let fired = !finding.signals.is_empty();
        inner.tally.count(finding.outcome, finding.micros, used, fired);
        let why = inner.breaker.record(finding.outcome, now);
        inner.show();
        why
    }

    /// Whether a probe is due, which is then the caller's.
    pub fn begin_probe(&self, now: Instant) -> bool {
        self.inner().breaker.begin_probe(now)
    }

    /// Counts a probe. Returns whether the version has recovered.
    pub fn probed(&self, outcome: Outcome, now: Instant) -> bool {
        let mut inner = self.inner();
        let recovered = inner.breaker.probed(outcome, now);
        inner.show();
        recovered
    }

    /// Counts a comparison.
    pub fn compared(&self, differed: bool) {
        let purity = &mut self.inner().tally.purity;
        purity.compared += 1;
        purity.differed += u64::from(differed);
    }

    /// Whether nobody was told yet that it is impure; from now on somebody was.
    pub fn begin_impure(&self) -> bool {
        !self.impure.swap(true, Ordering::Relaxed)
    }

    /// The telling failed: the next difference is told again.
    pub fn untell_impure(&self) {
        self.impure.store(false, Ordering::Relaxed);
    }

    /// Keeps what was said of an event.
    pub fn write(&self, event: &Event, lines: &[(LogLevel, String)]) {
        let mut inner = self.inner();
        for (level, line) in lines {
            inner.lines.push(event, *level, line);
        }
    }

    pub fn vitals(&self, now: Instant) -> Vitals {
        let inner = self.inner();
        let Tally { outcomes, fired, used, purity, .. } = &inner.tally;
        Vitals {
            calls: inner.tally.calls(),
            outcomes: outcomes.clone(),
            fired: *fired,
            cost: inner.tally.cost(),
            memory_bytes_max: used.memory_bytes,
            output_bytes_max: used.output_bytes,
            purity: *purity,
            quarantine: inner.breaker.quarantine(now),
        }
    }

    pub fn log(&self, after: u64) -> Vec<LogLine> {
        self.inner().lines.after(after)
    }

    /// Drops the lines about whom `gone` says to.
    pub fn forget(&self, gone: impl Fn(&str, &str) -> bool) {
        self.inner().lines.forget(gone);
    }

    fn follow(&self, quarantined: bool, now: Instant) {
        let mut inner = self.inner();
        inner.breaker.follow(quarantined, now);
        inner.show();
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn show(&mut self) {
        let open = self.breaker.open().is_some();
        self.raised.set(open);
    }
}
