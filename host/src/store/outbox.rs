//! The outbox: what leaves, written with the decisions that ask for it.
//!
//! Of the pending rows of one subject only the first has a time at which it is due. It gives that
//! place up when it is delivered or dead, in the same transaction, so two of one subject are never
//! under way, whoever and how many deliver.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use sqlx::{Arguments as _, Row as _};

use super::StoreError;
use super::decisions::SealedEntry;
use super::dialect::{Connection, Row};
use super::rows::Insert;
use super::sealed::cipher::Seat;
use super::sealed::{self, reseal, seal};
use super::subject_key::SubjectKey;
use crate::model::ruling::Word;
use crate::model::{
    Action, Decision, DeliveryId, DeliveryState, Outgoing, OutgoingKind, Scope, Timestamp,
};

static INSERT: Insert = Insert::new(
    "INSERT INTO outbox (seq, id, source, subject, decision, kind, action, scope, state, attempts, \
     created_at, sealed)",
    12,
    "",
);
static WAIT: Insert =
    Insert::new("INSERT INTO delivery_claims (outbox, source, subject, attempts)", 4, "");

/// Gives the first pending row of a subject its time, where none of the subject has one.
pub(super) static PROMOTE: Insert = Insert::new(
    "WITH wanted (source, subject, due) AS (",
    3,
    ") UPDATE delivery_claims SET due_at = heads.due FROM (SELECT (SELECT min(c.outbox) \
     FROM delivery_claims AS c WHERE c.source = w.source AND c.subject = w.subject) AS head, \
     w.due FROM wanted AS w) AS heads WHERE delivery_claims.outbox = heads.head \
     AND delivery_claims.due_at IS NULL AND NOT EXISTS (SELECT 1 FROM delivery_claims AS h \
     WHERE h.source = delivery_claims.source AND h.subject = delivery_claims.subject \
     AND h.due_at IS NOT NULL)",
);

/// All that was said of a decision. Ids begin with the decision's and a point, so the index of ids finds them.
pub(super) const WORDS: &str = "SELECT o.seq, o.source, o.subject, o.kind, o.scope \
    FROM outbox AS o WHERE o.id > $1 || '.' AND o.id < $1 || '/'";

/// What hangs on decisions that go: the id of a delivery begins with its decision's and a point, which the
/// slash comes after.
static FORGET_TRIES: Insert = Insert::new(
    "WITH gone (decision) AS (",
    1,
    ") DELETE FROM delivery_attempts WHERE outbox IN (SELECT o.seq FROM gone AS g \
     CROSS JOIN outbox AS o WHERE o.id > g.decision || '.' AND o.id < g.decision || '/')",
);
static FORGET_CLAIMS: Insert = Insert::new(
    "WITH gone (decision) AS (",
    1,
    ") DELETE FROM delivery_claims WHERE outbox IN (SELECT o.seq FROM gone AS g \
     CROSS JOIN outbox AS o WHERE o.id > g.decision || '.' AND o.id < g.decision || '/') \
     RETURNING source, subject",
);
pub(super) static FORGET: Insert = Insert::new(
    "WITH gone (decision) AS (",
    1,
    ") DELETE FROM outbox WHERE seq IN (SELECT o.seq FROM gone AS g \
     CROSS JOIN outbox AS o WHERE o.id > g.decision || '.' AND o.id < g.decision || '/')",
);

/// The table that what is sent is sealed for.
pub(super) const OUTBOX: &str = "outbox";

/// What leaves, as a row.
#[derive(Debug, Clone)]
pub(super) struct OutboxRow {
    id: DeliveryId,
    kind: OutgoingKind,
    action: Action,
    scope: Scope,
    sealed: Vec<u8>,
}

impl OutboxRow {
    pub fn of(outgoing: &Outgoing, key: &SubjectKey) -> Result<Self, StoreError> {
        let seat = Seat::of(OUTBOX, outgoing.id.as_str());
        let (_, sealed) = seal("what is to be delivered", &seat, key, outgoing)?;
        let &Outgoing { kind, action, scope, .. } = outgoing;
        Ok(Self { id: outgoing.id.clone(), kind, action, scope, sealed })
    }

    /// The same under another key.
    pub fn reseal(&mut self, from: &SubjectKey, to: &SubjectKey) -> Result<(), StoreError> {
        let seat = Seat::of(OUTBOX, self.id.as_str());
        self.sealed = reseal("delivery", &seat, from, to, &self.sealed)?;
        Ok(())
    }
}

/// A row and what it hangs on.
struct New<'a> {
    source: &'a str,
    /// As in `decisions.subject`.
    subject: &'a str,
    decision: &'a str,
    row: &'a OutboxRow,
}

/// Writes what the decisions of these entries ask for, numbered in their order.
pub(super) async fn insert(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let rows = entries.iter().flat_map(|entry| {
        let (source, subject) = (&*entry.event.source, &*entry.event.subject);
        let decision = entry.decision_id();
        entry.outbox.iter().map(move |row| New { source, subject, decision, row })
    });
    insert_rows(connection, rows.collect()).await
}

