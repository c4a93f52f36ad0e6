//! The tree agrees with an implementation that shares nothing with it.

use std::collections::BTreeMap;
use std::process::Command;

use picket::audit::{Frontier, Hash, Head, Kind, Plan, Tile, extends, includes, leaf_hash, root};
use serde_json::Value;

/// The RFC in Python, which knows nothing of tiles and frontiers.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audit/merkle.py");

#[test]
fn roots_and_proofs_agree_with_an_independent_implementation() {
    let output = Command::new("python3")
        .args([PYTHON, "1025"])
        .output()
        .expect("python3 is installed: the log is compared with an implementation in it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    let mut log = Log::default();
    let mut proofs = 0;
    for line in text.lines() {
        let other: Value = serde_json::from_str(line).expect("a line of JSON");
        let head = log.frontier.head();
        let tiles = log.tiles();
        let prove = |plan: Plan| plan.prove(&tiles).expect("every tile is there");
        assert_eq!(other["size"], head.size);
        assert_eq!(other["root"], hex::encode(head.root), "size {}", head.size);
        for (index, proof) in each(&other["inclusion"]) {
            let own = prove(Plan::inclusion(index, head.size).expect("it is in the log"));
            assert_eq!(own, proof, "entry {index} of {}", head.size);
            assert!(includes(&head, index, log.leaves[index as usize], &proof));
            proofs += 1;
        }
        for (old, proof) in each(&other["consistency"]) {
            let own = prove(Plan::consistency(old, head.size).expect("it is older"));
            assert_eq!(own, proof, "{old} to {}", head.size);
            log.heads.truncate(head.size as usize);
            let was = log.heads.get(old as usize).copied().unwrap_or(head);
            assert!(extends(&head, &was, &proof), "{old} to {}", head.size);
            proofs += 1;
        }
        log.push();
    }
    assert_eq!(log.leaves.len(), 1_026);
    assert!(proofs > 20_000, "{proofs} proofs were compared");
}

/// A log whose entry n is the number n as text.
#[derive(Default)]
struct Log {
    leaves: Vec<Hash>,
    /// By size.
    heads: Vec<Head>,
    frontier: Frontier,
}

impl Log {
    fn push(&mut self) {
        let leaf = leaf_hash(self.leaves.len().to_string().as_bytes());
        self.heads.push(self.frontier.head());
        self.leaves.push(leaf);
        self.frontier.push(leaf);
    }

    fn tiles(&self) -> BTreeMap<Tile, Vec<Hash>> {
        let size = self.frontier.size();
        let hashes = |tile: Tile| match tile.kind {
            Kind::Hashes(1) => self.leaves.chunks_exact(256).map(root).collect(),
            _ => self.leaves[tile.start() as usize..][..tile.width as usize].to_vec(),
        };
        Tile::all(size).map(|tile| (tile, hashes(tile))).collect()
    }
}

/// The proofs of one kind, by their number.
fn each(proofs: &Value) -> Vec<(u64, Vec<Hash>)> {
    let hash = |hash: &Value| {
        let bytes = hex::decode(hash.as_str().expect("a hash")).expect("hexadecimal");
        bytes.try_into().expect("32 bytes")
    };
    let proofs = proofs.as_object().expect("proofs by number").iter();
    let proof = |proof: &Value| proof.as_array().expect("hashes").iter().map(hash).collect();
    proofs.map(|(number, hashes)| (number.parse().expect("a number"), proof(hashes))).collect()
}
