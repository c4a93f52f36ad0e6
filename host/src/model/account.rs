//! How an account stands and what it did, as far as a policy's rules ask: read before its event is judged.

use serde::{Deserialize, Serialize};

use super::{Action, Score};

/// How an account stood when its event was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Strikes that counted; of more than 64 it is 64.
    #[serde(default)]
    pub strikes: u32,
    /// What was in force, from mild to severe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restrictions: Vec<Action>,
    /// The worst of the scores of its last 1,000 decisions, each fading to half in 30 days.
    #[serde(default)]
    pub score: Score,
    /// From 0 to 1: grows with each event of the mildest tier, to one half with 20, and begins anew with any
    /// other.
    #[serde(default)]
    pub trust: Score,
}

impl Account {
    /// One of which nothing is known.
    pub const NOBODY: Self =
        Self { strikes: 0, restrictions: Vec::new(), score: Score::ZERO, trust: Score::ZERO };
}

impl Default for Account {
    fn default() -> Self {
        Self::NOBODY
    }
}
