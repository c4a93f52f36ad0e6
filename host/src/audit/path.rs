//! Proofs within the tree: that an entry is in it (RFC 6962, section 2.1.1), and that one tree is the
//! beginning of another (section 2.1.2); made from tiles, and verified by the algorithms of RFC 9162,
//! sections 2.1.3.2 and 2.1.4.2.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::tile::{Kind, TILE_HEIGHT, TILE_WIDTH, Tile};
use super::tree::{self, Hash, Head, node_hash};

/// A proof to be made: which subtrees it consists of, as ranges of entries, in the proof's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    size: u64,
    ranges: Vec<Range<u64>>,
}

impl Plan {
    /// That the entry of this index, from 0, is in the tree of this size.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        (index < size).then_some(())?;
        let (mut low, mut high, mut ranges) = (0, size, Vec::new());
        while high - low > 1 {
            let middle = low + half(high - low);
            if index < middle {
                ranges.push(middle..high);
                high = middle;
            } else {
                ranges.push(low..middle);
                low = middle;
            }
        }
        // Found from the root down; a proof goes from the leaf up.
        ranges.reverse();
        Some(Self { size, ranges })
    }

    /// That the tree of the size `old` is the beginning of the one of this size.
    pub fn consistency(old: u64, size: u64) -> Option<Self> {
        (old <= size).then_some(())?;
        let (mut low, mut high, mut ranges) = (0, size, Vec::new());
        while old > 0 && high != old {
            let middle = low + half(high - low);
            if old <= middle {
                ranges.push(middle..high);
                high = middle;
            } else {
                ranges.push(low..middle);
                low = middle;
            }
        }
        // What the old tree ends with; where that is all of it, the verifier has its root.
        if low > 0 {
            ranges.push(low..high);
        }
        ranges.reverse();
        Some(Self { size, ranges })
    }

    /// How large the tree is that it is about.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tiles that it takes.
    pub fn tiles(&self) -> BTreeSet<Tile> {
        let nodes = self.ranges.iter().cloned().flat_map(complete);
        nodes.filter_map(|node| node.place(self.size).map(|(tile, _)| tile)).collect()
    }

    /// The proof. `None` where a tile is missing or too short.
    pub fn prove(&self, tiles: &BTreeMap<Tile, Vec<Hash>>) -> Option<Vec<Hash>> {
        let hash = |node: Node| {
            let (tile, places) = node.place(self.size)?;
            Some(tree::root(tiles.get(&tile)?.get(places)?))
        };
        let subtree = |range: &Range<u64>| {
            let hashes: Option<Vec<Hash>> = complete(range.clone()).map(hash).collect();
            hashes?.into_iter().rev().reduce(|right, left| node_hash(&left, &right))
        };
        self.ranges.iter().map(subtree).collect()
    }
}

