//! Retention: what is older than its class is kept goes, with the event behind it, unless somebody holds
//! it for the law. The audit log keeps its entries, which hold nothing of anybody.
//!
//! Invariant: an event's id stays spent, or what is sent again a year later would be decided again, and its
//! action performed again. All that is kept for it is a keyed hash.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::{Arguments as _, Row as _};

use super::audit::Leaves;
use super::dialect::Connection;
use super::names::spent_id;
use super::rows::Insert;
use super::tx::Tx;
use super::{Store, StoreError, cases, erase, outbox, strikes};
use crate::model::{AuditEntry, RetentionClass, Timestamp};

/// Decisions that go in one transaction: others wait for it.
const BATCH: i64 = 200;

impl Store {
    /// Removes the oldest decisions of a class that were made before a time, with their events, up to a
    /// limit. Returns how many went; where that is 0, none is left.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn prune(&self, class: RetentionClass, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let gone = remove_decisions(tx.connection()?, class, before).await?;
        if gone.is_empty() {
            tx.roll_back().await;
            return Ok(0);
        }
        let ids: Vec<&str> = gone.iter().map(|it| it.id.as_str()).collect();
        remove_what_hangs_on(&mut tx, &gone, &ids).await?;
        // Only decisions of this class have added anything in earnest.
        let all_before = (class == RetentionClass::Enforced).then_some(before);
        let now = Timestamp::now();
        let ended = strikes::remove(tx.connection()?, &ids, now, all_before).await?;
        let mut subjects: BTreeSet<(&str, &str)> =
            gone.iter().map(|it| (it.source.as_str(), it.subject.as_str())).collect();
        subjects.extend(ended.iter().map(|(source, subject)| (source.as_str(), subject.as_str())));
        for (source, subject) in subjects {
            if !is_spoken_of(&mut tx, source, subject).await? {
                erase::forget_key(&mut tx, source, subject).await?;
            }
        }
        let facts = json!({
            "class": class, "before": before, "decisions": gone.len(),
            "first": gone.first().map(|it| it.seq), "last": gone.last().map(|it| it.seq),
        });
        tx.commit(Leaves::of(AuditEntry::new(None, "record.pruned", class.as_str(), facts))?)
            .await?;
        Ok(gone.len() as u64)
    }
}

static SPEND: Insert =
    Insert::new("INSERT INTO spent_events (source, event_id)", 2, "ON CONFLICT DO NOTHING");

/// A decision that goes.
struct Gone {
    seq: i64,
    id: String,
    source: String,
    subject: String,
    event_id: String,
}

async fn remove_decisions(
    connection: &mut Connection,
    class: RetentionClass,
    before: Timestamp,
) -> Result<Vec<Gone>, StoreError> {
    // Each has an index of its own.
    let text = match class {
        RetentionClass::Allowed => ALLOWED,
        RetentionClass::Enforced => ENFORCED,
    };
    let rows = sqlx::query(text).bind(before.micros()).bind(BATCH).fetch_all(connection).await?;
    let mut gone = Vec::with_capacity(rows.len());
    for row in &rows {
        gone.push(Gone {
            seq: row.try_get("seq")?,
            id: row.try_get("id")?,
            source: row.try_get("source")?,
            subject: row.try_get("subject")?,
            event_id: row.try_get("event_id")?,
        });
    }
    gone.sort_by_key(|it| it.seq);
    Ok(gone)
}

const ALLOWED: &str = "DELETE FROM decisions WHERE seq IN (SELECT d.seq FROM decisions AS d \
     WHERE d.action = 'allow' AND d.decided_at < $1 AND NOT EXISTS (SELECT 1 FROM holds AS h \
     WHERE h.source = d.source AND h.subject = d.subject AND h.released_at IS NULL) \
     ORDER BY d.decided_at LIMIT $2) RETURNING seq, id, source, subject, event_id";
const ENFORCED: &str = "DELETE FROM decisions WHERE seq IN (SELECT d.seq FROM decisions AS d \
     WHERE d.action <> 'allow' AND d.decided_at < $1 \
     AND NOT EXISTS (SELECT 1 FROM restrictions AS l WHERE l.decision = d.id \
     AND l.expires_at = 9223372036854775807 AND l.lifted_at IS NULL) AND NOT EXISTS (SELECT 1 FROM holds AS h \
     WHERE h.source = d.source AND h.subject = d.subject AND h.released_at IS NULL) \
     ORDER BY d.decided_at LIMIT $2) RETURNING seq, id, source, subject, event_id";

