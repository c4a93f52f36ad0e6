//! Golden cases: what goes in, and the signals that must come out. The native harness and
//! `picket detector test` read the same files.
//!
//! A line of a `.jsonl` file, or a whole `.json` file, is one case:
//!
//! ```json
//! {"name": "spaced", "text": "ring 206 555 0142", "signals": [{"label": "contact.phone", "quotes": ["206 555 0142"]}]}
//! ```
//!
//! `event` with an envelope, of which all but `data` may be left out, may stand instead of `text`, and
//! `settings` are those of this case. `known` is what the detector is told beyond the event, by the names of
//! its inputs: `{"lists.known_phones": true, "count by subject": 3, "recent data.content by subject":
//! ["206", "555"]}`. What is not named there is as if nothing had happened before. A signal is held to what
//! is written of it: `label` always, `quotes` (the evidence as it was sent), `score`, `confidence`, and
//! `spans` with any of `field`, `text`, `start` and `end`, in bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the case shows.
    pub name: String,
    /// The `data.content` of a `message.sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A CloudEvents envelope of which all but `data` may be left out; in place of `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Json>,
    /// What the detector is told beyond the event, by the names of its inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known: BTreeMap<String, Json>,
    /// The settings that the detector is configured with, `{}` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Json>,
    /// What must come out, in this order and nothing besides.
    pub signals: Vec<Expected>,
}

/// What one signal is held to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quotes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spans: Option<Vec<Place>>,
}

/// What one span is held to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<u32>,
}

/// A signal as a detector gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its label.
    pub label: String,
    /// In 0..=1.
    pub score: f64,
    /// In 0..=1.
    pub confidence: f64,
    /// The evidence.
    pub spans: Vec<Evidence>,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The path of the input.
    pub field: String,
    /// The text that was sent there.
    pub text: String,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A file of cases.
#[derive(Debug, Clone)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// Its cases, in order.
    pub cases: Vec<Case>,
}

impl Case {
    /// The event of this case.
    ///
    /// # Errors
    /// Where the case has both `text` and `event`, or neither.
    pub fn envelope(&self) -> Result<Json, String> {
        match (&self.text, &self.event) {
            (Some(text), None) => Ok(json!({"type": "message.sent", "data": {"content": text}})),
            (None, Some(event)) => Ok(event.clone()),
            _ => Err(format!("case `{}` wants either `text` or `event`", self.name)),
        }
    }

    /// The expectation that `found` meets, as exact as the one that is written: what the case becomes
    /// where the detector is right. The case is met where this is what it says already.
    pub fn adopting(&self, found: &[Found]) -> Vec<Expected> {
        let alike = |at: usize, label: &str| {
            let same = |expected: &&Expected| expected.label == label;
            self.signals.get(at).filter(same).or_else(|| self.signals.iter().find(same))
        };
        found
            .iter()
            .enumerate()
            .map(|(at, found)| Expected::of(found, alike(at, &found.label)))
            .collect()
    }
}

impl Expected {
    /// As much of a signal as is written of one like it; label and quotes without one.
    fn of(found: &Found, like: Option<&Self>) -> Self {
        // A number that is close enough stays as it was written.
        let number = |written: Option<f64>, found: f64| {
            written.map(|written| if (written - found).abs() < 1e-9 { written } else { found })
        };
        let quotes = || found.spans.iter().map(|span| span.text.clone()).collect();
        Self {
            label: found.label.clone(),
            quotes: like.is_none_or(|like| like.quotes.is_some()).then(quotes),
            score: number(like.and_then(|like| like.score), found.score),
            confidence: number(like.and_then(|like| like.confidence), found.confidence),
            spans: like.and_then(|like| like.spans.as_ref()).map(|places| {
                let like = |at: usize| places.get(at).or(places.first());
                found.spans.iter().enumerate().map(|(at, span)| Place::of(span, like(at))).collect()
            }),
        }
    }
}

impl Place {
    fn of(span: &Evidence, like: Option<&Self>) -> Self {
        let wants = |part: fn(&Self) -> bool| like.is_none_or(part);
        Self {
            field: wants(|like| like.field.is_some()).then(|| span.field.clone()),
            text: wants(|like| like.text.is_some()).then(|| span.text.clone()),
            start: wants(|like| like.start.is_some()).then_some(span.start),
            end: wants(|like| like.end.is_some()).then_some(span.end),
        }
    }
}

/// As people read it: the label, the evidence, and the numbers that count.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        for quote in self.quotes.iter().flatten() {
            write!(f, " {quote:?}")?;
        }
        for place in self.spans.iter().flatten() {
            f.write_str(" at")?;
            if let Some(field) = &place.field {
                write!(f, " {field}")?;
            }
            let byte = |at: Option<u32>| at.map(|at| at.to_string()).unwrap_or_default();
            if place.start.is_some() || place.end.is_some() {
                write!(f, " {}..{}", byte(place.start), byte(place.end))?;
            }
            if let Some(text) = &place.text {
                write!(f, " {text:?}")?;
            }
        }
        for (name, number) in [("score", self.score), ("confidence", self.confidence)] {
            if let Some(number) = number {
                write!(f, " {name} {number}")?;
            }
        }
        Ok(())
    }
}

