//! Cases: opened and joined by decisions within their commits, ended by what people say of those.

mod list;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{Arguments as _, Row as _};

use super::decisions::SealedEntry;
use super::dialect::{self, Connection, Row};
use super::rows::Insert;
use super::sealed::cipher::Seat;
use super::{StoreError, sealed};
use crate::model::{Action, CaseState, Decision, DecisionId, Mode, Timestamp};

pub use list::{CaseFilter, CasePage};

const CASES: &str = "cases";

/// Of a source, a subject by its name in the record and a matter the case that is open.
static OPEN: Insert = Insert::new(
    "WITH wanted (place, source, subject, matter) AS (",
    4,
    ") SELECT w.place, c.id FROM wanted AS w CROSS JOIN cases AS c WHERE c.source = w.source \
     AND c.subject = w.subject AND c.matter = w.matter AND c.state = 'open'",
);
static INSERT_DECISIONS: Insert =
    Insert::new("INSERT INTO case_decisions (case_id, decision)", 2, "");

/// The sealed document of a case.
#[derive(Serialize, Deserialize)]
struct Document {
    subject: String,
}

/// Which case: source, subject by its name in the record, and matter.
pub(super) type Place<'e> = (&'e str, &'e str, &'e str);

/// Of these the ones that are open.
pub(super) async fn open<'e>(
    connection: &mut Connection,
    wanted: impl IntoIterator<Item = Place<'e>>,
) -> Result<BTreeMap<Place<'e>, DecisionId>, StoreError> {
    let placed: Vec<(i64, Place<'e>)> = (0..).zip(wanted).collect();
    let rows = OPEN
        .run(connection, &placed, |arguments, (place, (source, subject, matter))| {
            arguments.add(*place)?;
            arguments.add(*source)?;
            arguments.add(*subject)?;
            arguments.add(*matter)
        })
        .await?;
    let found = |row: &Row| {
        let place = usize::try_from(row.try_get::<i64, _>("place")?).unwrap_or(usize::MAX);
        Ok(placed.get(place).map(|(_, wanted)| *wanted).zip(Some(id(row)?)))
    };
    Ok(rows
        .iter()
        .map(found)
        .collect::<Result<Vec<_>, StoreError>>()?
        .into_iter()
        .flatten()
        .collect())
}

fn id(row: &Row) -> Result<DecisionId, StoreError> {
    let text: &str = row.try_get("id")?;
    text.parse().map_err(|error: String| sealed::damaged("the id of a case", text, &error))
}

/// Opens and joins what the decisions of these entries say. Shadow mode opens none.
pub(super) async fn insert(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let mut within = Vec::new();
    for entry in entries {
        let (Some(case), Some(decision)) =
            (entry.change.as_ref().and_then(|change| change.case.as_ref()), entry.decided())
        else {
            continue;
        };
        if decision.mode == Mode::Shadow {
            continue;
        }
        match case.joins {
            None => begin(connection, entry, decision, &case.matter).await?,
            Some(id) => join(connection, id, decision).await?,
        }
        within.push((case.joins.unwrap_or(decision.id), decision.id));
    }
    INSERT_DECISIONS
        .run(connection, &within, |arguments, (case, decision)| {
            arguments.add(case.to_string())?;
            arguments.add(decision.to_string())
        })
        .await?;
    Ok(())
}

async fn begin(
    connection: &mut Connection,
    entry: &SealedEntry,
    decision: &Decision,
    matter: &str,
) -> Result<(), StoreError> {
    let id = decision.id.to_string();
    let document = Document { subject: decision.subject.clone() };
    let (_, sealed) = sealed::seal("a case", &Seat::of(CASES, &id), &entry.key, &document)?;
    sqlx::query(
        "INSERT INTO cases (id, source, subject, matter, state, score, severity, opened_at, \
         last_at, sealed) VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $7, $8)",
    )
    .bind(id.as_str())
    .bind(entry.event.source.as_str())
    .bind(entry.event.subject.as_str())
    .bind(matter)
    .bind(i64::from(decision.score.millionths()))
    .bind(severity(decision.action))
    .bind(decision.decided_at.micros())
    .bind(sealed)
    .execute(connection)
    .await?;
    Ok(())
}

async fn join(
    connection: &mut Connection,
    case: DecisionId,
    decision: &Decision,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE cases SET score = CASE WHEN score < $1 THEN $1 ELSE score END, \
         severity = CASE WHEN severity < $2 THEN $2 ELSE severity END, \
         last_at = CASE WHEN last_at < $3 THEN $3 ELSE last_at END WHERE id = $4",
    )
    .bind(i64::from(decision.score.millionths()))
    .bind(severity(decision.action))
    .bind(decision.decided_at.micros())
    .bind(case.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// The number of an action among all, from mild to severe.
fn severity(action: Action) -> i64 {
    Action::ALL.iter().take_while(|known| **known < action).count() as i64
}

/// Brings the case of a decision up to date with what people have said; how many ended by that.
pub(super) async fn rule(
    connection: &mut Connection,
    decision: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT c.id, c.state, count(*) AS decisions, count(r.decision) AS ruled, \
         count(CASE WHEN r.ruling = 'overturned' THEN 1 END) AS overturned \
         FROM case_decisions AS own CROSS JOIN cases AS c CROSS JOIN case_decisions AS d \
         LEFT JOIN rulings AS r ON r.decision = d.decision \
         WHERE own.decision = $1 AND c.id = own.case_id AND d.case_id = c.id \
         GROUP BY c.id, c.state",
    )
    .bind(decision)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(0) };
    let count = |column| dialect::unsigned(&row, column);
    let (decisions, ruled, overturned) =
        (count("decisions")?, count("ruled")?, count("overturned")?);
    let state = match ruled < decisions {
        true => return Ok(0),
        false if overturned == decisions => CaseState::Overturned,
        false => CaseState::Resolved,
    };
    let done = sqlx::query(
        "UPDATE cases SET state = $1, ended_at = coalesce(ended_at, $2) WHERE id = $3 AND state <> $1",
    )
    .bind(state.as_str())
    .bind(at.micros())
    .bind(row.try_get::<&str, _>("id")?)
    .execute(connection)
    .await?;
    let ended = row.try_get::<&str, _>("state")? == CaseState::Open.as_str();
    Ok(if ended { done.rows_affected() } else { 0 })
}

/// Takes decisions that go out of their cases, and the cases of which nothing is left.
pub(super) async fn remove(
    connection: &mut Connection,
    decisions: &[&str],
) -> Result<(), StoreError> {
    for decision in decisions {
        let row = sqlx::query("DELETE FROM case_decisions WHERE decision = $1 RETURNING case_id")
            .bind(*decision)
            .fetch_optional(&mut *connection)
            .await?;
        let Some(row) = row else { continue };
        sqlx::query(
            "DELETE FROM cases WHERE id = $1 \
             AND NOT EXISTS (SELECT 1 FROM case_decisions WHERE case_id = $1)",
        )
        .bind(row.try_get::<&str, _>("case_id")?)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
