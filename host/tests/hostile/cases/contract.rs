//! Answers that break the contract: believed whole or not at all.

use picket::model::Outcome::{Error, Invalid, Trap};

use super::Expect::{Fails, Says};
use super::{Answer, CONTENT, Case, answers, case, detector};

pub fn cases() -> Vec<Case> {
    vec![
        case("score-nan", |name| scores(name, f64::NAN), Fails(Invalid, "score NaN")),
        case("score-infinite", |name| scores(name, f64::INFINITY), Fails(Invalid, "score inf")),
        case("score-negative", |name| scores(name, -1.0), Fails(Invalid, "outside 0..=1")),
        case("score-1e308", |name| scores(name, 1e308), Fails(Invalid, "outside 0..=1")),
        case(
            "score-just-above",
            |name| scores(name, 1.0 + f64::EPSILON),
            Fails(Invalid, "outside"),
        ),
        case("signals-65", |name| signals(name, 65), Fails(Invalid, "65 signals; 64 are allowed")),
        case(
            "signals-a-million",
            |name| signals(name, 1_000_000),
            Fails(Invalid, "more than it may"),
        ),
        case("signals-10-million", |name| signals(name, 10_000_000), Fails(Trap, "out of bounds")),
        case("reason-of-1-gib", reason_of_1_gib, Fails(Trap, "out of bounds")),
        case("reason-of-40-mib", reason_of_40_mib, Fails(Invalid, "more than it may")),
        case(
            "reason-of-501-bytes",
            |name| reason(name, &[b'x'; 501]),
            Fails(Invalid, "501 bytes of reason"),
        ),
        case("reason-not-utf-8", |name| reason(name, b"\xff\xfe"), Fails(Trap, "utf-8")),
        case("reason-nul", |name| reason(name, b"a\0b"), Says(0.5, "a\u{fffd}b")),
        case(
            "reason-ansi",
            |name| reason(name, b"\x1b[31mred\x07\x1b]0;title\x07"),
            Says(0.5, "\u{fffd}[31mred"),
        ),
        case(
            "reason-newlines",
            |name| reason(name, b"a\r\nERROR forged"),
            Says(0.5, "a\u{fffd}\u{fffd}ERROR"),
        ),
        case(
            "reason-html",
            |name| reason(name, b"<script>alert(1)</script>"),
            Says(0.5, "<script>"),
        ),
        case("reason-quotes-the-text", quotes, Says(0.5, "it said")),
        case("error-of-1-gib", error_of_1_gib, Fails(Trap, "out of bounds")),
        case("error-ansi", |name| error(name, b"\x1b[2Jgone"), Fails(Error, "\u{fffd}[2Jgone")),
        case("error-not-utf-8", |name| error(name, b"\xc3\x28"), Fails(Trap, "utf-8")),
        case(
            "label-not-in-the-manifest",
            |name| label(name, b"safety.other"),
            Fails(Invalid, "not in the manifest"),
        ),
        case("label-not-utf-8", |name| label(name, b"safety.\xff"), Fails(Trap, "utf-8")),
        case(
            "label-nul",
            |name| label(name, b"safety.hostile\0"),
            Fails(Invalid, "not in the manifest"),
        ),
        case(
            "label-ansi",
            |name| label(name, b"\x1b[31msafety.hostile"),
            Fails(Invalid, "not in the manifest"),
        ),
        case(
            "label-html",
            |name| label(name, b"<b>safety.hostile</b>"),
            Fails(Invalid, "not in the manifest"),
        ),
        case(
            "span-out-of-range",
            |name| span(name, [0, 0, 0, 100_000]),
            Fails(Invalid, "no text of the event"),
        ),
        case(
            "span-inverted",
            |name| span(name, [0, 0, 5, 2]),
            Fails(Invalid, "no text of the event"),
        ),
        case(
            "span-inside-a-character",
            |name| span(name, [0, 0, 3, 6]),
            Fails(Invalid, "no text of the event"),
        ),
        case(
            "span-of-another-input",
            |name| span(name, [7, 0, 0, 1]),
            Fails(Invalid, "no text of the event"),
        ),
        case(
            "span-of-another-item",
            |name| span(name, [0, 9, 0, 1]),
            Fails(Invalid, "no text of the event"),
        ),
        case(
            "span-of-4-gib",
            |name| span(name, [0, 0, 1, u32::MAX]),
            Fails(Invalid, "no text of the event"),
        ),
        case("result-out-of-memory-bounds", result_beyond, Fails(Trap, "out of bounds")),
        case("result-unaligned", result_unaligned, Fails(Trap, "align")),
        case("result-of-no-known-kind", result_of_no_kind, Fails(Trap, "discriminant")),
    ]
}

fn scores(name: &str, score: f64) -> Vec<u8> {
    answers(name, Answer { score, ..Answer::default() })
}

/// So many, of which the memory holds at least the first thousand.
fn signals(name: &str, signals: u32) -> Vec<u8> {
    detector(name, |detector| {
        detector.memory = r#"(memory (export "memory") 960)"#.to_owned();
        detector.answer = Answer { signals, ..Answer::default() };
    })
}

fn reason(name: &str, reason: &[u8]) -> Vec<u8> {
    answers(name, Answer { reason: reason.to_vec(), ..Answer::default() })
}

fn reason_of_1_gib(name: &str) -> Vec<u8> {
    answers(name, Answer { reason_bytes: Some(1 << 30), ..Answer::default() })
}

fn reason_of_40_mib(name: &str) -> Vec<u8> {
    detector(name, |detector| {
        detector.memory = r#"(memory (export "memory") 960)"#.to_owned();
        detector.answer = Answer { reason_bytes: Some(40 << 20), ..Answer::default() };
    })
}

fn quotes(name: &str) -> Vec<u8> {
    let bytes = u32::try_from(CONTENT.len()).expect("short");
    let reason = format!("it said {CONTENT}").into_bytes();
    answers(name, Answer { reason, span: Some([0, 0, 0, bytes]), ..Answer::default() })
}

fn error(name: &str, message: &[u8]) -> Vec<u8> {
    answers(name, Answer { error: true, reason: message.to_vec(), ..Answer::default() })
}

fn error_of_1_gib(name: &str) -> Vec<u8> {
    answers(name, Answer { error: true, reason_bytes: Some(1 << 30), ..Answer::default() })
}

fn label(name: &str, label: &[u8]) -> Vec<u8> {
    answers(name, Answer { label: label.to_vec(), ..Answer::default() })
}

fn span(name: &str, span: [u32; 4]) -> Vec<u8> {
    answers(name, Answer { span: Some(span), ..Answer::default() })
}

fn returns(name: &str, pointer: i32) -> Vec<u8> {
    super::evaluates(name, format!("(return (i32.const {pointer}))"))
}

fn result_beyond(name: &str) -> Vec<u8> {
    returns(name, -16)
}

fn result_unaligned(name: &str) -> Vec<u8> {
    returns(name, 65)
}

fn result_of_no_kind(name: &str) -> Vec<u8> {
    super::evaluates(name, "(i32.store8 (i32.const 64) (i32.const 200))")
}
