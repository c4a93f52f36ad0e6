//! Trials of policies: what a policy in shadow or canary says of the same findings as the active one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, Direction, PolicyRef, Score, Stage, Timestamp};

/// What one event says about one policy on trial.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyRun {
    /// The row of the deployment.
    pub deployment: i64,
    pub stage: Stage,
    /// The row of the policy that it is compared with, which is the active one.
    pub against: i64,
    /// Whether what it said was what was decided.
    pub decided: bool,
    /// Whether it wants a person to look.
    pub review: bool,
    /// `None`: the active one says the same.
    pub difference: Option<PolicyTurn>,
}

/// How what a policy says of an event differs from what the active one says.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyTurn {
    pub direction: Direction,
    pub without: Said,
    pub with: Said,
}

/// What a policy said of one event, before strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Said {
    pub score: Score,
    pub tier: String,
    pub action: Action,
    /// Whether a person should look.
    pub review: bool,
    /// The matter of the case that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
}

/// What a policy did since it came to its stage, or since another one became active, in sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTrial {
    pub stage: Stage,
    pub since: Timestamp,
    /// The active one that it is compared with; `null`: none was, so no event was judged.
    pub against: Option<PolicyRef>,
    /// Events that it judged.
    pub events: u64,
    /// Of these, those that it decided.
    pub decided: u64,
    /// Decisions that are more severe with it.
    pub stricter: u64,
    pub milder: u64,
    /// Decisions of another tier, or another word on whether a person should look, and the same action.
    pub retiered: u64,
    /// Decisions that a person should look at with it: the cases that it predicts.
    pub reviews: u64,
    /// Of these, those that nobody needs to look at without it.
    pub reviews_added: u64,
    /// Decisions that a person should look at without it, and nobody with it.
    pub reviews_spared: u64,
}

impl PolicyTrial {
    /// Decisions that differ.
    pub fn differing(&self) -> u64 {
        self.stricter + self.milder + self.retiered
    }
}

/// A decision that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDifference {
    pub decision: String,
    pub subject: String,
    pub direction: Direction,
    /// What the active policy says.
    pub without: Said,
    /// What the one on trial says.
    pub with: Said,
    pub at: Timestamp,
}
