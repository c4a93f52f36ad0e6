//! What the sandbox's promises cost: how far a loop overshoots its deadline, what evaluating twice
//! costs, what a loaded detector takes, and whether those that do not subscribe are felt. Prints
//! figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench sandbox`

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use picket::app::{App, Carried};
use picket::config::Config;
use picket::engine::{Engine, EngineOptions, EntityKey, INCIDENTS_MAX};
use picket::model::{Event, Known, Outcome, Timestamp};
use picket::registry::Bundle;
use picket::runtime::{
    Call, CompilerOptions, Prepared, Run, Runtime, RuntimeOptions, Trust, Value,
};
use picket::telemetry::Metrics;
use serde_json::json;
use tokio::sync::mpsc;

const LOOPS: u32 = 500;
const ROUNDS: usize = 4_000;
const LOADS: u32 = 200;
const DEADLINE: Duration = Duration::from_millis(10);
const SUBSCRIBED: usize = 12;
const LOADED: usize = 500;
const TEXT: &str = "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?";
/// The smallest of the bundle, and what is changed in it where many are wanted: as long as it was.
const SMALL: &str = "contact-intent";
const SUBSCRIPTION: &[u8] = b"message.*";
const ANOTHER: &[u8] = b"massage.*";

fn main() {
    let compiler = CompilerOptions::of(program());
    let options = RuntimeOptions { compiler, ..RuntimeOptions::default() };
    let runtime = Runtime::new(&options).expect("the sandbox starts");
    let probe = runtime.load(fixture::probe(), "{}", Trust::Stranger).expect("the probe loads");
    println!("{:<60} {:>8} {:>8} {:>8}", "", "p50", "p99", "max");
    for busy in [0, 2] {
        let (processor, wall) = overshoot(&probe, busy);
        for (time, it) in [("processor", processor), ("wall", wall)] {
            let ms = |quantile| it.value_at_quantile(quantile) as f64 / 1e3;
            let what = format!("overshoot of a loop in {time} time, {busy} busy threads, ms");
            println!("{what:<60} {:>8.2} {:>8.2} {:>8.2}", ms(0.5), ms(0.99), ms(1.0));
        }
    }
    let row = |what: String, figure: String| println!("{what:<60} {figure:>8}");
    let phone = runtime.load(bundled("contact-phone"), "{}", Trust::Bundled);
    let phone = phone.expect("contact-phone loads");
    let once = median(ROUNDS, || assert_eq!(evaluate(&phone).outcome, Outcome::Ok));
    let twice = median(ROUNDS, || assert_eq!(evaluate(&phone).signals, evaluate(&phone).signals));
    row("contact-phone once, us".to_owned(), format!("{once:.1}"));
    row(
        format!("contact-phone twice, compared, us: {:.2} times", twice / once),
        format!("{twice:.1}"),
    );
    let kib = memory(&runtime, bundled(SMALL));
    let file_kib = bundled(SMALL).len() >> 10;
    row(
        format!("memory per loaded detector of {file_kib} KiB ({LOADS} loads), KiB"),
        kib.to_string(),
    );
    let alone = event(SUBSCRIBED);
    row(
        format!("one event, {SUBSCRIBED} detectors loaded and subscribed, us"),
        format!("{alone:.1}"),
    );
    let among = event(LOADED);
    row(
        format!(
            "one event, {LOADED} loaded, {SUBSCRIBED} subscribed, us: {:.3} times",
            among / alone
        ),
        format!("{among:.1}"),
    );
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_picket"))
}

fn bundled(name: &str) -> &'static [u8] {
    let found = picket_bundle::DETECTORS.iter().find(|bundled| bundled.name == name);
    found.expect("it is bundled").component
}

fn evaluate(prepared: &Prepared) -> Run {
    let mut inputs = vec![Value::Text(TEXT)];
    inputs.resize(prepared.manifest().inputs.len(), Value::Absent);
    let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
    prepared.evaluate(&call, Duration::from_millis(50))
}

