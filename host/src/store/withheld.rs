//! What decisions in shadow mode would have done: counted as they are written, so that whoever wants to
//! have a source enforced sees first what that would have meant.

use std::collections::BTreeMap;

use sqlx::{Arguments as _, Row as _};

use super::decisions::SealedEntry;
use super::dialect::{self, Connection, Row};
use super::rows::Insert;
use super::{PAGE_ROWS_MAX, Store, StoreError, sealed};
use crate::model::{Action, Decision, Mode, ModePreview, Timestamp, Withheld, WouldEnforce};

static INSERT: Insert =
    Insert::new("INSERT INTO withheld (decision, source, subject, action, review, at)", 6, "");

const HOUR_MICROS: i64 = 3_600 * 1_000_000;

/// What would have been done: `None` where nothing would, and nobody needs to look.
fn would(decision: &Decision) -> Option<Action> {
    let action = decision.would.as_ref()?.action;
    (action != Action::Allow || decision.review).then_some(action)
}

/// Counts the decisions of these entries that were made in shadow mode.
pub(super) async fn add(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let decided = entries.iter().filter_map(|entry| Some((*entry, &**entry.decided()?)));
    let in_shadow = decided.filter(|(_, decision)| decision.mode == Mode::Shadow);
    let in_shadow: Vec<(&SealedEntry, &Decision)> = in_shadow.collect();
    let mut hours: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for (_, decision) in &in_shadow {
        let hour = decision.decided_at.micros().div_euclid(HOUR_MICROS);
        *hours.entry((&decision.source, hour)).or_default() += 1;
    }
    for ((source, hour), decisions) in hours {
        count(connection, source, hour, decisions).await?;
    }
    let withheld: Vec<_> = in_shadow
        .into_iter()
        .filter_map(|(entry, decision)| Some((entry, decision, would(decision)?)))
        .collect();
    INSERT
        .run(connection, &withheld, |arguments, (entry, decision, action)| {
            arguments.add(entry.decision_id())?;
            arguments.add(decision.source.as_str())?;
            arguments.add(entry.event.subject.as_str())?;
            arguments.add(action.as_str())?;
            arguments.add(i64::from(decision.review))?;
            arguments.add(decision.decided_at.micros())
        })
        .await?;
    Ok(())
}

/// Adds to an hour; the first of an hour takes out what nobody can look back on any more.
async fn count(
    connection: &mut Connection,
    source: &str,
    hour: i64,
    decisions: i64,
) -> Result<(), StoreError> {
    let sum: i64 = sqlx::query_scalar(
        "INSERT INTO shadow_hours (source, hour, decisions) VALUES ($1, $2, $3) \
         ON CONFLICT (source, hour) DO UPDATE SET \
         decisions = shadow_hours.decisions + excluded.decisions RETURNING decisions",
    )
    .bind(source)
    .bind(hour)
    .bind(decisions)
    .fetch_one(&mut *connection)
    .await?;
    if sum == decisions {
        let oldest = hour - i64::from(ModePreview::DAYS_MAX) * 24;
        for (text, before) in [
            ("DELETE FROM shadow_hours WHERE source = $1 AND hour < $2", oldest),
            ("DELETE FROM withheld WHERE source = $1 AND at < $2", oldest * HOUR_MICROS),
        ] {
            sqlx::query(text).bind(source).bind(before).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

impl Store {
    /// What would have happened to a source in the last days, had its decisions in shadow mode been
    /// enforced, with at most `limit` of the newest. Days begin with a full hour.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn mode_preview(
        &self,
        source: &str,
        mode: Mode,
        days: u32,
        limit: usize,
    ) -> Result<ModePreview, StoreError> {
        let days = days.min(ModePreview::DAYS_MAX);
        let hour = Timestamp::now().micros().div_euclid(HOUR_MICROS) - i64::from(days) * 24;
        let since = hour * HOUR_MICROS;
        let decisions = sqlx::query(
            "SELECT CAST(coalesce(sum(decisions), 0) AS BIGINT) AS decisions FROM shadow_hours \
             WHERE source = $1 AND hour >= $2",
        )
        .bind(source)
        .bind(hour)
        .fetch_one(self.readers())
        .await?;
        // Read once, for there may be many: by action, and at last by nobody's action all accounts.
        let counted = sqlx::query(
            "WITH seen AS MATERIALIZED (SELECT subject, action, count(*) AS decisions, \
             sum(review) AS reviews FROM withheld WHERE source = $1 AND at >= $2 \
             GROUP BY subject, action) \
             SELECT action, CAST(sum(decisions) AS BIGINT) AS decisions, count(*) AS subjects, \
             CAST(sum(reviews) AS BIGINT) AS reviews FROM seen GROUP BY action \
             UNION ALL SELECT '', 0, count(DISTINCT subject), 0 FROM seen WHERE action <> 'allow'",
        )
        .bind(source)
        .bind(since)
        .fetch_all(self.readers())
        .await?;
        let (mut actions, mut subjects, mut reviews) = (Vec::new(), 0, 0);
        for row in &counted {
            reviews += dialect::unsigned(row, "reviews")?;
            match row.try_get("action")? {
                "" => subjects = dialect::unsigned(row, "subjects")?,
                "allow" => {}
                _ => actions.push(would_enforce(row)?),
            }
        }
        let newest = sqlx::query(
            "SELECT decision, action, at FROM withheld WHERE source = $1 AND at >= $2 \
             AND action <> 'allow' ORDER BY at DESC LIMIT $3",
        )
        .bind(source)
        .bind(since)
        .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
        .fetch_all(self.readers())
        .await?;
        actions.sort_by_key(|it| std::cmp::Reverse(it.action));
        Ok(ModePreview {
            source: source.to_owned(),
            mode,
            days,
            since: Timestamp::from_micros(since),
            decisions: dialect::unsigned(&decisions, "decisions")?,
            actions,
            subjects,
            reviews,
            newest: newest.iter().map(withheld).collect::<Result<_, _>>()?,
        })
    }
}

fn would_enforce(row: &Row) -> Result<WouldEnforce, StoreError> {
    Ok(WouldEnforce {
        action: action(row)?,
        decisions: dialect::unsigned(row, "decisions")?,
        subjects: dialect::unsigned(row, "subjects")?,
    })
}

fn withheld(row: &Row) -> Result<Withheld, StoreError> {
    Ok(Withheld {
        decision: row.try_get("decision")?,
        action: action(row)?,
        at: Timestamp::from_micros(row.try_get("at")?),
    })
}

fn action(row: &Row) -> Result<Action, StoreError> {
    let text: &str = row.try_get("action")?;
    serde_json::from_value(text.into())
        .map_err(|error| sealed::damaged("what was withheld", text, &error))
}
