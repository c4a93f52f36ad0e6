//! The same tamperings as the command has them: in a folder on the disk, with an exit code.

use std::fs;
use std::path::Path;
use std::process::Command;

use picket::audit::{Checkpoint, Head};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::archive::{Archive, signer};
use super::tampering::{Expected, KINDS, log};

/// Of each kind: a process each, so fewer than the ten thousand.
const ROUNDS: usize = 12;

/// Writes an export.
fn write(folder: &Path, archive: &Archive) {
    for (tile, bytes) in &archive.files {
        let path = folder.join(tile.to_string());
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    fs::write(folder.join("checkpoint"), &archive.note).expect("a file");
}

/// What the command says of a log, with these anchors.
fn verify(archive: &Archive, anchors: &[Head]) -> (Option<i32>, serde_json::Value) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let folder = place.path().join("log");
    write(&folder, archive);
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.current_dir(place.path()).args(["audit", "verify", "log", "--json", "--vkey"]);
    command.arg(signer().verifier().to_string());
    for (number, anchor) in anchors.iter().enumerate() {
        let file = format!("anchor-{number}");
        fs::write(place.path().join(&file), Checkpoint::sign(*anchor, &signer()).note)
            .expect("a file");
        command.args(["--anchor", &file]);
    }
    let output = command.output().expect("picket runs");
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|_| panic!("{output:?}")))
}

#[test]
fn the_command_finds_every_kind_of_tampering_in_an_export() {
    let mut random = StdRng::seed_from_u64(1234);
    for round in 0..ROUNDS {
        let (archive, anchors) = log(&mut random, 2);
        let (code, said) = verify(&archive, &anchors);
        assert_eq!((code, &said["result"]), (Some(0), &"intact".into()), "round {round}: {said}");
        for (name, tamper) in KINDS {
            let mut tampered = archive.clone();
            let expected = tamper(&mut tampered, &anchors, &mut random);
            let (code, said) = verify(&tampered, &anchors);
            assert_eq!((code, &said["result"]), (Some(1), &"tampered".into()), "{name}: {said}");
            let (first, last) = (said["first_bad"].as_u64(), said["last_possible"].as_u64());
            let found = match expected {
                Expected::At(index) => (first, last) == (Some(index as u64), Some(index as u64)),
                Expected::Near(index) => {
                    first.is_some_and(|first| first <= index as u64)
                        && last.is_some_and(|last| last >= index as u64)
                }
                Expected::Forged => first.is_none(),
            };
            assert!(found, "round {round}, {name}: {expected:?}, {said}");
        }
    }
}
