//! A decision, made again: the event as it is stored through the detector bytes and the policy text of
//! then, and every bit compared. Shares the pure steps of `ingest`; writes nothing.
//!
//! `again` is the pure part, on all that was gathered. Here it is gathered from the record.

mod again;
mod capsule;
mod compare;
mod due;
mod earlier;
mod range;
mod recent;
mod report;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use thiserror::Error;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::engine::EntityKey;
use crate::model::{Build, Decision, DecisionId, Digest, PolicyRef};
use crate::policy::Policy;
use crate::registry::{Registry, Unrecalled};
use crate::runtime::Prepared;
use crate::store::{Document, Referred, Replayable, Store, StoreError};

use again::Material;
use earlier::Earlier;
use recent::Recent;

pub use capsule::{Capsule, CapsuleError};
pub use range::{Range, RangeLine, RangeSums};
pub use report::{AsRecorded, Difference, Lack, Missing, Replay, Sameness};

/// Builds of the past that are kept ready, compiled code and all.
const BUILDS_MAX: usize = 64;
const POLICIES_MAX: usize = 64;
/// Ranges that are replayed at once.
const RANGES_MAX: usize = 2;

/// Replays what this server has decided. One per process.
pub struct Replayer {
    store: Store,
    registry: Arc<Registry>,
    key: EntityKey,
    builds: Mutex<Recent<Build, Result<Prepared, Missing>>>,
    policies: Mutex<Recent<Digest, Arc<Policy>>>,
    /// Builds are recalled one at a time: compiling takes a whole core.
    recalling: tokio::sync::Mutex<()>,
    /// Replays that run at once: events go first.
    running: Semaphore,
    /// Ranges that are under way at once.
    ranges: Arc<Semaphore>,
    /// Ends what is under way.
    stop: CancellationToken,
}

/// Why there was no replay.
#[derive(Debug, Clone, Error)]
pub enum ReplayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("as many ranges are replayed as may be at once")]
    Busy,
    #[error("the replay panicked; the log says where")]
    Panicked,
}

