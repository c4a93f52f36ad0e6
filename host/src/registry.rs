//! Which detectors and policies are live: candidates in, snapshots out.
//!
//! The store is the truth and the folders are inboxes. A candidate is loaded, written to the store,
//! and only then part of the next snapshot; a bad one changes nothing. Events in flight finish on
//! the snapshot that they began with.

mod cohort;
mod files;
mod inbox;
mod life;
mod recall;
mod refresh;
mod snapshot;
mod status;
mod trust;
mod upload;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use serde_json::Value as Json;
use thiserror::Error;

use crate::model::{Build, DetectorRules, Digest, Identity, Landing, Mode, Stage};
use crate::policy::{Known, Labels, Policy, render};
use crate::runtime::{LoadError, Prepared, Runtime};
use crate::signing::{self, SignatureError};
use crate::store::{
    Deployment, EVERY_SOURCE, Origin, Publish, PublishPolicy, Published, Store, StoreError,
};
use crate::telemetry::{Loaded, Metrics};

pub use cohort::Cohort;
pub use files::settings;
pub use inbox::{Bundle, BundledDetector, BundledPolicy};
pub use life::{Standing, Stood};
pub use recall::Unrecalled;
pub use refresh::build_of;
pub use snapshot::{LiveDetector, LivePolicy, Snapshot, Subscribed};
pub use status::{Catalogue, DetectorStatus, Landings, Refusal};
pub use trust::signature_path;
pub use upload::Uploaded;
pub use watch::watch;

/// The live set and the way into it. One per process.
pub struct Registry {
    runtime: Arc<Runtime>,
    store: Store,
    metrics: Arc<Metrics>,
    folders: Folders,
    bundle: Bundle,
    rules: Rules,
    /// The files of the bundle: the only ones that compile in this process.
    trusted: HashSet<Digest>,
    current: ArcSwap<Snapshot>,
    /// Every detector that was made ready, by file and settings.
    ready: Mutex<HashMap<Build, Result<Prepared, LoadError>>>,
    /// Candidates come one at a time: loading takes a whole core.
    entering: tokio::sync::Mutex<inbox::Tried>,
    /// Snapshots are built one at a time: each lets go of what the one before needed.
    building: tokio::sync::Mutex<()>,
}

/// The folders and what a file in them may be.
#[derive(Debug, Clone)]
pub struct Folders {
    pub detectors: PathBuf,
    pub policies: PathBuf,
    pub file_bytes_max: u64,
}

/// What the operator allows.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Whose signatures count, and whether any are asked for.
    pub trust: signing::Trust,
    /// What detectors may read, say and use.
    pub detectors: DetectorRules,
    /// Where a file of the folder lands.
    pub folder_stage: Landing,
    /// Where an uploaded file lands, by source; `*` for the others.
    pub upload_stage: BTreeMap<String, Landing>,
    /// Whether a version is promoted by another key than the one that published it.
    pub two_person: bool,
}

/// A detector that asks to go live.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The component as shipped.
    pub file: Vec<u8>,
    /// The name that it was sent under; `None`: whatever it calls itself.
    pub name: Option<String>,
    /// A JSON object.
    pub settings: Json,
    pub origin: Origin,
    /// [`crate::store::EVERY_SOURCE`], or one.
    pub source: String,
    /// Where it lands.
    pub stage: Landing,
    /// Whether it may be older than what stands there.
    pub allow_downgrade: bool,
    /// The text of its signature file.
    pub signature: Option<Vec<u8>>,
    /// Why, for the audit log.
    pub why: Option<String>,
}

/// Why a candidate did not go live. Nothing was changed.
#[derive(Debug, Clone, Error)]
pub enum Refused {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The diagnostics as a compiler prints them.
    #[error("{0}")]
    Policy(String),
    #[error(
        "this file is the detector `{name}` and was sent as `{sent}`: send it under its own name (--name {name})"
    )]
    Name { name: String, sent: String },
    #[error("`{name}` is already what the file {file} ships; remove one of the two")]
    Claimed { name: String, file: String },
    /// It wants more than the operator grants.
    #[error("{0}")]
    Grant(String),
    /// It may not be where it is wanted.
    #[error("{0}")]
    Stage(String),
    #[error("{0}")]
    Absent(String),
    /// The version is taken, or older than what serves.
    #[error(transparent)]
    Version(StoreError),
    /// Somebody else was faster.
    #[error(transparent)]
    Moved(StoreError),
    /// The store does not answer: not the candidate's fault.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::VersionTaken { .. } | StoreError::Downgrade { .. } => Self::Version(error),
            StoreError::Moved { .. } => Self::Moved(error),
            error => Self::Store(error),
        }
    }
}

