//! The log in pieces, as C2SP's tlog-tiles has them (<https://c2sp.org/tlog-tiles>): the hashes of
//! each eighth level of the tree in tiles of 256, the entries in bundles of 256, each under a path.

use std::fmt;

use thiserror::Error;

use super::tree::Hash;

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Levels of the tree between two levels of tiles.
pub(super) const TILE_HEIGHT: u32 = 8;
/// Longest entry, in bytes: a bundle says how long each is in 16 bits.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// A tile of hashes or a bundle of entries: where it is, and how many it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    pub kind: Kind,
    /// From the left, within its level.
    pub index: u64,
    /// 1 to 256; less than 256 at the right edge of the tree alone.
    pub width: u64,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Entries, and so the leaves below level 0.
    Entries,
    /// Hashes: of leaves at level 0; at the others each is the root of a full tile of the level below.
    Hashes(u8),
}

impl Kind {
    /// The highest level: 256^8 entries are more than there can be.
    const LEVEL_MAX: u8 = 7;

    /// How many entries lie below one place of such a tile.
    pub(super) fn span(self) -> u64 {
        match self {
            Self::Entries => 1,
            Self::Hashes(level) => 1 << (TILE_HEIGHT * u32::from(level.min(Self::LEVEL_MAX))),
        }
    }
}

impl Tile {
    /// The tile of this index in a tree of this size; `None` where the tree does not reach it.
    pub fn of(kind: Kind, index: u64, size: u64) -> Option<Self> {
        let begin = index.checked_mul(TILE_WIDTH)?;
        let width = (size / kind.span()).checked_sub(begin)?.min(TILE_WIDTH);
        (width > 0).then_some(Self { kind, index, width })
    }

    /// Every tile and bundle of a tree of this size, lower levels first.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        let kinds = [Kind::Entries].into_iter().chain((0..=Kind::LEVEL_MAX).map(Kind::Hashes));
        kinds.flat_map(move |kind| (0..).map_while(move |index| Self::of(kind, index, size)))
    }

    /// Reads a path below `tile/`: what [`Tile`] writes, without that.
    ///
    /// # Errors
    /// What a path looks like.
    pub fn parse(path: &str) -> Result<Self, PathError> {
        Self::read(path).filter(|tile| tile.to_string() == format!("tile/{path}")).ok_or(PathError)
    }

    fn read(path: &str) -> Option<Self> {
        let (level, rest) = path.split_once('/')?;
        let kind = match level {
            "entries" => Kind::Entries,
            level => Kind::Hashes(level.parse().ok().filter(|level| *level <= Kind::LEVEL_MAX)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok()?),
            None => (rest, TILE_WIDTH),
        };
        let mut index = 0_u64;
        for digits in number.split('/') {
            let digits: u64 = digits.trim_start_matches('x').parse().ok()?;
            index = index.checked_mul(1_000)?.checked_add(digits)?;
        }
        let is_full = width == TILE_WIDTH;
        let fits = (1..TILE_WIDTH).contains(&width) || (is_full && !rest.contains(".p/"));
        fits.then_some(Self { kind, index, width })
    }

    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The first entry that lies below it, counted from 0.
    pub fn start(&self) -> u64 {
        self.index * TILE_WIDTH * self.kind.span()
    }
}

/// The path as clients ask for it, such as `tile/0/x001/234` or `tile/entries/007.p/12`.
impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Entries => write!(f, "tile/entries")?,
            Kind::Hashes(level) => write!(f, "tile/{level}")?,
        }
        let digits = self.index.to_string();
        let length = digits.len().next_multiple_of(3);
        let digits = format!("{digits:0>length$}");
        for at in (0..length).step_by(3) {
            let mark = if at + 3 < length { "x" } else { "" };
            write!(f, "/{mark}{}", &digits[at..at + 3])?;
        }
        match self.is_full() {
            true => Ok(()),
            false => write!(f, ".p/{}", self.width),
        }
    }
}

/// What is no path of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no tile has this path: write such as 0/x001/234, 1/000.p/17 or entries/007")]
pub struct PathError;

/// A bundle: each entry after its length in two bytes. No entry is longer than that says; of one that
/// somebody made longer in the database only so much is told, and its hash is another.
pub fn bundle<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&entry[..usize::from(length)]);
    }
    bytes
}

/// The entries of a bundle, as far as they are whole.
pub fn unbundle(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let Some((entry, rest)) = rest.split_at_checked(u16::from_be_bytes(*length).into()) else {
            break;
        };
        entries.push(entry);
        bytes = rest;
    }
    entries
}

/// The hashes of a tile, as far as they are whole.
pub fn hashes(bytes: &[u8]) -> &[Hash] {
    bytes.as_chunks::<32>().0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let tile = |kind, index, width| Tile { kind, index, width };
        for (path, tile) in [
            ("0/x001/x234/067", tile(Kind::Hashes(0), 1_234_067, 256)),
            ("7/000", tile(Kind::Hashes(7), 0, 256)),
            ("1/000.p/17", tile(Kind::Hashes(1), 0, 17)),
            ("entries/x001/000.p/255", tile(Kind::Entries, 1_000, 255)),
        ] {
            assert_eq!(tile.to_string(), format!("tile/{path}"));
            assert_eq!(Tile::parse(path), Ok(tile));
        }
        for path in [
            "",
            "0",
            "0/",
            "8/000",
            "-1/000",
            "00/000",
            "0/0",
            "0/1234",
            "0/x000/001",
            "0/001/002",
            "0/x001/x002",
            "0/000.p/0",
            "0/000.p/256",
            "0/000.p/07",
            "0/000.p/",
            "entries",
            "0/+01",
            "Entries/000",
            "0/000/",
            "0/../001",
            "0/x99999999999999999999/000",
        ] {
            assert_eq!(Tile::parse(path), Err(PathError), "{path}");
        }
    }

    #[test]
    fn the_tiles_of_a_tree_are_those_of_the_specification() {
        let count = |size: u64, kind: Kind| {
            let of_kind = Tile::all(size).filter(|tile| tile.kind == kind);
            let (full, partial): (Vec<Tile>, Vec<Tile>) = of_kind.partition(Tile::is_full);
            (full.len(), partial.iter().map(|tile| tile.width).collect::<Vec<_>>())
        };
        assert_eq!(count(70_000, Kind::Entries), (273, vec![112]));
        assert_eq!(count(70_000, Kind::Hashes(0)), (273, vec![112]));
        assert_eq!(count(70_000, Kind::Hashes(1)), (1, vec![17]));
        assert_eq!(count(70_000, Kind::Hashes(2)), (0, vec![1]));
        assert_eq!(count(256, Kind::Hashes(0)), (1, vec![]));
        assert_eq!(count(256, Kind::Hashes(1)), (0, vec![1]));
        assert_eq!(Tile::all(0).count(), 0);
        assert_eq!(Tile::of(Kind::Hashes(7), u64::MAX / 2, u64::MAX), None);
    }

    #[test]
    fn a_bundle_reads_back_as_far_as_it_is_whole() {
        let entries: [&[u8]; 3] = [b"one", b"", &[7; 60_000]];
        let bytes = bundle(entries);
        assert_eq!(unbundle(&bytes), entries);
        assert_eq!(unbundle(&bytes[..bytes.len() - 1]), entries[..2]);
        assert_eq!(unbundle(&bytes[..6]), entries[..1]);
        assert_eq!(unbundle(&[0]), [b""; 0]);
    }
}
