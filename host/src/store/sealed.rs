//! What is personal, as the bytes of a `sealed` column: JSON, compressed, encrypted under the key of its
//! subject (`cipher`). The one door to it: nothing else in the house encrypts or decrypts.
//!
//! A sealed value begins with a byte that says how it is written: [`SEALED`], or [`OPEN`] for what may stay
//! of an erased decision. One without any byte holds nothing any more.

pub(super) mod cipher;

use std::cell::RefCell;
use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;
use zstd::bulk::{Compressor, Decompressor};

use super::StoreError;
use super::subject_key::{KEY_ID_BYTES, SubjectKey};
use cipher::{OVERHEAD_BYTES, Seat};

/// Compressed and in clear: nothing personal is left in it.
const OPEN: u8 = 0;
/// Compressed, then encrypted: the id of the key, and what the cipher wrote.
const SEALED: u8 = 1;

/// The fastest: a decision shrinks to a third, and the second third would cost twice the time.
const LEVEL: i32 = 1;
/// A detector's file is compressed once and kept for years.
const FILE_LEVEL: i32 = 9;
/// Longest content that is unpacked: a row that claims more is damaged.
const CONTENT_BYTES_MAX: u64 = 256 << 20;

thread_local! {
    // Setting up a compressor costs more than compressing a decision with it. The bytes are what it
    // wrote last, so that only what is kept is allocated.
    static PRESS: RefCell<Option<(Compressor<'static>, Vec<u8>)>> = const { RefCell::new(None) };
}

/// A value as JSON, and the same compressed and encrypted for one place.
pub(super) fn seal<T: Serialize>(
    what: &'static str,
    seat: &Seat<'_>,
    key: &SubjectKey,
    value: &T,
) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
    let json = json(what, value)?;
    let sealed = pressed(what, &json, |packed| encrypt(seat, key, packed))??;
    Ok((json, sealed))
}

/// A value of which nothing is personal.
pub(super) fn leave_open<T: Serialize>(
    what: &'static str,
    value: &T,
) -> Result<Vec<u8>, StoreError> {
    pressed(what, &json(what, value)?, |packed| [&[OPEN], packed].concat())
}

/// The value of a `sealed` column; `None` where it was erased and nothing may stay. `key` is the subject's,
/// where it has one.
pub(super) fn open<T: DeserializeOwned>(
    what: &'static str,
    seat: &Seat<'_>,
    key: Option<&SubjectKey>,
    sealed: &[u8],
) -> Result<Option<T>, StoreError> {
    match unsealed(what, seat, key, sealed)? {
        Some(json) => read(what, seat, &json).map(Some),
        None => Ok(None),
    }
}

/// The JSON of a `sealed` column, as it was written.
pub(super) fn unsealed(
    what: &'static str,
    seat: &Seat<'_>,
    key: Option<&SubjectKey>,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let damaged = |error: &dyn Display| damaged(what, seat.row, error);
    match sealed.split_first() {
        None => Ok(None),
        Some((&OPEN, packed)) => unpack(what, seat.row, packed).map(Some),
        Some((&SEALED, rest)) => {
            let packed = decrypt(seat, key, rest).map_err(|error| damaged(&error))?;
            unpack(what, seat.row, &packed).map(Some)
        }
        Some((format, _)) => {
            Err(damaged(&format!("this program does not know its format {format}")))
        }
    }
}

/// The value of such JSON.
pub(super) fn read<T: DeserializeOwned>(
    what: &'static str,
    seat: &Seat<'_>,
    json: &[u8],
) -> Result<T, StoreError> {
    serde_json::from_slice(json).map_err(|error| damaged(what, seat.row, &error))
}

/// Whether a column holds only what may stay of what was sealed.
pub(super) fn is_left_open(sealed: &[u8]) -> bool {
    sealed.first() == Some(&OPEN)
}

/// The same value in the same place under another key.
pub(super) fn reseal(
    what: &'static str,
    seat: &Seat<'_>,
    from: &SubjectKey,
    to: &SubjectKey,
    sealed: &[u8],
) -> Result<Vec<u8>, StoreError> {
    let packed = match sealed.split_first() {
        Some((&SEALED, rest)) => decrypt(seat, Some(from), rest),
        _ => Err("it is not sealed".to_owned()),
    };
    let packed = packed.map_err(|error| damaged(what, seat.row, &error))?;
    encrypt(seat, to, &packed)
}

fn encrypt(seat: &Seat<'_>, key: &SubjectKey, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let mut sealed = Vec::with_capacity(1 + KEY_ID_BYTES + packed.len() + OVERHEAD_BYTES);
    sealed.push(SEALED);
    sealed.extend_from_slice(key.id().as_bytes());
    key.cipher()
        .encrypt(seat, packed, &mut sealed)
        .map_err(|detail| StoreError::Unstorable { what: "what is personal", detail })?;
    Ok(sealed)
}

fn decrypt(
    seat: &Seat<'_>,
    key: Option<&SubjectKey>,
    rest: &[u8],
) -> Result<Zeroizing<Vec<u8>>, String> {
    let (id, encrypted) = rest.split_at_checked(KEY_ID_BYTES).ok_or("it is cut off")?;
    let key = key.filter(|key| key.id().as_bytes() == id);
    let gone = || format!("the key {} that it is under is not the subject's", hex::encode(id));
    key.ok_or_else(gone)?.cipher().decrypt(seat, encrypted)
}

fn json<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Unstorable { what, detail: error.to_string() })
}

/// What `then` makes of the compressed bytes.
fn pressed<R>(
    what: &'static str,
    bytes: &[u8],
    then: impl FnOnce(&[u8]) -> R,
) -> Result<R, StoreError> {
    PRESS
        .with_borrow_mut(|slot| {
            let (compressor, packed) = match slot {
                Some(press) => press,
                None => slot.insert((Compressor::new(LEVEL)?, Vec::new())),
            };
            packed.clear();
            packed.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
            compressor.compress_to_buffer(bytes, packed)?;
            Ok(then(packed))
        })
        .map_err(|error: std::io::Error| StoreError::Unstorable { what, detail: error.to_string() })
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
