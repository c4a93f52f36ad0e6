//! A log as others see it: what lies under each path, and the checkpoint.

use std::collections::BTreeMap;

use picket::audit::{
    Checkpoint, Extra, Frontier, Hash, Head, Inspection, Kind, NoteSigner, Plan, Proof, Tile,
    Verdict, bundle, hashes, leaf_hash, root,
};

#[derive(Debug, Clone)]
pub struct Archive {
    pub entries: Vec<Vec<u8>>,
    pub files: BTreeMap<Tile, Vec<u8>>,
    /// The checkpoint, whatever somebody made of it.
    pub note: Vec<u8>,
}

/// The host's key.
pub fn signer() -> NoteSigner {
    NoteSigner::from_seed("log.example/picket", &[7; 32]).expect("a good name")
}

impl Archive {
    /// A log with everything as it should be.
    pub fn of(entries: Vec<Vec<u8>>) -> Self {
        let note = Checkpoint::sign(head(&entries), &signer()).note.into_bytes();
        let mut archive = Self { entries, files: BTreeMap::new(), note };
        archive.write_all();
        archive
    }

    /// Writes every bundle and tile anew, as the entries are now.
    pub fn write_all(&mut self) {
        self.write_entries(self.entries.len() as u64);
        let mut hashes: Vec<Hash> = self.entries.iter().map(|entry| leaf_hash(entry)).collect();
        for level in 0.. {
            let of_level = |tile: &Tile| tile.kind == Kind::Hashes(level);
            for tile in Tile::all(self.entries.len() as u64).filter(of_level) {
                let cut = &hashes[tile.index as usize * 256..][..tile.width as usize];
                self.files.insert(tile, cut.concat());
            }
            hashes = hashes.chunks_exact(256).map(root).collect();
            if hashes.is_empty() {
                return;
            }
        }
    }

    /// Writes the bundles of a log that once had this size, as the entries are now.
    pub fn write_entries(&mut self, size: u64) {
        for tile in Tile::all(size).filter(|tile| tile.kind == Kind::Entries) {
            let from = (tile.start() as usize).min(self.entries.len());
            let entries = self.entries[from..].iter().take(tile.width as usize);
            self.files.insert(tile, bundle(entries.map(Vec::as_slice)));
        }
    }

    /// The proof that an entry is in it.
    pub fn prove(&self, index: usize) -> Proof {
        let (at, size) = (index as u64, self.entries.len() as u64);
        let plan = Plan::inclusion(at, size).expect("it is there");
        let tile = |tile: Tile| (tile, hashes(&self.files[&tile]).to_vec());
        let tiles = plan.tiles().into_iter().map(tile).collect();
        let entry = String::from_utf8(self.entries[index].clone()).expect("it is JSON");
        Proof {
            index: at,
            hashes: plan.prove(&tiles).expect("all tiles are there"),
            note: String::from_utf8(self.note.clone()).expect("nobody has changed it"),
            extra: Extra { entry, opened: BTreeMap::new() },
        }
    }

    /// What an auditor says who has the host's public key and these anchors; an error where the
    /// checkpoint is not believed.
    pub fn inspect(&self, anchors: &[Head]) -> Result<Verdict, String> {
        let note = String::from_utf8_lossy(&self.note);
        let checkpoint = Checkpoint::open(&note, signer().verifier());
        let head = checkpoint.map_err(|error| error.to_string())?.head;
        let mut inspection = Inspection::new(head, anchors.iter().copied());
        while let Some(tile) = inspection.wants() {
            inspection.give(self.files.get(&tile).map(Vec::as_slice));
        }
        Ok(inspection.verdict())
    }
}

pub fn head(entries: &[Vec<u8>]) -> Head {
    let mut frontier = Frontier::default();
    entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
    frontier.head()
}
