//! Acts on what is learned of detectors while events run: what keeps failing goes into quarantine and
//! the last good version serves, a canary that leaves its bounds goes back to shadow. And on erasures, which
//! another server may have been asked for.

mod alerts;
mod checkpoints;
mod features;
mod guard;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Incident};
use crate::model::Stage;
use crate::registry::Registry;
use crate::store::{PAGE_ROWS_MAX, Store, StoreError};
use crate::telemetry::Metrics;

pub use alerts::Alerts;
pub use checkpoints::{CheckpointError, Checkpoints, Outlets};
pub use features::FeatureKeeper;
pub use retention::Retention;

/// How often canaries are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the keeper works with.
pub struct Keeper {
    pub registry: Arc<Registry>,
    pub store: Store,
    pub engine: Arc<Engine>,
    pub metrics: Arc<Metrics>,
}

impl Keeper {
    /// Takes incidents and looks at canaries until told to stop.
    pub async fn run(self, mut incidents: Receiver<Incident>, stop: CancellationToken) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut due: Vec<Incident> = Vec::new();
        let mut erasures = 0;
        loop {
            tokio::select! {
                incident = incidents.recv() => match incident {
                    Some(incident) => due.push(incident),
                    None => return,
                },
                _ = look.tick() => {
                    if let Err(error) = self.guard().await {
                        tracing::error!("canaries could not be looked at: {error}");
                    }
                    if let Err(error) = self.follow_erasures(&mut erasures).await {
                        tracing::error!("erasures could not be followed: {error}");
                    }
                }
                () = stop.cancelled() => return,
            }
            // What the store does not take now is tried again: the engine tells most things once.
            let mut left = Vec::new();
            for incident in due.drain(..) {
                if let Err(error) = self.act(&incident).await {
                    tracing::error!("a detector's row could not be brought up to date: {error}");
                    left.push(incident);
                }
            }
            due = left;
        }
    }

    async fn act(&self, incident: &Incident) -> Result<(), StoreError> {
        match incident {
            Incident::Tripped { build, detector, version, why } => {
                self.metrics.incident("tripped");
                tracing::error!(detector, version, digest = %build.digest, why, "detector no longer run");
                self.registry.quarantine(*build, why).await
            }
            Incident::Recovered { build, detector, version } => {
                self.metrics.incident("recovered");
                tracing::warn!(detector, version, digest = %build.digest, "detector has recovered");
                self.registry.recover(*build).await
            }
            Incident::Impure { build, detector, version, why } => {
                self.metrics.incident("impure");
                tracing::error!(detector, version, digest = %build.digest, why, "detector is not a function");
                self.registry.mark_impure(*build, why).await
            }
        }
    }

    /// Forgets here who was erased since the first `known`, by whichever server.
    async fn follow_erasures(&self, known: &mut u64) -> Result<(), StoreError> {
        let before = *known;
        loop {
            let erasures = self.store.erasures(*known, PAGE_ROWS_MAX).await?;
            if erasures.is_empty() {
                // Beside this server's data, too: the other's may be lost.
                return if *known > before { self.store.list_erasures().await } else { Ok(()) };
            }
            *known += erasures.len() as u64;
            let gone =
                |source: &str, subject: &str| self.store.has_subject(&erasures, source, subject);
            self.engine.forget(gone);
        }
    }

    /// Ends the canaries that have left their bounds.
    async fn guard(&self) -> Result<(), StoreError> {
        let snapshot = self.registry.current();
        if snapshot.detectors().iter().any(|live| live.stage == Stage::Quarantined) {
            self.registry.fall_back_where_due().await?;
        }
        if !snapshot.detectors().iter().any(|live| live.stage == Stage::Canary) {
            return Ok(());
        }
        for row in self.store.deployments().await? {
            let Some(canary) = row.canary.filter(|_| row.stage == Stage::Canary) else { continue };
            let trials = self.store.trials(row.id).await?;
            let trial = trials.iter().find(|trial| trial.stage == Stage::Canary);
            if let Some(why) = trial.and_then(|trial| guard::breach(trial, &canary.bounds)) {
                self.metrics.incident("canary_ended");
                let version = row.manifest.version.to_string();
                tracing::error!(
                    detector = row.detector,
                    version,
                    why,
                    "canary goes back to shadow"
                );
                self.registry.end_canary(row.id, &why).await?;
            }
        }
        Ok(())
    }
}
