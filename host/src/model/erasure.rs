//! Erasure: what stays of a decision when its subject is erased, and the list of who was.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Decision, Finding, Signal, Timestamp, Would};

/// One subject of one source, erased once. Names nobody: without the host key it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erasure {
    pub source: String,
    /// A keyed hash of the subject's name.
    pub subject: String,
    /// The id of the key that went; zeros where there was none.
    pub key_id: String,
    pub erased_at: Timestamp,
}

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// When, or when before where there was nothing left to erase.
    pub erased_at: Timestamp,
    /// Events whose content is gone now.
    pub events: u64,
    /// Decisions of which only what may stay is left.
    pub decisions: u64,
    /// Rulings whose reasons are gone now.
    pub rulings: u64,
}

impl Decision {
    /// What may stay: what was decided, when, by which policy and detectors, on which labels. What says
    /// whom it was about, and every text that may, goes.
    pub fn without_subject(self, pseudonym: &str, at: Timestamp) -> Self {
        // Every field by its name: whoever adds one says here whether it stays.
        let Self {
            id,
            event_id: _,
            source,
            kind,
            subject: _,
            time,
            decided_at,
            mode,
            score,
            tier,
            action,
            scope,
            actions,
            would,
            reason: _,
            message: _,
            message_later: _,
            tags,
            strike,
            case_id,
            alerts,
            degraded,
            review,
            policy,
            signals,
            findings,
            generation,
            semantics,
            erased_at: _,
        } = self;
        Self {
            id,
            event_id: String::new(),
            source,
            kind,
            subject: pseudonym.to_owned(),
            time,
            decided_at,
            mode,
            score,
            tier,
            action,
            scope,
            actions,
            would: would.map(|would| Would { message: None, ..would }),
            reason: String::new(),
            message: None,
            message_later: None,
            tags,
            strike,
            case_id,
            alerts,
            degraded,
            review,
            policy,
            signals: signals.into_iter().map(Signal::without_subject).collect(),
            findings: findings.into_iter().map(Finding::without_subject).collect(),
            generation,
            semantics,
            erased_at: Some(at),
        }
    }
}

impl Signal {
    fn without_subject(self) -> Self {
        let Self {
            detector,
            version,
            label,
            score,
            confidence,
            reason: _,
            spans: _,
            entities: _,
            counted,
        } = self;
        let (reason, spans, entities) = (String::new(), Vec::new(), Vec::new());
        Self { detector, version, label, score, confidence, reason, spans, entities, counted }
    }
}

impl Finding {
    fn without_subject(self) -> Self {
        let signals = self.signals.into_iter().map(Signal::without_subject).collect();
        Self { error: None, signals, ..self }
    }
}
