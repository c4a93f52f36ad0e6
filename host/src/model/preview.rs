//! Previews: what decisions of the last days in shadow mode would have done in active mode.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, Mode, Timestamp};

/// What would have happened to a source, had its decisions been enforced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModePreview {
    pub source: String,
    /// As it is now.
    pub mode: Mode,
    /// Days that are looked back on.
    pub days: u32,
    /// The full hour that they begin with.
    pub since: Timestamp,
    /// Decisions in shadow mode since then.
    pub decisions: u64,
    /// What they would have enforced, the most severe first; what is missing was `allow`.
    pub actions: Vec<WouldEnforce>,
    /// Accounts on which something would have been enforced.
    pub subjects: u64,
    /// Decisions that a person should have looked at.
    pub reviews: u64,
    /// The newest that would have enforced something.
    pub newest: Vec<Withheld>,
}

/// Decisions that would have enforced one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WouldEnforce {
    pub action: Action,
    pub decisions: u64,
    /// Accounts that they are about.
    pub subjects: u64,
}

/// A decision that would have enforced something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Withheld {
    pub decision: String,
    pub action: Action,
    pub at: Timestamp,
}

impl ModePreview {
    /// The most days that can be looked back on.
    pub const DAYS_MAX: u32 = 90;
}
