//! The manifest of a detector, as `describe` returns it. Format: `wit/manifest.schema.json`.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::{Input, TypePattern};

/// Each is a question to the record for every event.
const PAST_INPUTS_MAX: usize = 8;

/// Who a detector is and what it wants. Checked by [`Manifest::parse`].
///
/// Signatures cover it as JSON: a new field is left out of that where it has its default, or what is
/// signed today would no longer verify.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format.
    pub schema: u32,
    pub name: String,
    #[schema(value_type = String)]
    pub version: semver::Version,
    pub summary: String,
    #[serde(default)]
    pub author: String,
    /// Every label that a signal may carry.
    pub labels: Vec<String>,
    /// Event types that are wanted.
    #[schema(value_type = Vec<String>)]
    pub events: Vec<TypePattern>,
    /// What `evaluate` is given, in this order.
    pub inputs: Vec<Input>,
    /// A JSON Schema of the settings, for people and forms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Json>,
    #[serde(default)]
    pub budget: Budget,
}

/// What a detector asks for; the operator's ceiling holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Processor time for one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// Linear memory, all memories together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// What one answer may hold, strings and lists together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<u64>,
    /// What may be logged about one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<u64>,
    /// Lines that may be logged about one event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_lines: Option<u64>,
    /// Signals in one answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<u64>,
}

impl Budget {
    fn check(&self) -> Result<(), String> {
        let parts = [
            ("deadline_ms", self.deadline_ms),
            ("memory_bytes", self.memory_bytes),
            ("output_bytes", self.output_bytes),
            ("log_bytes", self.log_bytes),
            ("log_lines", self.log_lines),
            ("signals", self.signals),
        ];
        match parts.iter().find(|(_, asked)| *asked == Some(0)) {
            Some((name, _)) => Err(format!(
                "the budget asks for a `{name}` of 0, with which nothing could run; leave it out for the host's own"
            )),
            None => Ok(()),
        }
    }
}

impl Manifest {
    /// Reads and checks what `describe` returned.
    ///
    /// # Errors
    /// A sentence that says which part is wrong and how to mend it.
    pub fn parse(json: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(json).map_err(|error| {
            unknown_input(json).unwrap_or(format!("the manifest does not parse: {error}"))
        })?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema != 1 {
            return Err(format!("the manifest has schema {}; this host knows 1", self.schema));
        }
        if !is_name(&self.name) {
            return Err(format!(
                "the name `{}` is not lower-case words joined by `-` of at most 64 characters",
                self.name
            ));
        }
        let bounded = |what: &str, text: &str, max: usize| match text.len() > max {
            true => Err(format!("the {what} has {} bytes; {max} are allowed", text.len())),
            false => Ok(()),
        };
        bounded("summary", &self.summary, 400)?;
        bounded("author", &self.author, 200)?;
        bounded("version", &self.version.to_string(), 64)?;
        let counted = |what: &str, count: usize, min: usize| match (min..=64).contains(&count) {
            true => Ok(()),
            false => Err(format!("the manifest has {count} {what}; {min} to 64 are allowed")),
        };
        counted("labels", self.labels.len(), 1)?;
        counted("event types", self.events.len(), 1)?;
        counted("inputs", self.inputs.len(), 0)?;
        let past = self.inputs.iter().filter(|input| input.past().is_some()).count();
        if past > PAST_INPUTS_MAX {
            return Err(format!(
                "the manifest has {past} inputs about the past (`feature`, `recent`); {PAST_INPUTS_MAX} are allowed"
            ));
        }
        if let Some(label) = self.labels.iter().find(|label| !is_label(label)) {
            return Err(format!("`{label}` is not a label such as contact.phone"));
        }
        self.inputs.iter().try_for_each(Input::check)?;
        self.budget.check()
    }

    /// Whether the detector wants events of this type.
    pub fn wants(&self, event_type: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(event_type))
    }
}

