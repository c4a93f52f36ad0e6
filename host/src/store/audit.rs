//! The audit log: what was done, by whom, in order. Entries are appended by [`super::tx::Tx`] alone,
//! and with them the tree grows. A leaf is the entry as canonical JSON (RFC 8785), its hash as in
//! RFC 6962, section 2.1; how the tree is kept and read is in `tree`.

mod documents;
pub(super) mod tree;

use serde::Deserialize;
use serde_json::Value as Json;
use sqlx::{Arguments as _, Row as _};

use super::dialect::{self, Connection};
use super::rows::Insert;
use super::{PAGE_ROWS_MAX, Store, StoreError, sealed};
use crate::audit::{ENTRY_BYTES_MAX, Hash, leaf_hash};
use crate::model::{AuditEntry, Timestamp};

static INSERT: Insert = Insert::new("INSERT INTO audit (seq, object, leaf_hash, leaf)", 4, "");

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
    pub leaf_hash: Hash,
    /// What was hashed.
    pub leaf: Vec<u8>,
}

/// A line of the log that is there and cannot be read: somebody changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedRow {
    pub seq: u64,
    /// What is wrong with it.
    pub detail: String,
}

/// An entry, ready to be written.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    object: String,
    hash: Hash,
    bytes: Vec<u8>,
}

impl Leaf {
    pub fn of(entry: AuditEntry) -> Result<Self, StoreError> {
        let unstorable = |detail| StoreError::Unstorable { what: "an audit entry", detail };
        let bytes = serde_json_canonicalizer::to_vec(&entry)
            .map_err(|error| unstorable(error.to_string()))?;
        if bytes.len() > ENTRY_BYTES_MAX {
            let length = bytes.len();
            return Err(unstorable(format!(
                "it has {length} bytes; {ENTRY_BYTES_MAX} are allowed"
            )));
        }
        Ok(Self { object: entry.object, hash: leaf_hash(&bytes), bytes })
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

    /// These besides, after the others.
    pub fn extend(&mut self, leaves: Vec<Leaf>) {
        self.0.extend(leaves);
    }
}

/// Appends leaves. The head is read here, last in its transaction: where writers are many, this is
/// what they wait for each other at.
pub(super) async fn append(connection: &mut Connection, leaves: &Leaves) -> Result<(), StoreError> {
    let frontier = tree::frontier(&mut *connection).await?;
    let numbered: Vec<(i64, &Leaf)> =
        (tree::signed(frontier.size())? + 1..).zip(&leaves.0).collect();
    INSERT
        .run(connection, &numbered, |arguments, (seq, leaf)| {
            arguments.add(*seq)?;
            arguments.add(leaf.object.as_str())?;
            arguments.add(leaf.hash.as_slice())?;
            arguments.add(leaf.bytes.as_slice())
        })
        .await?;
    tree::grow(connection, frontier, leaves.0.iter().map(|leaf| leaf.hash)).await
}

impl Store {
    /// Entries after this number, oldest first, of those about one thing where it is named; 0 for the
    /// beginning. What is damaged holds up no other.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn audit_page(
        &self,
        object: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Result<AuditRow, DamagedRow>>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let query = match object {
            None => sqlx::query(
                "SELECT seq, leaf_hash, leaf FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
            )
            .bind(after),
            Some(object) => sqlx::query(
                "SELECT seq, leaf_hash, leaf FROM audit WHERE object = $1 AND seq > $2 \
                 ORDER BY seq LIMIT $3",
            )
            .bind(object)
            .bind(after),
        };
        let limit = limit.clamp(1, PAGE_ROWS_MAX) as i64;
        let rows = query.bind(limit).fetch_all(self.readers()).await?;
        rows.iter().map(row).collect()
    }

    /// Entries after this number, oldest first; 0 for the beginning.
    ///
    /// # Errors
    /// Where the database does not answer, or an entry is damaged.
    pub async fn audit_entries(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.audit_page(None, after, limit).await?.into_iter().map(whole).collect()
    }

    /// The same, of those about one thing.
    ///
    /// # Errors
    /// As [`Store::audit_entries`].
    pub async fn audit_entries_of(
        &self,
        object: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.audit_page(Some(object), after, limit).await?.into_iter().map(whole).collect()
    }
}

/// What was written, which the columns beside it only help to find.
#[derive(Deserialize)]
struct Written {
    at: Timestamp,
    actor: String,
    role: String,
    what: String,
    object: String,
    facts: Json,
}

/// An error is of the database; what is damaged is no error.
fn row(row: &dialect::Row) -> Result<Result<AuditRow, DamagedRow>, StoreError> {
    let seq = dialect::unsigned(row, "seq")?;
    let (leaf, hash): (Vec<u8>, &[u8]) = (row.try_get("leaf")?, row.try_get("leaf_hash")?);
    let damaged = |detail: String| Ok(Err(DamagedRow { seq, detail }));
    let Written { at, actor, role, what, object, facts } = match serde_json::from_slice(&leaf) {
        Ok(written) => written,
        Err(error) => return damaged(error.to_string()),
    };
    let Ok(leaf_hash) = hash.try_into() else {
        return damaged(format!("its hash has {} bytes", hash.len()));
    };
    Ok(Ok(AuditRow { seq, at, actor, role, what, object, facts, leaf_hash, leaf }))
}

fn whole(row: Result<AuditRow, DamagedRow>) -> Result<AuditRow, StoreError> {
    row.map_err(|DamagedRow { seq, detail }| {
        sealed::damaged("audit entry", &seq.to_string(), &detail)
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
