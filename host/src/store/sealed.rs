//! What is personal, as the bytes of a `sealed` column: JSON, compressed. Plain for now; whatever
//! encrypts it one day does so here.

use std::cell::RefCell;
use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::bulk::{Compressor, Decompressor};

use super::StoreError;

/// The fastest: a decision shrinks to a third, and the second third would cost twice the time.
const LEVEL: i32 = 1;
/// A detector's file is compressed once and kept for years.
const FILE_LEVEL: i32 = 9;
/// Longest content that is unpacked: a row that claims more is damaged.
const CONTENT_BYTES_MAX: u64 = 256 << 20;

thread_local! {
    // Setting up a compressor costs more than compressing a decision with it.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// A value as JSON, and the same compressed.
pub(super) fn seal<T: Serialize>(
    what: &'static str,
    value: &T,
) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let unstorable =
        |error: &dyn Display| StoreError::Unstorable { what, detail: error.to_string() };
    let json = serde_json::to_vec(value).map_err(|error| unstorable(&error))?;
    let sealed = COMPRESSOR
        .with_borrow_mut(|slot| {
            let compressor = match slot {
                Some(compressor) => compressor,
                None => slot.insert(Compressor::new(LEVEL)?),
            };
            compressor.compress(&json)
        })
        .map_err(|error| unstorable(&error))?;
    Ok((json, sealed))
}

/// The value of a `sealed` column.
pub(super) fn open<T: DeserializeOwned>(
    what: &'static str,
    id: &str,
    sealed: &[u8],
) -> Result<T, StoreError> {
    read(what, id, &unpack(what, id, sealed)?)
}

/// The value of what was unpacked.
pub(super) fn read<T: DeserializeOwned>(
    what: &'static str,
    id: &str,
    json: &[u8],
) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| damaged(what, id, &error))
}

/// A detector's file, compressed well.
pub(super) fn pack(what: &'static str, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(bytes, FILE_LEVEL)
        .map_err(|error| StoreError::Unstorable { what, detail: error.to_string() })
}

/// What was compressed.
pub(super) fn unpack(what: &'static str, id: &str, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let length = match zstd::zstd_safe::get_frame_content_size(packed) {
        Ok(Some(length)) if length <= CONTENT_BYTES_MAX => length,
        _ => return Err(damaged(what, id, &"it does not say how long it is")),
    };
    Decompressor::new()
        .and_then(|mut unpacker| {
            unpacker.decompress(packed, usize::try_from(length).unwrap_or_default())
        })
        .map_err(|error| damaged(what, id, &error))
}

/// A stored value that does not read back.
pub(super) fn damaged(what: &'static str, id: &str, error: &dyn Display) -> StoreError {
    StoreError::Damaged { what, id: id.to_owned(), detail: error.to_string() }
}
