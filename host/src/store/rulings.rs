//! Rulings: the last word of people on decisions, and what it says about canaries.

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::{Store, StoreError, sealed};
use crate::model::ruling::{Ruling, Word};
use crate::model::{AuditEntry, Decision, DecisionId, Identity, Timestamp};

impl Store {
    /// Records what a person says of a decision, in place of what was said before. `canaries` are
    /// the deployments that found something in it as a canary with a say.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn rule(
        &self,
        decision: &Decision,
        word: Word,
        why: &str,
        canaries: &[i64],
        who: &Identity,
    ) -> Result<Ruling, StoreError> {
        let (_, sealed) = sealed::seal("a ruling", &why)?;
        let (id, at) = (decision.id.to_string(), Timestamp::now());
        let mut tx = self.inner.writer.begin().await?;
        sqlx::query(
            "INSERT INTO rulings (decision, ruling, ruled_by, at, sealed) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (decision) DO UPDATE SET \
             ruling = excluded.ruling, ruled_by = excluded.ruled_by, at = excluded.at, \
             sealed = excluded.sealed",
        )
        .bind(id.as_str())
        .bind(word.as_str())
        .bind(who.key.to_string())
        .bind(at.micros())
        .bind(sealed)
        .execute(tx.connection()?)
        .await?;
        for deployment in canaries {
            sqlx::query(
                "INSERT INTO ruled_canaries (deployment, decision, overturned, at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (deployment, decision) DO UPDATE SET \
                 overturned = excluded.overturned, at = excluded.at",
            )
            .bind(deployment)
            .bind(id.as_str())
            .bind(i64::from(word == Word::Overturned))
            // A trial that began since is another one.
            .bind(decision.decided_at.micros())
            .execute(tx.connection()?)
            .await?;
        }
        let facts = json!({ "ruling": word });
        let entry = AuditEntry::new(Some(who), "decision.ruled", id, facts);
        tx.commit(Leaves::of(entry)?).await?;
        let ruled_by = who.key.to_string();
        Ok(Ruling { decision: decision.id, ruling: word, why: why.to_owned(), ruled_by, at })
    }

    /// What people said of a decision last.
    ///
    /// # Errors
    /// Where the database does not answer or the row is damaged.
    pub async fn ruling(&self, decision: DecisionId) -> Result<Option<Ruling>, StoreError> {
        let id = decision.to_string();
        let row =
            sqlx::query("SELECT ruling, ruled_by, at, sealed FROM rulings WHERE decision = $1")
                .bind(id.as_str())
                .fetch_optional(self.readers())
                .await?;
        let Some(row) = row else { return Ok(None) };
        let ruling: &str = row.try_get("ruling")?;
        Ok(Some(Ruling {
            decision,
            ruling: serde_json::from_value(ruling.into())
                .map_err(|error| sealed::damaged("ruling", &id, &error))?,
            why: sealed::open("ruling", &id, row.try_get("sealed")?)?,
            ruled_by: row.try_get("ruled_by")?,
            at: Timestamp::from_micros(row.try_get("at")?),
        }))
    }
}
