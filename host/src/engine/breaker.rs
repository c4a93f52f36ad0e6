//! When a version is not run: half of twenty calls failed within ten seconds. Then it is probed, ever
//! more seldom, until it holds again.
//!
//! Pure: the time is passed in. What the row in the record says is followed, see [`Breaker::follow`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::{Outcome, Quarantine};

/// Fewer calls than this say nothing.
pub(super) const CALLS_MIN: u32 = 20;
/// Time goes by in slots of half a second; so many are the last ten seconds.
const SLOT: Duration = Duration::from_millis(500);
const SLOTS: usize = 20;
/// Until the first probe, and after each that went well.
pub(super) const PROBE_WAIT_MIN: Duration = Duration::from_secs(10);
pub(super) const PROBE_WAIT_MAX: Duration = Duration::from_secs(600);
/// Probes in a row that must go well.
pub(super) const PROBES_TO_RECOVER: u32 = 3;

const RECORDED: &str = "so it is recorded; its history says why";

/// The breaker of one build.
pub(super) struct Breaker {
    epoch: Instant,
    window: Window,
    open: Option<Open>,
}

struct Open {
    why: Arc<str>,
    /// Whether a row says so too: then only a row closes it.
    recorded: bool,
    passed: u32,
    /// Doubles with each probe that fails.
    wait: Duration,
    next_probe: Instant,
}

impl Breaker {
    pub fn new(now: Instant) -> Self {
        Self { epoch: now, window: Window::default(), open: None }
    }

    /// Why the version may not run, while it may not.
    pub fn open(&self) -> Option<&Arc<str>> {
        self.open.as_ref().map(|open| &open.why)
    }

    /// Counts a call. Returns why the breaker opened, where this call opened it.
    pub fn record(&mut self, outcome: Outcome, now: Instant) -> Option<Arc<str>> {
        if self.open.is_some() || outcome == Outcome::Skipped {
            return None;
        }
        let slot = now.saturating_duration_since(self.epoch).as_millis() / SLOT.as_millis();
        let slot = u64::try_from(slot).unwrap_or(u64::MAX);
        let (calls, failed) = self.window.count(slot, outcome);
        if calls < CALLS_MIN || failed * 2 < calls {
            return None;
        }
        let last = self.window.last_failure;
        let why: Arc<str> =
            format!("{failed} of {calls} calls failed within 10 s, last: {last}").into();
        self.open = Some(Open::new(Arc::clone(&why), false, now));
        Some(why)
    }

    /// Whether a probe is due. It is then taken: nobody else gets it.
    pub fn begin_probe(&mut self, now: Instant) -> bool {
        let Some(open) = self.open.as_mut().filter(|open| open.next_probe <= now) else {
            return false;
        };
        open.next_probe = now + open.wait;
        true
    }

    /// Counts a probe. Returns whether the version has recovered; then the breaker closes, but for one
    /// that a row holds open: that is said again after every good probe until the row has moved.
    pub fn probed(&mut self, outcome: Outcome, now: Instant) -> bool {
        let Some(open) = &mut self.open else { return false };
        match outcome {
            // Nothing was learnt.
            Outcome::Skipped => open.next_probe = now + PROBE_WAIT_MIN,
            Outcome::Ok => {
                open.passed += 1;
                open.next_probe = now + PROBE_WAIT_MIN;
            }
            _ => {
                open.passed = 0;
                open.wait = (open.wait * 2).min(PROBE_WAIT_MAX);
                open.next_probe = now + open.wait;
            }
        }
        let recovered = outcome == Outcome::Ok && open.passed >= PROBES_TO_RECOVER;
        if recovered && !open.recorded {
            self.close();
        }
        recovered
    }

