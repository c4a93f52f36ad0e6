//! Holds: subjects of whom nothing may go, whatever its age and whoever asks for it, while the law or a
//! lawsuit wants it kept.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::Row as _;
use uuid::Uuid;

use super::audit::Leaves;
use super::dialect::Row;
use super::names::SubjectName;
use super::sealed::cipher::Seat;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, reason, sealed};
use crate::model::{AuditEntry, Hold, Identity, Timestamp};

const WHAT: &str = "hold";
const HOLDS: &str = "holds";

/// What of a hold is personal.
#[derive(Serialize, Deserialize)]
struct Document {
    subject: String,
    why: String,
}

/// Where a page of holds ended. One that is released meanwhile may be there again among the released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldCursor {
    in_force: bool,
    before: Uuid,
}

/// An id after those of all holds.
const NEWEST: Uuid = Uuid::max();

/// Some holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldPage {
    pub holds: Vec<Hold>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<HoldCursor>,
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
            released_why: None,
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

    /// Ends a hold: what is older than it may be goes with the next look at it. Why is kept with what is
    /// personal.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is none of this id in force.
    pub async fn release(&self, id: &str, why: &str, who: &Identity) -> Result<Hold, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let row = sqlx::query(
            "SELECT h.source, h.subject, k.id AS key_id, k.wrapped FROM holds AS h \
             LEFT JOIN subject_keys AS k ON k.source = h.source AND k.subject = h.subject \
             WHERE h.id = $1 AND h.released_at IS NULL",
        )
        .bind(id)
        .fetch_optional(tx.connection()?)
        .await?;
        let Some(row) = row else {
            tx.roll_back().await;
            return Err(StoreError::Absence { what: WHAT, id: id.to_owned() });
        };
        // A list of erasures also erases who is held: then there is nothing left to keep it under.
        let key = self.inner.keyring.of_row(&row)?;
        let kept = key.map(|key| reason::seal(&seat_of_why(id), &key, why)).transpose()?;
        let (digest, sealed) = kept.unzip();
        sqlx::query("UPDATE holds SET released_at = $1, released_why = $2 WHERE id = $3")
            .bind(Timestamp::now().micros())
            .bind(sealed)
            .bind(id)
            .execute(tx.connection()?)
            .await?;
        let facts = json!({ "why": digest });
        tx.commit(Leaves::of(AuditEntry::new(Some(who), "hold.released", id, facts))?).await?;
        self.hold_of(id).await
    }

    /// Holds, of one source or of all: those in force first, of these and of the others the newest.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn holds(
        &self,
        source: Option<&str>,
        after: Option<&HoldCursor>,
        limit: usize,
    ) -> Result<HoldPage, StoreError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let begin = HoldCursor { in_force: true, before: NEWEST };
        let mut at = after.copied().unwrap_or(begin);
        let mut holds = Vec::new();
        // One more than asked for tells whether there is a next page.
        while holds.len() <= limit {
            let text = statement(at.in_force, source.is_some());
            let mut query = sqlx::query(text)
                .bind(at.before.to_string())
                .bind((limit + 1 - holds.len()) as i64);
            if let Some(source) = source {
                query = query.bind(source);
            }
            for row in &query.fetch_all(self.readers()).await? {
                holds.push(self.open_hold(row)?);
            }
            if !at.in_force {
                break;
            }
            at = HoldCursor { in_force: false, before: NEWEST };
        }
        let more = holds.len() > limit;
        holds.truncate(limit);
        let next = holds.last().filter(|_| more).map(HoldCursor::after).transpose()?;
        Ok(HoldPage { holds, next })
    }

    /// All holds of one subject, by its name in the record, the newest first.
    pub(super) async fn holds_of(&self, source: &str, name: &str) -> Result<Vec<Hold>, StoreError> {
        let rows = sqlx::query(OF_SUBJECT).bind(source).bind(name).fetch_all(self.readers());
        rows.await?.iter().map(|row| self.open_hold(row)).collect()
    }

    /// Why a hold ended, byte by byte; `None` where it is in force or that was erased.
    pub(super) async fn release_document(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(ONE).bind(id).fetch_optional(self.readers()).await?;
        let Some(row) = row else { return Ok(None) };
        let Some(why) = row.try_get::<Option<&[u8]>, _>("released_why")? else { return Ok(None) };
        let key = self.inner.keyring.of_row(&row)?;
        reason::open_json(&seat_of_why(id), key.as_ref(), why)
    }

    /// One hold.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is none of this id.
    pub async fn hold_of(&self, id: &str) -> Result<Hold, StoreError> {
        let row = sqlx::query(ONE).bind(id).fetch_optional(self.readers()).await?;
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
        let released_why: Option<&[u8]> = row.try_get("released_why")?;
        let released_why =
            released_why.map(|sealed| reason::open(&seat_of_why(&id), key.as_ref(), sealed));
        Ok(Hold {
            source: row.try_get("source")?,
            subject: document.subject,
            why: document.why,
            held_by: row.try_get("held_by")?,
            held_at: Timestamp::from_micros(row.try_get("held_at")?),
            released_at: released_at.map(Timestamp::from_micros),
            released_why: released_why.transpose()?.flatten(),
            id,
        })
    }
}

/// Where it is kept why a hold ended.
fn seat_of_why(id: &str) -> Seat<'_> {
    Seat { table: HOLDS, column: "released_why", row: id }
}

impl HoldCursor {
    fn after(hold: &Hold) -> Result<Self, StoreError> {
        let before = hold.id.parse().map_err(|error| sealed::damaged(WHAT, &hold.id, &error))?;
        Ok(Self { in_force: hold.released_at.is_none(), before })
    }
}

impl fmt::Display for HoldCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![u8::from(self.in_force)];
        bytes.extend(self.before.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for HoldCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes: Option<[u8; 17]> =
            URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        match bytes {
            Some([in_force @ (0 | 1), id @ ..]) => {
                Ok(Self { in_force: in_force == 1, before: Uuid::from_bytes(id) })
            }
            _ => Err(format!(
                "`{text}` is not a cursor: send the `next` of the page before, as it was"
            )),
        }
    }
}

/// Holds with the keys of their subjects, and what comes after that.
macro_rules! with_keys {
    ($rest:literal) => {
        concat!(
            "SELECT h.id, h.source, h.subject, h.held_by, h.held_at, h.released_at, \
             h.released_why, h.sealed, \
             k.id AS key_id, k.wrapped FROM holds AS h LEFT JOIN subject_keys AS k \
             ON k.source = h.source AND k.subject = h.subject WHERE ",
            $rest
        )
    };
}

const OF_SUBJECT: &str = with_keys!("h.source = $1 AND h.subject = $2 ORDER BY h.id DESC");
const ONE: &str = with_keys!("h.id = $1");

/// Of a page: $1 is the id before which it begins, $2 the limit, $3 the source.
fn statement(in_force: bool, of_source: bool) -> &'static str {
    match (in_force, of_source) {
        (true, false) => {
            with_keys!("h.released_at IS NULL AND h.id < $1 ORDER BY h.id DESC LIMIT $2")
        }
        (true, true) => with_keys!(
            "h.released_at IS NULL AND h.id < $1 AND h.source = $3 ORDER BY h.id DESC LIMIT $2"
        ),
        (false, false) => {
            with_keys!("h.released_at IS NOT NULL AND h.id < $1 ORDER BY h.id DESC LIMIT $2")
        }
        (false, true) => with_keys!(
            "h.released_at IS NOT NULL AND h.id < $1 AND h.source = $3 ORDER BY h.id DESC LIMIT $2"
        ),
    }
}

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
