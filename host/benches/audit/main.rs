//! How long `picket audit verify` takes for the export of a million entries, and how much memory: the
//! program itself, on a folder, as an auditor has it. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench audit`, or `-- 50000` for another number of entries; `-- share` measures
//! what of an event's time the log takes instead.

#[path = "../serve/load.rs"]
mod load;
mod share;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use picket::audit::{
    Checkpoint, Frontier, Hash, Kind, NoteSigner, TILE_WIDTH, Tile, bundle, leaf_hash, root,
};

const ENTRIES: u64 = 1_000_000;
/// How often the memory is looked at. The kernel keeps the peak, so only the very end can be missed.
const LOOK: Duration = Duration::from_millis(5);

fn main() {
    if std::env::args().any(|argument| argument == "share") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        return runtime.expect("a runtime starts").block_on(share::run());
    }
    let asked = std::env::args().find_map(|argument| argument.parse().ok());
    let entries = asked.unwrap_or(ENTRIES);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let folder = dir.path().join("log");
    let signer = NoteSigner::from_seed("log.example/picket", &[7; 32]).expect("a good name");
    let mut export = Export { folder: &folder, frontier: Frontier::default(), levels: Vec::new() };
    let bytes = export.write(entries);
    let head = export.frontier.head();
    write(&folder.join("checkpoint"), Checkpoint::sign(head, &signer).note.as_bytes());
    println!("{entries} entries, {} MB", bytes >> 20);

    let begun = Instant::now();
    let mut verify = Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(["audit", "verify"])
        .arg(&folder)
        .args(["--vkey", &signer.verifier().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("picket runs");
    let peak_kib = watch(&mut verify);
    let took = begun.elapsed();
    let output = verify.wait_with_output().expect("picket ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    println!("verified in {:.2} s with at most {} MB", took.as_secs_f64(), peak_kib >> 10);
}

/// Waits for the end of a program, and says how much memory it held at most.
fn watch(program: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", program.id());
    let mut peak_kib = 0;
    while program.try_wait().expect("it can be waited for").is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    peak_kib
}

/// A log on the disk that grows by a bundle at a time.
struct Export<'a> {
    folder: &'a Path,
    frontier: Frontier,
    /// Of each level of hashes: the index of the tile that is being filled, and what it holds.
    levels: Vec<(u64, Vec<Hash>)>,
}

impl Export<'_> {
    /// Writes so many entries, and says how many bytes they have.
    fn write(&mut self, entries: u64) -> u64 {
        let mut bytes = 0;
        for tile in Tile::all(entries).filter(|tile| tile.kind == Kind::Entries) {
            let texts: Vec<Vec<u8>> =
                (tile.start()..).take(tile.width as usize).map(entry).collect();
            bytes += texts.iter().map(|text| text.len() as u64).sum::<u64>();
            write(&self.folder.join(tile.to_string()), &bundle(texts.iter().map(Vec::as_slice)));
            for text in &texts {
                let leaf = leaf_hash(text);
                self.frontier.push(leaf);
                self.push(0, leaf);
            }
        }
        for level in 0..self.levels.len() {
            let (_, hashes) = &self.levels[level];
            if !hashes.is_empty() {
                self.write_tile(level);
            }
        }
        bytes
    }

    fn push(&mut self, level: usize, hash: Hash) {
        if self.levels.len() == level {
            self.levels.push((0, Vec::new()));
        }
        let (_, hashes) = &mut self.levels[level];
        hashes.push(hash);
        if hashes.len() as u64 == TILE_WIDTH {
            let above = root(hashes);
            self.write_tile(level);
            let (index, hashes) = &mut self.levels[level];
            *index += 1;
            hashes.clear();
            self.push(level + 1, above);
        }
    }

    fn write_tile(&self, level: usize) {
        let (index, hashes) = &self.levels[level];
        let kind = Kind::Hashes(u8::try_from(level).expect("a log has few levels"));
        let tile = Tile { kind, index: *index, width: hashes.len() as u64 };
        write(&self.folder.join(tile.to_string()), &hashes.concat());
    }
}

/// As long as the entry of a decision, and different from every other.
fn entry(number: u64) -> Vec<u8> {
    let digest = |salt: u64| format!("sha256:{:016x}{:048x}", number ^ salt, number);
    format!(
        r#"{{"actor":"system","at":"2026-11-25T08:00:00.{:06}Z","facts":{{"action":"allow","detectors":"{}","document":"{}","event":"{}","generation":12,"policy":"{}","tier":"low"}},"object":"0199b0a4-7c1e-7d52-9f6b-{:012x}","role":"system","what":"decision"}}"#,
        number % 1_000_000,
        digest(1),
        digest(2),
        digest(3),
        digest(4),
        number
    )
    .into_bytes()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}
