//! The engine on real components: what fails is stopped and comes back, what is kept is watched.

mod fixture;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use picket::engine::{Engine, EngineOptions, EntityKey, Evaluated, Incident};
use picket::model::{
    Build, Event, EventBounds, Finding, Isolation, Known, LogLevel, Outcome, PurityChecks, Stage,
    Timestamp,
};
use picket::registry::{LiveDetector, Snapshot};
use picket::runtime::{Prepared, Runtime, RuntimeOptions, Trust};
use picket::store::{EVERY_SOURCE, Origin};
use picket::telemetry::Metrics;
use serde_json::json;
use tokio::sync::mpsc;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(&RuntimeOptions::default()).expect("the sandbox starts"));
static PROBE: LazyLock<Prepared> = LazyLock::new(|| {
    RUNTIME.load(fixture::probe(), "{}", Trust::Bundled).expect("the probe loads")
});
static PHONE: LazyLock<Prepared> = LazyLock::new(|| {
    let bundled = picket_bundle::DETECTORS.iter().find(|it| it.name == "contact-phone");
    RUNTIME
        .load(bundled.expect("it is bundled").component, "{}", Trust::Bundled)
        .expect("contact-phone loads")
});

struct Bench {
    engine: Engine,
    metrics: Arc<Metrics>,
    incidents: mpsc::Receiver<Incident>,
    now: Instant,
    events: u32,
}

impl Bench {
    fn new(purity_check_every: u64) -> Self {
        // The machine of the tests may be slow: what is tested is not how slow.
        Self::with_deadline(purity_check_every, Duration::from_secs(5))
    }

    fn with_deadline(purity_check_every: u64, event_deadline: Duration) -> Self {
        let (sender, incidents) = mpsc::channel(8);
        let metrics = Arc::new(Metrics::new());
        let engine = Engine::new(EngineOptions {
            entity_key: EntityKey::new(&[7; 32]),
            event_deadline,
            purity_check_every,
            incidents: sender,
            metrics: Arc::clone(&metrics),
        });
        Self { engine, metrics, incidents, now: Instant::now(), events: 0 }
    }

    /// Evaluates the next event, and has the engine look after itself.
    fn event(&mut self, snapshot: &Snapshot, content: &str) -> Vec<Finding> {
        self.events += 1;
        let event = event(self.events, content);
        let known = Known::default();
        let Evaluated { findings, upkeep } =
            self.engine.evaluate_at(snapshot, &event, &known, self.now);
        self.engine.look_after(upkeep, || true);
        findings
    }

    /// The same, this many seconds later; of the first detector.
    fn later(&mut self, seconds: u64, snapshot: &Snapshot, content: &str) -> Finding {
        self.now += Duration::from_secs(seconds);
        self.event(snapshot, content).remove(0)
    }

    fn told(&mut self) -> Vec<Incident> {
        std::iter::from_fn(|| self.incidents.try_recv().ok()).collect()
    }

    fn passed(&self) -> Option<u32> {
        let vitals = self.engine.vitals(&PROBE.build()).expect("the probe is live");
        vitals.quarantine.map(|quarantine| quarantine.probes_passed)
    }

    fn purity(&self) -> PurityChecks {
        self.engine.vitals(&PROBE.build()).expect("the probe is live").purity
    }
}

fn event(number: u32, content: &str) -> Event {
    let envelope = json!({
        "specversion": "1.0", "id": format!("e-{number}"), "source": "market", "type": "message.sent",
        "subject": "user-17", "time": "2026-09-01T09:00:00Z", "data": {"content": content},
    });
    let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: i64::MAX / 2_000 };
    Event::parse(envelope, &bounds, Timestamp::now()).expect("the event is valid")
}

fn live(prepared: &Prepared) -> LiveDetector {
    LiveDetector {
        deployment: 1,
        prepared: prepared.clone(),
        source: EVERY_SOURCE.to_owned(),
        origin: Origin::Bundle,
        stage: Stage::Active,
        before: None,
        cohort: None,
        isolation: Isolation::Fresh,
    }
}

fn quarantined(before: Stage) -> LiveDetector {
    LiveDetector { stage: Stage::Quarantined, before: Some(before), ..live(&PROBE) }
}

