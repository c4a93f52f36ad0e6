//! Signed notes, as C2SP's signed-note has them (<https://c2sp.org/signed-note>): a text, an empty
//! line, and signatures. Ed25519 alone; the signatures of others are passed over.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The signature type of Ed25519.
const ED25519: u8 = 1;
/// How a line with a signature begins.
pub(super) const DASH: &str = "\u{2014} ";
/// Longest note that is read, in bytes: there is room for a dozen witnesses, post-quantum ones too.
const NOTE_BYTES_MAX: usize = 64 << 10;

/// A key that signs notes. It is never printed.
pub struct NoteSigner {
    verifier: NoteVerifier,
    key: ed25519_dalek::SigningKey,
}

/// Who signs, as everybody may know: a name, and the public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteVerifier {
    name: String,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoteError {
    #[error("it is no signed note: {0}")]
    Malformed(&'static str),
    #[error("it is not signed by {0}")]
    Unsigned(String),
    #[error("its signature by {0} is not good: the text is not what was signed")]
    Forged(String),
}

impl NoteSigner {
    /// The key that grows from 32 secret bytes.
    ///
    /// # Errors
    /// What a name may not be.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, String> {
        check_name(name)?;
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let verifier = NoteVerifier::new(name, key.verifying_key());
        Ok(Self { verifier, key })
    }

    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// The note with this text, which ends its last line.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signed = STANDARD.encode([&self.verifier.id[..], &signature].concat());
        format!("{text}\n{DASH}{} {signed}\n", self.verifier.name)
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({}, secret)", self.verifier)
    }
}

impl NoteVerifier {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Self {
        let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]);
        let hash: [u8; 32] = hash.chain_update(key.as_bytes()).finalize().into();
        let [a, b, c, d, ..] = hash;
        Self { name: name.to_owned(), id: [a, b, c, d], key }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn public_key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The text of a note that this key signed.
    ///
    /// # Errors
    /// Why it is not believed.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut is_signed = false;
        for line in signatures.lines() {
            let (name, signature) =
                line.strip_prefix(DASH)
                    .and_then(|line| line.split_once(' '))
                    .ok_or(NoteError::Malformed("a line after the text is no signature"))?;
            let bytes = STANDARD
                .decode(signature)
                .map_err(|_| NoteError::Malformed("a signature is not in base64"))?;
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else {
                return Err(NoteError::Malformed("a signature is too short"));
            };
            if (name, id) == (&self.name, &self.id) {
                let good = ed25519_dalek::Signature::from_slice(signature).is_ok_and(|signature| {
                    self.key.verify_strict(text.as_bytes(), &signature).is_ok()
                });
                if !good {
                    return Err(NoteError::Forged(self.to_string()));
                }
                is_signed = true;
            }
        }
        is_signed.then_some(text).ok_or_else(|| NoteError::Unsigned(self.to_string()))
    }
}

/// As C2SP writes a key of a verifier: name, id, and type with public key in base64.
impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519][..], self.key.as_bytes()].concat());
        write!(f, "{}+{}+{key}", self.name, hex::encode(self.id))
    }
}

impl FromStr for NoteVerifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!(
                "is not the key of a log ({what}): write NAME+ID+KEY, as `picket audit key` prints it"
            )
        };
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong("it has not three parts"));
        };
        check_name(name)?;
        let bytes = STANDARD.decode(key).map_err(|_| wrong("its last part is not base64"))?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(wrong("it is not of the type Ed25519"));
        };
        let key = <[u8; 32]>::try_from(key)
            .ok()
            .and_then(|key| ed25519_dalek::VerifyingKey::from_bytes(&key).ok())
            .filter(|key| !key.is_weak())
            .ok_or_else(|| wrong("its last part holds no public key"))?;
        let verifier = Self::new(name, key);
        match hex::encode(verifier.id) == id {
            true => Ok(verifier),
            false => Err(wrong("its id is of another key")),
        }
    }
}

