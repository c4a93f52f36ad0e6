//! Why somebody did something about one person. It may name that person, so it is sealed under the
//! person's key, and goes with it; the audit log, which is never erased, has the salted digest alone.

use serde::{Deserialize, Serialize};

use super::salt::Salt;
use super::sealed::cipher::Seat;
use super::subject_key::SubjectKey;
use super::{StoreError, sealed};
use crate::model::Digest;

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Document {
    salt: Salt,
    why: String,
}

/// The digest for the log, and what is stored.
pub(super) fn seal(
    seat: &Seat<'_>,
    key: &SubjectKey,
    why: &str,
) -> Result<(Digest, Vec<u8>), StoreError> {
    let document = Document { salt: Salt::random()?, why: why.to_owned() };
    let (json, sealed) = sealed::seal("a reason", seat, key, &document)?;
    Ok((Digest::of(&json), sealed))
}

/// The same of why somebody did something that is about nobody.
pub(super) fn leave_open(seat: &Seat<'_>, why: &str) -> Result<(Digest, Vec<u8>), StoreError> {
    let document = Document { salt: Salt::random()?, why: why.to_owned() };
    let left = sealed::leave_open("a reason", &document)?;
    let json = sealed::unsealed("reason", seat, None, &left)?;
    Ok((Digest::of(&json.unwrap_or_default()), left))
}

/// What was said; `None` where it was erased.
pub(super) fn open(
    seat: &Seat<'_>,
    key: Option<&SubjectKey>,
    sealed: &[u8],
) -> Result<Option<String>, StoreError> {
    let document: Option<Document> = sealed::open("reason", seat, key, sealed)?;
    Ok(document.map(|document| document.why))
}

/// The same as it was hashed for the log.
pub(super) fn open_json(
    seat: &Seat<'_>,
    key: Option<&SubjectKey>,
    sealed: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    sealed::unsealed("reason", seat, key, sealed)
}
