//! Ten thousand ways to change a log, each found, and a thousand logs that nobody changed.

use picket::audit::{Checkpoint, Head, Tile, Verdict, bundle};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::archive::{Archive, head, signer};

/// What the auditor has to say.
#[derive(Debug)]
pub enum Expected {
    /// The first bad entry is this one.
    At(usize),
    /// It is one of several, of which this is the first.
    Near(usize),
    /// The checkpoint is not believed.
    Forged,
}

use Expected::{At, Forged, Near};

/// A way to change a log that has these anchors.
pub type Tamper = fn(&mut Archive, &[Head], &mut StdRng) -> Expected;

/// Each with what it is called.
pub const KINDS: [(&str, Tamper); 11] = [
    ("a bit of an entry", flip),
    ("a bit of a bundle, lengths included", flip_file),
    ("an entry deleted from the file", delete_in_file),
    ("an entry deleted, the others moved up", delete),
    ("two entries swapped", swap),
    ("an entry inserted", insert),
    ("the end cut off", truncate),
    ("a bit of a tile of hashes", flip_hash),
    ("everything rewritten but the signature", rewrite),
    ("everything rewritten and signed with the stolen key", resign),
    ("the checkpoint changed", change_checkpoint),
];

#[test]
fn ten_thousand_tamperings_are_found() {
    let mut random = StdRng::seed_from_u64(6962);
    let logs: Vec<(Archive, Vec<Head>)> = (0..40).map(|_| log(&mut random, 2)).collect();
    for round in 0..10_000 {
        let (archive, anchors) = &logs[random.random_range(0..logs.len())];
        let (name, tamper) = KINDS[round % KINDS.len()];
        let mut tampered = archive.clone();
        let expected = tamper(&mut tampered, anchors, &mut random);
        let said = tampered.inspect(anchors);
        let found = match (&said, &expected) {
            (Ok(Verdict::Tampered(fault)), At(index)) => {
                fault.entries == (*index as u64..*index as u64 + 1)
            }
            (Ok(Verdict::Tampered(fault)), Near(index)) => fault.entries.contains(&(*index as u64)),
            (Err(_), Forged) => true,
            _ => false,
        };
        assert!(
            found,
            "round {round}, {name} of {}: {expected:?}, {said:?}",
            archive.entries.len()
        );
    }
}

#[test]
fn a_thousand_clean_logs_raise_no_alarm() {
    let mut random = StdRng::seed_from_u64(9162);
    for round in 0..1_000 {
        let (archive, anchors) = log(&mut random, 0);
        let intact = Verdict::Intact { head: head(&archive.entries), anchors: anchors.len() };
        assert_eq!(archive.inspect(&anchors), Ok(intact), "round {round}");
    }
}

#[test]
fn a_change_is_placed_as_well_as_the_tiles_allow() {
    let archive = Archive::of((0..70_000_u32).map(|n| n.to_be_bytes().to_vec()).collect());
    let anchors: Vec<Head> = [600, 60_000].map(|size| head(&archive.entries[..size])).into();
    let said = |archive: &Archive| match archive.inspect(&anchors) {
        Ok(Verdict::Tampered(fault)) => fault.entries,
        other => panic!("{other:?}"),
    };
    // With its hash, an entry is one of its tile.
    let mut tampered = archive.clone();
    let tile = Tile::parse("0/003").expect("a tile");
    tampered.entries[800][0] ^= 1;
    tampered.write_all();
    for (tile, bytes) in &archive.files {
        if tile.to_string().starts_with("tile/1/") || tile.to_string().starts_with("tile/2/") {
            tampered.files.insert(*tile, bytes.clone());
        }
    }
    assert_eq!(said(&tampered), 768..1_024);
    // With all that is above, one of those after the last anchor that holds.
    tampered.write_all();
    assert_eq!(said(&tampered), 600..60_000);
    // A tile that is wrong by itself says so, and one that is missing does not matter.
    let mut tampered = archive.clone();
    tampered.files.get_mut(&tile).expect("it is there")[32 * 5] ^= 1;
    assert_eq!(said(&tampered), 773..774);
    tampered.files.remove(&tile);
    assert!(matches!(tampered.inspect(&anchors), Ok(Verdict::Intact { anchors: 2, .. })));
    // A bundle that is missing does.
    tampered.files.remove(&Tile::parse("entries/002").expect("a bundle"));
    assert_eq!(said(&tampered), 512..513);
}

