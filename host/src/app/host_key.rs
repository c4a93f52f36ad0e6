//! The key of this host: what entities, fingerprints and names are hashed under, cache entries are checked
//! with, and the keys of subjects are encrypted with.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use rand::TryRng;
use rand::rngs::SysRng;
use tempfile::NamedTempFile;

/// Reads `host.key` of the data directory, made on the first start and readable by its owner alone.
/// Without it nothing personal of the past can be read, so it belongs into every backup.
///
/// Invariant: it is whole and durable before anything is hashed under it, wherever a start breaks off.
///
/// # Errors
/// A file that cannot be read or written, or that is no key; a restore that was cut off, for then key and
/// record may not belong to each other.
pub fn open(data_dir: &Path) -> anyhow::Result<[u8; 32]> {
    ensure!(
        !super::is_cut_off(data_dir),
        "a restore of {} was cut off: start the server or run `picket restore` again, and it is finished",
        data_dir.display()
    );
    let path = data_dir.join("host.key");
    let context = || format!("the host key {}", path.display());
    let mut bytes = Vec::with_capacity(33);
    let read = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(&path, data_dir).with_context(context)?;
            File::open(&path)
        }
        opened => opened,
    };
    read.and_then(|file| file.take(33).read_to_end(&mut bytes)).with_context(context)?;
    let Ok(key) = <[u8; 32]>::try_from(bytes) else {
        bail!("{} is not 32 bytes long: restore it from the backup", context());
    };
    // Also where it was there: who made it may have died before this.
    File::open(data_dir).and_then(|folder| folder.sync_all()).with_context(context)?;
    Ok(key)
}

/// Makes a key under its name at once, so that nobody finds half of it. Of several programs that do so,
/// one is the first, and the others take its key.
fn make(path: &Path, data_dir: &Path) -> anyhow::Result<()> {
    let mut key = [0; 32];
    SysRng.try_fill_bytes(&mut key).context("the system gives no randomness")?;
    // A temporary file is its owner's alone.
    let mut file = NamedTempFile::new_in(data_dir)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let opening: Vec<_> =
                (0..8).map(|_| scope.spawn(|| open(dir.path()).unwrap())).collect();
            opening.into_iter().map(|opening| opening.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0] && *key != [0; 32]));
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "nothing is left over: {files:?}");
        let mode = std::fs::metadata(dir.path().join("host.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_is_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for damaged in [vec![], vec![1; 31], vec![1; 33]] {
            std::fs::write(dir.path().join("host.key"), damaged).unwrap();
            let error = format!("{:#}", open(dir.path()).unwrap_err());
            assert!(error.contains("backup"), "{error}");
        }
    }
}
