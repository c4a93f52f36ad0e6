//! Signatures: of detectors, who vouches for a file and whose word counts here; and of what is sent to
//! platforms (`webhook`), which has rules of its own.
//!
//! Pure: bytes and texts in, a verdict out. Files, folders and the randomness of a new key are for
//! the layers above. A detector's signature is Ed25519 (RFC 8032) over [`DOMAIN`], the digest of the file and
//! the digest of its manifest. All three have a fixed length, so no two pairs give the same bytes.

mod document;
mod key;
mod trust;
mod webhook;

use crate::model::{Digest, Manifest};

pub use document::{Signature, SignatureFile};
pub use key::{KeyId, PublicKey, SigningKey};
pub use trust::{SignatureError, Trust, TrustError, Verdict};
pub use webhook::WebhookKey;

/// What a signature of a detector begins with, so that it is good for nothing else.
const DOMAIN: &[u8] = b"picket detector signature 1\0";

/// SHA-256 of a manifest as canonical JSON (RFC 8785).
///
/// Invariant: a manifest of today has this digest in every release, or what was signed would no
/// longer verify. So a new field of [`Manifest`] is left out of its JSON where it has its default.
pub fn manifest_digest(manifest: &Manifest) -> Digest {
    let canonical =
        serde_json_canonicalizer::to_vec(manifest).expect("a manifest has a canonical form");
    Digest::of(&canonical)
}

/// The bytes that are signed.
fn message(file: Digest, manifest: Digest) -> Vec<u8> {
    [DOMAIN, file.as_bytes(), manifest.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
