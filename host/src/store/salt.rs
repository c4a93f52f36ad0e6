//! Salts: what makes of a digest in the audit log a commitment. The log says the digest of a document
//! that begins with its salt. Whoever is shown the document can see that it is the one; without it
//! nobody can find out by trying what it said, and when it is erased nobody ever will.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::StoreError;
use super::sealed::cipher::fill;

/// Sixteen random bytes, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 16]);

impl Salt {
    /// A new one of the system's randomness.
    pub(super) fn random() -> Result<Self, StoreError> {
        let mut bytes = [0; 16];
        fill(&mut bytes).map_err(|detail| StoreError::Unstorable { what: "a salt", detail })?;
        Ok(Self(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        bytes.try_into().map(Self).map_err(|_| "its salt has not 16 bytes")
    }
}

impl fmt::Debug for Salt {
    /// Without the salt, which is as secret as what it salts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(secret)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(String::deserialize(deserializer)?, &mut bytes)
            .map_err(|_| de::Error::custom("a salt is 32 hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}
