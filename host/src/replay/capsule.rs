//! A decision with all that it takes to make it again, in one file: a capsule needs no server and no
//! database.
//!
//! # Format, version 2
//! A tar archive (POSIX.1-2017 `ustar`) compressed as zstd (RFC 8878), so that everybody has the tools
//! to look inside. The files, in this order:
//!
//! | name | holds |
//! |---|---|
//! | `capsule.json` | `{"format": "picket capsule", "version": 2, "made_by", "decision", "files": [{"name", "bytes", "digest"}]}`: every other file, in order |
//! | `decision.json` | the document of the record, byte for byte: `{"salt", "decision", "replay", "event"}`, the last being the digest of the next file. The audit log says its digest |
//! | `event.json` | the event of the record with its `salt`, byte for byte |
//! | `policy.toml` | the policy's text, whose digest `decision.policy` names |
//! | `detectors/<hex>.wasm` | each detector that the findings name by this digest, as it was shipped |
//! | `settings/<hex>.json` | settings that the findings name by this digest, as canonical JSON (RFC 8785) |
//! | `earlier/<decision>.json` | each earlier event of which a detector was told, by its decision: the event of the record with its `salt`, byte for byte. The decision says its digest |
//! | `proof.txt` | that the audit log has the decision, as a <https://c2sp.org/tlog-proof>: its entry says the digests of the first two files |
//!
//! A capsule without earlier events is one of version 1, which earlier releases read as well.
//!
//! What the record did not have when the capsule was made is left out, and is missing in a replay. Every
//! digest is SHA-256. The same decision gives the same bytes but for its proof, which is of the log as it
//! is then: times, owners and modes are constants.
//!
//! A capsule holds the event, so it is as personal as that.

mod logged;
mod open;
mod read;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{DecisionId, Digest};
use crate::runtime::RuntimeError;

/// What a capsule holds. The digests of detectors and settings are those of their bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Capsule {
    pub id: DecisionId,
    /// As it is in the record.
    pub document: Vec<u8>,
    /// As it is in the record.
    pub event: Vec<u8>,
    pub policy: Option<String>,
    pub detectors: BTreeMap<Digest, Vec<u8>>,
    pub settings: BTreeMap<Digest, String>,
    /// Events of which detectors were told, by their decisions; as they are in the record.
    pub earlier: BTreeMap<DecisionId, Vec<u8>>,
    /// That it was logged.
    pub proof: Option<String>,
}

/// Why a file is no capsule, or one that cannot be opened here.
#[derive(Debug, Error)]
pub enum CapsuleError {
    #[error("it is no capsule: {0}")]
    Not(String),
    #[error(
        "it is a capsule of version {0}, and this program reads version {VERSION}: use a later release"
    )]
    Version(u32),
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it is larger than a capsule may be: {0}")]
    TooLarge(String),
    #[error("it cannot be written: {0}")]
    Unwritten(std::io::Error),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

const FORMAT: &str = "picket capsule";
const VERSION: u32 = 2;
const VERSION_WITHOUT_EARLIER: u32 = 1;

const HEAD: &str = "capsule.json";
const DOCUMENT: &str = "decision.json";
const EVENT: &str = "event.json";
const POLICY: &str = "policy.toml";
const PROOF: &str = "proof.txt";

/// The first file: what the others are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    /// The release that made it, for people.
    made_by: String,
    decision: DecisionId,
    files: Vec<Listed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    digest: Digest,
}

fn detector_name(digest: &Digest) -> String {
    format!("detectors/{}.wasm", hex::encode(digest.as_bytes()))
}

fn settings_name(digest: &Digest) -> String {
    format!("settings/{}.json", hex::encode(digest.as_bytes()))
}

fn earlier_name(decision: DecisionId) -> String {
    format!("earlier/{decision}.json")
}

/// Of which decision a file is the event.
fn earlier_of(name: &str) -> Option<DecisionId> {
    let id: DecisionId = name.strip_prefix("earlier/")?.strip_suffix(".json")?.parse().ok()?;
    // Written in one way alone.
    (earlier_name(id) == name).then_some(id)
}
