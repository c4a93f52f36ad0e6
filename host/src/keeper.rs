//! Acts on what the engine learns of detectors while events run.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;

use crate::engine::Incident;
use crate::telemetry::Metrics;

/// Takes incidents until told to stop.
pub async fn run(
    mut incidents: Receiver<Incident>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    loop {
        let incident = tokio::select! {
            incident = incidents.recv() => incident,
            () = stop.cancelled() => None,
        };
        match incident {
            None => return,
            Some(incident) => act(&incident, &metrics),
        }
    }
}

fn act(incident: &Incident, metrics: &Metrics) {
    match incident {
        Incident::Tripped { build, detector, version, why } => {
            metrics.incident("tripped");
            tracing::error!(detector, version, digest = %build.digest, why, "detector no longer run");
        }
        Incident::Recovered { build, detector, version } => {
            metrics.incident("recovered");
            tracing::warn!(detector, version, digest = %build.digest, "detector has recovered");
        }
        Incident::Impure { build, detector, version, why } => {
            metrics.incident("impure");
            tracing::error!(detector, version, digest = %build.digest, why, "detector is not a function");
        }
    }
}