fn warm(prepared: &Prepared) -> LiveDetector {
    LiveDetector { isolation: Isolation::Warm, ..live(prepared) }
}

fn snapshot<const N: usize>(generation: u64, detectors: [LiveDetector; N]) -> Snapshot {
    Snapshot::new(generation, detectors.into(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new())
}

/// A finding without what it cost.
fn found(finding: &Finding) -> Finding {
    Finding { micros: 0, ..finding.clone() }
}

fn reason(finding: &Finding) -> &str {
    &finding.signals[0].reason
}

fn error(finding: &Finding) -> &str {
    finding.error.as_deref().unwrap_or_default()
}

fn build() -> Build {
    PROBE.build()
}

#[test]
fn a_hanging_detector_is_stopped_after_twenty_calls_and_the_others_find_the_same() {
    let mut bench = Bench::new(0);
    let both = snapshot(1, [live(&PROBE), live(&PHONE)]);
    let alone = snapshot(1, [live(&PHONE)]);
    let text = "loop 415 555 0100, call me on 415-555-0100";
    let expected = found(&Bench::new(0).event(&alone, text)[0]);
    assert_eq!(expected.signals[0].label, "contact.phone");
    for number in 0..25 {
        let findings = bench.event(&both, text);
        assert_eq!(findings.len(), 2);
        assert_eq!(found(&findings[0]), expected);
        let probe = &findings[1];
        assert!(probe.counted, "what is missing is missed");
        match number {
            0..20 => assert_eq!(probe.outcome, Outcome::Deadline),
            _ => {
                assert_eq!((probe.outcome, probe.micros), (Outcome::Skipped, 0));
                assert_eq!(
                    error(probe),
                    "in quarantine: 20 of 20 calls failed within 10 s, last: deadline"
                );
            }
        }
    }
    let tripped = Incident::Tripped {
        build: build(),
        detector: "probe".to_owned(),
        version: "1.0.0".to_owned(),
        why: "20 of 20 calls failed within 10 s, last: deadline".to_owned(),
    };
    assert_eq!(bench.told(), [tripped]);
    assert!(bench.metrics.encode().contains("picket_breaker_open{detector=\"probe\"} 1"));
}

#[test]
fn what_was_stopped_runs_again_after_three_good_probes() {
    let mut bench = Bench::new(0);
    let probe = snapshot(1, [live(&PROBE)]);
    for _ in 0..20 {
        assert_eq!(bench.event(&probe, "panic")[0].outcome, Outcome::Trap);
    }
    assert_eq!(bench.told().len(), 1);
    // A probe that fails doubles the wait; what a probe finds is thrown away.
    assert_eq!(bench.later(9, &probe, "hello").outcome, Outcome::Skipped);
    assert_eq!(bench.passed(), Some(0), "none is due");
    bench.later(1, &probe, "panic");
    bench.later(19, &probe, "hello");
    assert_eq!(bench.passed(), Some(0), "none is due");
    for (seconds, passed) in [(1, Some(1)), (10, Some(2)), (10, None)] {
        assert_eq!(bench.told(), []);
        let finding = bench.later(seconds, &probe, "hello");
        assert_eq!((finding.outcome, finding.signals.len()), (Outcome::Skipped, 0));
        assert_eq!(bench.passed(), passed);
    }
    assert!(
        matches!(&bench.told()[..], [Incident::Recovered { version, .. }] if version == "1.0.0")
    );
    assert_eq!(bench.later(0, &probe, "hello").outcome, Outcome::Ok);
    assert!(bench.metrics.encode().contains("picket_breaker_open{detector=\"probe\"} 0"));
}

#[test]
fn what_the_record_quarantines_is_probed_until_the_record_says_otherwise() {
    let mut bench = Bench::new(0);
    // After a restart: the row is all that is known.
    let held = snapshot(1, [quarantined(Stage::Active)]);
    for told in [0, 0, 0, 1, 1] {
        let finding = bench.event(&held, "hello").remove(0);
        assert!(finding.counted && error(&finding).starts_with("in quarantine: "));
        assert_eq!(bench.told().len(), told);
        bench.now += Duration::from_secs(10);
    }
    let released = snapshot(2, [live(&PROBE)]);
    assert_eq!(bench.event(&released, "hello")[0].outcome, Outcome::Ok);
    assert_eq!(
        bench.event(&snapshot(3, [quarantined(Stage::Active)]), "hello")[0].outcome,
        Outcome::Skipped
    );
    // An event that began before finishes on its snapshot, and changes nothing.
    assert_eq!(bench.event(&released, "hello")[0].outcome, Outcome::Skipped);
}

#[test]
fn what_had_no_say_leaves_no_finding_in_quarantine_and_is_probed_all_the_same() {
    let mut bench = Bench::new(0);
    let held = snapshot(1, [quarantined(Stage::Shadow), live(&PHONE)]);
    for passed in [0, 1, 2] {
        let findings = bench.event(&held, "hello");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].detector, "contact-phone");
        assert_eq!(bench.passed(), Some(passed));
        bench.now += Duration::from_secs(10);
    }
}

