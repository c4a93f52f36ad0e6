//! Tries to deliver something, and what came of each.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// One try to deliver, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
    /// The status of the answer, where there was one: of HTTP, or of SMTP.
    pub status: Option<u16>,
    /// Wall time.
    pub micros: u64,
    /// What went wrong. Nothing of what was sent or answered is in it.
    pub error: Option<String>,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Delivered,
    /// The answer was another one than 2xx.
    Refused,
    /// The answer was 410: the receiver wants no more, and gets no more until somebody says so.
    Gone,
    /// There was no whole answer in time.
    TimedOut,
    /// There was no connection.
    Unreachable,
    /// Its name leads to an address that the destination may not have, so nothing was sent.
    OutOfBounds,
    /// The connection ended before the answer was whole.
    BrokeOff,
    /// The receiver will never take it, whenever it comes.
    Rejected,
    /// What was to be sent cannot be read, so nothing was sent.
    Unreadable,
}

impl AttemptOutcome {
    pub const ALL: [Self; 9] = [
        Self::Delivered,
        Self::Refused,
        Self::Gone,
        Self::TimedOut,
        Self::Unreachable,
        Self::OutOfBounds,
        Self::BrokeOff,
        Self::Rejected,
        Self::Unreadable,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::OutOfBounds => "out_of_bounds",
            Self::BrokeOff => "broke_off",
            Self::Rejected => "rejected",
            Self::Unreadable => "unreadable",
        }
    }
}
