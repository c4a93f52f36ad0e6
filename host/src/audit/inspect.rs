//! Looking through a whole log: its entries against its checkpoint, its tiles of hashes, and the
//! checkpoints that somebody kept elsewhere. It says what it wants to see next and is given that, so
//! it works the same on a folder, over HTTP and in memory, and never holds more than a tile of each
//! level.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::ops::Range;

use super::tile::{Kind, TILE_HEIGHT, TILE_WIDTH, Tile, hashes, unbundle};
use super::tree::{self, Frontier, Hash, Head, leaf_hash};

/// A log that is being looked through.
#[derive(Debug)]
pub struct Inspection {
    head: Head,
    /// Ascending; those that were reached are gone.
    anchors: VecDeque<Head>,
    anchors_held: usize,
    /// Up to here the entries are those that were anchored.
    held: u64,
    /// Over what was seen so far.
    frontier: Frontier,
    /// Of each level: the hashes of its last tile, as they follow from the entries.
    edge: Vec<Vec<Hash>>,
    /// What the log's own tiles are to be compared with.
    due: VecDeque<(Tile, Vec<Hash>)>,
    /// Whether entries are missing, so that nothing that follows can be placed.
    is_broken: bool,
    faults: Vec<Fault>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The first bad entry is one of these, counted from 0; where it is known, the only one.
    pub entries: Range<u64>,
    pub what: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The entries are those that were signed, and those that were anchored.
    Intact {
        head: Head,
        anchors: usize,
    },
    Tampered(Fault),
}

impl Inspection {
    /// Of the log with this head, which was signed. Anchors are heads that were signed earlier.
    pub fn new(head: Head, anchors: impl IntoIterator<Item = Head>) -> Self {
        let mut anchors: Vec<Head> = anchors.into_iter().collect();
        anchors.sort_by_key(|anchor| anchor.size);
        let mut inspection = Self {
            head,
            anchors: anchors.into(),
            anchors_held: 0,
            held: 0,
            frontier: Frontier::default(),
            edge: Vec::new(),
            due: VecDeque::new(),
            is_broken: false,
            faults: Vec::new(),
        };
        inspection.compare_anchors();
        inspection
    }

    /// What it has to see next; `None` when it has seen everything.
    pub fn wants(&self) -> Option<Tile> {
        let due = self.due.front().map(|(tile, _)| *tile);
        due.or_else(|| {
            let next = self.frontier.size() / TILE_WIDTH;
            let is_whole = self.frontier.size().is_multiple_of(TILE_WIDTH);
            let tile = Tile::of(Kind::Entries, next, self.head.size);
            tile.filter(|_| is_whole && !self.is_broken)
        })
    }

    /// Gives it what it wants, or `None` where the log has no such thing.
    pub fn give(&mut self, bytes: Option<&[u8]>) {
        match self.due.pop_front() {
            Some((tile, expected)) => {
                // Tiles of hashes only help to find the place: without them entries and root decide.
                if let Some(bytes) = bytes {
                    self.compare_tile(tile, &expected, bytes);
                }
            }
            None => {
                if let Some(tile) = self.wants() {
                    self.read_entries(tile, bytes.unwrap_or_default());
                }
            }
        }
    }

    /// How many entries it has seen.
    pub fn seen(&self) -> u64 {
        self.frontier.size()
    }

    /// What came of it, when it wants nothing any more.
    pub fn verdict(mut self) -> Verdict {
        if !self.is_broken && self.frontier.head() != self.head {
            let what = "the entries do not give the root that was signed";
            self.fault(self.held..self.head.size, what);
        }
        if let Some(anchor) = self.anchors.front().filter(|_| !self.is_broken) {
            let Head { size, .. } = self.head;
            let what =
                format!("the log has {size} entries and had {} when it was anchored", anchor.size);
            // Whether those that are left are the same, the anchor does not say.
            self.fault(self.held..anchor.size, what);
        }
        match first(&self.faults) {
            Some(fault) => Verdict::Tampered(fault.clone()),
            None => Verdict::Intact { head: self.head, anchors: self.anchors_held },
        }
    }

