//! Deployments: which version of a detector stands where for a source, and how it got there.

use serde_json::{Value as Json, json};
use sqlx::Row as _;

use super::audit::Leaves;
use super::detectors::{self, WHAT};
use super::dialect::Row;
use super::inbox::{self, Origin};
use super::standing::deploy;
use super::tx::Tx;
use super::{Store, StoreError, next_generation, sealed};
use crate::model::{AuditEntry, Canary, Digest, Identity, Manifest, Stage, Timestamp};

/// A detector to publish.
#[derive(Debug, Clone)]
pub struct Publish<'a> {
    pub manifest: &'a Manifest,
    /// Of `bytes`.
    pub digest: Digest,
    /// The file as shipped.
    pub bytes: &'a [u8],
    pub settings: &'a Json,
    /// The detached signatures that came with it.
    pub signature: Option<&'a str>,
    /// [`super::EVERY_SOURCE`], or one.
    pub source: &'a str,
    pub origin: Origin,
    /// Where it lands: `active` or `shadow`. A version that stands higher already stays there.
    pub stage: Stage,
    /// Whether it may be older than what stands there now.
    pub allow_downgrade: bool,
    /// Why, for the audit log.
    pub why: Option<&'a str>,
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub generation: u64,
    pub deployment: i64,
    /// Where it stands.
    pub stage: Stage,
    /// Whether anything is different now. Where not, nothing was written.
    pub changed: bool,
}

/// A version of a detector with its settings, as it stands for a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    pub id: i64,
    pub source: String,
    pub detector: String,
    pub digest: Digest,
    pub manifest: Manifest,
    pub settings: Json,
    pub stage: Stage,
    /// The stage that a quarantined one had.
    pub before: Option<Stage>,
    pub canary: Option<Canary>,
    /// Settles which subjects are in a canary's share.
    pub salt: [u8; 16],
    pub origin: Origin,
    /// The key that published it; `None`: the program or a folder.
    pub published_by: Option<String>,
    /// Why it was last moved.
    pub why: String,
    /// When it was last made active.
    pub served_at: Option<Timestamp>,
    pub updated_at: Timestamp,
    /// Of its version.
    pub signature: Option<String>,
    /// Of its version: why it may not count.
    pub impure: Option<String>,
}

/// A change of where a version stands.
#[derive(Debug, Clone)]
pub struct Move<'a> {
    pub deployment: i64,
    /// Where it must stand now, so that nobody overtakes another.
    pub from: Stage,
    pub to: Stage,
    /// With `to` a canary.
    pub canary: Option<Canary>,
    /// What the audit log calls it, such as `detector.promoted`.
    pub what: &'a str,
    pub why: &'a str,
    /// Whether somebody should look at it.
    pub alert: bool,
}

const COLUMNS: &str = "p.id, p.source, p.detector, p.digest, v.manifest, v.signature, v.impure, \
    p.settings, p.stage, p.before, p.canary, p.salt, p.origin, p.published_by, p.why, p.served_at, \
    p.updated_at FROM deployments AS p JOIN detector_versions AS v ON v.digest = p.digest";

