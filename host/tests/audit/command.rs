//! The same tamperings as the command has them: in a folder on the disk, with an exit code.

use std::fs;
use std::path::Path;
use std::process::Command;

use picket::audit::{Checkpoint, Head};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::archive::{Archive, head, signer};
use super::tampering::{Expected, KINDS, flip_bit, log};

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

/// Runs `picket audit` with the log's key on files of these names, and returns its exit code and its answer.
fn audit(words: &[&str], files: &[(&str, &[u8])]) -> (Option<i32>, String) {
    let place = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(place.path().join(name), bytes).expect("a file");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.current_dir(place.path()).arg("audit").args(words).arg("--vkey");
    let output = command.arg(signer().verifier().to_string()).output().expect("picket runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into())
}

/// Ways to change a proof, each with what it is called.
type Change = fn(&mut Vec<u8>, &Archive, &mut StdRng);

const CHANGES: [(&str, Change); 8] = [
    ("a bit", |text, _, random| {
        flip_bit(text, random);
    }),
    ("a bit of the first line", |text, _, random| {
        flip_bit(&mut text[..23], random);
    }),
    ("the end cut off", |text, _, random| text.truncate(random.random_range(1..text.len()))),
    ("a line deleted", |text, _, random| {
        change_lines(text, |lines| {
            lines.remove(random.random_range(0..lines.len()));
        });
    }),
    ("two lines swapped", |text, _, random| {
        // Of these no two are the same; those that sign may come in any order.
        change_lines(text, |lines| lines.swap(random.random_range(0..2), 2));
    }),
    ("a line twice", |text, _, random| {
        change_lines(text, |lines| {
            let hash = random.random_range(0..3);
            lines.insert(hash, lines[hash]);
        });
    }),
    ("another entry", |text, archive, random| {
        let mut proof = archive.prove(random.random_range(0..archive.entries.len()));
        proof.extra.entry.push(' ');
        *text = proof.to_text().into_bytes();
    }),
    ("the checkpoint of another log", |text, archive, _| {
        let mut proof = archive.prove(0);
        let fewer = head(&archive.entries[..archive.entries.len() - 1]);
        proof.note = Checkpoint::sign(fewer, &signer()).note;
        *text = proof.to_text().into_bytes();
    }),
];

fn change_lines(text: &mut Vec<u8>, change: impl FnOnce(&mut Vec<&[u8]>)) {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    change(&mut lines);
    *text = lines.concat();
}

#[test]
fn the_command_finds_every_kind_of_tampering_in_a_proof() {
    let mut random = StdRng::seed_from_u64(4321);
    for round in 0..25 {
        let (archive, _) = log(&mut random, 2);
        let good = archive.prove(random.random_range(0..archive.entries.len())).to_text();
        let (code, said) = audit(&["check", "PROOF"], &[("PROOF", good.as_bytes())]);
        assert!(code == Some(0) && said.starts_with("intact"), "round {round}: {said}");
        for (name, change) in CHANGES {
            let mut changed = good.clone().into_bytes();
            change(&mut changed, &archive, &mut random);
            let (code, said) = audit(&["check", "PROOF"], &[("PROOF", &changed)]);
            let found = code == Some(1) && said.starts_with("tampered");
            assert!(found, "round {round}, {name}: {code:?}, {said}");
        }
    }
    // What never was a proof is none that was tampered with.
    for other in ["", "hello\n", "\u{fffd}"] {
        assert_eq!(
            audit(&["check", "PROOF"], &[("PROOF", other.as_bytes())]).0,
            Some(2),
            "{other}"
        );
    }
}

#[test]
fn a_checkpoint_that_was_kept_and_changed_is_no_beginning_of_anything() {
    let mut random = StdRng::seed_from_u64(8642);
    let (archive, _) = log(&mut random, 9);
    let same = |note: &[u8]| {
        audit(&["consistency", "old", "new"], &[("old", note), ("new", &archive.note)])
    };
    assert_eq!(same(&archive.note).0, Some(0));
    for _ in 0..60 {
        let mut changed = archive.note.clone();
        flip_bit(&mut changed, &mut random);
        let (code, said) = same(&changed);
        assert!(code == Some(1) && said.starts_with("tampered"), "{code:?}, {said}");
    }
    assert_eq!(same(b"hello").0, Some(2));
    // As an anchor it holds nothing, and nobody is blamed for that.
    let mut anchor = archive.note.clone();
    anchor[3] ^= 0x80;
    let words = ["verify", ".", "--anchor", "anchor"];
    let (code, said) = audit(&words, &[("anchor", &anchor), ("checkpoint", &archive.note)]);
    assert!(code == Some(2) && said.contains("the anchor anchor"), "{code:?}, {said}");
}
