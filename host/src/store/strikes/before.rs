//! How subjects stood before a decision: what a simulation begins with.

use sqlx::Row as _;

use super::super::dialect::{Pool, Row};
use super::super::history::{Counts, PastStanding};
use super::super::names::SubjectName;
use super::super::{PAGE_ROWS_MAX, StoreError, sealed};
use super::rows::NO_END;
use crate::model::{DecisionId, Restriction, Timestamp};

const STRIKES: &str = "SELECT decision, subject, ledger, expires_at, revoked_at AS ended_at \
     FROM strikes WHERE source = $1 AND expires_at > $2 AND decision > $3 AND decision < $4 \
     ORDER BY decision LIMIT $5";
const RESTRICTIONS: &str = "SELECT decision, subject, ledger, action, since, expires_at, \
     lifted_at AS ended_at FROM restrictions WHERE source = $1 AND expires_at > $2 \
     AND decision > $3 AND decision < $4 ORDER BY decision LIMIT $5";

/// What the decisions of a source before `before` added, as far as it has not ended at `alive_at`.
pub(in crate::store) async fn before(
    pool: &Pool,
    source: &str,
    before: DecisionId,
    alive_at: Timestamp,
) -> Result<Vec<PastStanding>, StoreError> {
    let mut standing = Vec::new();
    let kinds: [(&'static str, Read); 2] = [(STRIKES, strike), (RESTRICTIONS, restriction)];
    for (text, read) in kinds {
        let mut after = String::new();
        loop {
            let rows = sqlx::query(text)
                .bind(source)
                .bind(alive_at.micros())
                .bind(after.as_str())
                .bind(before.to_string())
                .bind(PAGE_ROWS_MAX as i64)
                .fetch_all(pool)
                .await?;
            let Some(last) = rows.last() else { break };
            after = last.try_get("decision")?;
            for row in &rows {
                standing.extend(past(row, read(row)?)?);
            }
        }
    }
    Ok(standing)
}

type Read = fn(&Row) -> Result<Counts, StoreError>;

fn strike(row: &Row) -> Result<Counts, StoreError> {
    Ok(Counts::Strike(Timestamp::from_micros(row.try_get("expires_at")?)))
}

fn restriction(row: &Row) -> Result<Counts, StoreError> {
    let action: &str = row.try_get("action")?;
    let action = serde_json::from_value(action.into())
        .map_err(|error| sealed::damaged("restriction", action, &error))?;
    let end: i64 = row.try_get("expires_at")?;
    Ok(Counts::Restriction(Restriction {
        action,
        since: Timestamp::from_micros(row.try_get("since")?),
        expires_at: (end != NO_END).then(|| Timestamp::from_micros(end)),
    }))
}

/// `None` where the subject was erased: nothing more is decided about it under that name.
fn past(row: &Row, what: Counts) -> Result<Option<PastStanding>, StoreError> {
    let (subject, ledger): (&str, &str) = (row.try_get("subject")?, row.try_get("ledger")?);
    let Ok(subject) = subject.parse().map(SubjectName::bytes) else { return Ok(None) };
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    Ok(Some(PastStanding {
        subject,
        ledger: ledger
            .parse()
            .map_err(|error: String| sealed::damaged("ledger", ledger, &error))?,
        what,
        ended_at: ended_at.map(Timestamp::from_micros),
    }))
}
