//! What one event adds to one definition, and whose past a definition is about. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value as Json;
use sha2::Sha256;

use crate::model::event::Field;
use crate::model::{
    Definition, Event, Feature, Function, Input, Observation, Past, Recent, Signal, Timestamp,
};

/// Things that the signals of one label carry in one event, of which something is kept.
const ENTITIES_MAX: usize = 16;
/// What is greater is no amount, and could not be added up.
const NUMBER_MAX: f64 = 1e100;

/// Tells who and what an event is about, under keyed hashes. Cheap to clone.
#[derive(Clone)]
pub struct Observer(Hmac<Sha256>);

impl Observer {
    pub fn new(host_key: &[u8; 32]) -> Self {
        let mut key = Hmac::new_from_slice(host_key).expect("HMAC takes keys of any length");
        key.update(b"picket features 1\0");
        Self(key)
    }

    /// What an event of this moment adds to one definition: to most at most one, to what signals carry one for each
    /// thing. `heard` are the signals that had a say in it.
    pub fn observations(
        &self,
        definition: &Definition,
        event: &Event,
        heard: &[&Signal],
        at: Timestamp,
    ) -> Vec<Observation> {
        let Some(label) = definition.input.entities() else {
            return self.observation(definition, event, at).into_iter().collect();
        };
        if definition.source != event.source {
            return Vec::new();
        }
        let value = Some(self.account(event));
        let met = self.met(event, heard.iter().copied(), label).into_iter();
        let one = |entity| Observation {
            definition: definition.id,
            entity,
            at,
            // It says that this account had it.
            personal: true,
            value,
            number: None,
        };
        met.map(one).collect()
    }

    /// What the signals of a label carry, of this source alone: each thing once, and not more than are kept.
    pub fn met<'a>(
        &self,
        event: &Event,
        signals: impl Iterator<Item = &'a Signal>,
        label: &str,
    ) -> Vec<[u8; 16]> {
        let carried = signals.filter(|signal| signal.label == label).flat_map(|it| &it.entities);
        let met = carried.map(|entity| {
            self.hash(&[&event.source, "entities", &format!("{}\0{}", entity.kind, entity.hash)])
        });
        met.collect::<BTreeSet<_>>().into_iter().take(ENTITIES_MAX).collect()
    }

    /// The account that an event is of, as a value that is told apart.
    pub fn account(&self, event: &Event) -> [u8; 16] {
        self.hash(&[&event.source, "subject", &event.subject])
    }

    fn observation(
        &self,
        definition: &Definition,
        event: &Event,
        at: Timestamp,
    ) -> Option<Observation> {
        let Past { by, events, .. } = definition.past();
        if definition.source != event.source {
            return None;
        }
        if !events.is_empty() && !events.iter().any(|pattern| pattern.matches(&event.kind)) {
            return None;
        }
        let (mut value, mut number) = (None, None);
        match &definition.input {
            Input::Feature(Feature { function, of: Some(of), .. }) => match function {
                Function::Count | Function::FirstSeen | Function::LastSeen => _ = given(event, of)?,
                Function::Sum | Function::Mean => number = Some(number_of(event, of)?),
                Function::Distinct => {
                    value = Some(self.hash(&[&event.source, of, &*scalar(event, of)?]))
                }
            },
            Input::Recent(_) => _ = text_of(&definition.input, event)?,
            Input::Feature(_) | Input::Field { .. } | Input::List { .. } => {}
        }
        let entity = self.entity(definition, event)?;
        // Also where the subject stands at another path.
        let personal = matches!(definition.input, Input::Recent(_))
            || scalar(event, by).is_some_and(|it| it == event.subject);
        Some(Observation { definition: definition.id, entity, at, personal, value, number })
    }

    /// Whose past a definition is about for an event: what stands at `by`, of this source alone. An empty text is
    /// nobody. Texts are told to those who wrote them alone: otherwise what one account wrote would be in the
    /// decision about another, and outlive it.
    pub fn entity(&self, definition: &Definition, event: &Event) -> Option<[u8; 16]> {
        let by = definition.past().by;
        let is = scalar(event, by).filter(|is| !is.is_empty())?;
        let owner = match definition.input {
            Input::Recent(_) => event.subject.as_str(),
            _ => "",
        };
        Some(self.hash(&[&event.source, by, &is, owner]))
    }

    fn hash(&self, parts: &[&str]) -> [u8; 16] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let hash: [u8; 32] = mac.finalize().into_bytes().into();
        let mut half = [0; 16];
        half.copy_from_slice(&hash[..16]);
        half
    }
}

/// The text of an event that recent values are told of.
pub fn text_of<'a>(input: &Input, event: &'a Event) -> Option<&'a str> {
    let Input::Recent(Recent { path, .. }) = input else { return None };
    let text = match event.field(path)? {
        Field::Attribute(text) => text,
        Field::Json(json) => json.as_str()?,
    };
    Some(text).filter(|text| !text.is_empty())
}

