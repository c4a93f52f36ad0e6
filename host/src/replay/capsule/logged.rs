//! What the audit log says of a decision, by the proof in its capsule: that it is this very one.

use serde_json::Value as Json;

use super::super::{Difference, Lack, Missing, Replay};
use super::{Capsule, CapsuleError, PROOF};
use crate::audit::{NoteVerifier, Proof};
use crate::model::Digest;

/// Adds what the proof tells, to whoever trusts this key of the log.
///
/// # Errors
/// Where the proof is none.
pub(super) fn compare(
    capsule: &Capsule,
    log: Option<&NoteVerifier>,
    mut replay: Replay,
) -> Result<Replay, CapsuleError> {
    let Some(text) = &capsule.proof else {
        let why = "the capsule has no proof that the decision was logged";
        match log {
            Some(_) => {
                let detail = format!("{why}: export it again, or see `picket audit prove`");
                replay.missing.push(Missing::new(Lack::Proof, detail));
            }
            None => replay.notes.push(why.to_owned()),
        }
        return Ok(replay.concluded());
    };
    let damaged =
        |error: &dyn std::fmt::Display| CapsuleError::Damaged(format!("{PROOF}: {error}"));
    let proof = Proof::parse(text).map_err(|error| damaged(&error))?;
    let entry: Json = serde_json::from_str(&proof.extra.entry).map_err(|error| damaged(&error))?;
    for (field, logged, is) in [
        ("what", &entry["what"], "decision".to_owned()),
        ("object", &entry["object"], capsule.id.to_string()),
        ("document", &entry["facts"]["document"], Digest::of(&capsule.document).to_string()),
        ("event", &entry["facts"]["event"], Digest::of(&capsule.event).to_string()),
    ] {
        if *logged != is {
            let (path, was) = (format!("/logged/{field}"), logged.clone());
            replay.differences.push(Difference { path, was, is: is.into() });
        }
    }
    let name = proof.note.lines().next().unwrap_or_default();
    let place = format!("entry {} of {name}", u128::from(proof.index) + 1);
    match log.map(|log| proof.check(log)) {
        None => replay.notes.push(format!("the proof says {place}: give --vkey to check that")),
        Some(Ok(_)) => replay.notes.push(format!("proved to be {place}")),
        Some(Err(error)) => replay.differences.push(Difference {
            path: "/logged".to_owned(),
            was: place.into(),
            is: error.to_string().into(),
        }),
    }
    Ok(replay.concluded())
}
