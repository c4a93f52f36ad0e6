//! Findings: one detector's run on one event. Failure is data.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Digest, Signal, Stage};

/// One detector's run on one event: how it went, how long it took, what it found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    pub detector: String,
    /// `null` where the policy requires a detector that is not loaded.
    pub version: Option<String>,
    /// Of the file as shipped.
    pub digest: Option<Digest>,
    pub settings_digest: Option<Digest>,
    pub stage: Option<Stage>,
    /// Whether it had a say: a version in shadow never has, one in canary for its share of subjects.
    #[serde(default = "yes")]
    pub counted: bool,
    pub outcome: Outcome,
    /// What went wrong, for an engineer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Processor time of the evaluation.
    pub micros: u64,
    /// Listed on the decision, so that a reader sees them in one place.
    #[serde(skip)]
    pub signals: Vec<Signal>,
}

impl Finding {
    /// The finding of a detector that the policy requires and that is not loaded.
    pub fn absent(detector: &str) -> Self {
        Self {
            detector: detector.to_owned(),
            version: None,
            digest: None,
            settings_digest: None,
            stage: None,
            counted: true,
            outcome: Outcome::Skipped,
            error: Some("the policy requires this detector, and it is not loaded".to_owned()),
            micros: 0,
            signals: Vec::new(),
        }
    }
}

impl Finding {
    /// Whether a signal of its decision is of this finding: of versions on trial a signal carries the number.
    pub fn gave(&self, signal: &Signal) -> bool {
        let on_trial = self.stage.is_some_and(Stage::is_trial);
        let version = self.version.as_ref().filter(|_| on_trial);
        self.outcome == Outcome::Ok
            && signal.detector == self.detector
            && signal.version.as_ref() == version
    }

    /// The signals that have a say.
    pub fn heard(&self) -> &[Signal] {
        match self.counted && self.outcome == Outcome::Ok {
            true => &self.signals,
            false => &[],
        }
    }

    /// Whether a signal of this label has a say and carries something.
    pub fn carries(&self, label: &str) -> bool {
        self.heard().iter().any(|signal| signal.label == label && !signal.entities.is_empty())
    }
}

/// Before there were versions that only watch, every finding had a say.
fn yes() -> bool {
    true
}

/// How a detector's run on an event ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It returned signals, perhaps none.
    Ok,
    /// It panicked or executed an illegal instruction.
    Trap,
    /// It used up its processor time.
    Deadline,
    /// It wanted more memory than it may have.
    Memory,
    /// It returned what the contract forbids, such as a score of NaN.
    Invalid,
    /// It returned an error of its own.
    Error,
    /// It was not run, or not to its end: the event's time was up, it is in quarantine, or it is not
    /// loaded.
    Skipped,
}

impl Outcome {
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Trap,
        Self::Deadline,
        Self::Memory,
        Self::Invalid,
        Self::Error,
        Self::Skipped,
    ];

    /// Whether the detector is to blame.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Ok | Self::Skipped)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::Invalid => "invalid",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
