//! The host key: what the record derives from it, and whether it is the one that the record is under.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use sqlx::Row as _;
use zeroize::Zeroizing;

use super::StoreError;
use super::audit::Leaves;
use super::dialect::Connection;
use super::tx::Writer;
use crate::model::AuditEntry;

/// A key for one purpose.
pub(super) fn derived(host_key: &Zeroizing<[u8; 32]>, purpose: &str) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(&**host_key).expect("HMAC takes keys of any length");
    mac.update(format!("picket {purpose} 1\0").as_bytes());
    mac.finalize().into_bytes().into()
}

/// Refuses a record that is under another key, and writes nothing.
///
/// # Errors
/// [`StoreError::HostKey`] where it is another.
pub(super) async fn look(
    connection: &mut Connection,
    host_key: &Zeroizing<[u8; 32]>,
) -> Result<(), StoreError> {
    match stored(connection).await? {
        Some(stored) if stored != proof_of(host_key) => Err(StoreError::HostKey),
        _ => Ok(()),
    }
}

fn proof_of(host_key: &Zeroizing<[u8; 32]>) -> [u8; 32] {
    derived(host_key, "proof of the host key")
}

/// What the key of a record was proven by; `None` where it is under none yet.
async fn stored(connection: &mut Connection) -> Result<Option<Vec<u8>>, StoreError> {
    let row =
        sqlx::query("SELECT proof FROM host_key WHERE id = 1").fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get("proof")).transpose()?)
}

/// Refuses a record that is under another key. A new record is put under this one.
///
/// # Errors
/// [`StoreError::HostKey`] where it is another.
pub(super) async fn prove(
    writer: &Writer,
    host_key: &Zeroizing<[u8; 32]>,
) -> Result<(), StoreError> {
    let proof = proof_of(host_key);
    let mut tx = writer.begin().await?;
    if let Some(stored) = stored(tx.connection()?).await? {
        tx.roll_back().await;
        return if stored == proof { Ok(()) } else { Err(StoreError::HostKey) };
    }
    sqlx::query("INSERT INTO host_key (id, proof) VALUES (1, $1)")
        .bind(proof.as_slice())
        .execute(tx.connection()?)
        .await?;
    tx.commit(Leaves::of(AuditEntry::new(None, "record.keyed", "record", json!({})))?).await
}
