//! From the store's rows to a snapshot. The only writer of `current`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

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

impl Registry {
    /// Builds the snapshot that the rows describe and swaps it in. Returns its generation.
    ///
    /// # Errors
    /// Where the store does not answer; then the old snapshot serves on.
    pub async fn refresh(&self) -> Result<u64, StoreError> {
        let _alone = self.building.lock().await;
        loop {
            let rows = self.rows().await?;
            let generation = rows.generation;
            self.prepare_all(&rows.deployments).await?;
            let snapshot = self.build(rows).await?;
            let previous = self.current.rcu(|current| match succeeds(current, &snapshot) {
                true => Arc::clone(&snapshot),
                false => Arc::clone(current),
            });
            if succeeds(&previous, &snapshot) {
                self.forget_unused();
            }
            // While detectors were being compiled the rows may have moved on.
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

    /// Compiles what is deployed and not ready, such as after a restart or a change by another
    /// server.
    async fn prepare_all(&self, deployments: &[Deployment]) -> Result<(), StoreError> {
        for deployment in deployments.iter().filter(|deployment| deployment.stage.is_live()) {
            if self.ready().contains_key(&build_of(deployment)) {
                continue;
            }
            let Some(file) = self.store.detector_bytes(deployment.digest).await? else { continue };
            if let Err(error) = self.prepare(file, &deployment.settings).await {
                tracing::error!(
                    detector = deployment.detector,
                    digest = %deployment.digest,
                    "a detector that is deployed does not load: {error}"
                );
            }
        }
        Ok(())
    }

    async fn build(&self, rows: Rows) -> Result<Arc<Snapshot>, StoreError> {
        let standing = rows.deployments.into_iter().filter(|row| row.stage.is_live());
        let mut unloaded = BTreeMap::new();
        let mut detectors = Vec::new();
        for row in standing {
            match self.live(&row) {
                Ok(live) => detectors.push(live),
                Err(refused) => {
                    if !self.current().unloaded().contains_key(&row.id) {
                        tracing::error!(
                            detector = row.detector,
                            version = %row.manifest.version,
                            "a detector that is deployed does not run: {refused}"
                        );
                    }
                    unloaded.insert(row.id, refused.to_string());
                }
            }
        }
        let known = self.known().await?;
        let mut policies = BTreeMap::new();
        for row in rows.policies.into_iter().filter(|row| row.stage == Stage::Active) {
            match Policy::compile(&row.text, &known) {
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
        Ok(Arc::new(Snapshot::new(rows.generation, detectors, policies, modes, unloaded)))
    }

    /// What a row stands for, where it may run.
    fn live(&self, row: &Deployment) -> Result<LiveDetector, Refused> {
        let gone = || Refused::Absent(format!("the bytes of {} are gone", row.digest));
        let prepared = self.ready().get(&build_of(row)).cloned().ok_or_else(gone)??;
        self.admit(row)?;
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

    /// Lets go of compiled detectors that nothing names any more.
    fn forget_unused(&self) {
        let current = self.current();
        let live: HashSet<Build> =
            current.detectors().iter().map(|live| live.prepared.build()).collect();
        self.ready().retain(|build, _| live.contains(build));
    }
}

/// Whether a snapshot takes the place of another: it is of later rows, or what did not load does now.
fn succeeds(current: &Snapshot, next: &Snapshot) -> bool {
    let more = next.unloaded().len() < current.unloaded().len();
    current.generation() < next.generation() || current.generation() == next.generation() && more
}

/// The file with its settings that a row stands for.
pub fn build_of(deployment: &Deployment) -> Build {
    let settings = Digest::of(canonical(&deployment.settings).as_bytes());
    Build { digest: deployment.digest, settings }
}