/// What the name of a key may be, and with it the first line of a checkpoint: the dash would make
/// that a signature.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '+' && c != '\u{2014}';
    match !name.is_empty() && name.len() <= 128 && name.chars().all(plain) {
        true => Ok(()),
        false => Err(format!(
            "`{}` cannot name a log: write 1 to 128 bytes without spaces and without +, such as log.example.com/picket",
            name.chars().take(128).filter(|c| !c.is_control()).collect::<String>()
        )),
    }
}

/// The text, with the end of its last line, and the lines with signatures.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Malformed("it is longer than 64 KiB"));
    }
    if note.chars().any(|c| c != '\n' && u32::from(c) < 0x20) {
        return Err(NoteError::Malformed("it holds control characters"));
    }
    let end = note.rfind("\n\n").ok_or(NoteError::Malformed("it has no signature"))?;
    let (text, signatures) = (&note[..=end], &note[end + 2..]);
    match !signatures.is_empty() && signatures.ends_with('\n') {
        true => Ok((text, signatures)),
        false => Err(NoteError::Malformed("its last line is cut off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation of Go's package `note`, which the specification describes.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn signer() -> NoteSigner {
        NoteSigner::from_seed("log.example/picket", &[7; 32]).unwrap()
    }

    #[test]
    fn a_note_that_another_program_signed_is_good() {
        let verifier: NoteVerifier = KEY.parse().unwrap();
        assert_eq!(verifier.to_string(), KEY);
        assert!(verifier.open(NOTE).unwrap().ends_with("problem is.\n"));
        let changed = NOTE.replace("your problem,", "our problem,");
        assert_eq!(verifier.open(&changed), Err(NoteError::Forged(KEY.to_owned())));
        assert!(matches!(signer().verifier().open(NOTE), Err(NoteError::Unsigned(_))));
    }

    #[test]
    fn what_was_signed_is_good_and_others_may_sign_as_well() {
        let note = signer().sign("a text\n\nof two parts\n");
        let verifier: NoteVerifier = signer().verifier().to_string().parse().unwrap();
        assert_eq!(verifier.open(&note), Ok("a text\n\nof two parts\n"));
        let others = format!("{note}\u{2014} witness.example AAAAAAAA\n");
        assert_eq!(verifier.open(&others), Ok("a text\n\nof two parts\n"));
        assert!(!format!("{:?}", signer()).contains("070707"));
    }

    #[test]
    fn what_is_no_note_is_told() {
        let note = signer().sign("a text\n");
        let said = |note: &str| signer().verifier().open(note).map(drop).unwrap_err().to_string();
        for (note, what) in [
            ("", "no signature"),
            ("a text\n", "no signature"),
            ("a text\n\n", "cut off"),
            (&note[..note.len() - 1], "cut off"),
            (&note.replace('x', "\u{1b}"), "control"),
            (&note.replace("\u{2014}", "-"), "no signature"),
            (&format!("{note}\u{2014} a *\n"), "base64"),
            (&format!("{note}\u{2014} a AAAA\n"), "too short"),
            (&"x".repeat(NOTE_BYTES_MAX + 1), "64 KiB"),
        ] {
            assert!(said(note).contains(what), "{what}");
        }
    }

    #[test]
    fn a_key_is_read_strictly() {
        let good = signer().verifier().to_string();
        let id = good.split('+').nth(1).unwrap();
        for text in [
            "",
            "a+b",
            &good.replace(id, "00000000"),
            &good.replace("picket", "other"),
            &good.replace("+Ae", "+Be"),
            &good[..good.len() - 4],
            &format!("{good}AAAA"),
        ] {
            assert!(text.parse::<NoteVerifier>().is_err(), "{text}");
        }
        for name in ["", "a b", "a+b", "a\nb", &"a".repeat(129)] {
            assert!(NoteSigner::from_seed(name, &[7; 32]).is_err(), "{name}");
        }
    }
}
