//! A native harness: what the host would do, without the host, so that `cargo test` in a detector's
//! crate needs no WebAssembly.
//!
//! ```no_run
//! # use picket_sdk::prelude::*;
//! # fn check<D: Detector>() {
//! let harness = Harness::<D>::new().unwrap();
//! assert!(harness.text("see you on Monday").is_silent());
//! harness.golden(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
//! # }
//! ```

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::{Detector, Event, InputDeclaration, Inputs, Signal, Span, Value};

mod golden;
mod known;

/// A configured detector and the checks that the host makes of what it returns.
pub struct Harness<D> {
    detector: D,
    labels: Vec<String>,
    inputs: Vec<InputDeclaration>,
}

/// What a detector said of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The signals, in the order in which the detector gave them.
    pub signals: Vec<Signal>,
    inputs: Vec<Value>,
}

impl<D: Detector> Harness<D> {
    /// The detector with its default settings, `{}`.
    ///
    /// # Errors
    /// What `configure` said.
    pub fn new() -> Result<Self, String> {
        Self::with_settings(&json!({}))
    }

    /// The detector with these settings.
    ///
    /// # Errors
    /// Settings of another shape, or what `configure` said.
    pub fn with_settings(settings: &Json) -> Result<Self, String> {
        let manifest = D::manifest().with_inputs(D::Inputs::declare());
        let settings = serde_json::from_value(settings.clone())
            .map_err(|error| format!("settings: {error}"))?;
        Ok(Self {
            detector: D::configure(settings)?,
            labels: manifest.labels().to_vec(),
            inputs: manifest.inputs().to_vec(),
        })
    }

    /// Judges a `message.sent` whose `data.content` is `text`.
    ///
    /// # Panics
    /// As [`Harness::event`].
    pub fn text(&self, text: &str) -> Report {
        self.event(&json!({"type": "message.sent", "data": {"content": text}}))
    }

    /// Judges an event: a CloudEvents envelope of which all but `data` may be left out.
    ///
    /// # Panics
    /// Where the host would call the finding `error` or `invalid`: the detector failed, or a signal
    /// has an unknown label, a score outside 0..=1 or a span that is not text of the event.
    pub fn event(&self, event: &Json) -> Report {
        self.event_knowing(event, &BTreeMap::new())
    }

    /// As [`Harness::event`], with what is known beyond the event, by the names of the inputs: see
    /// [`crate::golden`]. What is not named is as if nothing had happened before.
    ///
    /// # Panics
    /// As [`Harness::event`]; and where no input is called so, or is of another type.
    pub fn event_knowing(&self, event: &Json, known: &BTreeMap<String, Json>) -> Report {
        known::check(&self.inputs, known).unwrap_or_else(|error| panic!("{error}"));
        let inputs: Vec<Value> = self
            .inputs
            .iter()
            .map(|input| match input {
                InputDeclaration::Field { path } => lookup(event, path),
                told => known::value(told, known).unwrap_or_else(|error| panic!("{error}")),
            })
            .collect();
        let envelope = Event {
            id: event["id"].as_str().unwrap_or("test").to_owned(),
            kind: event["type"].as_str().unwrap_or("message.sent").to_owned(),
            time_ms: event["time_ms"].as_i64().unwrap_or(0),
        };
        let signals = match D::Inputs::read(inputs.clone()) {
            None => Vec::new(),
            Some(typed) => self
                .detector
                .evaluate(&envelope, &typed)
                .unwrap_or_else(|error| panic!("the detector failed: {error}")),
        };
        let report = Report { signals, inputs };
        for signal in &report.signals {
            self.check(signal, &report);
        }
        report
    }

    fn check(&self, signal: &Signal, report: &Report) {
        let Signal { label, score, confidence, spans, .. } = signal;
        assert!(
            self.labels.contains(label),
            "`{label}` is not a label of the manifest; it names {:?}",
            self.labels
        );
        for (name, number) in [("score", score), ("confidence", confidence)] {
            assert!((0.0..=1.0).contains(number), "{name} {number} of `{label}` is outside 0..=1");
        }
        for span in spans {
            assert!(
                report.quote(span).is_some(),
                "{span:?} of `{label}` is not whole characters of an input"
            );
        }
    }
}

impl Report {
    /// The labels found, sorted, each once.
    pub fn labels(&self) -> Vec<&str> {
        let mut labels: Vec<&str> =
            self.signals.iter().map(|signal| signal.label.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    /// Whether nothing was found.
    pub fn is_silent(&self) -> bool {
        self.signals.is_empty()
    }

    /// The evidence as it was sent, of every signal, in order.
    pub fn quotes(&self) -> Vec<&str> {
        let spans = self.signals.iter().flat_map(|signal| &signal.spans);
        spans.filter_map(|span| self.quote(span)).collect()
    }

    /// The text that a span points at, or `None` where it does not point at whole characters.
    pub fn quote(&self, span: &Span) -> Option<&str> {
        let (start, end) = (span.start as usize, span.end as usize);
        let text = match self.inputs.get(span.input as usize)? {
            Value::Text(text) if span.item == 0 => text,
            Value::Texts(texts) => texts.get(span.item as usize)?,
            _ => return None,
        };
        (start < end).then(|| text.get(start..end)).flatten()
    }
}

/// The value at a dotted path, typed as the host types it.
fn lookup(event: &Json, path: &str) -> Value {
    let step = |at: &Json, key: &str| match at {
        Json::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index).cloned()),
        _ => at.get(key).cloned(),
    };
    let found = path.split('.').try_fold(event.clone(), |at, key| step(&at, key));
    found.map_or(Value::Absent, |found| typed(&found))
}

fn typed(json: &Json) -> Value {
    match json {
        Json::Bool(inner) => Value::Boolean(*inner),
        Json::Number(number) => number
            .as_i64()
            .map(Value::Integer)
            .or_else(|| number.as_f64().map(Value::Number))
            .unwrap_or(Value::Absent),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) if items.is_empty() => Value::Absent,
        Json::Array(items) => list(items, |item| item.as_str().map(str::to_owned))
            .map(Value::Texts)
            .or_else(|| list(items, Json::as_i64).map(Value::Integers))
            .or_else(|| list(items, Json::as_f64).map(Value::Numbers))
            .unwrap_or(Value::Absent),
        Json::Null | Json::Object(_) => Value::Absent,
    }
}

fn list<T>(items: &[Json], read: impl Fn(&Json) -> Option<T>) -> Option<Vec<T>> {
    items.iter().map(read).collect()
}
