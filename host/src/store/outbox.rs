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
use super::delayed::{self, delay};
use super::dialect::{Connection, Row};
use super::rows::Insert;
use super::sealed::cipher::Seat;
use super::sealed::{self, leave_open, open, reseal, seal};
use super::subject_key::SubjectKey;
use crate::model::ruling::Word;
use crate::model::{
    Action, Decision, DeliveryId, DeliveryState, Outgoing, OutgoingKind, Scope, Timestamp,
};

static INSERT: Insert = Insert::new(
    "INSERT INTO outbox (seq, id, source, subject, destination, decision, kind, action, scope, \
     undone_by, state, attempts, created_at, sealed)",
    14,
    "",
);
static WAIT: Insert = Insert::new(
    "INSERT INTO delivery_claims (outbox, source, subject, destination, attempts)",
    5,
    "",
);

/// Gives the first pending row of a subject its time, where none of the subject has one.
pub(super) static PROMOTE: Insert = Insert::new(
    "WITH wanted (source, subject, destination, due) AS (",
    4,
    ") UPDATE delivery_claims SET due_at = heads.due FROM (SELECT (SELECT min(c.outbox) \
     FROM delivery_claims AS c WHERE c.source = w.source AND c.subject = w.subject \
     AND c.destination = w.destination) AS head, \
     w.due FROM wanted AS w) AS heads WHERE delivery_claims.outbox = heads.head \
     AND delivery_claims.due_at IS NULL AND NOT EXISTS (SELECT 1 FROM delivery_claims AS h \
     WHERE h.source = delivery_claims.source AND h.subject = delivery_claims.subject \
     AND h.destination = delivery_claims.destination AND h.due_at IS NOT NULL)",
);

/// All that was said of a decision. Ids begin with the decision's and a point, so the index of ids finds them.
pub(super) const WORDS: &str = "SELECT o.seq, o.id, o.source, o.subject, o.destination, o.kind, o.scope, \
    o.undone_by, o.state, o.sealed FROM outbox AS o \
    WHERE o.id > $1 || '.' AND o.id < $1 || '/' AND o.undone_by <> 'nothing'";

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
     RETURNING source, subject, destination",
);
pub(super) static FORGET: Insert = Insert::new(
    "WITH gone (decision) AS (",
    1,
    ") DELETE FROM outbox WHERE seq IN (SELECT o.seq FROM gone AS g \
     CROSS JOIN outbox AS o WHERE o.id > g.decision || '.' AND o.id < g.decision || '/')",
);

/// Whom what is about nobody is about.
pub(super) const NOBODY: &str = "";
/// The table that what is sent is sealed for.
pub(super) const OUTBOX: &str = "outbox";

/// What goes one after the other: what is about one subject and for one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line<'a> {
    pub source: &'a str,
    /// As in `decisions.subject`.
    pub subject: &'a str,
    pub destination: &'a str,
}

impl<'a> Line<'a> {
    /// Of a row with these three columns.
    pub fn of(row: &'a Row) -> Result<Self, StoreError> {
        Ok(Self {
            source: row.try_get("source")?,
            subject: row.try_get("subject")?,
            destination: row.try_get("destination")?,
        })
    }
}

/// What leaves, as a row.
#[derive(Debug, Clone)]
pub(super) struct OutboxRow {
    id: DeliveryId,
    destination: String,
    kind: OutgoingKind,
    action: Action,
    scope: Scope,
    undone_by: UndoneBy,
    /// When it may be told, where that is later.
    begins_at: Option<Timestamp>,
    sealed: Vec<u8>,
}

/// From what it is made that something which was told is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UndoneBy {
    /// From the decision, which has all of it.
    Decision,
    /// From what was told, which therefore stays: whom it was for is known nowhere else.
    Itself,
    /// It is not undone.
    Nothing,
}

impl UndoneBy {
    fn of(outgoing: &Outgoing) -> Self {
        match (outgoing.kind, &outgoing.notice) {
            (OutgoingKind::Notice | OutgoingKind::Alert, _) => Self::Nothing,
            (_, None) => Self::Decision,
            (_, Some(notice)) if notice.lifts => Self::Itself,
            (_, Some(_)) => Self::Nothing,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Itself => "itself",
            Self::Nothing => "nothing",
        }
    }
}

impl OutboxRow {
    pub fn of(outgoing: &Outgoing, key: &SubjectKey) -> Result<Self, StoreError> {
        let seat = Seat::of(OUTBOX, outgoing.id.as_str());
        let (_, sealed) = seal("what is to be delivered", &seat, key, outgoing)?;
        Ok(Self::with(outgoing, sealed))
    }

    /// Of what is about nobody.
    fn open(outgoing: &Outgoing) -> Result<Self, StoreError> {
        Ok(Self::with(outgoing, leave_open("what is to be delivered", outgoing)?))
    }

