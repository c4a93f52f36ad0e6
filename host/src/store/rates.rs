//! How much of what came in each minute: counted in the transaction that writes it, so that a rule which
//! watches rates reads some rows and no decision.

use std::collections::BTreeMap;

use sqlx::Arguments as _;

use super::decisions::SealedEntry;
use super::dialect::Connection;
use super::rows::Insert;
use super::{Store, StoreError};
use crate::model::{Decision, Outcome, Timestamp, Watch};

static ADD: Insert = Insert::new(
    "INSERT INTO rates (source, what, minute, count)",
    4,
    "ON CONFLICT (source, what, minute) DO UPDATE SET count = rates.count + excluded.count",
);
pub(super) const SUM: &str = "SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM rates \
    WHERE source = $1 AND what = $2 AND minute >= $3 AND minute < $4";
const FIRST: &str =
    "SELECT minute FROM rates WHERE source = $1 AND what = $2 ORDER BY minute LIMIT 1";
const LAST: &str =
    "SELECT minute FROM rates WHERE source = $1 AND what = $2 ORDER BY minute DESC LIMIT 1";

const MINUTE_MICROS: i64 = 60 * 1_000_000;
/// How long counts are kept: as long as a rule may look back, and a day more.
const KEPT_MINUTES: i64 = 9 * 24 * 60;

/// The minute of a moment, since 1970.
pub fn minute_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(MINUTE_MICROS)
}

/// Counts what these entries decide.
pub(super) async fn add(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let mut counts: BTreeMap<(&str, String, i64), i64> = BTreeMap::new();
    for decision in entries.iter().filter_map(|entry| entry.decided()) {
        let minute = minute_of(decision.decided_at);
        for what in said_by(decision) {
            *counts.entry((decision.source.as_str(), what, minute)).or_default() += 1;
        }
    }
    let rows: Vec<_> = counts.into_iter().collect();
    insert(connection, &rows).await
}

/// Counts what people say of a decision of this source.
pub(super) async fn rule(
    connection: &mut Connection,
    source: &str,
    overturned: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut rows = vec![((source, Watch::RULED.to_owned(), minute_of(at)), 1)];
    if overturned {
        rows.push(((source, Watch::Overturned.counted(), minute_of(at)), 1));
    }
    insert(connection, &rows).await
}

/// By what a decision is counted, each once.
fn said_by(decision: &Decision) -> impl Iterator<Item = String> {
    let mut labels: Vec<&str> =
        decision.signals.iter().filter(|own| own.counted).map(|own| own.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let labels: Vec<String> =
        labels.into_iter().map(|label| Watch::Label(label.to_owned()).counted()).collect();
    let failed = decision.findings.iter().any(|finding| finding.outcome != Outcome::Ok);
    let failed = failed.then(|| Watch::Failures.counted());
    let tier = Watch::Tier(decision.tier.clone()).counted();
    [Watch::DECIDED.to_owned(), tier].into_iter().chain(failed).chain(labels)
}

async fn insert(
    connection: &mut Connection,
    rows: &[((&str, String, i64), i64)],
) -> Result<(), StoreError> {
    ADD.run(connection, rows, |arguments, ((source, what, minute), count)| {
        arguments.add(*source)?;
        arguments.add(what.as_str())?;
        arguments.add(*minute)?;
        arguments.add(*count)
    })
    .await?;
    Ok(())
}

impl Store {
    /// How much of something a source had, from one minute until before another.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn rate(
        &self,
        source: &str,
        what: &str,
        from: i64,
        until: i64,
    ) -> Result<u64, StoreError> {
        let sum: i64 = sqlx::query_scalar(SUM)
            .bind(source)
            .bind(what)
            .bind(from)
            .bind(until)
            .fetch_one(self.readers())
            .await?;
        Ok(sum.unsigned_abs())
    }

    /// The first minute in which a source had a decision, as far as that is kept.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn first_minute(&self, source: &str) -> Result<Option<i64>, StoreError> {
        self.minute_decided(FIRST, source).await
    }

    /// The last minute in which a source had a decision, as far as that is kept.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn last_minute(&self, source: &str) -> Result<Option<i64>, StoreError> {
        self.minute_decided(LAST, source).await
    }

    async fn minute_decided(
        &self,
        text: &'static str,
        source: &str,
    ) -> Result<Option<i64>, StoreError> {
        let minute = sqlx::query_scalar(text).bind(source).bind(Watch::DECIDED);
        Ok(minute.fetch_optional(self.readers()).await?)
    }

    /// Forgets the counts that no rule looks back on any more.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn trim_rates(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        sqlx::query("DELETE FROM rates WHERE minute < $1")
            .bind(minute_of(now) - KEPT_MINUTES)
            .execute(tx.connection()?)
            .await?;
        tx.commit_exempt("rates").await
    }
}
