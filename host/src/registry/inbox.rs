//! The folders: what lies in them is offered, what has gone is retired. What takes no compiling is
//! taken at once, also while a file of somebody else compiles.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value as Json;

use super::code::Code;
use super::files::{self, is_there, list, name_of, parts_beside, read, settings};
use super::seen::{Attempt, Seen};
use super::trust::signature_beside;
use super::{Candidate, Folders, Refused, Registry, canonical};
use crate::model::{Build, Digest};
use crate::policy::Whole;
use crate::store::{Deployment, EVERY_SOURCE, Origin, StoreError};
use crate::telemetry::Loaded;

/// After a reason that is not the file's.
pub(super) const TRIED_AGAIN: &str = "; it is tried again";

/// What a look has found that has to be compiled.
#[derive(Debug, Default)]
pub(super) struct Slow {
    files: Vec<PathBuf>,
    bundled: Vec<Candidate>,
}

/// What became of a file that was looked at.
enum Offered {
    Done,
    Slow(Box<Candidate>),
}

/// How a file of a folder is called in the record.
fn detector_file(path: &Path) -> String {
    format!("detectors/{}", name_of(path))
}

fn policy_file(path: &Path) -> String {
    format!("policies/{}", name_of(path))
}

impl Folders {
    /// Whether a file of the inbox is still there. One that cannot be looked at is: a mount that
    /// does not answer must not retire everything. What is of no folder is not gone from one.
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
    /// Brings the live set in line with folders and bundle, compiling what has to be. Safe to call at
    /// any time: what was taken before is not taken again. The events that asked for it are only hints.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn scan(&self) -> Result<(), StoreError> {
        let (mut compiled, mut held) = (HashSet::new(), Vec::new());
        loop {
            let Slow { mut files, bundled } = self.look().await?;
            // A file that keeps changing is for the next scan.
            files.retain(|path| !compiled.contains(path));
            if files.is_empty() && bundled.is_empty() {
                return Ok(());
            }
            held.extend(self.make_together(bundled).await);
            for path in files {
                self.bring(&path).await?;
                compiled.insert(path);
            }
        }
    }

    /// Does all of a scan that takes no compiling, and returns the rest.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(super) async fn look(&self) -> Result<Slow, StoreError> {
        let mut seen = self.entering.lock().await;
        let detectors = list(&self.folders.detectors, "wasm");
        let policies = list(&self.folders.policies, "toml");
        let there = detectors.iter().map(|path| detector_file(path));
        seen.keep(&there.chain(policies.iter().map(|path| policy_file(path))).collect());
        for path in list(&self.folders.detectors, "cwasm") {
            let refused = Refused::Precompiled.to_string();
            self.refuse("detector", &detector_file(&path), None, &refused).await?;
        }
        let mut files = Vec::new();
        for path in detectors {
            if let Offered::Slow(_) = self.offer_detector(&path, &mut seen, None).await? {
                files.push(path);
            }
        }
        for path in policies {
            self.offer_policy(&path, &mut seen, files.is_empty()).await?;
        }
        for row in self.store.inbox().await? {
            let is_there = self.folders.holds(&row.file);
            if seen.has_gone(&row.file, is_there, !files.is_empty()) {
                self.retire_file(&row.file).await?;
            }
        }
        let bundled = self.offer_bundle(&mut seen).await?;
        self.refresh().await?;
        Ok(Slow { files, bundled })
    }

    /// Compiles a file of the folder and offers it again. Nothing is locked while it compiles, so the
    /// file is read anew: what has gone or changed meanwhile is for the next look.
    async fn bring(&self, path: &Path) -> Result<(), StoreError> {
        let offered = self.offer_detector(path, &mut *self.entering.lock().await, None).await?;
        let Offered::Slow(candidate) = offered else { return Ok(()) };
        let build = candidate.build();
        // It failed before, and is due again.
        self.shelf.forget_failed(&build);
        let code = self.make(candidate.file, &candidate.settings).await;
        let made = Some((build, &*code));
        self.offer_detector(path, &mut *self.entering.lock().await, made).await?;
        self.refresh().await.map(drop)
    }

    /// Takes a file that is news, or refuses it, where that takes no compiling, or it is what was just
    /// `made`.
    async fn offer_detector(
        &self,
        path: &Path,
        seen: &mut Seen,
        made: Option<(Build, &Code)>,
    ) -> Result<Offered, StoreError> {
        let tried = &mut seen.tried;
        let file = detector_file(path);
        let bytes = match read(path, self.folders.file_bytes_max) {
            Ok(bytes) => bytes,
            Err(error) => {
                tried.remove(&file);
                let more = match error.kind() {
                    io::ErrorKind::FileTooLarge => " (detector_file_bytes_max)",
                    // What the system says is not for ever; what we say of it is.
                    _ if error.raw_os_error().is_some() => TRIED_AGAIN,
                    _ => "",
                };
                self.refuse("detector", &file, None, &format!("{error}{more}")).await?;
                return Ok(Offered::Done);
            }
        };
        let digest = Digest::of(&bytes);
        let signature = || signature_beside(&self.rules.trust, path);
        let beside = settings(path).and_then(|settings| Ok((settings, signature()?)));
        let (settings, signature) = match beside {
            Ok(beside) => beside,
            Err(error) => {
                tried.remove(&file);
                self.refuse("detector", &file, Some(digest), &error).await?;
                return Ok(Offered::Done);
            }
        };
        let signed = signature.as_deref().map(Digest::of);
        let settings_digest = Digest::of(canonical(&settings).as_bytes());
        let of = (digest, settings_digest, signed);
        let origin = Origin::Folder(file.clone());
        let before = tried.get(&file).filter(|attempt| attempt.of == of);
        let is_due = match before {
            Some(attempt) if attempt.rests(Instant::now()) => return Ok(Offered::Done),
            Some(_) => true,
            None => false,
        };
        // Taken by an earlier run of the program: then the row of the deployment knows.
        if !tried.contains_key(&file)
            && self.is_taken(&file, digest, &settings, signature.as_deref()).await?
        {
            tried.insert(file, Attempt { of, again: None });
            return Ok(Offered::Done);
        }
        let candidate = Candidate {
            file: bytes,
            name: None,
            settings,
            origin,
            signature,
            source: EVERY_SOURCE.to_owned(),
            stage: self.folder_stage(),
            allow_downgrade: false,
            why: None,
        };
        let build = Build { digest, settings: settings_digest };
        let made = made.filter(|(made, _)| *made == build);
        let published = match (self.verify_unopened(&candidate), made) {
            (Err(refused), _) => Err(refused),
            (Ok(()), Some((_, code))) => self.publish(&candidate, code, None).await,
            (Ok(()), None) if is_due => return Ok(Offered::Slow(Box::new(candidate))),
            (Ok(()), None) => match self.at_hand(digest, &candidate.settings).await {
                Some(code) => self.publish(&candidate, &code, None).await,
                None => return Ok(Offered::Slow(Box::new(candidate))),
            },
        };
        match published {
            Ok(_) => {
                tried.insert(file, Attempt { of, again: None });
            }
            // Not the file's fault: it is tried again.
            Err(Refused::Store(error)) => return Err(error),
            Err(refused) => {
                let again = if refused.is_of_the_machine() { TRIED_AGAIN } else { "" };
                self.refuse("detector", &file, Some(digest), &format!("{refused}{again}")).await?;
                seen.failed(file, of, &refused);
            }
        }
        Ok(Offered::Done)
    }

    async fn is_taken(
        &self,
        file: &str,
        digest: Digest,
        settings: &Json,
        signature: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        if !self.is_known(file, digest).await? {
            return Ok(false);
        }
        let same = |row: &Deployment| {
            let signed = row.signature.as_deref().map(str::as_bytes);
            let kept = signature.is_none() || signature == signed;
            row.origin.file() == Some(file)
                && row.digest == digest
                && row.settings == *settings
                && kept
        };
        Ok(self.store.deployments().await?.iter().any(same))
    }

    /// Whether these bytes were what was last taken from a file.
    async fn is_known(&self, file: &str, digest: Digest) -> Result<bool, StoreError> {
        let inbox = self.store.inbox().await?;
        let row = inbox.iter().find(|row| row.file == file);
        Ok(row.is_some_and(|row| row.digest == Some(digest) && row.error.is_none()))
    }

    async fn offer_policy(
        &self,
        path: &Path,
        Seen { tried, .. }: &mut Seen,
        all_at_hand: bool,
    ) -> Result<(), StoreError> {
        let (name, file) = (name_of(path), policy_file(path));
        let whole = match files::text(path) {
            Ok(text) => Whole::assemble(&text, parts_beside(path)),
            Err(error) => {
                tried.remove(&file);
                return self.refuse("policy", &file, None, &error.to_string()).await;
            }
        };
        let digest = Digest::of(whole.text().as_bytes());
        let of = (digest, digest, None);
        let is_same = match tried.get(&file) {
            Some(attempt) => attempt.of == of,
            // Taken by an earlier run of the program: then the inbox knows.
            None => self.is_known(&file, digest).await?,
        };
        if is_same {
            tried.insert(file, Attempt { of, again: None });
            return Ok(());
        }
        match self.publish_policy(&whole, &name, Origin::Folder(file.clone())).await {
            Ok(()) => drop(tried.insert(file, Attempt { of, again: None })),
            Err(Refused::Store(error)) => return Err(error),
            // What it names may be in a file that is still to be compiled.
            Err(_) if !all_at_hand => {}
            // There may be room for it later.
            Err(full @ Refused::Full(_)) => {
                let why = format!("{full}{TRIED_AGAIN}");
                self.refuse("policy", &file, Some(digest), &why).await?;
            }
            Err(refused) => {
                self.refuse("policy", &file, Some(digest), &refused.to_string()).await?;
                tried.insert(file, Attempt { of, again: None });
            }
        }
        Ok(())
    }

    pub(super) async fn refuse(
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
        if !self.retire_policies(&origin, None, "its file is gone").await? && !retired {
            self.store.forget_file(file).await?;
        }
        Ok(())
    }
}