impl File {
    /// The cases at `path`: a file, or every file of a folder by name. `.jsonl` holds a case per line,
    /// `.json` is one case.
    ///
    /// # Errors
    /// What is wrong and where: nothing there, a file of another kind, a case that does not parse.
    pub fn read(path: &Path) -> Result<Vec<Self>, String> {
        let at = |error: std::io::Error| format!("{}: {error}", path.display());
        let files = match path.is_dir() {
            false => vec![Self::read_one(path.to_owned())?],
            true => {
                let entries: Result<Vec<_>, _> =
                    fs::read_dir(path).map_err(at)?.map(|entry| entry.map(|e| e.path())).collect();
                let mut paths = entries.map_err(at)?;
                paths.sort();
                paths.into_iter().map(Self::read_one).collect::<Result<_, _>>()?
            }
        };
        match files.iter().all(|file| file.cases.is_empty()) {
            true => Err(format!("{}: no golden case", path.display())),
            false => Ok(files),
        }
    }

    fn read_one(path: PathBuf) -> Result<Self, String> {
        let shown = path.display();
        let read = || fs::read_to_string(&path).map_err(|error| format!("{shown}: {error}"));
        let parse = |number: usize, text: &str| {
            serde_json::from_str(text).map_err(|error| format!("{shown}:{number}: {error}"))
        };
        let cases = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                let text = read()?;
                let case = serde_json::from_str(&text);
                vec![case.map_err(|error| format!("{shown}: {error}"))?]
            }
            Some("jsonl") => {
                let text = read()?;
                let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
                lines.map(|(at, line)| parse(at + 1, line)).collect::<Result<_, _>>()?
            }
            _ => return Err(format!("{shown}: golden cases live in .jsonl and .json files")),
        };
        Ok(Self { path, cases })
    }

    /// Writes the cases back.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self) -> Result<(), String> {
        let write = |case: &Case| match self.path.extension().is_some_and(|end| end == "json") {
            true => serde_json::to_string_pretty(case),
            false => serde_json::to_string(case),
        };
        let lines: Result<Vec<String>, _> = self.cases.iter().map(write).collect();
        let text = lines.map_err(|error| error.to_string())?.join("\n") + "\n";
        fs::write(&self.path, text).map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(signals: Json) -> Case {
        serde_json::from_value(json!({"name": "n", "text": "ring 555 0142", "signals": signals}))
            .unwrap()
    }

    fn found(score: f64) -> Found {
        let span =
            Evidence { field: "data.content".into(), text: "555 0142".into(), start: 5, end: 13 };
        Found { label: "contact.phone".into(), score, confidence: 1.0, spans: vec![span] }
    }

    #[test]
    fn a_signal_is_held_to_what_is_written_of_it() {
        let met = [
            json!([{"label": "contact.phone"}]),
            json!([{"label": "contact.phone", "quotes": ["555 0142"]}]),
            json!([{"label": "contact.phone", "score": 0.3, "confidence": 1}]),
            json!([{"label": "contact.phone", "spans": [{"start": 5}]}]),
            json!([{"label": "contact.phone", "spans": [{"field": "data.content", "end": 13}]}]),
        ];
        for signals in met {
            let case = case(signals);
            assert_eq!(case.adopting(&[found(0.1 + 0.2)]), case.signals);
        }
        let missed = [
            (json!([]), r#"contact.phone "555 0142""#),
            (json!([{"label": "contact.email"}]), r#"contact.phone "555 0142""#),
            (json!([{"label": "contact.phone", "quotes": []}]), r#"contact.phone "555 0142""#),
            (json!([{"label": "contact.phone", "score": 0.4}]), "contact.phone score 0.3"),
            (
                json!([{"label": "contact.phone", "spans": [{"start": 4, "text": ""}]}]),
                r#"contact.phone at 5.. "555 0142""#,
            ),
        ];
        for (signals, says) in missed {
            let case = case(signals);
            let adopted = case.adopting(&[found(0.3)]);
            assert_ne!(adopted, case.signals);
            assert_eq!(adopted[0].to_string(), says);
        }
        let silent = case(json!([{"label": "contact.phone"}])).adopting(&[]);
        assert_eq!(silent, []);
    }

    #[test]
    fn a_case_has_one_event() {
        let mut case = case(json!([]));
        assert_eq!(case.envelope().unwrap()["data"]["content"], "ring 555 0142");
        case.event = Some(json!({"data": {}}));
        assert!(case.envelope().unwrap_err().contains("`n` wants either"));
    }
}
