//! What served once, for replays: any build of the record, made ready again and given to nobody else.

use serde_json::Value as Json;
use thiserror::Error;

use super::{Registry, canonical};
use crate::model::{Build, Digest};
use crate::runtime::{Limits, LoadError, Prepared};
use crate::store::StoreError;

/// Why a build of the record is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unrecalled {
    #[error("the record does not have its bytes")]
    Bytes,
    /// They are not those of the digest any more.
    #[error("{0}")]
    Damaged(String),
    #[error("the record does not have the settings {0}")]
    Settings(Digest),
    #[error("it does not load here: {0}")]
    Load(#[from] LoadError),
}

impl Registry {
    /// What no detector gets more of on this server.
    pub fn ceiling(&self) -> &Limits {
        self.runtime.ceiling()
    }

    /// A build that served once, under whatever limits its manifest asks for. Takes seconds of a
    /// processor where it is neither live nor in the cache. Whoever asks keeps it.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn recall(
        &self,
        build: Build,
        detector: &str,
    ) -> Result<Result<Prepared, Unrecalled>, StoreError> {
        if let Some(Ok(prepared)) = self.shelf.get(&build).map(|code| code.prepared()) {
            return Ok(Ok(prepared));
        }
        let file = match self.file(build.digest).await? {
            Ok(file) => file,
            Err(unrecalled) => return Ok(Err(unrecalled)),
        };
        let settings = match self.settings(build, detector).await? {
            Ok(settings) => settings,
            Err(unrecalled) => return Ok(Err(unrecalled)),
        };
        // What failed before may have failed by no fault of its own.
        self.shelf.forget_failed(&build);
        let prepared = self.make(file, &settings).await.prepared();
        let current = self.current();
        if !current.detectors().iter().any(|live| live.prepared.build() == build) {
            self.shelf.let_go(&build);
        }
        Ok(prepared.map_err(Unrecalled::from))
    }

    /// The file of a build, as it was shipped.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn file(&self, digest: Digest) -> Result<Result<Vec<u8>, Unrecalled>, StoreError> {
        match self.store.detector_bytes(digest).await {
            Ok(file) => Ok(file.ok_or(Unrecalled::Bytes)),
            Err(damaged @ StoreError::Damaged { .. }) => {
                Ok(Err(Unrecalled::Damaged(damaged.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// The settings of a build.
    ///
    /// # Errors
    /// Where the store does not answer.
    async fn settings(
        &self,
        build: Build,
        detector: &str,
    ) -> Result<Result<Json, Unrecalled>, StoreError> {
        let deployed = self.store.settings(detector, build.digest).await?;
        let is_meant = |it: &Json| Digest::of(canonical(it).as_bytes()) == build.settings;
        let found = deployed.into_iter().find(is_meant);
        Ok(found.ok_or(Unrecalled::Settings(build.settings)))
    }

    /// The settings of a build, as the detector was given them.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn settings_text(
        &self,
        build: Build,
        detector: &str,
    ) -> Result<Result<String, Unrecalled>, StoreError> {
        Ok(self.settings(build, detector).await?.map(|settings| canonical(&settings)))
    }
}
