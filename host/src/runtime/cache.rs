//! Compiled components on disk, so that a start does not compile again.
//!
//! Loading compiled code is running it: every entry carries a MAC under the host's key, and one that
//! does not verify is thrown away and compiled anew.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use super::compile::Artifact;
use super::divide;
use super::{CacheOptions, RuntimeError};
use crate::model::Digest;

const MAC_BYTES: usize = 32;

/// What lies in a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFound {
    pub entries: u64,
    pub bytes: u64,
    /// Of these: not written by this host, or changed since.
    pub foreign: u64,
}

pub(super) struct Cache {
    dir: PathBuf,
    host_key: [u8; 32],
    bytes_max: u64,
    /// What compiled code depends on: this program, how it divides a file, its version of wasmtime with
    /// its settings, the processor.
    compatibility: Vec<u8>,
}

impl Cache {
    pub fn open(options: &CacheOptions, engine: &Engine) -> Result<Self, RuntimeError> {
        let dir = options.dir.clone();
        let io = |source| RuntimeError::Io { path: dir.clone(), source };
        fs::create_dir_all(&dir).map_err(io)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(io)?;
        let mut hasher = Bytes(Sha256::new_with_prefix(env!("CARGO_PKG_VERSION")));
        hasher.write_u32(divide::FORM);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = hasher.0.finalize().to_vec();
        let CacheOptions { host_key, bytes_max, .. } = *options;
        Ok(Self { dir, host_key, bytes_max, compatibility })
    }

    /// The entry, or `None` where there is none that can be trusted.
    pub fn get(&self, digest: Digest, settings: Digest) -> Option<Artifact> {
        let path = self.path(digest, settings);
        let entry = fs::read(&path).ok()?;
        let artifact = verify(&self.host_key, &path, &entry).and_then(Artifact::decode);
        match artifact {
            Some(_) => touch(&path),
            None => {
                tracing::warn!(path = %path.display(), "a cache entry does not verify; compiling again");
                // A leftover is overwritten by the next `put`; that it could not be removed is no fault.
                let _ = fs::remove_file(&path);
            }
        }
        artifact
    }

    /// Keeps an entry and makes room for it. A cache that cannot be written costs time, nothing else.
    pub fn put(&self, digest: Digest, settings: Digest, artifact: &Artifact) {
        let path = self.path(digest, settings);
        let written = artifact.encode().and_then(|body| {
            let bytes = (MAC_BYTES + body.len()) as u64;
            self.trim(self.bytes_max.saturating_sub(bytes))?;
            if bytes > self.bytes_max {
                return Ok(());
            }
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(&mac(&self.host_key, &path, &body).finalize().into_bytes())?;
            file.write_all(&body)?;
            file.persist(&path)?;
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), "cache entry not written: {error:#}");
        }
    }

    /// Removes what was not used for longest until the rest takes no more than this.
    fn trim(&self, bytes_max: u64) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            // One that is gone has been removed by another load, or another server.
            let Ok(metadata) = entry.metadata() else { continue };
            entries.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        entries.sort_unstable();
        let mut total: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in entries {
            if total <= bytes_max {
                break;
            }
            // Whoever uses it has it in memory.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => total -= bytes,
            }
        }
        Ok(())
    }

    fn path(&self, digest: Digest, settings: Digest) -> PathBuf {
        let mut key = Sha256::new();
        key.update(digest.as_bytes());
        key.update(settings.as_bytes());
        key.update(&self.compatibility);
        self.dir.join(hex::encode(key.finalize()))
    }

    /// Looks at every entry, of this release and of others, without using or removing any.
    pub fn examine(options: &CacheOptions) -> io::Result<CacheFound> {
        let mut found = CacheFound::default();
        let folder = match fs::read_dir(&options.dir) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            Err(error) => return Err(error),
        };
        for entry in folder {
            let path = entry?.path();
            // One that is gone meanwhile was removed by a server.
            let Ok(bytes) = fs::read(&path) else { continue };
            found.entries += 1;
            found.bytes += bytes.len() as u64;
            found.foreign += u64::from(verify(&options.host_key, &path, &bytes).is_none());
        }
        Ok(found)
    }
}

/// The name is part of what is signed: an entry moved to another name does not verify.
fn mac(host_key: &[u8; 32], path: &Path, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(host_key).expect("HMAC takes keys of any length");
    mac.update(path.file_name().unwrap_or_default().as_encoded_bytes());
    mac.update(body);
    mac
}

/// The body of an entry that this host wrote.
fn verify<'a>(host_key: &[u8; 32], path: &Path, entry: &'a [u8]) -> Option<&'a [u8]> {
    let (tag, body) = entry.split_at_checked(MAC_BYTES)?;
    mac(host_key, path, body).verify_slice(tag).ok()?;
    Some(body)
}

/// The time of an entry is that of its last use. Where it cannot be set, the entry only goes sooner.
fn touch(path: &Path) {
    let _ = fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

/// Feeds what is hashed to SHA-256, so that the key of an entry does not depend on std's hasher.
struct Bytes(Sha256);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}
