//! Searching decisions: filters, pages and their cursors.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::{AssertSqlSafe, Row as _};

use super::decisions::open;
use super::dialect::Pool;
use super::{PAGE_ROWS_MAX, Store, StoreError, sealed};
use crate::model::{Decision, DecisionId};

/// Which decisions to find. What is `None` does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub source: Option<String>,
    pub subject: Option<String>,
    pub tier: Option<String>,
    /// Decisions in which this detector found something or did not finish.
    pub detector: Option<String>,
    /// Older than where a page ended.
    pub after: Option<Cursor>,
    /// At most [`PAGE_ROWS_MAX`]; at least 1.
    pub limit: usize,
}

/// Decisions by when they were begun.
#[derive(Debug, Clone)]
pub struct Span {
    pub source: Option<String>,
    /// Those with a greater id.
    pub after: DecisionId,
    /// Those with a lesser id.
    pub before: DecisionId,
}

/// Some decisions, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub decisions: Vec<Decision>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<Cursor>,
}

/// Where a page ended. Decisions that come later do not shift it. Written as opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(i64);

impl Cursor {
    pub(super) fn of(seq: i64) -> Self {
        Self(seq)
    }

    pub(super) fn seq(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| Self(i64::from_be_bytes(bytes))).ok_or_else(|| {
            format!("`{text}` is not a cursor: send the `next` of the page before, as it was")
        })
    }
}

impl Store {
    /// Finds decisions, newest first.
    ///
    /// # Errors
    /// Where the database does not answer or a document is damaged.
    pub async fn decisions(&self, filter: &Filter) -> Result<Page, StoreError> {
        let limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
        let mut query = sqlx::query(AssertSqlSafe(statement(filter)))
            .bind(filter.after.map_or(i64::MAX, |cursor| cursor.0))
            // One more than asked for tells whether there is a next page.
            .bind(limit as i64 + 1);
        let names = &self.inner.keyring.names;
        let subject = filter.subject.as_deref().map(|subject| names.subject(subject).to_string());
        let given = [&filter.detector, &subject, &filter.source, &filter.tier];
        for value in given.into_iter().flatten() {
            query = query.bind(value.as_str());
        }
        let rows = query.fetch_all(self.readers()).await?;
        let mut decisions = Vec::with_capacity(rows.len().min(limit));
        let mut last = 0;
        for row in rows.iter().take(limit) {
            last = row.try_get("seq")?;
            let (id, sealed) = (row.try_get("id")?, row.try_get("sealed")?);
            decisions.extend(open(&self.inner.keyring, row, id, sealed)?);
        }
        Ok(Page { decisions, next: (rows.len() > limit).then_some(Cursor(last)) })
    }
}

impl Store {
    /// How many decisions there are in a span, erased ones included.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn decisions_within(&self, span: &Span) -> Result<u64, StoreError> {
        count(self.readers(), span).await
    }

    /// The ids of the oldest decisions in a span, erased ones included; at most [`PAGE_ROWS_MAX`].
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn ids_within(&self, span: &Span) -> Result<Vec<DecisionId>, StoreError> {
        let text = ids_statement(span);
        let mut query = sqlx::query_scalar(AssertSqlSafe(text));
        query = query.bind(span.after.to_string()).bind(span.before.to_string());
        if let Some(source) = &span.source {
            query = query.bind(source.as_str());
        }
        let ids: Vec<String> = query.fetch_all(self.readers()).await?;
        let read = |id: &String| {
            id.parse().map_err(|error: String| sealed::damaged("the id of a decision", id, &error))
        };
        ids.iter().map(read).collect()
    }
}

pub(super) fn ids_statement(span: &Span) -> String {
    format!("SELECT d.id FROM {} ORDER BY d.id LIMIT {PAGE_ROWS_MAX}", within(span))
}

