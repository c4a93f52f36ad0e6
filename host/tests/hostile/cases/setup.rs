//! What is to break loading: compiling, instantiating, describing and configuring.

use super::super::component::WIT;
use super::Expect::{Refused, Says};
use super::{Case, Detector, case, detector};

pub fn cases() -> Vec<Case> {
    vec![
        case("loop-in-start", |name| starts(name, FOREVER), Refused("processor time")),
        case("trap-in-start", |name| starts(name, "unreachable"), Refused("unreachable")),
        case("loop-in-describe", loop_in_describe, Refused("processor time")),
        case("trap-in-describe", trap_in_describe, Refused("`describe` failed")),
        case("loop-in-configure", loop_in_configure, Refused("processor time")),
        case("trap-in-configure", trap_in_configure, Refused("`configure` failed")),
        case("configure-refuses-in-ansi", refuses_in_ansi, Refused("\u{fffd}[31mred")),
        case(
            "configure-refuses-at-length",
            refuses_at_length,
            Refused("refused the settings: xxx"),
        ),
        case("trap-in-every-evaluation", trap_always, Refused("the self-test failed")),
        case("memory-of-4-gib", |name| memory(name, "65536"), Refused("memory")),
        case("memory-of-65-mib", |name| memory(name, "1040"), Refused("memory")),
        case("memories-100", memories, Refused("several memories")),
        case("memory64", memory64, Refused("64-bit memory")),
        case("memory-shared", |name| memory(name, "1 2 shared"), Refused("shared memory")),
        case(
            "table-of-10-million",
            |name| table(name, 10_000_000),
            Refused("a table begins with 10000000 elements"),
        ),
        case("tables-100", |name| fields(name, &"(table 1 funcref)".repeat(100)), Refused("table")),
        case(
            "functions-100-thousand",
            |name| fields(name, &"(func)".repeat(100_000)),
            Refused("functions"),
        ),
        case("locals-40-thousand", locals, Refused("locals")),
        case("br-table-of-300-thousand", br_table, Refused("br_table")),
        case("function-of-2-mib", function_of_2_mib, Refused("1048576 bytes")),
        case(
            "blocks-200-thousand-deep",
            |name| blocks(name, 200_000),
            Refused("blocks of a function lie more than 10000 deep"),
        ),
        case("blocks-5-thousand-deep", |name| blocks(name, 5_000), Says(0.5, "as ever")),
        case("start-that-works", |name| starts(name, "nop"), Says(0.5, "as ever")),
        case("data-out-of-bounds", data_out_of_bounds, Refused("out of bounds")),
        case("elements-out-of-bounds", elements_out_of_bounds, Refused("out of bounds")),
        case("ungranted-import", ungranted_import, Refused("imports `wasi:sockets/tcp@0.2.0`")),
        case(
            "import-of-another-release",
            other_release,
            Refused("imports `wasi:cli/environment@0.3.0`"),
        ),
        case("missing-export", missing_export, Refused("picket:detector/detector@1.0.0")),
        case("missing-function", missing_function, Refused("evaluate")),
        case("wrong-signature", wrong_signature, Refused("type mismatch")),
        case("wrong-record", wrong_record, Refused("confidence")),
        case("instances-1000", instances, Refused("instance")),
        case("modules-65", modules, Refused("modules")),
        case("types-that-double", types_that_double, Refused("type")),
        case("manifest-not-json", |name| manifest(name, b"name: x"), Refused("does not parse")),
        case("manifest-not-utf-8", |name| manifest(name, b"{\xff}"), Refused("`describe` failed")),
        case("manifest-of-1-gib", manifest_of_1_gib, Refused("`describe` failed")),
        case(
            "manifest-deep",
            |name| manifest(name, "[".repeat(3_000).as_bytes()),
            Refused("does not parse"),
        ),
        case("manifest-name-is-a-path", name_is_a_path, Refused("lower-case words")),
        case("manifest-name-ansi", name_ansi, Refused("lower-case words")),
    ]
}

const FOREVER: &str = "(loop $forever (br $forever))";

fn fields(name: &str, fields: &str) -> Vec<u8> {
    detector(name, |detector| detector.fields = fields.to_owned())
}

fn starts(name: &str, what: &str) -> Vec<u8> {
    fields(name, &format!("(func $start {what}) (start $start)"))
}

fn loop_in_describe(name: &str) -> Vec<u8> {
    detector(name, |detector| detector.describe = FOREVER.to_owned())
}

fn trap_in_describe(name: &str) -> Vec<u8> {
    detector(name, |detector| detector.describe = "unreachable".to_owned())
}

fn loop_in_configure(name: &str) -> Vec<u8> {
    detector(name, |detector| detector.configure = FOREVER.to_owned())
}

fn trap_in_configure(name: &str) -> Vec<u8> {
    detector(name, |detector| detector.configure = "unreachable".to_owned())
}

