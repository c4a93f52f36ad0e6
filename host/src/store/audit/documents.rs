//! The documents behind the log: what an entry commits itself to, as it is stored now.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::super::{PAGE_ROWS_MAX, Store, StoreError, decisions, events, rulings, sealed};
use super::AuditRow;

impl Store {
    /// What is stored of what an entry says the digests of: by the name of the fact, byte by byte. What
    /// was erased, or went or was replaced since, is not there.
    ///
    /// # Errors
    /// Where the database does not answer or a document is damaged.
    pub async fn audit_documents(
        &self,
        entry: &AuditRow,
    ) -> Result<BTreeMap<&'static str, String>, StoreError> {
        let id = entry.object.as_str();
        let found = match entry.what.as_str() {
            "event.accepted" => vec![("event", self.event_document(id).await?)],
            "decision" => vec![
                ("event", self.event_document(id).await?),
                ("document", self.decision_document(id).await?),
            ],
            // The record has what was said last alone.
            "decision.ruled" | "delivery.replayed" if self.is_said_again(entry).await? => {
                Vec::new()
            }
            "decision.ruled" => vec![("why", self.ruling_document(id).await?)],
            "delivery.replayed" => vec![("why", self.replay_document(id).await?)],
            "hold.released" => vec![("why", self.release_document(id).await?)],
            "key.created" => vec![("name", self.key_name_document(id).await?)],
            _ => Vec::new(),
        };
        let text = |(name, json): (_, Option<Vec<u8>>)| {
            let json = String::from_utf8(json?);
            Some(json.map(|json| (name, json)))
        };
        let documents: Result<_, _> = found.into_iter().filter_map(text).collect();
        documents.map_err(|error| sealed::damaged("document of entry", id, &error))
    }

    async fn is_said_again(&self, entry: &AuditRow) -> Result<bool, StoreError> {
        let later = self.audit_entries_of(&entry.object, entry.seq, PAGE_ROWS_MAX).await?;
        Ok(later.iter().any(|later| later.what == entry.what))
    }

    async fn event_document(&self, decision: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(
            "SELECT e.decision_id, e.event_id, e.source, e.subject, e.sealed, k.id AS key_id, \
             k.wrapped FROM events AS e \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE e.decision_id = $1 AND e.state = 0 \
             UNION ALL \
             SELECT e.decision_id, e.event_id, e.source, e.subject, e.sealed, k.id AS key_id, \
             k.wrapped FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE d.id = $1",
        )
        .bind(decision)
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        events::open_json(&self.inner.keyring, &row, row.try_get("sealed")?)
    }

    async fn decision_document(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(
            "SELECT d.source, d.subject, d.sealed, k.id AS key_id, k.wrapped FROM decisions AS d \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE d.id = $1",
        )
        .bind(id)
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        decisions::open_json(&self.inner.keyring, &row, id, row.try_get("sealed")?)
    }

    async fn ruling_document(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(
            "SELECT r.sealed, d.source, d.subject, k.id AS key_id, k.wrapped FROM rulings AS r \
             JOIN decisions AS d ON d.id = r.decision \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE r.decision = $1",
        )
        .bind(id)
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        rulings::open_json(&self.inner.keyring, &row, id, row.try_get("sealed")?)
    }
}
