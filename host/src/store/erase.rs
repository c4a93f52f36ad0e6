//! Erasure: the key of a subject goes, and with it all that was sealed under it, wherever copies of the
//! database lie. What may stay is left in the open, under a pseudonym that belongs to this erasure alone.
//!
//! A copy that is older than an erasure still holds the key. So who was erased is listed, the list is kept
//! apart too, and a restored copy goes through it before it serves ([`Store::replay_erasures`]).

use serde_json::{Value as Json, json};
use sqlx::Row as _;

use super::audit::Leaves;
use super::decisions;
use super::events::ERASED;
use super::holds;
use super::names::SubjectName;
use super::sealed::cipher::fill;
use super::subject_key::SubjectKeyId;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError};
use crate::model::{AuditEntry, Erased, Erasure, Identity, Timestamp};

/// Decisions that are read at once.
const PAGE: i64 = 200;
/// What a sealed column holds when it holds nothing.
const NOTHING: &[u8] = &[];

/// Whom an erasure is about, and what is left in the place of the name.
struct Subject<'a> {
    source: &'a str,
    name: String,
    pseudonym: String,
    erased_at: Timestamp,
}

impl Store {
    /// Erases a subject of a source. Once more it erases what came since, or nothing.
    ///
    /// # Errors
    /// Where the database does not answer; [`StoreError::Held`] where nothing of it may go; [`StoreError::Traces`] where it was erased, and a copy of what
    /// was is still in the write-ahead log.
    pub async fn erase(
        &self,
        source: &str,
        subject: &str,
        why: &str,
        who: &Identity,
    ) -> Result<Erased, StoreError> {
        let name = self.inner.keyring.names.subject(subject);
        let mut tx = self.inner.writer.begin().await?;
        holds::refuse_held(&mut tx, source, name).await?;
        let erased = match erased_before(&mut tx, source, name).await? {
            Some(erased_at) => {
                tx.roll_back().await;
                Erased { erased_at, events: 0, decisions: 0, rulings: 0 }
            }
            None => {
                let now = Timestamp::now();
                let (erased, key_id) = self.erase_in(&mut tx, source, name, now).await?;
                let facts = json!({
                    "source": source, "key": key_id, "why": why,
                    "events": erased.events, "decisions": erased.decisions,
                });
                tx.commit(leaf(Some(who), name, facts)?).await?;
                erased
            }
        };
        self.inner.keyring.forget(source, name);
        self.inner.writer.leave_no_trace().await?;
        Ok(erased)
    }

    /// Erases again whom a list names and this record does not, for then it is of an older copy. Returns
    /// how many that were.
    ///
    /// # Errors
    /// A name that is none, or where the database does not answer; who was erased by then stays so.
    pub async fn replay_erasures(&self, list: &[Erasure]) -> Result<u64, StoreError> {
        let mut replayed = 0;
        for Erasure { source, subject, erased_at, .. } in list {
            let unstorable =
                |detail: String| StoreError::Unstorable { what: "an erasure of a list", detail };
            let name: SubjectName = subject.parse().map_err(unstorable)?;
            let mut tx = self.inner.writer.begin().await?;
            let listed = sqlx::query(
                "SELECT number FROM erasures WHERE source = $1 AND subject = $2 AND erased_at = $3",
            )
            .bind(source.as_str())
            .bind(subject.as_str())
            .bind(erased_at.micros())
            .fetch_optional(tx.connection()?)
            .await?;
            if listed.is_some() {
                tx.roll_back().await;
                continue;
            }
            let (_, key_id) = self.erase_in(&mut tx, source, name, *erased_at).await?;
            let facts = json!({ "source": source, "key": key_id, "again": true });
            tx.commit(leaf(None, name, facts)?).await?;
            self.inner.keyring.forget(source, name);
            replayed += 1;
        }
        self.inner.writer.leave_no_trace().await?;
        Ok(replayed)
    }

    /// Who was erased, in the order in which it happened, without the first so many.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn erasures(&self, after: u64, limit: usize) -> Result<Vec<Erasure>, StoreError> {
        let rows = sqlx::query(
            "SELECT source, subject, key_id, erased_at FROM erasures WHERE number > $1 \
             ORDER BY number LIMIT $2",
        )
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Erasure {
                    source: row.try_get("source")?,
                    subject: row.try_get("subject")?,
                    key_id: row.try_get("key_id")?,
                    erased_at: Timestamp::from_micros(row.try_get("erased_at")?),
                })
            })
            .collect()
    }

    /// Erases all that is there of a subject and lists it. Returns what went, with the id of the key.
    async fn erase_in(
        &self,
        tx: &mut Tx,
        source: &str,
        name: SubjectName,
        erased_at: Timestamp,
    ) -> Result<(Erased, String), StoreError> {
        let mut random = [0; 16];
        let unstorable = |detail| StoreError::Unstorable { what: "a pseudonym", detail };
        fill(&mut random).map_err(unstorable)?;
        let pseudonym = format!("erased-{}", hex::encode(random));
        let subject = Subject { source, name: name.to_string(), pseudonym, erased_at };
        // The decisions last: the others are found through them.
        let events = erase_events(tx, &subject).await?;
        let rulings = erase_rulings(tx, &subject).await?;
        erase_differences(tx, &subject).await?;
        let decisions = self.erase_decisions(tx, &subject).await?;
        let key_id = erase_key(tx, &subject).await?;
        sqlx::query(
            "INSERT INTO erasures (number, source, subject, key_id, erased_at) \
             SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4 FROM erasures",
        )
        .bind(source)
        .bind(subject.name.as_str())
        .bind(key_id.as_str())
        .bind(erased_at.micros())
        .execute(tx.connection()?)
        .await?;
        Ok((Erased { erased_at, events, decisions, rulings }, key_id))
    }

    /// Leaves of each decision what may stay. One that is damaged cannot be read and leaves nothing.
    async fn erase_decisions(&self, tx: &mut Tx, subject: &Subject<'_>) -> Result<u64, StoreError> {
        let mut erased = 0;
        loop {
            let rows = sqlx::query(
                "SELECT d.seq, d.id, d.source, d.subject, d.sealed, k.id AS key_id, k.wrapped \
                 FROM decisions AS d \
                 LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
                 WHERE d.subject = $1 AND (d.source = $2) IS TRUE ORDER BY d.seq LIMIT $3",
            )
            .bind(subject.name.as_str())
            .bind(subject.source)
            .bind(PAGE)
            .fetch_all(tx.connection()?)
            .await?;
            if rows.is_empty() {
                return Ok(erased);
            }
            for row in &rows {
                let (id, sealed) = (row.try_get("id")?, row.try_get("sealed")?);
                let left = match decisions::open(&self.inner.keyring, row, id, sealed) {
                    Ok(Some(decision)) => decisions::leave(
                        decision.without_subject(&subject.pseudonym, subject.erased_at),
                    )?,
                    Ok(None) | Err(StoreError::Damaged { .. }) => NOTHING.to_vec(),
                    Err(error) => return Err(error),
                };
                sqlx::query("UPDATE decisions SET subject = $1, sealed = $2 WHERE seq = $3")
                    .bind(subject.pseudonym.as_str())
                    .bind(left)
                    .bind(row.try_get::<i64, _>("seq")?)
                    .execute(tx.connection()?)
                    .await?;
                erased += 1;
            }
        }
    }
}

