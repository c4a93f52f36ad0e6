//! Who works with a data directory: servers share it, a restore wants it for itself. The operating
//! system gives the lock back when the program ends, however it ends.
//!
//! A child that is about to begin another program has a copy of every open file for a moment, and the
//! lock lasts as long as any copy. So whoever is done with it says so instead of only closing the file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Held as long as it lives.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

impl DataLock {
    /// As one of the servers.
    ///
    /// # Errors
    /// Where something has the directory for itself.
    pub fn share(data_dir: &Path) -> anyhow::Result<Self> {
        Self::take(
            data_dir,
            FlockOperation::NonBlockingLockShared,
            "is being restored: wait until that is done",
        )
    }

    /// Alone.
    ///
    /// # Errors
    /// Where a server uses it.
    pub fn alone(data_dir: &Path) -> anyhow::Result<Self> {
        Self::take(
            data_dir,
            FlockOperation::NonBlockingLockExclusive,
            "is in use by a server: stop it first",
        )
    }

    fn take(data_dir: &Path, operation: FlockOperation, taken: &str) -> anyhow::Result<Self> {
        let path = data_dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match flock(&file, operation) {
            Ok(()) => Ok(Self { file }),
            Err(Errno::WOULDBLOCK) => bail!("{} {taken}", data_dir.display()),
            // Some network file systems have no locks: there the operator sees to it.
            Err(error) => {
                tracing::warn!("{} cannot be locked: {error}", data_dir.display());
                Ok(Self { file })
            }
        }
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        if let Err(error) = flock(&self.file, FlockOperation::Unlock) {
            tracing::debug!("the lock of the data directory was not given back: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_share_and_a_restore_is_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) =
            (DataLock::share(dir.path()).unwrap(), DataLock::share(dir.path()).unwrap());
        let error = DataLock::alone(dir.path()).unwrap_err().to_string();
        assert!(error.contains("stop it first"), "{error}");
        drop((one, two));
        let alone = DataLock::alone(dir.path()).unwrap();
        assert!(DataLock::share(dir.path()).unwrap_err().to_string().contains("being restored"));
        drop(alone);
        DataLock::share(dir.path()).unwrap();
    }

    #[test]
    fn whoever_is_done_leaves_no_lock_with_a_copy_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let alone = DataLock::alone(dir.path()).unwrap();
        let copy = alone.file.try_clone().unwrap();
        drop(alone);
        DataLock::share(dir.path()).unwrap();
        drop(copy);
    }
}
