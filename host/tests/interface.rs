//! The interface grows, and what was compiled for an earlier version runs for ever. Files that were
//! compiled once are loaded by this host and by hosts that are not there yet, and each row of "Growing
//! the interface" in `host/ARCHITECTURE.md` is shown on them.

mod component;
#[path = "interface/hosts.rs"]
mod hosts;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use hosts::{Guest, export, record, today, tomorrow, two, variant};
use picket::model::{Digest, Outcome};
use picket::runtime::{
    Call, CompilerOptions, LoadError, RawEntity, RawSignal, RawSpan, Run, Runtime, RuntimeOptions,
    Trust, Value,
};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};
use wit_parser::{Resolve, TypeOwner, WorldItem};

const RUST: &[u8] = include_bytes!("compiled/1.0.0/witness-rust.wasm");
const C: &[u8] = include_bytes!("compiled/1.0.0/witness-c.wasm");
const RUST_DIGEST: &str = "sha256:815bf8cb00d1df804b5c9c47815b5b986c3d2e25fa9451529198f8d2c4a66c6b";
const C_DIGEST: &str = "sha256:50f673dfe9d4d8197af17104e6e10a84eda0b7cf8a395ec402bd68b691081e3c";
/// The interface as it was released, with the files.
const FROZEN: &str = include_str!("compiled/1.0.0/detector.wit");

const CONTENT: &str = "llámame 5550100 or 005550199, cash";

/// Every kind of input, in the order of the Rust witness's manifest.
fn inputs() -> Vec<Value<'static>> {
    vec![
        Value::Text(CONTENT),
        Value::Boolean(true),
        Value::Integer(i64::MIN),
        Value::Number(0.1),
        Value::Texts(vec!["ä.jpg", "b.jpg"]),
        Value::Integers(vec![-1, i64::MAX]),
        Value::Numbers(vec![1e308, -0.0]),
    ]
}

fn call<'a>(inputs: &'a [Value<'a>]) -> Call<'a> {
    Call { id: "event-1", kind: "message.sent", time_ms: 1_788_253_200_000, inputs }
}

fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
        Runtime::new(&RuntimeOptions { compiler, ..RuntimeOptions::default() })
            .expect("the sandbox starts")
    });
    &RUNTIME
}

/// An engine of wasmtime's own choosing, for the hosts to come, and what was released for 1.0.0.
fn released() -> &'static (Engine, [Component; 2]) {
    static RELEASED: LazyLock<(Engine, [Component; 2])> = LazyLock::new(|| {
        let engine = Engine::default();
        let compiled = [RUST, C].map(|file| Component::from_binary(&engine, file));
        (engine, compiled.map(|component| component.expect("it compiles")))
    });
    &RELEASED
}