async fn insert_rows(connection: &mut Connection, rows: Vec<New<'_>>) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let last: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM outbox")
        .fetch_one(&mut *connection)
        .await?;
    let numbered: Vec<_> = (last + 1..).zip(rows).collect();
    let now = Timestamp::now();
    INSERT
        .run(connection, &numbered, |arguments, (seq, new)| {
            arguments.add(*seq)?;
            arguments.add(new.row.id.as_str())?;
            arguments.add(new.source)?;
            arguments.add(new.subject)?;
            arguments.add(new.decision)?;
            arguments.add(new.row.kind.as_str())?;
            arguments.add(new.row.action.as_str())?;
            arguments.add(new.row.scope.as_str())?;
            arguments.add(DeliveryState::Pending.as_str())?;
            arguments.add(0_i64)?;
            arguments.add(now.micros())?;
            arguments.add(new.row.sealed.as_slice())
        })
        .await?;
    let waiting: Vec<_> =
        numbered.iter().map(|(seq, new)| (*seq, new.source, new.subject)).collect();
    wait(connection, &waiting, now).await
}

/// Tells the platform what people say of a decision, where it was told of the decision and this is news.
/// Returns how much is to be sent.
pub(super) async fn rule(
    connection: &mut Connection,
    key: &SubjectKey,
    decision: &Decision,
    ruling: Word,
    at: Timestamp,
) -> Result<usize, StoreError> {
    let id = decision.id.to_string();
    let rows = sqlx::query(WORDS).bind(id.as_str()).fetch_all(&mut *connection).await?;
    // By scope: what was said last, and how much.
    let mut words: BTreeMap<&str, (&Row, u32)> = BTreeMap::new();
    for row in &rows {
        let (last, count) = words.entry(row.try_get("scope")?).or_insert((row, 0));
        *count += 1;
        if row.try_get::<i64, _>("seq")? > last.try_get::<i64, _>("seq")? {
            *last = row;
        }
    }
    let mut news = Vec::new();
    // The first of them is the decision's own, so the next word's number is their count.
    for (row, word) in words.into_values() {
        let (kind, scope) = (row.try_get("kind")?, row.try_get("scope")?);
        let (kind, scope) = (read(&id, kind)?, read(&id, scope)?);
        let last = Outgoing::last(decision, scope, kind);
        if let Some(said) = last.and_then(|last| last.ruled(ruling, word, at)) {
            news.push((row, OutboxRow::of(&said, key)?));
        }
    }
    let mut new = Vec::with_capacity(news.len());
    for (row, outbox) in &news {
        let (source, subject) = (row.try_get("source")?, row.try_get("subject")?);
        new.push(New { source, subject, decision: &id, row: outbox });
    }
    let count = new.len();
    insert_rows(connection, new).await?;
    Ok(count)
}

/// A word of the model, as the outbox has it.
pub(super) fn read<T: DeserializeOwned>(id: &str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(word.into()).map_err(|error| sealed::damaged("delivery", id, &error))
}

/// Has these rows (number, source, subject) wait for their turn, which the first of each subject
/// gets now where no other has it.
pub(super) async fn wait(
    connection: &mut Connection,
    rows: &[(i64, &str, &str)],
    now: Timestamp,
) -> Result<(), StoreError> {
    WAIT.run(connection, rows, |arguments, (seq, source, subject)| {
        arguments.add(*seq)?;
        arguments.add(*source)?;
        arguments.add(*subject)?;
        arguments.add(0_i64)
    })
    .await?;
    let subjects = rows.iter().map(|(_, source, subject)| (*source, *subject)).collect();
    promote(connection, &subjects, now).await
}

/// Lets the first of each of these subjects come, where none of it has its turn.
pub(super) async fn promote(
    connection: &mut Connection,
    subjects: &BTreeSet<(&str, &str)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let subjects: Vec<_> = subjects.iter().collect();
    PROMOTE
        .run(connection, &subjects, |arguments, (source, subject)| {
            arguments.add(*source)?;
            arguments.add(*subject)?;
            arguments.add(now.micros())
        })
        .await?;
    Ok(())
}

/// Removes what hangs on decisions that go. What is behind it of the same subjects comes.
pub(super) async fn remove(
    connection: &mut Connection,
    decisions: &[&str],
) -> Result<(), StoreError> {
    FORGET_TRIES.run(connection, decisions, |arguments, id| arguments.add(*id)).await?;
    let rows = FORGET_CLAIMS.run(connection, decisions, |arguments, id| arguments.add(*id)).await?;
    FORGET.run(connection, decisions, |arguments, id| arguments.add(*id)).await?;
    let mut subjects = BTreeSet::new();
    for row in &rows {
        subjects.insert((row.try_get("source")?, row.try_get("subject")?));
    }
    promote(connection, &subjects, Timestamp::now()).await
}
