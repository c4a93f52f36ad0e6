//! Trials: what a version in shadow or canary would have changed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Action, PolicyRun, Stage, Timestamp};

/// What one event says about all that is on trial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trials {
    pub detectors: Vec<TrialRun>,
    pub policies: Vec<PolicyRun>,
}

/// What one event says about one version on trial.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRun {
    /// The row of the deployment.
    pub deployment: i64,
    pub stage: Stage,
    /// Whether it had a say.
    pub counted: bool,
    pub failed: bool,
    /// Whether it found something.
    pub fired: bool,
    pub micros: u64,
    /// `None`: the decision is the same with it and without.
    pub difference: Option<Difference>,
}

/// How a decision with a version differs from the one without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    pub direction: Direction,
    pub without: Action,
    pub with: Action,
    /// Whether a person should look, without it and with it.
    pub reviews: (bool, bool),
}

/// Which way a decision differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// A more severe action.
    Stricter,
    Milder,
    /// The same action from another tier, in another case, or a person who should look and need not without it.
    Retiered,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stricter => "stricter",
            Self::Milder => "milder",
            Self::Retiered => "retiered",
        }
    }
}

/// What a version did since it came to its stage, in sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    pub stage: Stage,
    pub since: Timestamp,
    /// Events that it saw.
    pub events: u64,
    /// Of these, in which it had a say.
    pub counted: u64,
    pub failures: u64,
    /// Of its runs, that found something.
    pub fired: u64,
    /// Processor time of all runs.
    pub micros: u64,
    /// Processor time of the longest run.
    pub micros_max: u64,
    /// Decisions that are more severe with it.
    pub stricter: u64,
    pub milder: u64,
    /// Decisions of another tier and the same action.
    pub retiered: u64,
    /// Decisions that a person should look at with it, and need not without it.
    pub reviews_added: u64,
    pub reviews_spared: u64,
    /// Of the decisions in which it found something and had a say, that a person looked at.
    pub ruled: u64,
    /// Of these, that were overturned.
    pub overturned: u64,
}

impl Trial {
    pub fn failure_rate(&self) -> f64 {
        share(self.failures, self.events)
    }

    pub fn fire_rate(&self) -> f64 {
        share(self.fired, self.events)
    }

    /// `None`: nobody has looked at any.
    pub fn overturn_rate(&self) -> Option<f64> {
        (self.ruled > 0).then(|| share(self.overturned, self.ruled))
    }

    /// Of a run, in microseconds.
    pub fn mean_micros(&self) -> f64 {
        share(self.micros, self.events)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A decision that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrialDifference {
    pub decision: String,
    pub subject: String,
    pub direction: Direction,
    /// The action without it.
    pub without: Action,
    /// The action with it.
    pub with: Action,
    pub at: Timestamp,
}
