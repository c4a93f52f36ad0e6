//! What is told when it begins, and not before. When that moment comes it takes its place among what waits,
//! where it is next of its line: what came meanwhile did not wait for it.

use sqlx::{Arguments as _, Row as _};

use super::StoreError;
use super::dialect::{Connection, Row};
use super::outbox::{Line, wait};
use super::rows::Insert;
use crate::model::{DecisionId, DestinationId, Timestamp};

static DELAY: Insert = Insert::new(
    "INSERT INTO delayed_deliveries (outbox, source, subject, destination, begins_at)",
    5,
    "",
);
pub(super) const BEGIN: &str = "DELETE FROM delayed_deliveries WHERE outbox IN (SELECT outbox \
    FROM delayed_deliveries WHERE source = $1 AND destination = $2 AND begins_at <= $3 \
    ORDER BY begins_at LIMIT $4) RETURNING outbox, source, subject, destination";
pub(super) const NEXT: &str = "SELECT begins_at FROM delayed_deliveries \
    WHERE source = $1 AND destination = $2 ORDER BY begins_at LIMIT 1";
/// Ids begin with the decision's and a point, so the index of ids finds them.
pub(super) const WITHDRAW: &str = "DELETE FROM delayed_deliveries WHERE outbox IN (SELECT o.seq \
    FROM outbox AS o WHERE o.id > $1 || '.' AND o.id < $1 || '/') RETURNING outbox";
pub(super) static FORGET: Insert = Insert::new(
    "WITH gone (decision) AS (",
    1,
    ") DELETE FROM delayed_deliveries WHERE outbox IN (SELECT o.seq FROM gone AS g \
     CROSS JOIN outbox AS o WHERE o.id > g.decision || '.' AND o.id < g.decision || '/')",
);

/// Has rows, by their numbers, wait for the moment at which each begins.
pub(super) async fn delay(
    connection: &mut Connection,
    rows: &[(i64, Line<'_>, Timestamp)],
) -> Result<(), StoreError> {
    DELAY
        .run(connection, rows, |arguments, (seq, line, begins_at)| {
            arguments.add(*seq)?;
            arguments.add(line.source)?;
            arguments.add(line.subject)?;
            arguments.add(line.destination)?;
            arguments.add(begins_at.micros())
        })
        .await?;
    Ok(())
}

/// Lets what begins by now take its place, at most so much of it.
pub(super) async fn begin(
    connection: &mut Connection,
    to: &DestinationId,
    most: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let rows = sqlx::query(BEGIN)
        .bind(to.source.as_str())
        .bind(to.name.as_str())
        .bind(now.micros())
        .bind(most)
        .fetch_all(&mut *connection)
        .await?;
    let begun = |row| Ok((Row::try_get(row, "outbox")?, Line::of(row)?));
    let begun: Vec<_> = rows.iter().map(begun).collect::<Result<_, StoreError>>()?;
    wait(connection, &begun, now).await
}

/// Keeps from being told what of a decision has not begun, for people overturned it.
pub(super) async fn withdraw(
    connection: &mut Connection,
    decision: DecisionId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let id = decision.to_string();
    let rows = sqlx::query(WITHDRAW).bind(id.as_str()).fetch_all(&mut *connection).await?;
    for row in &rows {
        let seq: i64 = row.try_get("outbox")?;
        sqlx::query("UPDATE outbox SET state = 'erased', ended_at = $1 WHERE seq = $2")
            .bind(at.micros())
            .bind(seq)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Forgets what hangs on decisions that go.
pub(super) async fn remove(
    connection: &mut Connection,
    decisions: &[&str],
) -> Result<(), StoreError> {
    FORGET.run(connection, decisions, |arguments, id| arguments.add(*id)).await?;
    Ok(())
}
