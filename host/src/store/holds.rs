//! Holds: subjects of whom nothing may go, whatever its age and whoever asks for it, while the law or a
//! lawsuit wants it kept.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row as _;
use uuid::Uuid;

use super::audit::Leaves;
use super::dialect::Row;
use super::names::SubjectName;
use super::sealed::cipher::Seat;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, sealed};
use crate::model::{AuditEntry, Hold, Identity, Timestamp};

const WHAT: &str = "hold";
const HOLDS: &str = "holds";

/// What of a hold is personal.
#[derive(Serialize, Deserialize)]
struct Document {
    subject: String,
    why: String,
}

impl Store {
    /// Holds a subject. One that is held already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where the record knows nothing of the subject; where the database does not
    /// answer.
    pub async fn hold(
        &self,
        source: &str,
        subject: &str,
        why: &str,
        who: &Identity,
    ) -> Result<Hold, StoreError> {
        let keyring = &self.inner.keyring;
        let name = keyring.names.subject(subject).to_string();
        let mut tx = self.inner.writer.begin().await?;
        let row = sqlx::query(
            "SELECT source, subject, id AS key_id, wrapped FROM subject_keys \
             WHERE source = $1 AND subject = $2",
        )
        .bind(source)
        .bind(name.as_str())
        .fetch_optional(tx.connection()?)
        .await?;
        let key = row.map(|row| keyring.of_row(&row)).transpose()?.flatten();
        let Some(key) = key else {
            tx.roll_back().await;
            return Err(StoreError::Absence { what: "subject", id: subject.to_owned() });
        };
        let there = sqlx::query(
            "SELECT id FROM holds WHERE source = $1 AND subject = $2 AND released_at IS NULL",
        )
        .bind(source)
        .bind(name.as_str())
        .fetch_optional(tx.connection()?)
        .await?;
        if let Some(row) = there {
            let id: String = row.try_get("id")?;
            tx.roll_back().await;
            return self.hold_of(&id).await;
        }
        let hold = Hold {
            id: Uuid::now_v7().to_string(),
            source: source.to_owned(),
            subject: subject.to_owned(),
            why: why.to_owned(),
            held_by: who.key.to_string(),
            held_at: Timestamp::now(),
            released_at: None,
        };
        let document = Document { subject: hold.subject.clone(), why: hold.why.clone() };
        let (_, sealed) = sealed::seal("a hold", &Seat::of(HOLDS, &hold.id), &key, &document)?;
        sqlx::query(
            "INSERT INTO holds (id, source, subject, held_by, held_at, sealed) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(hold.id.as_str())
        .bind(source)
        .bind(name.as_str())
        .bind(hold.held_by.as_str())
        .bind(hold.held_at.micros())
        .bind(sealed)
        .execute(tx.connection()?)
        .await?;
        let facts = json!({ "source": source, "subject": name });
        tx.commit(Leaves::of(AuditEntry::new(Some(who), "hold.placed", hold.id.as_str(), facts))?)
            .await?;
        Ok(hold)
    }

    /// Ends a hold: what is older than it may be goes with the next look at it.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is none of this id in force.
    pub async fn release(&self, id: &str, why: &str, who: &Identity) -> Result<Hold, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let done =
            sqlx::query("UPDATE holds SET released_at = $1 WHERE id = $2 AND released_at IS NULL")
                .bind(Timestamp::now().micros())
                .bind(id)
                .execute(tx.connection()?)
                .await?;
        if done.rows_affected() == 0 {
            tx.roll_back().await;
            return Err(StoreError::Absence { what: WHAT, id: id.to_owned() });
        }
        let facts = json!({ "why": why });
        tx.commit(Leaves::of(AuditEntry::new(Some(who), "hold.released", id, facts))?).await?;
        self.hold_of(id).await
    }

    /// Holds, those in force first, then the newest.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let rows = sqlx::query(HOLDS_WITH_KEYS_ALL)
            .bind(PAGE_ROWS_MAX as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| self.open_hold(row)).collect()
    }

    /// Holds of one subject, by its name in the record.
    pub(super) async fn holds_of(&self, source: &str, name: &str) -> Result<Vec<Hold>, StoreError> {
        let rows = sqlx::query(HOLDS_WITH_KEYS_OF)
            .bind(source)
            .bind(name)
            .bind(PAGE_ROWS_MAX as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(|row| self.open_hold(row)).collect()
    }

    async fn hold_of(&self, id: &str) -> Result<Hold, StoreError> {
        let row = sqlx::query(HOLDS_WITH_KEYS_ONE).bind(id).fetch_optional(self.readers()).await?;
        let row = row.ok_or_else(|| StoreError::Absence { what: WHAT, id: id.to_owned() })?;
        self.open_hold(&row)
    }

    fn open_hold(&self, row: &Row) -> Result<Hold, StoreError> {
        let id: String = row.try_get("id")?;
        let key = self.inner.keyring.of_row(row)?;
        let document: Option<Document> =
            sealed::open(WHAT, &Seat::of(HOLDS, &id), key.as_ref(), row.try_get("sealed")?)?;
        // Released, and erased since.
        let document =
            document.unwrap_or(Document { subject: "erased".to_owned(), why: String::new() });
        let released_at: Option<i64> = row.try_get("released_at")?;
        Ok(Hold {
            source: row.try_get("source")?,
            subject: document.subject,
            why: document.why,
            held_by: row.try_get("held_by")?,
            held_at: Timestamp::from_micros(row.try_get("held_at")?),
            released_at: released_at.map(Timestamp::from_micros),
            id,
        })
    }
}

const HOLDS_WITH_KEYS_ALL: &str = "SELECT h.id, h.source, h.subject, h.held_by, h.held_at, \
     h.released_at, h.sealed, k.id AS key_id, k.wrapped FROM holds AS h LEFT JOIN subject_keys AS k \
     ON k.source = h.source AND k.subject = h.subject \
     ORDER BY h.released_at IS NULL DESC, h.id DESC LIMIT $1";
const HOLDS_WITH_KEYS_OF: &str = "SELECT h.id, h.source, h.subject, h.held_by, h.held_at, \
     h.released_at, h.sealed, k.id AS key_id, k.wrapped FROM holds AS h LEFT JOIN subject_keys AS k \
     ON k.source = h.source AND k.subject = h.subject \
     WHERE h.source = $1 AND h.subject = $2 ORDER BY h.id DESC LIMIT $3";
const HOLDS_WITH_KEYS_ONE: &str = "SELECT h.id, h.source, h.subject, h.held_by, h.held_at, \
     h.released_at, h.sealed, k.id AS key_id, k.wrapped FROM holds AS h LEFT JOIN subject_keys AS k \
     ON k.source = h.source AND k.subject = h.subject WHERE h.id = $1";

/// Refuses what would take something of a subject that is held.
///
/// # Errors
/// [`StoreError::Held`].
pub(super) async fn refuse_held(
    tx: &mut Tx,
    source: &str,
    name: SubjectName,
) -> Result<(), StoreError> {
    let held = sqlx::query(
        "SELECT id FROM holds WHERE source = $1 AND subject = $2 AND released_at IS NULL",
    )
    .bind(source)
    .bind(name.to_string())
    .fetch_optional(tx.connection()?)
    .await?;
    match held {
        Some(row) => Err(StoreError::Held { id: row.try_get("id")? }),
        None => Ok(()),
    }
}