    /// Follows the rows of a new generation: quarantined ones open it, and when they are no longer
    /// quarantined it closes. One that opened by itself waits for its row, or for its probes.
    pub fn follow(&mut self, quarantined: bool, now: Instant) {
        match &mut self.open {
            None if quarantined => self.open = Some(Open::new(RECORDED.into(), true, now)),
            Some(open) if quarantined => open.recorded = true,
            Some(open) if open.recorded => self.close(),
            _ => {}
        }
    }

    pub fn quarantine(&self, now: Instant) -> Option<Quarantine> {
        let open = self.open.as_ref()?;
        let left = open.next_probe.saturating_duration_since(now).as_millis();
        Some(Quarantine {
            why: open.why.as_ref().to_owned(),
            probes_passed: open.passed,
            next_probe_ms: u64::try_from(left).unwrap_or(u64::MAX),
        })
    }

    fn close(&mut self) {
        self.open = None;
        self.window = Window::default();
    }
}

impl Open {
    fn new(why: Arc<str>, recorded: bool, now: Instant) -> Self {
        Self { why, recorded, passed: 0, wait: PROBE_WAIT_MIN, next_probe: now + PROBE_WAIT_MIN }
    }
}

/// The calls of the last ten seconds.
struct Window {
    slots: [Slot; SLOTS],
    latest: u64,
    last_failure: Outcome,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    number: u64,
    calls: u32,
    failed: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { slots: [Slot::default(); SLOTS], latest: 0, last_failure: Outcome::Ok }
    }
}

