//! A proof as a file: that an entry is in the log, as C2SP's tlog-proof has it
//! (<https://c2sp.org/tlog-proof>). Its `extra` line holds the entry itself and, where somebody asked
//! for them, the documents that the entry commits itself to: so whoever has a proof and the key of
//! the log needs nothing else.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use thiserror::Error;

use super::checkpoint::Checkpoint;
use super::note::{NoteError, NoteVerifier};
use super::path::includes;
use super::tree::{Hash, leaf_hash};
use crate::model::Digest;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// That an entry is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Where the entry is, from 0.
    pub index: u64,
    /// From the leaf's neighbour up.
    pub hashes: Vec<Hash>,
    /// The checkpoint, as it was signed.
    pub note: String,
    pub extra: Extra,
}

/// What the proof is about. Nothing of it is believed before it was hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extra {
    /// The entry, as canonical JSON.
    pub entry: String,
    /// By the name of the fact that is the document's digest: the document, with its salt.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub opened: BTreeMap<String, String>,
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    pub checkpoint: Checkpoint,
    pub entry: Json,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProofError {
    #[error("it is no proof: its first line is not {HEADER}")]
    Foreign,
    #[error("the proof is damaged: {0}")]
    Malformed(&'static str),
    #[error("its checkpoint: {0}")]
    Checkpoint(#[from] NoteError),
    #[error("the entry is not in the log at index {index} of {size}")]
    Absent { index: u64, size: u64 },
    #[error("the {0} in the proof is not the one that the entry is about")]
    Opening(String),
}

impl Proof {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        let extra = serde_json::to_vec(&self.extra).expect("texts are plain JSON");
        let mut text =
            format!("{HEADER}\nextra {}\nindex {}\n", STANDARD.encode(extra), self.index);
        for hash in &self.hashes {
            text.push_str(&STANDARD.encode(hash));
            text.push('\n');
        }
        text + "\n" + &self.note
    }

    /// Reads the text of a file; whether it proves anything is not looked at.
    ///
    /// # Errors
    /// What is no proof, and where one is damaged.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or_else(|| not_begun_as_one(text))?;
        let (head, note) =
            rest.split_once("\n\n").ok_or(ProofError::Malformed("it has no checkpoint"))?;
        let mut lines = head.lines();
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.and_then(|base64| STANDARD.decode(base64).ok());
        let extra = extra.and_then(|json| serde_json::from_slice(&json).ok());
        let extra = extra.ok_or(ProofError::Malformed("its line `extra` holds no entry"))?;
        let number = lines.next().and_then(|line| line.strip_prefix("index ")).unwrap_or_default();
        let index = number.parse().ok().filter(|index: &u64| index.to_string() == number);
        let hash = |line: &str| STANDARD.decode(line).ok()?.try_into().ok();
        let hashes: Option<Vec<Hash>> = lines.map(hash).collect();
        Ok(Self {
            index: index.ok_or(ProofError::Malformed("its line `index` holds no number"))?,
            hashes: hashes.ok_or(ProofError::Malformed("a line holds no hash"))?,
            note: note.to_owned(),
            extra,
        })
    }

    /// What it proves to whoever trusts this key.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn check(&self, verifier: &NoteVerifier) -> Result<Proven, ProofError> {
        let checkpoint = Checkpoint::open(&self.note, verifier)?;
        let Extra { entry, opened } = &self.extra;
        let head = &checkpoint.head;
        if !includes(head, self.index, leaf_hash(entry.as_bytes()), &self.hashes) {
            return Err(ProofError::Absent { index: self.index, size: head.size });
        }
        let entry: Json = serde_json::from_str(entry)
            .map_err(|_| ProofError::Malformed("the entry is not JSON"))?;
        for (name, document) in opened {
            if entry["facts"][name] != Digest::of(document.as_bytes()).to_string() {
                return Err(ProofError::Opening(name.clone()));
            }
        }
        Ok(Proven { checkpoint, entry })
    }
}

