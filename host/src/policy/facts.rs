//! Facts: what is known beside an event and its findings when it is judged. All of it is stored with
//! the decision, so that a replay judges by the same.

use crate::model::Timestamp;

/// What is known beside an event and its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// When it is decided: lists, exemptions and the ends of actions count by it.
    pub at: Timestamp,
}
