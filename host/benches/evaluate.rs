//! What one evaluation costs: a fresh instance, a kept one, native; and a whole event in process.
//! Prints figures and ratios of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench evaluate`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contact_phone::ContactPhone;
use picket::app::App;
use picket::config::Config;
use picket::engine::{Engine, EngineOptions, EntityKey, Evaluated, INCIDENTS_MAX};
use picket::model::{Event, Known, Outcome, Timestamp};
use picket::policy::Facts;
use picket::runtime::{Call, Runtime, RuntimeOptions, Trust, Value};
use picket::telemetry::Metrics;
use picket_sdk::harness::Harness;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use tokio::sync::mpsc;

const SHORT: &str = "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?";
const ROUNDS: u32 = 4_000;
/// Events that are timed together: enough that some runs of most blocks are done again.
const BLOCK: usize = 400;
const DEADLINE: Duration = Duration::from_millis(50);

fn main() {
    let long: String = SHORT.chars().cycle().take(1_000).collect();
    let short: String = SHORT.chars().take(66).collect();
    println!("contact-phone, microseconds (median of {ROUNDS}):");
    println!("{:>8} {:>8} {:>8} {:>8} {:>12}", "chars", "fresh", "kept", "native", "fresh/native");
    for text in [&short, &long] {
        one(text);
    }
    long_texts();
    event(&short);
}

/// What 10,000 characters cost each detector: ordinary ones, and the worst that we know.
fn long_texts() {
    let runtime = Runtime::new(&RuntimeOptions::default());
    let runtime = runtime.expect("the sandbox starts");
    let repeat = |text: &str| -> String { text.chars().cycle().take(10_000).collect() };
    let texts = [SHORT, "555 ", "a.co ", "tg:", "x at gmail ", "привет "].map(repeat);
    println!("\n10,000 characters in a fresh instance, microseconds (median of 50):");
    println!("{:>24} {:>9} {:>9}", "", "ordinary", "worst");
    for bundled in picket_bundle::DETECTORS {
        let prepared = runtime
            .load(bundled.component, "{}", Trust::Bundled)
            .expect("a bundled detector loads");
        let costs = texts.each_ref().map(|text| {
            let mut inputs = vec![Value::Text(text)];
            inputs.resize(prepared.manifest().inputs.len(), Value::Absent);
            let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
            let mut times: Vec<_> =
                (0..50).map(|_| prepared.evaluate(&call, DEADLINE).time).collect();
            times.sort_unstable();
            times[25].as_micros()
        });
        let worst = costs.iter().max().expect("some texts");
        println!("{:>24} {:>9} {worst:>9}", bundled.name, costs[0]);
    }
}

fn one(text: &str) {
    let runtime = Runtime::new(&RuntimeOptions::default());
    let runtime = runtime.expect("the sandbox starts");
    let bundled = picket_bundle::DETECTORS.iter().find(|bundled| bundled.name == "contact-phone");
    let bundled = bundled.expect("contact-phone is bundled");
    let prepared =
        runtime.load(bundled.component, "{}", Trust::Bundled).expect("contact-phone loads");
    let mut inputs = vec![Value::Text(text)];
    inputs.resize(prepared.manifest().inputs.len(), Value::Absent);
    let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
    let fresh = median(|| {
        let run = prepared.evaluate(&call, DEADLINE);
        assert_eq!(run.outcome, Outcome::Ok);
    });
    let mut warm = prepared.warm(&call).expect("contact-phone instantiates");
    let kept = median(|| assert_eq!(warm.evaluate(&call, DEADLINE).outcome, Outcome::Ok));
    let harness = Harness::<ContactPhone>::new().expect("contact-phone configures");
    let native = median(|| {
        black_box(harness.text(black_box(text)));
    });
    println!(
        "{:>8} {fresh:>8.1} {kept:>8.1} {native:>8.1} {:>12.1}",
        text.chars().count(),
        fresh / native
    );
}

