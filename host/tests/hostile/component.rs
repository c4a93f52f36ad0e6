//! Makes components of the detector interface out of a few lines of WebAssembly text: what a case
//! does not say is that of a detector that behaves.

use std::fmt::Write as _;

use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract as authors are given it.
pub const WIT: &str = include_str!("../../../wit/detector.wit");
pub const LABEL: &str = "safety.hostile";
/// What the detectors say that behave.
pub const GOOD: &str = "safety.good";

/// A detector to be: what it does, and what it answers where it answers at all.
pub struct Detector {
    pub name: String,
    pub version: &'static str,
    /// Fields of the module before its memory: imports, types.
    pub head: String,
    /// The memory, as text.
    pub memory: String,
    /// Further fields of the module.
    pub fields: String,
    /// What `describe` and `configure` do before they answer.
    pub describe: String,
    pub configure: String,
    /// What `cabi_realloc` does before it gives memory. `$armed` is 1 once `evaluate` has seen a
    /// real event.
    pub realloc: String,
    /// What `evaluate` does on a real event before it answers. `$i` and `$j` are free.
    pub evaluate: String,
    /// The name under which `evaluate` is exported.
    pub evaluate_as: String,
    pub answer: Answer,
    pub wit: String,
    /// In place of the manifest.
    pub manifest: Option<Vec<u8>>,
}

/// What `evaluate` returns: so many copies of one signal.
pub struct Answer {
    /// The reason as an error, in place of signals.
    pub error: bool,
    pub signals: u32,
    pub label: Vec<u8>,
    pub score: f64,
    pub reason: Vec<u8>,
    /// In place of the length of the reason.
    pub reason_bytes: Option<u32>,
    /// Input, item, start, end.
    pub span: Option<[u32; 4]>,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            error: false,
            signals: 1,
            label: LABEL.into(),
            score: 0.5,
            reason: b"as ever".to_vec(),
            reason_bytes: None,
            span: None,
        }
    }
}

// Where things lie in the first page of memory.
const DESCRIBED: u32 = 16;
const CONFIGURED: u32 = 32;
const NOTHING: u32 = 48;
const ANSWERED: u32 = 64;
const SIGNAL: u32 = 128;
const SPAN: u32 = 256;
const LABEL_AT: u32 = 512;
const REASON_AT: u32 = 1024;
const MANIFEST_AT: u32 = 4096;

impl Detector {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: "1.0.0",
            head: String::new(),
            memory: r#"(memory (export "memory") 2)"#.to_owned(),
            fields: String::new(),
            describe: String::new(),
            configure: String::new(),
            realloc: String::new(),
            evaluate: String::new(),
            evaluate_as: "picket:detector/detector@1.0.0#evaluate".to_owned(),
            answer: Answer::default(),
            wit: WIT.to_owned(),
            manifest: None,
        }
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        componentise(&wat::parse_str(self.module()).expect("the text is a module"), &self.wit)
    }

    /// The core module, as text.
    pub fn module(&self) -> String {
        let Self { head, memory, fields, describe, configure, realloc, evaluate, .. } = self;
        let Self { evaluate_as, answer, .. } = self;
        let manifest = self.manifest.clone().unwrap_or_else(|| self.plain_manifest().into_bytes());
        let reason_bytes = answer.reason_bytes.unwrap_or(length(&answer.reason));
        let mut signal = words(&[LABEL_AT, length(&answer.label)]);
        signal.extend(answer.score.to_le_bytes());
        signal.extend(1_f64.to_le_bytes());
        let spans = if answer.span.is_some() { [SPAN, 1] } else { [0, 0] };
        signal.extend(words(&[REASON_AT, reason_bytes, spans[0], spans[1], 0, 0]));
        // Beyond a thousand it need not be there: to say that there are so many is the attack.
        let signals = signal.repeat(answer.signals.min(1_000) as usize);
        let at = if answer.signals > 1 { MANIFEST_AT + 4096 } else { SIGNAL };
        let answered = match answer.error {
            true => words(&[1, REASON_AT, reason_bytes]),
            false => words(&[0, at, answer.signals]),
        };
        let data = [
            (DESCRIBED, words(&[MANIFEST_AT, length(&manifest)])),
            (CONFIGURED, words(&[0, 0, 0])),
            (NOTHING, words(&[0, 0, 0])),
            (ANSWERED, answered),
            (SPAN, words(&answer.span.unwrap_or_default())),
            (LABEL_AT, answer.label.clone()),
            (REASON_AT, answer.reason.clone()),
            (MANIFEST_AT, manifest),
            (at, signals),
        ];
        let data = data.iter().fold(String::new(), |mut text, (at, bytes)| {
            let _ = writeln!(text, r#"(data (i32.const {at}) "{}")"#, escaped(bytes));
            text
        });
        format!(
            r#"(module
                {head}
                {memory}
                (global $heap (mut i32) (i32.const 65536))
                (global $armed (mut i32) (i32.const 0))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    {realloc}
                    (local.set $at
                        (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                    (global.set $heap (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (func (export "picket:detector/detector@1.0.0#describe") (result i32)
                    {describe}
                    (i32.const {DESCRIBED}))
                (func (export "picket:detector/detector@1.0.0#configure")
                    (param i32 i32) (result i32)
                    {configure}
                    (i32.const {CONFIGURED}))
                (func (export "{evaluate_as}")
                    (param $id i32) (param $id_bytes i32) (param $type i32) (param $type_bytes i32)
                    (param $time i64) (param $inputs i32) (param $inputs_count i32) (result i32)
                    (local $i i32) (local $j i32)
                    ;; An event without inputs is the test before it goes live: there it behaves.
                    (if (i32.eqz (i32.load8_u (local.get $inputs)))
                        (then (return (i32.const {NOTHING}))))
                    (global.set $armed (i32.const 1))
                    {evaluate}
                    (i32.const {ANSWERED}))
                {fields}
                {data})"#
        )
    }

    pub fn plain_manifest(&self) -> String {
        json!({
            "schema": 1, "name": self.name, "version": self.version,
            "summary": "Does what it should not.", "labels": [LABEL, GOOD], "events": ["message.*"],
            "inputs": [{"kind": "field", "path": "data.content"}],
        })
        .to_string()
    }
}

/// Makes a component of a core module, of the only world of `wit`. Nothing is validated: that is
/// for the host.
pub fn componentise(module: &[u8], wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("detector.wit", wit).expect("the contract parses");
    let world = resolve.select_world(&[package], None).expect("a package with one world");
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("the contract is embedded");
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("the module fits the contract: {error:#}"))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("short")
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}
