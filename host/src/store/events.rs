//! Events: claiming their ids, those that are accepted and not yet decided, and what became of one.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{Arguments as _, Row as _};

use super::audit::Leaf;
use super::decisions::{self, SealedEntry};
use super::dialect::{Connection, Row};
use super::keyring::{Keyring, Sealing};
use super::names::{EventName, spent_id};
use super::rows::Insert;
use super::salt::Salt;
use super::sealed::cipher::Seat;
use super::sealed::{self, seal};
use super::writer::Answer;
use super::{PAGE_ROWS_MAX, Store, StoreError};
use crate::model::{AuditEntry, Decision, DecisionId, Digest, Event, Timestamp, Trials};

pub(super) const ACCEPTED: i64 = 0;
pub(super) const DECIDED: i64 = 1;
pub(super) const ERASED: i64 = 2;
/// Of an id whose event is gone: no row has it, but what is read of one.
const SPENT: i64 = 3;

/// How often a commit is sealed again, because the key of its subject was another one by then.
const RESEALED_MAX: usize = 8;

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
    /// The same with this decision, for its subject stood otherwise by then.
    Otherwise(Arc<Decision>),
    /// The event id was there before: this is what it has, and nothing was written. Whether it was
    /// the same event, the fingerprint says.
    Existing(Box<Recorded>),
}

/// What is recorded about an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub decision_id: DecisionId,
    pub source: String,
    /// Of an erased event: zeros, for it tells what the event was.
    pub fingerprint: [u8; 32],
    /// Whether the event is gone. Of its decision, if there was one, is left what may stay.
    pub erased: bool,
    /// `None`: not decided.
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
    /// What the log says of the event was salted with this.
    pub salt: Salt,
}

/// The columns of an event's row.
#[derive(Debug, Clone)]
pub(super) struct EventRow {
    pub source: String,
    /// Its name in the record.
    pub event_id: String,
    pub decision_id: String,
    /// Its name in the record.
    pub subject: String,
    pub kind: String,
    pub time: i64,
    pub received_at: i64,
    pub fingerprint: [u8; 32],
    pub state: i64,
    pub sealed: Vec<u8>,
    /// What the audit log says of it.
    pub commitment: Digest,
}

/// The sealed document of an event, to write: the event, salted. It reads back as an event, too.
#[derive(Serialize)]
struct DocumentRef<'a> {
    salt: Salt,
    #[serde(flatten)]
    event: &'a Event,
}

#[derive(Deserialize)]
struct Salted {
    salt: Salt,
}

impl EventRow {
    /// The row of an event.
    pub fn of(
        event: &Event,
        sealing: &Sealing,
        received_at: Timestamp,
        fingerprint: [u8; 32],
        decision_id: DecisionId,
        state: i64,
    ) -> Result<Self, StoreError> {
        let Sealing { key, event_id, salt } = sealing;
        let (event_id, decision_id) = (event_id.to_string(), decision_id.to_string());
        let row = row_of(&event_id, &decision_id);
        let document = DocumentRef { salt: *salt, event };
        let (json, sealed) = seal("an event", &Seat::of(EVENTS, &row), key, &document)?;
        Ok(Self {
            source: event.source.clone(),
            event_id,
            decision_id,
            subject: key.subject.to_string(),
            kind: event.kind.clone(),
            time: event.time.micros(),
            received_at: received_at.micros(),
            fingerprint,
            state,
            sealed,
            commitment: Digest::of(&json),
        })
    }

    pub fn row(&self) -> String {
        row_of(&self.event_id, &self.decision_id)
    }
}

pub(super) const EVENTS: &str = "events";

