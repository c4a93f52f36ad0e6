//! Versions of detectors: every one that was ever published, with its bytes.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::deployments::Publish;
use super::dialect::{self, Row};
use super::tx::Tx;
use super::{Store, StoreError, alerts, inbox, sealed};
use crate::model::{AuditEntry, Digest, Manifest, Timestamp};

pub(super) const WHAT: &str = "detector";

/// A version of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub digest: Digest,
    pub manifest: Manifest,
    /// Of the file as shipped, in bytes.
    pub size: u64,
    /// The detached signatures as they came with the file.
    pub signature: Option<String>,
    /// Why it may not count: it answered one event in two ways.
    pub impure: Option<String>,
    pub first_seen_at: Timestamp,
}

impl Store {
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
            "SELECT digest, name, manifest, size, signature, impure, first_seen_at \
             FROM detector_versions WHERE name = $1 ORDER BY first_seen_at",
        )
        .bind(name)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(version).collect()
    }

    /// The version of these bytes.
    ///
    /// # Errors
    /// Where the database does not answer or a manifest is damaged.
    pub async fn version(&self, digest: Digest) -> Result<Option<Version>, StoreError> {
        let row = sqlx::query(
            "SELECT digest, name, manifest, size, signature, impure, first_seen_at \
             FROM detector_versions WHERE digest = $1",
        )
        .bind(digest.as_bytes().as_slice())
        .fetch_optional(self.readers())
        .await?;
        row.as_ref().map(version).transpose()
    }

    /// Records that a version answered one event in two ways. Returns whether that is news.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn mark_impure(&self, digest: Digest, why: &str) -> Result<bool, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let marked = sqlx::query(
            "UPDATE detector_versions SET impure = $1 WHERE digest = $2 AND impure IS NULL \
             RETURNING name, version",
        )
        .bind(why)
        .bind(digest.as_bytes().as_slice())
        .fetch_optional(tx.connection()?)
        .await?;
        let Some(row) = marked else {
            tx.roll_back().await;
            return Ok(false);
        };
        let (name, version): (String, String) = (row.try_get("name")?, row.try_get("version")?);
        let alert = format!("{name} {version}");
        alerts::raise(&mut tx, "detector.impure", &alert, why).await?;
        let facts = json!({ "digest": digest, "version": version, "why": why });
        let entry = AuditEntry::new(None, "detector.impure", name, facts);
        tx.commit(Leaves::of(entry)?).await?;
        Ok(true)
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
    pub(super) async fn packed(
        &self,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
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

/// Keeps a version, unless another publisher has just done so. A name and a version are one file
/// for ever. Returns whether its signatures are news.
pub(super) async fn keep(
    tx: &mut Tx,
    publish: &Publish<'_>,
    packed: Option<Vec<u8>>,
) -> Result<bool, StoreError> {
    let Publish { manifest, digest, bytes, signature, .. } = publish;
    let version = manifest.version.to_string();
    let taken: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT digest FROM detector_versions WHERE name = $1 AND version = $2 AND digest <> $3",
    )
    .bind(manifest.name.as_str())
    .bind(version.as_str())
    .bind(digest.as_bytes().as_slice())
    .fetch_optional(tx.connection()?)
    .await?;
    if let Some(taken) = taken {
        let name = manifest.name.clone();
        let digest = inbox::digest(WHAT, &name, &taken)?;
        return Err(StoreError::VersionTaken { name, version, digest });
    }
    if let Some(packed) = packed {
        let manifest = serde_json::to_string(manifest).map_err(|error| StoreError::Unstorable {
            what: "a manifest",
            detail: error.to_string(),
        })?;
        sqlx::query(
            "INSERT INTO detector_versions \
             (digest, name, version, manifest, bytes, size, first_seen_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (digest) DO NOTHING",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(publish.manifest.name.as_str())
        .bind(version)
        .bind(manifest)
        .bind(packed)
        .bind(bytes.len() as i64)
        .bind(Timestamp::now().micros())
        .execute(tx.connection()?)
        .await?;
    }
    let Some(signature) = signature else { return Ok(false) };
    let signed = sqlx::query(
        "UPDATE detector_versions SET signature = $1 \
         WHERE digest = $2 AND signature IS DISTINCT FROM $1",
    )
    .bind(*signature)
    .bind(digest.as_bytes().as_slice())
    .execute(tx.connection()?)
    .await?;
    Ok(signed.rows_affected() > 0)
}

fn version(row: &Row) -> Result<Version, StoreError> {
    let name: &str = row.try_get("name")?;
    Ok(Version {
        digest: inbox::digest(WHAT, name, row.try_get("digest")?)?,
        manifest: manifest(name, row)?,
        size: dialect::unsigned(row, "size")?,
        signature: row.try_get("signature")?,
        impure: row.try_get("impure")?,
        first_seen_at: Timestamp::from_micros(row.try_get("first_seen_at")?),
    })
}

pub(super) fn manifest(name: &str, row: &Row) -> Result<Manifest, StoreError> {
    serde_json::from_str(row.try_get("manifest")?)
        .map_err(|error| sealed::damaged("manifest", name, &error))
}
