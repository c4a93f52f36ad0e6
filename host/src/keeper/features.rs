//! Keeps what is observed in step with what is declared: new definitions are filled with what happened
//! before them, and what nothing looks at any more goes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::features::{Features, Filled};
use crate::model::{DecisionId, Definition, DefinitionId, Timestamp};
use crate::registry::{Registry, Snapshot};
use crate::store::{FeatureRow, StoreError};
use crate::telemetry::Metrics;

/// How often it looks whether another set is live.
const LOOK: Duration = Duration::from_millis(200);
/// How often it looks at the record otherwise, and how long it fills before it looks again.
const READ: Duration = Duration::from_secs(1);
/// How often it notes how far what is declared is filled.
const NOTE: Duration = Duration::from_secs(60);
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
struct Done {
    /// The definitions that this server has declared.
    met: HashSet<DefinitionId>,
    /// With which of its sets.
    edition: Option<(u64, u32)>,
    /// When it had declared all that the live set wants for the last time.
    knew_all: Timestamp,
    /// How far the passes are that are under way.
    passes: HashMap<DefinitionId, DecisionId>,
    read: Option<Instant>,
    noted: Instant,
    trimmed: Option<Instant>,
}

impl FeatureKeeper {
    /// Looks now and then until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut done = Done {
            met: HashSet::new(),
            edition: None,
            knew_all: Timestamp::now(),
            passes: HashMap::new(),
            read: None,
            noted: Instant::now(),
            trimmed: None,
        };
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = self.features.missed() => {}
                () = stop.cancelled() => return,
            }
            let looked = tokio::select! {
                looked = self.look(&mut done) => looked,
                () = stop.cancelled() => return,
            };
            if let Err(error) = looked {
                tracing::error!("what is known about the past is not brought up to date: {error}");
            }
        }
    }

    async fn look(&self, done: &mut Done) -> Result<(), StoreError> {
        if !self.registry.is_restored() {
            return Ok(());
        }
        let snapshot = self.registry.current();
        let declared: Vec<&Definition> = snapshot.definitions().collect();
        let whole = snapshot.unloaded().is_empty();
        let trims = done.trimmed.is_none_or(|at| at.elapsed() >= TRIM);
        let is_new = done.edition != Some(snapshot.edition());
        if is_new || trims {
            self.declare(&snapshot, &declared, done).await?;
        }
        if whole {
            done.knew_all = Timestamp::now();
        }
        if is_new || trims || done.read.is_none_or(|at| at.elapsed() >= READ) {
            self.fill(&declared, done).await?;
            done.read = Some(Instant::now());
        }
        if whole && done.noted.elapsed() >= NOTE {
            let rows = self.rows(&declared).await?;
            let filled = rows.iter().filter(|row| row.told && row.is_complete());
            let filled: Vec<_> = filled.map(|row| row.definition.id).collect();
            if !filled.is_empty() {
                self.features.store().keep_up_features(&filled).await?;
            }
            done.noted = Instant::now();
        }
        if trims {
            while self.features.store().trim_features(&declared).await? > 0 {
                tokio::time::sleep(BREATH).await;
            }
            done.trimmed = Some(Instant::now());
        }
        Ok(())
    }

    /// Tells the record what is declared.
    async fn declare(
        &self,
        snapshot: &Snapshot,
        declared: &[&Definition],
        done: &mut Done,
    ) -> Result<(), StoreError> {
        let new: Vec<DefinitionId> =
            declared.iter().map(|it| it.id).filter(|id| !done.met.contains(id)).collect();
        let partial = !snapshot.unloaded().is_empty();
        let generation = snapshot.generation();
        let store = self.features.store();
        store.declare_features(declared, &new, done.knew_all, generation, partial).await?;
        done.met = declared.iter().map(|it| it.id).collect();
        done.edition = Some(snapshot.edition());
        Ok(())
    }

    /// Fills what is declared for a while, and says how far it is.
    async fn fill(&self, declared: &[&Definition], done: &mut Done) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            let rows = self.rows(declared).await?;
            self.say(&rows, &done.passes);
            self.metrics.features.set(rows.iter().map(|row| {
                let Definition { source, input, .. } = &row.definition;
                (source.clone(), input.in_full(), row.share())
            }));
            let due = rows.iter().filter(|row| !row.told || (!row.is_complete() && row.is_due()));
            // What is not due any more has no pass, or it would look as if something took a while.
            let mut passes = std::mem::take(&mut done.passes);
            let mut due: Vec<_> = due
                .map(|row| (row, passes.remove(&row.definition.id).unwrap_or(row.filled)))
                .collect();
            if due.is_empty() {
                return Ok(());
            }
            let observe = |definition: &Definition, event: &_, heard: &[&_], at| {
                self.features.observer().observations(definition, event, heard, at)
            };
            while let Some(last) = self.features.store().fill_features(&due, observe).await? {
                due.iter_mut().for_each(|(_, after)| *after = last.max(*after));
                if begun.elapsed() >= READ {
                    done.passes = due.iter().map(|(row, at)| (row.definition.id, *at)).collect();
                    self.say(&rows, &done.passes);
                    return Ok(());
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    fn say(&self, rows: &[FeatureRow], passes: &HashMap<DefinitionId, DecisionId>) {
        let (told, not): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.told);
        let told = told.into_iter().map(|row| row.definition.id).collect();
        let ids = not.into_iter().map(|row| row.definition.id);
        // What a pass was begun for and not ended, and what waits for that.
        let behind = if passes.is_empty() { HashSet::new() } else { ids.collect() };
        self.features.say(Filled { told, behind });
    }

    /// Of what is declared, how far it is.
    async fn rows(&self, declared: &[&Definition]) -> Result<Vec<FeatureRow>, StoreError> {
        // Most sets declare nothing.
        if declared.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = self.features.store().features().await?;
        rows.retain(|row| declared.iter().any(|it| it.id == row.definition.id));
        Ok(rows)
    }
}
