//! The names under which the record keeps subjects and event ids: keyed hashes, so that it can be asked
//! for somebody whose name it does not hold.
//!
//! 128 bits of HMAC-SHA-256. Nobody can choose two names that collide without the key, and by chance a
//! billion names do so once in 10^20 times.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{StoreError, sealed};

/// The keys of both kinds of name.
pub(super) struct Names {
    subjects: Hmac<Sha256>,
    event_ids: Hmac<Sha256>,
}

/// What the record calls a subject, of whichever source: it may be looked for without one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SubjectName([u8; 16]);

/// What the record calls an event id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EventName([u8; 16]);

impl Names {
    pub fn new(host_key: &[u8; 32]) -> Self {
        let keyed = |purpose: &[u8]| {
            let mut mac = Hmac::new_from_slice(host_key).expect("HMAC takes keys of any length");
            mac.update(purpose);
            mac
        };
        Self {
            subjects: keyed(b"picket name of a subject 1\0"),
            event_ids: keyed(b"picket name of an event 1\0"),
        }
    }

    pub fn subject(&self, subject: &str) -> SubjectName {
        SubjectName(hash(&self.subjects, subject))
    }

    pub fn event_id(&self, event_id: &str) -> EventName {
        EventName(hash(&self.event_ids, event_id))
    }
}

fn hash(keyed: &Hmac<Sha256>, text: &str) -> [u8; 16] {
    let mut mac = keyed.clone();
    mac.update(text.as_bytes());
    let hash: [u8; 32] = mac.finalize().into_bytes().into();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    half
}

/// Written and stored as 32 hexadecimal digits.
macro_rules! hexadecimal {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut digits = [0; 32];
                hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hexadecimal!(SubjectName);
hexadecimal!(EventName);

impl SubjectName {
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for SubjectName {
    type Err = String;

    fn from_str(digits: &str) -> Result<Self, String> {
        let mut name = Self([0; 16]);
        hex::decode_to_slice(digits, &mut name.0)
            .map_err(|error| format!("the name of its subject: {error}"))?;
        Ok(name)
    }
}

/// What is left of the name of an event that is gone: its bytes.
pub(super) fn spent_id(event_id: &str) -> Result<Vec<u8>, StoreError> {
    hex::decode(event_id).map_err(|error| sealed::damaged("event", event_id, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_depends_on_the_key_the_kind_and_every_letter() {
        let names = Names::new(&[1; 32]);
        let name = names.subject("user-17").to_string();
        assert_eq!((name.len(), &name), (32, &names.subject("user-17").to_string()));
        for other in [
            Names::new(&[2; 32]).subject("user-17").to_string(),
            names.event_id("user-17").to_string(),
            names.subject("user-18").to_string(),
            names.subject("").to_string(),
        ] {
            assert_ne!(other, name);
        }
        assert_eq!(name.parse(), Ok(names.subject("user-17")));
        assert!("erased-1".parse::<SubjectName>().is_err());
    }
}