/// Microseconds of wall time.
fn median(mut work: impl FnMut()) -> f64 {
    for _ in 0..200 {
        work();
    }
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// One event through all seven detectors and the policy, without the store: processor time.
fn event(text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.path().join("data"),
        detectors_dir: dir.path().join("detectors"),
        policies_dir: dir.path().join("policies"),
        watch: false,
        ..Config::default()
    };
    let app = runtime.block_on(App::start(config)).expect("Picket starts");
    // Each with an id of its own: which runs are done again goes by the id.
    let events: Vec<Event> = (0..ROUNDS)
        .map(|number| {
            let envelope = json!({
                "specversion": "1.0", "id": format!("e-{number}"), "source": "qwickservices",
                "type": "message.sent", "subject": "user-1", "data": {"content": text},
            });
            let event = Event::parse(envelope, &app.config.event_bounds(), Timestamp::now());
            event.expect("the event is valid")
        })
        .collect();
    let snapshot = app.registry.current();
    let policy = snapshot.policy("qwickservices").expect("the policy is bundled");
    let [never, seldom] = [0, 1_000].map(engine);
    let known = Known::default();
    let found = |engine: &Engine, event: &Event| {
        let Evaluated { findings, upkeep } = engine.evaluate(&snapshot, event, &known);
        engine.look_after(upkeep, || true);
        assert_eq!(findings.len(), picket_bundle::DETECTORS.len());
        findings
    };
    let alone = |_: &Event| {
        for live in snapshot.detectors() {
            let mut inputs = vec![Value::Text(text)];
            inputs.resize(live.prepared.manifest().inputs.len(), Value::Absent);
            let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
            assert_eq!(live.prepared.evaluate(&call, DEADLINE).outcome, Outcome::Ok);
        }
    };
    println!("\none event, seven detectors, microseconds of processor time (median of blocks):");
    let [whole, again, alone] = side_by_side(
        &events,
        [
            &|event| drop(black_box(found(&never, event))),
            &|event| drop(black_box(found(&seldom, event))),
            &alone,
        ],
    );
    println!("{:>40} {whole:>8.1}", "the engine, nothing done again");
    println!("{:>40} {again:>8.1}  x{:.3}", "one run in 1,000 done again", again / whole);
    println!("{:>40} {alone:>8.1}", "the sandbox alone");
    let each = (whole - alone) / picket_bundle::DETECTORS.len() as f64;
    println!("{:>40} {each:>8.2}", "of the engine's own, for each detector");
    let [judged] = side_by_side(
        &events,
        [&|event| {
            assert!(
                !policy.policy.judge(event, &Facts::at(event.time), &found(&never, event)).degraded
            )
        }],
    );
    println!("{:>40} {judged:>8.1}", "the engine and the policy");
    runtime.block_on(app.stop());
}

fn engine(purity_check_every: u64) -> Engine {
    let (incidents, _) = mpsc::channel(INCIDENTS_MAX);
    Engine::new(EngineOptions {
        entity_key: EntityKey::new(&[0; 32]),
        event_deadline: DEADLINE,
        purity_check_every,
        incidents,
        metrics: Arc::new(Metrics::new()),
    })
}

/// Blocks of each work in turn over the same events, so that what disturbs the machine disturbs all of
/// them: microseconds of processor time for one event, the median of the blocks.
fn side_by_side<const N: usize>(events: &[Event], works: [&dyn Fn(&Event); N]) -> [f64; N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    for block in events.chunks(BLOCK) {
        for (work, times) in works.iter().zip(&mut times) {
            let begun = processor_time();
            block.iter().for_each(work);
            times.push(processor_time() - begun);
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6 / BLOCK as f64
    })
}

/// Of this thread.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).expect("time is positive"),
        u32::try_from(now.tv_nsec).expect("nanoseconds fit"),
    )
}
