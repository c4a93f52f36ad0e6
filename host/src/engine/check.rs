//! What a guest returned is checked before anyone believes it: whole or not at all.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

use crate::model::{EntityHash, Event, EvidenceSpan, Input, Known, Manifest, Recent, Signal, Told};
use crate::runtime::{RawEntity, RawSignal, RawSpan, Value};

const REASON_BYTES_MAX: usize = 500;
const SPANS_MAX: usize = 64;
const ENTITIES_MAX: usize = 16;
const ENTITY_BYTES_MAX: usize = 500;
/// Shorter evidence than this is too common a text to be masked in a sentence.
const MASKED_BYTES_MIN: usize = 3;
const MASK: &str = "•••";

/// The key under which entities are hashed, so that the record holds no contact in clear.
#[derive(Clone)]
pub struct EntityKey(Hmac<Sha256>);

/// What a detector was given.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub manifest: &'a Manifest,
    pub known: &'a Known,
    /// The values of its inputs, in the order of the manifest.
    pub inputs: &'a [Value<'a>],
}

/// Hashes the entities of one event.
///
/// The keyed hash is the same for every event, so an entity is met again; without the key of the host
/// nobody can compute it. The commitment belongs to this event alone and needs no key: whoever has the
/// event can find the entities in it again, and so can compare them wherever that is.
pub struct Entities<'a> {
    key: &'a EntityKey,
    commitments: Sha256,
}

impl EntityKey {
    pub fn new(host_key: &[u8; 32]) -> Self {
        let mut mac = Hmac::new_from_slice(host_key).expect("HMAC takes keys of any length");
        mac.update(b"picket entity 1\0");
        Self(mac)
    }

    pub fn of_event(&self, event: &Event) -> Entities<'_> {
        let mut commitments = Sha256::new_with_prefix(b"picket entity commitment 1\0");
        // Neither holds a control character, so where one ends is never in doubt.
        for part in [&event.source, &event.id] {
            commitments.update(part);
            commitments.update(b"\0");
        }
        Entities { key: self, commitments }
    }
}

impl Entities<'_> {
    fn hash(&self, entity: &RawEntity) -> EntityHash {
        let parts = [entity.kind.as_bytes(), b"\0", entity.value.as_bytes()];
        let mut mac = self.key.0.clone();
        let mut commitment = self.commitments.clone();
        for part in parts {
            mac.update(part);
            commitment.update(part);
        }
        let short = |hash: &[u8]| hex::encode(&hash[..16]);
        EntityHash {
            kind: entity.kind.clone(),
            hash: short(&mac.finalize().into_bytes()),
            commitment: short(&commitment.finalize()),
        }
    }
}

/// The signals as they are recorded.
///
/// # Errors
/// The first thing that breaks the contract; the finding is then invalid.
pub fn signals(
    given: &Given<'_>,
    raw: Vec<RawSignal>,
    entities: &Entities<'_>,
) -> Result<Vec<Signal>, String> {
    raw.into_iter().map(|raw| signal(given, raw, entities)).collect()
}

/// What a detector said of its failure, for the record: without what a terminal obeys, and without the
/// texts that it was given, for the record holds no contact outside of the event.
pub fn error(inputs: &[Value<'_>], said: &str) -> String {
    let texts = inputs.iter().flat_map(|input| match input {
        Value::Text(text) => std::slice::from_ref(text),
        Value::Texts(texts) => texts.as_slice(),
        _ => &[],
    });
    masked(said, texts.copied())
}

/// What was said, with a mask for each run of bytes that belongs to one of the texts, and without
/// control characters. Found in what was said and in nothing that was put there: a mask in which a
/// text is found would be masked, and grow.
fn masked<'a>(said: &str, texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hidden = vec![false; said.len()];
    for text in texts.into_iter().filter(|text| text.len() >= MASKED_BYTES_MIN) {
        for (at, _) in said.match_indices(text) {
            hidden[at..at + text.len()].fill(true);
        }
    }
    let mut shown = String::with_capacity(said.len());
    for (at, character) in said.char_indices() {
        match (hidden[at], at > 0 && hidden[at - 1]) {
            (true, true) => {}
            (true, false) => shown.push_str(MASK),
            (false, _) if character.is_control() => shown.push('\u{fffd}'),
            (false, _) => shown.push(character),
        }
    }
    shown
}

