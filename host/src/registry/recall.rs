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
        let file = match self.store.detector_bytes(build.digest).await {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Err(Unrecalled::Bytes)),
            Err(damaged @ StoreError::Damaged { .. }) => {
                return Ok(Err(Unrecalled::Damaged(damaged.to_string())));
            }
            Err(error) => return Err(error),
        };
        let settings = self.store.settings(detector, build.digest).await?;
        let mut settings = settings.iter().map(canonical);
        let Some(settings) = settings.find(|it| Digest::of(it.as_bytes()) == build.settings) else {
            return Ok(Err(Unrecalled::Settings(build.settings)));
        };
        Ok(self.load(file, settings, build.digest).await.map_err(Unrecalled::from))
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
