//! Signals: what a detector found, where, and about which entities.

/// A range of UTF-8 bytes of one text input, as it was sent. Made by [`crate::Text::span`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Index into the declared inputs.
    pub input: u32,
    /// Index into a list of texts; 0 for a single text.
    pub item: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Something that can be met again, such as a phone number. The host keeps only a keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// What it is, such as `phone` or `email`.
    pub kind: String,
    /// Its canonical form, so that the same thing in two disguises is equal.
    pub value: String,
}

/// One thing that a detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// One of the labels of the manifest.
    pub label: String,
    /// How strongly the label holds, in 0..=1.
    pub score: f64,
    /// How sure the detector is of that, in 0..=1.
    pub confidence: f64,
    /// One sentence for a reviewer.
    pub reason: String,
    /// The evidence.
    pub spans: Vec<Span>,
    /// What can be met again.
    pub entities: Vec<Entity>,
}

impl Signal {
    /// A signal of `score` in 0..=1, with a confidence of 1 until told otherwise.
    pub fn new(label: impl Into<String>, score: f64) -> Self {
        Self {
            label: label.into(),
            score,
            confidence: 1.0,
            reason: String::new(),
            spans: Vec::new(),
            entities: Vec::new(),
        }
    }

    /// How sure the detector is, in 0..=1.
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// One sentence for a reviewer. Do not quote a contact in it: the spans show it.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Adds a piece of evidence.
    #[must_use]
    pub fn span(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// Adds several pieces of evidence.
    #[must_use]
    pub fn spans(mut self, spans: impl IntoIterator<Item = Span>) -> Self {
        self.spans.extend(spans);
        self
    }

    /// Adds an entity: its kind and its canonical value.
    #[must_use]
    pub fn entity(mut self, kind: impl Into<String>, value: impl Into<String>) -> Self {
        self.entities.push(Entity { kind: kind.into(), value: value.into() });
        self
    }
}
