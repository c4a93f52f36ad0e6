//! The turns of whoever delivers. A turn records what came of tries and claims what is due, in one
//! transaction: what has ended and what comes next of its subject cannot fall apart.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::{Arguments as _, Row as _};

use super::audit::{Leaf, Leaves};
use super::dialect::{Connection, Row};
use super::keyring::Keyring;
use super::outbox::{Line, OUTBOX, promote};
use super::rows::Insert;
use super::sealed::cipher::Seat;
use super::tx::Tx;
use super::{Store, StoreError, alerts, delayed, deliveries, destinations, sealed};
use crate::model::{
    Attempt, AuditEntry, DeliveryId, DeliveryState, DestinationId, Outgoing, Timestamp,
};

/// How much of what waits behind others is claimed at once for one destination.
const BEHIND_MAX: usize = 512;
/// The table that a turn writes to when nothing ended.
const EXEMPT: &str = "delivery_claims";

/// Ends what this server has claimed, and returns what the audit log says of it. Whoever took longer
/// than its claim held ends nothing. What is delivered is not kept here any longer, but for what is undone by itself: whom
/// a notice was for is known nowhere else. An empty value holds nothing, and this is how both databases write one.
pub(super) static END: Insert = Insert::new(
    "WITH tried (entry, server, verdict, tries, ended) AS (",
    5,
    ") UPDATE outbox SET state = e.verdict, attempts = e.tries, ended_at = e.ended, \
     sealed = CASE WHEN e.verdict = 'dead' OR outbox.undone_by = 'itself' THEN outbox.sealed \
     ELSE substr(outbox.sealed, 1, 0) END \
     FROM (SELECT t.* FROM tried AS t CROSS JOIN delivery_claims AS c \
     WHERE c.outbox = t.entry AND c.claimed_by = t.server) AS e WHERE outbox.seq = e.entry \
     RETURNING seq, id, source, subject, destination, decision, kind, action, scope, state, attempts",
);
pub(super) static UNCLAIM: Insert = Insert::new(
    "WITH ended (entry) AS (",
    1,
    ") DELETE FROM delivery_claims WHERE outbox IN (SELECT e.entry FROM ended AS e)",
);
pub(super) static POSTPONE: Insert = Insert::new(
    "WITH later (entry, server, tries, due) AS (",
    4,
    ") UPDATE delivery_claims SET due_at = l.due, attempts = l.tries, claimed_by = NULL \
     FROM later AS l WHERE delivery_claims.outbox = l.entry AND delivery_claims.claimed_by = l.server",
);
static ATTEMPT: Insert = Insert::new(
    "INSERT INTO delivery_attempts (seq, outbox, at, outcome, status, micros, error)",
    7,
    "",
);

pub(super) const NEXT_DUE: &str = "SELECT due_at FROM delivery_claims \
    WHERE source = $1 AND destination = $2 AND due_at IS NOT NULL AND NOT EXISTS (SELECT 1 \
    FROM disabled_destinations WHERE source = $1 AND destination = $2) ORDER BY due_at LIMIT 1";
pub(super) const CLAIM: &str = "UPDATE delivery_claims SET due_at = $1, claimed_by = $2 \
    WHERE outbox IN (SELECT outbox FROM delivery_claims WHERE source = $3 AND destination = $6 \
    AND due_at <= $4 AND NOT EXISTS (SELECT 1 FROM disabled_destinations WHERE source = $3 \
    AND destination = $6) ORDER BY due_at, outbox LIMIT $5) RETURNING outbox";
