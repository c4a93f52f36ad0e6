//! What an erasure does to the rows of a subject.

use sqlx::Row as _;

use super::Subject;
use crate::model::{Erased, Timestamp};
use crate::store::events::ERASED;
use crate::store::keyring::Keyring;
use crate::store::subject_key::SubjectKeyId;
use crate::store::tx::Tx;
use crate::store::{StoreError, decisions, observations};

/// Decisions that go in one transaction.
const PAGE: usize = 200;
/// What a sealed column holds when it holds nothing.
const NOTHING: &[u8] = &[];
/// In the place of a fingerprint, which would tell what the event was.
const NO_FINGERPRINT: [u8; 32] = [0; 32];

/// Leaves of a page of decisions what may stay, and nothing of their events and the reasons of their
/// rulings. Returns whether there may be more. A decision that is damaged cannot be read and leaves
/// nothing.
pub(super) async fn erase_page(
    tx: &mut Tx,
    keyring: &Keyring,
    subject: &Subject<'_>,
    erased: &mut Erased,
) -> Result<bool, StoreError> {
    let rows = sqlx::query(
        "SELECT d.seq, d.id, d.event_id, d.source, d.subject, d.sealed, k.id AS key_id, k.wrapped \
         FROM decisions AS d \
         LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject \
         WHERE d.subject = $1 AND (d.source = $2) IS TRUE ORDER BY -d.seq LIMIT $3",
    )
    .bind(subject.name.to_string())
    .bind(subject.source)
    .bind(PAGE as i64)
    .fetch_all(tx.connection()?)
    .await?;
    for row in &rows {
        let id: &str = row.try_get("id")?;
        let left = match decisions::open(keyring, row, id, row.try_get("sealed")?) {
            Ok(Some(decision)) => {
                decisions::leave(decision.without_subject(&subject.pseudonym, subject.erased_at))?
            }
            Ok(None) | Err(StoreError::Damaged { .. }) => NOTHING.to_vec(),
            Err(error) => return Err(error),
        };
        sqlx::query("UPDATE decisions SET subject = $1, sealed = $2 WHERE seq = $3")
            .bind(subject.pseudonym.as_str())
            .bind(left)
            .bind(row.try_get::<i64, _>("seq")?)
            .execute(tx.connection()?)
            .await?;
        let done = sqlx::query(
            "UPDATE events SET state = $1, subject = $2, fingerprint = $3, sealed = $4 \
             WHERE source = $5 AND event_id = $6",
        )
        .bind(ERASED)
        .bind(subject.pseudonym.as_str())
        .bind(NO_FINGERPRINT.as_slice())
        .bind(NOTHING)
        .bind(subject.source)
        .bind(row.try_get::<&str, _>("event_id")?)
        .execute(tx.connection()?)
        .await?;
        erased.events += done.rows_affected();
        let done = sqlx::query("UPDATE rulings SET sealed = $1 WHERE decision = $2")
            .bind(NOTHING)
            .bind(id)
            .execute(tx.connection()?)
            .await?;
        erased.rulings += done.rows_affected();
        sqlx::query("UPDATE withheld SET subject = $1 WHERE decision = $2")
            .bind(subject.pseudonym.as_str())
            .bind(id)
            .execute(tx.connection()?)
            .await?;
        observations::erase(tx, id, &subject.pseudonym).await?;
        erased.decisions += 1;
    }
    Ok(rows.len() == PAGE)
}