fn run(file: &[u8], settings: &str, inputs: &[Value<'_>]) -> Run {
    let prepared =
        runtime().load(file, settings, Trust::Stranger).expect("what was released loads");
    assert!(prepared.pre_initialised());
    prepared.evaluate(&call(inputs), Duration::from_millis(50))
}

/// What the Rust witness finds, whoever hosts it.
fn found_by_rust() -> Vec<RawSignal> {
    let span = |input, item, start, end| RawSpan { input, item, start, end };
    vec![
        RawSignal {
            label: "safety.witness".to_owned(),
            score: f64::from_bits(0x3fd3_3333_3333_3334),
            confidence: f64::from_bits(0x3fd5_5555_5555_5555),
            reason: "event-1 message.sent 1788253200000 Some(true) Some(-9223372036854775808) Some(0.1) \
                     ä.jpg+b.jpg Some([-1, 9223372036854775807]) Some([1e308, -0.0])"
                .to_owned(),
            spans: vec![span(4, 0, 0, 6), span(4, 1, 0, 5)],
            entities: vec![],
        },
        RawSignal {
            label: "safety.word".to_owned(),
            score: 1.0,
            confidence: 1.0,
            reason: "the word of the settings".to_owned(),
            spans: vec![span(0, 0, 31, 35)],
            entities: vec![RawEntity { kind: "word".to_owned(), value: "CASH".to_owned() }],
        },
    ]
}

/// What the C witness finds.
fn found_by_c() -> Vec<RawSignal> {
    let digits = |start, end, value: &str, score: u64| RawSignal {
        label: "safety.digits".to_owned(),
        score: f64::from_bits(score),
        confidence: f64::from_bits(0x3fe6_6666_6666_6666),
        reason: "message.sent".to_owned(),
        spans: vec![RawSpan { input: 0, item: 0, start, end }],
        entities: vec![RawEntity { kind: "digits".to_owned(), value: value.to_owned() }],
    };
    vec![
        digits(9, 16, "5550100", 0x3fdc_0000_0000_0000),
        digits(20, 29, "005550199", 0x3fe2_0000_0000_0000),
    ]
}

/// Equal numbers may differ in their bits; these may not.
fn assert_same(found: &[RawSignal], expected: &[RawSignal]) {
    let bits = |signals: &[RawSignal]| -> Vec<(u64, u64)> {
        signals.iter().map(|s| (s.score.to_bits(), s.confidence.to_bits())).collect()
    };
    assert_eq!(found, expected);
    assert_eq!(bits(found), bits(expected));
}

#[test]
fn what_was_released_is_as_it_was() {
    let mend =
        "a released file never changes: restore it, and put what is new in a folder of its own";
    assert_eq!(Digest::of(RUST).to_string(), RUST_DIGEST, "witness-rust.wasm: {mend}");
    assert_eq!(Digest::of(C).to_string(), C_DIGEST, "witness-c.wasm: {mend}");
    assert!(RUST.len() < 150_000 && C.len() < 10_000);
}

#[test]
fn a_rust_detector_of_1_0_0_finds_what_it_found_then() {
    let found = run(RUST, "{}", &inputs());
    assert_same(&found.signals, &found_by_rust());
    let other = run(RUST, r#"{"word":"or"}"#, &inputs());
    assert_eq!(other.signals[1].entities[0].value, "OR");
    let mut absent = vec![Value::Absent; 7];
    absent[0] = Value::Text("x");
    let reason = &run(RUST, "{}", &absent).signals[0].reason;
    assert_eq!(reason, "event-1 message.sent 1788253200000 None None None  None None");
}

#[test]
fn a_rust_detector_of_1_0_0_fails_as_it_failed_then() {
    let mut inputs = inputs();
    let mut told = |content| {
        inputs[0] = Value::Text(content);
        let run = run(RUST, "{}", &inputs);
        let log = logged(&run).join("\n");
        (run.outcome, run.error.unwrap_or_default(), log)
    };
    assert_eq!(told("fail"), (Outcome::Error, "told to fail".to_owned(), String::new()));
    let (outcome, error, log) = told("panic");
    assert_eq!(outcome, Outcome::Trap);
    assert!(error.contains("told to panic") && log.starts_with("Error: "), "{error}; {log}");
    let refusal = runtime().load(RUST, r#"{"word":""}"#, Trust::Stranger).err();
    assert_eq!(refusal, Some(LoadError::Settings("the word is empty".to_owned())));
}

#[test]
fn a_c_detector_of_1_0_0_finds_what_it_found_then() {
    let found = run(C, "{}", &[Value::Text(CONTENT)]);
    assert_same(&found.signals, &found_by_c());
    assert_eq!(
        logged(&found),
        ["Debug: event-1", "Info: event-1", "Warn: event-1", "Error: event-1"]
    );
    let prepared = runtime().load(C, "{}", Trust::Stranger).expect("it loads");
    assert_eq!(prepared.limits().deadline, Duration::from_millis(5));
}

/// Row: an imported function or interface more keeps old detectors running.
#[test]
fn an_added_import_keeps_old_detectors_running() {
    let (engine, [rust, c]) = released();
    let linker = hosts::tomorrow_linker(engine);
    let text = vec![Value::Text(CONTENT)];
    for (component, inputs, expected, lines) in
        [(rust, inputs(), found_by_rust(), 0), (c, text, found_by_c(), 4)]
    {
        let mut store = Store::new(engine, Guest::default());
        let host = tomorrow::Component::instantiate(&mut store, component, &linker)
            .expect("an import of 1.0.0 is served by 1.1.0, an export of 1.0.0 serves 1.1.0");
        let detector = host.picket_detector_detector();
        detector.call_configure(&mut store, "{}").unwrap().unwrap();
        let event = tomorrow_event(&inputs);
        let found = detector.call_evaluate(&mut store, &event).unwrap().unwrap();
        let found: Vec<RawSignal> = found.into_iter().map(of_tomorrow).collect();
        assert_same(&found, &expected);
        assert_eq!(store.data().lines.len(), lines, "what is logged arrives");
    }
}

/// Row: a field or a case more, even an optional one, breaks them. Linking does not notice; what
/// instantiates does, so a candidate is instantiated before anything is swapped.
#[test]
fn a_changed_record_or_variant_breaks_old_detectors_when_they_are_instantiated() {
    let (engine, files) = released();
    let mut linker = Linker::new(engine);
    hosts::link_record(&mut linker).unwrap();
    for component in files {
        let linked = linker.instantiate_pre(component).expect("linking does not notice");
        let pre = record::ComponentPre::new(linked).expect("the names are all there");
        let error = pre.instantiate(Store::new(engine, Guest::default())).err().expect("broken");
        assert!(format!("{error:#}").contains("expected record of 5 fields"), "{error:#}");
    }
    let mut linker = Linker::new(engine);
    hosts::link_variant(&mut linker).unwrap();
    for component in files {
        let linked = linker.instantiate_pre(component).expect("linking does not notice");
        let pre = variant::ComponentPre::new(linked).expect("the names are all there");
        let error = pre.instantiate(Store::new(engine, Guest::default())).err().expect("broken");
        assert!(format!("{error:#}").contains("case"), "{error:#}");
    }
}

/// Row: an exported function more breaks them.
#[test]
fn an_added_export_breaks_old_detectors() {
    let (engine, files) = released();
    let mut linker = Linker::new(engine);
    hosts::link_export(&mut linker).unwrap();
    for component in files {
        let linked = linker.instantiate_pre(component).expect("linking does not notice");
        let error = export::ComponentPre::new(linked).err().expect("broken");
        assert!(format!("{error:#}").contains("`explain`"), "{error:#}");
    }
}

/// Row: 0.x and prerelease versions do not match by semver; within 1.x every version matches.
#[test]
fn versions_match_within_a_major_and_prereleases_and_0_x_do_not() {
    for version in ["1.0.1", "1.7.0"] {
        runtime().load(&echo(version), "{}", Trust::Stranger).expect("it is of this major version");
    }
    for version in ["0.1.0", "0.9.0", "1.0.0-rc.1", "1.1.0-beta", "2.0.0"] {
        let refusal =
            runtime().load(&echo(version), "{}", Trust::Stranger).err().expect("another interface");
        let refusal = refusal.to_string();
        assert!(refusal.starts_with("does not fit the detector interface"), "{version}: {refusal}");
    }
    // The same for what is imported: a host offers one version, a guest wants another.
    let served = |offered: &str, wanted: &str| {
        let (engine, _) = released();
        let mut linker = Linker::<()>::new(engine);
        let mut log = linker.instance(&format!("picket:detector/log@{offered}")).unwrap();
        log.func_wrap("write", |_, (_,): (String,)| Ok(())).unwrap();
        let text = format!(
            r#"(component (import "picket:detector/log@{wanted}"
                 (instance (export "write" (func (param "message" string))))))"#
        );
        let component = Component::from_binary(engine, &wat::parse_str(text).unwrap()).unwrap();
        linker.instantiate_pre(&component).is_ok()
    };
    assert!(served("1.0.0", "1.0.0") && served("1.1.0", "1.0.0") && served("1.0.0", "1.1.0"));
    assert!(served("1.0.0-rc.1", "1.0.0-rc.1") && served("0.1.0", "0.1.0"));
    for (offered, wanted) in [
        ("1.0.0", "1.0.0-rc.1"),
        ("1.0.0-rc.2", "1.0.0-rc.1"),
        ("0.2.0", "0.1.0"),
        ("1.0.0", "0.9.0"),
        ("0.0.2", "0.0.1"),
        ("2.0.0", "1.0.0"),
    ] {
        assert!(!served(offered, wanted), "{offered} serves {wanted}");
    }
}

/// Row: what a guest may newly do comes as an optional interface that it exports.
#[test]
fn a_new_ability_is_an_interface_that_the_host_probes_for() {
    let able = able();
    let found = run(&able, "{}", &[Value::Absent, Value::Absent, Value::Absent]);
    assert_eq!(found.outcome, Outcome::Ok, "today's host does not mind: {:?}", found.error);

    let (engine, [rust, c]) = released();
    let linker = hosts::tomorrow_linker(engine);
    let probe = |component: &Component| {
        let mut store = Store::new(engine, Guest::default());
        let instance = linker.instantiate(&mut store, component).unwrap();
        tomorrow::Component::new(&mut store, &instance).expect("it is a detector either way");
        let explain =
            instance.get_export_index(&mut store, None, "picket:detector/explain@1.1.0")?;
        let explain = instance.get_export_index(&mut store, Some(&explain), "explain")?;
        let explain = instance.get_typed_func::<(&str,), (String,)>(&mut store, explain).unwrap();
        let (said,) = explain.call(&mut store, ("safety.echo",)).unwrap();
        Some(said)
    };
    let able = Component::from_binary(engine, &able).unwrap();
    assert_eq!(probe(&able).as_deref(), Some("because"));
    assert_eq!((probe(rust), probe(c)), (None, None));
}

/// Row: a 2.0 keeps the bindings of 1.x beside it, in one engine and one linker.
#[test]
fn two_major_versions_live_side_by_side() {
    let (engine, [rust, c]) = released();
    let next = Component::from_binary(engine, &next()).unwrap();
    let mut linker = Linker::new(engine);
    hosts::link_today(&mut linker).unwrap();
    hosts::link_two(&mut linker).unwrap();
    let mut spoken = Vec::new();
    for component in [rust, &next, c] {
        let linked = linker.instantiate_pre(component).unwrap();
        let mut store = Store::new(engine, Guest::default());
        // The names of the exports say which it is, before anything runs.
        match today::ComponentPre::new(linked.clone()) {
            Ok(one) => {
                let host = one.instantiate(&mut store).unwrap();
                let manifest = host.picket_detector_detector().call_describe(&mut store).unwrap();
                spoken.push((1, manifest.contains("witness")));
            }
            Err(_) => {
                let host = two::ComponentPre::new(linked).unwrap().instantiate(&mut store).unwrap();
                let detector = host.picket_detector_detector();
                let event = two::exports::picket::detector::detector::Event {
                    id: "1".to_owned(),
                    type_: "t".to_owned(),
                    time_ms: 0,
                    inputs: vec![],
                    tenant: Some("a".to_owned()),
                };
                let found = detector.call_evaluate(&mut store, &event).unwrap().unwrap();
                spoken.push((2, found.is_empty()));
            }
        }
    }
    assert_eq!(spoken, [(1, true), (2, true), (1, true)]);
}

/// Row: every type lives in an interface: one that lived in a world could never be shared.
#[test]
fn every_type_lives_in_an_interface() {
    let mut resolve = Resolve::default();
    resolve.push_str("detector.wit", component::INTERFACE).unwrap();
    for (_, kind) in resolve.types.iter().filter(|(_, kind)| kind.name.is_some()) {
        assert!(matches!(kind.owner, TypeOwner::Interface(_)), "{:?}", kind.name);
    }
    for (_, world) in &resolve.worlds {
        for item in world.imports.values().chain(world.exports.values()) {
            assert!(matches!(item, WorldItem::Interface { .. }), "{}: {item:?}", world.name);
        }
    }
}

/// Row: records and variants are frozen with 1.0.0, and so is what a detector exports.
#[test]
fn records_variants_and_exports_are_frozen() {
    let frozen = declarations(FROZEN);
    let now = declarations(component::INTERFACE);
    assert_eq!(frozen.len(), 7, "{:?}", frozen.keys());
    for (name, text) in &frozen {
        assert_eq!(
            now.get(name),
            Some(text),
            "`{name}` of wit/detector.wit is frozen since 1.0.0, for detectors in the field were \
             compiled with it. Take the change back. A new ability of detectors is a new interface that \
             they may export; anything else waits for a 2.0 beside 1.x (\"Growing the interface\" in \
             host/ARCHITECTURE.md)"
        );
    }
}

/// Each record, variant and enum, and the interface that detectors export, without comments.
fn declarations(wit: &str) -> BTreeMap<String, String> {
    let lines = wit.lines().filter(|line| !line.trim_start().starts_with("//"));
    let text = lines.collect::<Vec<_>>().join("\n");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let heads = ["record ", "variant ", "enum ", "flags ", "interface detector "];
    let starts = heads.iter().flat_map(|head| words.match_indices(head));
    let declared = starts.filter_map(|(at, _)| {
        let (name, _) = words[at..].split_once(" {")?;
        // Of these only the interface has braces within it, in a line of names.
        let end = match name.starts_with("interface") {
            true => words[at..].find("; }")? + 3,
            false => words[at..].find('}')? + 1,
        };
        Some((name.to_owned(), words[at..at + end].to_owned()))
    });
    declared.collect()
}

/// A detector of the same interface under another version.
fn echo(version: &str) -> Vec<u8> {
    let at = |text: &str| text.replace("@1.0.0", &format!("@{version}"));
    let module = wat::parse_str(at(component::ECHO)).expect("the text is WebAssembly");
    component::of_module(&module, &at(component::INTERFACE)).expect("it is a detector")
}

/// A detector of tomorrow that can do more than it has to.
fn able() -> Vec<u8> {
    let text = component::ECHO.replace("@1.0.0", "@1.1.0");
    let explain = r#"
      (data (i32.const 512) "\08\02\00\00\07\00\00\00because")
      (func (export "picket:detector/explain@1.1.0#explain") (param i32 i32) (result i32) (i32.const 512)))"#;
    let (body, _) = text.rsplit_once(')').expect("a module ends");
    let module = wat::parse_str(format!("{body}{explain}")).expect("the text is WebAssembly");
    // What the encoder calls the component's world is the one that exports more.
    let wit = include_str!("interface/tomorrow.wit")
        .replace("world component", "world plain")
        .replace("include component", "include plain")
        .replace("world explaining", "world component");
    component::of_module(&module, &wit).expect("it is a detector")
}