/// Whether a text that does not begin as a proof was one before somebody changed that, or is something
/// else.
fn not_begun_as_one(text: &str) -> ProofError {
    let mut lines = text.lines();
    let begun = !text.is_empty() && (text.starts_with(HEADER) || HEADER.starts_with(text));
    match begun || lines.any(|line| line.starts_with("extra ") || line.starts_with("index ")) {
        true => ProofError::Malformed("its first line is not that of a proof"),
        false => ProofError::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::NoteSigner;
    use super::super::tree::{Head, root};
    use super::*;

    fn signer() -> NoteSigner {
        NoteSigner::from_seed("log.example/picket", &[7; 32]).unwrap()
    }

    fn proof() -> Proof {
        let document = r#"{"salt":"00","subject":"user-17"}"#;
        let digest = Digest::of(document.as_bytes());
        let entry = format!(r#"{{"facts":{{"document":"{digest}"}},"what":"decision"}}"#);
        let leaves = [leaf_hash(b"a"), leaf_hash(entry.as_bytes())];
        let head = Head { size: 2, root: root(&leaves) };
        Proof {
            index: 1,
            hashes: vec![leaves[0]],
            note: Checkpoint::sign(head, &signer()).note,
            extra: Extra { entry, opened: [("document".into(), document.into())].into() },
        }
    }

    #[test]
    fn a_proof_reads_back_and_proves() {
        let proof = proof();
        let text = proof.to_text();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "));
        assert_eq!(Proof::parse(&text), Ok(proof.clone()));
        let proven = proof.check(signer().verifier()).unwrap();
        assert_eq!(proven.entry["what"], "decision");
        assert_eq!(proven.checkpoint.head.size, 2);
    }

    #[test]
    fn whatever_is_changed_proves_nothing() {
        let verify = |change: &dyn Fn(&mut Proof)| {
            let mut proof = proof();
            change(&mut proof);
            proof.check(signer().verifier()).unwrap_err()
        };
        let absent = |index| ProofError::Absent { index, size: 2 };
        assert_eq!(verify(&|proof| proof.index = 0), absent(0));
        assert_eq!(verify(&|proof| proof.hashes.clear()), absent(1));
        assert_eq!(verify(&|proof| proof.extra.entry.push(' ')), absent(1));
        let opening = ProofError::Opening("document".into());
        let change = |proof: &mut Proof| {
            proof.extra.opened.values_mut().for_each(|document| document.push(' '));
        };
        assert_eq!(verify(&change), opening);
        let other = NoteSigner::from_seed("log.example/picket", &[8; 32]).unwrap();
        let error = proof().check(other.verifier()).unwrap_err();
        assert!(matches!(error, ProofError::Checkpoint(NoteError::Unsigned(_))));
    }

    #[test]
    fn no_bit_of_a_file_can_be_flipped_and_no_end_cut_off() {
        let text = proof().to_text();
        let error = |bytes: &[u8]| {
            let parsed = Proof::parse(&String::from_utf8_lossy(bytes));
            let proven = parsed.and_then(|proof| proof.check(signer().verifier()));
            proven.expect_err("it was changed")
        };
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // It is this proof that was changed, and not another kind of file.
                assert_ne!(error(&bytes), ProofError::Foreign, "bit {bit} of byte {at}");
            }
            let foreign = error(&text.as_bytes()[..at]) == ProofError::Foreign;
            assert_eq!(foreign, at == 0, "{at} bytes");
        }
    }

    #[test]
    fn what_is_no_proof_is_told() {
        let text = proof().to_text();
        for other in ["{}", "log.example/picket\n7\nAAAA\n", "c2sp.org/tlog-tiles"] {
            assert_eq!(Proof::parse(other), Err(ProofError::Foreign), "{other}");
        }
        for (from, to) in [
            ("extra ", "extra *"),
            ("extra ", "more "),
            ("index 1", "index 01"),
            ("\n\n", "\n"),
            ("index 1\n", "index 1\nAAAA\n"),
        ] {
            let text = text.replacen(from, to, 2);
            assert!(matches!(Proof::parse(&text), Err(ProofError::Malformed(_))), "{text}");
        }
    }
}
