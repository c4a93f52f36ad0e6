//! The key of this host: what entities, fingerprints and names are hashed under, cache entries are checked
//! with, and the keys of subjects are encrypted with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, bail};
use rand::TryRng;
use rand::rngs::SysRng;

/// Reads `host.key` of the data directory, made on the first start and readable by its owner alone.
/// Without it nothing personal of the past can be read, so it belongs into every backup.
///
/// # Errors
/// A file that cannot be read or written, or that is no key.
pub fn open(data_dir: &Path) -> anyhow::Result<[u8; 32]> {
    let path = data_dir.join("host.key");
    let context = || format!("the host key {}", path.display());
    let mut key = [0; 32];
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            SysRng.try_fill_bytes(&mut key).context("the system gives no randomness")?;
            file.write_all(&key).and_then(|()| file.sync_all()).with_context(context)?;
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut bytes = Vec::with_capacity(33);
            OpenOptions::new()
                .read(true)
                .open(&path)
                .and_then(|file| file.take(33).read_to_end(&mut bytes))
                .with_context(context)?;
            let Ok(read) = <[u8; 32]>::try_from(bytes) else {
                bail!("{} is not 32 bytes long: restore it from the backup", context());
            };
            key = read;
        }
        Err(error) => return Err(error).with_context(context),
    }
    Ok(key)
}