/// When a subject was erased last, where nothing came since.
async fn erased_before(
    tx: &mut Tx,
    source: &str,
    name: SubjectName,
) -> Result<Option<Timestamp>, StoreError> {
    let row = sqlx::query(
        "SELECT max(erased_at) AS erased_at FROM erasures WHERE source = $1 AND subject = $2 \
         AND NOT EXISTS (SELECT 1 FROM subject_keys WHERE source = $1 AND subject = $2 \
         AND id <> $3)",
    )
    .bind(source)
    .bind(name.to_string())
    .bind(SubjectKeyId::NONE.to_string())
    .fetch_one(tx.connection()?)
    .await?;
    let erased_at: Option<i64> = row.try_get("erased_at")?;
    Ok(erased_at.map(Timestamp::from_micros))
}

/// Events that were decided are found through their decisions.
async fn erase_events(tx: &mut Tx, subject: &Subject<'_>) -> Result<u64, StoreError> {
    let mut erased = 0;
    for statement in [
        "UPDATE events SET state = $1, subject = $2, fingerprint = $3, sealed = $4 \
         WHERE source = $5 AND event_id IN \
         (SELECT event_id FROM decisions WHERE subject = $6 AND (source = $5) IS TRUE)",
        "UPDATE events SET state = $1, subject = $2, fingerprint = $3, sealed = $4 \
         WHERE (source = $5) IS TRUE AND subject = $6 AND state = 0",
    ] {
        let done = sqlx::query(statement)
            .bind(ERASED)
            .bind(subject.pseudonym.as_str())
            .bind([0; 32].as_slice())
            .bind(NOTHING)
            .bind(subject.source)
            .bind(subject.name.as_str())
            .execute(tx.connection()?)
            .await?;
        erased += done.rows_affected();
    }
    Ok(erased)
}

async fn erase_rulings(tx: &mut Tx, subject: &Subject<'_>) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE rulings SET sealed = $1 WHERE decision IN \
         (SELECT id FROM decisions WHERE subject = $2 AND (source = $3) IS TRUE)",
    )
    .bind(NOTHING)
    .bind(subject.name.as_str())
    .bind(subject.source)
    .execute(tx.connection()?)
    .await?;
    Ok(done.rows_affected())
}

async fn erase_differences(tx: &mut Tx, subject: &Subject<'_>) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE trial_differences SET subject = $1 WHERE subject = $2 AND EXISTS \
         (SELECT 1 FROM decisions AS d WHERE d.id = trial_differences.decision AND d.source = $3)",
    )
    .bind(subject.pseudonym.as_str())
    .bind(subject.name.as_str())
    .bind(subject.source)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

async fn erase_key(tx: &mut Tx, subject: &Subject<'_>) -> Result<String, StoreError> {
    forget_key(tx, subject.source, &subject.name).await
}

/// Overwrites a key where it lies, and returns its id; zeros where there was none.
pub(super) async fn forget_key(
    tx: &mut Tx,
    source: &str,
    name: &str,
) -> Result<String, StoreError> {
    let none = SubjectKeyId::NONE.to_string();
    let row = sqlx::query("SELECT id FROM subject_keys WHERE source = $1 AND subject = $2")
        .bind(source)
        .bind(name)
        .fetch_optional(tx.connection()?)
        .await?;
    let Some(row) = row else { return Ok(none) };
    sqlx::query("UPDATE subject_keys SET id = $1, wrapped = $2 WHERE source = $3 AND subject = $4")
        .bind(none)
        .bind(SubjectKeyId::WRAPPED_NONE.as_slice())
        .bind(source)
        .bind(name)
        .execute(tx.connection()?)
        .await?;
    Ok(row.try_get("id")?)
}

/// Names the subject as the record does: by a keyed hash.
fn leaf(who: Option<&Identity>, name: SubjectName, facts: Json) -> Result<Leaves, StoreError> {
    Leaves::of(AuditEntry::new(who, "subject.erased", name.to_string(), facts))
}
