//! Conditions: what they say, what is refused, and that nothing hostile stalls or crashes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::{Event, Signal, Timestamp, TypePattern};
use crate::policy::diagnostic::code;
use crate::policy::judge::tests::{event, signal};
use crate::policy::{Known, Labels};

fn known() -> Known {
    let stored = BTreeSet::from(["contact.phone".to_owned()]);
    Known { labels: Labels { stored, ..Labels::default() }, ..Known::default() }
}

fn read(text: &str) -> Result<(Expression, Vec<Fault>), Vec<Fault>> {
    let (known, events) = (known(), ["message.*", "job.posted"]);
    let events: Vec<TypePattern> = events.iter().map(|event| event.parse().unwrap()).collect();
    let declared = Declared {
        tiers: Some(vec!["low", "medium", "high"]),
        lists: Some(vec!["verified", "banned"]),
        events: &events,
        known: Some(&known),
    };
    let mut faults = Vec::new();
    match Expression::read(text, &declared, &mut faults) {
        Some(expression) => Ok((expression, faults)),
        None => Err(faults),
    }
}

fn sample() -> Event {
    Event {
        subject: "user-17".to_owned(),
        // A Tuesday.
        time: Timestamp::parse("2026-09-01T23:30:00Z").unwrap(),
        data: json!({
            "amount_cents": 1_250_000, "rate": 0.5, "trade": "roofing", "licensed": false,
            "nothing": null, "big": u64::MAX, "photos": ["a", "b"], "deep": {"er": {"still": 1}},
            "items": [{"price": 3}, {"price": 5}, {"cost": 1}], "content": "x".repeat(100_000),
        }),
        ..event("message.sent")
    }
}

fn holds_on(text: &str, event: &Event) -> Result<bool, Failure> {
    let expression = read(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}")).0;
    let signals = [
        Signal { detector: "phones".to_owned(), ..signal("contact.phone", 0.9, 0.8) },
        Signal { detector: "words".to_owned(), ..signal("safety.threat", 1.0, 0.5) },
    ];
    expression.holds(&Scene {
        event,
        signals: signals.iter().collect(),
        labels: vec![("contact.phone", 0.72), ("safety.threat", 0.5)],
        score: 0.395,
        tier: "medium",
        degraded: false,
        lists: vec![true, false],
    })
}

fn holds(text: &str) -> Result<bool, Failure> {
    holds_on(text, &sample())
}

#[test]
fn what_a_condition_says_holds() {
    for text in [
        "true",
        "!false && (false || true)",
        // The score and what made it.
        "score >= 0.395 && score < 0.395001 && score > 0",
        "tier == 'medium' && tier in ['medium', \"high\"] && tier != 'low'",
        "!degraded",
        "evidence('contact.phone') > 0.7 && evidence('bid.none') == 0",
        "labels['contact.phone'] == 0.72 && 'contact.phone' in labels && !('bid.a' in labels)",
        "size(labels) == 2 && signals.size() == 2",
        "signals.exists(s, s.label == 'contact.phone' && s.score * s.confidence > 0.7)",
        "signals[0].detector == 'phones' && signals[1].confidence == 0.5",
        "signals.all(s, s.score > 0.5) && signals.exists_one(s, s.score == 1)",
        "'safety.threat' in signals.map(s, s.label)",
        "signals.filter(s, s.score < 1.0).size() == 1",
        "signals.map(s, s.score < 1.0, s.detector) == ['phones']",
        "lists.verified && !lists.banned && lists['verified']",
        // The event.
        "event.id == 'e1' && event.source == 's' && event.subject == 'user-17'",
        "event.type == 'message.sent' && event.type.startsWith('message.')",
        "event.time.getHours() == 23 && event.time.getDayOfWeek() == 2",
        "event.time >= timestamp('2026-09-01T23:30:00Z') && event.time < timestamp('2026-09-02T01:00:00+02:00') == false",
        "event.data.amount_cents > 1000000 && event.data.amount_cents / 100 == 12500",
        "event.data.amount_cents * 1.5 == 1875000 && event.data.amount_cents % 7 == 3",
        "event.data.rate + 1 == 1.5 && -event.data.rate < 0 && 2 - 1 == 1.0",
        "event.data['trade'] == 'roofing' && event.data.trade.endsWith('ing')",
        "event.data.trade.contains('oof') && event.data.trade < 'tiling' && size('é€') == 2",
        "event.data.licensed == false && event.data.nothing == null && event.data.trade != null",
        "event.data.trade != 5 && !(event.data.amount_cents == 'x')",
        "event.data.big > 9223372036854775807",
        "event.data.photos == ['a', 'b'] && event.data.photos[1] == 'b' && 'a' in event.data.photos",
        "event.data.photos != ['a'] && event.data.photos.size() == 2 && 'trade' in event.data",
        "event.data.items.exists(i, has(i.price) && i.price > 4)",
        "event.data.items.exists(i, i.price > 4)",
        "event.data.items.filter(i, has(i.price)).map(i, i.price * 2) == [6, 10]",
        "event.data.items.filter(i, has(i.price)).all(i, i.price > 2)",
        "event.data.photos.all(p, event.data.photos.exists(q, p == q))",
        "has(event.data.trade) && has(event.data.nothing) && !has(event.data.none)",
        "has(event.data.deep.er.still) && !has(event.data.deep.no.way) && !has(event.data.trade.x)",
        "has(event.subject) && has(event.data)",
        // What decides, decides, also beside what has no answer.
        "event.data.none > 3 || true",
        "!(event.data.none > 3 && false)",
        "event.data.none == 3 ? true : false || true",
        "(event.data.licensed ? 'a' : 'b') == 'b'",
        "has(event.data.none) && event.data.none > 3 || score > 0.1 // a remark",
    ] {
        let want = match text.starts_with("event.data.none == 3 ?") {
            true => Err(Failure::Absent("none".to_owned())),
            false => Ok(true),
        };
        assert_eq!(holds(text), want, "{text}");
    }
}

