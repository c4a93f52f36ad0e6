//! What is held on a person, for the person.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::profile::{KeptRestriction, KeptStrike};
use super::ruling::Ruling;
use super::{
    Case, Decision, DecisionId, Delivery, Event, Hold, PolicyDifference, Timestamp, TrialDifference,
};

/// All that is held about one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HeldEvent {
    pub received_at: Timestamp,
    pub decision_id: DecisionId,
    /// As it was sent.
    #[schema(value_type = Object)]
    pub event: Event,
    /// With the signals, their evidence and entities; `null` while it is not decided.
    pub decision: Option<Decision>,
    /// What the detectors were told, and the arithmetic of the policy.
    #[schema(value_type = Object)]
    pub made_from: Json,
    /// What a person said of it.
    pub ruling: Option<Ruling>,
    /// What versions on trial would have changed.
    pub differences: Vec<TrialDifference>,
    /// What policies on trial would have decided, where that differs.
    pub policy_differences: Vec<PolicyDifference>,
    /// What the platform was told to do.
    pub deliveries: Vec<Delivery>,
}

/// What is held about a subject besides its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldSubject {
    pub source: String,
    pub subject: String,
    /// The keyed hash under which the record and its audit log know the subject.
    pub name: String,
    /// The key under which everything personal is sealed: its id and age.
    pub key: Option<HeldKey>,
    /// Whether and why nothing of it may go, now and before.
    pub holds: Vec<Hold>,
    /// What counted against the subject, in earnest and, had it been in earnest, in shadow mode.
    pub strikes: HeldLedgers<KeptStrike>,
    /// The account-level actions that were imposed.
    pub restrictions: HeldLedgers<KeptRestriction>,
    /// What people looked into or have to, newest first.
    pub cases: Vec<Case>,
    /// When the subject was erased before.
    pub erased_at: Vec<Timestamp>,
}

/// What is kept in earnest, and what shadow mode keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldLedgers<T> {
    pub active: Vec<T>,
    pub shadow: Vec<T>,
}

/// A key, without the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldKey {
    pub id: String,
    pub created_at: Timestamp,
}