/// What of this has something behind it.
pub(super) static FOLLOWED: Insert = Insert::new(
    "WITH claimed (entry) AS (",
    1,
    ") SELECT h.outbox FROM claimed AS n CROSS JOIN delivery_claims AS h WHERE h.outbox = n.entry \
     AND EXISTS (SELECT 1 FROM delivery_claims AS f WHERE f.source = h.source \
     AND f.subject = h.subject AND f.destination = h.destination AND f.outbox > h.outbox \
     AND f.due_at IS NULL)",
);
/// Takes what waits behind something that is claimed. It is not due, so nobody else does.
pub(super) const BEHIND: &str = "UPDATE delivery_claims SET claimed_by = $1 WHERE outbox IN (SELECT f.outbox \
    FROM delivery_claims AS h CROSS JOIN delivery_claims AS f WHERE h.outbox = $2 \
    AND f.source = h.source AND f.subject = h.subject AND f.destination = h.destination \
    AND f.outbox > h.outbox AND f.due_at IS NULL ORDER BY f.outbox LIMIT $3) RETURNING outbox";
pub(super) static READ: Insert = Insert::new(
    "WITH claimed (entry) AS (",
    1,
    ") SELECT o.seq, o.id, o.source, o.subject, o.destination, o.sealed, c.attempts, k.id AS key_id, k.wrapped \
     FROM claimed AS n CROSS JOIN outbox AS o CROSS JOIN delivery_claims AS c \
     LEFT JOIN subject_keys AS k ON k.source = o.source AND k.subject = o.subject \
     WHERE o.seq = n.entry AND c.outbox = n.entry",
);

/// Something that is due, and that this server alone delivers until its claim runs out.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The row.
    pub seq: i64,
    pub id: DeliveryId,
    pub to: DestinationId,
    /// Tries before this one.
    pub attempts: u32,
    /// The row that it waits behind and may only be ended with.
    pub behind: Option<i64>,
    /// What to send; or why it cannot be read.
    pub outgoing: Result<Outgoing, StoreError>,
}

/// What became of something claimed.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    pub seq: i64,
    pub to: DestinationId,
    /// Tries, this one included.
    pub attempts: u32,
    /// `None`: it was given back untried.
    pub attempt: Option<Attempt>,
    pub next: Next,
}

/// How a delivery goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Delivered,
    Again(Timestamp),
    /// Its destination wants no more: this one and all others wait until it is enabled again.
    Gone,
    Dead,
}

/// What is claimed for one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub to: DestinationId,
    pub count: usize,
    /// How much of what waits behind each of these may be ended with it.
    pub behind: usize,
}

/// What one server does in one transaction.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The server, by a number that no other has.
    pub server: i64,
    pub tried: &'a [Tried],
    /// How many to claim for each destination.
    pub wanted: &'a [Wanted],
    pub now: Timestamp,
    /// How long the claims hold.
    pub claimed_until: Timestamp,
    /// What somebody should look at: kind, object, text.
    pub alerts: &'a [(&'static str, String, String)],
}

impl Turn<'_> {
    fn is_idle(&self) -> bool {
        self.tried.is_empty() && self.wanted.is_empty() && self.alerts.is_empty()
    }
}

impl Store {
    /// When the next delivery to a destination is due: in the past, where one waits to be claimed.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn next_delivery_due(
        &self,
        to: &DestinationId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut due = None;
        for first in [NEXT_DUE, delayed::NEXT] {
            let first: Option<i64> = sqlx::query_scalar(first)
                .bind(to.source.as_str())
                .bind(to.name.as_str())
                .fetch_optional(self.readers())
                .await?;
            due = due.into_iter().chain(first).min();
        }
        Ok(due.map(Timestamp::from_micros))
    }

    /// Records what came of tries, then claims what is due, earliest first. When it returns, all is
    /// durable.
    ///
    /// # Errors
    /// Where the database does not answer; then nothing has changed.
    pub async fn deliver(&self, turn: &Turn<'_>) -> Result<Vec<Claimed>, StoreError> {
        if turn.is_idle() {
            return Ok(Vec::new());
        }
        let mut tx = self.inner.writer.begin().await?;
        let mut leaves = end(tx.connection()?, turn).await?;
        postpone(tx.connection()?, turn).await?;
        record(tx.connection()?, turn.tried).await?;
        leaves.extend(destinations::disable(&mut tx, turn.tried, turn.now).await?);
        for (kind, object, text) in turn.alerts {
            alerts::raise(&mut tx, kind, object, text).await?;
            let facts = json!({ "kind": kind });
            leaves.push(Leaf::of(AuditEntry::new(None, "alert.raised", object, facts))?);
        }
        let mut claimed = Vec::new();
        for wanted in turn.wanted {
            claimed.extend(claim(&mut tx, &self.inner.keyring, turn, wanted).await?);
        }
        match Leaves::from_vec(leaves) {
            Some(leaves) => tx.commit(leaves).await?,
            None => tx.commit_exempt(EXEMPT).await?,
        }
        Ok(claimed)
    }
}

