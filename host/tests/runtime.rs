//! The sandbox on a real component, built the way that an author builds one.

mod fixture;

use std::sync::LazyLock;
use std::time::Duration;

use picket::model::Outcome;
use picket::runtime::{
    CacheOptions, Call, CompilerOptions, LoadError, Prepared, Run, Runtime, RuntimeOptions, Trust,
    Value,
};

fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| Runtime::new(&options()).expect("the sandbox starts"));
    &RUNTIME
}

fn options() -> RuntimeOptions {
    let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
    RuntimeOptions { compiler, ..RuntimeOptions::default() }
}

fn probe() -> Prepared {
    static PROBE: LazyLock<Prepared> = LazyLock::new(|| {
        runtime().load(fixture::probe(), "{}", Trust::Stranger).expect("the probe loads")
    });
    PROBE.clone()
}

fn run(prepared: &Prepared, content: &str) -> Run {
    let call = Call {
        id: "event-1",
        kind: "message.sent",
        time_ms: 1_788_253_200_000,
        inputs: &[Value::Text(content), Value::Text("user-17")],
    };
    prepared.evaluate(&call, Duration::from_millis(50))
}

#[test]
fn a_file_made_by_plain_cargo_build_is_accepted_and_pre_initialised() {
    let probe = probe();
    assert_eq!(probe.manifest().name, "probe");
    assert_eq!(probe.manifest().version.to_string(), "1.0.0");
    assert!(probe.pre_initialised());
    let run = run(&probe, "hello");
    assert_eq!((run.outcome, run.signals[0].label.as_str()), (Outcome::Ok, "safety.probe"));
}

#[test]
fn every_way_to_fail_has_its_outcome() {
    let probe = probe();
    let cases = [
        ("panic", Outcome::Trap, "told to panic: 5"),
        ("recurse", Outcome::Trap, "wasm trap"),
        ("loop", Outcome::Deadline, "processor time"),
        ("memory", Outcome::Memory, "memory"),
        ("error", Outcome::Error, "told to fail"),
        ("many", Outcome::Invalid, "1000 signals"),
        ("flood", Outcome::Invalid, "more than it may"),
        ("sleep", Outcome::Trap, "may not wait"),
    ];
    for (content, outcome, says) in cases {
        let run = run(&probe, content);
        let error = run.error.unwrap_or_default();
        assert_eq!(run.outcome, outcome, "{content}: {error}");
        assert!(error.contains(says), "{content}: {error}");
        assert!(run.signals.is_empty());
    }
}

#[test]
fn no_state_outlives_an_evaluation() {
    let probe = probe();
    let said = |content| run(&probe, content).signals[0].reason.clone();
    assert_eq!(said("state"), "call 1 of event-1, table 4096");
    run(&probe, "memory");
    assert_eq!(said("state"), "call 1 of event-1, table 4096");
}

#[test]
fn clock_and_chance_follow_from_the_event() {
    let probe = probe();
    let said = |prepared| run(prepared, "chance").signals[0].reason.clone();
    let first = said(&probe);
    assert_eq!(first, said(&probe));
    assert!(first.ends_with("at Ok(1788253200000)"), "{first}");
}

#[test]
fn a_deadline_is_kept() {
    let probe = probe();
    let run = run(&probe, "loop");
    assert!(
        run.time >= Duration::from_millis(10) && run.time < Duration::from_millis(20),
        "{:?}",
        run.time
    );
}

#[test]
fn what_is_printed_is_logged_within_its_budget() {
    let run = run(&probe(), "print");
    assert_eq!(run.log, ["Info: printed"]);
}

#[test]
fn a_candidate_is_refused_with_the_reason() {
    let runtime = runtime();
    let probe = fixture::probe();
    let refused = |file: &[u8], settings: &str| {
        let [here, there] = [Trust::Bundled, Trust::Stranger].map(|trust| {
            match runtime.load(file, settings, trust) {
                Ok(_) => panic!("accepted"),
                Err(error) => error,
            }
        });
        assert_eq!(here, there, "the child refuses in the same words");
        there.to_string()
    };
    assert!(refused(b"", "{}").contains("empty"));
    assert!(refused(b"\x7fELF and so on", "{}").contains("ELF"));
    assert!(refused(b"hello", "{}").contains("does not begin as WebAssembly"));
    assert!(refused(&probe[..probe.len() / 2], "{}").starts_with("not a detector: "));
    assert!(refused(&wat::parse_str("(module)").unwrap(), "{}").contains("core module"));
    assert!(refused(&wat::parse_str("(component)").unwrap(), "{}").contains("interface"));
    let file = r#"(component (import "wasi:sockets/tcp@0.2.0" (instance)))"#;
    assert!(
        refused(&wat::parse_str(file).unwrap(), "{}").contains("imports `wasi:sockets/tcp@0.2.0`")
    );
    assert!(refused(probe, r#"{"configure":"refuse"}"#).contains("told to refuse"));
    assert!(refused(probe, r#"{"configure":"panic"}"#).contains("told to panic in configure"));
    assert!(refused(probe, r#"{"configure":"loop"}"#).contains("processor time"));
    assert!(refused(probe, r#"{"nonsense":1}"#).contains("unknown field `nonsense`"));
}

#[test]
fn settings_reach_the_detector_and_change_the_settings_digest() {
    let runtime = runtime();
    let plain = runtime.load(fixture::probe(), "{}", Trust::Stranger).unwrap();
    let strict = runtime.load(fixture::probe(), r#"{"score":0.75}"#, Trust::Bundled).unwrap();
    assert_eq!(plain.digest(), strict.digest());
    assert_ne!(plain.settings_digest(), strict.settings_digest());
    assert_eq!(run(&strict, "hello").signals[0].score.to_bits(), 0.75_f64.to_bits());
}

#[test]
fn an_error_of_loading_is_one_readable_line() {
    let error = LoadError::Import("wasi:http/types@0.2.0".to_owned());
    assert_eq!(
        error.to_string(),
        "imports `wasi:http/types@0.2.0`, which detectors are not given; they may import picket:detector/log and wasi:cli, wasi:clocks, wasi:filesystem, wasi:io and wasi:random at 0.2 (all locked)"
    );
}