fn signal(given: &Given<'_>, raw: RawSignal, hashing: &Entities<'_>) -> Result<Signal, String> {
    let Given { manifest, inputs, .. } = *given;
    if !manifest.labels.contains(&raw.label) {
        let label: String = raw.label.chars().take(64).collect();
        return Err(format!("label {label:?} is not in the manifest"));
    }
    let label = raw.label;
    for (name, number) in [("score", raw.score), ("confidence", raw.confidence)] {
        // Never clamped: a detector that is wrong about this is wrong.
        if !(0.0..=1.0).contains(&number) {
            return Err(format!("{name} {number} of {label} is outside 0..=1"));
        }
    }
    let bounded = |what: &str, count: usize, max: usize| match count > max {
        true => Err(format!("{label} has {count} {what}; {max} are allowed")),
        false => Ok(()),
    };
    bounded("bytes of reason", raw.reason.len(), REASON_BYTES_MAX)?;
    bounded("spans", raw.spans.len(), SPANS_MAX)?;
    bounded("entities", raw.entities.len(), ENTITIES_MAX)?;
    let mut hidden = Vec::with_capacity(raw.spans.len() + raw.entities.len());
    let mut spans = Vec::with_capacity(raw.spans.len());
    for span in raw.spans {
        let text = text_at(inputs, span).ok_or_else(|| {
            let RawSpan { input, item, start, end } = span;
            format!("{label} points at input {input}, item {item}, bytes {start}..{end}: that is no text of the event")
        })?;
        hidden.push(text);
        spans.push(evidence(given, span));
    }
    let mut entities = Vec::with_capacity(raw.entities.len());
    for entity in &raw.entities {
        bounded("bytes in an entity", entity.kind.len() + entity.value.len(), ENTITY_BYTES_MAX)?;
        if !entity.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            || entity.kind.is_empty()
        {
            return Err(format!("{label} has an entity whose kind is not a word such as phone"));
        }
        hidden.push(&entity.value);
        entities.push(hashing.hash(entity));
    }
    Ok(Signal {
        detector: manifest.name.clone(),
        version: None,
        label,
        score: raw.score,
        confidence: raw.confidence,
        reason: masked(&raw.reason, hidden),
        spans,
        entities,
        counted: false,
    })
}

/// Where a span is, for those who know of no inputs. It points at a text of one.
fn evidence(given: &Given<'_>, span: RawSpan) -> EvidenceSpan {
    let RawSpan { input: number, item, start, end } = span;
    let input = &given.manifest.inputs[number as usize];
    let item_of_list = matches!(given.inputs[number as usize], Value::Texts(_)).then_some(item);
    match (input, given.known.of(input)) {
        (Input::Recent(Recent { path, .. }), Some(Told::Recent(texts))) => {
            let event_id = texts.get(item as usize).map(|text| text.event_id.clone());
            EvidenceSpan { field: path.clone(), item: None, start, end, event_id }
        }
        _ => {
            let field = input.to_string();
            EvidenceSpan { field, item: item_of_list, start, end, event_id: None }
        }
    }
}