pub(super) async fn count(pool: &Pool, span: &Span) -> Result<u64, StoreError> {
    let text = format!("SELECT count(*) FROM {}", within(span));
    let mut query = sqlx::query_scalar(AssertSqlSafe(text));
    query = query.bind(span.after.to_string()).bind(span.before.to_string());
    if let Some(source) = &span.source {
        query = query.bind(source.as_str());
    }
    let count: i64 = query.fetch_one(pool).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The ids drive: see [`statement`].
pub(super) fn within(span: &Span) -> &'static str {
    match span.source {
        None => "decisions AS d WHERE d.id > $1 AND d.id < $2",
        Some(_) => "decisions AS d WHERE d.id > $1 AND d.id < $2 AND (d.source = $3) IS TRUE",
    }
}

/// The statement for a filter: $1 is the cursor, $2 the limit, then what is filtered by, in the order
/// detector, subject, source, tier. Each is driven by one index that holds all that is asked for, but
/// beside a subject: of one account there are few enough to look at each. What is not to drive is
/// written `(...) IS TRUE`. Why the order is by `-seq`, the migration says.
pub(super) fn statement(filter: &Filter) -> String {
    let given = [&filter.detector, &filter.subject, &filter.source, &filter.tier];
    let [detector, subject, source, tier] = numbers(given.map(Option::is_some));
    const COLUMNS: &str = "d.seq, d.id, d.source, d.subject, d.sealed, k.id AS key_id, k.wrapped";
    const KEYS: &str =
        "LEFT JOIN subject_keys AS k ON k.source = d.source AND k.subject = d.subject";
    let is = |column: &str, number: Option<usize>| match number {
        Some(number) => format!(" AND {column} = ${number}"),
        None => String::new(),
    };
    let also = |column: &str, number: Option<usize>| match number {
        Some(number) => format!(" AND ({column} = ${number}) IS TRUE"),
        None => String::new(),
    };
    match (subject, detector) {
        (Some(subject), _) => {
            let said = match detector {
                Some(number) => format!(
                    " AND (EXISTS (SELECT 1 FROM decision_labels AS l \
                     WHERE l.detector = ${number} AND l.decision = d.seq)) IS TRUE"
                ),
                None => String::new(),
            };
            let (source, tier) = (also("d.source", source), also("d.tier", tier));
            format!(
                "SELECT {COLUMNS} FROM decisions AS d {KEYS} WHERE -d.seq > -$1 \
                 AND d.subject = ${subject}{said}{source}{tier} ORDER BY -d.seq LIMIT $2"
            )
        }
        // A detector may have given several labels: the first one stands for them.
        (None, Some(detector)) => {
            let (source, tier) = (is("l.source", source), is("l.tier", tier));
            format!(
                "SELECT {COLUMNS} FROM (SELECT l.decision FROM decision_labels AS l \
                 WHERE l.decision < $1 AND l.detector = ${detector}{source}{tier} \
                 AND NOT EXISTS (SELECT 1 FROM decision_labels AS o WHERE o.detector = l.detector \
                 AND o.decision = l.decision AND o.label < l.label) \
                 ORDER BY l.decision DESC LIMIT $2) AS found \
                 JOIN decisions AS d ON d.seq = found.decision {KEYS} ORDER BY d.seq DESC"
            )
        }
        (None, None) if source.is_none() && tier.is_none() => {
            format!(
                "SELECT {COLUMNS} FROM decisions AS d {KEYS} WHERE d.seq < $1 \
                 ORDER BY d.seq DESC LIMIT $2"
            )
        }
        (None, None) => {
            let (source, tier) = (is("d.source", source), is("d.tier", tier));
            format!(
                "SELECT {COLUMNS} FROM decisions AS d {KEYS} WHERE -d.seq > -$1{source}{tier} \
                 ORDER BY -d.seq LIMIT $2"
            )
        }
    }
}

/// The numbers of the parameters of those that are given, from 3.
fn numbers(given: [bool; 4]) -> [Option<usize>; 4] {
    let mut next = 3..;
    given.map(|given| if given { next.next() } else { None })
}