impl Store {
    /// Keeps a version and puts it where it shall stand for a source, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::VersionTaken`] and [`StoreError::Downgrade`]; where the digest is not that of
    /// the bytes, or the database does not answer.
    pub async fn publish_detector(
        &self,
        publish: &Publish<'_>,
        who: Option<&Identity>,
    ) -> Result<Published, StoreError> {
        let Publish { manifest, digest, settings, source, origin, .. } = publish;
        let packed = self.packed(*digest, publish.bytes).await?;
        let mut tx = self.inner.writer.begin().await?;
        let signed = detectors::keep(&mut tx, publish, packed).await?;
        let rows = of_detector(&mut tx, source, &manifest.name).await?;
        let (row, news) = match deploy(&mut tx, publish, &rows, who).await {
            Ok(deployed) => deployed,
            Err(error) => {
                tx.roll_back().await;
                return Err(error);
            }
        };
        let taken = match origin.file() {
            Some(file) => inbox::take(&mut tx, file, Some(*digest), None).await?,
            None => false,
        };
        let (deployment, stage) = row;
        if !news && !taken && !signed {
            tx.roll_back().await;
            let generation = self.generation().await?;
            return Ok(Published { generation, deployment, stage, changed: false });
        }
        if *origin == Origin::Api {
            inbox::forget(&mut tx, &format!("{}{}", inbox::SENT, manifest.name)).await?;
        }
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": digest, "version": manifest.version, "source": source,
            "settings": Digest::of(settings.to_string().as_bytes()), "stage": stage,
            "origin": origin.to_string(), "why": publish.why, "generation": generation,
        });
        let entry = AuditEntry::new(who, "detector.published", manifest.name.as_str(), facts);
        tx.commit(Leaves::of(entry)?).await?;
        Ok(Published { generation, deployment, stage, changed: true })
    }

    /// Moves a version to another stage; what stood there for the same detector and source is
    /// retired. Returns the generation.
    ///
    /// # Errors
    /// [`StoreError::Moved`] where it does not stand where it should; where there is none of this
    /// id, or the database does not answer.
    pub async fn move_detector(
        &self,
        step: &Move<'_>,
        who: Option<&Identity>,
    ) -> Result<u64, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let moved = step.run(&mut tx, who.is_some()).await;
        let (row, to) = match moved {
            Ok(moved) => moved,
            Err(error) => {
                tx.roll_back().await;
                return Err(error);
            }
        };
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": row.digest, "version": row.manifest.version, "source": row.source,
            "from": step.from, "to": to, "canary": step.canary, "why": step.why,
            "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(who, step.what, row.detector, facts))?).await?;
        Ok(generation)
    }

    /// Stops a detector serving a source, in whatever stages it stands. With `from`, only what came
    /// from there. Returns the generation, or `None` where there was nothing to retire.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn retire_detector(
        &self,
        source: &str,
        detector: &str,
        from: Option<&Origin>,
        why: &str,
        who: Option<&Identity>,
    ) -> Result<Option<u64>, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let retired = sqlx::query(
            "UPDATE deployments SET stage = $1, before = NULL, canary = NULL, updated_at = $2, \
             why = $6 WHERE source = $3 AND detector = $4 AND stage <> $1 \
             AND origin = coalesce($5, origin)",
        )
        .bind(Stage::Retired.as_str())
        .bind(Timestamp::now().micros())
        .bind(source)
        .bind(detector)
        .bind(from.map(Origin::to_string))
        .bind(why)
        .execute(tx.connection()?)
        .await?;
        if retired.rows_affected() == 0 {
            tx.roll_back().await;
            return Ok(None);
        }
        if let Some(file) = from.and_then(Origin::file) {
            inbox::forget(&mut tx, file).await?;
        }
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "source": source, "from": from.map(Origin::to_string), "why": why,
            "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(who, "detector.retired", detector, facts))?).await?;
        Ok(Some(generation))
    }

    /// Every set of settings that a version was deployed with: rows are kept, so those of the past too.
    ///
    /// # Errors
    /// Where the database does not answer or settings are damaged.
    pub async fn settings(&self, detector: &str, digest: Digest) -> Result<Vec<Json>, StoreError> {
        let texts: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT settings FROM deployments WHERE detector = $1 AND digest = $2",
        )
        .bind(detector)
        .bind(digest.as_bytes().as_slice())
        .fetch_all(self.readers())
        .await?;
        let damaged = |error| sealed::damaged("settings", detector, &error);
        texts.iter().map(|text| serde_json::from_str(text).map_err(damaged)).collect()
    }

    /// Every deployment, retired ones included, by source, detector and age.
    ///
    /// # Errors
    /// Where the database does not answer or a manifest is damaged.
    pub async fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        let text = format!("SELECT {COLUMNS} ORDER BY p.source, p.detector, p.id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(self.readers()).await?;
        rows.iter().map(deployment).collect()
    }
}

/// Every row of one detector for one source.
async fn of_detector(
    tx: &mut Tx,
    source: &str,
    detector: &str,
) -> Result<Vec<Deployment>, StoreError> {
    let text = format!("SELECT {COLUMNS} WHERE p.source = $1 AND p.detector = $2 ORDER BY p.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(source)
        .bind(detector)
        .fetch_all(tx.connection()?)
        .await?;
    rows.iter().map(deployment).collect()
}

/// The row of this number.
pub(super) async fn of_id(tx: &mut Tx, id: i64) -> Result<Deployment, StoreError> {
    let text = format!("SELECT {COLUMNS} WHERE p.id = $1");
    let row =
        sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(tx.connection()?).await?;
    let absent = || StoreError::Absence { what: "deployment of a detector", id: id.to_string() };
    deployment(&row.ok_or_else(absent)?)
}

fn deployment(row: &Row) -> Result<Deployment, StoreError> {
    let detector: String = row.try_get("detector")?;
    let settings: &str = row.try_get("settings")?;
    let settings = serde_json::from_str(settings)
        .map_err(|error| sealed::damaged("settings", &detector, &error))?;
    let canary: Option<&str> = row.try_get("canary")?;
    let canary = canary.map(serde_json::from_str).transpose();
    let before: Option<&str> = row.try_get("before")?;
    let salt: &[u8] = row.try_get("salt")?;
    Ok(Deployment {
        id: row.try_get("id")?,
        source: row.try_get("source")?,
        digest: inbox::digest(WHAT, &detector, row.try_get("digest")?)?,
        manifest: detectors::manifest(&detector, row)?,
        settings,
        stage: inbox::stage(WHAT, &detector, row.try_get("stage")?)?,
        before: before.map(|before| inbox::stage(WHAT, &detector, before)).transpose()?,
        canary: canary.map_err(|error| sealed::damaged("canary", &detector, &error))?,
        salt: salt.try_into().map_err(|error| sealed::damaged("salt", &detector, &error))?,
        origin: inbox::origin(WHAT, &detector, row.try_get("origin")?)?,
        published_by: row.try_get("published_by")?,
        why: row.try_get("why")?,
        served_at: row.try_get::<Option<i64>, _>("served_at")?.map(Timestamp::from_micros),
        updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
        signature: row.try_get("signature")?,
        impure: row.try_get("impure")?,
        detector,
    })
}
