//! Alerts: what somebody should look at.

use std::collections::BTreeMap;

use sqlx::Row as _;
use uuid::Uuid;

use super::decisions::SealedEntry;
use super::dialect::Connection;
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError};
use crate::model::{DecisionId, Timestamp};

/// Alerts that are kept; the oldest go first. What they tell of is in the audit log for ever.
const ALERTS_MAX: i64 = 10_000;

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Ascends with time.
    pub id: String,
    pub at: Timestamp,
    /// Such as `detector.quarantined`.
    pub kind: String,
    /// What it is about, such as `contact-phone 1.2.0`.
    pub object: String,
    pub text: String,
}

impl Store {
    /// The newest alerts first, before this id where one is given.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn alerts(
        &self,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<AlertRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, at, kind, object, text FROM alerts WHERE id < coalesce($1, '~') \
             ORDER BY id DESC LIMIT $2",
        )
        .bind(before)
        .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AlertRow {
                    id: row.try_get("id")?,
                    at: Timestamp::from_micros(row.try_get("at")?),
                    kind: row.try_get("kind")?,
                    object: row.try_get("object")?,
                    text: row.try_get("text")?,
                })
            })
            .collect()
    }
}

/// What an alert of a rule is called.
pub const RULE_ALERT: &str = "rule.alert";
/// How long nobody is told again of the same alert of a source.
const QUIET_MILLIS: i64 = 3_600_000;

/// Writes the alerts that decisions ask for, each once within an hour.
pub(super) async fn raise_of(
    connection: &mut Connection,
    entries: &[&SealedEntry],
) -> Result<(), StoreError> {
    let decisions = entries.iter().filter_map(|entry| entry.decided());
    let mut asked = BTreeMap::new();
    for decision in decisions {
        for alert in &decision.alerts {
            asked.entry(format!("{}: {alert}", decision.source)).or_insert(decision.id);
        }
    }
    for (object, decision) in asked {
        let now = Timestamp::now();
        let text = format!("a rule asks for it, first by the decision {decision}");
        let done = sqlx::query(
            "INSERT INTO alerts (id, at, kind, object, text) SELECT $1, $2, $3, $4, $5 \
             WHERE NOT EXISTS (SELECT 1 FROM alerts AS a WHERE a.id > $6 AND a.at > $7 \
             AND a.kind = $3 AND a.object = $4)",
        )
        .bind(Uuid::now_v7().to_string())
        .bind(now.micros())
        .bind(RULE_ALERT)
        .bind(object)
        .bind(text)
        .bind(DecisionId::from_time(now.plus_millis(-QUIET_MILLIS)).to_string())
        .bind(now.plus_millis(-QUIET_MILLIS).micros())
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() > 0 {
            forget_oldest(connection).await?;
        }
    }
    Ok(())
}

/// Writes an alert in the transaction of what it tells of.
pub(super) async fn raise(
    tx: &mut Tx,
    kind: &str,
    object: &str,
    text: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO alerts (id, at, kind, object, text) VALUES ($1, $2, $3, $4, $5)")
        .bind(Uuid::now_v7().to_string())
        .bind(Timestamp::now().micros())
        .bind(kind)
        .bind(object)
        .bind(text)
        .execute(tx.connection()?)
        .await?;
    forget_oldest(tx.connection()?).await
}

async fn forget_oldest(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM alerts WHERE id <= (SELECT id FROM alerts ORDER BY id DESC LIMIT 1 OFFSET $1)",
    )
    .bind(ALERTS_MAX)
    .execute(connection)
    .await?;
    Ok(())
}
