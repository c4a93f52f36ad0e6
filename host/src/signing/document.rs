//! `NAME.wasm.sig`: a small JSON text with the signatures of one file, several while keys change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::KeyId;
use crate::model::{Digest, Timestamp};

/// The version of this format.
const SCHEMA: u32 = 1;
const SIGNATURES_MAX: usize = 16;
/// How much of what a parser says about a file of strangers is passed on, in characters.
const FAULT_MAX: usize = 200;

/// The signatures of one file, by one key or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    schema: u32,
    signatures: Vec<Signature>,
}

/// What one key says of one file. Only `signature` proves anything: the rest says what it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The id of the key.
    pub key: KeyId,
    /// Of the file as shipped.
    pub digest: Digest,
    /// Of the manifest: see [`super::manifest_digest`].
    pub manifest: Digest,
    /// 64 bytes, in base64.
    #[serde(serialize_with = "write_base64", deserialize_with = "read_base64")]
    pub signature: [u8; 64],
    /// A note for people: it is not part of what is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<Timestamp>,
}

impl SignatureFile {
    /// Longest text that is read, in bytes.
    pub const BYTES_MAX: u64 = 64 << 10;

    /// One signature alone.
    pub fn of(signature: Signature) -> Self {
        Self { schema: SCHEMA, signatures: vec![signature] }
    }

    /// Reads the text of a signature file. Whether a signature in it is good is not looked at.
    ///
    /// # Errors
    /// What is wrong with the text, shortened.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let parsed: Self = serde_json::from_slice(text)
            .map_err(|error| error.to_string().chars().take(FAULT_MAX).collect::<String>())?;
        if parsed.schema != SCHEMA {
            return Err(format!("it has schema {}; this host knows {SCHEMA}", parsed.schema));
        }
        match parsed.signatures.len() {
            1..=SIGNATURES_MAX => Ok(parsed),
            count => Err(format!("it has {count} signatures; 1 to {SIGNATURES_MAX} are allowed")),
        }
    }

    /// Adds a signature in place of the same key's. What others signed goes unless it is of the same
    /// file and manifest: it could never be good again.
    ///
    /// # Errors
    /// Where the file is full.
    pub fn put(&mut self, signature: Signature) -> Result<(), String> {
        self.signatures.retain(|other| {
            other.key != signature.key
                && (other.digest, other.manifest) == (signature.digest, signature.manifest)
        });
        if self.signatures.len() == SIGNATURES_MAX {
            return Err(format!("it has {SIGNATURES_MAX} signatures, which is as many as it may"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("signatures are plain JSON");
        text.push('\n');
        text
    }
}

fn write_base64<S: Serializer>(bytes: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn read_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
    let bytes = STANDARD.decode(String::deserialize(deserializer)?).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| de::Error::custom("a signature is 64 bytes in base64"))
}