/// What a sealed event is bound to: its id, by its name, and the decision that it got.
pub(super) fn row_of(event_id: &str, decision_id: &str) -> String {
    format!("{event_id} {decision_id}")
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

/// Of these entries, the decision ids of those that are written, to the byte.
pub(super) async fn written(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<HashSet<String>, StoreError> {
    let mut written = HashSet::new();
    for entry in entries {
        let row = sqlx::query(
            "SELECT d.sealed FROM events AS e LEFT JOIN decisions AS d ON d.id = e.decision_id \
             WHERE e.source = $1 AND e.event_id = $2 AND e.decision_id = $3",
        )
        .bind(entry.event.source.as_str())
        .bind(entry.event.event_id.as_str())
        .bind(entry.decision_id())
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { continue };
        let sealed: Option<&[u8]> = row.try_get("sealed")?;
        // Of an accepted event, another server may have written another decision under its id.
        if entry.decision.is_none() || sealed == entry.decision.as_ref().map(|row| &*row.sealed) {
            written.insert(entry.decision_id().to_owned());
        }
    }
    Ok(written)
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
        let sealing = self.sealing(event).await?;
        let row = EventRow::of(event, &sealing, received_at, fingerprint, decision_id, ACCEPTED)?;
        let facts = json!({ "event": row.commitment });
        let entry = AuditEntry::new(None, "event.accepted", row.decision_id.as_str(), facts);
        let (key, leaf, change, escalation) = (sealing.key, Leaf::of(entry)?, None, None);
        let (trials, outbox, observations) = (Trials::default(), Vec::new(), Vec::new());
        let entry = SealedEntry {
            event: row,
            decision: None,
            trials,
            outbox,
            observations,
            change,
            escalation,
            leaf,
            key,
        };
        self.commit_sealed(entry).await
    }

    /// Writes what was sealed; see [`Store::commit`].
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit_sealed(&self, mut entry: SealedEntry) -> Result<Committed, StoreError> {
        let (source, event_id) = (entry.event.source.clone(), entry.event.event_id.clone());
        for _ in 0..RESEALED_MAX {
            match self.inner.queue.send(entry).await? {
                Answer::Won(None) => return Ok(Committed::New),
                Answer::Won(Some(decision)) => return Ok(Committed::Otherwise(decision)),
                Answer::Lost => {
                    return match self.claimed(&source, &event_id).await? {
                        Some(recorded) => Ok(Committed::Existing(Box::new(recorded))),
                        None => Err(StoreError::Absence { what: "event", id: event_id }),
                    };
                }
                Answer::Stale(stale) => {
                    let key = self.key_instead(&stale.key).await?;
                    entry = stale.resealed(key)?;
                }
            }
        }
        Err(StoreError::Rekeyed)
    }

    /// What is recorded about an event id of a source.
    ///
    /// # Errors
    /// [`StoreError::Spent`]; where the database does not answer.
    pub async fn claim(
        &self,
        source: &str,
        event_id: &str,
    ) -> Result<Option<Recorded>, StoreError> {
        let name: EventName = self.inner.keyring.names.event_id(event_id);
        self.claimed(source, &name.to_string()).await
    }

    async fn claimed(&self, source: &str, event_id: &str) -> Result<Option<Recorded>, StoreError> {
        let row = sqlx::query(
            "SELECT e.decision_id, e.source, e.subject, e.fingerprint, e.state, d.sealed, \
             k.id AS key_id, k.wrapped \
             FROM events AS e LEFT JOIN decisions AS d ON d.id = e.decision_id \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE e.source = $1 AND e.event_id = $2 \
             UNION ALL \
             SELECT '', source, '', event_id, 3, NULL, NULL, NULL \
             FROM spent_events WHERE source = $1 AND event_id = $3",
        )
        .bind(source)
        .bind(event_id)
        .bind(spent_id(event_id)?)
        .fetch_optional(self.readers())
        .await?;
        if let Some(row) = &row
            && row.try_get::<i64, _>("state")? == SPENT
        {
            return Err(StoreError::Spent);
        }
        row.map(|row| recorded(&self.inner.keyring, &row)).transpose()
    }

    /// What is recorded under a decision's id.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn decision(&self, id: DecisionId) -> Result<Option<Recorded>, StoreError> {
        // What was decided; what is to be; what was erased before it was.
        let row = sqlx::query(
            "SELECT e.decision_id, e.source, e.subject, e.fingerprint, e.state, d.sealed, \
             k.id AS key_id, k.wrapped FROM decisions AS d \
             JOIN events AS e ON e.source = d.source AND e.event_id = d.event_id \
             LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
             WHERE d.id = $1 \
             UNION ALL \
             SELECT decision_id, source, subject, fingerprint, state, NULL, NULL, NULL \
             FROM events WHERE decision_id = $1 AND state = 0 \
             UNION ALL \
             SELECT decision_id, source, subject, fingerprint, state, NULL, NULL, NULL \
             FROM events WHERE decision_id = $1 AND state = 2 \
             AND NOT EXISTS (SELECT 1 FROM decisions WHERE id = $1)",
        )
        .bind(id.to_string())
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| recorded(&self.inner.keyring, &row)).transpose()
    }

    /// Events that are accepted and not decided, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn accepted(&self, limit: usize) -> Result<Vec<Accepted>, StoreError> {
        let rows = sqlx::query(
            "SELECT e.decision_id, e.event_id, e.source, e.subject, e.received_at, e.fingerprint, \
             e.sealed, k.id AS key_id, k.wrapped FROM events AS e \
             LEFT JOIN subject_keys AS k ON k.source = e.source AND k.subject = e.subject \
             WHERE e.state = 0 ORDER BY e.decision_id LIMIT $1",
        )
        .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(|row| accepted(&self.inner.keyring, row)).collect()
    }
}

fn accepted(keyring: &Keyring, row: &Row) -> Result<Accepted, StoreError> {
    let (decision_id, fingerprint) = ids(row)?;
    let (event, json) = open(keyring, row, row.try_get("sealed")?)?;
    let salted: Salted = serde_json::from_slice(&json)
        .map_err(|error| sealed::damaged("event", &decision_id.to_string(), &error))?;
    let received_at = Timestamp::from_micros(row.try_get("received_at")?);
    Ok(Accepted { event, received_at, fingerprint, decision_id, salt: salted.salt })
}

/// An event from its sealed column, and a row that also has its `event_id`, `decision_id` and key; with it
/// its JSON, as it was written.
pub(super) fn open(
    keyring: &Keyring,
    row: &Row,
    sealed: &[u8],
) -> Result<(Event, Vec<u8>), StoreError> {
    let id: &str = row.try_get("decision_id")?;
    let json = open_json(keyring, row, sealed)?;
    let erased = || StoreError::Erased { what: "the event of decision", id: id.to_owned() };
    let json = json.ok_or_else(erased)?;
    let event =
        serde_json::from_slice(&json).map_err(|error| sealed::damaged("event", id, &error))?;
    Ok((event, json))
}

/// What was sealed of an event, byte by byte; `None` where it was erased.
pub(super) fn open_json(
    keyring: &Keyring,
    row: &Row,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let place = row_of(row.try_get("event_id")?, row.try_get("decision_id")?);
    let key = keyring.of_row(row)?;
    sealed::unsealed("event", &Seat::of(EVENTS, &place), key.as_ref(), sealed)
}

fn recorded(keyring: &Keyring, row: &Row) -> Result<Recorded, StoreError> {
    let (decision_id, fingerprint) = ids(row)?;
    let sealed: Option<&[u8]> = row.try_get("sealed")?;
    Ok(Recorded {
        decision_id,
        source: row.try_get("source")?,
        fingerprint,
        erased: row.try_get::<i64, _>("state")? == ERASED,
        decision: match sealed {
            Some(sealed) => decisions::open(keyring, row, &decision_id.to_string(), sealed)?,
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
