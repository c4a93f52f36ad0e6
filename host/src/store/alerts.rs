//! Alerts: what somebody should look at.

use sqlx::Row as _;
use uuid::Uuid;

use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError};
use crate::model::Timestamp;

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
    sqlx::query(
        "DELETE FROM alerts WHERE id <= (SELECT id FROM alerts ORDER BY id DESC LIMIT 1 OFFSET $1)",
    )
    .bind(ALERTS_MAX)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}
