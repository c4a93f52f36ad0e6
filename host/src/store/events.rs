//! Events: claiming their ids, those that are accepted and not yet decided, and what became of one.

use std::collections::HashSet;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use sqlx::{Arguments as _, Row as _};

use super::audit::Leaf;
use super::decisions::{self, SealedEntry};
use super::dialect::{Connection, Row};
use super::rows::Insert;
use super::sealed::{self, seal};
use super::writer::Claim;
use super::{PAGE_ROWS_MAX, Store, StoreError};
use crate::model::{AuditEntry, Decision, DecisionId, Digest, Event, Timestamp};

pub(super) const ACCEPTED: i64 = 0;
pub(super) const DECIDED: i64 = 1;

/// The unique key decides who has an event id. The decision of an accepted event takes its row
/// over; whatever else meets a row is not returned, and has lost.
static CLAIM: Insert = Insert::new(
    "INSERT INTO events (source, event_id, decision_id, subject, kind, time, received_at, \
     fingerprint, state, sealed)",
    10,
    "ON CONFLICT (source, event_id) DO UPDATE SET state = excluded.state \
     WHERE events.state < excluded.state AND events.decision_id = excluded.decision_id \
     RETURNING decision_id",
);

/// What a commit came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Committed {
    /// It is written and durable.
    New,
    /// The event id was there before: this is what it has, and nothing was written. Whether it was
    /// the same event, the fingerprint says.
    Existing(Box<Recorded>),
}

/// What is recorded about an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub decision_id: DecisionId,
    pub source: String,
    pub event_id: String,
    pub fingerprint: [u8; 32],
    /// `None`: accepted, and still to be decided.
    pub decision: Option<Decision>,
}

/// An event that was accepted and is to be decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    pub event: Event,
    pub received_at: Timestamp,
    pub fingerprint: [u8; 32],
    /// The id that was promised to the sender.
    pub decision_id: DecisionId,
}

/// The columns of an event's row.
#[derive(Debug, Clone)]
pub(super) struct EventRow {
    pub source: String,
    pub event_id: String,
    pub decision_id: String,
    pub subject: String,
    pub kind: String,
    pub time: i64,
    pub received_at: i64,
    pub fingerprint: [u8; 32],
    pub state: i64,
    pub sealed: Vec<u8>,
}

impl EventRow {
    pub fn of(
        event: &Event,
        received_at: Timestamp,
        fingerprint: [u8; 32],
        decision_id: DecisionId,
        state: i64,
    ) -> Result<Self, StoreError> {
        let (_, sealed) = seal("an event", event)?;
        Ok(Self {
            source: event.source.clone(),
            event_id: event.id.clone(),
            decision_id: decision_id.to_string(),
            subject: event.subject.clone(),
            kind: event.kind.clone(),
            time: event.time.micros(),
            received_at: received_at.micros(),
            fingerprint,
            state,
            sealed,
        })
    }
}

/// What the audit log says of an event in place of its id, which is the sender's own words.
pub(super) fn event_hash(source: &str, event_id: &str) -> Digest {
    let hash = Sha256::new().chain_update(source).chain_update([0]).chain_update(event_id);
    Digest::from(<[u8; 32]>::from(hash.finalize()))
}

