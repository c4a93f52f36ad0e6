//! Deliveries as people see them: which there are, how far they have come, what was tried; and having
//! dead ones tried again.

use serde_json::json;
use sqlx::{Arguments as _, AssertSqlSafe, Row as _};

use super::audit::Leaves;
use super::dialect::{self, Connection, Row};
use super::keyring::Keyring;
use super::outbox::{self, Line, NOBODY, OUTBOX, read};
use super::rows::Insert;
use super::sealed::cipher::Seat;
use super::search::Cursor;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, reason, sealed};
use crate::model::{
    Attempt, AuditEntry, Delivery, DeliveryId, DeliveryState, DestinationId, Identity, Outgoing,
    Timestamp,
};

/// What is counted at most, for whoever watches: more than that is as bad.
pub const BACKLOG_MAX: u64 = 100_000;

macro_rules! columns {
    ($from:literal) => {
        concat!(
            "o.seq, o.id, o.source, o.subject, o.destination, o.decision, o.kind, o.action, o.scope, o.state, \
             o.created_at, o.ended_at, o.why, coalesce(c.attempts, o.attempts) AS attempts, \
             c.due_at, k.id AS key_id, k.wrapped FROM ",
            $from,
            " LEFT JOIN delivery_claims AS c ON c.outbox = o.seq LEFT JOIN subject_keys AS k \
             ON k.source = o.source AND k.subject = o.subject"
        )
    };
}
const COLUMNS: &str = columns!("outbox AS o");
/// What decisions ask for. Ids begin with the decision's and a point, so the index of ids finds them.
static OF_DECISIONS: Insert = Insert::new(
    "WITH wanted (decision) AS (",
    1,
    concat!(
        ") SELECT ",
        columns!("wanted AS w CROSS JOIN outbox AS o"),
        " WHERE o.id > w.decision || '.' AND o.id < w.decision || '/'"
    ),
);

pub(super) const ATTEMPTS: &str = "SELECT at, outcome, status, micros, error \
    FROM delivery_attempts WHERE outbox = $1 ORDER BY seq";
pub(super) const COUNT: &str = "SELECT count(*) FROM (SELECT 1 FROM outbox \
    WHERE source = $1 AND destination = $4 AND state = $2 LIMIT $3) AS counted";
pub(super) const OLDEST: &str = "SELECT created_at FROM outbox \
    WHERE source = $1 AND destination = $2 AND state = 'pending' ORDER BY seq LIMIT 1";
pub(super) const DEAD: &str = "SELECT o.seq, o.id, o.source, o.subject, o.sealed, k.id AS key_id, \
    k.wrapped FROM outbox AS o \
    LEFT JOIN subject_keys AS k ON k.source = o.source AND k.subject = o.subject \
    WHERE o.source = $1 AND o.state = 'dead' AND o.seq > $2 ORDER BY o.seq LIMIT $3";

/// Takes up again what is dead.
pub(super) static REVIVE: Insert = Insert::new(
    "WITH wanted (entry) AS (",
    1,
    ") UPDATE outbox SET state = 'pending', attempts = 0, ended_at = NULL \
     WHERE state = 'dead' AND seq IN (SELECT w.entry FROM wanted AS w) \
     RETURNING seq, id, source, subject, destination",
);
/// Forgets all but the last 100 tries, so that there is an end to them however often it is replayed.
pub(super) static FORGET: Insert = Insert::new(
    "WITH wanted (entry) AS (",
    1,
    ") DELETE FROM delivery_attempts WHERE seq IN (SELECT a.seq FROM wanted AS w \
     CROSS JOIN delivery_attempts AS a WHERE a.outbox = w.entry AND a.seq <= (SELECT b.seq \
     FROM delivery_attempts AS b WHERE b.outbox = w.entry ORDER BY b.seq DESC \
     LIMIT 1 OFFSET 100))",
);

/// Which deliveries to find. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    pub source: Option<String>,
    pub state: Option<DeliveryState>,
    /// Older than where a page ended.
    pub after: Option<Cursor>,
    /// At most [`PAGE_ROWS_MAX`]; at least 1.
    pub limit: usize,
}

