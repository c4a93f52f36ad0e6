//! What served once, for replays: any build of the record, made ready again and given to nobody else.

use std::sync::Arc;

use thiserror::Error;

use super::{Registry, canonical};
use crate::model::{Build, Digest};
use crate::runtime::{Limits, LoadError, Prepared, Trust};
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
        if let Some(Ok(prepared)) = self.ready().get(&build) {
            return Ok(Ok(prepared.clone()));
        }
        let file = match self.file(build.digest).await? {
            Ok(file) => file,
            Err(unrecalled) => return Ok(Err(unrecalled)),
        };
        let settings = match self.settings(build, detector).await? {
            Ok(settings) => settings,
            Err(unrecalled) => return Ok(Err(unrecalled)),
        };
        Ok(self.load(file, settings, build.digest).await.map_err(Unrecalled::from))
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

    /// The settings of a build, as the detector was given them.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn settings(
        &self,
        build: Build,
        detector: &str,
    ) -> Result<Result<String, Unrecalled>, StoreError> {
        let deployed = self.store.settings(detector, build.digest).await?;
        let mut texts = deployed.iter().map(canonical);
        let found = texts.find(|text| Digest::of(text.as_bytes()) == build.settings);
        Ok(found.ok_or(Unrecalled::Settings(build.settings)))
    }

    /// Makes a file ready, with settings in canonical form. The costly part, on a thread that may be
    /// blocked.
    pub(super) async fn load(
        &self,
        file: Vec<u8>,
        settings: String,
        digest: Digest,
    ) -> Result<Prepared, LoadError> {
        let trust = match self.trusted.contains(&digest) {
            true => Trust::Bundled,
            false => Trust::Stranger,
        };
        let runtime = Arc::clone(&self.runtime);
        let loaded =
            tokio::task::spawn_blocking(move || runtime.load(&file, &settings, trust)).await;
        loaded.unwrap_or_else(|panic| {
            Err(LoadError::Compile(format!("the compiler gave up: {panic}")))
        })
    }
}
