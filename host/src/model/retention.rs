//! How long what is kept: by class of decision, and what is held longer for the law.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// What kind of decision it is, as far as keeping it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetentionClass {
    /// Nothing was enforced, for nothing was found or the source was in shadow mode.
    Allowed,
    /// Something was enforced.
    Enforced,
}

impl RetentionClass {
    pub const ALL: [Self; 2] = [Self::Allowed, Self::Enforced];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Enforced => "enforced",
        }
    }
}

/// That the record of a subject is kept whatever its age, and not erased, until it is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    pub id: String,
    pub source: String,
    pub subject: String,
    /// Why, such as the number of a lawsuit.
    pub why: String,
    /// The id of the key that placed it.
    pub held_by: String,
    pub held_at: Timestamp,
    /// `null`: in force.
    pub released_at: Option<Timestamp>,
    /// Why it ended; `null` also where its subject was erased since.
    pub released_why: Option<String>,
}
