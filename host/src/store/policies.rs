//! Policies: every text that was ever published, numbered by the host, and which judges a source.

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::dialect::Row;
use super::inbox::{self, Origin};
use super::tx::Tx;
use super::{Store, StoreError, next_generation, sealed, sources};
use crate::model::{AuditEntry, Digest, Identity, Stage, Timestamp};

const WHAT: &str = "policy";

/// A policy to publish.
#[derive(Debug, Clone)]
pub struct PublishPolicy<'a> {
    pub name: &'a str,
    pub source: &'a str,
    pub text: &'a str,
    /// Of `text`.
    pub digest: Digest,
    pub origin: Origin,
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPolicy {
    /// The same text keeps its number.
    pub version: u32,
    pub generation: u64,
    /// Whether anything is different now. Where not, nothing was written.
    pub changed: bool,
}

/// Which policy judges a source.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDeployment {
    pub source: String,
    pub name: String,
    pub version: u32,
    pub digest: Digest,
    pub text: String,
    pub stage: Stage,
    pub origin: Origin,
    pub updated_at: Timestamp,
}

impl Store {
    /// Keeps a policy, numbers it and makes it the one that judges its source, in one transaction.
    /// A source that is new begins in shadow mode.
    ///
    /// # Errors
    /// Where the digest is not that of the text, the text was published under another name, or the
    /// database does not answer.
    pub async fn publish_policy(
        &self,
        publish: &PublishPolicy<'_>,
        who: Option<&Identity>,
    ) -> Result<PublishedPolicy, StoreError> {
        let PublishPolicy { name, source, text, digest, origin } = publish;
        if Digest::of(text.as_bytes()) != *digest {
            return Err(unstorable(format!("its digest is not {digest}")));
        }
        let mut tx = self.inner.writer.begin().await?;
        let version = keep(&mut tx, publish).await?;
        let deployed = deploy(&mut tx, publish).await?;
        let taken = match origin.file() {
            Some(file) => inbox::take(&mut tx, file, Some(*digest), None).await?,
            None => false,
        };
        if !deployed && !taken {
            tx.roll_back().await;
            let generation = self.generation().await?;
            return Ok(PublishedPolicy { version, generation, changed: false });
        }
        sources::ensure(&mut tx, source).await?;
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": digest, "version": version, "source": source,
            "origin": origin.to_string(), "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(who, "policy.published", *name, facts))?).await?;
        Ok(PublishedPolicy { version, generation, changed: true })
    }

    /// Stops a policy judging a source. With `from`, only where it came from there. Returns the
    /// generation, or `None` where there was nothing to retire.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn retire_policy(
        &self,
        source: &str,
        from: Option<&Origin>,
        who: Option<&Identity>,
    ) -> Result<Option<u64>, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let retired: Option<Vec<u8>> = sqlx::query_scalar(
            "UPDATE policy_deployments SET stage = $1, updated_at = $2 \
             WHERE source = $3 AND stage <> $1 AND origin = coalesce($4, origin) RETURNING digest",
        )
        .bind(Stage::Retired.as_str())
        .bind(Timestamp::now().micros())
        .bind(source)
        .bind(from.map(Origin::to_string))
        .fetch_optional(tx.connection()?)
        .await?;
        let Some(retired) = retired else {
            tx.roll_back().await;
            return Ok(None);
        };
        if let Some(file) = from.and_then(Origin::file) {
            inbox::forget(&mut tx, file).await?;
        }
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": inbox::digest(WHAT, source, &retired)?,
            "from": from.map(Origin::to_string), "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(who, "policy.retired", source, facts))?).await?;
        Ok(Some(generation))
    }

    /// Every deployment, retired ones included, by source.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_deployments(&self) -> Result<Vec<PolicyDeployment>, StoreError> {
        let rows = sqlx::query(
            "SELECT d.source, p.name, p.version, p.digest, p.text, d.stage, d.origin, \
             d.updated_at FROM policy_deployments AS d JOIN policies AS p ON p.digest = d.digest \
             ORDER BY d.source",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(deployment).collect()
    }

    /// The text of a policy that was published once, for replays.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_text(&self, digest: Digest) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("SELECT text FROM policies WHERE digest = $1")
            .bind(digest.as_bytes().as_slice())
            .fetch_optional(self.readers())
            .await?)
    }
}

/// Keeps a policy where its text is new, under the next number of its name. Returns its number.
async fn keep(tx: &mut Tx, publish: &PublishPolicy<'_>) -> Result<u32, StoreError> {
    sqlx::query(
        "INSERT INTO policies (digest, name, version, source, text, first_seen_at) \
         SELECT $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5 FROM policies WHERE name = $2 \
         ON CONFLICT (digest) DO NOTHING",
    )
    .bind(publish.digest.as_bytes().as_slice())
    .bind(publish.name)
    .bind(publish.source)
    .bind(publish.text)
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    let (name, source, version): (String, String, i64) =
        sqlx::query_as("SELECT name, source, version FROM policies WHERE digest = $1")
            .bind(publish.digest.as_bytes().as_slice())
            .fetch_one(tx.connection()?)
            .await?;
    if (name.as_str(), source.as_str()) != (publish.name, publish.source) {
        let detail = format!("the same text is the policy `{name}` of the source `{source}`");
        return Err(unstorable(detail));
    }
    version_of(&name, version)
}

/// Deploys a policy. Returns whether that is news.
async fn deploy(tx: &mut Tx, publish: &PublishPolicy<'_>) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "INSERT INTO policy_deployments (source, digest, stage, origin, updated_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (source) DO UPDATE SET digest = excluded.digest, stage = excluded.stage, \
         origin = excluded.origin, updated_at = excluded.updated_at \
         WHERE policy_deployments.digest <> excluded.digest \
         OR policy_deployments.stage <> excluded.stage \
         OR policy_deployments.origin <> excluded.origin",
    )
    .bind(publish.source)
    .bind(publish.digest.as_bytes().as_slice())
    .bind(Stage::Active.as_str())
    .bind(publish.origin.to_string())
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    Ok(changed.rows_affected() > 0)
}

fn deployment(row: &Row) -> Result<PolicyDeployment, StoreError> {
    let name: String = row.try_get("name")?;
    Ok(PolicyDeployment {
        source: row.try_get("source")?,
        version: version_of(&name, row.try_get("version")?)?,
        digest: inbox::digest(WHAT, &name, row.try_get("digest")?)?,
        text: row.try_get("text")?,
        stage: inbox::stage(WHAT, &name, row.try_get("stage")?)?,
        origin: inbox::origin(WHAT, &name, row.try_get("origin")?)?,
        updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
        name,
    })
}

fn version_of(name: &str, number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|error| sealed::damaged(WHAT, name, &error))
}

fn unstorable(detail: String) -> StoreError {
    StoreError::Unstorable { what: "a policy", detail }
}
