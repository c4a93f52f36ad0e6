//! The key of one subject: what everything personal of that subject is sealed with, and how it is kept.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::names::SubjectName;
use super::sealed::cipher::{Cipher, OVERHEAD_BYTES, Seat, Secret, fill, new_secret};

pub(super) const KEY_ID_BYTES: usize = 8;
const WRAPPED_BYTES: usize = 32 + OVERHEAD_BYTES;

/// Tells the keys apart that a subject has had: random, and not zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SubjectKeyId([u8; KEY_ID_BYTES]);

impl SubjectKeyId {
    /// What stands in the place of a key that was erased.
    pub const NONE: Self = Self([0; KEY_ID_BYTES]);
    /// What stands in the place of its bytes.
    pub const WRAPPED_NONE: [u8; WRAPPED_BYTES] = [0; WRAPPED_BYTES];

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As it is stored: 16 hexadecimal digits. `None` where no key is there.
    pub fn read(digits: &str) -> Result<Option<Self>, String> {
        let mut id = Self::NONE;
        hex::decode_to_slice(digits, &mut id.0).map_err(|error| format!("its id: {error}"))?;
        Ok((id != Self::NONE).then_some(id))
    }
}

impl fmt::Display for SubjectKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SubjectKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key, ready to be used.
pub(super) struct SubjectKey {
    pub source: String,
    pub subject: SubjectName,
    id: SubjectKeyId,
    cipher: Cipher,
    /// As it is stored: encrypted under the host's key.
    wrapped: Vec<u8>,
    /// Whether it came from the database, or was offered to it.
    offered: AtomicBool,
}

impl SubjectKey {
    /// A new one, which the database has not seen.
    pub fn new(host: &Cipher, source: &str, subject: SubjectName) -> Result<Self, String> {
        let mut id = SubjectKeyId::NONE;
        while id == SubjectKeyId::NONE {
            fill(&mut id.0)?;
        }
        let secret = new_secret()?;
        let mut wrapped = Vec::with_capacity(WRAPPED_BYTES);
        let row = row(source, subject, id);
        host.encrypt(&seat(&row), secret.as_slice(), &mut wrapped)?;
        let (source, cipher) = (source.to_owned(), Cipher::new(&secret));
        Ok(Self { source, subject, id, cipher, wrapped, offered: AtomicBool::new(false) })
    }

    /// One that is stored.
    pub fn unwrap(
        host: &Cipher,
        source: &str,
        subject: SubjectName,
        id: SubjectKeyId,
        wrapped: &[u8],
    ) -> Result<Self, String> {
        let row = row(source, subject, id);
        let secret = host.decrypt(&seat(&row), wrapped)?;
        let secret = <[u8; 32]>::try_from(secret.as_slice());
        let secret = Secret::new(secret.map_err(|_| "it is not 32 bytes long".to_owned())?);
        Ok(Self {
            source: source.to_owned(),
            subject,
            id,
            cipher: Cipher::new(&secret),
            wrapped: wrapped.to_vec(),
            offered: AtomicBool::new(true),
        })
    }

    pub fn id(&self) -> SubjectKeyId {
        self.id
    }

    pub fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    pub fn wrapped(&self) -> &[u8] {
        &self.wrapped
    }

    /// Whether it is still to be offered to the database, which is then the caller's.
    ///
    /// Invariant: a key is offered once. Were one that was stored and erased offered again, by an event
    /// that waited meanwhile, it would be back.
    pub fn offer(&self) -> bool {
        !self.offered.swap(true, Ordering::Relaxed)
    }
}

impl fmt::Debug for SubjectKey {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKey").field("id", &self.id).finish_non_exhaustive()
    }
}

fn seat(row: &str) -> Seat<'_> {
    Seat { table: "subject_keys", column: "wrapped", row }
}

/// A hexadecimal name has one length, so no two rows are written alike.
fn row(source: &str, subject: SubjectName, id: SubjectKeyId) -> String {
    format!("{id}{subject}{source}")
}

#[cfg(test)]
mod tests {
    use super::super::names::Names;
    use super::*;

    #[test]
    fn a_key_comes_back_for_its_subject_and_host_alone() {
        let host = Cipher::new(&[1; 32].into());
        let names = Names::new(&[1; 32]);
        let (anna, ben) = (names.subject("anna"), names.subject("ben"));
        let key = SubjectKey::new(&host, "market", anna).unwrap();
        assert_eq!(key.wrapped().len(), SubjectKeyId::WRAPPED_NONE.len());
        assert!((key.offer(), key.offer()) == (true, false), "it is offered once");
        let read = |host: &Cipher, source, subject, id| {
            SubjectKey::unwrap(host, source, subject, id, key.wrapped())
        };
        let back = read(&host, "market", anna, key.id()).unwrap();
        assert!(!back.offer(), "it is there already");
        let seat = Seat::of("events", "7");
        let mut sealed = Vec::new();
        key.cipher().encrypt(&seat, b"hello", &mut sealed).unwrap();
        assert_eq!(&**back.cipher().decrypt(&seat, &sealed).unwrap(), b"hello");

        let other = SubjectKey::new(&host, "market", anna).unwrap();
        assert_ne!(other.id(), key.id());
        assert!(read(&host, "other", anna, key.id()).is_err());
        assert!(read(&host, "market", ben, key.id()).is_err());
        assert!(read(&host, "market", anna, other.id()).is_err());
        assert!(read(&Cipher::new(&[2; 32].into()), "market", anna, key.id()).is_err());
    }
}
