//! Compiled components on disk, so that a start does not compile again.
//!
//! Loading compiled code is running it: every entry carries a MAC under the host's key, and one that
//! does not verify is thrown away and compiled anew.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::load::Compiled;
use super::{CacheOptions, RuntimeError};
use crate::model::Digest;

const MAC_BYTES: usize = 32;

pub(super) struct Cache {
    dir: PathBuf,
    host_key: [u8; 32],
    engine: Engine,
    /// What compiled code depends on: the version of wasmtime, its settings, the processor.
    compatibility: Vec<u8>,
}

impl Cache {
    pub fn open(options: &CacheOptions, engine: &Engine) -> Result<Self, RuntimeError> {
        let dir = options.dir.clone();
        let io = |source| RuntimeError::Io { path: dir.clone(), source };
        fs::create_dir_all(&dir).map_err(io)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(io)?;
        let mut hasher = Bytes(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = hasher.0.finalize().to_vec();
        Ok(Self { dir, host_key: options.host_key, engine: engine.clone(), compatibility })
    }

    /// The entry, or `None` where there is none that can be trusted.
    pub fn get(&self, digest: Digest, settings: Digest) -> Option<Compiled> {
        let path = self.path(digest, settings);
        let entry = fs::read(&path).ok()?;
        let compiled = self.verify(&path, &entry).and_then(|body| self.decode(body));
        if compiled.is_none() {
            tracing::warn!(path = %path.display(), "a cache entry does not verify; compiling again");
            // A leftover is overwritten by the next `put`; that it could not be removed is no fault.
            let _ = fs::remove_file(&path);
        }
        compiled
    }

    /// Keeps an entry. A cache that cannot be written costs time, nothing else.
    pub fn put(&self, digest: Digest, settings: Digest, compiled: &Compiled) {
        let path = self.path(digest, settings);
        let written = self.encode(compiled).and_then(|body| {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(&self.mac(&path, &body).finalize().into_bytes())?;
            file.write_all(&body)?;
            file.persist(&path)?;
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), "cache entry not written: {error:#}");
        }
    }

    fn path(&self, digest: Digest, settings: Digest) -> PathBuf {
        let mut key = Sha256::new();
        key.update(digest.as_bytes());
        key.update(settings.as_bytes());
        key.update(&self.compatibility);
        self.dir.join(hex::encode(key.finalize()))
    }

    /// The name is part of what is signed: an entry moved to another name does not verify.
    fn mac(&self, path: &std::path::Path, body: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.host_key).expect("HMAC takes keys of any length");
        mac.update(path.file_name().unwrap_or_default().as_encoded_bytes());
        mac.update(body);
        mac
    }

    fn verify<'a>(&self, path: &std::path::Path, entry: &'a [u8]) -> Option<&'a [u8]> {
        let (mac, body) = entry.split_at_checked(MAC_BYTES)?;
        self.mac(path, body).verify_slice(mac).ok()?;
        Some(body)
    }

    /// The manifest's length (4 bytes, little endian), whether it is a snapshot, the manifest, the code.
    fn encode(&self, compiled: &Compiled) -> wasmtime::Result<Vec<u8>> {
        let code = compiled.component.serialize()?;
        let length = u32::try_from(compiled.manifest.len())?;
        let mut body = Vec::with_capacity(code.len() + compiled.manifest.len() + 5);
        body.extend_from_slice(&length.to_le_bytes());
        body.push(u8::from(compiled.pre_initialised));
        body.extend_from_slice(compiled.manifest.as_bytes());
        body.extend_from_slice(&code);
        Ok(body)
    }

    fn decode(&self, body: &[u8]) -> Option<Compiled> {
        let (length, rest) = body.split_first_chunk::<4>()?;
        let (pre_initialised, rest) = rest.split_first()?;
        let (manifest, code) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let manifest = String::from_utf8(manifest.to_vec()).ok()?;
        // SAFETY: the bytes verified under the host's key, so this program serialised them, for an
        // engine whose compatibility hash is part of the name under which they were found.
        #[allow(unsafe_code, reason = "loading code that we compiled; see above")]
        let component = unsafe { Component::deserialize(&self.engine, code) }.ok()?;
        Some(Compiled { manifest, pre_initialised: *pre_initialised == 1, component })
    }
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
