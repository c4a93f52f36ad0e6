//! Cases: what people look into about one account and one matter, however many decisions it took.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, DecisionId, Score, Timestamp};

/// A case.
///
/// Of one account and one matter one is open at a time: what is decided meanwhile joins it. It is over when
/// people have ruled on each of its decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Case {
    /// That of the decision that opened it.
    pub id: DecisionId,
    pub source: String,
    /// The account; empty where it was erased.
    pub subject: String,
    /// What it is about, in the words of the policy's rule.
    pub matter: String,
    pub state: CaseState,
    /// Decisions in it.
    pub decisions: u64,
    /// The highest of their scores.
    pub score: Score,
    /// The most severe of their actions.
    pub action: Action,
    pub opened_at: Timestamp,
    /// When the last decision joined it.
    pub last_at: Timestamp,
    /// When it was over; `null`: it is not.
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Somebody has to look.
    Open,
    /// People have ruled on all of it, and upheld some.
    Resolved,
    /// All of it was overturned.
    Overturned,
}

/// What a decision does to a case of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseChange {
    pub matter: String,
    /// The one that is open; `None`: it opens one.
    pub joins: Option<DecisionId>,
}

impl CaseState {
    pub const ALL: [Self; 3] = [Self::Open, Self::Resolved, Self::Overturned];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Resolved => "resolved",
            Self::Overturned => "overturned",
        }
    }
}

impl fmt::Display for CaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CaseState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|state| state.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no state: write open, resolved or overturned"))
    }
}