/// A log of at least so many entries, and anchors of it.
pub fn log(random: &mut StdRng, size_min: usize) -> (Archive, Vec<Head>) {
    let size = random.random_range(size_min..550);
    let entries = (0..size).map(|index| {
        let noise: u64 = random.random();
        format!(r#"{{"facts":{{"noise":{noise}}},"number":{index}}}"#).into_bytes()
    });
    let archive = Archive::of(entries.collect());
    let mut anchors = Vec::new();
    for _ in 0..random.random_range(0..4) {
        anchors.push(head(&archive.entries[..random.random_range(0..=size)]));
    }
    (archive, anchors)
}

/// Any entry.
fn pick(archive: &Archive, random: &mut StdRng) -> usize {
    random.random_range(0..archive.entries.len())
}

pub fn flip_bit(bytes: &mut [u8], random: &mut StdRng) -> usize {
    let at = random.random_range(0..bytes.len());
    bytes[at] ^= 1 << random.random_range(0..8);
    at
}

fn flip(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let index = pick(archive, random);
    flip_bit(&mut archive.entries[index], random);
    archive.write_entries(archive.entries.len() as u64);
    At(index)
}

fn flip_file(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let size = archive.entries.len() as u64;
    let tile = Tile::of(picket::audit::Kind::Entries, pick(archive, random) as u64 / 256, size);
    let tile = tile.expect("it holds the entry");
    let at = flip_bit(archive.files.get_mut(&tile).expect("it is there"), random);
    let first = tile.start() as usize;
    let ends = archive.entries[first..].iter().scan(0, |end, entry| {
        *end += entry.len() + 2;
        Some(*end)
    });
    At(first + ends.take_while(|end| *end <= at).count())
}

fn delete_in_file(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let index = pick(archive, random);
    let tile = archive
        .files
        .keys()
        .copied()
        .find(|tile| tile.to_string().contains("entries") && tile.index == index as u64 / 256);
    let first = index / 256 * 256;
    let kept = archive.entries[first..].iter().enumerate().take(256);
    let kept = kept.filter(|(at, _)| first + at != index).map(|(_, entry)| entry.as_slice());
    archive.files.insert(tile.expect("it holds the entry"), bundle(kept));
    At(index)
}

fn delete(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let (index, size) = (pick(archive, random), archive.entries.len() as u64);
    archive.entries.remove(index);
    archive.write_entries(size);
    At(index)
}

fn swap(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let one = random.random_range(0..archive.entries.len() - 1);
    let two = random.random_range(one + 1..archive.entries.len());
    archive.entries.swap(one, two);
    archive.write_entries(archive.entries.len() as u64);
    At(one)
}

fn insert(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let (index, size) = (pick(archive, random), archive.entries.len() as u64);
    let entry = match random.random() {
        true => archive.entries[pick(archive, random)].clone(),
        false => b"{}".to_vec(),
    };
    // A copy beside itself changes nothing before the next one.
    let equal = archive.entries[index..].iter().take_while(|other| **other == entry).count();
    archive.entries.insert(index, entry);
    archive.write_entries(size);
    if index + equal == size as usize {
        // The last one twice: the log ends before its copy, as it should.
        archive.entries.pop();
        return flip(archive, &[], random);
    }
    At(index + equal)
}

fn truncate(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let (index, size) = (pick(archive, random), archive.entries.len() as u64);
    archive.entries.truncate(index);
    archive.write_entries(size);
    At(index)
}

fn flip_hash(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let hashes = archive.files.keys().filter(|tile| !tile.to_string().contains("entries"));
    let hashes: Vec<Tile> = hashes.copied().collect();
    let tile = hashes[random.random_range(0..hashes.len())];
    let at = flip_bit(archive.files.get_mut(&tile).expect("it is there"), random) / 32;
    match tile.to_string().starts_with("tile/0/") {
        true => At(tile.start() as usize + at),
        false => Near(at * 256),
    }
}

/// Everything that lies in the database is as if the entry had always been so.
fn rewrite(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    let index = pick(archive, random);
    flip_bit(&mut archive.entries[index], random);
    archive.write_all();
    if random.random() {
        return Near(index);
    }
    let rewritten = Checkpoint::sign(head(&archive.entries), &signer()).note;
    let signed = String::from_utf8_lossy(&archive.note).into_owned();
    let signature = signed.split("\n\n").nth(1).expect("it is signed");
    let text = rewritten.split("\n\n").next().expect("it has a text");
    archive.note = format!("{text}\n\n{signature}").into_bytes();
    Forged
}

/// And the new head is signed: only what was anchored is known.
fn resign(archive: &mut Archive, anchors: &[Head], random: &mut StdRng) -> Expected {
    let Some(anchored) = anchors.iter().map(|anchor| anchor.size as usize).max().filter(|n| *n > 0)
    else {
        return rewrite(archive, anchors, random);
    };
    let index = random.random_range(0..anchored);
    match random.random_range(0..3) {
        0 => archive.entries.truncate(index),
        1 => drop(archive.entries.remove(index)),
        _ => drop(flip_bit(&mut archive.entries[index], random)),
    }
    archive.files.clear();
    archive.write_all();
    archive.note = Checkpoint::sign(head(&archive.entries), &signer()).note.into_bytes();
    Near(index)
}

fn change_checkpoint(archive: &mut Archive, _: &[Head], random: &mut StdRng) -> Expected {
    match random.random_range(0..4) {
        0 => archive.note.truncate(random.random_range(0..archive.note.len())),
        _ => drop(flip_bit(&mut archive.note, random)),
    }
    Forged
}