async fn remove_what_hangs_on(tx: &mut Tx, gone: &[Gone], ids: &[&str]) -> Result<(), StoreError> {
    let mut spent = Vec::with_capacity(gone.len());
    for Gone { id, source, event_id, .. } in gone {
        spent.push((source.as_str(), spent_id(event_id)?));
        sqlx::query("DELETE FROM events WHERE source = $1 AND event_id = $2")
            .bind(source.as_str())
            .bind(event_id.as_str())
            .execute(tx.connection()?)
            .await?;
        for text in [
            "DELETE FROM rulings WHERE decision = $1",
            "DELETE FROM withheld WHERE decision = $1",
            "DELETE FROM policy_trial_differences WHERE decision = $1",
            "DELETE FROM observations WHERE decision = $1",
        ] {
            sqlx::query(text).bind(id.as_str()).execute(tx.connection()?).await?;
        }
    }
    SPEND
        .run(tx.connection()?, &spent, |arguments, (source, event_id)| {
            arguments.add(*source)?;
            arguments.add(event_id.as_slice())
        })
        .await?;
    outbox::remove(tx.connection()?, ids).await?;
    cases::remove(tx.connection()?, ids, Timestamp::now()).await?;
    let (Some(first), Some(last)) = (gone.first(), gone.last()) else { return Ok(()) };
    // The labels' index begins with the detector: for each, those of the range whose decision is gone.
    for detector in detectors(tx.connection()?).await? {
        sqlx::query(
            "DELETE FROM decision_labels WHERE detector = $1 AND decision BETWEEN $2 AND $3 \
             AND NOT EXISTS (SELECT 1 FROM decisions WHERE seq = decision_labels.decision)",
        )
        .bind(detector)
        .bind(first.seq)
        .bind(last.seq)
        .execute(tx.connection()?)
        .await?;
    }
    // A few thousand rows at most, whatever there is of decisions.
    for text in [
        "DELETE FROM trial_differences WHERE NOT EXISTS \
         (SELECT 1 FROM decisions WHERE id = trial_differences.decision)",
        "DELETE FROM ruled_canaries WHERE NOT EXISTS \
         (SELECT 1 FROM decisions WHERE id = ruled_canaries.decision)",
    ] {
        sqlx::query(text).execute(tx.connection()?).await?;
    }
    Ok(())
}

/// Every detector that has a label, by stepping through the index from one to the next.
async fn detectors(connection: &mut Connection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "WITH RECURSIVE names (name) AS (SELECT min(detector) FROM decision_labels UNION ALL \
         SELECT (SELECT min(detector) FROM decision_labels WHERE detector > names.name) \
         FROM names WHERE names.name IS NOT NULL) \
         SELECT name FROM names WHERE name IS NOT NULL",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// Whether anything is left of a subject.
async fn is_spoken_of(tx: &mut Tx, source: &str, subject: &str) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM (SELECT 1 FROM decisions \
         WHERE subject = $1 AND (source = $2) IS TRUE LIMIT 1) AS decided) \
         + (SELECT count(*) FROM (SELECT 1 FROM events \
         WHERE (source = $2) IS TRUE AND subject = $1 AND state = 0 LIMIT 1) AS accepted) \
         + (SELECT count(*) FROM (SELECT 1 FROM strikes \
         WHERE source = $2 AND subject = $1 LIMIT 1) AS struck) \
         + (SELECT count(*) FROM (SELECT 1 FROM restrictions \
         WHERE source = $2 AND subject = $1 LIMIT 1) AS restricted) \
         + (SELECT count(*) FROM (SELECT 1 FROM holds \
         WHERE source = $2 AND subject = $1 LIMIT 1) AS held) AS rows",
    )
    .bind(subject)
    .bind(source)
    .fetch_one(tx.connection()?)
    .await?;
    Ok(row.try_get::<i64, _>("rows")? > 0)
}