/// `configure` gives an error, of so many bytes from the place of the reason on.
fn refuses(name: &str, reason: &[u8], bytes: usize) -> Vec<u8> {
    detector(name, |detector| {
        detector.answer.reason = reason.to_vec();
        detector.configure = format!(
            "(i32.store8 (i32.const 32) (i32.const 1))
            (i32.store (i32.const 36) (i32.const 1024))
            (i32.store (i32.const 40) (i32.const {bytes}))"
        );
    })
}

fn refuses_in_ansi(name: &str) -> Vec<u8> {
    let reason = b"\x1b[31mred\r\nERROR forged";
    refuses(name, reason, reason.len())
}

fn refuses_at_length(name: &str) -> Vec<u8> {
    refuses(name, &[b'x'; 2_500], 60_000)
}

/// The host asks for memory for the first string that it passes, and that traps.
fn trap_always(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.realloc =
            r#"(if (i32.eq (local.get 3) (i32.const 9)) (then unreachable))"#.to_owned();
    })
}

fn memory(name: &str, limits: &str) -> Vec<u8> {
    detector(name, |detector| detector.memory = format!(r#"(memory (export "memory") {limits})"#))
}

/// Beside the one that the interface needs, which cannot be.
fn memory64(_: &str) -> Vec<u8> {
    component("(core module (memory i64 1))")
}

fn memories(name: &str) -> Vec<u8> {
    fields(name, &"(memory 1)".repeat(99))
}

fn table(name: &str, elements: u32) -> Vec<u8> {
    fields(name, &format!("(table {elements} funcref)"))
}

fn locals(name: &str) -> Vec<u8> {
    fields(name, &format!("(func (local {}))", "i64 ".repeat(40_000)))
}

fn br_table(name: &str) -> Vec<u8> {
    let targets = "0 1 2 ".repeat(100_000);
    fields(
        name,
        &format!("(func (param i32) (block (block (block (br_table {targets} 0 (local.get 0))))))"),
    )
}

fn function_of_2_mib(name: &str) -> Vec<u8> {
    fields(name, &format!("(func {})", "nop ".repeat(2 << 20)))
}

/// Compiles in time that grows with the square of the depth.
fn blocks(name: &str, depth: usize) -> Vec<u8> {
    fields(name, &format!("(func {} {})", "block ".repeat(depth), "end ".repeat(depth)))
}

fn data_out_of_bounds(name: &str) -> Vec<u8> {
    fields(name, r#"(data (i32.const 10000000) "beyond")"#)
}

fn elements_out_of_bounds(name: &str) -> Vec<u8> {
    fields(
        name,
        "(table $table 4 funcref) (func $self) (elem (table $table) (i32.const 9) func $self)",
    )
}

fn ungranted_import(_: &str) -> Vec<u8> {
    component(r#"(import "wasi:sockets/tcp@0.2.0" (instance))"#)
}

fn other_release(_: &str) -> Vec<u8> {
    component(r#"(import "wasi:cli/environment@0.3.0" (instance))"#)
}

fn missing_export(_: &str) -> Vec<u8> {
    component("")
}

/// A component, as text.
fn component(fields: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {fields})")).expect("the text is a component")
}

fn missing_function(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.wit =
            WIT.replace("evaluate: func(event: event) -> result<list<signal>, string>;", "");
        // What the contract in use does not name must not be exported under its name.
        detector.evaluate_as = "spare".to_owned();
    })
}

fn wrong_signature(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        // The same core type: only the component's differs.
        detector.wit =
            WIT.replace("result<list<signal>, string>;", "result<list<signal>, list<u8>>;");
    })
}

fn wrong_record(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.wit = WIT.replace("        confidence: f64,\n", "        confidence: s64,\n");
    })
}

fn instances(_: &str) -> Vec<u8> {
    component(&format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(1_000)))
}

fn modules(_: &str) -> Vec<u8> {
    component(&"(core module)".repeat(65))
}

/// Each type holds the one before it twice: thirty lines say a type of 2^30 fields.
fn types_that_double(_: &str) -> Vec<u8> {
    let mut text = "(type $t0 (tuple u32 u32))".to_owned();
    for level in 1..30 {
        text.push_str(&format!("(type $t{level} (tuple $t{} $t{}))", level - 1, level - 1));
    }
    component(&text)
}

fn manifest(name: &str, manifest: &[u8]) -> Vec<u8> {
    detector(name, |detector| detector.manifest = Some(manifest.to_vec()))
}

fn manifest_of_1_gib(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.describe = "(i32.store (i32.const 20) (i32.const 1073741824))".to_owned();
    })
}

fn name_is_a_path(_: &str) -> Vec<u8> {
    Detector::new("../../etc/passwd").build()
}

fn name_ansi(_: &str) -> Vec<u8> {
    Detector::new("\u{1b}[31mred").build()
}