/// Claims event ids and returns the decision ids that have one.
pub(super) async fn claim(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<HashSet<String>, StoreError> {
    let returned = CLAIM
        .run(connection, entries, |arguments, entry| {
            let row = &entry.event;
            arguments.add(row.source.as_str())?;
            arguments.add(row.event_id.as_str())?;
            arguments.add(row.decision_id.as_str())?;
            arguments.add(row.subject.as_str())?;
            arguments.add(row.kind.as_str())?;
            arguments.add(row.time)?;
            arguments.add(row.received_at)?;
            arguments.add(row.fingerprint.as_slice())?;
            arguments.add(row.state)?;
            arguments.add(row.sealed.as_slice())
        })
        .await?;
    Ok(returned.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}

impl Store {
    /// Writes an event that is to be decided later, under this decision id.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn accept(
        &self,
        event: &Event,
        received_at: Timestamp,
        fingerprint: [u8; 32],
        decision_id: DecisionId,
    ) -> Result<Committed, StoreError> {
        let row = EventRow::of(event, received_at, fingerprint, decision_id, ACCEPTED)?;
        let facts = json!({ "event": event_hash(&event.source, &event.id) });
        let entry = AuditEntry::new(None, "event.accepted", row.decision_id.as_str(), facts);
        let leaf = Leaf::of(entry)?;
        let (trials, outbox) = (Vec::new(), Vec::new());
        self.commit_sealed(SealedEntry { event: row, decision: None, trials, outbox, leaf }).await
    }

    /// Writes what was sealed; see [`Store::commit`].
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_sealed(&self, entry: SealedEntry) -> Result<Committed, StoreError> {
        let (source, event_id) = (entry.event.source.clone(), entry.event.event_id.clone());
        match self.inner.queue.send(entry).await? {
            Claim::Won => Ok(Committed::New),
            Claim::Lost => match self.claim(&source, &event_id).await? {
                Some(recorded) => Ok(Committed::Existing(Box::new(recorded))),
                None => Err(StoreError::Absence { what: "event", id: event_id }),
            },
        }
    }

    /// What is recorded about an event id of a source.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn claim(
        &self,
        source: &str,
        event_id: &str,
    ) -> Result<Option<Recorded>, StoreError> {
        let row = sqlx::query(
            "SELECT e.decision_id, e.source, e.event_id, e.fingerprint, d.sealed \
             FROM events AS e LEFT JOIN decisions AS d ON d.id = e.decision_id \
             WHERE e.source = $1 AND e.event_id = $2",
        )
        .bind(source)
        .bind(event_id)
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| recorded(&row)).transpose()
    }

    /// What is recorded under a decision's id.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn decision(&self, id: DecisionId) -> Result<Option<Recorded>, StoreError> {
        let row = sqlx::query(
            "SELECT d.id AS decision_id, e.source, e.event_id, e.fingerprint, d.sealed \
             FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             WHERE d.id = $1 \
             UNION ALL \
             SELECT e.decision_id, e.source, e.event_id, e.fingerprint, NULL \
             FROM events AS e WHERE e.decision_id = $1 AND e.state = 0",
        )
        .bind(id.to_string())
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| recorded(&row)).transpose()
    }

    /// Events that are accepted and not decided, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn accepted(&self, limit: usize) -> Result<Vec<Accepted>, StoreError> {
        let rows = sqlx::query(
            "SELECT decision_id, received_at, fingerprint, sealed FROM events \
             WHERE state = 0 ORDER BY decision_id LIMIT $1",
        )
        .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(accepted).collect()
    }
}

fn accepted(row: &Row) -> Result<Accepted, StoreError> {
    let (decision_id, fingerprint) = ids(row)?;
    Ok(Accepted {
        event: sealed::open("event", &decision_id.to_string(), row.try_get("sealed")?)?,
        received_at: Timestamp::from_micros(row.try_get("received_at")?),
        fingerprint,
        decision_id,
    })
}

fn recorded(row: &Row) -> Result<Recorded, StoreError> {
    let (decision_id, fingerprint) = ids(row)?;
    let sealed: Option<&[u8]> = row.try_get("sealed")?;
    Ok(Recorded {
        decision_id,
        source: row.try_get("source")?,
        event_id: row.try_get("event_id")?,
        fingerprint,
        decision: match sealed {
            Some(sealed) => Some(decisions::open(&decision_id.to_string(), sealed)?),
            None => None,
        },
    })
}

fn ids(row: &Row) -> Result<(DecisionId, [u8; 32]), StoreError> {
    let id: &str = row.try_get("decision_id")?;
    let damaged = |error: &dyn std::fmt::Display| sealed::damaged("event", id, error);
    let fingerprint: &[u8] = row.try_get("fingerprint")?;
    Ok((
        id.parse().map_err(|error: String| damaged(&error))?,
        fingerprint.try_into().map_err(|error| damaged(&error))?,
    ))
}
