//! Detectors: every version that was ever published, and which of them serve which source.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use sqlx::Row as _;

use super::audit::Leaves;
use super::dialect::{self, Row};
use super::inbox::{self, Origin};
use super::tx::Tx;
use super::{Store, StoreError, next_generation, sealed};
use crate::model::{AuditEntry, Digest, Identity, Manifest, Stage, Timestamp};

const WHAT: &str = "detector";

/// A detector to publish.
#[derive(Debug, Clone)]
pub struct Publish<'a> {
    pub manifest: &'a Manifest,
    /// Of `bytes`.
    pub digest: Digest,
    /// The file as shipped.
    pub bytes: &'a [u8],
    pub settings: &'a Json,
    /// [`super::EVERY_SOURCE`], or one.
    pub source: &'a str,
    pub origin: Origin,
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    pub generation: u64,
    /// Whether anything is different now. Where not, nothing was written.
    pub changed: bool,
}

/// Which version of a detector serves a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    pub source: String,
    pub detector: String,
    pub digest: Digest,
    pub manifest: Manifest,
    pub settings: Json,
    pub stage: Stage,
    pub origin: Origin,
    pub updated_at: Timestamp,
}

/// A version of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub digest: Digest,
    pub manifest: Manifest,
    /// Of the file as shipped, in bytes.
    pub size: u64,
    pub first_seen_at: Timestamp,
}

impl Store {
    /// Keeps a version and makes it the one that serves a source, in one transaction.
    ///
    /// # Errors
    /// Where the digest is not that of the bytes, or the database does not answer.
    pub async fn publish_detector(
        &self,
        publish: &Publish<'_>,
        who: Option<&Identity>,
    ) -> Result<Published, StoreError> {
        let Publish { manifest, digest, bytes, settings, source, origin } = publish;
        let packed = self.packed(*digest, bytes).await?;
        let mut tx = self.inner.writer.begin().await?;
        if let Some(packed) = packed {
            keep(&mut tx, publish, packed).await?;
        }
        let deployed = deploy(&mut tx, publish).await?;
        let taken = match origin.file() {
            Some(file) => inbox::take(&mut tx, file, Some(*digest), None).await?,
            None => false,
        };
        if !deployed && !taken {
            tx.roll_back().await;
            return Ok(Published { generation: self.generation().await?, changed: false });
        }
        let generation = next_generation(&mut tx).await?;
        let facts = json!({
            "digest": digest, "version": manifest.version, "source": source,
            "settings": Digest::of(settings.to_string().as_bytes()),
            "origin": origin.to_string(), "generation": generation,
        });
        let entry = AuditEntry::new(who, "detector.published", manifest.name.as_str(), facts);
        tx.commit(Leaves::of(entry)?).await?;
        Ok(Published { generation, changed: true })
    }

