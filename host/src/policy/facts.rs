//! Facts: what is known beside an event and its findings when it is judged. All of it is stored with
//! the decision, so that a replay judges by the same.

use crate::model::{Account, Known, Timestamp};

static NOTHING: Known = Known::NOTHING;
static NOBODY: Account = Account::NOBODY;

/// What is known beside an event and its findings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts<'a> {
    /// When it is decided: lists, exemptions and the ends of actions count by it.
    pub at: Timestamp,
    /// What is known of the past, as far as the policy asks ([`super::Policy::asks`]).
    pub known: &'a Known,
    /// How the account stands.
    pub account: &'a Account,
}

impl Facts<'static> {
    /// Nothing is known but the time.
    pub fn at(at: Timestamp) -> Self {
        Self { at, known: &NOTHING, account: &NOBODY }
    }
}
