//! From an event, and what is known beyond it, to what a manifest asked for, in its order.

use serde_json::Value as Json;

use crate::model::event::Field;
use crate::model::{Event, Input, Known, Told};
use crate::runtime::Value;

/// The declared inputs of this event. What the event lacks, or holds in another type, is absent, as is what
/// is not known.
pub fn read<'a>(event: &'a Event, known: &'a Known, inputs: &[Input]) -> Vec<Value<'a>> {
    let read = |input: &Input| match input {
        Input::Field { path } => match event.field(path) {
            None => Value::Absent,
            Some(Field::Attribute(text)) => Value::Text(text),
            Some(Field::Json(json)) => value(json),
        },
        _ => known.of(input).map_or(Value::Absent, told),
    };
    inputs.iter().map(read).collect()
}

fn told(told: &Told) -> Value<'_> {
    match told {
        Told::Absent | Told::Unknown(_) => Value::Absent,
        Told::Boolean(inner) => Value::Boolean(*inner),
        Told::Integer(inner) => Value::Integer(*inner),
        Told::Number(inner) => Value::Number(*inner),
        Told::Recent(texts) if texts.is_empty() => Value::Absent,
        Told::Recent(texts) => Value::Texts(texts.iter().map(|one| one.text.as_str()).collect()),
    }
}

fn value(json: &Json) -> Value<'_> {
    match json {
        Json::Bool(inner) => Value::Boolean(*inner),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Value::Integer(integer),
            (None, Some(number)) => Value::Number(number),
            (None, None) => Value::Absent,
        },
        Json::String(text) => Value::Text(text),
        Json::Array(items) if items.is_empty() => Value::Absent,
        Json::Array(items) => list(items, Json::as_str)
            .map(Value::Texts)
            .or_else(|| list(items, Json::as_i64).map(Value::Integers))
            .or_else(|| list(items, Json::as_f64).map(Value::Numbers))
            .unwrap_or(Value::Absent),
        Json::Null | Json::Object(_) => Value::Absent,
    }
}

fn list<'a, T>(items: &'a [Json], read: impl Fn(&'a Json) -> Option<T>) -> Option<Vec<T>> {
    items.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DecisionId, Digest, EventBounds, Recalled, Timestamp};
    use serde_json::json;

    #[test]
    fn each_kind_of_json_becomes_its_kind_of_value() {
        let envelope = json!({
            "specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "u",
            "data": {"b": true, "i": -7, "n": 0.5, "big": 1e300, "t": "x", "ts": ["a", "b"], "is": [1, 2],
                     "ns": [1, 2.5], "mixed": [1, "a"], "none": [], "null": null, "o": {"in": "deep"}},
        });
        let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
        let event = Event::parse(envelope, &bounds, Timestamp::now()).unwrap();
        let cases = [
            ("subject", Value::Text("u")),
            ("data.b", Value::Boolean(true)),
            ("data.i", Value::Integer(-7)),
            ("data.n", Value::Number(0.5)),
            ("data.big", Value::Number(1e300)),
            ("data.t", Value::Text("x")),
            ("data.ts", Value::Texts(vec!["a", "b"])),
            ("data.is", Value::Integers(vec![1, 2])),
            ("data.ns", Value::Numbers(vec![1.0, 2.5])),
            ("data.mixed", Value::Absent),
            ("data.none", Value::Absent),
            ("data.null", Value::Absent),
            ("data.o", Value::Absent),
            ("data.o.in", Value::Text("deep")),
            ("data.missing", Value::Absent),
        ];
        for (path, expected) in cases {
            assert_eq!(
                read(&event, &Known::default(), &[Input::Field { path: path.to_owned() }]),
                [expected],
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_known_is_told_and_the_rest_is_absent() {
        let envelope = json!({
            "specversion": "1.0", "id": "1", "source": "s", "type": "t", "subject": "u", "data": {},
        });
        let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
        let event = Event::parse(envelope, &bounds, Timestamp::now()).unwrap();
        let list = |name: &str| Input::List { name: name.to_owned() };
        let text = |text: &str| Recalled {
            decision: DecisionId::new(),
            event: Digest::of(b""),
            event_id: "0".to_owned(),
            text: text.to_owned(),
        };
        let cases = [
            (Told::Absent, Value::Absent),
            (Told::Boolean(true), Value::Boolean(true)),
            (Told::Integer(-7), Value::Integer(-7)),
            (Told::Number(0.5), Value::Number(0.5)),
            (Told::Recent(vec![]), Value::Absent),
            (Told::Recent(vec![text("a"), text("b")]), Value::Texts(vec!["a", "b"])),
        ];
        for (told, expected) in cases {
            let mut known = Known::default();
            known.tell(&list("a"), told);
            assert_eq!(read(&event, &known, &[list("b"), list("a")]), [Value::Absent, expected]);
        }
    }
}
