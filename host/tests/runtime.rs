//! The sandbox on a real component, built the way that an author builds one.

mod fixture;

use std::sync::LazyLock;
use std::time::Duration;

use picket::model::{LogLevel, Outcome};
use picket::runtime::{
    Call, CompilerOptions, LoadError, Prepared, Run, Runtime, RuntimeOptions, Trust, Value,
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
    let mut beyond: Vec<Duration> = (0..200)
        .map(|_| {
            let run = run(&probe, "loop");
            run.time.checked_sub(Duration::from_millis(10)).expect("it has all of its time")
        })
        .collect();
    beyond.sort_unstable();
    assert!(beyond[198] < Duration::from_millis(10), "{:?}", &beyond[190..]);
}

#[test]
fn what_is_printed_is_logged_within_its_budget() {
    let run = run(&probe(), "print");
    assert_eq!(run.log, [(LogLevel::Info, "printed".to_owned())]);
}

#[test]
fn what_a_run_used_is_known() {
    let probe = probe();
    let plain = run(&probe, "hello");
    // The snapshot's memory at least, and not much more.
    assert!((1 << 20..4 << 20).contains(&plain.memory_bytes), "{}", plain.memory_bytes);
    // Two numbers, the label, the reason.
    assert_eq!(plain.output_bytes, 16 + "safety.probe".len() + "told to".len());
    let greedy = run(&probe, "memory");
    assert!(greedy.memory_bytes > 60 << 20 && greedy.memory_bytes <= 64 << 20);
    assert_eq!(greedy.output_bytes, 0);
}

fn call<'a>(id: &'a str, inputs: &'a [Value<'a>; 2]) -> Call<'a> {
    Call { id, kind: "message.sent", time_ms: 1_788_253_200_000, inputs }
}

#[test]
fn a_kept_instance_gives_the_bits_of_a_fresh_one_where_nothing_is_kept() {
    fn may_go_to_another_thread(_: &impl Send) {}
    let probe = probe();
    let deadline = Duration::from_millis(50);
    let inputs = ["hello", "print", "whole", "error", "nan", "entity", "subject", "print"]
        .map(|content| [Value::Text(content), Value::Text("user-17")]);
    let mut warm = probe.warm(&call("first", &inputs[0])).unwrap();
    may_go_to_another_thread(&warm);
    for (number, inputs) in inputs.iter().enumerate() {
        let id = format!("event-{number}");
        let call = call(&id, inputs);
        let (kept, fresh) = (warm.evaluate(&call, deadline), probe.evaluate(&call, deadline));
        assert_eq!((kept.outcome, &kept.error), (fresh.outcome, &fresh.error), "{id}");
        assert_eq!(format!("{:?}", kept.signals), format!("{:?}", fresh.signals), "{id}");
        assert_eq!(kept.log, fresh.log, "{id}: the log is whole again for each call");
    }
    assert!(!warm.is_poisoned(), "an error of the detector's own is no trap");
    // What it does keep is seen: this is why it must be granted.
    let state = [Value::Text("state"), Value::Absent];
    let said = warm.evaluate(&call("e", &state), deadline).signals[0].reason.clone();
    assert_eq!(said, format!("call {} of e, table 4096", inputs.len() + 1));
}

#[test]
fn a_kept_instance_keeps_the_limits_and_is_spent_after_a_trap() {
    let probe = probe();
    let deadline = Duration::from_millis(50);
    for (content, outcome) in
        [("panic", Outcome::Trap), ("memory", Outcome::Memory), ("loop", Outcome::Deadline)]
    {
        let inputs = [Value::Text(content), Value::Absent];
        let call = call("e", &inputs);
        let mut warm = probe.warm(&call).unwrap();
        let run = warm.evaluate(&call, deadline);
        assert_eq!(run.outcome, outcome, "{content}");
        assert!(warm.is_poisoned() && run.memory_bytes <= 64 << 20);
    }
    let inputs = [Value::Text("loop"), Value::Absent];
    let call = call("e", &inputs);
    let mut warm = probe.warm(&call).unwrap();
    let run = warm.evaluate(&call, Duration::from_millis(2));
    assert!(run.outcome == Outcome::Deadline && run.time < Duration::from_millis(8), "{run:?}");
}

#[test]
fn clock_and_chance_of_a_kept_instance_are_those_of_each_event() {
    let probe = probe();
    let inputs = [Value::Text("chance"), Value::Absent];
    let mut warm = probe.warm(&call("first", &inputs)).unwrap();
    for time_ms in [1_788_253_200_000, 1_788_253_200_001] {
        let call = Call { time_ms, ..call("e", &inputs) };
        let reason = warm.evaluate(&call, Duration::from_millis(50)).signals[0].reason.clone();
        assert!(reason.ends_with(&format!("at Ok({time_ms})")), "{reason}");
    }
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
