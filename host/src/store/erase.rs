//! Erasure: the key of a subject goes, and with it all that was sealed under it, wherever copies of the
//! database lie. What may stay is left in the open, under a pseudonym that belongs to this erasure alone.
//!
//! It goes a page of decisions at a time, for others want to write as well; the key goes last, with the
//! line in the list. Broken off in between, it is to be done again, and nothing was promised.
//!
//! A copy that is older than an erasure still holds the key. So who was erased is listed, the list is kept
//! apart too ([`Store::list_erasures`]), and a restored copy goes through it before it serves
//! ([`Store::settle_erasures`]).

mod list;
mod rows;

use serde_json::{Value as Json, json};
use sqlx::Row as _;

use super::audit::Leaves;
use super::dialect::Row;
use super::holds;
use super::names::SubjectName;
use super::sealed::cipher::fill;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError};
use crate::model::{AuditEntry, Erased, Erasure, Identity, Timestamp};

pub use list::ErasureList;
pub(super) use list::Listing;
pub(super) use rows::forget_key;

/// Everybody who was erased.
pub(super) const ALL: &str =
    "SELECT source, subject, key_id, erased_at FROM erasures ORDER BY number";

/// A row of those who were.
pub(super) fn erasure(row: &Row) -> Result<Erasure, StoreError> {
    Ok(Erasure {
        source: row.try_get("source")?,
        subject: row.try_get("subject")?,
        key_id: row.try_get("key_id")?,
        erased_at: Timestamp::from_micros(row.try_get("erased_at")?),
    })
}

/// Whom an erasure is about, and what is left in the place of the name.
struct Subject<'a> {
    source: &'a str,
    name: SubjectName,
    pseudonym: String,
    erased_at: Timestamp,
}

impl<'a> Subject<'a> {
    fn new(source: &'a str, name: SubjectName, erased_at: Timestamp) -> Result<Self, StoreError> {
        let mut random = [0; 16];
        let unstorable = |detail| StoreError::Unstorable { what: "a pseudonym", detail };
        fill(&mut random).map_err(unstorable)?;
        let pseudonym = format!("erased-{}", hex::encode(random));
        Ok(Self { source, name, pseudonym, erased_at })
    }
}

impl Store {
    /// Erases a subject of a source. Once more it erases what came since, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Held`] where nothing of it may go; [`StoreError::Unlisted`] where it was erased and
    /// an older copy would bring it back; [`StoreError::Traces`] where it was, and a copy of what was is
    /// still in the write-ahead log; where the database does not answer.
    pub async fn erase(
        &self,
        source: &str,
        subject: &str,
        why: &str,
        who: &Identity,
    ) -> Result<Erased, StoreError> {
        let name = self.inner.keyring.names.subject(subject);
        let subject = Subject::new(source, name, Timestamp::now())?;
        let mut tx = self.inner.writer.begin().await?;
        holds::refuse_held(&mut tx, source, name).await?;
        let erased = match rows::erased_before(&mut tx, &subject).await? {
            Some(erased_at) => {
                tx.roll_back().await;
                Erased { erased_at, events: 0, decisions: 0, rulings: 0 }
            }
            None => self.erase_all(tx, &subject, Some(who), json!({ "why": why })).await?,
        };
        self.list_erasures().await?;
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
            let subject = Subject::new(source, name, *erased_at)?;
            let mut tx = self.inner.writer.begin().await?;
            if rows::is_listed(&mut tx, &subject).await? {
                tx.roll_back().await;
                continue;
            }
            self.erase_all(tx, &subject, None, json!({ "again": true })).await?;
            replayed += 1;
        }
        self.list_erasures().await?;
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
        rows.iter().map(erasure).collect()
    }

    /// Whether one of these erasures is of this subject.
    pub fn has_subject(&self, list: &[Erasure], source: &str, subject: &str) -> bool {
        let name = self.inner.keyring.names.subject(subject).to_string();
        list.iter().any(|erasure| erasure.source == source && erasure.subject == name)
    }

    /// Erases all that is there of a subject and lists it. `facts` go into the audit log with what went.
    async fn erase_all(
        &self,
        mut tx: Tx,
        subject: &Subject<'_>,
        who: Option<&Identity>,
        facts: Json,
    ) -> Result<Erased, StoreError> {
        let Subject { source, name, erased_at, .. } = *subject;
        let mut erased = Erased { erased_at, events: 0, decisions: 0, rulings: 0 };
        let leaf = |what, facts| Leaves::of(AuditEntry::new(who, what, name.to_string(), facts));
        while rows::erase_page(&mut tx, &self.inner.keyring, subject, &mut erased).await? {
            let facts = json!({ "source": source, "decisions": erased.decisions });
            tx.commit(leaf("subject.erasing", facts)?).await?;
            tx = self.inner.writer.begin().await?;
            // What is erased again was not held when it was erased: a hold is of the older copy.
            if who.is_some() {
                holds::refuse_held(&mut tx, source, name).await?;
            }
        }
        let key_id = rows::erase_rest(&mut tx, subject, &mut erased).await?;
        let mut facts = facts;
        facts["source"] = json!(source);
        facts["key"] = json!(key_id);
        facts["events"] = json!(erased.events);
        facts["decisions"] = json!(erased.decisions);
        tx.commit(leaf("subject.erased", facts)?).await?;
        self.inner.keyring.forget(source, name);
        Ok(erased)
    }
}
