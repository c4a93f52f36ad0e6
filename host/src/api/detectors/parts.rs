//! Files on their way: what has arrived of each upload, in a folder that is this server's alone.
//!
//! An upload that names its digest is kept under it until it is whole, so that it can go on after it
//! broke off; one that does not is gone with its request.

use std::collections::HashSet;
use std::fs;
use std::io::{self, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use futures::StreamExt;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::super::ApiError;
use crate::config::Config;
use crate::model::Digest;

/// Uploads that come in at the same time.
const AT_ONCE_MAX: usize = 8;
const PART: &str = "part";

/// The uploads that have begun and are not done.
pub struct Uploads {
    dir: PathBuf,
    /// Of one file.
    bytes_max: u64,
    /// Of all parts together.
    kept_bytes_max: u64,
    kept_for: Duration,
    idle: Duration,
    patience: Duration,
    /// Digests of which a request is at work.
    busy: Mutex<HashSet<Digest>>,
    at_once: Arc<Semaphore>,
    /// One file at a time is whole in memory.
    whole: Arc<Semaphore>,
}

/// One upload while a request is at work on it.
pub(super) struct Incoming {
    uploads: Arc<Uploads>,
    path: PathBuf,
    /// `None`: nobody can come back to it.
    digest: Option<Digest>,
    _permit: OwnedSemaphorePermit,
}

impl Uploads {
    /// Clears the folder of what nobody can come back to.
    pub fn new(config: &Config) -> Arc<Self> {
        let uploads = Self {
            dir: config.data_dir.join("uploads"),
            bytes_max: config.detector_file_bytes_max,
            kept_bytes_max: config.uploads_bytes_max,
            kept_for: Duration::from_millis(config.uploads_age_ms_max),
            idle: Duration::from_millis(config.upload_idle_timeout_ms),
            patience: Duration::from_millis(config.upload_timeout_ms),
            busy: Mutex::default(),
            at_once: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            whole: Arc::new(Semaphore::new(1)),
        };
        for path in uploads.files() {
            if path.extension().is_none_or(|extension| extension != PART) {
                remove(&path);
            }
        }
        uploads.sweep();
        Arc::new(uploads)
    }

    /// How much of a file has arrived.
    pub fn received(&self, digest: Digest) -> u64 {
        self.path(digest).metadata().map_or(0, |metadata| metadata.len())
    }

    /// Begins or goes on: one request of a digest at a time.
    ///
    /// # Errors
    /// Where another one is at it, or there are too many.
    pub(super) fn begin(self: &Arc<Self>, digest: Option<Digest>) -> Result<Incoming, ApiError> {
        let permit = Arc::clone(&self.at_once).try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::overloaded())?;
        if let Some(digest) = digest
            && !self.busy().insert(digest)
        {
            return Err(ApiError::in_progress(format!(
                "another request is sending {digest}; see how far it came and go on when it is over"
            )));
        }
        let path = match digest {
            Some(digest) => self.path(digest),
            None => self.dir.join(Uuid::now_v7().to_string()),
        };
        let incoming = Incoming { uploads: Arc::clone(self), path, digest, _permit: permit };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir).map_err(unkept)?;
        self.sweep();
        Ok(incoming)
    }

    /// Removes parts that are too old, and the oldest while there is no room for one more file.
    fn sweep(&self) {
        let mut parts: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        let busy: Vec<PathBuf> = self.busy().iter().map(|digest| self.path(*digest)).collect();
        for path in self.files() {
            let Ok(metadata) = path.metadata() else { continue };
            let at = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let is_old = at.elapsed().is_ok_and(|age| age > self.kept_for);
            if path.extension().is_none_or(|extension| extension != PART) || busy.contains(&path) {
                continue;
            }
            match is_old {
                true => remove(&path),
                false => parts.push((at, metadata.len(), path)),
            }
        }
        parts.sort();
        let mut kept: u64 = parts.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in &parts {
            if kept.saturating_add(self.bytes_max) <= self.kept_bytes_max {
                break;
            }
            remove(path);
            kept -= bytes;
        }
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.dir.join(hex::encode(digest.as_bytes())).with_extension(PART)
    }

    fn busy(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Incoming {
    /// How much has arrived.
    pub fn received(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Writes a body behind what is there up to `at`, and returns how much that makes. What arrived
    /// stays, whatever becomes of the rest.
    ///
    /// # Errors
    /// Where it is more than a file may have, stalls, breaks off, or cannot be written.
    pub async fn append(&self, at: u64, announced: u64, body: Body) -> Result<u64, ApiError> {
        if at.saturating_add(announced) > self.uploads.bytes_max {
            return Err(self.too_large());
        }
        let mut file = self.open(at).await.map_err(unkept)?;
        let mut body = body.into_data_stream();
        let mut received = at;
        let end = Instant::now() + self.uploads.patience;
        loop {
            let next = timeout_at(end.min(Instant::now() + self.uploads.idle), body.next()).await;
            let came = match next {
                Ok(None) => break,
                Ok(Some(Ok(bytes))) if received + bytes.len() as u64 > self.uploads.bytes_max => {
                    Err(self.too_large())
                }
                Ok(Some(Ok(bytes))) => Ok(bytes),
                Ok(Some(Err(error))) => {
                    Err(ApiError::malformed(format!("the upload broke off: {error}")))
                }
                Err(_) => Err(self.stalled(received)),
            };
            let bytes = match came {
                Ok(bytes) => bytes,
                Err(error) => {
                    file.flush().await.map_err(unkept)?;
                    return Err(error);
                }
            };
            file.write_all(&bytes).await.map_err(unkept)?;
            received += bytes.len() as u64;
        }
        // Only now is it known whether all was written.
        file.flush().await.map_err(unkept)?;
        Ok(received)
    }

    /// The whole file. There is one at a time, for as long as the permit lives.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn whole(&self) -> Result<(Vec<u8>, OwnedSemaphorePermit), ApiError> {
        let alone = self.alone().await?;
        Ok((tokio::fs::read(&self.path).await.map_err(unkept)?, alone))
    }

    /// The turn of one file to be whole in memory.
    ///
    /// # Errors
    /// Never while the server runs.
    pub async fn alone(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let alone = Arc::clone(&self.uploads.whole).acquire_owned().await;
        alone.map_err(|_| ApiError::internal())
    }

    /// Throws away what has arrived.
    pub fn discard(&self) {
        remove(&self.path);
    }

    /// Opened where writing goes on, and cut there. Not for appending: what a request that was given
    /// up is still writing then lands where it belongs.
    async fn open(&self, at: u64) -> io::Result<tokio::fs::File> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut file = tokio::fs::OpenOptions::from(options).open(&self.path).await?;
        file.set_len(at).await?;
        file.seek(SeekFrom::Start(at)).await?;
        Ok(file)
    }

    /// What is too large never becomes a detector, so it is not kept.
    fn too_large(&self) -> ApiError {
        self.discard();
        ApiError::too_large(format!(
            "a detector has at most {} bytes (detector_file_bytes_max)",
            self.uploads.bytes_max
        ))
    }

    fn stalled(&self, received: u64) -> ApiError {
        let Uploads { idle, patience, .. } = &*self.uploads;
        ApiError::stalled(format!(
            "{received} bytes arrived and then nothing for {idle:?} (upload_idle_timeout_ms), or it took more than {patience:?} (upload_timeout_ms); send it with `digest` and go on where it stopped"
        ))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        match self.digest {
            Some(digest) => {
                self.uploads.busy().remove(&digest);
            }
            None => remove(&self.path),
        }
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(file = %path.display(), "an upload cannot be removed: {error}");
        }
        _ => {}
    }
}