impl Registry {
    /// A registry that serves nothing yet: [`Registry::refresh`] and [`Registry::scan`] fill it.
    pub fn new(
        runtime: Runtime,
        store: Store,
        metrics: Arc<Metrics>,
        folders: Folders,
        bundle: Bundle,
        rules: Rules,
    ) -> Self {
        let trusted = bundle.detectors.iter().map(|bundled| Digest::of(bundled.file)).collect();
        Self {
            runtime: Arc::new(runtime),
            store,
            metrics,
            folders,
            bundle,
            rules,
            trusted,
            current: ArcSwap::from_pointee(Snapshot::empty()),
            ready: Mutex::default(),
            entering: tokio::sync::Mutex::default(),
            building: tokio::sync::Mutex::default(),
        }
    }

    /// The set that is live now. Take it once per event.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Sets the mode of a source, which is part of the snapshot.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn set_mode(
        &self,
        source: &str,
        mode: Mode,
        why: &str,
        who: Option<&Identity>,
    ) -> Result<u64, StoreError> {
        self.store.set_mode(source, mode, why, who).await?;
        self.refresh().await
    }

    /// Loads a candidate and puts it where it lands. The one way in, whatever it came by.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed.
    async fn publish(
        &self,
        candidate: &Candidate,
        who: Option<&Identity>,
    ) -> Result<(Prepared, Published), Refused> {
        let Candidate { file, settings, origin, source, stage, .. } = candidate;
        self.verify_unopened(candidate)?;
        let prepared = self.prepare(file.clone(), settings).await?;
        let (manifest, digest) = (prepared.manifest(), prepared.digest());
        self.verify(candidate, &prepared)?;
        self.rules.detectors.check(manifest, source).map_err(Refused::Grant)?;
        let name = &manifest.name;
        if let Some(sent) = candidate.name.as_ref().filter(|sent| *sent != name) {
            return Err(Refused::Name { name: name.clone(), sent: sent.clone() });
        }
        if let Some(other) = self.claimant(name, origin).await? {
            return Err(Refused::Claimed { name: name.clone(), file: other });
        }
        if *stage == Landing::Active
            && let Some(why) = self.store.version(digest).await?.and_then(|version| version.impure)
        {
            let what = format!("{name} {} is not pure: {why}", manifest.version);
            return Err(Refused::Stage(what));
        }
        let publish = Publish {
            manifest,
            digest,
            bytes: file,
            settings,
            signature: candidate.signature.as_deref().and_then(|text| str::from_utf8(text).ok()),
            source,
            origin: origin.clone(),
            stage: Stage::from(*stage),
            allow_downgrade: candidate.allow_downgrade,
            why: candidate.why.as_deref(),
        };
        let published = self.store.publish_detector(&publish, who).await?;
        self.retire_others(name, origin).await?;
        if published.changed {
            self.metrics.load("detector", Loaded::Published);
            tracing::info!(
                detector = name,
                version = %manifest.version,
                %digest,
                %origin,
                stage = %published.stage,
                generation = published.generation,
                "detector published"
            );
        }
        Ok((prepared, published))
    }

    /// Whether the operator lets a version run that was let in before: asked of every row whenever a
    /// snapshot is built, for a key may have been revoked and a grant withdrawn.
    ///
    /// # Errors
    /// What it lacks.
    fn admit(&self, row: &Deployment) -> Result<(), Refused> {
        self.verify_again(row)?;
        self.rules.detectors.check(&row.manifest, &row.source).map_err(Refused::Grant)
    }

    /// Checks a policy and makes it judge its source.
    ///
    /// # Errors
    /// Every fault of the document; then nothing has changed.
    async fn publish_policy(&self, text: &str, file: &str, origin: Origin) -> Result<(), Refused> {
        let compiled = Policy::compile(text, &self.known().await?)
            .map_err(|faults| Refused::Policy(render(file, text, &faults)))?;
        for warning in &compiled.warnings {
            tracing::warn!(file, line = warning.line, "{}", warning.message);
        }
        let policy = compiled.policy;
        for row in self.store.policy_deployments().await? {
            let other = row.origin == origin && row.source != policy.source();
            if other && origin.file().is_some() && row.stage == Stage::Active {
                self.store.retire_policy(&row.source, Some(&origin), None).await?;
                self.metrics.load("policy", Loaded::Retired);
                tracing::info!(source = row.source, %origin, "policy retired: its file judges another source");
            }
        }
        let publish = PublishPolicy {
            name: policy.name(),
            source: policy.source(),
            text,
            digest: policy.digest(),
            origin: origin.clone(),
        };
        let published = self.store.publish_policy(&publish, None).await?;
        if published.changed {
            self.metrics.load("policy", Loaded::Published);
            tracing::info!(
                policy = policy.name(),
                source = policy.source(),
                version = published.version,
                %origin,
                "policy live"
            );
        }
        Ok(())
    }

    /// What a policy may name.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn known(&self) -> Result<Known, StoreError> {
        let snapshot = self.current();
        let manifests = || snapshot.detectors().iter().map(|live| live.prepared.manifest());
        let loaded = manifests().flat_map(|manifest| manifest.labels.iter().cloned()).collect();
        let detectors = manifests().map(|manifest| manifest.name.clone()).collect();
        let stored = self.store.known_labels().await?;
        Ok(Known { labels: Labels { stored, loaded }, detectors })
    }

    /// Retires what a file shipped before under other names: it ships this one now.
    async fn retire_others(&self, name: &str, origin: &Origin) -> Result<(), StoreError> {
        if origin.file().is_none() {
            return Ok(());
        }
        for row in self.store.deployments().await? {
            if row.origin == *origin && row.detector != name && row.stage.is_live() {
                let why = format!("its file ships {name} now");
                self.store
                    .retire_detector(&row.source, &row.detector, Some(origin), &why, None)
                    .await?;
                self.metrics.load("detector", Loaded::Retired);
                tracing::info!(detector = row.detector, %origin, "detector retired: {why}");
            }
        }
        Ok(())
    }

    /// The file that ships this name already, if there is another.
    async fn claimant(&self, name: &str, origin: &Origin) -> Result<Option<String>, StoreError> {
        let Some(file) = origin.file() else { return Ok(None) };
        let deployments = self.store.deployments().await?;
        let stands = deployments.iter().filter(|row| row.detector == name && row.stage.is_live());
        let mut files = stands.filter_map(|row| row.origin.file());
        Ok(files.find(|other| *other != file && self.folders.holds(other)).map(str::to_owned))
    }

    /// Makes a file ready, or finds it ready.
    async fn prepare(&self, file: Vec<u8>, settings: &Json) -> Result<Prepared, LoadError> {
        let settings = canonical(settings);
        let build = Build { digest: Digest::of(&file), settings: Digest::of(settings.as_bytes()) };
        if let Some(Ok(prepared)) = self.ready().get(&build) {
            return Ok(prepared.clone());
        }
        let loaded = self.load(file, settings, build.digest).await;
        self.ready().insert(build, loaded.clone());
        loaded
    }

    /// Where an uploaded file for a source lands. Where two persons are asked for, none goes live by
    /// the word of the one who ships it.
    pub fn upload_stage(&self, source: &str) -> Landing {
        if self.rules.two_person {
            return Landing::Shadow;
        }
        let stages = &self.rules.upload_stage;
        stages.get(source).or_else(|| stages.get(EVERY_SOURCE)).copied().unwrap_or(Landing::Shadow)
    }

    fn ready(&self) -> std::sync::MutexGuard<'_, HashMap<Build, Result<Prepared, LoadError>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settings as a detector is given them: canonical, so that their digest is theirs.
fn canonical(settings: &Json) -> String {
    serde_json_canonicalizer::to_string(settings).expect("JSON has a canonical form")
}