#[test]
fn what_has_no_answer_fails_and_says_why() {
    for (text, says) in [
        ("event.data.none > 3", "there is no `none`"),
        ("event.data.none > 3 || false", "there is no `none`"),
        ("true && event.data.trade", "`&&` wants a boolean and got a text"),
        ("event.data.trade", "a condition wants a boolean and got a text"),
        ("event.data.trade.x == 1", "a field wants an object and got a text"),
        ("event.data.trade > 3", "`>` of a text and a number"),
        ("event.data.trade + 1 > 3", "`+` of a text and a number"),
        ("event.data.amount_cents.contains('1')", "`contains` of a number and a text"),
        ("labels['bid.a'] > 0.5", "no signal has the label `bid.a`"),
        ("event.data.photos[2] == 'c'", "there is no item 2"),
        ("event.data.photos[-1] == 'c'", "there is no item -1"),
        ("event.data.rate / 0 > 1", "it divides by zero"),
        ("event.data.rate / -0.0 > 1", "it divides by zero"),
        ("1 % (1 - 1) == 0", "it divides by zero"),
        ("9223372036854775807 + 1 > 0", "a number is too large"),
        ("1e308 * 10 > 0", "a number is too large"),
        ("event.data.rate % 2 == 0", "`%` wants whole numbers"),
        ("event.data.deep == event.data.deep", "`==` of an object and an object"),
        ("event.data.trade.exists(t, t == 'r')", "exists wants a list and got a text"),
        ("event.data.items.all(i, i.price > 2)", "there is no `price`"),
        ("event.data.items.exists_one(i, i.price > 2)", "there is no `price`"),
        ("event.data.trade in event.data.trade", "`in` of a text and a text"),
        ("size(event.data.rate) > 1", "size wants a text, a list or an object and got a number"),
    ] {
        let failure = holds(text).expect_err(text);
        assert_eq!(failure.to_string(), says, "{text}");
    }
}

