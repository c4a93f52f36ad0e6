//! The tree over the audit log: its head and its full tiles as rows, grown in the transaction of the
//! entries, and read as anybody may ask for it. Leaf n, from 0, is the entry with `seq` n + 1.

use std::collections::BTreeMap;

use sqlx::any::Any;
use sqlx::{Arguments as _, Executor, Row as _};

use super::super::dialect::{self, Connection, Row};
use super::super::rows::Insert;
use super::super::{Store, StoreError, sealed};
use crate::audit::{Frontier, Hash, Head, Kind, Plan, TILE_WIDTH, Tile, bundle, hashes, root};

static INSERT: Insert = Insert::new("INSERT INTO audit_tiles (level, tile, root, hashes)", 4, "");

/// Entries whose hashes are read at once while the tree is built over an older database.
const BUILT_AT_ONCE: u64 = 16 * TILE_WIDTH;

/// The right edge of the tree as it is stored.
pub(in crate::store) async fn frontier<'e>(
    executor: impl Executor<'e, Database = Any>,
) -> Result<Frontier, StoreError> {
    let query = sqlx::query("SELECT size, frontier FROM audit_head WHERE id = 1");
    let row = query.fetch_one(executor).await?;
    let size = dialect::unsigned(&row, "size")?;
    Frontier::from_bytes(size, row.try_get("frontier")?)
        .ok_or_else(|| damaged("head of the log", &size, "its hashes are not those of its size"))
}

/// Adds leaves, whose rows are written, to the tree: the tiles that they complete and the head.
pub(super) async fn grow(
    connection: &mut Connection,
    mut frontier: Frontier,
    leaves: impl Iterator<Item = Hash>,
) -> Result<(), StoreError> {
    let before = frontier.size();
    leaves.for_each(|leaf| frontier.push(leaf));
    for index in before / TILE_WIDTH..frontier.size() / TILE_WIDTH {
        complete(connection, index).await?;
    }
    sqlx::query("UPDATE audit_head SET size = $1, frontier = $2 WHERE id = 1")
        .bind(signed(frontier.size())?)
        .bind(frontier.to_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes a tile of leaves that are all there, and the tiles above that it completes.
async fn complete(connection: &mut Connection, mut index: u64) -> Result<(), StoreError> {
    for level in 0.. {
        let tile = Tile { kind: Kind::Hashes(level), index, width: TILE_WIDTH };
        let hashes = places(&mut *connection, level, index * TILE_WIDTH, TILE_WIDTH).await?;
        if hashes.len() as u64 != TILE_WIDTH {
            return Err(damaged("hashes of the log", &tile, "some are missing"));
        }
        INSERT
            .run(connection, &[(signed(index)?, hashes)], |arguments, (index, hashes)| {
                arguments.add(i64::from(level))?;
                arguments.add(*index)?;
                arguments.add(root(hashes).as_slice())?;
                arguments.add(hashes.concat())
            })
            .await?;
        match (index + 1).is_multiple_of(TILE_WIDTH) {
            true => index /= TILE_WIDTH,
            false => break,
        }
    }
    Ok(())
}

/// Builds the tree over what was written before there was one.
pub(in crate::store) async fn build(connection: &mut Connection) -> Result<(), StoreError> {
    loop {
        let frontier = frontier(&mut *connection).await?;
        let leaves = places(&mut *connection, 0, frontier.size(), BUILT_AT_ONCE).await?;
        if leaves.is_empty() {
            return Ok(());
        }
        grow(connection, frontier, leaves.into_iter()).await?;
    }
}

/// Hashes of a level of tiles, as far as they are there: of leaves, or the roots of the tiles below.
async fn places<'e>(
    executor: impl Executor<'e, Database = Any>,
    level: u8,
    from: u64,
    count: u64,
) -> Result<Vec<Hash>, StoreError> {
    let query = match level {
        0 => sqlx::query(
            "SELECT leaf_hash AS hash FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq",
        ),
        _ => sqlx::query(
            "SELECT root AS hash FROM audit_tiles WHERE tile >= $1 AND tile < $2 AND level = $3 \
             ORDER BY tile",
        ),
    };
    let query = query.bind(signed(from)?).bind(signed(from + count)?);
    let query = match level.checked_sub(1) {
        Some(below) => query.bind(i64::from(below)),
        None => query,
    };
    let rows = query.fetch_all(executor).await?;
    rows.iter().map(read_hash).collect()
}

fn read_hash(row: &Row) -> Result<Hash, StoreError> {
    let hash: &[u8] = row.try_get("hash")?;
    hash.try_into().map_err(|_| damaged("hash of the log", &hash.len(), "it has not 32 bytes"))
}

impl Store {
    /// How many entries the log has, and the root of the tree over them.
    ///
    /// # Errors
    /// Where the database does not answer, or the head is damaged.
    pub async fn audit_head(&self) -> Result<Head, StoreError> {
        Ok(frontier(self.readers()).await?.head())
    }

    /// What lies under a tile's path: hashes, or entries as a bundle. `None` where the log does not
    /// reach it. Where somebody took entries away, what is left.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn audit_tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
        let size = self.audit_head().await?.size;
        let reached = Tile::of(tile.kind, tile.index, size);
        if reached.is_none_or(|reached| reached.width < tile.width) {
            return Ok(None);
        }
        match tile.kind {
            Kind::Entries => self.audit_bundle(tile).await.map(Some),
            Kind::Hashes(level) => Ok(Some(self.audit_hashes(level, tile).await?.concat())),
        }
    }

    /// The hashes of a tile that the log reaches.
    async fn audit_hashes(&self, level: u8, tile: Tile) -> Result<Vec<Hash>, StoreError> {
        if tile.is_full() {
            let row = sqlx::query("SELECT hashes FROM audit_tiles WHERE level = $1 AND tile = $2")
                .bind(i64::from(level))
                .bind(signed(tile.index)?)
                .fetch_optional(self.readers())
                .await?;
            if let Some(row) = row {
                return Ok(hashes(row.try_get("hashes")?).to_vec());
            }
        }
        places(self.readers(), level, tile.index * TILE_WIDTH, tile.width).await
    }

    async fn audit_bundle(&self, tile: Tile) -> Result<Vec<u8>, StoreError> {
        let rows = sqlx::query("SELECT leaf FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq")
            .bind(signed(tile.start())?)
            .bind(signed(tile.start() + tile.width)?)
            .fetch_all(self.readers())
            .await?;
        let leaves: Vec<&[u8]> =
            rows.iter().map(|row| row.try_get("leaf")).collect::<Result<_, _>>()?;
        Ok(bundle(leaves))
    }

    /// The hashes that a proof consists of.
    ///
    /// # Errors
    /// Where the database does not answer, or hashes are missing.
    pub async fn audit_proof(&self, plan: &Plan) -> Result<Vec<Hash>, StoreError> {
        let mut tiles = BTreeMap::new();
        for tile in plan.tiles() {
            if let Kind::Hashes(level) = tile.kind {
                tiles.insert(tile, self.audit_hashes(level, tile).await?);
            }
        }
        let missing = || damaged("hashes of the log", &plan.size(), "some are missing");
        plan.prove(&tiles).ok_or_else(missing)
    }
}

pub(super) fn signed(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| damaged("number of an entry", &number, "it is too great"))
}

fn damaged(what: &'static str, id: &dyn std::fmt::Display, detail: &str) -> StoreError {
    sealed::damaged(what, &id.to_string(), &detail)
}
