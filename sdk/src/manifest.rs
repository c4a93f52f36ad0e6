//! The manifest: who a detector is and what it wants, as the host reads it.
//! Format: `wit/manifest.schema.json`.

use serde::Serialize;
use serde_json::Value as Json;

use crate::InputDeclaration;

/// Who a detector is, which labels it may emit, which events and inputs it wants.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    schema: u32,
    name: String,
    version: String,
    summary: String,
    author: String,
    labels: Vec<String>,
    events: Vec<String>,
    inputs: Vec<InputDeclaration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Json>,
    #[serde(skip_serializing_if = "Budget::is_empty")]
    budget: Budget,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Budget {
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_lines: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<u64>,
}

impl Budget {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Manifest {
    /// A manifest for `name` (lower-case words joined by `-`) and `version` (semver). See
    /// [`crate::manifest!`] for one that takes both from `Cargo.toml`.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            schema: 1,
            name: name.into(),
            version: version.into(),
            summary: String::new(),
            author: String::new(),
            labels: Vec::new(),
            events: Vec::new(),
            inputs: Vec::new(),
            settings: None,
            budget: Budget::default(),
        }
    }

    /// What it finds, in one sentence.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// Who answers for it.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Adds a label that signals may carry, such as `contact.phone`.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Adds an event type that is wanted; a final `*` stands for any ending.
    #[must_use]
    pub fn events(mut self, pattern: impl Into<String>) -> Self {
        self.events.push(pattern.into());
        self
    }

    /// A JSON Schema of the settings, for people and forms.
    #[must_use]
    pub fn settings(mut self, schema: Json) -> Self {
        self.settings = Some(schema);
        self
    }

    /// Processor time wanted for one event, in milliseconds. The host's default is 10.
    #[must_use]
    pub fn deadline_ms(mut self, deadline_ms: u64) -> Self {
        self.budget.deadline_ms = Some(deadline_ms);
        self
    }

    /// Memory wanted, in bytes. The host's default and ceiling is 64 MiB.
    #[must_use]
    pub fn memory_bytes(mut self, memory_bytes: u64) -> Self {
        self.budget.memory_bytes = Some(memory_bytes);
        self
    }

    /// Bytes wanted for one answer, strings and lists together. The host's default and ceiling is
    /// 256 KiB.
    #[must_use]
    pub fn output_bytes(mut self, output_bytes: u64) -> Self {
        self.budget.output_bytes = Some(output_bytes);
        self
    }

    /// Bytes wanted for what is logged about one event. The host's default and ceiling is 4 KiB; what
    /// is over it is dropped.
    #[must_use]
    pub fn log_bytes(mut self, log_bytes: u64) -> Self {
        self.budget.log_bytes = Some(log_bytes);
        self
    }

    /// Lines wanted for what is logged about one event. The host's default and ceiling is 16; what is
    /// over it is dropped.
    #[must_use]
    pub fn log_lines(mut self, log_lines: u64) -> Self {
        self.budget.log_lines = Some(log_lines);
        self
    }

    /// Signals wanted in one answer. The host's default and ceiling is 64; more make the whole answer
    /// invalid.
    #[must_use]
    pub fn signals(mut self, signals: u64) -> Self {
        self.budget.signals = Some(signals);
        self
    }

    /// The manifest with these inputs, as the export macro and the harness complete it.
    #[must_use]
    pub fn with_inputs(mut self, inputs: Vec<InputDeclaration>) -> Self {
        self.inputs = inputs;
        self
    }

    /// The declared inputs.
    pub fn inputs(&self) -> &[InputDeclaration] {
        &self.inputs
    }

    /// The labels that signals may carry.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The manifest as the JSON that `describe` returns.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a manifest holds only strings, numbers and JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_written_as_far_as_it_is_set() {
        let json = |manifest: &Manifest| serde_json::to_value(manifest).unwrap();
        let plain = Manifest::new("a", "1.0.0");
        assert_eq!(json(&plain).get("budget"), None);
        let modest = plain.deadline_ms(5).memory_bytes(1 << 20).output_bytes(4_096);
        let modest = modest.log_bytes(256).log_lines(2).signals(3);
        let budget = serde_json::json!({
            "deadline_ms": 5, "memory_bytes": 1 << 20, "output_bytes": 4_096,
            "log_bytes": 256, "log_lines": 2, "signals": 3,
        });
        assert_eq!(json(&modest)["budget"], budget);
    }
}
