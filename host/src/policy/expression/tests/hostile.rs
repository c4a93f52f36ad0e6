//! Texts that would cost a careless reader its stack or its time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Texts that would cost a careless reader its stack or its time.
fn hostile() -> Vec<String> {
    let tower = |rungs: usize| {
        let rung = |at: usize| format!(".map(v{at}, [1,2,3,4,5,6,7,8,9])");
        format!("[1,2,3,4,5,6,7,8,9]{}.size() > 0", (0..rungs).map(rung).collect::<String>())
    };
    let loops = |levels: usize| {
        let open: String = (0..levels).map(|at| format!("[1,2,3,4,5,6,7,8].all(v{at}, ")).collect();
        format!("{open}true{}", ")".repeat(levels))
    };
    let nested = |open: &str, close: &str, levels| {
        format!("{}true{}", open.repeat(levels), close.repeat(levels))
    };
    vec![
        tower(10),
        tower(25),
        loops(6),
        loops(20),
        nested("(", ")", 24),
        nested("(", ")", 900),
        nested("[", "]", 24),
        nested("[", "]", 900),
        nested("[", "][0]", 23),
        nested("size(", ")", 24),
        nested("!", "", 300),
        nested("- -", "", 190),
        nested("true ? true : ", "", 12),
        nested("true ? ", " : true", 12),
        format!("{}1 > 0", "1 + ".repeat(190)),
        format!("{}1 > 0", "1 + ".repeat(40)),
        format!("{}true", "true && ".repeat(190)),
        format!("event.data{} == 1", ".a".repeat(190)),
        format!("event.data{} == 1", "[0]".repeat(120)),
        format!("'{}' == '{}'", "a".repeat(950), "a".repeat(950)),
        "x".repeat(1_999),
        "'".repeat(1_999),
        ") ] } ( [ { ? : , . ".repeat(19),
        "\u{0}\u{1b}[31m".to_owned(),
        "event.data.content.contains('y')".to_owned(),
        "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, event.data.content.contains('xxxxy') == false))".to_owned(),
        "event.data.content.size() == 100000 && event.data.content == event.data.content".to_owned(),
    ]
}

#[test]
fn nothing_hostile_crashes_or_stalls() {
    let event = sample();
    let begun = Instant::now();
    let (mut refused, mut spent) = (0, 0);
    for text in hostile() {
        // A quarter of what the threads of a server have.
        let check = || {
            let Ok((expression, _)) = read(&text) else { return None };
            let answer = expression.holds(&Scene {
                event: &event,
                signals: Vec::new(),
                labels: Vec::new(),
                score: 0.0,
                tier: "low",
                degraded: false,
                lists: vec![false; 2],
                known: &crate::model::Known::NOTHING,
                account: &Account::NOBODY,
                account_tier: "low",
            });
            Some(answer == Err(Failure::Spent))
        };
        let answer = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(512 * 1024);
            thread.spawn_scoped(scope, check).unwrap().join().unwrap()
        });
        refused += usize::from(answer.is_none());
        spent += usize::from(answer == Some(true));
    }
    assert!(refused > 5 && spent > 1, "{refused} refused, {spent} out of steps");
    // Minutes would be a stall, also on a busy machine; without the bounds it is hours.
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

/// Any text that looks a little like a condition.
fn any_text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(
        &[
            "event",
            ".",
            "data",
            "signals",
            "labels",
            "score",
            "tier",
            "lists",
            "verified",
            "(",
            ")",
            "[",
            "]",
            "'low'",
            "\"",
            "'",
            "1",
            "0.5",
            "-",
            "!",
            "&&",
            "||",
            "==",
            "<",
            "+",
            "/",
            "%",
            "?",
            ":",
            "in",
            "has(",
            "size(",
            ".exists(s,",
            ".map(s,",
            "s",
            ",",
            "{",
            "}",
            "null",
            "true",
            "é",
            "//",
            "\n",
            "evidence(",
            "'bid.a'",
            "timestamp(",
            "b'",
            "1u",
        ][..],
    );
    prop_oneof![
        3 => prop::collection::vec(words, 0..40).prop_map(|words| words.join(" ")),
        1 => "\\PC{0,60}",
    ]
}

proptest! {
    /// Invariant: reading and evaluating are total, and the same every time.
    #[test]
    fn any_text_is_read_or_refused(text in any_text()) {
        match (read(&text), read(&text)) {
            (Ok((one, _)), Ok((other, _))) => {
                prop_assert_eq!(&one, &other);
                prop_assert_eq!(holds(&text), holds(&text));
            }
            (Err(one), Err(other)) => {
                prop_assert!(one.iter().any(|fault| fault.is_error));
                prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
                let inside = |fault: &Fault| text.get(fault.at.clone()).is_some();
                prop_assert!(one.iter().all(inside), "{:?}", one);
            }
            _ => prop_assert!(false, "read once and refused once"),
        }
    }
}