/// A detector of the next major version, whose event has a field more.
fn next() -> Vec<u8> {
    let text = component::ECHO.replace("@1.0.0", "@2.0.0");
    let text = text
        .replace("(param $inputs i32) (param i32)", "(param $inputs i32) (param i32 i32 i32 i32)");
    let module = wat::parse_str(text).expect("the text is WebAssembly");
    component::of_module(&module, include_str!("interface/two.wit")).expect("it is a detector")
}

fn tomorrow_event(inputs: &[Value<'_>]) -> tomorrow::exports::picket::detector::detector::Event {
    use tomorrow::picket::detector::types::Value as Wire;
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let inputs = inputs.iter().map(|value| match value {
        Value::Absent => Wire::Absent,
        Value::Boolean(inner) => Wire::Boolean(*inner),
        Value::Integer(inner) => Wire::Integer(*inner),
        Value::Number(inner) => Wire::Number(*inner),
        Value::Text(inner) => Wire::Text((*inner).to_owned()),
        Value::Texts(inner) => Wire::Texts(strings(inner)),
        Value::Integers(inner) => Wire::Integers(inner.clone()),
        Value::Numbers(inner) => Wire::Numbers(inner.clone()),
    });
    tomorrow::exports::picket::detector::detector::Event {
        id: "event-1".to_owned(),
        type_: "message.sent".to_owned(),
        time_ms: 1_788_253_200_000,
        inputs: inputs.collect(),
    }
}

fn of_tomorrow(signal: tomorrow::exports::picket::detector::detector::Signal) -> RawSignal {
    let spans = signal.spans.iter().map(|span| RawSpan {
        input: span.input,
        item: span.item,
        start: span.start,
        end: span.end,
    });
    let spans = spans.collect();
    let entities = signal.entities.into_iter();
    RawSignal {
        label: signal.label,
        score: signal.score,
        confidence: signal.confidence,
        reason: signal.reason,
        spans,
        entities: entities
            .map(|entity| RawEntity { kind: entity.kind, value: entity.value })
            .collect(),
    }
}

/// What it logged, as a person reads it.
fn logged(run: &Run) -> Vec<String> {
    run.log.iter().map(|(level, line)| format!("{level:?}: {line}")).collect()
}
