//! What is kept of a subject's strikes and conduct, for people to look at.

use sqlx::Row as _;

use super::super::dialect::Row;
use super::super::{Store, StoreError, sealed};
use super::rows::{ended, read_action};
use crate::model::profile::{Conduct, KeptRestriction, KeptStrike};
use crate::model::{DecisionId, Mode, Score, Timestamp};

impl Store {
    /// The strikes of a subject, those that end last first, up to a limit.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn strikes(
        &self,
        source: &str,
        subject: &str,
        ledger: Mode,
        at: Timestamp,
        limit: usize,
    ) -> Result<Vec<KeptStrike>, StoreError> {
        let name = self.inner.keyring.names.subject(subject).to_string();
        let counting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM strikes AS k WHERE k.source = $1 AND k.subject = $2 \
             AND k.ledger = $3 AND k.expires_at > $4 AND k.revoked_at IS NULL",
        )
        .bind(source)
        .bind(name.as_str())
        .bind(ledger.as_str())
        .bind(at.micros())
        .fetch_one(self.readers())
        .await?;
        let rows = sqlx::query(
            "SELECT k.decision, k.number, k.given_at, k.expires_at, k.revoked_at \
             FROM strikes AS k WHERE k.source = $1 AND k.subject = $2 AND k.ledger = $3 \
             ORDER BY k.expires_at DESC LIMIT $4",
        )
        .bind(source)
        .bind(name.as_str())
        .bind(ledger.as_str())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.readers())
        .await?;
        let mut left = u32::try_from(counting).unwrap_or(u32::MAX);
        let strikes = rows.iter().map(|row| {
            let mut strike = kept(row)?;
            if strike.revoked_at.is_none() && strike.expires_at > at {
                strike.counts_as = Some(left);
                left = left.saturating_sub(1);
            }
            Ok(strike)
        });
        strikes.collect()
    }

    /// The restrictions of a subject, those that end last first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(in crate::store) async fn restrictions(
        &self,
        source: &str,
        subject: &str,
        ledger: Mode,
    ) -> Result<Vec<KeptRestriction>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.decision, l.action, l.since, l.expires_at, l.lifted_at \
             FROM restrictions AS l WHERE l.source = $1 AND l.subject = $2 AND l.ledger = $3 \
             ORDER BY l.expires_at DESC",
        )
        .bind(source)
        .bind(self.inner.keyring.names.subject(subject).to_string())
        .bind(ledger.as_str())
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(restriction).collect()
    }

    /// What was decided about a subject, newest first, up to a limit.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn conduct(
        &self,
        source: &str,
        subject: &str,
        limit: usize,
    ) -> Result<Vec<Conduct>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.id, d.kind, d.decided_at, d.mode, d.tier, d.action, d.score, r.ruling \
             FROM decisions AS d LEFT JOIN rulings AS r ON r.decision = d.id \
             WHERE d.subject = $1 AND (d.source = $2) IS TRUE ORDER BY -d.seq LIMIT $3",
        )
        .bind(self.inner.keyring.names.subject(subject).to_string())
        .bind(source)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(conduct).collect()
    }
}

fn kept(row: &Row) -> Result<KeptStrike, StoreError> {
    let at = |name| Ok::<_, StoreError>(Timestamp::from_micros(row.try_get(name)?));
    let revoked_at: Option<i64> = row.try_get("revoked_at")?;
    let number: i64 = row.try_get("number")?;
    Ok(KeptStrike {
        decision_id: decision_id(row.try_get("decision")?)?,
        number: u32::try_from(number).unwrap_or(u32::MAX),
        counts_as: None,
        given_at: at("given_at")?,
        expires_at: at("expires_at")?,
        revoked_at: revoked_at.map(Timestamp::from_micros),
    })
}

fn restriction(row: &Row) -> Result<KeptRestriction, StoreError> {
    let lifted_at: Option<i64> = row.try_get("lifted_at")?;
    Ok(KeptRestriction {
        decision_id: decision_id(row.try_get("decision")?)?,
        action: read_action(row.try_get("action")?)?,
        since: Timestamp::from_micros(row.try_get("since")?),
        expires_at: ended(row.try_get("expires_at")?),
        lifted_at: lifted_at.map(Timestamp::from_micros),
    })
}

fn conduct(row: &Row) -> Result<Conduct, StoreError> {
    let id: &str = row.try_get("id")?;
    let damaged = |error: &dyn std::fmt::Display| sealed::damaged("decision", id, error);
    let mode: &str = row.try_get("mode")?;
    let score: i64 = row.try_get("score")?;
    let ruling: Option<&str> = row.try_get("ruling")?;
    Ok(Conduct {
        decision_id: decision_id(id)?,
        kind: row.try_get("kind")?,
        decided_at: Timestamp::from_micros(row.try_get("decided_at")?),
        mode: mode.parse().map_err(|error: String| damaged(&error))?,
        score: u32::try_from(score).ok().and_then(Score::from_millionths).unwrap_or(Score::ONE),
        tier: row.try_get("tier")?,
        action: read_action(row.try_get("action")?)?,
        overturned: ruling == Some("overturned"),
    })
}

fn decision_id(id: &str) -> Result<DecisionId, StoreError> {
    id.parse().map_err(|error: String| sealed::damaged("decision", id, &error))
}