    fn with(outgoing: &Outgoing, sealed: Vec<u8>) -> Self {
        let &Outgoing { kind, action, scope, begins_at, .. } = outgoing;
        let (id, destination) = (outgoing.id.clone(), outgoing.destination.clone());
        let undone_by = UndoneBy::of(outgoing);
        Self { id, destination, kind, action, scope, undone_by, begins_at, sealed }
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

impl<'a> New<'a> {
    fn line(&self) -> Line<'a> {
        let Self { source, subject, .. } = *self;
        Line { source, subject, destination: self.row.destination.as_str() }
    }
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
            arguments.add(new.row.destination.as_str())?;
            arguments.add(new.decision)?;
            arguments.add(new.row.kind.as_str())?;
            arguments.add(new.row.action.as_str())?;
            arguments.add(new.row.scope.as_str())?;
            arguments.add(new.row.undone_by.as_str())?;
            arguments.add(DeliveryState::Pending.as_str())?;
            arguments.add(0_i64)?;
            arguments.add(now.micros())?;
            arguments.add(new.row.sealed.as_slice())
        })
        .await?;
    let (mut waiting, mut delayed) = (Vec::with_capacity(numbered.len()), Vec::new());
    for (seq, new) in &numbered {
        match new.row.begins_at.filter(|begins_at| *begins_at > now) {
            Some(begins_at) => delayed.push((*seq, new.line(), begins_at)),
            None => waiting.push((*seq, new.line())),
        }
    }
    delay(connection, &delayed).await?;
    wait(connection, &waiting, now).await
}

/// Has destinations of a source told what is about nobody, so that it is sealed under nobody's key.
pub(super) async fn tell(
    connection: &mut Connection,
    source: &str,
    told: &[Outgoing],
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(told.len());
    for outgoing in told {
        rows.push((outgoing.decision_id.to_string(), OutboxRow::open(outgoing)?));
    }
    let new = rows.iter().map(|(decision, row)| New { source, subject: NOBODY, decision, row });
    insert_rows(connection, new.collect()).await
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
    if ruling == Word::Overturned {
        delayed::withdraw(connection, decision.id, at).await?;
    }
    let rows = sqlx::query(WORDS).bind(id.as_str()).fetch_all(&mut *connection).await?;
    // By destination and scope: what was said last, and how much.
    let mut words: BTreeMap<(&str, &str), (&Row, u32)> = BTreeMap::new();
    for row in &rows {
        let whom = (row.try_get("destination")?, row.try_get("scope")?);
        let (last, count) = words.entry(whom).or_insert((row, 0));
        *count += 1;
        if row.try_get::<i64, _>("seq")? > last.try_get::<i64, _>("seq")? {
            *last = row;
        }
    }
    let mut news = Vec::new();
    // The first of them is the decision's own, so the next word's number is their count.
    for (row, word) in words.into_values() {
        let last = last_word(row, key, decision)?;
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

/// What was said in a row, as far as more can be said of it. `None` where nothing can.
fn last_word(
    row: &Row,
    key: &SubjectKey,
    decision: &Decision,
) -> Result<Option<Outgoing>, StoreError> {
    let id: &str = row.try_get("id")?;
    if row.try_get::<&str, _>("undone_by")? == UndoneBy::Itself.as_str() {
        // What is damaged keeps nobody else from being told.
        let (seat, sealed) = (Seat::of(OUTBOX, id), row.try_get("sealed")?);
        let state: &str = row.try_get("state")?;
        return match open::<Outgoing>("delivery", &seat, Some(key), sealed) {
            Err(StoreError::Damaged { .. }) => Ok(None),
            // A lift has no text, and who is told once more reads that of the decision.
            opened => Ok(opened?.map(|told| {
                // What was withdrawn before it began is lifted, and nobody was told of either.
                let withdrawn = state == DeliveryState::Erased.as_str();
                let kind = if withdrawn { OutgoingKind::Lift } else { told.kind };
                let text = told.begins_at.and(decision.message_later.as_ref());
                let message = text.or(decision.message.as_ref()).cloned();
                Outgoing { kind, message, ..told }
            })),
        };
    }
    let (kind, scope) = (read(id, row.try_get("kind")?)?, read(id, row.try_get("scope")?)?);
    let destination = row.try_get::<String, _>("destination")?;
    let last = Outgoing::last(decision, scope, kind);
    Ok(last.map(|last| Outgoing { destination, ..last }))
}

/// A word of the model, as the outbox has it.
pub(super) fn read<T: DeserializeOwned>(id: &str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(word.into()).map_err(|error| sealed::damaged("delivery", id, &error))
}

/// Has these rows, by their numbers, wait for their turn, which the first of each line gets now where no
/// other has it.
pub(super) async fn wait(
    connection: &mut Connection,
    rows: &[(i64, Line<'_>)],
    now: Timestamp,
) -> Result<(), StoreError> {
    WAIT.run(connection, rows, |arguments, (seq, line)| {
        arguments.add(*seq)?;
        arguments.add(line.source)?;
        arguments.add(line.subject)?;
        arguments.add(line.destination)?;
        arguments.add(0_i64)
    })
    .await?;
    promote(connection, &rows.iter().map(|(_, line)| *line).collect(), now).await
}

/// Lets the first of each of these lines come, where none of it has its turn.
pub(super) async fn promote(
    connection: &mut Connection,
    lines: &BTreeSet<Line<'_>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let lines: Vec<_> = lines.iter().collect();
    PROMOTE
        .run(connection, &lines, |arguments, line| {
            arguments.add(line.source)?;
            arguments.add(line.subject)?;
            arguments.add(line.destination)?;
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
    delayed::remove(connection, decisions).await?;
    let rows = FORGET_CLAIMS.run(connection, decisions, |arguments, id| arguments.add(*id)).await?;
    FORGET.run(connection, decisions, |arguments, id| arguments.add(*id)).await?;
    let lines = rows.iter().map(Line::of).collect::<Result<_, _>>()?;
    promote(connection, &lines, Timestamp::now()).await
}