/// Which input is of a kind that this host does not give, where that is what is wrong.
fn unknown_input(json: &str) -> Option<String> {
    let manifest: Json = serde_json::from_str(json).ok()?;
    let mut kinds = manifest["inputs"].as_array()?.iter().map(|input| input["kind"].as_str());
    let at =
        kinds.clone().position(|kind| kind.is_some_and(|kind| !Input::KINDS.contains(&kind)))?;
    let kind = kinds.nth(at).flatten()?;
    Some(format!(
        "input {} is of kind `{kind}`, and this host gives inputs of the kinds {}: use one of those, or run it on a host that gives `{kind}`",
        at + 1,
        Input::KINDS.map(|kind| format!("`{kind}`")).join(", ")
    ))
}

/// Whether a text is a detector's name: lower-case words joined by `-`.
pub fn is_name(text: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(word)
}

/// Whether a text is a label: a family and a name, such as `contact.phone`.
pub fn is_label(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    text.len() <= 64 && text.contains('.') && text.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Json {
        json!({
            "schema": 1, "name": "contact-phone", "version": "1.2.0", "summary": "Finds numbers.",
            "labels": ["contact.phone"], "events": ["message.*"],
            "inputs": [{"kind": "field", "path": "data.content"}], "budget": {"signals": 3},
        })
    }

    #[test]
    fn a_good_manifest_is_read() {
        let manifest = Manifest::parse(&good().to_string()).unwrap();
        assert!(manifest.wants("message.sent") && !manifest.wants("bid.placed"));
        assert_eq!(manifest.budget, Budget { signals: Some(3), ..Budget::default() });
    }

    /// A count by subject, but for these parts.
    fn feature(parts: Json) -> Json {
        let mut feature =
            json!({"kind": "feature", "function": "count", "by": "subject", "window_s": 60});
        for (name, value) in parts.as_object().unwrap() {
            feature[name] = value.clone();
        }
        json!([feature])
    }

    fn recent(last: u32) -> Json {
        json!([{"kind": "recent", "path": "data.content", "by": "subject", "last": last,
                "window_s": 60}])
    }

    #[test]
    fn each_fault_is_named() {
        let cases = [
            ("/name", json!("Contact Phone"), "lower-case words"),
            ("/schema", json!(2), "schema 2"),
            ("/version", json!("1.2"), "does not parse"),
            ("/labels", json!([]), "0 labels"),
            ("/labels", json!(["phone"]), "`phone` is not a label"),
            ("/events", json!(["*.sent"]), "not a pattern"),
            (
                "/inputs",
                json!([{"kind": "field", "path": "subject"}, {"kind": "profile"}]),
                "input 2 is of kind `profile`, and this host gives inputs of the kinds `field`, `list`",
            ),
            ("/inputs", json!([{"kind": "list", "name": "Known"}]), "not the name of a list"),
            ("/inputs", json!([{"kind": "list", "path": "a"}]), "unknown field `path`"),
            ("/inputs", feature(json!({"function": "median"})), "unknown variant `median`"),
            (
                "/inputs",
                feature(json!({"function": "sum"})),
                "`sum by subject` wants to know of what",
            ),
            ("/inputs", feature(json!({"by": "data."})), "`data.` is not a path"),
            ("/inputs", feature(json!({"window_s": 0})), "looks back 0 seconds"),
            ("/inputs", feature(json!({"window_s": 7_776_001})), "1 to 7776000 are possible"),
            ("/inputs", feature(json!({"events": ["*.sent"]})), "not a pattern"),
            ("/inputs", feature(json!({"last": 5})), "unknown field `last`"),
            ("/inputs", recent(0), "asks for 0 values; 1 to 20 are given"),
            ("/inputs", recent(21), "asks for 21 values"),
            ("/inputs", json!([{"kind": "field"}]), "missing field `path`"),
            ("/inputs", json!([{"kind": "field", "path": "data..x"}]), "not a path"),
            ("/summary", json!("x".repeat(401)), "401 bytes"),
            ("/budget", json!({"signals": 3, "log_lines": 0}), "`log_lines` of 0"),
            ("/budget", json!({"deadline_ms": -1}), "does not parse"),
            ("/budget", json!({"fuel": 1}), "unknown field `fuel`"),
        ];
        for (pointer, value, says) in cases {
            let mut manifest = good();
            *manifest.pointer_mut(pointer).unwrap() = value;
            let error = Manifest::parse(&manifest.to_string()).unwrap_err();
            assert!(error.contains(says), "{pointer}: {error}");
        }
    }
}
