//! The folders: what lies in them is offered, what has gone is retired. The bundle is a folder
//! inside the program, which serves where no other file does.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::files::{is_there, list, name_of, read, settings};
use super::{Candidate, Folders, Refused, Registry, canonical};
use crate::model::{Digest, Landing, Stage};
use crate::runtime::LoadError;
use crate::store::{Deployment, EVERY_SOURCE, InboxRow, Origin, StoreError};
use crate::telemetry::Loaded;

/// What the program carries with it.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    pub detectors: Vec<BundledDetector>,
    pub policies: Vec<BundledPolicy>,
}

#[derive(Debug, Clone, Copy)]
pub struct BundledDetector {
    pub name: &'static str,
    pub file: &'static [u8],
}

#[derive(Debug, Clone, Copy)]
pub struct BundledPolicy {
    pub source: &'static str,
    pub text: &'static str,
}

const POLICY_BYTES_MAX: u64 = 1 << 20;

/// What was last tried of each file, with its settings and its signature, so that a refusal is not
/// repeated.
pub(super) type Tried = HashMap<String, (Digest, Digest, Option<Digest>)>;

impl Folders {
    /// Whether a file of the inbox is still there. One that cannot be looked at is: a mount that
    /// does not answer must not retire everything.
    /// What is of no folder is not gone from one.
    pub(super) fn holds(&self, file: &str) -> bool {
        self.path(file).is_none_or(|path| path.symlink_metadata().map_or_else(is_there, |_| true))
    }

    fn path(&self, file: &str) -> Option<PathBuf> {
        let (folder, name) = file.split_once('/')?;
        match folder {
            "detectors" => Some(self.detectors.join(name)),
            "policies" => Some(self.policies.join(name)),
            _ => None,
        }
    }
}