impl Replayer {
    pub fn new(
        store: Store,
        registry: Arc<Registry>,
        key: EntityKey,
        stop: CancellationToken,
    ) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            store,
            registry,
            key,
            builds: Mutex::new(Recent::new(BUILDS_MAX)),
            policies: Mutex::new(Recent::new(POLICIES_MAX)),
            recalling: tokio::sync::Mutex::default(),
            running: Semaphore::new(cores.div_ceil(2)),
            ranges: Arc::new(Semaphore::new(RANGES_MAX)),
            stop,
        }
    }

    /// Makes a decision again and compares.
    ///
    /// # Errors
    /// Where the store does not answer. What the record lacks is an answer, not an error.
    pub async fn replay(&self, replayable: Replayable) -> Result<Replay, ReplayError> {
        let material = self.gather(replayable).await?;
        let _permit = self.running.acquire().await.map_err(|_| ReplayError::Panicked)?;
        let replaying = tokio::task::spawn_blocking(move || material.replay());
        replaying.await.map_err(|_| ReplayError::Panicked)
    }

    /// All that it takes to replay a decision elsewhere, as far as the record has it.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn capsule(&self, replayable: Replayable) -> Result<Capsule, StoreError> {
        let Replayable { document: Document { decision, .. }, .. } = &replayable;
        let (mut detectors, mut settings) = (BTreeMap::new(), BTreeMap::new());
        for (build, detector) in again::builds(decision) {
            if let Ok(file) = self.registry.file(build.digest).await? {
                detectors.insert(build.digest, file);
            }
            if let Ok(text) = self.registry.settings_text(build, detector).await? {
                settings.insert(build.settings, text);
            }
        }
        let mut earlier = BTreeMap::new();
        for id in earlier::wanted(&replayable.document.replay) {
            if let Ok(event) = self.earlier(id).await? {
                earlier.insert(id, event.json);
            }
        }
        Ok(Capsule {
            id: decision.id,
            policy: self.store.policy_text(decision.policy.digest).await?,
            detectors,
            settings,
            document: replayable.document_json,
            event: replayable.event_json,
            earlier,
            proof: None,
        })
    }

    async fn gather(&self, replayable: Replayable) -> Result<Material, StoreError> {
        let Replayable { document, event, event_json, .. } = replayable;
        let Document { decision, replay, event: event_digest } = document;
        let mut earlier = HashMap::new();
        for id in earlier::wanted(&replay) {
            earlier.insert(id, self.earlier(id).await?.map(Earlier::from));
        }
        Ok(Material {
            event_digests: (event_digest, Digest::of(&event_json)),
            earlier,
            policy: self.policy(&decision.policy).await?,
            builds: self.builds(&decision).await?,
            ceiling: *self.registry.ceiling(),
            key: Some(self.key.clone()),
            basis: replay,
            decision,
            event,
        })
    }

    /// The event of an earlier decision, as far as it is still there.
    async fn earlier(&self, id: DecisionId) -> Result<Result<Referred, Missing>, StoreError> {
        match self.store.event_of(id).await {
            Ok(Some(referred)) => Ok(Ok(referred)),
            Ok(None) => Ok(Err(Missing::new(
                Lack::Event,
                format!(
                    "the event of the decision {id}, of which a detector was told, is kept no longer"
                ),
            ))),
            Err(StoreError::Erased { .. }) => Ok(Err(Missing::new(
                Lack::Erased,
                format!(
                    "the event of the decision {id}, of which a detector was told, was erased with its subject"
                ),
            ))),
            Err(error) => Err(error),
        }
    }

    async fn builds(
        &self,
        decision: &Decision,
    ) -> Result<HashMap<Build, Result<Prepared, Missing>>, StoreError> {
        let mut builds = HashMap::new();
        for (build, detector) in Material::wanted(decision) {
            builds.insert(build, self.build(build, detector).await?);
        }
        Ok(builds)
    }

    async fn build(
        &self,
        build: Build,
        detector: &str,
    ) -> Result<Result<Prepared, Missing>, StoreError> {
        let kept = || lock(&self.builds).get(&build);
        if let Some(kept) = kept() {
            return Ok(kept);
        }
        let _alone = self.recalling.lock().await;
        if let Some(kept) = kept() {
            return Ok(kept);
        }
        let recalled = self.registry.recall(build, detector).await?;
        // It is worth another try: a compiler that did not start, bytes that come back by a restore.
        let passing = match &recalled {
            Ok(_) => false,
            Err(Unrecalled::Load(error)) => error.is_of_the_machine(),
            Err(_) => true,
        };
        let recalled = recalled.map_err(|why| {
            Missing::new(Lack::Detector, format!("{detector} {}: {why}", build.digest))
        });
        if !passing {
            lock(&self.builds).put(build, recalled.clone());
        }
        Ok(recalled)
    }

    async fn policy(&self, policy: &PolicyRef) -> Result<Result<Arc<Policy>, Missing>, StoreError> {
        let PolicyRef { name, version, digest } = policy;
        if let Some(kept) = lock(&self.policies).get(digest) {
            return Ok(Ok(kept));
        }
        let policy = match self.store.policy_text(*digest).await? {
            Some(text) => compile(&text, *digest).map(Arc::new),
            None => Err("the record does not have its text".to_owned()),
        };
        let policy = policy
            .map_err(|why| Missing::new(Lack::Policy, format!("{name} {version} {digest}: {why}")));
        if let Ok(policy) = &policy {
            lock(&self.policies).put(*digest, Arc::clone(policy));
        }
        Ok(policy)
    }
}

/// A policy that judged once.
fn compile(text: &str, digest: Digest) -> Result<Policy, String> {
    if Digest::of(text.as_bytes()) != digest {
        return Err("its text has another digest".to_owned());
    }
    match Policy::compile_again(text) {
        Ok(compiled) => Ok(compiled.policy),
        Err(faults) => {
            let first =
                faults.first().map(|fault| format!("line {}: {}", fault.line, fault.message));
            Err(format!("it does not compile here: {}", first.unwrap_or_default()))
        }
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
