//! Fan-out: one event to every detector that wants it, findings back.
//!
//! Detectors of one event run in sequence on one evaluation thread; events run in parallel on as
//! many threads as there are cores ([`Pool`]). A detector's failure is a finding, never an error.

pub mod check;
mod inputs;
mod pool;

use std::time::{Duration, Instant};

use crate::model::{Event, Finding, Outcome};
use crate::registry::{LiveDetector, Snapshot, Subscribed};
use crate::runtime::{Call, Run};

pub use check::EntityKey;
pub use pool::{Pool, PoolError};

/// Runs every subscribed detector on the event: infallible, bounded by `deadline` of wall time, and
/// sorted by the detector's name, so that the order of arrival cannot matter.
pub fn evaluate(
    snapshot: &Snapshot,
    event: &Event,
    key: &EntityKey,
    deadline: Duration,
) -> Vec<Finding> {
    let start = Instant::now();
    let seeing = snapshot.subscribed(event).into_iter();
    seeing
        .map(|Subscribed { live, counted }| match deadline.checked_sub(start.elapsed()) {
            Some(left) if !left.is_zero() => Finding { counted, ..run(live, event, key, left) },
            _ => {
                let why = Some("the event's time was up".to_owned());
                Finding { counted, ..finding(live, Outcome::Skipped, why) }
            }
        })
        .collect()
}

fn run(detector: &LiveDetector, event: &Event, key: &EntityKey, left: Duration) -> Finding {
    let manifest = detector.prepared.manifest();
    let inputs = inputs::read(event, &manifest.inputs);
    let call =
        Call { id: &event.id, kind: &event.kind, time_ms: event.time.millis(), inputs: &inputs };
    let Run { outcome, error, time, log, signals, .. } = detector.prepared.evaluate(&call, left);
    for line in log {
        tracing::debug!(target: "picket::detector", detector = manifest.name, event = event.id, "{line}");
    }
    let error = error.map(|said| check::error(&inputs, &said));
    let mut finding = finding(detector, outcome, error);
    finding.micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    match check::signals(manifest, &inputs, signals, key) {
        Ok(signals) => finding.signals = signals,
        Err(fault) => {
            finding.outcome = Outcome::Invalid;
            finding.error = Some(fault);
        }
    }
    finding
}

fn finding(detector: &LiveDetector, outcome: Outcome, error: Option<String>) -> Finding {
    let manifest = detector.prepared.manifest();
    Finding {
        detector: manifest.name.clone(),
        version: Some(manifest.version.to_string()),
        digest: Some(detector.prepared.digest()),
        settings_digest: Some(detector.prepared.settings_digest()),
        stage: Some(detector.stage),
        counted: true,
        outcome,
        error,
        micros: 0,
        signals: Vec::new(),
    }
}