/// The greatest power of two that is less than this, which is greater than 1.
fn half(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// A complete subtree: the entries from `index << level` to before `(index + 1) << level`.
#[derive(Debug, Clone, Copy)]
struct Node {
    level: u32,
    index: u64,
}

impl Node {
    /// The places of a tile whose tree has this root.
    fn place(self, size: u64) -> Option<(Tile, Range<usize>)> {
        let (tile_level, below) = (self.level / TILE_HEIGHT, self.level % TILE_HEIGHT);
        let first = self.index << below;
        let kind = Kind::Hashes(u8::try_from(tile_level).ok()?);
        let tile = Tile::of(kind, first / TILE_WIDTH, size)?;
        let begin = usize::try_from(first % TILE_WIDTH).ok()?;
        Some((tile, begin..begin + (1 << below)))
    }
}

/// The complete subtrees of a range that begins where a subtree of its length may.
fn complete(range: Range<u64>) -> impl Iterator<Item = Node> {
    let mut low = range.start;
    std::iter::from_fn(move || {
        let level = (range.end.checked_sub(low)?).checked_ilog2()?;
        let node = Node { level, index: low >> level };
        low += 1 << level;
        Some(node)
    })
}

/// Whether this proof shows that the entry with this leaf hash is the one of this index, from 0.
pub fn includes(head: &Head, index: u64, leaf: Hash, proof: &[Hash]) -> bool {
    if index >= head.size {
        return false;
    }
    let (mut at, mut last, mut root) = (index, head.size - 1, leaf);
    for hash in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            root = node_hash(hash, &root);
            (at, last) = skip_unpaired(at, last);
        } else {
            root = node_hash(&root, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && root == head.root
}

/// Whether this proof shows that `old` is the beginning of `new`.
pub fn extends(new: &Head, old: &Head, proof: &[Hash]) -> bool {
    if old.size == new.size {
        return proof.is_empty() && old.root == new.root;
    }
    if old.size == 0 || old.size > new.size {
        return old.size == 0 && proof.is_empty() && old.root == tree::root(&[]);
    }
    let whole = old.size.is_power_of_two().then_some(old.root);
    let mut hashes = whole.into_iter().chain(proof.iter().copied());
    let Some(first) = hashes.next().filter(|_| !proof.is_empty()) else { return false };
    let (mut at, mut last) = (old.size - 1, new.size - 1);
    let complete = at.trailing_ones();
    (at, last) = (at >> complete, last >> complete);
    let (mut old_root, mut new_root) = (first, first);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_root = node_hash(&hash, &old_root);
            new_root = node_hash(&hash, &new_root);
            (at, last) = skip_unpaired(at, last);
        } else {
            new_root = node_hash(&new_root, &hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old_root == old.root && new_root == new.root
}

/// Skips the levels at which a last node without a left neighbour is its own parent. It is none of
/// the first node's ancestors: those have neighbours up to the root, where nobody asks.
fn skip_unpaired(at: u64, last: u64) -> (u64, u64) {
    let levels = at.trailing_zeros().min(u64::BITS - 1);
    (at >> levels, last >> levels)
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Frontier, leaf_hash};
    use super::*;

    /// Leaf hashes, the head of each size, and the tiles of a size.
    struct Log {
        leaves: Vec<Hash>,
        heads: Vec<Head>,
    }

    impl Log {
        fn new(size: u64) -> Self {
            let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let mut frontier = Frontier::default();
            let mut heads = vec![frontier.head()];
            for leaf in &leaves {
                frontier.push(*leaf);
                heads.push(frontier.head());
            }
            Self { leaves, heads }
        }

        fn prove(&self, plan: &Plan) -> Vec<Hash> {
            let tiles = plan.tiles().into_iter().map(|tile| (tile, self.tile(tile)));
            plan.prove(&tiles.collect()).expect("every tile is there")
        }

        fn tile(&self, tile: Tile) -> Vec<Hash> {
            let span = tile.kind.span() as usize;
            let below = &self.leaves[tile.start() as usize..];
            below.chunks(span).take(tile.width as usize).map(tree::root).collect()
        }
    }

    #[test]
    fn what_is_proved_is_verified_and_nothing_else() {
        let sizes = [1_u64, 2, 3, 7, 8, 255, 256, 257, 511, 513, 70_000];
        let log = Log::new(70_000);
        for size in sizes {
            let head = log.heads[size as usize];
            for index in [0, 1, size / 2, size.saturating_sub(2), size - 1] {
                let Some(plan) = Plan::inclusion(index, size) else { continue };
                let leaf = log.leaves[index as usize];
                let proof = log.prove(&plan);
                assert!(includes(&head, index, leaf, &proof), "{index} of {size}");
                assert!(!includes(&head, index ^ 1, leaf, &proof), "{index} of {size}");
                assert!(!includes(&head, index, leaf_hash(b"x"), &proof));
                assert!(!includes(&log.heads[size as usize - 1], index, leaf, &proof));
                for at in 0..proof.len() {
                    let mut other = proof.clone();
                    other[at][at % 32] ^= 1;
                    assert!(!includes(&head, index, leaf, &other));
                    other.remove(at);
                    assert!(!includes(&head, index, leaf, &other));
                }
            }
            for old in sizes.into_iter().filter(|old| *old <= size) {
                let was = log.heads[old as usize];
                let proof = log.prove(&Plan::consistency(old, size).unwrap());
                assert!(extends(&head, &was, &proof), "{old} to {size}");
                let another = Head { root: leaf_hash(b"x"), ..was };
                assert!(!extends(&head, &another, &proof));
                assert!(!extends(&Head { root: leaf_hash(b"x"), ..head }, &was, &proof));
                assert!(!extends(&head, &was, &[proof, vec![leaf_hash(b"x")]].concat()));
            }
        }
    }

    #[test]
    fn the_empty_log_is_the_beginning_of_every_log_and_contains_nothing() {
        let log = Log::new(3);
        assert_eq!(Plan::inclusion(0, 0), None);
        assert_eq!(Plan::inclusion(3, 3), None);
        assert_eq!(Plan::consistency(4, 3), None);
        assert!(extends(&log.heads[3], &log.heads[0], &[]));
        assert!(!extends(&log.heads[3], &Head { size: 0, root: [1; 32] }, &[]));
        assert!(!extends(&log.heads[2], &log.heads[3], &[]));
        assert!(!extends(&log.heads[3], &log.heads[2], &[]));
        assert!(!includes(&log.heads[0], 0, log.leaves[0], &[]));
    }

    #[test]
    fn a_missing_or_short_tile_gives_no_proof() {
        let log = Log::new(300);
        let plan = Plan::inclusion(5, 300).unwrap();
        let mut tiles: BTreeMap<Tile, Vec<Hash>> =
            plan.tiles().into_iter().map(|tile| (tile, log.tile(tile))).collect();
        assert!(plan.prove(&tiles).is_some());
        for tile in plan.tiles() {
            let hashes = tiles.insert(tile, Vec::new()).unwrap();
            assert_eq!(plan.prove(&tiles), None);
            tiles.insert(tile, hashes);
        }
    }
}
