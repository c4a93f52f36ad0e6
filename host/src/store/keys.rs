//! API keys, as hashes.

use serde::Serialize;
use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::dialect::Row;
use super::salt::Salt;
use super::{Store, StoreError, sealed};
use crate::model::{AuditEntry, Digest, Identity, KeyId, Role, Timestamp};

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub identity: Identity,
    pub created_at: Timestamp,
    /// `None` while the key is good.
    pub revoked_at: Option<Timestamp>,
}

/// What the audit log says of a key's name, which may be that of a person, is the digest of this.
#[derive(Serialize)]
struct NameDocument<'a> {
    salt: Salt,
    name: &'a str,
}

fn name_document(salt: Salt, name: &str) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(&NameDocument { salt, name }).map_err(|error| StoreError::Unstorable {
        what: "the name of a key",
        detail: error.to_string(),
    })
}

impl Store {
    /// Records a new key by its hash. `who` made it; `None` for the command line.
    ///
    /// # Errors
    /// [`StoreError::Refused`] where the hash is there already.
    pub async fn create_key(
        &self,
        role: Role,
        source: Option<&str>,
        name: &str,
        hash: &[u8; 32],
        who: Option<&Identity>,
    ) -> Result<Identity, StoreError> {
        let (key, salt) = (KeyId::new(), Salt::random()?);
        let mut tx = self.inner.writer.begin().await?;
        sqlx::query(
            "INSERT INTO keys (id, role, source, name, hash, created_at, revoked_at, salt) \
             VALUES ($1, $2, $3, $4, $5, $6, NULL, $7)",
        )
        .bind(key.to_string())
        .bind(role.as_str())
        .bind(source)
        .bind(name)
        .bind(hash.as_slice())
        .bind(Timestamp::now().micros())
        .bind(salt.as_bytes())
        .execute(tx.connection()?)
        .await?;
        let name_digest = Digest::of(&name_document(salt, name)?);
        let facts = json!({ "role": role, "source": source, "name": name_digest });
        let entry = AuditEntry::new(who, "key.created", key.to_string(), facts);
        tx.commit(Leaves::of(entry)?).await?;
        let source = source.map(str::to_owned);
        Ok(Identity { key, role, source, name: name.to_owned() })
    }

    /// Whose key has this hash, unless it is revoked.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn identity(&self, hash: &[u8; 32]) -> Result<Option<Identity>, StoreError> {
        let row = sqlx::query(
            "SELECT id, role, source, name FROM keys WHERE hash = $1 AND revoked_at IS NULL",
        )
        .bind(hash.as_slice())
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| identity(&row)).transpose()
    }

    /// Every key, oldest first, revoked ones included.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, role, source, name, created_at, revoked_at FROM keys ORDER BY id",
        )
        .fetch_all(self.readers())
        .await?;
        rows.iter()
            .map(|row| {
                let revoked_at: Option<i64> = row.try_get("revoked_at")?;
                Ok(KeyRow {
                    identity: identity(row)?,
                    created_at: Timestamp::from_micros(row.try_get("created_at")?),
                    revoked_at: revoked_at.map(Timestamp::from_micros),
                })
            })
            .collect()
    }

    /// Revokes a key. One that is revoked stays so.
    ///
    /// # Errors
    /// [`StoreError::Absence`] where there is no such key.
    pub async fn revoke_key(&self, id: KeyId, who: Option<&Identity>) -> Result<(), StoreError> {
        let id = id.to_string();
        let mut tx = self.inner.writer.begin().await?;
        let revoked_at: Option<Option<i64>> =
            sqlx::query_scalar("SELECT revoked_at FROM keys WHERE id = $1")
                .bind(id.as_str())
                .fetch_optional(tx.connection()?)
                .await?;
        match revoked_at {
            None => return Err(StoreError::Absence { what: "key", id }),
            Some(Some(_)) => {
                tx.roll_back().await;
                return Ok(());
            }
            Some(None) => {}
        }
        sqlx::query("UPDATE keys SET revoked_at = $1 WHERE id = $2")
            .bind(Timestamp::now().micros())
            .bind(id.as_str())
            .execute(tx.connection()?)
            .await?;
        tx.commit(Leaves::of(AuditEntry::new(who, "key.revoked", id, json!({})))?).await
    }

    /// The document behind what the audit log says of a key's name; `None` where there is none.
    pub(super) async fn key_name_document(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let row = sqlx::query("SELECT name, salt FROM keys WHERE id = $1 AND salt IS NOT NULL")
            .bind(id)
            .fetch_optional(self.readers())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let salt = Salt::from_bytes(row.try_get("salt")?)
            .map_err(|error| sealed::damaged("key", id, &error))?;
        name_document(salt, row.try_get("name")?).map(Some)
    }
}

fn identity(row: &Row) -> Result<Identity, StoreError> {
    let id: &str = row.try_get("id")?;
    let role: &str = row.try_get("role")?;
    let damaged = |error: String| sealed::damaged("key", id, &error);
    Ok(Identity {
        key: id.parse().map_err(damaged)?,
        role: role.parse().map_err(damaged)?,
        source: row.try_get("source")?,
        name: row.try_get("name")?,
    })
}
