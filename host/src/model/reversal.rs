//! Reversals: all that a version of a detector or of a policy caused for a source in a span of time, overturned
//! in one act.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, Timestamp};

/// What is to be overturned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Wrong {
    pub source: String,
    /// What was wrong.
    pub cause: Cause,
    /// Of the decisions begun at this time or later, to the millisecond,
    pub since: Timestamp,
    /// and before this one.
    pub until: Timestamp,
}

/// A version that decisions are due to. Of a detector those that would be milder without what it found, of a
/// policy all that it made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cause {
    pub kind: CauseKind,
    pub name: String,
    /// Such as `1.3.0` of a detector, `4` of a policy.
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    Detector,
    Policy,
}

impl CauseKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Policy => "policy",
        }
    }
}

impl FromStr for CauseKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "detector" => Ok(Self::Detector),
            "policy" => Ok(Self::Policy),
            _ => Err(format!("`{text}` causes nothing: write detector or policy")),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind.as_str(), self.name, self.version)
    }
}

/// What a reversal would do, or as much of it as was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReversalPreview {
    /// Decisions that enforced something, or would have, that were looked at.
    pub seen: u64,
    /// Of these, that would be overturned.
    pub overturned: u64,
    /// Accounts that they are about.
    pub subjects: u64,
    /// Their actions, from severe to mild.
    pub actions: Vec<Reversed>,
    /// Strikes that would count no more.
    pub strikes: u64,
    /// Restrictions that would end.
    pub restrictions: u64,
    /// Actions that their platform was told of and would be told to lift.
    pub told: u64,
    /// Left as they are, for people have ruled on them.
    pub ruled: u64,
    /// Left as they are, for the record does not have what tells whether they are due to it.
    pub unclear: u64,
    /// Whether there are more than were looked at.
    pub more: bool,
}

/// An action that would be overturned, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reversed {
    pub action: Action,
    pub decisions: u64,
}

/// A reversal, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reversal {
    pub id: String,
    #[serde(flatten)]
    pub wrong: Wrong,
    pub why: String,
    /// The key of whoever asked for it.
    pub asked_by: String,
    pub asked_at: Timestamp,
    /// When it was through; `null`: it is under way.
    pub ended_at: Option<Timestamp>,
    #[serde(flatten)]
    pub done: ReversalSums,
}

/// What a reversal has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReversalSums {
    /// Decisions that enforced something, or would have, that were looked at.
    pub seen: u64,
    pub overturned: u64,
    /// Strikes that count no more.
    pub strikes: u64,
    /// Restrictions that have ended.
    pub restrictions: u64,
    /// Actions that their platform is told to lift.
    pub told: u64,
    /// Left as they are, for people have ruled on them.
    pub ruled: u64,
    /// Left as they are, for the record does not have what tells whether they are due to it.
    pub unclear: u64,
}
