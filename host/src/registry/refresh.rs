//! From the store's rows to a snapshot. The only writer of `current`.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;

use super::inbox::TRIED_AGAIN;
use super::life::fall_backs;
use super::{Cohort, LiveDetector, LivePolicy, Refused, Registry, Snapshot, canonical};
use crate::model::{Build, Digest, Stage};
use crate::policy::Policy;
use crate::store::{Deployment, PolicyDeployment, SourceRow, StoreError};

/// What the rows said at one generation.
struct Rows {
    generation: u64,
    deployments: Vec<Deployment>,
    policies: Vec<PolicyDeployment>,
    sources: Vec<SourceRow>,
}

/// Compiled code that is fetched from the cache at once.
const FETCHED_AT_ONCE: usize = 4;

impl Registry {
    /// Builds the snapshot that the rows describe and swaps it in. Returns its generation. Takes no
    /// compiling: a version whose code is not at hand leaves its place to what stood there, until
    /// [`Registry::keep_loaded`] has it.
    ///
    /// # Errors
    /// Where the store does not answer; then the old snapshot serves on.
    pub async fn refresh(&self) -> Result<u64, StoreError> {
        let _alone = self.building.lock().await;
        loop {
            let rows = self.rows().await?;
            let generation = rows.generation;
            let needed = needed(&rows.deployments);
            let fetches: Vec<_> =
                needed.iter().map(|row| self.at_hand(row.digest, &row.settings)).collect();
            let fetched: Vec<_> =
                futures::stream::iter(fetches).buffered(FETCHED_AT_ONCE).collect().await;
            if fetched.iter().any(Option::is_none) {
                self.lacking.notify_one();
            }
            let needed = needed.into_iter().map(build_of).collect();
            let snapshot = self.build(rows).await?;
            if snapshot.differs_from(&self.current()) {
                self.current.store(Arc::new(snapshot));
            }
            self.shelf.retain(&needed);
            // What was written meanwhile is part of the next.
            if self.store.generation().await? == generation {
                return Ok(generation);
            }
        }
    }

    /// Reads the rows of one generation: none may change while the others are read, or two
    /// snapshots would carry one number.
    async fn rows(&self) -> Result<Rows, StoreError> {
        loop {
            let generation = self.store.generation().await?;
            let rows = Rows {
                generation,
                deployments: self.store.deployments().await?,
                policies: self.store.policy_deployments().await?,
                sources: self.store.sources().await?,
            };
            if self.store.generation().await? == generation {
                return Ok(rows);
            }
        }
    }

    async fn build(&self, rows: Rows) -> Result<Snapshot, StoreError> {
        let current = self.current();
        let mut unloaded = BTreeMap::new();
        let mut detectors = Vec::new();
        for row in rows.deployments.iter().filter(|row| row.stage.is_live()) {
            match self.live(row) {
                Ok(live) => detectors.push(live),
                Err(refused) => {
                    let again = if refused.is_of_the_machine() { TRIED_AGAIN } else { "" };
                    let why = format!("{refused}{again}");
                    if current.unloaded().get(&row.id) != Some(&why) {
                        tracing::error!(
                            detector = row.detector,
                            version = %row.manifest.version,
                            "a detector that is deployed does not run: {why}"
                        );
                    }
                    unloaded.insert(row.id, why);
                    if let Refused::Load(_) | Refused::Lacking = refused {
                        detectors.extend(stands_in(row, &rows.deployments, &current));
                    }
                }
            }
        }
        let mut policies = BTreeMap::new();
        for row in rows.policies.into_iter().filter(|row| row.stage == Stage::Active) {
            match Policy::compile_again(&row.text) {
                Ok(compiled) => {
                    let live = LivePolicy {
                        policy: compiled.policy,
                        version: row.version,
                        origin: row.origin,
                    };
                    policies.insert(row.source, Arc::new(live));
                }
                Err(_) => {
                    tracing::error!(policy = row.name, "a policy that is deployed does not compile")
                }
            }
        }
        let modes = rows.sources.into_iter().map(|row| (row.source, row.mode)).collect();
        let next = Snapshot::new(rows.generation, detectors, policies, modes, unloaded);
        Ok(next.following(&current))
    }

    /// What a row stands for, where it may run.
    fn live(&self, row: &Deployment) -> Result<LiveDetector, Refused> {
        self.admit(row)?;
        let code = self.shelf.get(&build_of(row)).ok_or(Refused::Lacking)?;
        let prepared = code.prepared()?;
        let prepared = prepared.within(&self.rules.detectors.budget(&row.detector));
        Ok(LiveDetector {
            deployment: row.id,
            isolation: self.rules.detectors.isolation(&row.detector),
            prepared,
            source: row.source.clone(),
            origin: row.origin.clone(),
            stage: row.stage,
            before: row.before,
            cohort: row.canary.map(|canary| Cohort::new(row.salt, canary.share)),
        })
    }
}

/// The rows whose code is wanted: those that are live, and what serves next where one has failed.
pub(super) fn needed(rows: &[Deployment]) -> Vec<&Deployment> {
    let live = rows.iter().filter(|row| row.stage.is_live());
    live.chain(fall_backs(rows).map(|(_, good)| good)).collect()
}

/// What stood in the place of a version whose code is not at hand here, where the rows have it nowhere
/// else: what served before serves on. Nothing stands in for what was refused, nor for what a person
/// took out before.
fn stands_in(row: &Deployment, rows: &[Deployment], current: &Snapshot) -> Option<LiveDetector> {
    let mut before = current.detectors().iter().filter(|live| {
        let name = &live.prepared.manifest().name;
        (name, &live.source, live.stage) == (&row.detector, &row.source, row.stage)
    });
    let is_out = |live: &&LiveDetector| {
        let stands = rows.iter().find(|row| row.id == live.deployment);
        stands.is_some_and(|row| !row.stage.is_live())
    };
    before.find(is_out).cloned()
}

/// The file with its settings that a row stands for.
pub fn build_of(deployment: &Deployment) -> Build {
    let settings = Digest::of(canonical(&deployment.settings).as_bytes());
    Build { digest: deployment.digest, settings }
}
