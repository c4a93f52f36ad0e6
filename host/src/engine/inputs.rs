//! From an event to what a manifest asked for, in its order.

use serde_json::Value as Json;

use crate::model::event::Field;
use crate::model::{Event, Input};
use crate::runtime::Value;

/// The declared inputs of this event. What the event lacks, or holds in another type, is absent.
pub fn read<'a>(event: &'a Event, inputs: &[Input]) -> Vec<Value<'a>> {
    inputs
        .iter()
        .map(|Input::Field { path }| match event.field(path) {
            None => Value::Absent,
            Some(Field::Attribute(text)) => Value::Text(text),
            Some(Field::Json(json)) => value(json),
        })
        .collect()
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
    use crate::model::{EventBounds, Timestamp};
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
                read(&event, &[Input::Field { path: path.to_owned() }]),
                [expected],
                "{path}"
            );
        }
    }
}
