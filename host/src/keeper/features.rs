//! Keeps what is observed in step with what is declared: new definitions are filled with what happened
//! before them, and what nothing looks at any more goes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::features::Features;
use crate::model::{Definition, DefinitionId};
use crate::registry::{Registry, Snapshot};
use crate::store::StoreError;
use crate::telemetry::Metrics;

/// How often it looks at what is declared.
const LOOK: Duration = Duration::from_secs(1);
/// How often it looks for what goes.
const TRIM: Duration = Duration::from_secs(600);
/// Between two pages, so that events are not held up by a long row of them.
const BREATH: Duration = Duration::from_millis(10);

/// What the keeping of features works with.
pub struct FeatureKeeper {
    pub registry: Arc<Registry>,
    pub features: Arc<Features>,
    pub metrics: Arc<Metrics>,
}

/// What was done so far.
#[derive(Default)]
struct Done {
    /// The definitions that this server has declared.
    met: HashSet<DefinitionId>,
    /// With which of its sets.
    edition: Option<(u64, u32)>,
    trimmed: Option<Instant>,
}

impl FeatureKeeper {
    /// Looks now and then until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut done = Done::default();
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.cancelled() => return,
            }
            let looked = tokio::select! {
                looked = self.look(&mut done) => looked,
                () = stop.cancelled() => return,
            };
            if let Err(error) = looked {
                tracing::error!(
                    "what detectors know about the past is not brought up to date: {error}"
                );
            }
        }
    }

    async fn look(&self, done: &mut Done) -> Result<(), StoreError> {
        if !self.registry.is_restored() {
            return Ok(());
        }
        let snapshot = self.registry.current();
        self.declare(&snapshot, done).await?;
        let store = self.features.store();
        let rows = store.features().await?;
        self.metrics.features.set(rows.iter().map(|row| {
            let input = &row.definition.input;
            (format!("{input} over {} s", row.definition.past().window_s), row.share())
        }));
        if rows.iter().any(|row| !row.complete) {
            let observe = |definition: &Definition, event: &_, heard: &[&_], at| {
                self.features.observations(definition, event, heard, at)
            };
            while store.fill_feature(observe).await? {
                tokio::time::sleep(BREATH).await;
            }
        }
        if done.trimmed.is_none_or(|at| at.elapsed() >= TRIM) {
            while store.trim_features(snapshot.definitions()).await? > 0 {
                tokio::time::sleep(BREATH).await;
            }
            done.trimmed = Some(Instant::now());
        }
        Ok(())
    }

    /// Tells the record what is declared, where that is another set than the last time.
    async fn declare(&self, snapshot: &Snapshot, done: &mut Done) -> Result<(), StoreError> {
        if done.edition == Some(snapshot.edition()) {
            return Ok(());
        }
        let declared = snapshot.definitions();
        let new: Vec<DefinitionId> =
            declared.iter().map(|it| it.id).filter(|id| !done.met.contains(id)).collect();
        // Most sets declare nothing, and neither did those before them.
        if done.edition.is_none() || !declared.is_empty() || !done.met.is_empty() {
            let partial = !snapshot.unloaded().is_empty();
            let generation = snapshot.generation();
            self.features.store().declare_features(declared, &new, generation, partial).await?;
        }
        done.met = declared.iter().map(|it| it.id).collect();
        done.edition = Some(snapshot.edition());
        Ok(())
    }
}
