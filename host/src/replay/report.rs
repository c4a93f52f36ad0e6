//! What a replay came to: the same, different and in what, or not to be told and for want of what.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::model::{DecisionId, Outcome};

/// What came of running a decision again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Replay {
    #[schema(value_type = String)]
    pub decision: DecisionId,
    pub result: Sameness,
    /// Detectors that were run again.
    pub ran: usize,
    /// Signals that the record has.
    pub signals: usize,
    /// Each part that is not what it was, in the order of the document.
    pub differences: Vec<Difference>,
    /// Differences beyond those that are listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
    /// What would be needed to tell, and is not here.
    pub missing: Vec<Missing>,
    /// What was decided by time or by what stood then, and so is taken as it is recorded.
    pub as_recorded: Vec<AsRecorded>,
    /// What somebody should know who reads the differences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Whether a replay came to the same.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// Every bit is as it was.
    Identical,
    /// Something is not.
    Different,
    /// Nothing that could be compared differs, and not all could be.
    CannotTell,
}

/// A part of a decision that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// A JSON pointer (RFC 6901) into the decision, such as `/signals/0/score`; below `/basis` into what
    /// it was made from, below `/logged` into what the audit log says of it.
    pub path: String,
    /// As it is recorded; `null` where there was nothing.
    #[schema(value_type = Option<Object>)]
    pub was: Json,
    /// As it came out now; `null` where there is nothing.
    #[schema(value_type = Option<Object>)]
    pub is: Json,
}

/// Something that is needed for a replay and is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    pub what: Lack,
    /// Which, why, and what to do about it where something can be done.
    pub detail: String,
}

/// What may be missing.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// A detector's file or its settings, or it does not load here.
    Detector,
    /// The policy's text.
    Policy,
    /// The arithmetic that it was decided with: this program has another.
    Semantics,
    /// What it was made from was written by another release.
    Basis,
    /// It used more than is allowed here.
    Limits,
    /// It did not end here, in a time far beyond its deadline.
    Time,
    /// The proof that it was logged.
    Proof,
    /// An earlier event of which a detector was told.
    Event,
    /// What it was made from was erased with its subject, which is no fault.
    Erased,
}

/// A finding that is no function of the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsRecorded {
    pub detector: String,
    pub version: Option<String>,
    pub outcome: Outcome,
    pub why: String,
}

impl Replay {
    /// A replay that could not begin.
    pub fn cannot_tell(decision: DecisionId, missing: Missing) -> Self {
        Self {
            decision,
            result: Sameness::CannotTell,
            ran: 0,
            signals: 0,
            differences: Vec::new(),
            more: 0,
            missing: vec![missing],
            as_recorded: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What follows from what differs and what is missing: a difference was found whatever else is
    /// missing, for what is missing was taken as it is recorded.
    pub(super) fn concluded(self) -> Self {
        let result = match (self.differences.is_empty(), self.missing.is_empty()) {
            (false, _) => Sameness::Different,
            (true, false) => Sameness::CannotTell,
            (true, true) => Sameness::Identical,
        };
        Self { result, ..self }
    }
}

impl Missing {
    pub fn new(what: Lack, detail: impl Into<String>) -> Self {
        Self { what, detail: detail.into() }
    }

    pub fn erased() -> Self {
        let why = "its subject was erased, and with it the event that it was made from";
        Self::new(Lack::Erased, why)
    }
}

impl fmt::Display for Sameness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identical => "identical",
            Self::Different => "different",
            Self::CannotTell => "cannot tell",
        })
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Detector => "detector",
            Self::Policy => "policy",
            Self::Semantics => "semantics",
            Self::Basis => "basis",
            Self::Limits => "limits",
            Self::Time => "time",
            Self::Proof => "proof",
            Self::Event => "event",
            Self::Erased => "erased",
        })
    }
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}
