//! Decisions: what was concluded about an event, by whom, and from what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Action, DecisionId, Digest, Finding, Scope, ScopedAction, Score, Signal, Strike, Timestamp,
};

/// The arithmetic that this build decides with. It grows when merging or escalation changes.
pub const SEMANTICS: u32 = 1;

/// What was concluded about one event, with all that is needed to explain it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    pub id: DecisionId,
    pub event_id: String,
    pub source: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The account that is judged.
    pub subject: String,
    /// When the event happened.
    pub time: Timestamp,
    pub decided_at: Timestamp,
    pub mode: Mode,
    pub score: Score,
    pub tier: String,
    /// The most severe of `actions`: what is to be enforced now.
    pub action: Action,
    /// The scope of `action`.
    pub scope: Scope,
    /// At most one per scope.
    pub actions: Vec<ScopedAction>,
    /// In shadow mode: what active mode would have enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would: Option<Would>,
    /// Why, in a sentence for a reviewer.
    pub reason: String,
    /// Text for the end user. Of what begins later it says nothing.
    pub message: Option<String>,
    /// Text for the end user when what begins later begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_later: Option<String>,
    /// The strike that the violation counted as.
    pub strike: Option<Strike>,
    /// The case that it opened or joined.
    pub case_id: Option<DecisionId>,
    /// What the rules of the policy mark it with: sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// What the rules of the policy tell people of by an alert: sorted, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<String>,
    /// Whether a finding was missing or a rule had no answer, so that the policy's `on_error` had a say.
    pub degraded: bool,
    /// Whether a person should look, because a tier, a rule or the policy's `on_error` says so.
    pub review: bool,
    pub policy: PolicyRef,
    pub signals: Vec<Signal>,
    pub findings: Vec<Finding>,
    /// The set of detectors and policies that was live.
    pub generation: u64,
    pub semantics: u32,
    /// When the subject was erased: what said whom or what it was about is gone, and `subject` is a
    /// pseudonym that belongs to this erasure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<Timestamp>,
}

impl Decision {
    /// The signals of the findings that had a say.
    pub fn heard(&self) -> impl Iterator<Item = &Signal> {
        self.signals.iter().filter(|signal| {
            self.findings.iter().any(|finding| finding.counted && finding.gave(signal))
        })
    }
}

/// What active mode would have enforced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Would {
    pub action: Action,
    pub scope: Scope,
    pub actions: Vec<ScopedAction>,
    pub message: Option<String>,
    /// The strike that it would have given, counted among those that shadow mode kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strike: Option<Strike>,
    /// The matter of the case that it would have opened or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
}

/// The policy that judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRef {
    pub name: String,
    /// Numbered by the host; the same text keeps its number.
    pub version: u32,
    pub digest: Digest,
}

/// Whether decisions of a source are enforced.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Decided and recorded; nothing is enforced.
    #[default]
    Shadow,
    /// Enforced.
    Active,
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Active => "active",
        }
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "shadow" => Ok(Self::Shadow),
            "active" => Ok(Self::Active),
            _ => Err(format!("`{text}` is not a mode: shadow or active")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
