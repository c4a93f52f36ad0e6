//! Where the versions of policies stand, read; and moving one from stage to stage.

use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::audit::Leaves;
use super::dialect::Row;
use super::inbox::{self, Origin};
use super::policies::{WHAT, version_of};
use super::tx::Tx;
use super::{PAGE_ROWS_MAX, Store, StoreError, next_generation, sealed};
use crate::model::{AuditEntry, Digest, Identity, PolicyRef, Score, Stage, Timestamp};

/// A version of a policy as it stands for its source.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDeployment {
    pub id: i64,
    pub source: String,
    pub name: String,
    pub version: u32,
    pub digest: Digest,
    pub stage: Stage,
    /// Of a canary: of the subjects, for which it decides.
    pub share: Option<f64>,
    /// Settles which subjects are in a canary's share.
    pub salt: [u8; 16],
    pub origin: Origin,
    /// The key that published it; `None`: the program or a folder.
    pub published_by: Option<String>,
    pub published_at: Timestamp,
    /// The key that moved it last, likewise.
    pub moved_by: Option<String>,
    /// Why it was last moved.
    pub why: String,
    /// When it was last made active; `None`: never, or it was gone back from.
    pub served_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

/// A change of where a version stands.
#[derive(Debug, Clone)]
pub struct MovePolicy<'a> {
    pub deployment: i64,
    /// Where it must stand now, so that nobody overtakes another.
    pub from: Stage,
    pub to: Stage,
    /// With `to` a canary.
    pub share: Option<f64>,
    /// What the audit log calls it, such as `policy.promoted`.
    pub what: &'a str,
    pub why: &'a str,
}

/// What a row is read from; `FROM` and `WHERE` follow.
const COLUMNS: &str = "d.id, d.source, p.name, p.version, d.digest, d.stage, d.share, d.salt, \
    d.origin, d.published_by, p.first_seen_at, d.moved_by, d.why, d.served_at, d.updated_at";
const ROWS: &str = "policy_deployments AS d JOIN policies AS p ON p.digest = d.digest";

impl PolicyDeployment {
    pub fn reference(&self) -> PolicyRef {
        PolicyRef { name: self.name.clone(), version: self.version, digest: self.digest }
    }
}

impl Store {
    /// Every version that has a say or is on trial, with its text, by source and stage.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn live_policies(&self) -> Result<Vec<(PolicyDeployment, String)>, StoreError> {
        let rows = select(&format!(
            "{COLUMNS}, p.text FROM {ROWS} WHERE d.stage <> 'retired' ORDER BY d.source, d.stage, d.id"
        ));
        let rows = sqlx::query(rows).fetch_all(self.readers()).await?;
        rows.iter().map(|row| Ok((deployment(row)?, row.try_get("text")?))).collect()
    }

    /// What stands, as [`Store::live_policies`], and of each source the retired version that served last.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_deployments(&self) -> Result<Vec<PolicyDeployment>, StoreError> {
        let rows = select(&format!(
            "{COLUMNS} FROM {ROWS} WHERE d.stage <> 'retired' OR d.id = (SELECT l.id \
             FROM policy_deployments AS l WHERE l.source = d.source AND l.stage = 'retired' \
             AND l.served_at IS NOT NULL ORDER BY l.served_at DESC, l.id DESC LIMIT 1) \
             ORDER BY d.source, d.stage, d.id"
        ));
        let rows = sqlx::query(rows).fetch_all(self.readers()).await?;
        rows.iter().map(deployment).collect()
    }

    /// The versions of a policy below a number, newest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_versions(
        &self,
        name: &str,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Vec<PolicyDeployment>, StoreError> {
        let rows = select(&format!(
            "{COLUMNS} FROM {ROWS} WHERE p.name = $1 AND p.version < $2 \
             ORDER BY p.version DESC LIMIT $3"
        ));
        let rows = sqlx::query(rows)
            .bind(name)
            .bind(before.map_or(i64::MAX, i64::from))
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(deployment).collect()
    }

    /// One version of a policy.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_version(
        &self,
        name: &str,
        version: u32,
    ) -> Result<Option<PolicyDeployment>, StoreError> {
        let row = select(&format!("{COLUMNS} FROM {ROWS} WHERE p.name = $1 AND p.version = $2"));
        let row = sqlx::query(row).bind(name).bind(i64::from(version));
        row.fetch_optional(self.readers()).await?.as_ref().map(deployment).transpose()
    }

    /// The version of a policy that a text is.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policy_of_digest(
        &self,
        digest: Digest,
    ) -> Result<Option<PolicyDeployment>, StoreError> {
        let row = select(&format!("{COLUMNS} FROM {ROWS} WHERE d.digest = $1"));
        let row = sqlx::query(row).bind(digest.as_bytes().as_slice());
        row.fetch_optional(self.readers()).await?.as_ref().map(deployment).transpose()
    }

    /// The versions of every policy for a source that were active and are no more, the latest first; one
    /// may be on trial by now.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn policies_that_served(
        &self,
        source: &str,
        limit: usize,
    ) -> Result<Vec<PolicyDeployment>, StoreError> {
        let rows = select(&format!(
            "{COLUMNS} FROM {ROWS} WHERE d.source = $1 AND d.stage <> 'active' \
             AND d.served_at IS NOT NULL ORDER BY d.served_at DESC, d.id DESC LIMIT $2"
        ));
        let rows = sqlx::query(rows)
            .bind(source)
            .bind(limit.clamp(1, PAGE_ROWS_MAX) as i64)
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(deployment).collect()
    }

    /// Moves a version to another stage. Where one version stands at a stage, the one that stood there
    /// is retired. Returns the generation.
    ///
    /// # Errors
    /// [`StoreError::Moved`] where it does not stand where it should, [`StoreError::ShadowsFull`]; where
    /// there is none of this id, or the database does not answer.
    pub async fn move_policy(
        &self,
        step: &MovePolicy<'_>,
        who: &Identity,
    ) -> Result<u64, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let row = match step.run(&mut tx, who).await {
            Ok(row) => row,
            Err(error) => {
                tx.roll_back().await;
                return Err(error);
            }
        };
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": row.digest, "version": row.version, "source": row.source, "from": step.from,
            "to": step.to, "share": step.share, "why": step.why, "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(Some(who), step.what, row.name, facts))?).await?;
        Ok(generation)
    }
}

