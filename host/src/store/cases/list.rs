//! Reading cases.

use sqlx::{AssertSqlSafe, Row as _};

use super::super::dialect::{Row, unsigned};
use super::super::sealed::cipher::Seat;
use super::super::{PAGE_ROWS_MAX, Store, StoreError, sealed};
use super::{CASES, Document, id};
use crate::model::{Action, Case, CaseState, DecisionId, Score, Timestamp};

/// Which cases to list. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    pub source: Option<String>,
    pub subject: Option<String>,
    pub state: Option<CaseState>,
    /// Opened before the one of this id.
    pub before: Option<DecisionId>,
    /// At most [`PAGE_ROWS_MAX`]; at least 1.
    pub limit: usize,
}

/// Some cases, those that were opened last first.
#[derive(Debug, Clone, PartialEq)]
pub struct CasePage {
    pub cases: Vec<Case>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<DecisionId>,
}

const COLUMNS: &str = "SELECT c.id, c.source, c.subject, c.matter, c.state, c.decisions, c.score, \
    c.severity, c.opened_at, c.last_at, c.ended_at, c.sealed, k.id AS key_id, k.wrapped \
    FROM cases AS c LEFT JOIN subject_keys AS k ON k.source = c.source AND k.subject = c.subject";
/// Greater than every id, so that an index leads to the newest.
const AFTER_ALL: &str = "~";
/// Of a case, after one of its decisions.
const DECISIONS: &str = "SELECT d.decision AS id FROM case_decisions AS d WHERE d.case_id = $1 \
    AND d.decision > $2 ORDER BY d.decision LIMIT $3";
const UNRULED: &str = "SELECT d.decision AS id FROM case_decisions AS d WHERE d.case_id = $1 \
    AND d.ruling IS NULL AND d.decision > $2 ORDER BY d.decision LIMIT $3";

impl Store {
    /// # Errors
    /// Where the database does not answer or a row is damaged.
    pub async fn cases(&self, filter: &CaseFilter) -> Result<CasePage, StoreError> {
        let limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
        let names = &self.inner.keyring.names;
        let before = filter.before.map_or_else(|| AFTER_ALL.to_owned(), |id| id.to_string());
        let subject = filter.subject.as_deref().map(|name| names.subject(name).to_string());
        // An account has few cases: what else is asked about them is asked of those.
        let (source, state) = match subject.is_some() {
            true => ("(c.source = $) IS TRUE", "(c.state = $) IS TRUE"),
            false => ("c.source = $", "c.state = $"),
        };
        let given = [
            ("c.id < $", Some(before)),
            ("c.subject = $", subject),
            (source, filter.source.clone()),
            (state, filter.state.map(|state| state.as_str().to_owned())),
        ];
        let given: Vec<(&str, String)> =
            given.into_iter().filter_map(|(text, value)| Some((text, value?))).collect();
        let numbered =
            |((text, _), place): (&(&str, _), u32)| text.replace('$', &format!("${place}"));
        let conditions = given.iter().zip(2..).map(numbered).collect::<Vec<_>>().join(" AND ");
        let text = format!("{COLUMNS} WHERE {conditions} ORDER BY c.id DESC LIMIT $1");
        // One more than asked for tells whether there is a next page.
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(limit as i64 + 1);
        for (_, value) in &given {
            query = query.bind(value.as_str());
        }
        let rows = query.fetch_all(self.readers()).await?;
        let cases = rows.iter().take(limit).map(|row| self.open_row(row));
        let cases = cases.collect::<Result<Vec<_>, _>>()?;
        let next = cases.last().filter(|_| rows.len() > limit).map(|last| last.id);
        Ok(CasePage { cases, next })
    }

    /// # Errors
    /// Where the database does not answer or the row is damaged.
    pub async fn case(&self, id: DecisionId) -> Result<Option<Case>, StoreError> {
        let text = format!("{COLUMNS} WHERE c.id = $1");
        let query = sqlx::query(AssertSqlSafe(text)).bind(id.to_string());
        let row = query.fetch_optional(self.readers()).await?;
        row.map(|row| self.open_row(&row)).transpose()
    }

    /// Decisions of a case after one of them, oldest first; with `unruled`, those on which nobody has ruled.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn decisions_of_case(
        &self,
        case: DecisionId,
        after: Option<DecisionId>,
        unruled: bool,
        limit: usize,
    ) -> Result<Vec<DecisionId>, StoreError> {
        let rows = sqlx::query(if unruled { UNRULED } else { DECISIONS })
            .bind(case.to_string())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(id).collect()
    }

    /// All cases of one subject, by its name in the record, newest first.
    pub(in crate::store) async fn cases_of(
        &self,
        source: &str,
        name: &str,
    ) -> Result<Vec<Case>, StoreError> {
        let text = format!("{COLUMNS} WHERE c.source = $1 AND c.subject = $2 ORDER BY c.id DESC");
        let query = sqlx::query(AssertSqlSafe(text)).bind(source).bind(name);
        query.fetch_all(self.readers()).await?.iter().map(|row| self.open_row(row)).collect()
    }

    fn open_row(&self, row: &Row) -> Result<Case, StoreError> {
        let id = id(row)?;
        let at = |column: &str| row.try_get::<i64, _>(column).map(Timestamp::from_micros);
        let damaged = |error: &str| sealed::damaged("case", &id.to_string(), &error);
        let key = self.inner.keyring.of_row(row)?;
        let text = id.to_string();
        let seat = Seat::of(CASES, &text);
        let document: Option<Document> =
            sealed::open("a case", &seat, key.as_ref(), row.try_get("sealed")?)?;
        let score = u32::try_from(unsigned(row, "score")?).ok().and_then(Score::from_millionths);
        let severity = usize::try_from(unsigned(row, "severity")?).ok();
        let action = severity.and_then(|number| Action::ALL.get(number).copied());
        Ok(Case {
            id,
            source: row.try_get("source")?,
            subject: document.map(|document| document.subject).unwrap_or_default(),
            matter: row.try_get("matter")?,
            state: row
                .try_get::<&str, _>("state")?
                .parse()
                .map_err(|error: String| damaged(&error))?,
            decisions: unsigned(row, "decisions")?,
            score: score.ok_or_else(|| damaged("its score"))?,
            action: action.ok_or_else(|| damaged("its severity"))?,
            opened_at: at("opened_at")?,
            last_at: at("last_at")?,
            ended_at: row.try_get::<Option<i64>, _>("ended_at")?.map(Timestamp::from_micros),
        })
    }
}