/// Some deliveries, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryPage {
    pub deliveries: Vec<Delivery>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<Cursor>,
}

/// What waits to be delivered to a destination, and what is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// At most [`BACKLOG_MAX`], as is `dead`.
    pub pending: u64,
    pub dead: u64,
    /// When the oldest that is pending was written.
    pub oldest: Option<Timestamp>,
}

/// What a replay of many came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    pub count: usize,
    /// Where to go on; `None`: there is no more.
    pub next: Option<Cursor>,
}

impl Store {
    /// Finds deliveries, newest first.
    ///
    /// # Errors
    /// Where the database does not answer or a row is damaged.
    pub async fn deliveries(&self, filter: &DeliveryFilter) -> Result<DeliveryPage, StoreError> {
        let limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
        let mut query = sqlx::query(AssertSqlSafe(statement(filter)))
            .bind(filter.after.map_or(i64::MAX, Cursor::seq))
            // One more than asked for tells whether there is a next page.
            .bind(limit as i64 + 1);
        if let Some(source) = &filter.source {
            query = query.bind(source.as_str());
        }
        if let Some(state) = filter.state {
            query = query.bind(state.as_str());
        }
        let rows = query.fetch_all(self.readers()).await?;
        let page = &rows[..rows.len().min(limit)];
        let next = match page.last() {
            Some(row) if rows.len() > limit => Some(Cursor::of(row.try_get("seq")?)),
            _ => None,
        };
        let deliveries =
            page.iter().map(|row| delivery(&self.inner.keyring, row)).collect::<Result<_, _>>()?;
        Ok(DeliveryPage { deliveries, next })
    }

