//! What is enforced, and on what.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// What is enforced. The order is the severity, least first: the more severe of two is the greater.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Allow,
    Nudge,
    Warning,
    SoftBlock,
    Cooldown,
    HardBlock,
    Restriction,
    SuspensionCandidate,
}

impl Action {
    pub const ALL: [Self; 8] = [
        Self::Allow,
        Self::Nudge,
        Self::Warning,
        Self::SoftBlock,
        Self::Cooldown,
        Self::HardBlock,
        Self::Restriction,
        Self::SuspensionCandidate,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Nudge => "nudge",
            Self::Warning => "warning",
            Self::SoftBlock => "soft_block",
            Self::Cooldown => "cooldown",
            Self::HardBlock => "hard_block",
            Self::Restriction => "restriction",
            Self::SuspensionCandidate => "suspension_candidate",
        }
    }

    /// The scope that the action has where a policy names none: what it would be silly without.
    pub fn usual_scope(self) -> Scope {
        match self {
            Self::Allow | Self::Nudge | Self::Warning | Self::SoftBlock | Self::HardBlock => {
                Scope::Message
            }
            Self::Cooldown | Self::Restriction | Self::SuspensionCandidate => Scope::Account,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an action applies to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Message,
    Thread,
    Account,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Message, Self::Thread, Self::Account];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Thread => "thread",
            Self::Account => "account",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An action on one scope, and when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopedAction {
    pub action: Action,
    pub scope: Scope,
    /// `null` where it does not end by itself.
    pub expires_at: Option<Timestamp>,
    /// When it begins, where that is later than the decision: until then nothing of it is enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_at: Option<Timestamp>,
    /// Of a restriction that an earlier decision imposed and that is still in force: since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_since: Option<Timestamp>,
}

impl ScopedAction {
    /// One that does not end by itself.
    pub fn lasting(action: Action, scope: Scope) -> Self {
        Self { action, scope, expires_at: None, begins_at: None, in_force_since: None }
    }
}