/// The text that a span points at, where it is whole characters of an input.
fn text_at<'a>(inputs: &[Value<'a>], span: RawSpan) -> Option<&'a str> {
    let text = match inputs.get(span.input as usize)? {
        Value::Text(text) if span.item == 0 => text,
        Value::Texts(texts) => texts.get(span.item as usize)?,
        _ => return None,
    };
    (span.start < span.end).then(|| text.get(span.start as usize..span.end as usize)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DecisionId, Digest, EventBounds, Recalled, Timestamp};
    use serde_json::json;

    fn manifest() -> Manifest {
        let json = json!({
            "schema": 1, "name": "probe", "version": "1.0.0", "summary": "",
            "labels": ["safety.probe"], "events": ["*"],
            "inputs": [
                {"kind": "field", "path": "data.content"}, {"kind": "field", "path": "data.photos"},
                {"kind": "recent", "path": "data.content", "by": "subject", "last": 3, "window_s": 60},
            ],
        });
        Manifest::parse(&json.to_string()).unwrap()
    }

    fn event(id: &str) -> Event {
        let envelope = json!({
            "specversion": "1.0", "id": id, "source": "s", "type": "t", "subject": "u", "data": {},
        });
        let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
        Event::parse(envelope, &bounds, Timestamp::now()).unwrap()
    }

    fn raw() -> RawSignal {
        RawSignal {
            label: "safety.probe".into(),
            score: 0.5,
            confidence: 1.0,
            reason: "x".into(),
            spans: vec![],
            entities: vec![],
        }
    }

    fn check(raw: RawSignal) -> Result<Signal, String> {
        let inputs = [
            Value::Text("llámame 555-0100"),
            Value::Texts(vec!["a.jpg", "b.jpg"]),
            Value::Texts(vec!["it is 206", "then 555"]),
        ];
        let key = EntityKey::new(&[7; 32]);
        let entities = key.of_event(&event("1"));
        let (manifest, mut known) = (manifest(), Known::default());
        let recalled = ["e-1", "e-2"].map(|id| Recalled {
            decision: DecisionId::new(),
            event: Digest::of(b""),
            event_id: id.to_owned(),
            text: String::new(),
        });
        known.tell(&manifest.inputs[2], Told::Recent(recalled.into()));
        let given = Given { manifest: &manifest, known: &known, inputs: &inputs };
        signals(&given, vec![raw], &entities).map(|mut signals| signals.remove(0))
    }

    fn span(input: u32, item: u32, start: u32, end: u32) -> RawSpan {
        RawSpan { input, item, start, end }
    }

    #[test]
    fn evidence_names_its_field_and_is_masked_in_the_reason() {
        let reason = "the number 555-0100 \u{1b}[31min b.jpg".to_owned();
        let spans = vec![span(0, 0, 9, 17), span(1, 1, 0, 5)];
        let signal = check(RawSignal { reason, spans, ..raw() }).unwrap();
        assert_eq!(signal.reason, "the number ••• \u{fffd}[31min •••");
        assert_eq!((signal.spans[0].field.as_str(), signal.spans[0].item), ("data.content", None));
        assert_eq!(
            (signal.spans[1].field.as_str(), signal.spans[1].item),
            ("data.photos", Some(1))
        );
    }

    #[test]
    fn evidence_in_an_earlier_event_names_that_and_is_masked_too() {
        let reason = "206 and 555 make a number".to_owned();
        let spans = vec![span(2, 0, 6, 9), span(2, 1, 5, 8), span(0, 0, 9, 17)];
        let signal = check(RawSignal { reason, spans, ..raw() }).unwrap();
        assert_eq!(signal.reason, "••• and ••• make a number");
        let places: Vec<_> = signal.spans.iter().map(|span| (&*span.field, span.item)).collect();
        assert_eq!(places, [("data.content", None); 3]);
        let events: Vec<_> = signal.spans.iter().map(|span| span.event_id.as_deref()).collect();
        assert_eq!(events, [Some("e-1"), Some("e-2"), None]);
        assert!(check(RawSignal { spans: vec![span(2, 2, 0, 1)], ..raw() }).is_err());
    }

    #[test]
    fn an_error_keeps_what_was_sent_to_itself() {
        let inputs = [Value::Text("call 555-0100\n"), Value::Texts(vec!["b.jpg"])];
        let said = "index out of bounds in call 555-0100\n and b.jpg \u{1b}[31m";
        assert_eq!(error(&inputs, said), "index out of bounds in ••• and ••• \u{fffd}[31m");
    }

    #[test]
    fn a_mask_is_not_masked_again_and_hides_what_is_not_printed() {
        let dots = |count| vec![RawEntity { kind: "dots".into(), value: "•".into() }; count];
        let signal =
            check(RawSignal { reason: "• a•".into(), entities: dots(16), ..raw() }).unwrap();
        assert_eq!(signal.reason, "••• a•••");
        let inputs = [Value::Text("555\n0100"), Value::Texts(vec!["•"; 64])];
        assert_eq!(error(&inputs, "• and 555\n0100\n"), "••• and •••\u{fffd}");
    }

    #[test]
    fn entities_are_hashed_under_a_key() {
        let entity = || vec![RawEntity { kind: "phone".into(), value: "5550100".into() }];
        let reason = "the number 5550100".to_owned();
        let signal = check(RawSignal { entities: entity(), reason, ..raw() }).unwrap();
        assert_eq!(signal.entities[0].hash.len(), 32);
        assert!(!format!("{signal:?}").contains("5550100"));
        let other = EntityKey::new(&[8; 32]).of_event(&event("1")).hash(&entity()[0]);
        assert_ne!(signal.entities[0].hash, other.hash);
    }

    #[test]
    fn a_commitment_is_of_its_event_and_needs_no_key() {
        let entity = |kind: &str, value: &str| RawEntity { kind: kind.into(), value: value.into() };
        let commitment = |key: u8, id: &str, kind: &str, value: &str| {
            EntityKey::new(&[key; 32]).of_event(&event(id)).hash(&entity(kind, value)).commitment
        };
        let one = commitment(7, "1", "phone", "5550100");
        assert_eq!((one.len(), &one), (32, &commitment(8, "1", "phone", "5550100")));
        for other in [
            commitment(7, "2", "phone", "5550100"),
            commitment(7, "1", "phones", "5550100"),
            commitment(7, "1", "phone", "5550101"),
        ] {
            assert_ne!(one, other);
        }
        let shown = serde_json::to_string(&check(RawSignal {
            entities: vec![entity("phone", "5550100")],
            ..raw()
        }));
        assert!(!shown.unwrap().contains("commitment"));
    }

    #[test]
    fn what_breaks_the_contract_is_refused_whole() {
        let entity = |kind: &str| vec![RawEntity { kind: kind.into(), value: "v".into() }];
        let cases = [
            (RawSignal { label: "safety.other".into(), ..raw() }, "not in the manifest"),
            (RawSignal { score: f64::NAN, ..raw() }, "score NaN"),
            (RawSignal { score: f64::INFINITY, ..raw() }, "score inf"),
            (RawSignal { score: -1e-9, ..raw() }, "outside 0..=1"),
            (RawSignal { confidence: 1e308, ..raw() }, "confidence"),
            (RawSignal { reason: "x".repeat(501), ..raw() }, "501 bytes of reason"),
            (RawSignal { spans: vec![span(0, 0, 3, 9)], ..raw() }, "no text of the event"),
            (RawSignal { spans: vec![span(0, 0, 9, 9)], ..raw() }, "no text of the event"),
            (RawSignal { spans: vec![span(0, 0, 9, 99)], ..raw() }, "no text of the event"),
            (RawSignal { spans: vec![span(0, 1, 0, 1)], ..raw() }, "no text of the event"),
            (RawSignal { spans: vec![span(1, 2, 0, 1)], ..raw() }, "no text of the event"),
            (RawSignal { spans: vec![span(9, 0, 0, 1)], ..raw() }, "no text of the event"),
            (RawSignal { spans: vec![span(0, 0, 0, 1); 65], ..raw() }, "65 spans"),
            (RawSignal { entities: entity("Phone!"), ..raw() }, "kind is not a word"),
        ];
        for (raw, says) in cases {
            let error = check(raw).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
