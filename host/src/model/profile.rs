//! What a platform or a reviewer sees of an account at a glance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, DecisionId, Mode, Restriction, Score, Timestamp};

/// How an account stands, and what that follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    pub source: String,
    pub subject: String,
    /// The mode of the source: in shadow mode strikes and restrictions are those that it would have had.
    pub mode: Mode,
    pub risk: Risk,
    /// Those that end last come first; at most 100.
    pub strikes: Vec<KeptStrike>,
    /// In force now: of each action the one that ends last, from mild to severe.
    pub restrictions: Vec<Restriction>,
    /// Newest first; at most 50.
    pub history: Vec<Conduct>,
}

/// What an account's conduct makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Risk {
    /// The worst of its scores, each fading to half in 30 days.
    pub score: Score,
    /// The tier of that score.
    pub tier: String,
    /// From 0 to 1: grows with each event of the mildest tier, to one half with 20, and begins anew with any other.
    pub trust: Score,
}

/// A strike as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptStrike {
    pub decision_id: DecisionId,
    /// Which of those that counted when it was given.
    pub number: u32,
    /// Which of those that count now; `null` where it does not any more.
    pub counts_as: Option<u32>,
    pub given_at: Timestamp,
    /// From this moment on it counts no more.
    pub expires_at: Timestamp,
    /// When people took it back.
    pub revoked_at: Option<Timestamp>,
}

/// A restriction as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeptRestriction {
    pub decision_id: DecisionId,
    pub action: Action,
    pub since: Timestamp,
    /// From this moment on it is no more. `null`: until a person lifts it.
    pub expires_at: Option<Timestamp>,
    /// When people lifted it.
    pub lifted_at: Option<Timestamp>,
}

/// One decision about an account, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conduct {
    pub decision_id: DecisionId,
    #[serde(rename = "type")]
    pub kind: String,
    pub decided_at: Timestamp,
    pub mode: Mode,
    pub score: Score,
    pub tier: String,
    pub action: Action,
    /// Whether people said that it was wrong; then it says nothing of the account.
    pub overturned: bool,
}

/// Whether an account may do something now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Permission {
    pub subject: String,
    pub allowed: bool,
    /// Why not: of each action the one that ends last, from mild to severe.
    pub restrictions: Vec<Restriction>,
}
