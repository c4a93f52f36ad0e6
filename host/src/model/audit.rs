//! Audit entries: who did what, when, without personal data.

use serde::Serialize;
use serde_json::Value as Json;

use super::{Identity, Timestamp};

/// One line of the audit log. Digests and ids only: nothing personal, for it is never erased.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// A key's id, or `system`.
    pub actor: String,
    /// The key's role, or `system`.
    pub role: String,
    /// What was done, such as `decision` or `detector.published`.
    pub what: String,
    /// What it was done to, such as a decision's id.
    pub object: String,
    /// Digests and other facts.
    pub facts: Json,
}

impl AuditEntry {
    /// An entry by a caller, or by the system where `actor` is `None`.
    pub fn new(
        actor: Option<&Identity>,
        what: &str,
        object: impl Into<String>,
        facts: Json,
    ) -> Self {
        let (actor, role) = match actor {
            Some(identity) => (identity.key.to_string(), identity.role.to_string()),
            None => ("system".to_owned(), "system".to_owned()),
        };
        Self {
            at: Timestamp::now(),
            actor,
            role,
            what: what.to_owned(),
            object: object.into(),
            facts,
        }
    }
}