    /// A delivery and what was tried, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer or a row is damaged.
    pub async fn delivery(
        &self,
        id: &DeliveryId,
    ) -> Result<Option<(Delivery, Vec<Attempt>)>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("SELECT {COLUMNS} WHERE o.id = $1")))
            .bind(id.as_str())
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let seq: i64 = row.try_get("seq")?;
        let tries = sqlx::query(ATTEMPTS).bind(seq).fetch_all(self.readers()).await?;
        let tries = tries.iter().map(|row| attempt(id, row)).collect::<Result<_, _>>()?;
        Ok(Some((delivery(&self.inner.keyring, &row)?, tries)))
    }

    /// What these decisions ask for, ordered by id.
    pub(super) async fn deliveries_of(
        &self,
        decisions: &[&str],
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = OF_DECISIONS
            .read(self.readers(), decisions, |arguments, decision| arguments.add(*decision))
            .await?;
        let all = rows.iter().map(|row| delivery(&self.inner.keyring, row));
        let mut all: Vec<Delivery> = all.collect::<Result<_, _>>()?;
        all.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }

    /// Why a delivery was replayed last, byte by byte; `None` where it was not or that was erased.
    pub(super) async fn replay_document(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query(AssertSqlSafe(format!("SELECT {COLUMNS} WHERE o.id = $1")))
            .bind(id)
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let Some(why) = row.try_get::<Option<&[u8]>, _>("why")? else { return Ok(None) };
        let key = self.inner.keyring.of_row(&row)?;
        reason::open_json(&seat_of_why(id), key.as_ref(), why)
    }

    /// What waits to be delivered to a destination, and what is given up.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn delivery_backlog(&self, to: &DestinationId) -> Result<Backlog, StoreError> {
        let mut counts = [0; 2];
        for (count, state) in counts.iter_mut().zip([DeliveryState::Pending, DeliveryState::Dead]) {
            let counted: i64 = sqlx::query_scalar(COUNT)
                .bind(to.source.as_str())
                .bind(state.as_str())
                .bind(BACKLOG_MAX as i64)
                .bind(to.name.as_str())
                .fetch_one(self.readers())
                .await?;
            *count = counted.unsigned_abs();
        }
        let oldest: Option<i64> = sqlx::query_scalar(OLDEST)
            .bind(to.source.as_str())
            .bind(to.name.as_str())
            .fetch_optional(self.readers())
            .await?;
        let [pending, dead] = counts;
        Ok(Backlog { pending, dead, oldest: oldest.map(Timestamp::from_micros) })
    }

    /// Has a dead delivery tried again, as often as a new one. It comes after what is under way of its
    /// subject, and before what was written later. Why is kept with what is personal, in place of what
    /// was said when it was replayed before.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is none, [`StoreError::NotDead`] where there is nothing to
    /// be tried again.
    pub async fn replay_delivery(
        &self,
        id: &DeliveryId,
        why: &str,
        who: &Identity,
    ) -> Result<(), StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let row = sqlx::query(
            "SELECT o.seq, o.state, o.source, o.subject, k.id AS key_id, k.wrapped \
             FROM outbox AS o \
             LEFT JOIN subject_keys AS k ON k.source = o.source AND k.subject = o.subject \
             WHERE o.id = $1",
        )
        .bind(id.as_str())
        .fetch_optional(tx.connection()?)
        .await?;
        let Some(row) = row else {
            return Err(StoreError::Absence { what: "delivery", id: id.to_string() });
        };
        let (seq, state): (i64, String) = (row.try_get("seq")?, row.try_get("state")?);
        if revive(&mut tx, &[seq]).await?.is_empty() {
            return Err(StoreError::NotDead { id: id.to_string(), state });
        }
        let key = self.inner.keyring.of_row(&row)?;
        let seat = seat_of_why(id.as_str());
        let (digest, sealed) = match key {
            Some(key) => reason::seal(&seat, &key, why)?,
            None if row.try_get::<&str, _>("subject")? == NOBODY => reason::leave_open(&seat, why)?,
            None => return Err(StoreError::Erased { what: "delivery", id: id.to_string() }),
        };
        sqlx::query("UPDATE outbox SET why = $1 WHERE seq = $2")
            .bind(sealed)
            .bind(seq)
            .execute(tx.connection()?)
            .await?;
        let facts = json!({ "why": digest });
        let entry = AuditEntry::new(Some(who), "delivery.replayed", id.as_str(), facts);
        tx.commit(Leaves::of(entry)?).await
    }

    /// Has dead deliveries of a source tried again, oldest first: at most [`PAGE_ROWS_MAX`] of those
    /// after this place. Why goes into the audit log as it is, for there is no one person under whose
    /// key it could be kept.
    ///
    /// # Errors
    /// [`StoreError::Named`] where it names one of those whom it concerns; where the database does not
    /// answer.
    pub async fn replay_dead(
        &self,
        source: &str,
        after: Option<Cursor>,
        why: &str,
        who: &Identity,
    ) -> Result<Replayed, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let mut rows = sqlx::query(DEAD)
            .bind(source)
            .bind(after.map_or(0, Cursor::seq))
            .bind(PAGE_ROWS_MAX as i64 + 1)
            .fetch_all(tx.connection()?)
            .await?;
        let more = rows.len() > PAGE_ROWS_MAX;
        rows.truncate(PAGE_ROWS_MAX);
        let mut seqs: Vec<i64> = Vec::with_capacity(rows.len());
        for row in &rows {
            if is_about(&self.inner.keyring, row, why)? {
                return Err(StoreError::Named);
            }
            seqs.push(row.try_get("seq")?);
        }
        let Some(&last) = seqs.last() else {
            tx.roll_back().await;
            return Ok(Replayed { count: 0, next: None });
        };
        let ids = revive(&mut tx, &seqs).await?;
        let facts =
            json!({ "why": why, "count": ids.len(), "first": ids.first(), "last": ids.last() });
        let entry = AuditEntry::new(Some(who), "deliveries.replayed", source, facts);
        tx.commit(Leaves::of(entry)?).await?;
        Ok(Replayed { count: ids.len(), next: more.then_some(Cursor::of(last)) })
    }
}

/// Where it is kept why something was replayed.
fn seat_of_why(id: &str) -> Seat<'_> {
    Seat { table: OUTBOX, column: "why", row: id }
}

