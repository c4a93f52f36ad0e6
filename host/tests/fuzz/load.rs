//! Any file at all, through everything that a file goes through before it serves: it is accepted and
//! then runs, or refused with a reason that a person can read. Never a panic, never more than its share.

use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use picket::runtime::{Call, Limits, Runtime, RuntimeOptions, Trust, Value};
use wasm_smith::{Component, Config, Module};

use crate::component;

/// A refusal is read in a terminal and in a table, so it has an end.
const REFUSAL_BYTES_MAX: usize = 4_000;

/// Loops of a made module end by themselves: `configure` may take seconds, and a fuzzer has no time.
const STEPS_MAX: u32 = 10_000;

/// The first byte says what to make of the rest. Compiled in this process, where a panic is seen.
pub fn body(input: &[u8]) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let ceiling = Limits { memory_bytes: 4 << 20, ..Limits::default() };
        Runtime::new(&RuntimeOptions { ceiling, ..RuntimeOptions::default() })
            .expect("the sandbox starts")
    });
    let Some((kind, rest)) = input.split_first() else { return };
    let file = match kind % 4 {
        1 => some_component(rest),
        2 => detector_of(rest, Config::default()),
        3 => some_config(rest),
        _ => Some(rest.to_vec()),
    };
    let Some(file) = file else { return };
    match RUNTIME.load(&file, "{}", Trust::Bundled) {
        Ok(prepared) => {
            let inputs = vec![Value::Text("555-0100"); prepared.manifest().inputs.len()];
            let call = Call { id: "1", kind: "message.sent", time_ms: 0, inputs: &inputs };
            let run = prepared.evaluate(&call, Duration::from_millis(10));
            assert!(run.signals.len() <= prepared.limits().signals);
        }
        Err(refusal) => {
            let refusal = refusal.to_string();
            assert!(refusal.trim().len() > 10, "a refusal says why: {refusal:?}");
            assert!(refusal.len() <= REFUSAL_BYTES_MAX, "{} bytes: {refusal}", refusal.len());
            assert!(!refusal.contains(char::is_control), "unreadable: {refusal:?}");
        }
    }
}

/// A valid component of any shape; few fit the interface.
fn some_component(seed: &[u8]) -> Option<Vec<u8>> {
    Some(Component::arbitrary(&mut Unstructured::new(seed)).ok()?.to_bytes())
}

/// A detector with every feature of WebAssembly that the input asks for.
fn some_config(seed: &[u8]) -> Option<Vec<u8>> {
    let mut input = Unstructured::new(seed);
    let config = Config::arbitrary(&mut input).ok()?;
    detector_of(input.take_rest(), config)
}

/// A component that has the interface of a detector, and any code behind it.
fn detector_of(seed: &[u8], config: Config) -> Option<Vec<u8>> {
    static EXPORTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
        wat::parse_str(include_str!("exports.wat")).expect("the text is WebAssembly")
    });
    let config =
        Config { exports: Some(EXPORTS.clone()), max_imports: 0, max_memories: 1, ..config };
    let mut module = Module::new(config, &mut Unstructured::new(seed)).ok()?;
    module.ensure_termination(STEPS_MAX).ok()?;
    let module = module.to_bytes();
    // What the encoder does not take, such as a memory of 64 bits, is a file all the same.
    Some(component::of_module(&module, component::INTERFACE).unwrap_or(module))
}
