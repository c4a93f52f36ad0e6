//! Whose signatures count, and what that means for a file.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{KeyId, PublicKey, Signature, SignatureFile, manifest_digest};
use crate::model::{Digest, Manifest, SignatureMode};

/// What the operator asks for, the keys that are trusted, and those that are no longer.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    mode: SignatureMode,
    trusted: BTreeMap<KeyId, Trusted>,
    /// With the reason.
    revoked: BTreeMap<KeyId, String>,
}

#[derive(Debug, Clone)]
struct Trusted {
    name: String,
    key: PublicKey,
}

/// What looking at a file's signatures came to, where it may go live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// None was asked for.
    NotAsked,
    /// There is none, and the operator wants to be warned.
    Unsigned { warning: String },
    /// There is none that is good, and the operator wants to be warned.
    Untrusted { warning: String },
    /// A key that is trusted vouches for it.
    Signed {
        key: KeyId,
        /// What the operator calls the key.
        name: String,
    },
}

/// Why the signatures of a file are not good.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    #[error(
        "it is not signed: `picket detector sign NAME.wasm --key SECRET_FILE` writes NAME.wasm.sig, which belongs beside it"
    )]
    Missing,
    #[error("its signature file does not parse: {0}; write it anew with `picket detector sign`")]
    Unreadable(String),
    #[error(
        "the signature by the key {key} is for another file, {signed}; this one is {file} and must be signed itself"
    )]
    OtherFile { key: KeyId, signed: Digest, file: Digest },
    #[error(
        "the signature by the key {key} is for another manifest, {signed}; that of this file is {manifest} and must be signed itself"
    )]
    OtherManifest { key: KeyId, signed: Digest, manifest: Digest },
    #[error(
        "it is signed by the key {0}, which is not trusted here: whoever trusts its holder puts its public key into `trusted_keys`"
    )]
    UnknownKey(KeyId),
    #[error("it is signed by the key {key}, which is revoked{}: sign it with another", because(.reason))]
    Revoked { key: KeyId, reason: String },
    #[error("the signature by the key {key} is wrong: it is not that key's, or was changed since")]
    Wrong { key: KeyId },
    #[error("none of its {} signatures is good: {}", .0.len(), join(.0))]
    Several(Vec<Self>),
}

/// A part of the configuration of trust that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{place}` {problem}")]
pub struct TrustError {
    /// The key of the configuration, such as `trusted_keys.alice`.
    pub place: String,
    pub problem: String,
}

impl Trust {
    /// From the configuration: public keys by the name that the operator gives them, and reasons by
    /// the id of the key that is revoked. A key may be in both: then it is revoked.
    ///
    /// # Errors
    /// A text that is no key, an id that is none, one key under two names.
    pub fn new(
        mode: SignatureMode,
        trusted: &BTreeMap<String, String>,
        revoked: &BTreeMap<String, String>,
    ) -> Result<Self, TrustError> {
        let mut trust = Self { mode, ..Self::default() };
        for (name, text) in trusted {
            let place = format!("trusted_keys.{name}");
            let key: PublicKey = match text.parse() {
                Ok(key) => key,
                Err(problem) => return Err(TrustError { place, problem }),
            };
            let id = key.id();
            let entry = Trusted { name: name.clone(), key };
            if let Some(other) = trust.trusted.insert(id, entry) {
                let problem = format!("is the key of `trusted_keys.{}`: remove one", other.name);
                return Err(TrustError { place, problem });
            }
        }
        for (id, reason) in revoked {
            let id = id.parse().map_err(|problem: String| TrustError {
                place: format!("revoked_keys.{id}"),
                problem: format!("{problem}, as a refusal and `picket key detector new` show it"),
            })?;
            trust.revoked.insert(id, reason.clone());
        }
        Ok(trust)
    }

    /// The same keys, where another mode is asked for.
    #[must_use]
    pub fn with_mode(self, mode: SignatureMode) -> Self {
        Self { mode, ..self }
    }

    pub fn mode(&self) -> SignatureMode {
        self.mode
    }

    /// Whether a file with this digest may go live with this manifest. `text` is that of its
    /// signature file. One good signature by a trusted key is enough.
    ///
    /// # Errors
    /// Where a signature is required, why there is no good one.
    pub fn verify(
        &self,
        file: Digest,
        manifest: &Manifest,
        text: Option<&[u8]>,
    ) -> Result<Verdict, SignatureError> {
        self.judge(file, Some(manifest), text)
    }

    /// As [`Trust::verify`], for a file that nobody has looked into yet, so that what is not vouched
    /// for need not be compiled. That its manifest is the one that was signed is left open.
    ///
    /// # Errors
    /// As [`Trust::verify`].
    pub fn verify_unopened(
        &self,
        file: Digest,
        text: Option<&[u8]>,
    ) -> Result<Verdict, SignatureError> {
        self.judge(file, None, text)
    }

    fn judge(
        &self,
        file: Digest,
        manifest: Option<&Manifest>,
        text: Option<&[u8]>,
    ) -> Result<Verdict, SignatureError> {
        if self.mode == SignatureMode::Off {
            return Ok(Verdict::NotAsked);
        }
        let error = match self.find_good(file, manifest.map(manifest_digest), text) {
            Ok(good) => return Ok(Verdict::Signed { key: good.key.id(), name: good.name.clone() }),
            Err(error) => error,
        };
        let warning = error.to_string();
        match (self.mode, error) {
            (SignatureMode::Require, error) => Err(error),
            (_, SignatureError::Missing) => Ok(Verdict::Unsigned { warning }),
            _ => Ok(Verdict::Untrusted { warning }),
        }
    }

    /// The first trusted key that vouches for the file.
    fn find_good(
        &self,
        file: Digest,
        manifest: Option<Digest>,
        text: Option<&[u8]>,
    ) -> Result<&Trusted, SignatureError> {
        let text = text.ok_or(SignatureError::Missing)?;
        let signed = SignatureFile::parse(text).map_err(SignatureError::Unreadable)?;
        let mut faults = Vec::new();
        for signature in signed.signatures() {
            match self.check(signature, file, manifest) {
                Ok(good) => return Ok(good),
                Err(fault) => faults.push(fault),
            }
        }
        Err(match faults.len() {
            1 => faults.remove(0),
            _ => SignatureError::Several(faults),
        })
    }

    fn check(
        &self,
        signature: &Signature,
        file: Digest,
        manifest: Option<Digest>,
    ) -> Result<&Trusted, SignatureError> {
        let Signature { key, digest, manifest: signed, .. } = *signature;
        if let Some(reason) = self.revoked.get(&key) {
            return Err(SignatureError::Revoked { key, reason: reason.clone() });
        }
        let trusted = self.trusted.get(&key).ok_or(SignatureError::UnknownKey(key))?;
        if digest != file {
            return Err(SignatureError::OtherFile { key, signed: digest, file });
        }
        if let Some(manifest) = manifest
            && signed != manifest
        {
            return Err(SignatureError::OtherManifest { key, signed, manifest });
        }
        match trusted.key.verifies(file, signed, &signature.signature) {
            true => Ok(trusted),
            false => Err(SignatureError::Wrong { key }),
        }
    }
}

fn because(reason: &str) -> String {
    match reason.is_empty() {
        true => String::new(),
        false => format!(" ({reason})"),
    }
}

fn join(faults: &[SignatureError]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