    /// Stops a detector serving a source. With `from`, only where it came from there. Returns the
    /// generation, or `None` where there was nothing to retire.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn retire_detector(
        &self,
        source: &str,
        detector: &str,
        from: Option<&Origin>,
        who: Option<&Identity>,
    ) -> Result<Option<u64>, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let retired = sqlx::query(
            "UPDATE deployments SET stage = $1, updated_at = $2 \
             WHERE source = $3 AND detector = $4 AND stage <> $1 AND origin = coalesce($5, origin)",
        )
        .bind(Stage::Retired.as_str())
        .bind(Timestamp::now().micros())
        .bind(source)
        .bind(detector)
        .bind(from.map(Origin::to_string))
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
            "source": source, "from": from.map(Origin::to_string), "generation": generation,
        });
        tx.commit(Leaves::of(AuditEntry::new(who, "detector.retired", detector, facts))?).await?;
        Ok(Some(generation))
    }

    /// Every deployment, retired ones included, by source and detector.
    ///
    /// # Errors
    /// Where the database does not answer or a manifest is damaged.
    pub async fn deployments(&self) -> Result<Vec<Deployment>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.source, p.detector, p.digest, v.manifest, p.settings, p.stage, p.origin, \
             p.updated_at FROM deployments AS p JOIN detector_versions AS v ON v.digest = p.digest \
             ORDER BY p.source, p.detector",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(deployment).collect()
    }

    /// The file of a version, as it was shipped.
    ///
    /// # Errors
    /// Where the database does not answer, or the bytes are not those of the digest any more.
    pub async fn detector_bytes(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        let packed: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT bytes FROM detector_versions WHERE digest = $1")
                .bind(digest.as_bytes().as_slice())
                .fetch_optional(self.readers())
                .await?;
        let Some(packed) = packed else { return Ok(None) };
        let bytes = sealed::unpack(WHAT, &digest.to_string(), &packed)?;
        match Digest::of(&bytes) == digest {
            true => Ok(Some(bytes)),
            false => {
                Err(sealed::damaged(WHAT, &digest.to_string(), &"its bytes have another digest"))
            }
        }
    }

    /// The versions of a detector, oldest first.
    ///
    /// # Errors
    /// Where the database does not answer or a manifest is damaged.
    pub async fn versions(&self, name: &str) -> Result<Vec<Version>, StoreError> {
        let rows = sqlx::query(
            "SELECT digest, manifest, size, first_seen_at FROM detector_versions \
             WHERE name = $1 ORDER BY first_seen_at",
        )
        .bind(name)
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Version {
                    digest: inbox::digest(WHAT, name, row.try_get("digest")?)?,
                    manifest: manifest(name, row)?,
                    size: dialect::unsigned(row, "size")?,
                    first_seen_at: Timestamp::from_micros(row.try_get("first_seen_at")?),
                })
            })
            .collect()
    }

    /// Every label that a stored manifest names.
    ///
    /// # Errors
    /// Where the database does not answer or a manifest is damaged.
    pub async fn known_labels(&self) -> Result<BTreeSet<String>, StoreError> {
        let rows = sqlx::query("SELECT name, manifest FROM detector_versions")
            .fetch_all(self.readers())
            .await?;
        let mut labels = BTreeSet::new();
        for row in &rows {
            labels.extend(manifest(row.try_get("name")?, row)?.labels);
        }
        Ok(labels)
    }

    /// The bytes to keep, compressed on a thread that may be busy; `None` where they are kept.
    async fn packed(&self, digest: Digest, bytes: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let kept: i64 =
            sqlx::query_scalar("SELECT count(*) FROM detector_versions WHERE digest = $1")
                .bind(digest.as_bytes().as_slice())
                .fetch_one(self.readers())
                .await?;
        if kept > 0 {
            return Ok(None);
        }
        let unstorable = |detail: String| StoreError::Unstorable { what: "a detector", detail };
        let bytes = bytes.to_vec();
        let packing = tokio::task::spawn_blocking(move || match Digest::of(&bytes) == digest {
            true => sealed::pack("a detector", &bytes),
            false => Err(unstorable(format!("its digest is not {digest}"))),
        });
        packing.await.map_err(|error| unstorable(error.to_string()))?.map(Some)
    }
}

/// Keeps a version, unless another publisher has just done so.
async fn keep(tx: &mut Tx, publish: &Publish<'_>, packed: Vec<u8>) -> Result<(), StoreError> {
    let manifest = serde_json::to_string(publish.manifest).map_err(|error| {
        StoreError::Unstorable { what: "a manifest", detail: error.to_string() }
    })?;
    sqlx::query(
        "INSERT INTO detector_versions \
         (digest, name, version, manifest, bytes, size, first_seen_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING",
    )
    .bind(publish.digest.as_bytes().as_slice())
    .bind(publish.manifest.name.as_str())
    .bind(publish.manifest.version.to_string())
    .bind(manifest)
    .bind(packed)
    .bind(publish.bytes.len() as i64)
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

/// Deploys a version. Returns whether that is news.
async fn deploy(tx: &mut Tx, publish: &Publish<'_>) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "INSERT INTO deployments \
         (source, detector, digest, settings, stage, origin, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (source, detector) DO UPDATE SET digest = excluded.digest, \
         settings = excluded.settings, stage = excluded.stage, origin = excluded.origin, \
         updated_at = excluded.updated_at \
         WHERE deployments.digest <> excluded.digest \
         OR deployments.settings <> excluded.settings \
         OR deployments.stage <> excluded.stage OR deployments.origin <> excluded.origin",
    )
    .bind(publish.source)
    .bind(publish.manifest.name.as_str())
    .bind(publish.digest.as_bytes().as_slice())
    .bind(publish.settings.to_string())
    .bind(Stage::Active.as_str())
    .bind(publish.origin.to_string())
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    Ok(changed.rows_affected() > 0)
}

fn deployment(row: &Row) -> Result<Deployment, StoreError> {
    let detector: String = row.try_get("detector")?;
    let settings: &str = row.try_get("settings")?;
    let settings = serde_json::from_str(settings)
        .map_err(|error| sealed::damaged("settings", &detector, &error))?;
    Ok(Deployment {
        source: row.try_get("source")?,
        digest: inbox::digest(WHAT, &detector, row.try_get("digest")?)?,
        manifest: manifest(&detector, row)?,
        settings,
        stage: inbox::stage(WHAT, &detector, row.try_get("stage")?)?,
        origin: inbox::origin(WHAT, &detector, row.try_get("origin")?)?,
        updated_at: Timestamp::from_micros(row.try_get("updated_at")?),
        detector,
    })
}

fn manifest(name: &str, row: &Row) -> Result<Manifest, StoreError> {
    serde_json::from_str(row.try_get("manifest")?)
        .map_err(|error| sealed::damaged("manifest", name, &error))
}
