//! Sources: the platforms, and whether their decisions are enforced.

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::tx::Tx;
use super::{Store, StoreError, next_generation, sealed};
use crate::model::{AuditEntry, Identity, Mode, Timestamp};

/// A platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    pub source: String,
    pub mode: Mode,
    pub created_at: Timestamp,
    /// When the mode was last set.
    pub updated_at: Timestamp,
}

impl Store {
    /// Every source that has a policy or a mode, by name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn sources(&self) -> Result<Vec<SourceRow>, StoreError> {
        let rows =
            sqlx::query("SELECT source, mode, created_at, updated_at FROM sources ORDER BY source")
                .fetch_all(self.readers())
                .await?;
        rows.iter()
            .map(|row| {
                let source: String = row.try_get("source")?;
                Ok(SourceRow {
                    mode: mode(&source, row.try_get("mode")?)?,
                    created_at: Timestamp::from_micros(row.try_get("created_at")?),
                    updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
                    source,
                })
            })
            .collect()
    }

    /// Sets whether decisions of a source are enforced, and returns the generation. Where it is so
    /// already, nothing is written.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn set_mode(
        &self,
        source: &str,
        mode: Mode,
        why: &str,
        who: Option<&Identity>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let before = ensure(&mut tx, source).await?;
        if before == mode {
            // Also takes back the row, where it was new: it would say what its absence says.
            tx.roll_back().await;
            return self.generation().await;
        }
        sqlx::query("UPDATE sources SET mode = $1, updated_at = $2 WHERE source = $3")
            .bind(mode.as_str())
            .bind(Timestamp::now().micros())
            .bind(source)
            .execute(tx.connection()?)
            .await?;
        let generation = next_generation(&mut tx).await?;
        let facts = json!({ "from": before, "to": mode, "why": why, "generation": generation });
        tx.commit(Leaves::of(AuditEntry::new(who, "source.mode", source, facts))?).await?;
        Ok(generation)
    }
}

/// Makes the row of a source, in shadow mode, where it has none. Returns its mode.
pub(super) async fn ensure(tx: &mut Tx, source: &str) -> Result<Mode, StoreError> {
    sqlx::query(
        "INSERT INTO sources (source, mode, created_at, updated_at) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (source) DO NOTHING",
    )
    .bind(source)
    .bind(Mode::default().as_str())
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    let text: String = sqlx::query_scalar("SELECT mode FROM sources WHERE source = $1")
        .bind(source)
        .fetch_one(tx.connection()?)
        .await?;
    mode(source, &text)
}

fn mode(source: &str, text: &str) -> Result<Mode, StoreError> {
    text.parse().map_err(|error: String| sealed::damaged("source", source, &error))
}
