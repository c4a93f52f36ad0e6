//! Rulings: what a person said of a decision.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DecisionId, Timestamp};

/// What a person said of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It was right.
    Upheld,
    /// It was wrong.
    Overturned,
}

impl Word {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upheld => "upheld",
            Self::Overturned => "overturned",
        }
    }
}

/// The last word of people on a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ruling {
    pub decision: DecisionId,
    pub ruling: Word,
    pub why: String,
    /// The key of whoever said so.
    pub ruled_by: String,
    pub at: Timestamp,
}