/// The row of this number.
pub(super) async fn of_id(tx: &mut Tx, id: i64) -> Result<PolicyDeployment, StoreError> {
    let row = select(&format!("{COLUMNS} FROM {ROWS} WHERE d.id = $1"));
    let row = sqlx::query(row).bind(id).fetch_optional(tx.connection()?).await?;
    let absent = || StoreError::Absence { what: "deployment of a policy", id: id.to_string() };
    deployment(&row.ok_or_else(absent)?)
}

/// What stands for a source, and the row of this digest, whatever its stage.
pub(super) async fn standing(
    tx: &mut Tx,
    source: &str,
    digest: Digest,
) -> Result<Vec<PolicyDeployment>, StoreError> {
    let rows = select(&format!(
        "{COLUMNS} FROM {ROWS} WHERE d.source = $1 AND (d.stage <> 'retired' OR d.digest = $2) \
         ORDER BY d.id"
    ));
    let rows = sqlx::query(rows)
        .bind(source)
        .bind(digest.as_bytes().as_slice())
        .fetch_all(tx.connection()?)
        .await?;
    rows.iter().map(deployment).collect()
}

/// The statements of this file are put together of its own constants alone.
fn select(rest: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT {rest}"))
}

fn deployment(row: &Row) -> Result<PolicyDeployment, StoreError> {
    let name: String = row.try_get("name")?;
    let salt: &[u8] = row.try_get("salt")?;
    Ok(PolicyDeployment {
        id: row.try_get("id")?,
        source: row.try_get("source")?,
        version: version_of(&name, row.try_get("version")?)?,
        digest: inbox::digest(WHAT, &name, row.try_get("digest")?)?,
        stage: inbox::stage(WHAT, &name, row.try_get("stage")?)?,
        share: row.try_get::<Option<i64>, _>("share")?.map(share),
        salt: salt.try_into().map_err(|error| sealed::damaged("salt", &name, &error))?,
        origin: inbox::origin(WHAT, &name, row.try_get("origin")?)?,
        published_by: row.try_get("published_by")?,
        published_at: Timestamp::from_micros(row.try_get("first_seen_at")?),
        moved_by: row.try_get("moved_by")?,
        why: row.try_get("why")?,
        served_at: row.try_get::<Option<i64>, _>("served_at")?.map(Timestamp::from_micros),
        updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
        name,
    })
}

/// A share as it is stored, in millionths; as a score, it is exact in decimal.
fn share(millionths: i64) -> f64 {
    let millionths = u32::try_from(millionths).ok().and_then(Score::from_millionths);
    millionths.map_or(0.0, Score::as_f64)
}