#[test]
fn a_deadline_that_the_event_cut_short_is_not_the_detectors_fault() {
    let mut bench = Bench::with_deadline(0, Duration::from_millis(3));
    let probe = snapshot(1, [live(&PROBE)]);
    for _ in 0..25 {
        let finding = bench.event(&probe, "loop").remove(0);
        assert_eq!(
            (finding.outcome, error(&finding)),
            (Outcome::Skipped, "the event's time was up")
        );
    }
    assert_eq!(bench.told(), []);
    let vitals = bench.engine.vitals(&build()).unwrap();
    assert_eq!((vitals.calls, vitals.quarantine), (0, None));
    assert_eq!(vitals.outcomes, BTreeMap::from([(Outcome::Skipped, 25)]));
}

#[test]
fn a_kept_instance_of_a_function_finds_what_a_fresh_one_finds() {
    let (mut kept, mut fresh) = (Bench::new(1), Bench::new(1));
    let texts = ["hello", "call 415-555-0100", "four one five 555 01 00", "", "call 415-555-0100"];
    for text in texts {
        let kept = kept.event(&snapshot(1, [warm(&PHONE)]), text).remove(0);
        let fresh = fresh.event(&snapshot(1, [live(&PHONE)]), text).remove(0);
        assert_eq!(found(&kept), found(&fresh), "{text}");
    }
    for mut bench in [kept, fresh] {
        let purity = bench.engine.vitals(&PHONE.build()).unwrap().purity;
        assert_eq!((purity.compared, purity.differed), (5, 0));
        assert_eq!(bench.told(), []);
    }
}

#[test]
fn what_keeps_state_between_events_is_found_and_told_once() {
    let mut bench = Bench::new(1);
    let kept = snapshot(1, [warm(&PROBE)]);
    for call in 1..=5 {
        let finding = bench.event(&kept, "state").remove(0);
        // What is recorded is the first run.
        assert!(reason(&finding).starts_with(&format!("call {call} of")), "{}", reason(&finding));
    }
    assert_eq!(bench.purity(), PurityChecks { compared: 5, differed: 4 });
    let told = bench.told();
    assert!(
        matches!(&told[..], [Incident::Impure { why, .. }] if why == "signal 1: other reason of safety.probe each time"),
        "{told:?}"
    );
    let metrics = bench.metrics.encode();
    assert!(
        metrics.contains("picket_purity_checks_total{detector=\"probe\",result=\"differs\"} 4")
    );
    // In fresh instances the same detector is a function.
    let fresh = snapshot(2, [live(&PROBE)]);
    let mut again = (1..=3).map(|_| bench.event(&fresh, "state").remove(0));
    assert!(again.all(|finding| reason(&finding).starts_with("call 1 of")));
    assert_eq!(bench.purity(), PurityChecks { compared: 8, differed: 4 });
}

#[test]
fn second_runs_and_probes_come_after_the_findings_and_only_where_there_is_time() {
    let mut bench = Bench::new(1);
    let both = snapshot(1, [live(&PHONE), live(&PROBE)]);
    for _ in 0..20 {
        bench.event(&both, "panic");
    }
    bench.now += Duration::from_secs(10);
    let purity = |bench: &Bench| bench.engine.vitals(&PHONE.build()).unwrap().purity.compared;
    let before = purity(&bench);
    let event = event(1_000, "hello");
    let known = Known::default();
    // What the findings wait for holds neither; and where nothing may be begun, nothing is.
    for may in [false, true] {
        let evaluated = bench.engine.evaluate_at(&both, &event, &known, bench.now);
        assert_eq!(evaluated.findings.len(), 2);
        assert_eq!((purity(&bench), bench.passed()), (before, Some(0)), "not before");
        bench.engine.look_after(evaluated.upkeep, || may);
        let expected = if may { (before + 1, Some(1)) } else { (before, Some(0)) };
        assert_eq!((purity(&bench), bench.passed()), expected);
    }
}