fn unkept(error: io::Error) -> ApiError {
    tracing::error!("an upload cannot be kept: {error}");
    ApiError::unavailable("the upload cannot be kept now; go on with it when there is room again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uploads(dir: &Path, change: impl FnOnce(&mut Config)) -> Arc<Uploads> {
        let mut config = Config { data_dir: dir.to_owned(), ..Config::default() };
        change(&mut config);
        Uploads::new(&config)
    }

    #[tokio::test]
    async fn a_part_stays_until_it_is_too_old_or_there_is_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let digests: Vec<Digest> = (0..4_u8).map(|number| Digest::of(&[number])).collect();
        let all = uploads(dir.path(), |_| {});
        for digest in &digests {
            let incoming = all.begin(Some(*digest)).unwrap();
            assert_eq!(incoming.append(0, 0, Body::from(vec![0; 1_000])).await, Ok(1_000));
        }
        fs::write(dir.path().join("uploads/left-behind"), b"by a run that was killed").unwrap();
        let there = |uploads: &Uploads| {
            digests.iter().filter(|digest| uploads.received(**digest) == 1_000).count()
        };
        // Room for one more file of 1,000 bytes beside two that are kept.
        let few = uploads(dir.path(), |config| {
            config.detector_file_bytes_max = 1_000;
            config.uploads_bytes_max = 3_500;
        });
        assert_eq!(there(&few), 2);
        assert!(!dir.path().join("uploads/left-behind").exists());
        // One that is being sent is left alone.
        let old = uploads(dir.path(), |config| config.uploads_age_ms_max = 0);
        assert_eq!(there(&old), 0);
        assert_eq!(fs::metadata(dir.path().join("uploads")).unwrap().permissions(), {
            std::os::unix::fs::PermissionsExt::from_mode(0o40700)
        });
    }

    #[tokio::test]
    async fn one_request_of_a_digest_at_a_time_and_few_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = uploads(dir.path(), |_| {});
        let digest = Digest::of(b"one");
        let first = uploads.begin(Some(digest)).unwrap();
        let twice = uploads.begin(Some(digest)).err().unwrap();
        assert_eq!(twice.problem().kind, "urn:picket:problem:in-progress");
        drop(first);
        let mut many: Vec<Incoming> =
            (0..AT_ONCE_MAX).map(|_| uploads.begin(None).unwrap()).collect();
        assert_eq!(uploads.begin(Some(digest)).err().unwrap().problem().status, 503);
        many.pop();
        assert!(uploads.begin(Some(digest)).is_ok());
    }

    #[tokio::test]
    async fn what_goes_on_is_written_where_it_belongs_and_never_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let uploads = uploads(dir.path(), |config| config.detector_file_bytes_max = 10);
        let digest = Digest::of(b"abcdef");
        let incoming = uploads.begin(Some(digest)).unwrap();
        assert_eq!(incoming.append(0, 3, Body::from("abX")).await, Ok(3));
        assert_eq!(incoming.append(2, 4, Body::from("cdef")).await, Ok(6));
        assert_eq!(incoming.whole().await.unwrap().0, b"abcdef");
        let error = incoming.append(6, 0, Body::from("ghijk")).await.unwrap_err();
        assert_eq!(error.problem().status, 413);
        assert_eq!(uploads.received(digest), 0);
    }
}
