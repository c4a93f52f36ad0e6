//! Cases: opened and joined by decisions within their commits, ended by what people say of those.

mod list;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::{Arguments as _, Row as _};

use super::decisions::SealedEntry;
use super::dialect::{Connection, Row};
use super::rows::Insert;
use super::sealed::cipher::Seat;
use super::{StoreError, sealed};
use crate::model::ruling::Word;
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
static OPEN_NEW: Insert = Insert::new(
    "INSERT INTO cases (id, source, subject, matter, state, decisions, score, severity, opened_at, \
     last_at, sealed)",
    11,
    "",
);
static PUT_INTO: Insert = Insert::new("INSERT INTO case_decisions (case_id, decision)", 2, "");
static TAKE_OUT: Insert = Insert::new(
    "WITH gone (decision) AS (",
    1,
    ") DELETE FROM case_decisions WHERE decision IN (SELECT decision FROM gone) RETURNING case_id",
);

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

/// What the decisions of a batch add to one case.
struct Added<'e> {
    /// Where the first of them opens it: its entry, itself and the matter.
    opening: Option<(&'e SealedEntry, &'e Decision, &'e str)>,
    decisions: i64,
    score: i64,
    severity: i64,
    last_at: i64,
}

/// Opens and joins what the decisions of these entries say. Shadow mode opens none.
pub(super) async fn insert(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let mut cases: BTreeMap<DecisionId, Added<'_>> = BTreeMap::new();
    let mut within = Vec::new();
    for entry in entries {
        let change = entry.change.as_ref().and_then(|change| change.case.as_ref());
        let active = entry.decided().filter(|decision| decision.mode == Mode::Active);
        let (Some(change), Some(decision)) = (change, active) else { continue };
        let case = change.joins.unwrap_or(decision.id);
        within.push((case, decision.id));
        let opens = change.joins.is_none();
        let opening = opens.then_some((*entry, &**decision, &*change.matter));
        let nothing = Added { opening, decisions: 0, score: 0, severity: 0, last_at: 0 };
        cases.entry(case).or_insert(nothing).add(decision);
    }
    let mut opened = Vec::new();
    for (id, added) in &cases {
        match added.opening {
            None => join(connection, *id, added).await?,
            Some((entry, decision, matter)) => {
                let document = Document { subject: decision.subject.clone() };
                let id = id.to_string();
                let seat = Seat::of(CASES, &id);
                let (_, sealed) = sealed::seal("a case", &seat, &entry.key, &document)?;
                opened.push((id, &entry.event, decision, matter, added, sealed));
            }
        }
    }
    OPEN_NEW
        .run(connection, &opened, |arguments, (id, event, decision, matter, added, sealed)| {
            arguments.add(id.as_str())?;
            arguments.add(event.source.as_str())?;
            arguments.add(event.subject.as_str())?;
            arguments.add(*matter)?;
            arguments.add(CaseState::Open.as_str())?;
            arguments.add(added.decisions)?;
            arguments.add(added.score)?;
            arguments.add(added.severity)?;
            arguments.add(decision.decided_at.micros())?;
            arguments.add(added.last_at)?;
            arguments.add(sealed.as_slice())
        })
        .await?;
    PUT_INTO
        .run(connection, &within, |arguments, (case, decision)| {
            arguments.add(case.to_string())?;
            arguments.add(decision.to_string())
        })
        .await?;
    Ok(())
}

impl Added<'_> {
    fn add(&mut self, decision: &Decision) {
        self.decisions += 1;
        self.score = self.score.max(i64::from(decision.score.millionths()));
        self.severity = self.severity.max(severity(decision.action));
        self.last_at = self.last_at.max(decision.decided_at.micros());
    }
}

async fn join(
    connection: &mut Connection,
    case: DecisionId,
    added: &Added<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE cases SET decisions = decisions + $1, \
         score = CASE WHEN score < $2 THEN $2 ELSE score END, \
         severity = CASE WHEN severity < $3 THEN $3 ELSE severity END, \
         last_at = CASE WHEN last_at < $4 THEN $4 ELSE last_at END WHERE id = $5",
    )
    .bind(added.decisions)
    .bind(added.score)
    .bind(added.severity)
    .bind(added.last_at)
    .bind(case.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// The number of an action among all, from mild to severe.
fn severity(action: Action) -> i64 {
    Action::ALL.iter().take_while(|known| **known < action).count() as i64
}

/// What people have said of a decision, in its case; how many cases end by that.
pub(super) async fn rule(
    connection: &mut Connection,
    decision: &str,
    word: Word,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let case: Option<String> = sqlx::query_scalar(
        "UPDATE case_decisions SET ruling = $1 WHERE decision = $2 RETURNING case_id",
    )
    .bind(word.as_str())
    .bind(decision)
    .fetch_optional(&mut *connection)
    .await?;
    match case {
        Some(case) => end_where_all_is_said(connection, &case, at).await,
        None => Ok(0),
    }
}

/// Ends a case where people have ruled on all that is left in it; 1 where it was open until now. What ended
/// stays so, and is of what was said last.
async fn end_where_all_is_said(
    connection: &mut Connection,
    case: &str,
    at: Timestamp,
) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "UPDATE cases SET ended_at = coalesce(ended_at, $1), state = CASE WHEN EXISTS \
         (SELECT 1 FROM case_decisions WHERE case_id = $2 AND ruling = 'upheld') \
         THEN 'resolved' ELSE 'overturned' END WHERE id = $2 AND NOT EXISTS \
         (SELECT 1 FROM case_decisions WHERE case_id = $2 AND ruling IS NULL) \
         RETURNING ended_at",
    )
    .bind(at.micros())
    .bind(case)
    .fetch_optional(connection)
    .await?;
    let ended_at = row.map(|row| row.try_get::<i64, _>("ended_at")).transpose()?;
    Ok(u64::from(ended_at == Some(at.micros())))
}

/// Takes decisions that go out of their cases, and the cases of which nothing is left. One on whose other
/// decisions people have ruled is over.
pub(super) async fn remove(
    connection: &mut Connection,
    decisions: &[&str],
    at: Timestamp,
) -> Result<(), StoreError> {
    let rows =
        TAKE_OUT.run(connection, decisions, |arguments, decision| arguments.add(*decision)).await?;
    let mut taken: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows {
        *taken.entry(row.try_get("case_id")?).or_default() += 1;
    }
    for (case, decisions) in taken {
        sqlx::query("UPDATE cases SET decisions = decisions - $1 WHERE id = $2")
            .bind(decisions)
            .bind(case.as_str())
            .execute(&mut *connection)
            .await?;
        let gone = sqlx::query("DELETE FROM cases WHERE id = $1 AND decisions = 0")
            .bind(case.as_str())
            .execute(&mut *connection)
            .await?;
        if gone.rows_affected() == 0 {
            end_where_all_is_said(connection, &case, at).await?;
        }
    }
    Ok(())
}