/// Ends what was delivered or is given up, and lets the next of each subject come.
async fn end(connection: &mut Connection, turn: &Turn<'_>) -> Result<Vec<Leaf>, StoreError> {
    let ended: Vec<(&Tried, DeliveryState)> = turn
        .tried
        .iter()
        .filter_map(|tried| match tried.next {
            Next::Delivered => Some((tried, DeliveryState::Delivered)),
            Next::Dead => Some((tried, DeliveryState::Dead)),
            Next::Again(_) | Next::Gone => None,
        })
        .collect();
    let rows = END
        .run(connection, &ended, |arguments, (tried, state)| {
            arguments.add(tried.seq)?;
            arguments.add(turn.server)?;
            arguments.add(state.as_str())?;
            arguments.add(i64::from(tried.attempts))?;
            arguments.add(turn.now.micros())
        })
        .await?;
    let mut leaves = Vec::with_capacity(rows.len());
    let (mut seqs, mut lines) = (Vec::new(), BTreeSet::new());
    for row in &rows {
        leaves.push(Leaf::of(audit_entry(row)?)?);
        seqs.push(row.try_get::<i64, _>("seq")?);
        lines.insert(Line::of(row)?);
    }
    UNCLAIM.run(connection, &seqs, |arguments, seq| arguments.add(*seq)).await?;
    promote(connection, &lines, turn.now).await?;
    Ok(leaves)
}

/// What the audit log says of a delivery that has ended.
fn audit_entry(row: &Row) -> Result<AuditEntry, StoreError> {
    let text = |column: &str| row.try_get::<&str, _>(column);
    let what = format!("{}.{}", text("kind")?, text("state")?);
    let facts = json!({
        "decision": text("decision")?,
        "action": text("action")?,
        "scope": text("scope")?,
        "attempts": row.try_get::<i64, _>("attempts")?,
    });
    Ok(AuditEntry::new(None, &what, text("id")?, facts))
}

/// Has what was not delivered wait for its next try.
async fn postpone(connection: &mut Connection, turn: &Turn<'_>) -> Result<(), StoreError> {
    let later: Vec<(&Tried, Timestamp)> = turn
        .tried
        .iter()
        .filter_map(|tried| match tried.next {
            Next::Again(due) => Some((tried, due)),
            // Due at once, when its destination is enabled again.
            Next::Gone => Some((tried, turn.now)),
            Next::Delivered | Next::Dead => None,
        })
        .collect();
    POSTPONE
        .run(connection, &later, |arguments, (tried, due)| {
            arguments.add(tried.seq)?;
            arguments.add(turn.server)?;
            // What its destination wants no more begins anew once that is enabled again.
            let attempts = if tried.next == Next::Gone { 0 } else { tried.attempts };
            arguments.add(i64::from(attempts))?;
            arguments.add(due.micros())
        })
        .await?;
    Ok(())
}

