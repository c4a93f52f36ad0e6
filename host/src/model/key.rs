//! Who calls: the roles of API keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::KeyId;

/// What a key may do. `auth` says what that is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A marketplace: posts events and reads its own decisions.
    Platform,
    /// Ships detectors and policies.
    Engineer,
    /// Looks at decisions.
    Reviewer,
    /// Reads everything, changes nothing.
    Auditor,
    /// Everything, keys and modes included.
    Admin,
}

impl Role {
    pub const ALL: [Self; 5] =
        [Self::Platform, Self::Engineer, Self::Reviewer, Self::Auditor, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Engineer => "engineer",
            Self::Reviewer => "reviewer",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("`{text}` is not a role: platform, engineer, reviewer, auditor or admin")
        })
    }
}

/// A caller whose key was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub key: KeyId,
    pub role: Role,
    /// The only source that the key may touch; `None` for all.
    pub source: Option<String>,
    pub name: String,
}
