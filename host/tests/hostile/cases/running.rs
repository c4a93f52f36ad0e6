//! What goes wrong while an event is evaluated: time, memory, stack, state.

use picket::model::Outcome::{Deadline, Invalid, Memory, Trap};

use super::Expect::{Fails, Says};
use super::{Answer, Case, Detector, case, detector, evaluates};

const LOG: &str = r#"(import "picket:detector/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#;
/// Room for what is filled and copied: 60 MiB of the 64 that a detector may have.
const LARGE: &str = r#"(memory (export "memory") 960)"#;

pub fn cases() -> Vec<Case> {
    vec![
        case("infinite-loop", |name| evaluates(name, FOREVER), Fails(Deadline, TIME)),
        case("memory-grow-loop", |name| evaluates(name, endless(GROW)), Fails(Deadline, TIME)),
        case("memory-grow-until-denied", memory_grow_until_denied, Fails(Memory, ROOM)),
        case("table-grow-loop", table_grow_loop, Fails(Deadline, TIME)),
        case("table-grow-until-denied", table_grow_until_denied, Fails(Memory, ROOM)),
        case("recursion", recursion, Fails(Trap, "call stack exhausted")),
        case("memory-fill-loop", |name| large(name, &endless(FILL)), Fails(Deadline, TIME)),
        case("memory-fill-16-mib", |name| large(name, &endless(FILL_ALL)), Fails(Deadline, TIME)),
        case("memory-copy-loop", |name| large(name, &endless(COPY)), Fails(Deadline, TIME)),
        case("memory-fill-in-line", |name| large(name, &FILL.repeat(500)), Fails(Deadline, TIME)),
        case(
            "memory-fill-of-all",
            |name| large(name, &endless(FILL_60_MIB)),
            Fails(Deadline, TIME),
        ),
        case("memory-copy-of-half", |name| large(name, &endless(COPY_HALF)), Fails(Deadline, TIME)),
        case("pages-touched-in-line", pages_touched_in_line, Fails(Deadline, TIME)),
        case("table-fill-in-line", table_fill_in_line, Fails(Deadline, TIME)),
        case("calls-that-fan-out", calls_that_fan_out, Fails(Deadline, TIME)),
        case("loop-in-realloc", loop_in_realloc, Fails(Deadline, TIME)),
        case("loop-in-post-return", loop_in_post_return, Fails(Deadline, TIME)),
        case("result-after-the-deadline", late, Fails(Deadline, TIME)),
        case("unreachable", |name| evaluates(name, "unreachable"), Fails(Trap, "unreachable")),
        case("division-by-zero", division_by_zero, Fails(Trap, "divide by zero")),
        case("read-out-of-bounds", read_out_of_bounds, Fails(Trap, "out of bounds")),
        case("call-of-nothing", call_of_nothing, Fails(Trap, "uninitialized element")),
        case("re-entered-realloc", re_entered, Says(0.5, "as ever")),
        case("log-flood", |name| logs(name, &endless(LOG_LINE)), Fails(Deadline, TIME)),
        case("log-many-lines", |name| logs(name, &LOG_LINE.repeat(1_000)), Says(0.5, "as ever")),
        case("log-line-of-1-gib", |name| logs(name, LOG_BEYOND), Fails(Trap, "out of bounds")),
        case("log-line-of-40-mib", log_large, Fails(Invalid, "more than it may")),
        case("log-not-utf-8", |name| logs(name, LOG_BYTES), Fails(Trap, "utf-8")),
        case("log-level-unknown", |name| logs(name, LOG_LEVEL), Fails(Trap, "discriminant")),
        case("state-in-a-global", state_in_a_global, Says(0.1, "as ever")),
        case("state-in-memory", state_in_memory, Says(0.1, "as ever")),
        case("state-in-a-table", state_in_a_table, Says(0.1, "as ever")),
    ]
}