/// Keeps the tries. A round has at most so many, and a replay clears what is older; so does a destination
/// that wants no more, which may be enabled again without end.
async fn record(connection: &mut Connection, tried: &[Tried]) -> Result<(), StoreError> {
    let tries: Vec<(i64, &Attempt)> =
        tried.iter().filter_map(|tried| Some((tried.seq, tried.attempt.as_ref()?))).collect();
    if tries.is_empty() {
        return Ok(());
    }
    let last: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM delivery_attempts")
        .fetch_one(&mut *connection)
        .await?;
    let numbered: Vec<_> = (last + 1..).zip(tries).collect();
    ATTEMPT
        .run(connection, &numbered, |arguments, (seq, (outbox, attempt))| {
            arguments.add(*seq)?;
            arguments.add(*outbox)?;
            arguments.add(attempt.at.micros())?;
            arguments.add(attempt.outcome.as_str())?;
            arguments.add(attempt.status.map(i64::from))?;
            arguments.add(i64::try_from(attempt.micros)?)?;
            arguments.add(attempt.error.as_deref())
        })
        .await?;
    let gone = tried.iter().filter(|tried| tried.next == Next::Gone).map(|tried| tried.seq);
    deliveries::forget_tries(connection, &gone.collect::<Vec<_>>()).await
}

/// Claims what is due for one destination.
async fn claim(
    tx: &mut Tx,
    keyring: &Keyring,
    turn: &Turn<'_>,
    wanted: &Wanted,
) -> Result<Vec<Claimed>, StoreError> {
    let Wanted { to, count, behind } = wanted;
    let most = i64::try_from(*count).unwrap_or(i64::MAX);
    delayed::begin(tx.connection()?, to, most, turn.now).await?;
    let rows = sqlx::query(CLAIM)
        .bind(turn.claimed_until.micros())
        .bind(turn.server)
        .bind(to.source.as_str())
        .bind(turn.now.micros())
        .bind(most)
        .bind(to.name.as_str())
        .fetch_all(tx.connection()?)
        .await?;
    let seqs: Vec<i64> = rows.iter().map(|row| row.try_get("outbox")).collect::<Result<_, _>>()?;
    let behind = match behind {
        0 => BTreeMap::new(),
        most => claim_behind(tx.connection()?, turn.server, &seqs, *most).await?,
    };
    let seqs: Vec<i64> = seqs.into_iter().chain(behind.keys().copied()).collect();
    let rows = READ.run(tx.connection()?, &seqs, |arguments, seq| arguments.add(*seq)).await?;
    let mut claimed: Vec<Claimed> =
        rows.iter().map(|row| claimed(keyring, row)).collect::<Result<_, _>>()?;
    claimed.iter_mut().for_each(|one| one.behind = behind.get(&one.seq).copied());
    claimed.sort_unstable_by_key(|one| one.seq);
    Ok(claimed)
}

/// Claims what waits behind these, at most so much behind each; by row the one that it is behind.
async fn claim_behind(
    connection: &mut Connection,
    server: i64,
    heads: &[i64],
    most: usize,
) -> Result<BTreeMap<i64, i64>, StoreError> {
    let followed = FOLLOWED.run(connection, heads, |arguments, seq| arguments.add(*seq)).await?;
    let each = most.min((BEHIND_MAX / followed.len().max(1)).max(1));
    let mut behind = BTreeMap::new();
    for row in followed {
        let head: i64 = row.try_get("outbox")?;
        let rows = sqlx::query(BEHIND)
            .bind(server)
            .bind(head)
            .bind(i64::try_from(each).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await?;
        for row in &rows {
            behind.insert(row.try_get("outbox")?, head);
        }
    }
    Ok(behind)
}

fn claimed(keyring: &Keyring, row: &Row) -> Result<Claimed, StoreError> {
    let id: &str = row.try_get("id")?;
    let attempts: i64 = row.try_get("attempts")?;
    let open = || {
        let key = keyring.of_row(row)?;
        let sealed = row.try_get("sealed")?;
        let outgoing = sealed::open("delivery", &Seat::of(OUTBOX, id), key.as_ref(), sealed)?;
        outgoing.ok_or_else(|| StoreError::Erased { what: "delivery", id: id.to_owned() })
    };
    Ok(Claimed {
        seq: row.try_get("seq")?,
        id: id.parse().map_err(|error: String| sealed::damaged("delivery", id, &error))?,
        to: DestinationId { source: row.try_get("source")?, name: row.try_get("destination")? },
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        behind: None,
        outgoing: open(),
    })
}
