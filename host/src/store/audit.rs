//! The audit log: what was done, by whom, in order. Entries are appended by [`super::tx::Tx`] alone.
//! A leaf is the entry as canonical JSON (RFC 8785), its hash as in RFC 6962, section 2.1.

use serde_json::Value as Json;
use sqlx::{Arguments as _, Row as _};

use super::dialect::{self, Connection};
use super::rows::Insert;
use super::{PAGE_ROWS_MAX, Store, StoreError, sealed};
use crate::audit::leaf_hash;
use crate::model::{AuditEntry, Timestamp};

static INSERT: Insert =
    Insert::new("INSERT INTO audit (seq, at, actor, role, what, object, leaf_hash, leaf)", 8, "");

/// A line of the log as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub seq: u64,
    pub at: Timestamp,
    pub actor: String,
    pub role: String,
    pub what: String,
    pub object: String,
    pub facts: Json,
    pub leaf_hash: [u8; 32],
    /// What was hashed.
    pub leaf: Vec<u8>,
}

/// An entry, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    at: i64,
    actor: String,
    role: String,
    what: String,
    object: String,
    hash: [u8; 32],
    bytes: Vec<u8>,
}

impl Leaf {
    pub fn of(entry: AuditEntry) -> Result<Self, StoreError> {
        let bytes = serde_json_canonicalizer::to_vec(&entry).map_err(|error| {
            StoreError::Unstorable { what: "an audit entry", detail: error.to_string() }
        })?;
        let hash = leaf_hash(&bytes);
        let AuditEntry { at, actor, role, what, object, .. } = entry;
        Ok(Self { at: at.micros(), actor, role, what, object, hash, bytes })
    }
}

/// At least one leaf.
#[derive(Debug)]
pub(super) struct Leaves(Vec<Leaf>);

impl Leaves {
    pub fn of(entry: AuditEntry) -> Result<Self, StoreError> {
        Leaf::of(entry).map(|leaf| Self(vec![leaf]))
    }

    /// `None` where there are none.
    pub fn from_vec(leaves: Vec<Leaf>) -> Option<Self> {
        (!leaves.is_empty()).then_some(Self(leaves))
    }
}

/// Appends leaves. The number of the last entry is read here, last in its transaction: where
/// writers are many, this is what they wait for each other at.
pub(super) async fn append(connection: &mut Connection, leaves: &Leaves) -> Result<(), StoreError> {
    let head: i64 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM audit")
        .fetch_one(&mut *connection)
        .await?;
    let numbered: Vec<(i64, &Leaf)> = (head + 1..).zip(&leaves.0).collect();
    INSERT
        .run(connection, &numbered, |arguments, (seq, leaf)| {
            arguments.add(*seq)?;
            arguments.add(leaf.at)?;
            arguments.add(leaf.actor.as_str())?;
            arguments.add(leaf.role.as_str())?;
            arguments.add(leaf.what.as_str())?;
            arguments.add(leaf.object.as_str())?;
            arguments.add(leaf.hash.as_slice())?;
            arguments.add(leaf.bytes.as_slice())
        })
        .await?;
    Ok(())
}

impl Store {
    /// Entries after this number, oldest first; 0 for the beginning.
    pub async fn audit_entries(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let rows = sqlx::query(
            "SELECT seq, at, actor, role, what, object, leaf_hash, leaf FROM audit \
             WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(limit as i64)
        .fetch_all(self.readers())
        .await?;
        rows.iter().map(row).collect()
    }
}

fn row(row: &dialect::Row) -> Result<AuditRow, StoreError> {
    let seq = dialect::unsigned(row, "seq")?;
    let leaf: Vec<u8> = row.try_get("leaf")?;
    let damaged =
        |error: &dyn std::fmt::Display| sealed::damaged("audit entry", &seq.to_string(), error);
    let mut entry: Json = serde_json::from_slice(&leaf).map_err(|error| damaged(&error))?;
    let hash: &[u8] = row.try_get("leaf_hash")?;
    Ok(AuditRow {
        seq,
        at: Timestamp::from_micros(row.try_get("at")?),
        actor: row.try_get("actor")?,
        role: row.try_get("role")?,
        what: row.try_get("what")?,
        object: row.try_get("object")?,
        facts: entry["facts"].take(),
        leaf_hash: hash.try_into().map_err(|error| damaged(&error))?,
        leaf,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_canonical() {
        let mut entry = AuditEntry::new(None, "w", "o", serde_json::json!({"b": 1.0, "a": "é"}));
        entry.at = Timestamp::from_micros(0);
        let leaf = Leaf::of(entry).unwrap();
        let text = r#"{"actor":"system","at":"1970-01-01T00:00:00Z","facts":{"a":"é","b":1},"object":"o","role":"system","what":"w"}"#;
        assert_eq!(std::str::from_utf8(&leaf.bytes).unwrap(), text);
    }
}