impl Registry {
    /// Brings the live set in line with folders and bundle. Safe to call at any time: what was
    /// taken before is not taken again. The events that asked for it are only hints.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn scan(&self) -> Result<(), StoreError> {
        let mut tried = self.entering.lock().await;
        let rows = self.store.inbox().await?;
        let inbox: HashMap<&str, &InboxRow> = rows.iter().map(|row| (&*row.file, row)).collect();
        let detectors = list(&self.folders.detectors, "wasm");
        let policies = list(&self.folders.policies, "toml");
        for path in &detectors {
            self.offer_detector(path, &inbox, &mut tried).await?;
        }
        for path in &policies {
            self.offer_policy(path, &inbox, &mut tried).await?;
        }
        for row in &rows {
            if !self.folders.holds(&row.file) {
                tried.remove(&row.file);
                self.retire_file(&row.file).await?;
            }
        }
        self.offer_bundle().await?;
        self.refresh().await?;
        Ok(())
    }

    async fn offer_detector(
        &self,
        path: &Path,
        inbox: &HashMap<&str, &InboxRow>,
        tried: &mut Tried,
    ) -> Result<(), StoreError> {
        let file = format!("detectors/{}", name_of(path));
        let bytes = match read(path, self.folders.file_bytes_max) {
            Ok(bytes) => bytes,
            Err(error) => {
                tried.remove(&file);
                let too_long = error.kind() == io::ErrorKind::FileTooLarge;
                let key = if too_long { " (detector_file_bytes_max)" } else { "" };
                return self.refuse("detector", &file, None, &format!("{error}{key}")).await;
            }
        };
        let digest = Digest::of(&bytes);
        let beside = settings(path).and_then(|settings| Ok((settings, self.signature(path)?)));
        let (settings, signature) = match beside {
            Ok(beside) => beside,
            Err(error) => {
                tried.remove(&file);
                return self.refuse("detector", &file, Some(digest), &error).await;
            }
        };
        let signed = signature.as_deref().map(Digest::of);
        let now = (digest, Digest::of(canonical(&settings).as_bytes()), signed);
        let origin = Origin::Folder(file.clone());
        let seen = match tried.insert(file.clone(), now) {
            Some(before) => before == now,
            // Taken by an earlier run of the program: then the row of the deployment knows.
            None => {
                let signature = signature.as_deref();
                let row = inbox.get(&*file).copied();
                self.is_taken(row, digest, &settings, signature, &origin).await?
            }
        };
        if seen {
            return Ok(());
        }
        let candidate = Candidate {
            file: bytes,
            name: None,
            settings,
            origin,
            signature,
            source: EVERY_SOURCE.to_owned(),
            stage: self.rules.folder_stage,
            allow_downgrade: false,
            why: None,
        };
        match self.publish(&candidate, None).await {
            Ok(_) => Ok(()),
            // Not the file's fault: it is tried again.
            Err(Refused::Store(error)) => {
                tried.remove(&file);
                Err(error)
            }
            Err(refused) => {
                // The other file may go, the compiler may start again: then this one is good.
                if let Refused::Claimed { .. } | Refused::Load(LoadError::NotStarted(_)) = refused {
                    tried.remove(&file);
                }
                self.refuse("detector", &file, Some(digest), &refused.to_string()).await
            }
        }
    }

    async fn is_taken(
        &self,
        row: Option<&InboxRow>,
        digest: Digest,
        settings: &Json,
        signature: Option<&[u8]>,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let good = row.is_some_and(|row| row.digest == Some(digest) && row.error.is_none());
        let deployments = self.store.deployments().await?;
        let same = |row: &Deployment| {
            let signed = row.signature.as_deref().map(str::as_bytes);
            let kept = signature.is_none() || signature == signed;
            row.digest == digest && row.settings == *settings && kept
        };
        Ok(good && deployments.iter().any(|row| row.origin == *origin && same(row)))
    }

    async fn offer_policy(
        &self,
        path: &Path,
        inbox: &HashMap<&str, &InboxRow>,
        tried: &mut Tried,
    ) -> Result<(), StoreError> {
        let name = name_of(path);
        let file = format!("policies/{name}");
        let text = read(path, POLICY_BYTES_MAX).and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| io::Error::other("is not UTF-8 text"))
        });
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                tried.remove(&file);
                return self.refuse("policy", &file, None, &error.to_string()).await;
            }
        };
        let digest = Digest::of(text.as_bytes());
        let taken =
            inbox.get(&*file).is_some_and(|row| row.digest == Some(digest) && row.error.is_none());
        let now = (digest, digest, None);
        if tried.insert(file.clone(), now) == Some(now) || taken {
            return Ok(());
        }
        match self.publish_policy(&text, &name, Origin::Folder(file.clone())).await {
            Ok(()) => Ok(()),
            Err(Refused::Store(error)) => {
                tried.remove(&file);
                Err(error)
            }
            Err(refused) => self.refuse("policy", &file, Some(digest), &refused.to_string()).await,
        }
    }

    async fn refuse(
        &self,
        kind: &'static str,
        file: &str,
        digest: Option<Digest>,
        why: &str,
    ) -> Result<(), StoreError> {
        let news = match kind {
            "policy" => self.store.refuse_policy(file, digest, why).await?,
            _ => self.store.refuse_detector(file, digest, why).await?,
        };
        if news {
            self.metrics.load(kind, Loaded::Refused);
            tracing::error!(file, "{kind} refused, what served before serves on: {why}");
        }
        Ok(())
    }

    /// Retires what came from a file that is gone, and only that.
    async fn retire_file(&self, file: &str) -> Result<(), StoreError> {
        let origin = Origin::Folder(file.to_owned());
        let mut retired = false;
        for row in self.store.deployments().await? {
            if row.origin == origin && row.stage.is_live() {
                let why = "its file is gone";
                self.store
                    .retire_detector(&row.source, &row.detector, Some(&origin), why, None)
                    .await?;
                self.metrics.load("detector", Loaded::Retired);
                tracing::info!(detector = row.detector, file, "detector retired: {why}");
                retired = true;
            }
        }
        for row in self.store.policy_deployments().await? {
            if row.origin == origin && row.stage == Stage::Active {
                self.store.retire_policy(&row.source, Some(&origin), None).await?;
                self.metrics.load("policy", Loaded::Retired);
                tracing::info!(policy = row.name, file, "policy retired: its file is gone");
                retired = true;
            }
        }
        if !retired {
            self.store.forget_file(file).await?;
        }
        Ok(())
    }

    /// Lets the bundle serve where nothing else does, and no longer where it does not hold.
    async fn offer_bundle(&self) -> Result<(), StoreError> {
        let mut deployed: BTreeMap<String, Vec<Deployment>> = BTreeMap::new();
        for row in self.store.deployments().await? {
            if row.source == EVERY_SOURCE {
                deployed.entry(row.detector.clone()).or_default().push(row);
            }
        }
        let mut wanted = Vec::new();
        for bundled in &self.bundle.detectors {
            let rows = deployed.get(bundled.name).map_or(&[][..], Vec::as_slice);
            let sidecar = self.folders.detectors.join(bundled.name).with_extension("toml");
            let settings = match settings(&sidecar) {
                Ok(settings) => settings,
                Err(error) => {
                    let file = format!("detectors/{}.toml", bundled.name);
                    self.refuse("detector", &file, None, &error).await?;
                    // What serves, serves on; where nothing does, the detector's own defaults do.
                    match rows.iter().any(|row| row.stage.is_live()) {
                        true => continue,
                        false => json!({}),
                    }
                }
            };
            let holds = |file: &str| self.folders.holds(file);
            if bundle_is_due(rows, Digest::of(bundled.file), &settings, &holds) {
                wanted.push(Candidate {
                    file: bundled.file.to_vec(),
                    name: None,
                    settings,
                    origin: Origin::Bundle,
                    source: EVERY_SOURCE.to_owned(),
                    stage: Landing::Active,
                    // An older program was started: that is somebody's word.
                    allow_downgrade: true,
                    signature: None,
                    why: None,
                });
            }
        }
        self.prepare_together(&wanted).await;
        for candidate in &wanted {
            if let Err(refused) = self.publish(candidate, None).await {
                tracing::error!("a bundled detector does not load: {refused}");
            }
        }
        for row in deployed.values().flatten() {
            let carried = self.bundle.detectors.iter().any(|bundled| bundled.name == row.detector);
            if row.origin == Origin::Bundle && row.stage.is_live() && !carried {
                let (origin, why) = (Origin::Bundle, "the program does not carry it any more");
                self.store
                    .retire_detector(EVERY_SOURCE, &row.detector, Some(&origin), why, None)
                    .await?;
            }
        }
        // Policies name labels, so they come after the detectors are live.
        self.refresh().await?;
        self.offer_bundled_policies().await
    }

    async fn offer_bundled_policies(&self) -> Result<(), StoreError> {
        let deployed = self.store.policy_deployments().await?;
        for bundled in &self.bundle.policies {
            let row = deployed.iter().find(|row| row.source == bundled.source);
            let due = row.is_none_or(|row| match (&row.origin, row.stage) {
                (Origin::Bundle, Stage::Active) => {
                    row.digest != Digest::of(bundled.text.as_bytes())
                }
                (Origin::Folder(_), Stage::Retired) => true,
                _ => false,
            });
            if due
                && let Err(refused) =
                    self.publish_policy(bundled.text, bundled.source, Origin::Bundle).await
            {
                tracing::error!(
                    source = bundled.source,
                    "a bundled policy does not load: {refused}"
                );
            }
        }
        Ok(())
    }

    /// Bundled detectors are trusted and many: they compile side by side.
    async fn prepare_together(&self, candidates: &[Candidate]) {
        let each = candidates
            .iter()
            .map(|candidate| self.prepare(candidate.file.clone(), &candidate.settings));
        // Why one fails is said when it is published.
        futures::future::join_all(each).await;
    }
}

/// Whether a bundled detector is to be published: nothing has stood there yet, what the program
/// carried before serves, or the file that served in its place is gone. What a person has moved is
/// left as it is.
fn bundle_is_due(
    rows: &[Deployment],
    digest: Digest,
    settings: &Json,
    holds: &dyn Fn(&str) -> bool,
) -> bool {
    let same = |row: &Deployment| row.digest == digest && row.settings == *settings;
    let offered = rows.iter().any(|row| row.origin == Origin::Bundle && same(row));
    match rows.iter().find(|row| row.stage == Stage::Active) {
        Some(active) => active.origin == Origin::Bundle && !offered,
        None => match rows.iter().max_by_key(|row| (row.served_at, row.id)) {
            Some(last) => {
                let gone = |file: &str| !holds(file);
                let file_gone =
                    last.origin.file().is_some_and(gone) && last.stage == Stage::Retired;
                file_gone || last.origin == Origin::Bundle && !offered
            }
            None => true,
        },
    }
}