/// What is not found through decisions, then the key, and the line in the list. Returns the key's id.
pub(super) async fn erase_rest(
    tx: &mut Tx,
    subject: &Subject<'_>,
    erased: &mut Erased,
) -> Result<String, StoreError> {
    let Subject { source, name, pseudonym, erased_at } = subject;
    let name = name.to_string();
    let done = sqlx::query(
        "UPDATE events SET state = $1, subject = $2, fingerprint = $3, sealed = $4 \
         WHERE (source = $5) IS TRUE AND subject = $6 AND state = 0",
    )
    .bind(ERASED)
    .bind(pseudonym.as_str())
    .bind(NO_FINGERPRINT.as_slice())
    .bind(NOTHING)
    .bind(*source)
    .bind(name.as_str())
    .execute(tx.connection()?)
    .await?;
    erased.events += done.rows_affected();
    for text in [
        "UPDATE trial_differences SET subject = $1 WHERE subject = $2 AND EXISTS \
         (SELECT 1 FROM decisions AS d WHERE d.id = trial_differences.decision AND d.source = $3)",
        "UPDATE policy_trial_differences SET subject = $1 WHERE subject = $2 AND EXISTS \
         (SELECT 1 FROM decisions AS d WHERE d.id = policy_trial_differences.decision \
         AND d.source = $3)",
    ] {
        sqlx::query(text)
            .bind(pseudonym.as_str())
            .bind(name.as_str())
            .bind(*source)
            .execute(tx.connection()?)
            .await?;
    }
    for text in [
        "UPDATE strikes SET subject = $1 WHERE source = $2 AND subject = $3",
        "UPDATE restrictions SET subject = $1 WHERE source = $2 AND subject = $3",
    ] {
        sqlx::query(text)
            .bind(pseudonym.as_str())
            .bind(*source)
            .bind(name.as_str())
            .execute(tx.connection()?)
            .await?;
    }
    // Nobody is left to look at what was open.
    sqlx::query(
        "UPDATE cases SET subject = $1, sealed = $2, ended_at = coalesce(ended_at, $3), \
         state = CASE WHEN state = 'open' THEN 'resolved' ELSE state END \
         WHERE source = $4 AND subject = $5",
    )
    .bind(pseudonym.as_str())
    .bind(NOTHING)
    .bind(erased_at.micros())
    .bind(*source)
    .bind(name.as_str())
    .execute(tx.connection()?)
    .await?;
    // Those that were released; in force they are in an older copy at most, and were released since.
    sqlx::query(
        "UPDATE holds SET subject = $1, sealed = $2, released_why = NULL, \
         released_at = coalesce(released_at, $3) WHERE source = $4 AND subject = $5",
    )
    .bind(pseudonym.as_str())
    .bind(NOTHING)
    .bind(erased_at.micros())
    .bind(*source)
    .bind(name.as_str())
    .execute(tx.connection()?)
    .await?;
    erase_deliveries(tx, subject).await?;
    let key_id = forget_key(tx, source, &name).await?;
    sqlx::query(
        "INSERT INTO erasures (number, source, subject, key_id, erased_at) \
         SELECT coalesce(max(number), 0) + 1, $1, $2, $3, $4 FROM erasures",
    )
    .bind(*source)
    .bind(name.as_str())
    .bind(key_id.as_str())
    .bind(erased_at.micros())
    .execute(tx.connection()?)
    .await?;
    Ok(key_id)
}

/// What was still to be delivered is not; what is under way may arrive, and then ends nothing.
async fn erase_deliveries(tx: &mut Tx, subject: &Subject<'_>) -> Result<(), StoreError> {
    let name = subject.name.to_string();
    for waiting in [
        "DELETE FROM delivery_claims WHERE source = $1 AND subject = $2",
        "DELETE FROM delayed_deliveries WHERE source = $1 AND subject = $2",
    ] {
        sqlx::query(waiting)
            .bind(subject.source)
            .bind(name.as_str())
            .execute(tx.connection()?)
            .await?;
    }
    sqlx::query(
        "UPDATE outbox SET subject = $1, sealed = $2, why = NULL, ended_at = coalesce(ended_at, $3), \
         state = CASE WHEN state = 'delivered' THEN state ELSE 'erased' END \
         WHERE source = $4 AND subject = $5",
    )
    .bind(subject.pseudonym.as_str())
    .bind(NOTHING)
    .bind(subject.erased_at.micros())
    .bind(subject.source)
    .bind(name.as_str())
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

/// When a subject was erased last, where nothing came since.
pub(super) async fn erased_before(
    tx: &mut Tx,
    subject: &Subject<'_>,
) -> Result<Option<Timestamp>, StoreError> {
    let row = sqlx::query(
        "SELECT max(erased_at) AS erased_at FROM erasures WHERE source = $1 AND subject = $2 \
         AND NOT EXISTS (SELECT 1 FROM subject_keys WHERE source = $1 AND subject = $2 \
         AND id <> $3)",
    )
    .bind(subject.source)
    .bind(subject.name.to_string())
    .bind(SubjectKeyId::NONE.to_string())
    .fetch_one(tx.connection()?)
    .await?;
    let erased_at: Option<i64> = row.try_get("erased_at")?;
    Ok(erased_at.map(Timestamp::from_micros))
}

/// Whether this very erasure is in the list.
pub(super) async fn is_listed(tx: &mut Tx, subject: &Subject<'_>) -> Result<bool, StoreError> {
    let listed = sqlx::query(
        "SELECT number FROM erasures WHERE source = $1 AND subject = $2 AND erased_at = $3",
    )
    .bind(subject.source)
    .bind(subject.name.to_string())
    .bind(subject.erased_at.micros())
    .fetch_optional(tx.connection()?)
    .await?;
    Ok(listed.is_some())
}

/// Overwrites a key where it lies, and returns its id; zeros where there was none.
pub(in crate::store) async fn forget_key(
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