impl Window {
    /// Counts a call in its slot; returns all calls in the window, and those that failed.
    fn count(&mut self, number: u64, outcome: Outcome) -> (u32, u32) {
        // Events end in another order than they began in.
        self.latest = self.latest.max(number);
        let number = self.latest;
        let slot = &mut self.slots[usize::try_from(number % SLOTS as u64).unwrap_or_default()];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.calls += 1;
        if outcome.is_failure() {
            slot.failed += 1;
            self.last_failure = outcome;
        }
        let recent = self.slots.iter().filter(|slot| slot.number + SLOTS as u64 > number);
        recent.fold((0, 0), |(calls, failed), slot| (calls + slot.calls, failed + slot.failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(now);
        for _ in 0..CALLS_MIN {
            breaker.record(Outcome::Trap, now);
        }
        assert!(breaker.open().is_some());
        breaker
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![3 => Just(Outcome::Ok), 4 => prop::sample::select(Outcome::ALL.to_vec())]
    }

    #[test]
    fn half_of_twenty_calls_open_it_and_it_says_why_once() {
        let now = Instant::now();
        let mut breaker = Breaker::new(now);
        for number in 0..19 {
            let outcome = if number % 2 == 0 { Outcome::Ok } else { Outcome::Deadline };
            assert_eq!(breaker.record(outcome, now), None);
        }
        assert_eq!(breaker.record(Outcome::Skipped, now), None, "not a call");
        let why = breaker.record(Outcome::Trap, now).unwrap();
        assert_eq!(&*why, "10 of 20 calls failed within 10 s, last: trap");
        assert_eq!(breaker.record(Outcome::Trap, now), None, "it is open already");
    }

    #[test]
    fn three_good_probes_in_a_row_close_it() {
        let begun = Instant::now();
        let mut breaker = opened(begun);
        let mut now = begun;
        for (outcome, recovered) in [
            (Outcome::Ok, false),
            (Outcome::Ok, false),
            (Outcome::Invalid, false),
            (Outcome::Ok, false),
            (Outcome::Skipped, false),
            (Outcome::Ok, false),
            (Outcome::Ok, true),
        ] {
            now += seconds(20);
            assert!(breaker.begin_probe(now));
            assert!(!breaker.begin_probe(now), "one at a time");
            assert_eq!(breaker.probed(outcome, now), recovered);
        }
        assert!(breaker.open().is_none());
        assert_eq!(breaker.record(Outcome::Trap, now), None, "it begins anew");
    }

    #[test]
    fn probes_that_fail_come_ever_more_seldom() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for wait in [10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(!breaker.begin_probe(now + seconds(wait) - Duration::from_millis(1)));
            now += seconds(wait);
            assert!(breaker.begin_probe(now), "after {wait} s");
            breaker.probed(Outcome::Deadline, now);
        }
    }

    #[test]
    fn a_row_holds_it_open_and_its_leaving_closes_it() {
        let mut now = Instant::now();
        // After a restart the breaker is new and the row is not.
        let mut breaker = Breaker::new(now);
        breaker.follow(true, now);
        assert_eq!(breaker.open().map(|why| &**why), Some(RECORDED));
        for recovered in [false, false, true, true] {
            now += seconds(10);
            assert!(breaker.begin_probe(now));
            assert_eq!(breaker.probed(Outcome::Ok, now), recovered);
            breaker.follow(true, now);
            assert!(breaker.open().is_some());
        }
        breaker.follow(false, now);
        assert!(breaker.open().is_none());
    }

    #[test]
    fn one_that_opened_by_itself_waits_for_its_row() {
        let now = Instant::now();
        let mut breaker = opened(now);
        breaker.follow(false, now);
        assert!(breaker.open().is_some(), "the row has not moved yet");
        breaker.follow(true, now);
        breaker.follow(false, now);
        assert!(breaker.open().is_none());
    }

    proptest! {
        /// Against the rule written out: a list of all calls, counted anew each time.
        #[test]
        fn it_opens_exactly_by_the_rule(
            calls in prop::collection::vec((0_u64..3_000, outcome()), 1..200),
        ) {
            let epoch = Instant::now();
            let mut breaker = Breaker::new(epoch);
            let (mut millis, mut all) = (0, Vec::new());
            for (later, outcome) in calls {
                millis += later;
                if outcome != Outcome::Skipped {
                    all.push((millis / 500, outcome.is_failure()));
                }
                let recent: Vec<_> = all.iter().filter(|(slot, _)| slot + 20 > millis / 500).collect();
                let failed = recent.iter().filter(|(_, failed)| *failed).count();
                let opens = outcome != Outcome::Skipped
                    && recent.len() >= 20
                    && failed * 2 >= recent.len();
                let opened = breaker.record(outcome, epoch + Duration::from_millis(millis)).is_some();
                prop_assert_eq!(opened, opens);
                if opened {
                    break;
                }
            }
        }

        #[test]
        fn while_it_is_open_only_probes_run_and_their_gaps_are_bounded(
            steps in prop::collection::vec((1_u64..400, outcome()), 1..200),
        ) {
            let mut now = Instant::now();
            let mut breaker = opened(now);
            let (mut last, mut good) = (now, 0);
            for (later, outcome) in steps {
                now += seconds(later);
                let due = breaker.begin_probe(now);
                let waited = now - last;
                prop_assert!(!due || waited >= PROBE_WAIT_MIN);
                prop_assert!(due || waited < PROBE_WAIT_MAX);
                if !due {
                    continue;
                }
                last = now;
                good = match outcome {
                    Outcome::Ok => good + 1,
                    Outcome::Skipped => good,
                    _ => 0,
                };
                prop_assert_eq!(breaker.probed(outcome, now), outcome == Outcome::Ok && good == 3);
                prop_assert_eq!(breaker.open().is_none(), good == 3);
                if good == 3 {
                    break;
                }
            }
        }

        #[test]
        fn time_that_goes_back_does_no_harm(
            calls in prop::collection::vec((0_u64..30_000, outcome()), 1..200),
        ) {
            let epoch = Instant::now();
            let mut breaker = Breaker::new(epoch + seconds(5));
            for (millis, outcome) in calls {
                let now = epoch + Duration::from_millis(millis);
                let open = breaker.open().is_some();
                let opened = breaker.record(outcome, now).is_some();
                prop_assert!(!(open && opened));
                if breaker.begin_probe(now) {
                    breaker.probed(outcome, now);
                }
            }
        }
    }
}