const TIME: &str = "processor time";
const ROOM: &str = "more memory than it may have";
const FOREVER: &str = "(loop $forever (br $forever))";
const GROW: &str = "(drop (memory.grow (i32.const 1)))";
const FILL: &str = "(memory.fill (i32.const 131072) (i32.const 7) (i32.const 4194304))";
const FILL_ALL: &str = "(memory.fill (i32.const 131072) (i32.const 7) (i32.const 16777216))";
const COPY: &str = "(memory.copy (i32.const 131072) (i32.const 8388608) (i32.const 4194304))";
const FILL_60_MIB: &str = "(memory.fill (i32.const 131072) (i32.const 7) (i32.const 62783488))";
const COPY_HALF: &str =
    "(memory.copy (i32.const 31457280) (i32.const 131072) (i32.const 31326208))";
const LOG_LINE: &str = "(call $log (i32.const 1) (i32.const 4096) (i32.const 64))";
const LOG_BEYOND: &str = "(call $log (i32.const 1) (i32.const 4096) (i32.const 1073741824))";
const LOG_BYTES: &str = "(i32.store8 (i32.const 2048) (i32.const 255))
    (call $log (i32.const 1) (i32.const 2048) (i32.const 1))";
const LOG_LEVEL: &str = "(call $log (i32.const 77) (i32.const 4096) (i32.const 1))";

fn endless(what: &str) -> String {
    format!("(loop $forever {what} (br $forever))")
}

fn large(name: &str, what: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.memory = LARGE.to_owned();
        detector.evaluate = what.to_owned();
    })
}

fn logs(name: &str, what: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.head = LOG.to_owned();
        detector.evaluate = what.to_owned();
    })
}

fn log_large(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.head = LOG.to_owned();
        detector.memory = LARGE.to_owned();
        detector.evaluate =
            "(call $log (i32.const 1) (i32.const 131072) (i32.const 41943040))".to_owned();
    })
}

/// Code without a loop or a call, each instruction of which makes the system find a page of memory.
fn pages_touched_in_line(name: &str) -> Vec<u8> {
    let touch = |page: u32| format!("(i32.store8 (i32.const {}) (i32.const 1))", page * 4_096);
    large(name, &endless(&(32..15_360).map(touch).collect::<String>()))
}

/// Takes what it is given, touches every page of it, and gives up only when it is denied.
fn memory_grow_until_denied(name: &str) -> Vec<u8> {
    evaluates(
        name,
        "(loop $more
            (local.set $i (memory.grow (i32.const 16)))
            (if (i32.eq (local.get $i) (i32.const -1)) (then unreachable))
            (i32.store (i32.mul (local.get $i) (i32.const 65536)) (i32.const 1))
            (br $more))",
    )
}

fn with_table(name: &str, what: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.fields = "(table $table 20000 funcref)".to_owned();
        detector.evaluate = what.to_owned();
    })
}

fn table_grow_loop(name: &str) -> Vec<u8> {
    with_table(name, &endless("(drop (table.grow $table (ref.null func) (i32.const 1)))"))
}

fn table_grow_until_denied(name: &str) -> Vec<u8> {
    with_table(
        name,
        "(loop $more
            (br_if $more (i32.ne (i32.const -1)
                (table.grow $table (ref.null func) (i32.const 10)))))
        unreachable",
    )
}

/// No loop and no call between them: what is long must be stopped within itself.
fn table_fill_in_line(name: &str) -> Vec<u8> {
    let fill = "(table.fill $table (i32.const 0) (ref.func $self) (i32.const 20000))".repeat(2_000);
    detector(name, |detector| {
        detector.fields =
            "(table $table 20000 funcref) (func $self) (elem declare func $self)".to_owned();
        detector.evaluate = fill;
    })
}

