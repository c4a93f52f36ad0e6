//! Whether two events under one id are the same event.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use crate::model::Event;

/// The key under which events are hashed: the hash of a short message must not give it away.
pub struct FingerprintKey(Hmac<Sha256>);

impl FingerprintKey {
    pub fn new(host_key: &[u8; 32]) -> Self {
        let mut mac = Hmac::new_from_slice(host_key).expect("HMAC takes keys of any length");
        mac.update(b"picket fingerprint 1\0");
        Self(mac)
    }

    /// The keyed hash of what the sender said happened, in canonical JSON (RFC 8785): the order of
    /// keys, transport and trace attributes do not matter.
    pub fn of(&self, event: &Event) -> [u8; 32] {
        let mut said = json!({
            "id": event.id, "source": event.source, "type": event.kind, "subject": event.subject,
            "data": exact(&event.data),
        });
        if event.time_sent {
            said["time"] = json!(event.time);
        }
        let canonical = serde_json_canonicalizer::to_vec(&said).expect("JSON has a canonical form");
        let mut mac = self.0.clone();
        mac.update(&canonical);
        mac.finalize().into_bytes().into()
    }
}

/// RFC 8785 knows numbers as doubles, in which two large integers may be one: those are hashed as
/// texts, behind a mark.
fn exact(json: &Json) -> Json {
    match json {
        Json::Number(number) if !number.is_f64() && !is_exact(number) => {
            json!(["\0integer", number.to_string()])
        }
        Json::Array(items) => items.iter().map(exact).collect(),
        Json::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), exact(value))).collect()
        }
        other => other.clone(),
    }
}

fn is_exact(number: &serde_json::Number) -> bool {
    const EXACT_MAX: i64 = 1 << 53;
    number.as_i64().is_some_and(|integer| (-EXACT_MAX..=EXACT_MAX).contains(&integer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventBounds, Timestamp};

    fn of(key: u8, envelope: &str) -> [u8; 32] {
        let bounds = EventBounds { json_depth_max: 32, ahead_ms_max: 0 };
        let json = serde_json::from_str(envelope).unwrap();
        let event = Event::parse(json, &bounds, Timestamp::now()).unwrap();
        FingerprintKey::new(&[key; 32]).of(&event)
    }

    #[test]
    fn what_happened_counts_and_how_it_was_sent_does_not() {
        let sent = r#"{"specversion":"1.0","id":"1","source":"s","type":"t","subject":"u","data":{"a":1,"b":[2]}}"#;
        let same = r#"{"data":{"b":[2],"a":1.0},"traceparent":"00-x","subject":"u","type":"t","source":"s","id":"1","specversion":"1.0","datacontenttype":"application/json"}"#;
        assert_eq!(of(1, sent), of(1, same));
        assert_ne!(of(1, sent), of(2, sent));
        for (old, new) in
            [("\"a\":1", "\"a\":2"), ("\"u\"", "\"v\""), ("\"t\"", "\"t2\""), ("\"1\"", "\"2\"")]
        {
            assert_ne!(of(1, sent), of(1, &sent.replacen(old, new, 1)), "{old}");
        }
        let large =
            |last: u32| sent.replacen("\"a\":1", &format!("\"a\":900719925474099{last}"), 1);
        assert_ne!(of(1, &large(2)), of(1, &large(3)), "as doubles they are one");
        let timed = sent.replacen("\"data\"", "\"time\":\"2026-09-01T09:00:00Z\",\"data\"", 1);
        assert_ne!(of(1, sent), of(1, &timed));
    }
}
