//! Finds phone numbers, however they are written: plain, spaced, spelled, in look-alike characters,
//! split over lines, dressed up as prices; in English, Spanish, French and Portuguese.
//!
//! Digits are heard by `picket_sdk::text::numbers`, cut by `candidates`, and judged by `verdict` from
//! their `shape` and their `context`. A number split over several messages is not seen here.

use std::collections::HashSet;

use picket_sdk::prelude::*;
use picket_sdk::text::Folded;
use serde::Deserialize;

mod candidates;
mod context;
mod cues;
mod shape;
mod verdict;

const LABEL: &str = "contact.phone";
const SIGNALS_MAX: usize = 16;

/// The texts that a person writes to another.
#[derive(Inputs)]
pub struct Texts {
    #[input("data.content")]
    content: Option<Text>,
    #[input("data.description")]
    description: Option<Text>,
    #[input("data.text")]
    text: Option<Text>,
}

/// What an operator may set.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Numbers of the platform itself, written in any way; they are never reported.
    own_numbers: Vec<String>,
}

/// The detector.
pub struct ContactPhone {
    own: Vec<String>,
}

impl Detector for ContactPhone {
    type Inputs = Texts;
    type Settings = Settings;

    fn manifest() -> Manifest {
        picket_sdk::manifest!()
            .label(LABEL)
            .events("message.*")
            .events("job.posted")
            .events("profile.updated")
            .events("review.posted")
            .settings(settings_schema())
    }

    fn configure(settings: Settings) -> Result<Self, String> {
        let own = settings
            .own_numbers
            .iter()
            .map(|number| own_digits(number))
            .collect::<Result<_, _>>()?;
        Ok(Self { own })
    }

    fn evaluate(&self, _: &Event, texts: &Texts) -> Result<Vec<Signal>, String> {
        let mut signals = Vec::new();
        for text in [&texts.content, &texts.description, &texts.text].into_iter().flatten() {
            self.read(text, &mut signals);
        }
        Ok(signals)
    }
}

picket_sdk::export!(ContactPhone);

impl ContactPhone {
    fn read(&self, text: &Text, signals: &mut Vec<Signal>) {
        let folded = Folded::new(text);
        let mut seen = HashSet::new();
        for found in candidates::find(&folded, SIGNALS_MAX - signals.len()) {
            if self.is_own(&found.digits) || !seen.insert(found.digits.clone()) {
                continue;
            }
            signals.push(
                Signal::new(LABEL, found.score)
                    .confidence(found.confidence)
                    .reason(found.reason)
                    .span(text.span(folded.sent(found.range)))
                    .entity("phone", found.digits),
            );
        }
    }

    /// With or without a country code.
    fn is_own(&self, digits: &str) -> bool {
        let same =
            |own: &String| own.ends_with(digits) || digits.ends_with(own.trim_start_matches('0'));
        self.own.iter().any(same)
    }
}

fn own_digits(number: &str) -> Result<String, String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if digits.len() < 7 {
        return Err(format!("own_numbers: `{number}` has fewer than 7 digits"));
    }
    Ok(shape::canonical(&digits).to_owned())
}

fn settings_schema() -> serde_json::Value {
    serde_json::json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "own_numbers": {
                "type": "array",
                "items": {"type": "string"},
                "default": [],
                "description": "Phone numbers of the platform itself, which are never reported."
            }
        }
    })
}