fn recursion(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.fields = "(func $deeper (param i64 i64 i64 i64) (result i64)
            (i64.add (i64.const 1) (call $deeper
                (local.get 1) (local.get 2) (local.get 3) (local.get 0))))"
            .to_owned();
        detector.evaluate =
            "(drop (call $deeper (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))"
                .to_owned();
    })
}

/// Each function calls the one below it ten times: no loop, no depth, and 10^12 calls.
fn calls_that_fan_out(name: &str) -> Vec<u8> {
    let mut fields = "(func $f0)".to_owned();
    for level in 1..=12 {
        let below = format!("(call $f{})", level - 1).repeat(10);
        fields.push_str(&format!("(func $f{level} {below})"));
    }
    detector(name, |detector| {
        detector.fields = fields;
        detector.evaluate = "(call $f12)".to_owned();
    })
}

fn loop_in_realloc(name: &str) -> Vec<u8> {
    let bytes = super::CONTENT.len();
    detector(name, |detector| {
        detector.realloc =
            format!("(if (i32.eq (local.get 3) (i32.const {bytes})) (then {FOREVER}))");
    })
}

fn loop_in_post_return(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.fields = format!(
            r#"(func (export "cabi_post_picket:detector/detector@1.0.0#evaluate") (param i32)
                (if (global.get $armed) (then {FOREVER})))"#
        );
    })
}

/// Works for a second and then answers, as if nothing were.
fn late(name: &str) -> Vec<u8> {
    evaluates(
        name,
        "(loop $work
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $work (i32.lt_u (local.get $i) (i32.const 2000000000))))",
    )
}

fn division_by_zero(name: &str) -> Vec<u8> {
    evaluates(name, "(drop (i32.div_u (i32.const 1) (local.get $i)))")
}

fn read_out_of_bounds(name: &str) -> Vec<u8> {
    evaluates(name, "(drop (i32.load (i32.const -4)))")
}

fn call_of_nothing(name: &str) -> Vec<u8> {
    with_table(name, "(call_indirect $table (i32.const 9))")
}

/// A detector that asks for memory of itself as the host would.
fn re_entered(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.fields = r#"(export "spare" (func $spare)) (func $spare)"#.to_owned();
        detector.evaluate = "(call $spare)".to_owned();
    })
}

/// Says `score` of a tenth of the times that it was called in this instance.
fn counts(name: &str, change: impl FnOnce(&mut Detector)) -> Vec<u8> {
    detector(name, |detector| {
        detector.answer = Answer { score: 0.0, ..Answer::default() };
        change(detector);
    })
}

const SAY_TENTHS: &str =
    "(f64.store (i32.const 136) (f64.div (f64.convert_i32_u (local.get $i)) (f64.const 10)))";

fn state_in_a_global(name: &str) -> Vec<u8> {
    counts(name, |detector| {
        detector.fields = "(global $calls (mut i32) (i32.const 0))".to_owned();
        detector.evaluate = format!(
            "(local.set $i (i32.add (global.get $calls) (i32.const 1)))
            (global.set $calls (local.get $i)) {SAY_TENTHS}"
        );
    })
}

/// In the last page, which is grown anew: what lay there before must not.
fn state_in_memory(name: &str) -> Vec<u8> {
    counts(name, |detector| {
        detector.evaluate = format!(
            "(drop (memory.grow (i32.const 100)))
            (local.set $i (i32.add (i32.load (i32.const 6000000)) (i32.const 1)))
            (i32.store (i32.const 6000000) (local.get $i)) {SAY_TENTHS}"
        );
    })
}

fn state_in_a_table(name: &str) -> Vec<u8> {
    counts(name, |detector| {
        detector.fields =
            "(table $table 64 funcref) (func $self) (elem declare func $self)".to_owned();
        detector.evaluate = format!(
            "(local.set $i (i32.sub (i32.const 2) (ref.is_null (table.get $table (i32.const 9)))))
            (table.set $table (i32.const 9) (ref.func $self)) {SAY_TENTHS}"
        );
    })
}
