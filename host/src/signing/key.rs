//! Keys as text: `picket-secret-1:` and `picket-public-1:`, each followed by 32 bytes in base64.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::{Signature, manifest_digest, message};
use crate::model::{Digest, Manifest, Timestamp};

const SECRET: &str = "picket-secret-1:";
const PUBLIC: &str = "picket-public-1:";

/// What a key is called: the first eight bytes of the SHA-256 of its public half, written as sixteen
/// hexadecimal digits. A name to look it up by; only the key itself proves anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| "is not the id of a key: 16 hexadecimal digits".to_owned())?;
        Ok(Self(bytes))
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The half of a key that everybody may know: it tells whether a signature is the key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    pub fn id(&self) -> KeyId {
        let digest = Digest::of(self.0.as_bytes());
        let (first, _) = digest.as_bytes().split_first_chunk().expect("32 bytes begin with 8");
        KeyId(*first)
    }

    /// Whether these 64 bytes are this key's signature of exactly this. Strict: a signature has one
    /// form, and nobody can make another of it.
    pub(super) fn verifies(&self, file: Digest, manifest: Digest, signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(&message(file, manifest), &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = String;

    /// The text is not quoted in the error: somebody may have mistaken the secret half for it.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim_start().starts_with(SECRET) {
            return Err(format!(
                "is a secret key, which must not be here: write the public one ({PUBLIC}...), and as \
                 others may have seen this one make a new key with `picket key detector new`"
            ));
        }
        let wrong = || {
            format!(
                "is not a public key: {PUBLIC} and 44 characters of base64, as `picket key detector new` prints it"
            )
        };
        let bytes = bytes_after(PUBLIC, text).ok_or_else(wrong)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
        match key.is_weak() {
            true => {
                Err("is a key for which anybody can sign; make one with `picket key detector new`"
                    .to_owned())
            }
            false => Ok(Self(key)),
        }
    }
}

/// A key that signs. It is wiped from memory when dropped, and never printed.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that grows from 32 bytes, which must come from the system's randomness.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Reads the text of a secret file: the key on a line of its own, among comments with `#`.
    ///
    /// # Errors
    /// What is wrong with it, without quoting any of it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let wrong = || {
            format!(
                "is not a secret key: one line with {SECRET} and 44 characters of base64, as `picket key detector new` writes it"
            )
        };
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(wrong()) };
        Ok(Self::from_seed(&*bytes_after(SECRET, line).map(Zeroizing::new).ok_or_else(wrong)?))
    }

    /// The secret itself, for its file.
    pub fn to_text(&self) -> Zeroizing<String> {
        let base64 = Zeroizing::new(STANDARD.encode(self.0.as_bytes()));
        Zeroizing::new(format!("{SECRET}{}", *base64))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Vouches for a file and the manifest that it described itself with.
    pub fn sign(&self, file: Digest, manifest: &Manifest, at: Timestamp) -> Signature {
        let manifest = manifest_digest(manifest);
        Signature {
            key: self.public().id(),
            digest: file,
            manifest,
            signature: self.0.sign(&message(file, manifest)).to_bytes(),
            signed_at: Some(at),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, secret)", self.public().id())
    }
}

/// The 32 bytes that follow a prefix in base64, with their padding and nothing else.
fn bytes_after(prefix: &str, text: &str) -> Option<[u8; 32]> {
    let base64 = text.trim().strip_prefix(prefix)?;
    let bytes = Zeroizing::new(STANDARD.decode(base64).ok()?);
    bytes.as_slice().try_into().ok()
}