/// How far beyond its deadline a loop gets, in microseconds of processor time and of wall time.
fn overshoot(probe: &Prepared, busy: usize) -> (Histogram<u64>, Histogram<u64>) {
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..busy)
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || while !stop.load(Ordering::Relaxed) {})
        })
        .collect();
    let new = || Histogram::<u64>::new(3).expect("three digits");
    let (mut processor, mut wall) = (new(), new());
    let inputs = [Value::Text("loop"), Value::Absent];
    let call = Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs };
    for _ in 0..LOOPS {
        let begun = Instant::now();
        let run = probe.evaluate(&call, DEADLINE);
        let took = begun.elapsed();
        assert_eq!(run.outcome, Outcome::Deadline);
        for (times, took) in [(&mut processor, run.time), (&mut wall, took)] {
            let over = took.saturating_sub(DEADLINE).as_micros();
            times.record(u64::try_from(over).unwrap_or(u64::MAX)).expect("it grows");
        }
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().expect("it only turns");
    }
    (processor, wall)
}

/// KiB of resident memory that each of many files adds. They are compiled elsewhere, so nothing else
/// is in the figure.
fn memory(runtime: &Runtime, file: &[u8]) -> u64 {
    let load = |number: u32| {
        // A custom section: the same detector under another digest.
        let [a, b, ..] = number.to_le_bytes();
        let file = [file, &[0, 4, 1, b'n', a, b]].concat();
        let prepared = runtime.load(&file, "{}", Trust::Stranger).expect("it loads");
        assert_eq!(evaluate(&prepared).outcome, Outcome::Ok);
        prepared
    };
    let mut loaded = vec![load(0)];
    let before = resident_kib();
    loaded.extend((1..=LOADS).map(load));
    (resident_kib() - before) / u64::from(LOADS)
}

/// Of this process, from the kernel.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is there");
    line.trim().trim_end_matches(" kB").parse().expect("VmRSS is a number")
}

/// Microseconds that one event takes with this many detectors loaded, of which the first few want it.
fn event(loaded: usize) -> f64 {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.path().join("data"),
        detectors_dir: dir.path().join("detectors"),
        policies_dir: dir.path().join("policies"),
        watch: false,
        event_deadline_ms: 1_000,
        ..Config::default()
    };
    fs::create_dir_all(&config.detectors_dir).expect("a folder");
    for number in 0..loaded {
        let name = format!("contact-i{number:05}");
        let mut file = replaced(bundled(SMALL), SMALL.as_bytes(), name.as_bytes());
        if number >= SUBSCRIBED {
            file = replaced(&file, SUBSCRIPTION, ANOTHER);
        }
        fs::write(config.detectors_dir.join(name).with_extension("wasm"), file).expect("a file");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    let carried = Carried { bundle: Bundle::default(), program: program().to_owned() };
    let app = runtime.block_on(App::start_with(config, carried)).expect("Picket starts");
    runtime.block_on(app.registry.scan()).expect("the folder is taken in");
    let envelope = json!({
        "specversion": "1.0", "id": "e", "source": "market", "type": "message.sent",
        "subject": "user-1", "data": {"content": TEXT},
    });
    let event = Event::parse(envelope, &app.config.event_bounds(), Timestamp::now());
    let event = event.expect("the event is valid");
    let snapshot = app.registry.current();
    assert_eq!(snapshot.detectors().len(), loaded);
    let (incidents, _told) = mpsc::channel(INCIDENTS_MAX);
    let engine = Engine::new(EngineOptions {
        entity_key: EntityKey::new(&[0; 32]),
        event_deadline: Duration::from_secs(1),
        purity_check_every: 0,
        incidents,
        metrics: Arc::new(Metrics::new()),
    });
    let known = Known::default();
    let each = median(ROUNDS / 4, || {
        let findings = engine.evaluate(&snapshot, &event, &known).findings;
        assert_eq!(findings.len(), SUBSCRIBED);
        assert!(findings.iter().all(|finding| finding.outcome == Outcome::Ok));
    });
    runtime.block_on(app.stop());
    each
}

/// The file with every occurrence of a text replaced by another of its length.
fn replaced(file: &[u8], text: &[u8], by: &[u8]) -> Vec<u8> {
    assert_eq!(text.len(), by.len());
    let mut file = file.to_vec();
    let places: Vec<usize> = (0..file.len()).filter(|at| file[*at..].starts_with(text)).collect();
    assert!(!places.is_empty(), "the text is there");
    for at in places {
        file[at..at + text.len()].copy_from_slice(by);
    }
    file
}

/// Microseconds of wall time.
fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    (0..rounds / 20).for_each(|_| work());
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