/// Whether a text names the subject of a row. What is damaged is not known to be about anybody.
fn is_about(keyring: &Keyring, row: &Row, text: &str) -> Result<bool, StoreError> {
    let (key, seat) = (keyring.of_row(row)?, Seat::of(OUTBOX, row.try_get("id")?));
    let outgoing = sealed::open("delivery", &seat, key.as_ref(), row.try_get("sealed")?);
    Ok(match outgoing {
        Ok(Some(Outgoing { subject, .. })) => !subject.is_empty() && text.contains(&subject),
        Ok(None) | Err(StoreError::Damaged { .. }) => false,
        Err(error) => return Err(error),
    })
}

/// Has these rows wait for their turn again, and returns their ids in the order of the rows.
async fn revive(tx: &mut Tx, seqs: &[i64]) -> Result<Vec<String>, StoreError> {
    let rows = REVIVE.run(tx.connection()?, seqs, |arguments, seq| arguments.add(*seq)).await?;
    let mut revived = Vec::with_capacity(rows.len());
    for row in &rows {
        let id = row.try_get::<String, _>("id")?;
        revived.push((row.try_get::<i64, _>("seq")?, Line::of(row)?, id));
    }
    revived.sort_unstable_by_key(|(seq, ..)| *seq);
    let waiting: Vec<_> = revived.iter().map(|(seq, line, _)| (*seq, *line)).collect();
    let seqs: Vec<i64> = waiting.iter().map(|(seq, ..)| *seq).collect();
    forget_tries(tx.connection()?, &seqs).await?;
    outbox::wait(tx.connection()?, &waiting, Timestamp::now()).await?;
    Ok(revived.into_iter().map(|(.., id)| id).collect())
}

/// Forgets all but the last tries of these rows.
pub(super) async fn forget_tries(
    connection: &mut Connection,
    seqs: &[i64],
) -> Result<(), StoreError> {
    FORGET.run(connection, seqs, |arguments, seq| arguments.add(*seq)).await?;
    Ok(())
}

/// The statement for a filter: $1 is the cursor, $2 the limit, then what is filtered by.
pub(super) fn statement(filter: &DeliveryFilter) -> String {
    let mut text = format!("SELECT {COLUMNS} WHERE o.seq < $1");
    let given = [("o.source", filter.source.is_some()), ("o.state", filter.state.is_some())];
    let given = given.iter().filter(|(_, given)| *given);
    for (number, (column, _)) in (3..).zip(given) {
        text += &format!(" AND {column} = ${number}");
    }
    text + " ORDER BY o.seq DESC LIMIT $2"
}

fn delivery(keyring: &Keyring, row: &Row) -> Result<Delivery, StoreError> {
    let id: &str = row.try_get("id")?;
    let damaged = |error: String| sealed::damaged("delivery", id, &error);
    let text = |column: &str| row.try_get::<&str, _>(column);
    let time = |column: &str| {
        let micros: Result<Option<i64>, _> = row.try_get(column);
        micros.map(|micros| micros.map(Timestamp::from_micros))
    };
    let why: Option<&[u8]> = row.try_get("why")?;
    let why = why.map(|sealed| {
        let key = keyring.of_row(row)?;
        reason::open(&seat_of_why(id), key.as_ref(), sealed)
    });
    Ok(Delivery {
        id: id.parse().map_err(damaged)?,
        source: text("source")?.to_owned(),
        destination: text("destination")?.to_owned(),
        decision_id: text("decision")?.parse().map_err(damaged)?,
        kind: read(id, text("kind")?)?,
        action: read(id, text("action")?)?,
        scope: read(id, text("scope")?)?,
        state: text("state")?.parse().map_err(damaged)?,
        attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
        created_at: Timestamp::from_micros(row.try_get("created_at")?),
        due_at: time("due_at")?,
        ended_at: time("ended_at")?,
        replayed_why: why.transpose()?.flatten(),
    })
}

fn attempt(id: &DeliveryId, row: &Row) -> Result<Attempt, StoreError> {
    let outcome: &str = row.try_get("outcome")?;
    let status: Option<i64> = row.try_get("status")?;
    Ok(Attempt {
        at: Timestamp::from_micros(row.try_get("at")?),
        outcome: read(id.as_str(), outcome)?,
        status: status.and_then(|status| u16::try_from(status).ok()),
        micros: dialect::unsigned(row, "micros")?,
        error: row.try_get("error")?,
    })
}
