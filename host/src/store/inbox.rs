//! The inbox: what was last taken from each file of the folders. The store is the truth, and a
//! folder is one way into it; this is how the others are told apart from it.

use std::fmt;
use std::str::FromStr;

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::tx::Tx;
use super::{Store, StoreError, sealed};
use crate::model::{AuditEntry, Digest, Identity, Stage, Timestamp};

/// How a detector or a policy came to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// It is part of the program.
    Bundle,
    /// From this file, named as in the inbox: removing it retires what came from it.
    Folder(String),
    /// Through the HTTP API.
    Api,
}

impl Origin {
    /// The file that it came from.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Folder(file) => Some(file),
            Self::Bundle | Self::Api => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle => f.write_str("bundle"),
            Self::Folder(file) => write!(f, "folder:{file}"),
            Self::Api => f.write_str("api"),
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("folder:")) {
            ("bundle", _) => Ok(Self::Bundle),
            ("api", _) => Ok(Self::Api),
            (_, Some(file)) => Ok(Self::Folder(file.to_owned())),
            _ => Err(format!("`{text}` is not an origin: bundle, folder:<file> or api")),
        }
    }
}

/// Before a detector's name: how what was last sent for it and refused is called in the inbox.
pub const SENT: &str = "api/";

/// The same before a policy's name.
pub const SENT_POLICY: &str = "api/policies/";

/// Refusals that are kept of files of the folders, and as many of what was sent; the oldest go first.
/// All of them are in the audit log for ever.
const REFUSALS_MAX: i64 = 1_000;

/// What was last taken from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    /// As the caller named it; names of detectors' and policies' files must differ.
    pub file: String,
    /// `None` where the file could not be read.
    pub digest: Option<Digest>,
    /// Why it was refused; `None` where it was taken.
    pub error: Option<String>,
    pub seen_at: Timestamp,
}

impl Store {
    /// What was last taken from each file, by name.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn inbox(&self) -> Result<Vec<InboxRow>, StoreError> {
        let rows = sqlx::query("SELECT file, digest, error, seen_at FROM inbox ORDER BY file")
            .fetch_all(self.readers())
            .await?;
        rows.iter()
            .map(|row| {
                let file: String = row.try_get("file")?;
                let bytes: Option<&[u8]> = row.try_get("digest")?;
                Ok(InboxRow {
                    digest: bytes.map(|bytes| digest("inbox row", &file, bytes)).transpose()?,
                    error: row.try_get("error")?,
                    seen_at: Timestamp::from_micros(row.try_get("seen_at")?),
                    file,
                })
            })
            .collect()
    }

    /// Records that a file of a detector was not taken, and why. Returns whether that is news.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refuse_detector(
        &self,
        file: &str,
        digest: Option<Digest>,
        error: &str,
    ) -> Result<bool, StoreError> {
        self.refuse("detector.refused", file, digest, error, None).await
    }

    /// Records that what somebody sent for a detector was not taken, and why. Returns whether that is
    /// news.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refuse_upload(
        &self,
        file: &str,
        digest: Digest,
        error: &str,
        who: &Identity,
    ) -> Result<bool, StoreError> {
        self.refuse("detector.refused", file, Some(digest), error, Some(who)).await
    }

    /// Records that a file of a policy was not taken, and why. Returns whether that is news.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refuse_policy(
        &self,
        file: &str,
        digest: Option<Digest>,
        error: &str,
    ) -> Result<bool, StoreError> {
        self.refuse("policy.refused", file, digest, error, None).await
    }

    /// Records that a policy that somebody sent was not taken, and why. Returns whether that is news.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn refuse_sent_policy(
        &self,
        file: &str,
        digest: Digest,
        error: &str,
        who: &Identity,
    ) -> Result<bool, StoreError> {
        self.refuse("policy.refused", file, Some(digest), error, Some(who)).await
    }

    /// Drops a file that is gone from the inbox. Returns whether it was there. What came from it is
    /// retired by [`Store::retire_detector`] or [`Store::retire_policies`], which do this as well.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn forget_file(&self, file: &str) -> Result<bool, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        if !forget(&mut tx, file).await? {
            tx.roll_back().await;
            return Ok(false);
        }
        let entry = AuditEntry::new(None, "inbox.forgotten", file, json!({}));
        tx.commit(Leaves::of(entry)?).await?;
        Ok(true)
    }

    async fn refuse(
        &self,
        what: &str,
        file: &str,
        digest: Option<Digest>,
        error: &str,
        who: Option<&Identity>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        if !take(&mut tx, file, digest, Some(error)).await? {
            tx.roll_back().await;
            return Ok(false);
        }
        let facts = json!({ "digest": digest, "error": error });
        tx.commit(Leaves::of(AuditEntry::new(who, what, file, facts))?).await?;
        Ok(true)
    }
}

/// Records what was taken from a file, or why not. Returns whether that is news.
pub(super) async fn take(
    tx: &mut Tx,
    file: &str,
    digest: Option<Digest>,
    error: Option<&str>,
) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "INSERT INTO inbox (file, digest, error, seen_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (file) DO UPDATE SET digest = excluded.digest, error = excluded.error, \
         seen_at = excluded.seen_at \
         WHERE inbox.digest IS DISTINCT FROM excluded.digest \
         OR inbox.error IS DISTINCT FROM excluded.error",
    )
    .bind(file)
    .bind(digest.map(|digest| digest.as_bytes().to_vec()))
    .bind(error)
    .bind(Timestamp::now().micros())
    .execute(tx.connection()?)
    .await?;
    if error.is_some() {
        trim(tx, file.starts_with(SENT)).await?;
    }
    Ok(changed.rows_affected() > 0)
}

/// Makes room among the refusals: whoever sends many pushes out none of the folders.
async fn trim(tx: &mut Tx, sent: bool) -> Result<(), StoreError> {
    sqlx::query(match sent {
        true => {
            "DELETE FROM inbox WHERE file IN (SELECT file FROM inbox WHERE error IS NOT NULL \
             AND file LIKE 'api/%' ORDER BY seen_at DESC, file LIMIT $1 OFFSET $2)"
        }
        false => {
            "DELETE FROM inbox WHERE file IN (SELECT file FROM inbox WHERE error IS NOT NULL \
             AND file NOT LIKE 'api/%' ORDER BY seen_at DESC, file LIMIT $1 OFFSET $2)"
        }
    })
    .bind(REFUSALS_MAX)
    .bind(REFUSALS_MAX)
    .execute(tx.connection()?)
    .await?;
    Ok(())
}

/// Drops a file. Returns whether it was there.
pub(super) async fn forget(tx: &mut Tx, file: &str) -> Result<bool, StoreError> {
    let gone = sqlx::query("DELETE FROM inbox WHERE file = $1")
        .bind(file)
        .execute(tx.connection()?)
        .await?;
    Ok(gone.rows_affected() > 0)
}

/// A digest as it is stored.
pub(super) fn digest(what: &'static str, id: &str, bytes: &[u8]) -> Result<Digest, StoreError> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|error| sealed::damaged(what, id, &error))?;
    Ok(Digest::from(bytes))
}

/// An origin as it is stored.
pub(super) fn origin(what: &'static str, id: &str, text: &str) -> Result<Origin, StoreError> {
    text.parse().map_err(|error: String| sealed::damaged(what, id, &error))
}

/// A stage as it is stored.
pub(super) fn stage(what: &'static str, id: &str, text: &str) -> Result<Stage, StoreError> {
    serde_json::from_value(text.into()).map_err(|error| sealed::damaged(what, id, &error))
}