#[rustfmt::skip] // A case on a line: code, the part it is about, message, hint.
const REFUSED: &[(&str, &str, &str, &str, &str)] = &[
    // Names.
    ("evnt.data.x == 1", code::UNKNOWN_NAME, "evnt", "unknown variable `evnt`", "did you mean `event`?"),
    ("tier == low", code::UNKNOWN_NAME, "low", "unknown variable `low`", "texts stand in quotes: write `\"low\"`"),
    ("event.sbject == 'a'", code::UNKNOWN_NAME, "sbject", "an event has no field `sbject`", "did you mean `subject`?"),
    ("signals.exists(s, s.lable == 'a')", code::UNKNOWN_NAME, "lable", "a signal has no field `lable`", "did you mean `label`?"),
    ("score > 0 && lists.verifed", code::UNKNOWN_NAME, "lists.verifed", "the policy has no list `verifed`", "did you mean `verified`?"),
    ("evidnce('contact.phone') > 0.5", code::UNKNOWN_NAME, "evidnce('contact.phone')", "unknown function `evidnce`", "did you mean `evidence`?"),
    ("event.subject.matches('a+')", code::UNKNOWN_NAME, "matches('a+')", "rules do not match patterns", "a detector finds patterns"),
    ("event.time.getHours('UTC') > 3", code::UNKNOWN_NAME, "getHours('UTC')", "`getHours` is not called like this", "from 0 to 23 in UTC"),
    ("signals.exists(s, true) && s.score > 1", code::UNKNOWN_NAME, "s", "unknown variable `s`", "write one of `event`"),
    // Few words.
    ("tier == 'hihg'", code::UNKNOWN_WORD, "'hihg'", "the policy has no tier `hihg`", "did you mean `high`?"),
    ("'hihg' != tier", code::UNKNOWN_WORD, "'hihg'", "the policy has no tier `hihg`", ""),
    ("tier in ['low', 'hihg']", code::UNKNOWN_WORD, "['low', 'hihg']", "no tier `hihg`", ""),
    ("event.type == 'bid.placed'", code::UNKNOWN_WORD, "'bid.placed'", "judges no event of type `bid.placed`", "write one of `message.*`"),
    ("evidence('contact.fone') > 0.5", code::UNKNOWN_LABEL, "'contact.fone'", "unknown label `contact.fone`", "did you mean `contact.phone`?"),
    ("labels['contact.fone'] > 0.5", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("'contact.fone' in labels", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("signals.exists(s, s.label == 'contact.fone')", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("'contact.fone' in signals.map(s, s.label)", code::UNKNOWN_LABEL, "'contact.fone'", "", ""),
    ("evidence('phone') > 0.5", code::MALFORMED, "'phone'", "`phone` is not a label", ""),
    // Types.
    ("tier > 0.5", code::TYPES, "tier > 0.5", "`>` of a text and a number", "numbers stand without quotes"),
    ("score == '0.5'", code::TYPES, "score == '0.5'", "`==` of a number and a text", ""),
    ("degraded < true", code::TYPES, "degraded < true", "`<` of a boolean and a boolean", ""),
    ("event.time > '2026-09-01T00:00:00Z'", code::TYPES, "", "`>` of a time and a text", ""),
    ("event.subject == null", code::TYPES, "", "`==` of a text and null", "never null"),
    ("score && true", code::TYPES, "score", "`&&` wants a boolean, and this is a number", ""),
    ("!score", code::TYPES, "score", "`!` wants a boolean", ""),
    ("score", code::TYPES, "score", "true or false, and this is a number", "compare it"),
    ("tier + 'x' == 'y'", code::TYPES, "tier", "`+` wants a number, and this is a text", "not joined"),
    ("-tier == 'y'", code::TYPES, "tier", "`-` wants a number", ""),
    ("score ? true : false", code::TYPES, "score", "`?` wants a boolean", ""),
    ("'a' in tier", code::TYPES, "'a' in tier", "`in` of a text and a text", ""),
    ("1 in ['a']", code::TYPES, "1 in ['a']", "`in` of a number and a list", ""),
    ("signals == signals", code::TYPES, "", "`==` of a list and a list", ""),
    ("signals.exists(s, s.score)", code::TYPES, "s.score", "`exists` wants a boolean", ""),
    ("score.exists(s, true)", code::TYPES, "score", "`exists` wants a list, and this is a number", ""),
    ("size(score) > 1", code::TYPES, "score", "`size` wants a text or a list", ""),
    ("score.contains('a')", code::TYPES, "score", "`contains` wants a text", ""),
    ("event.subject.getHours() > 1", code::TYPES, "event.subject", "`getHours` wants a time", ""),
    ("labels.contact.phone > 0.5", code::TYPES, "labels.contact", "labels are not fields", "evidence("),
    ("tier.name == 'a'", code::TYPES, "tier.name", "a text has no field `name`", ""),
    ("event == 1", code::TYPES, "event", "`event` is no value by itself", "`subject`"),
    ("evidence(event.data.label) > 0.5", code::TYPES, "event.data.label", "wants a label as it is written", ""),
    ("event.time > timestamp('yesterday')", code::TYPES, "'yesterday'", "RFC 3339", ""),
    ("tier[0] == 'a'", code::TYPES, "tier[0]", "`[]` of a text and a number", ""),
    // What is no CEL, or none for rules.
    ("score > ", code::CONDITION, "", "no CEL: something is missing at its end", ""),
    ("score = 0.5", code::CONDITION, "=", "no CEL", "`==`"),
    ("tier == 'low' score", code::CONDITION, "s", "extraneous input 'score'", ""),
    ("tier == \"low", code::CONDITION, "\"", "token recognition error", ""),
    ("é > 1", code::CONDITION, "é", "token recognition error", ""),
    ("{'a': 1}.a == 1", code::CONDITION, "", "a map cannot stand in a rule", ""),
    ("score > 1u", code::CONDITION, "1u", "an unsigned number cannot stand", ""),
    ("b'a' == b'a'", code::CONDITION, "b'a'", "a text of bytes cannot stand", ""),
    ("has(tier)", code::CONDITION, "t", "invalid argument to has()", ""),
    ("for > 1", code::CONDITION, "f", "reserved identifier", ""),
    ("", code::CONDITION, "", "something is missing", ""),
];

#[test]
fn mistakes_are_told_where_they_are_with_a_mend() {
    for &(text, code, part, message, hint) in REFUSED {
        let faults =
            read(text).map(|(expression, _)| panic!("{text}: {expression:?}")).unwrap_err();
        let fault = faults.iter().find(|fault| fault.is_error).expect(text);
        assert_eq!(fault.code, code, "{text}: {fault:?}");
        assert!(fault.message.contains(message), "{text}: {fault:?}");
        assert!(fault.hint.as_deref().unwrap_or_default().contains(hint), "{text}: {fault:?}");
        if !part.is_empty() {
            assert_eq!(&text[fault.at.clone()], part, "{text}: {fault:?}");
        }
    }
}

#[test]
fn every_mistake_of_a_condition_is_told() {
    let faults = read("evnt.x == 1 && tier == 'hihg' || scor > 1").unwrap_err();
    let codes: Vec<&str> = faults.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, [code::UNKNOWN_NAME, code::UNKNOWN_WORD, code::UNKNOWN_NAME]);
    assert_eq!(faults[2].at, 33..37);
}

#[test]
fn what_an_event_may_lack_is_warned_of_once_unless_it_is_asked_for() {
    let warned = |text: &str| -> Vec<(String, String)> {
        let faults = read(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}")).1;
        assert!(faults.iter().all(|fault| !fault.is_error), "{text}");
        let part = |fault: Fault| (text[fault.at].to_owned(), fault.hint.unwrap());
        faults.into_iter().filter(|fault| fault.code == code::UNSURE).map(part).collect()
    };
    let hint = |path: &str| format!("ask first: `has({path}) && ...`");
    assert_eq!(
        warned("event.data.a.b > 1"),
        [("event.data.a.b".to_owned(), hint("event.data.a.b"))]
    );
    assert_eq!(
        warned("event.data['a'] > 1"),
        [("event.data['a']".to_owned(), hint("event.data.a"))]
    );
    assert_eq!(
        warned("labels['contact.phone'] > 0.5"),
        [(
            "labels['contact.phone']".to_owned(),
            "write `evidence(\"contact.phone\")`, which is 0 then".to_owned()
        )]
    );
    for sure in [
        "has(event.data.a.b) && event.data.a.b > 1 && event.data.a != null",
        "'contact.phone' in labels && labels['contact.phone'] > 0.5",
        "has(event.data.items) && event.data.items.exists(i, has(i.price) && i.price > 1)",
        "event.subject == 'a' && event.data != null && signals.exists(s, s.score > 0)",
    ] {
        assert_eq!(warned(sure), [], "{sure}");
    }
    let sub = warned("has(event.data.ab) && event.data.a > 1");
    assert_eq!(sub.len(), 1, "another name is another field");
}

#[test]
fn a_label_that_no_loaded_detector_reports_is_warned_of() {
    let faults = read("evidence('bid.a') > 0.5").unwrap().1;
    assert_eq!(
        (faults[0].code, faults[0].is_error, &faults[0].at),
        (code::LABEL_NOT_LOADED, false, &(9..16))
    );
}

#[test]
fn the_labels_and_lists_that_are_named_are_known() {
    let text = "evidence('bid.b') > 0 && 'bid.a' in labels && lists.banned && \
                signals.exists(s, s.label in ['bid.c', 'bid.a'] || s.detector == 'not.this')";
    let expression = read(text).unwrap().0;
    assert_eq!(expression.labels(), ["bid.a", "bid.b", "bid.c"]);
    assert_eq!(expression.lists(), [1]);
}

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