fn given<'a>(event: &'a Event, path: &str) -> Option<Field<'a>> {
    event.field(path).filter(|field| *field != Field::Json(&Json::Null))
}

/// What can be told apart: a text, a number or a truth, to the letter.
fn scalar<'a>(event: &'a Event, path: &str) -> Option<Cow<'a, str>> {
    match event.field(path)? {
        Field::Attribute(text) => Some(Cow::from(text)),
        Field::Json(Json::String(text)) => Some(Cow::from(text)),
        Field::Json(json @ (Json::Number(_) | Json::Bool(_))) => Some(Cow::from(json.to_string())),
        Field::Json(_) => None,
    }
}

fn number_of(event: &Event, path: &str) -> Option<f64> {
    let Field::Json(json) = event.field(path)? else { return None };
    json.as_f64().filter(|number| number.abs() <= NUMBER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(source: &str, data: Json) -> Event {
        Event {
            id: "e".to_owned(),
            source: source.to_owned(),
            kind: "message.sent".to_owned(),
            subject: "u".to_owned(),
            time: Timestamp::from_micros(7),
            time_sent: true,
            data,
            extensions: serde_json::Map::new(),
        }
    }

    fn observed(input: Json, event: &Event) -> Option<Observation> {
        let input: Input = serde_json::from_value(input).unwrap();
        let definition = Definition::of(&event.source, &input).unwrap();
        Observer::new(&[7; 32]).observation(&definition, event, event.time)
    }

    fn feature(function: &str, of: Option<&str>, by: &str) -> Json {
        json!({"kind": "feature", "function": function, "of": of, "by": by, "window_s": 60})
    }

    #[test]
    fn an_event_counts_where_it_has_what_is_asked_for() {
        let data = json!({"amount": 12.5, "much": 1e300, "to": 4, "note": "hi", "none": null,
                          "list": [1], "empty": ""});
        let event = event("s", data);
        let recent = |path: &str| json!({"kind": "recent", "path": path, "by": "subject", "last": 3, "window_s": 60});
        let of_type = |kind: &str| {
            json!({"kind": "feature", "function": "count", "by": "subject", "window_s": 60,
                   "events": [kind]})
        };
        let cases = [
            (feature("count", None, "subject"), true),
            (feature("count", None, "data.to"), true),
            (feature("count", None, "data.list"), false),
            (feature("count", None, "data.missing"), false),
            (feature("count", Some("data.list"), "subject"), true),
            (feature("first_seen", Some("data.none"), "subject"), false),
            (feature("sum", Some("data.amount"), "subject"), true),
            (feature("sum", Some("data.note"), "subject"), false),
            (feature("mean", Some("data.much"), "subject"), false),
            (feature("distinct", Some("data.to"), "subject"), true),
            (feature("distinct", Some("data.list"), "subject"), false),
            (recent("data.note"), true),
            (recent("data.empty"), false),
            (recent("data.to"), false),
            (of_type("message.*"), true),
            (of_type("bid.*"), false),
        ];
        for (input, counts) in cases {
            assert_eq!(observed(input.clone(), &event).is_some(), counts, "{input}");
        }
        let sum = observed(feature("sum", Some("data.amount"), "subject"), &event).unwrap();
        assert_eq!((sum.number, sum.value, sum.at.micros()), (Some(12.5), None, 7));
    }

    #[test]
    fn what_leads_to_the_subject_goes_with_it() {
        let event =
            event("s", json!({"sender": "u", "to": "v", "thread": "t", "note": "hi", "no": ""}));
        let personal = |by: &str| observed(feature("count", None, by), &event).unwrap().personal;
        assert!(personal("subject") && personal("data.sender"));
        assert!(!personal("data.to") && !personal("data.thread"));
        assert_eq!(observed(feature("count", None, "data.no"), &event), None, "nobody's");
        let recent = json!({"kind": "recent", "path": "data.note", "by": "data.thread", "last": 3, "window_s": 60});
        let of = |subject: &str| {
            let event = Event { subject: subject.to_owned(), ..event.clone() };
            observed(recent.clone(), &event).unwrap()
        };
        assert!(of("u").personal);
        assert_ne!(of("u").entity, of("v").entity, "a text is told to its own account alone");
        let input = serde_json::from_value(recent.clone()).unwrap();
        let elsewhere = Definition::of("elsewhere", &input).unwrap();
        let observer = Observer::new(&[7; 32]);
        assert_eq!(observer.observation(&elsewhere, &event, event.time), None);
    }

    #[test]
    fn an_entity_is_of_its_source_and_path() {
        let of = |source: &str, by: &str| {
            let event = event(source, json!({"a": "x", "b": "x", "c": "y"}));
            observed(feature("count", None, by), &event).unwrap().entity
        };
        assert_eq!(of("s", "data.a"), of("s", "data.a"));
        for other in [of("t", "data.a"), of("s", "data.b"), of("s", "data.c")] {
            assert_ne!(other, of("s", "data.a"));
        }
    }
}
