//! Signals: what one detector found, as it is recorded.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one detector found in one event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// The detector that found it.
    pub detector: String,
    /// Of a version on trial; the others are in the findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Such as `contact.phone`.
    pub label: String,
    /// How strongly the label holds.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub score: f64,
    /// How sure the detector is of that.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub confidence: f64,
    /// One sentence for a reviewer; text of the evidence is masked in it.
    pub reason: String,
    pub spans: Vec<EvidenceSpan>,
    /// What can be met again, as keyed hashes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<EntityHash>,
    /// Whether the policy gave it weight.
    pub counted: bool,
}

/// Where the evidence is: a range of UTF-8 bytes of one field, as it was sent in this event or an earlier
/// one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EvidenceSpan {
    /// A dotted path into the event, such as `data.content`.
    pub field: String,
    /// Which text, where the field is a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u32>,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// Of an earlier event of the same source: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
}

/// Something that can be met again, such as a phone number, without what it was.
#[derive(Debug, Clone, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntityHash {
    /// Such as `phone`.
    pub kind: String,
    /// A keyed hash of the canonical value, in hexadecimal.
    pub hash: String,
    /// What another host compares in its place, for it has no such key: see `engine::check`. Kept
    /// sealed with the decision and shown to nobody.
    #[serde(skip)]
    pub commitment: String,
}

/// Two are one entity whatever event each was met in.
impl PartialEq for EntityHash {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, &self.hash) == (&other.kind, &other.hash)
    }
}