#[test]
fn an_instance_that_failed_is_not_kept() {
    let mut bench = Bench::new(0);
    let kept = snapshot(1, [warm(&PROBE)]);
    let mut said = |content: &str| {
        let finding = bench.event(&kept, content).remove(0);
        finding.signals.first().map(|signal| signal.reason.split(" of").next().map(str::to_owned))
    };
    let call = |number: u32| Some(Some(format!("call {number}")));
    assert_eq!(said("state"), call(1));
    assert_eq!(said("state"), call(2));
    for failure in ["panic", "loop", "error", "nan", "many"] {
        assert_eq!(said(failure), None, "{failure}");
        assert_eq!(said("state"), call(1), "after {failure}");
    }
}

#[test]
fn a_share_of_the_runs_is_done_again_and_ten_times_as_many_of_kept_instances() {
    let checked = |detector: fn(&Prepared) -> LiveDetector, every| {
        let mut bench = Bench::new(every);
        let snapshot = snapshot(1, [detector(&PROBE)]);
        for _ in 0..400 {
            bench.event(&snapshot, "silent");
        }
        assert_eq!(bench.told(), []);
        bench.purity().compared
    };
    assert_eq!(checked(live, 0), 0);
    assert_eq!(checked(warm, 0), 0);
    // Expected are 40; outside of these bounds is a chance of less than one in a million.
    assert!((10..80).contains(&checked(live, 10)));
    assert!((10..80).contains(&checked(warm, 100)));
}

#[test]
fn what_is_not_live_any_more_is_forgotten() {
    let mut bench = Bench::new(0);
    let probe = snapshot(1, [live(&PROBE)]);
    for _ in 0..20 {
        bench.event(&probe, "panic");
    }
    assert!(bench.passed().is_some());
    bench.event(&snapshot(2, [live(&PHONE)]), "hello");
    assert_eq!(bench.engine.vitals(&build()), None);
    assert!(bench.metrics.encode().contains("picket_breaker_open{detector=\"probe\"} 0"));
    // A late event of the old generation is answered all the same.
    assert_eq!(bench.event(&probe, "hello")[0].outcome, Outcome::Ok);
    assert_eq!(bench.engine.vitals(&build()), None);
}

#[test]
fn what_a_detector_says_and_how_it_fails_can_be_followed() {
    let mut bench = Bench::new(0);
    let probe = snapshot(1, [live(&PROBE)]);
    for content in ["print it", "error", "hello", "panic 415-555-0100"] {
        bench.event(&probe, content);
    }
    let log = bench.engine.log(&build(), 0);
    let said: Vec<_> =
        log.iter().map(|it| (it.event.as_str(), it.level, it.line.as_str())).collect();
    assert_eq!(said[0], ("e-1", LogLevel::Info, "printed"));
    assert_eq!(said[1], ("e-2", LogLevel::Error, "error: told to fail"));
    let (last, rest) = said[2..].split_last().unwrap();
    assert!(last.2.starts_with("trap: ") && last.2.contains("told to panic: 18"), "{last:?}");
    assert!(rest.iter().all(|line| line.0 == "e-4"), "{rest:?}");
    assert_eq!(bench.engine.log(&build(), log[1].number), log[2..]);
    let vitals = bench.engine.vitals(&build()).unwrap();
    assert_eq!((vitals.calls, vitals.fired), (4, 2));
    let outcomes = [(Outcome::Ok, 2), (Outcome::Trap, 1), (Outcome::Error, 1)];
    assert_eq!(vitals.outcomes, BTreeMap::from(outcomes));
    assert!(vitals.memory_bytes_max >= 64 << 10 && vitals.output_bytes_max > 0, "{vitals:?}");
    assert!(0 < vitals.cost.p50_micros && vitals.cost.p50_micros <= vitals.cost.max_micros);
}
