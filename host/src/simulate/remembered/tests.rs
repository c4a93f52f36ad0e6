use super::*;
use crate::model::{DecisionId, Event, EventBounds, Known, Mode};
use crate::simulate::past::{Moment, Part, Subject};
use serde_json::{Value as Json, json};

const HOUR: i64 = 3_600 * 1_000_000;

fn remembered(inputs: &[Json]) -> Remembered {
    let definition = |input: &Json| {
        Definition::of("s", &serde_json::from_value(input.clone()).unwrap()).unwrap()
    };
    Remembered::new(inputs.iter().map(definition).collect(), Observer::new(&[7; 32]))
}

fn past(number: i64, at: i64, data: Json) -> Past {
    let envelope = json!({
        "specversion": "1.0", "id": format!("e-{number}"), "source": "s", "type": "message.sent",
        "subject": "u", "time": Timestamp::from_micros(at), "data": data,
    });
    let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
    let event = Event::parse(envelope, &bounds, Timestamp::MAX).unwrap();
    Past {
        shown: event.id.clone(),
        decision: DecisionId::from_time(event.time),
        part: Part::Judged,
        subject: Subject([1; 16]),
        mode: Mode::Active,
        moment: Moment { at: event.time, received_at: event.time },
        decided_at: event.time,
        findings: Vec::new(),
        known: Known::NOTHING,
        was: None,
        spoken: None,
        overturned_at: None,
        event,
    }
}

fn feature(function: &str, of: Option<&str>) -> Json {
    json!({"kind": "feature", "function": function, "of": of, "by": "subject", "window_s": 3600})
}

fn told(remembered: &Remembered, past: &Past) -> Vec<Told> {
    remembered.told(past).map(|(_, told)| told).collect()
}

#[test]
fn each_function_looks_at_its_window_to_the_microsecond() {
    let mut all = remembered(&[
        feature("count", None),
        feature("sum", Some("data.amount")),
        feature("mean", Some("data.amount")),
        feature("distinct", Some("data.to")),
        feature("first_seen", None),
        feature("last_seen", None),
    ]);
    let none = [Told::Integer(0), Told::Number(0.0), Told::Absent, Told::Integer(0)];
    let none = [&none[..], &[Told::Absent, Told::Absent]].concat();
    assert_eq!(told(&all, &past(0, 0, json!({}))), none);
    for (number, at, amount, to) in [(1, 0, 1.5, "a"), (2, 1_000, 2.5, "b"), (3, 2_000, 5.0, "b")] {
        all.observe(&past(number, at, json!({"amount": amount, "to": to})), &[]).unwrap();
    }
    let whole = |count: i64, sum: f64, mean: f64, distinct: i64, first: i64, last: i64| {
        let mut told = vec![Told::Integer(count), Told::Number(sum), Told::Number(mean)];
        told.extend([distinct, first, last].map(Told::Integer));
        told
    };
    // Of the very moment all came before; what is as old as the window is long is gone.
    assert_eq!(told(&all, &past(4, 2_000, json!({}))), whole(3, 9.0, 3.0, 2, 0, 2));
    assert_eq!(told(&all, &past(4, HOUR - 1, json!({}))), whole(3, 9.0, 3.0, 2, 0, 2));
    assert_eq!(told(&all, &past(4, HOUR, json!({}))), whole(2, 7.5, 3.75, 1, 1, 2));
    // What comes late is told what was before it, and is in its place for those to come.
    assert_eq!(told(&all, &past(4, 999, json!({}))), whole(1, 1.5, 1.5, 1, 0, 0));
    all.observe(&past(5, 999, json!({"amount": 0.5, "to": "c"})), &[]).unwrap();
    assert_eq!(told(&all, &past(6, 1_000, json!({}))), whole(3, 4.5, 1.5, 3, 0, 1));
    assert_eq!(told(&all, &past(6, 2 * HOUR, json!({}))), none, "all of it is too long ago");
}

#[test]
fn of_texts_the_last_are_told_oldest_first() {
    let recent = json!({"kind": "recent", "path": "data.content", "by": "subject", "last": 2,
                        "window_s": 3600});
    let mut all = remembered(&[recent]);
    for (number, at, text) in [(1, 0, "one"), (2, 10, "two"), (3, 20, "three"), (4, 15, "late")] {
        all.observe(&past(number, at, json!({"content": text})), &[]).unwrap();
    }
    let texts = |at: i64| match &told(&all, &past(9, at, json!({})))[..] {
        [Told::Recent(texts)] => {
            texts.iter().map(|it| format!("{} {}", it.event_id, it.text)).collect()
        }
        _ => Vec::new(),
    };
    assert_eq!(texts(30), ["e-4 late", "e-3 three"]);
    assert_eq!(texts(10), ["e-1 one", "e-2 two"]);
    assert_eq!(texts(HOUR + 15), ["e-3 three"]);
    assert_eq!(texts(HOUR + 20), [""; 0]);
}

#[test]
fn what_can_count_no_more_is_not_kept() {
    let recent = json!({"kind": "recent", "path": "data.content", "by": "subject", "last": 2,
                        "window_s": 3600});
    let mut all = remembered(&[feature("count", None), feature("last_seen", None), recent]);
    for number in 0..400 {
        all.observe(&past(number, number * HOUR, json!({"content": "hello"})), &[]).unwrap();
    }
    // Of a count the hour and a day before it; of the others as many as an event of a day ago is told.
    let kept: Vec<usize> =
        all.definitions.iter().map(|of| of.entities.values().map(VecDeque::len).sum()).collect();
    assert_eq!(kept, [25, 25, 25]);
    assert_eq!(all.rows, 75);
    let of_text = |of: &Row| of.text().map_or(0, |it| it.text.len() + it.event_id.len());
    let texts = all.definitions[2].entities.values().flatten().map(of_text).sum::<usize>();
    assert_eq!(all.text_bytes, texts);
    let mut long =
        remembered(&[json!({"kind": "feature", "function": "last_seen", "by": "subject",
                                       "window_s": 90 * 24 * 3600})]);
    for number in 0..400 {
        long.observe(&past(number, number * HOUR, json!({})), &[]).unwrap();
    }
    assert_eq!(long.rows, 25, "the last one of a day ago, and those since");
    // Of whom nothing counts any more nothing is kept.
    all.observe(&past(500, 10_000 * HOUR, json!({"to": 1})), &[]).unwrap();
    all.sweep();
    assert_eq!(all.definitions[2].entities.len(), 0);
    assert_eq!((all.definitions[0].entities.len(), all.text_bytes), (1, 0));
}