    fn read_entries(&mut self, tile: Tile, bytes: &[u8]) {
        let entries = unbundle(bytes);
        let whole: usize = entries.iter().map(|entry| entry.len() + 2).sum();
        let mut leaves = Vec::with_capacity(entries.len());
        for entry in entries.iter().take(tile.width as usize) {
            let leaf = leaf_hash(entry);
            leaves.push(leaf);
            self.frontier.push(leaf);
            self.compare_anchors();
        }
        let size = self.frontier.size();
        if (leaves.len() as u64) < tile.width {
            self.is_broken = true;
            let what = format!("the entry is missing or cut off in {tile}");
            self.fault(size..size + 1, what);
        } else if whole < bytes.len() || entries.len() > leaves.len() {
            let what = format!("there is more in {tile} than the entries that were signed");
            self.fault(size..size + 1, what);
        }
        self.close_tiles(tile, leaves);
    }

    /// Adds leaves to the edge. The tiles that this completes are due, and at the end all others.
    fn close_tiles(&mut self, bundle: Tile, leaves: Vec<Hash>) {
        let is_last = self.is_broken || self.frontier.size() == self.head.size;
        let mut rising = leaves;
        for level in 0.. {
            match self.edge.len() == usize::from(level) {
                true if rising.is_empty() => return,
                true => self.edge.push(Vec::new()),
                false => {}
            }
            let edge = &mut self.edge[usize::from(level)];
            edge.append(&mut rising);
            let is_full = edge.len() as u64 == TILE_WIDTH;
            let index = bundle.index >> (TILE_HEIGHT * u32::from(level));
            let tile = Tile::of(Kind::Hashes(level), index, self.head.size);
            let due = tile.filter(|_| (is_full || is_last) && !edge.is_empty());
            self.due.extend(due.map(|tile| (tile, edge.clone())));
            if is_full {
                rising.push(tree::root(edge));
                edge.clear();
            } else if !is_last {
                return;
            }
        }
    }

    fn compare_tile(&mut self, tile: Tile, expected: &[Hash], bytes: &[u8]) {
        let stored = hashes(bytes);
        let differs = (0..expected.len()).find(|at| stored.get(*at) != Some(&expected[*at]));
        let longer =
            (!self.is_broken && bytes.len() > expected.len() * 32).then_some(expected.len());
        if let Some(at) = differs.or(longer) {
            let span = tile.kind.span();
            let start = tile.start() + at as u64 * span;
            let what = match tile.kind {
                Kind::Hashes(0) => format!("the entry and its hash in {tile} differ"),
                _ => format!("the entries and their hash in {tile} differ"),
            };
            self.fault(start..start + span, what);
        }
    }

    fn compare_anchors(&mut self) {
        let size = self.frontier.size();
        while let Some(anchor) = self.anchors.pop_front_if(|anchor| anchor.size == size) {
            if anchor.root == self.frontier.root() {
                self.held = size;
                self.anchors_held += 1;
            } else {
                let what = format!("the first {size} entries are not those that were anchored");
                self.fault(self.held..size, what);
                // What was anchored later holds no more than this.
                self.anchors.clear();
            }
        }
    }

    /// Of faults that are known equally well, the first one counts.
    fn fault(&mut self, entries: Range<u64>, what: impl Into<String>) {
        let known = |fault: &Fault| {
            length(&fault.entries) == length(&entries) && fault.entries.start <= entries.start
        };
        if !self.faults.iter().any(known) {
            self.faults.push(Fault { entries, what: what.into() });
        }
    }
}

fn length(entries: &Range<u64>) -> u64 {
    entries.end.saturating_sub(entries.start)
}

/// The fault that lies first and, where another one within it says more exactly where, that.
fn first(faults: &[Fault]) -> Option<&Fault> {
    let order = |fault: &&Fault| (fault.entries.start, Reverse(length(&fault.entries)));
    let mut first = faults.iter().min_by_key(order)?;
    let within = |inner: &Fault, outer: &Fault| {
        let (inner, outer) = (&inner.entries, &outer.entries);
        outer.start <= inner.start && inner.end <= outer.end && length(inner) < length(outer)
    };
    while let Some(inner) = faults.iter().filter(|fault| within(fault, first)).min_by_key(order) {
        first = inner;
    }
    Some(first)
}
