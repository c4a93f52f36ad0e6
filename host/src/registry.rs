//! Which detectors and policies are live: candidates in, snapshots out.
//!
//! The store is the truth and the folders are inboxes. A candidate is loaded, written to the store,
//! and only then part of the next snapshot; a bad one changes nothing. Events in flight finish on
//! the snapshot that they began with.

mod backoff;
mod bundle;
mod code;
mod cohort;
mod files;
mod inbox;
mod judges;
mod life;
mod loader;
mod policies;
mod publish;
mod recall;
mod refresh;
mod seen;
mod snapshot;
mod status;
mod trust;
mod upload;
mod watch;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use serde_json::Value as Json;
use thiserror::Error;

use crate::model::{Build, DetectorRules, Digest, Identity, Landing, Mode, Stage};
use crate::policy::{Diagnostic, Known, Labels, Policy};
use crate::runtime::{LoadError, Runtime};
use crate::signing::{self, SignatureError};
use crate::store::{EVERY_SOURCE, Origin, PolicyDeployment, Store, StoreError};
use crate::telemetry::Metrics;

pub use bundle::{Bundle, BundledDetector, BundledPolicy};
pub use cohort::Cohort;
pub use files::{parts_beside, settings};
pub use judges::{Judges, LivePolicy};
pub use life::{Standing, Stood};
pub use policies::{PolicyStood, PolicyTaken, SentPolicy};
pub use recall::Unrecalled;
pub use refresh::build_of;
pub use snapshot::{LiveDetector, Snapshot, Subscribed};
pub use status::{Catalogue, DetectorStatus, Landings, Refusal};
pub use trust::{signature_beside, signature_path};
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
    /// Code that is at hand.
    shelf: code::Shelf,
    /// Something is deployed, or should be fallen back to, and its code is not at hand.
    lacking: tokio::sync::Notify,
    /// Whether what is deployed was made live after the start.
    restored: AtomicBool,
    /// Candidates whose code is at hand enter one at a time. Invariant: nothing compiles while this or
    /// `building` is held, so no move of a version waits for a stranger's file.
    entering: tokio::sync::Mutex<seen::Seen>,
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
    #[error(
        "precompiled code is never accepted, for nobody can check it; ship the .wasm component"
    )]
    Precompiled,
    /// What lies beside it cannot be read.
    #[error("{0}")]
    Beside(String),
    /// The diagnostics as a compiler prints them, and each.
    #[error("{rendered}")]
    Policy { rendered: String, faults: Vec<Diagnostic> },
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
    /// There is no room for it now.
    #[error("{0}")]
    Full(String),
    /// It is not for this caller.
    #[error("{0}")]
    Reach(String),
    #[error("{0}")]
    Absent(String),
    /// It was let in before, and its code is not at hand yet.
    #[error("it is being compiled here; what stood in its place serves on meanwhile")]
    Lacking,
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

impl Candidate {
    /// The file with its settings.
    fn build(&self) -> Build {
        let settings = Digest::of(canonical(&self.settings).as_bytes());
        Build { digest: Digest::of(&self.file), settings }
    }
}

impl Refused {
    /// Whether the same may well be taken another time, see [`LoadError::is_of_the_machine`].
    pub fn is_of_the_machine(&self) -> bool {
        matches!(self, Self::Load(error) if error.is_of_the_machine())
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::VersionTaken { .. } | StoreError::Downgrade { .. } => Self::Version(error),
            StoreError::Moved { .. } => Self::Moved(error),
            StoreError::PolicyName { .. } => Self::Stage(error.to_string()),
            StoreError::ShadowsFull { .. } => Self::Full(error.to_string()),
            error => Self::Store(error),
        }
    }
}

impl Registry {
    /// A registry that serves nothing yet: [`Registry::restore`] and [`Registry::scan`] fill it.
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
            shelf: code::Shelf::default(),
            lacking: tokio::sync::Notify::default(),
            restored: AtomicBool::new(false),
            entering: tokio::sync::Mutex::default(),
            building: tokio::sync::Mutex::default(),
        }
    }

    /// The set that is live now. Take it once per event.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Whether what the record says is deployed, and what the program carries, is live. Until then no
    /// event is decided: it would be decided by a part of it.
    pub fn is_restored(&self) -> bool {
        self.restored.load(Ordering::Acquire)
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

    /// Where a file of the folder lands. Where two persons are asked for, none goes live by the hand of
    /// the one who put it there.
    pub fn folder_stage(&self) -> Landing {
        match self.rules.two_person {
            true => Landing::Shadow,
            false => self.rules.folder_stage,
        }
    }

    /// Where a policy of the folder lands: as a detector does, but that there is nothing to look at it
    /// beside where its source never had one; such a source begins in shadow mode. What decided before
    /// its file went decides again when that comes back and nothing else does: a folder that is not there
    /// for a moment takes no source out of service.
    async fn policy_stage(&self, policy: &Policy, origin: &Origin) -> Result<Landing, StoreError> {
        let landing = if origin.file().is_some() { self.folder_stage() } else { Landing::Active };
        if landing == Landing::Active {
            return Ok(landing);
        }
        let mut rows = self.store.policy_deployments().await?;
        rows.retain(|row| row.source == policy.source());
        let decides = rows.iter().any(|row| row.stage == Stage::Active);
        let decided =
            |row: &PolicyDeployment| row.digest == policy.digest() && row.served_at.is_some();
        let comes_back = !decides && rows.iter().any(decided);
        let first = rows.is_empty() && !self.rules.two_person;
        Ok(if first || comes_back { Landing::Active } else { Landing::Shadow })
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
}

/// Settings as a detector is given them: canonical, so that their digest is theirs.
fn canonical(settings: &Json) -> String {
    serde_json_canonicalizer::to_string(settings).expect("JSON has a canonical form")
}
