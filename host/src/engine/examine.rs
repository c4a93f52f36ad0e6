//! One detector on one event outside of a server: what an author's bench shows.

use std::time::Duration;

use super::check::{self, EntityKey};
use super::inputs;
use crate::model::{Event, Known, Outcome, Signal};
use crate::runtime::{Call, Prepared};

/// What a detector says of an event, as a server would take it.
pub struct Examined {
    pub outcome: Outcome,
    /// For an engineer; `None` where the outcome is ok.
    pub error: Option<String>,
    pub signals: Vec<Signal>,
    /// What it logged, oldest first.
    pub log: Vec<String>,
}

/// Runs a detector, subscribed or not, within its own limits, and checks what it returns.
pub fn examine(prepared: &Prepared, event: &Event, known: &Known, key: &EntityKey) -> Examined {
    let manifest = prepared.manifest();
    let inputs = inputs::read(event, known, &manifest.inputs);
    let call =
        Call { id: &event.id, kind: &event.kind, time_ms: event.time.millis(), inputs: &inputs };
    let run = prepared.evaluate(&call, Duration::MAX);
    let given = check::Given { manifest, known, inputs: &inputs };
    let (outcome, error, signals) = match check::signals(&given, run.signals, &key.of_event(event))
    {
        Ok(signals) => (run.outcome, run.error, signals),
        Err(fault) => (Outcome::Invalid, Some(fault), Vec::new()),
    };
    let log = run.log.into_iter().map(|(level, line)| format!("{level:?}: {line}")).collect();
    Examined { outcome, error, signals, log }
}
