//! Conditions: what they say, what has no answer, and what is warned of.

mod hostile;
mod refused;

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::model::{
    Account, Action, Event, Feature, Function, Input, Signal, Timestamp, Told, TypePattern,
};
use crate::policy::diagnostic::code;
use crate::policy::judge::tests::{event, signal};
use crate::policy::{Known, Labels, NamedFeature};

fn known() -> Known {
    let stored = BTreeSet::from(["contact.phone".to_owned()]);
    Known { labels: Labels { stored, ..Labels::default() }, ..Known::default() }
}

/// Counted, one that says nothing of this event, and one that could not be found out.
fn features() -> Vec<NamedFeature> {
    let feature = |name: &str, function, of: Option<&str>, by: &str| {
        let (of, by) = (of.map(str::to_owned), by.to_owned());
        let feature = Feature { function, of, by, window_s: 3_600, events: Vec::new() };
        NamedFeature { name: name.to_owned(), input: Input::Feature(feature) }
    };
    vec![
        feature("messages_1h", Function::Count, None, "subject"),
        feature("mean_amount", Function::Mean, Some("data.amount"), "subject"),
        feature("in_thread", Function::Count, None, "data.thread_id"),
        feature("spent_1h", Function::Sum, Some("data.amount"), "subject"),
    ]
}

fn known_of_past() -> crate::model::Known {
    let mut known = crate::model::Known::default();
    let unknown = || Told::Unknown("the record did not answer".to_owned());
    let says = [Told::Integer(4), Told::Number(12.5), Told::Absent, unknown()];
    for (feature, is) in features().iter().zip(says) {
        known.tell(&feature.input, is);
    }
    let phone = Input::Feature(Feature::accounts("contact.phone", 30));
    known.tell(&phone, Told::Integer(3));
    known.tell(&Input::Feature(Feature::accounts("contact.phone", 90)), unknown());
    known
}

fn account() -> Account {
    let restrictions = vec![Action::Cooldown];
    let score = |unit| crate::model::Score::from_unit(unit);
    Account { strikes: 2, restrictions, score: score(0.7), trust: score(0.25) }
}

fn read(text: &str) -> Result<(Expression, Vec<Fault>), Vec<Fault>> {
    let features = features();
    let (known, events) = (known(), ["message.*", "job.posted"]);
    let events: Vec<TypePattern> = events.iter().map(|event| event.parse().unwrap()).collect();
    let declared = Declared {
        tiers: Some(vec!["low", "medium", "high"]),
        lists: Some(vec!["verified", "banned"]),
        features: Some(&features),
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
        known: &known_of_past(),
        account: &account(),
        account_tier: "high",
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
        // The past and the account.
        "features.messages_1h == 4 && features.messages_1h / 2 == 2 && has(features.messages_1h)",
        "features.mean_amount > 12.4 && !has(features.in_thread) && !(has(features.in_thread) && features.in_thread > 1)",
        "subject.strikes >= 2 && subject.restricted && 'cooldown' in subject.restrictions",
        "subject.score == 0.7 && subject.trust < 0.5 && subject.tier == 'high' && has(subject.tier)",
        "accounts('contact.phone', 30) >= 3 && accounts('contact.phone', 7) == 0",
        "[1].exists(features, features == 1) && [2].exists(subject, subject == 2)",
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
        "features.spent_1h > 3 || accounts('contact.phone', 90) > 3 || score > 0",
        "!(has(features.spent_1h) && score > 1)",
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
        ("features.in_thread > 1", "there is no `features.in_thread`"),
        (
            "features.spent_1h > 1",
            "`sum data.amount by subject over 3600 s` is not known: the record did not answer",
        ),
        (
            "!has(features.spent_1h)",
            "`sum data.amount by subject over 3600 s` is not known: the record did not answer",
        ),
        (
            "accounts('contact.phone', 90) == 0",
            "`distinct subject by entities.contact.phone over 7776000 s` is not known: the record did not answer",
        ),
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
