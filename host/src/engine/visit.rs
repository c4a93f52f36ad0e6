//! One version on one event: what it is told, how it is run, and the finding that comes of it.

use std::time::Duration;

use super::check::{self, EntityKey};
use super::{inputs, warm::Kept};
use crate::model::{Event, Finding, Known, LogLevel, Outcome, Stage};
use crate::runtime::{Call, Prepared, Run, Value, Warm};

pub(super) const TIME_UP: &str = "the event's time was up";

pub(super) struct Visit<'a> {
    prepared: &'a Prepared,
    stage: Option<Stage>,
    pub event: &'a Event,
    known: &'a Known,
    inputs: Vec<Value<'a>>,
}

impl<'a> Visit<'a> {
    /// Of a version that stands, or stood, at this stage.
    pub fn new(
        prepared: &'a Prepared,
        stage: Option<Stage>,
        event: &'a Event,
        known: &'a Known,
    ) -> Self {
        let inputs = inputs::read(event, known, &prepared.manifest().inputs);
        Self { prepared, stage, event, known, inputs }
    }

    /// In an instance of its own, for no longer than `left`.
    pub fn fresh(&self, left: Duration) -> Run {
        self.concluded(self.prepared.evaluate(&self.call(), left), left)
    }

    /// In a kept instance, or the first of those to be kept, which comes back with the run.
    pub fn warm(&self, kept: &Kept, left: Duration) -> (Run, Option<Warm>) {
        let call = self.call();
        let warm = kept.take().map_or_else(|| self.prepared.warm(&call), Ok);
        match warm {
            Ok(mut warm) => (self.concluded(warm.evaluate(&call, left), left), Some(warm)),
            // As a fresh one it fails in the same way, and says how.
            Err(_) => (self.fresh(left), None),
        }
    }

    /// What is recorded of a run.
    pub fn finding(&self, run: Run, key: &EntityKey) -> Finding {
        let error = run.error.map(|said| check::error(&self.inputs, &said));
        let mut finding = finding(self.prepared, self.stage, run.outcome, error);
        finding.micros = u64::try_from(run.time.as_micros()).unwrap_or(u64::MAX);
        let told = check::Given {
            manifest: self.prepared.manifest(),
            known: self.known,
            inputs: &self.inputs,
        };
        match check::signals(&told, run.signals, &key.of_event(self.event)) {
            Ok(signals) => finding.signals = signals,
            Err(fault) => {
                finding.outcome = Outcome::Invalid;
                finding.error = Some(fault);
            }
        }
        finding
    }

    /// The lines of a run, for whoever looks after the detector.
    pub fn lines(&self, run: &mut Run) -> Vec<(LogLevel, String)> {
        let mut lines = std::mem::take(&mut run.log);
        // How many and no more: what it says may be about a person, and a log file is not erased.
        if !lines.is_empty() {
            let detector = &self.prepared.manifest().name;
            tracing::debug!(target: "picket::detector", detector, lines = lines.len(), "it wrote");
        }
        for (_, line) in &mut lines {
            *line = check::error(&self.inputs, line);
        }
        lines
    }

    fn call(&self) -> Call<'_> {
        let Event { id, kind, time, .. } = self.event;
        Call { id, kind, time_ms: time.millis(), inputs: &self.inputs }
    }

    /// A deadline that the event cut short is not the detector's fault.
    fn concluded(&self, run: Run, left: Duration) -> Run {
        let cut_short = left < self.prepared.limits().deadline;
        match run.outcome == Outcome::Deadline && cut_short {
            true => Run { outcome: Outcome::Skipped, error: Some(TIME_UP.to_owned()), ..run },
            false => run,
        }
    }
}

/// A finding without signals.
pub(super) fn finding(
    prepared: &Prepared,
    stage: Option<Stage>,
    outcome: Outcome,
    error: Option<String>,
) -> Finding {
    let manifest = prepared.manifest();
    Finding {
        detector: manifest.name.clone(),
        version: Some(manifest.version.to_string()),
        digest: Some(prepared.digest()),
        settings_digest: Some(prepared.settings_digest()),
        stage,
        counted: true,
        outcome,
        error,
        micros: 0,
        signals: Vec::new(),
    }
}
