//! What `examples/detectors/rust` finds, as a plugin of Extism: JSON in, JSON out, as its guide has it.

use std::ops::Range;

use extism_pdk::{FnResult, Json, plugin_fn};
use serde::{Deserialize, Serialize};

/// What a detector of Picket is told of an event.
#[derive(Deserialize)]
pub struct Event {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "time_ms")]
    _time_ms: i64,
    content: String,
}

/// What it answers.
#[derive(Serialize)]
pub struct Signal {
    label: &'static str,
    score: f64,
    confidence: f64,
    reason: &'static str,
    spans: [Range<usize>; 1],
    entities: [Entity; 1],
}

#[derive(Serialize)]
pub struct Entity {
    kind: &'static str,
    value: String,
}

#[plugin_fn]
pub fn evaluate(Json(event): Json<Event>) -> FnResult<Json<Vec<Signal>>> {
    let content = event.content.as_bytes();
    let (mut signals, mut at) = (Vec::new(), 0);
    while at < content.len() {
        let Some(run) = run_at(content, at) else {
            at += 1;
            continue;
        };
        at = run.end;
        let digits: String =
            event.content[run.clone()].chars().filter(char::is_ascii_digit).collect();
        if (7..=15).contains(&digits.len()) {
            signals.push(Signal {
                label: "contact.phone",
                score: 0.8,
                confidence: 0.6,
                reason: "A run of digits as long as a phone number.",
                spans: [run],
                entities: [Entity { kind: "phone", value: digits }],
            });
        }
    }
    Ok(Json(signals))
}

/// The digits from here on, with at most two separators between one and the next.
fn run_at(content: &[u8], start: usize) -> Option<Range<usize>> {
    content.get(start).filter(|byte| byte.is_ascii_digit())?;
    let mut end = start + 1;
    while let Some(next) = content[end..].iter().take(3).position(u8::is_ascii_digit) {
        if !content[end..end + next].iter().all(|byte| b" .()-".contains(byte)) {
            break;
        }
        end += next + 1;
    }
    Some(start..end)
}
