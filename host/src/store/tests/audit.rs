//! The tree over the audit log: it grows with the entries, on every way there is to write one.

use super::super::audit::{Leaf, Leaves};
use super::super::dialect::{MIGRATIONS, TREE};
use super::*;
use crate::audit::{
    Frontier, Hash, Head, Kind, Plan, Tile, bundle, extends, includes, leaf_hash, root,
};
use crate::model::AuditEntry;

on_both!(
    the_tree_grows_with_the_entries,
    an_older_database_gets_its_tree,
    two_programs_write_one_log,
    head_and_tiles_only_grow,
    entries_are_found_by_what_they_are_about,
    an_entry_that_no_bundle_can_hold_is_refused,
);

/// The leaf hashes and the entries, as the rows have them.
async fn leaves(store: &Store) -> (Vec<Hash>, Vec<Vec<u8>>) {
    let (mut hashes, mut entries) = (Vec::new(), Vec::new());
    loop {
        let page = store.audit_entries(hashes.len() as u64, 500).await.unwrap();
        if page.is_empty() {
            return (hashes, entries);
        }
        for row in page {
            assert_eq!(row.seq, hashes.len() as u64 + 1);
            hashes.push(row.leaf_hash);
            entries.push(row.leaf);
        }
    }
}

/// The head of each size.
fn heads(leaves: &[Hash]) -> Vec<Head> {
    let mut frontier = Frontier::default();
    let mut heads = vec![frontier.head()];
    for leaf in leaves {
        frontier.push(*leaf);
        heads.push(frontier.head());
    }
    heads
}

/// Whether the log serves what follows from its entries, as of these sizes.
async fn assert_whole(store: &Store, sizes: &[u64]) {
    let (leaves, entries) = leaves(store).await;
    let heads = heads(&leaves);
    let head = heads[leaves.len()];
    assert_eq!(store.audit_head().await.unwrap(), head);
    for &size in sizes {
        for tile in Tile::all(size) {
            let (start, end) = (tile.start() as usize, tile.width as usize);
            let expected = match tile.kind {
                Kind::Entries => bundle(entries[start..][..end].iter().map(Vec::as_slice)),
                Kind::Hashes(level) => {
                    let span = 256_usize.pow(level.into());
                    leaves[start..].chunks(span).take(end).map(root).collect::<Vec<_>>().concat()
                }
            };
            let served = store.audit_tile(tile).await.unwrap();
            assert!(served == Some(expected), "{tile} of {size}");
        }
        let old = heads[size as usize];
        let proof = store.audit_proof(&Plan::consistency(size, head.size).unwrap()).await.unwrap();
        assert!(extends(&head, &old, &proof), "{size}");
        for index in [0, size / 2, size - 1] {
            let proof = store.audit_proof(&Plan::inclusion(index, size).unwrap()).await.unwrap();
            assert!(includes(&old, index, leaves[index as usize], &proof), "{index} of {size}");
        }
    }
    for path in ["0/x009/000", "entries/x009/000.p/1", "7/000"] {
        assert_eq!(store.audit_tile(Tile::parse(path).unwrap()).await.unwrap(), None, "{path}");
    }
}

fn noted(number: usize) -> Leaf {
    Leaf::of(AuditEntry::new(None, "noted", format!("n-{number}"), json!({}))).unwrap()
}

/// Appends entries that say nothing.
async fn append(store: &Store, count: usize) {
    let tx = store.inner.writer.begin().await.unwrap();
    let leaves = (0..count).map(noted).collect();
    tx.commit(Leaves::from_vec(leaves).unwrap()).await.unwrap();
}

async fn the_tree_grows_with_the_entries(home: Home) {
    let (_place, store) = fresh(home).await;
    let entries: Vec<Entry> = (0..120).map(|n| entry(&format!("e-{n}"))).collect();
    let committing = entries.iter().map(|entry| store.commit(entry));
    for committed in futures::future::join_all(committing).await {
        committed.unwrap();
    }
    store.set_mode(SOURCE, Mode::Active, "", None).await.unwrap();
    assert_whole(&store, &[1, 2, 100]).await;
    // Into a tile, up to its end, over it, and over several at once.
    let size = store.audit_head().await.unwrap().size as usize;
    for count in [255 - size, 1, 1, 255, 3, 600] {
        append(&store, count).await;
    }
    assert_whole(&store, &[255, 256, 257, 512, 513, 1_000, 1_115]).await;
}

#[tokio::test]
async fn the_tree_has_as_many_levels_as_it_needs() {
    let (_place, store) = fresh(Home::Sqlite).await;
    append(&store, 65_000).await;
    append(&store, 1_500).await;
    assert_whole(&store, &[65_535, 65_536, 65_537, 66_400]).await;
    let full = store.audit_tile(Tile::parse("1/000").unwrap()).await.unwrap().unwrap();
    let above = store.audit_tile(Tile::parse("2/000.p/1").unwrap()).await.unwrap().unwrap();
    assert_eq!(root(crate::audit::hashes(&full)).as_slice(), above);
}

async fn an_older_database_gets_its_tree(home: Home) {
    let mut place = Place::new(home);
    place.options.migrate = false;
    Store::migrate(&place.options).await.unwrap();
    // As the release before had left it: without the tree, and with columns of its own.
    let mut other = place.connect().await;
    let kind = other.kind();
    for statement in [
        "DROP TABLE audit_tiles",
        "DROP TABLE audit_head",
        "DROP TABLE audit",
        "ALTER TABLE keys DROP COLUMN salt",
    ] {
        run(&mut other, statement).await.unwrap();
    }
    let spine = MIGRATIONS[0].text(kind);
    let from = spine.find("CREATE TABLE audit").unwrap();
    let to = spine.find("-- API keys").unwrap();
    let again = spine[from..to].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION");
    run(&mut other, sqlx::AssertSqlSafe(again)).await.unwrap();
    for number in 1..=700 {
        let leaf = format!(
            r#"{{"actor":"system","at":"1970-01-01T00:00:00Z","facts":{{}},"object":"n-{number}","role":"system","what":"noted"}}"#
        );
        sqlx::query("INSERT INTO audit VALUES ($1, 0, 'system', 'system', 'noted', $2, $3, $4)")
            .bind(number as i64)
            .bind(format!("n-{number}"))
            .bind(leaf_hash(leaf.as_bytes()).to_vec())
            .bind(leaf.into_bytes())
            .execute(&mut other)
            .await
            .unwrap();
    }
    run(&mut other, "DROP FUNCTION IF EXISTS audit_tile_appends").await.ok();
    sqlx::query("DELETE FROM schema_migrations WHERE version = $1")
        .bind(TREE)
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();

    let title = MIGRATIONS[TREE as usize - 1].title;
    assert_eq!(Store::migrate(&place.options).await.unwrap(), [title]);
    let store = place.open().await;
    let migrated = store.audit_entries(700, 1).await.unwrap().remove(0);
    assert_eq!((migrated.what.as_str(), migrated.object.as_str()), ("schema.migrated", title));
    assert_whole(&store, &[1, 256, 700, 701]).await;
}

async fn two_programs_write_one_log(home: Home) {
    let mut place = Place::new(home);
    place.options.busy_timeout_ms = 60_000;
    let stores = [place.open().await, place.open().await];
    let writing = (0..60).map(async |number: usize| {
        let store = &stores[number % 2];
        store.commit(&entry(&format!("e-{number}"))).await.unwrap();
        append(store, 7).await;
    });
    futures::future::join_all(writing).await;
    assert_eq!(stores[0].audit_head().await.unwrap().size, MIGRATED + 60 * 8);
    assert_whole(&stores[1], &[1, 256, MIGRATED + 60 * 8]).await;
}

async fn head_and_tiles_only_grow(home: Home) {
    let (place, store) = fresh(home).await;
    append(&store, 600).await;
    let head = store.audit_head().await.unwrap();
    let mut other = place.connect().await;
    for statement in [
        "UPDATE audit_head SET size = size - 1",
        "UPDATE audit_head SET frontier = x'00'",
        "UPDATE audit_head SET id = 2, size = size + 1",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head VALUES (1, 0, x'00')",
        "UPDATE audit_tiles SET root = x'00'",
        "UPDATE audit_tiles SET hashes = hashes WHERE tile = 1",
        "DELETE FROM audit_tiles WHERE tile = 1",
        "INSERT INTO audit_tiles SELECT level, tile + 7, root, hashes FROM audit_tiles",
    ]
    .into_iter()
    .chain(match place.home {
        Home::Sqlite => [
            "INSERT OR REPLACE INTO audit_head VALUES (1, 9999, x'00')",
            "INSERT OR REPLACE INTO audit_tiles SELECT * FROM audit_tiles WHERE tile = 0",
        ],
        Home::Postgres(_) => ["TRUNCATE audit_head", "TRUNCATE audit_tiles"],
    }) {
        let error = run(&mut other, place.words(statement)).await.unwrap_err();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(store.audit_head().await.unwrap(), head);
    append(&store, 300).await;
    assert_whole(&store, &[600, 768]).await;
}

async fn entries_are_found_by_what_they_are_about(home: Home) {
    let (_place, store) = fresh(home).await;
    append(&store, 20).await;
    append(&store, 20).await;
    let found = store.audit_entries_of("n-7", 0, 9).await.unwrap();
    let numbers: Vec<u64> = found.iter().map(|entry| entry.seq - MIGRATED).collect();
    assert_eq!(numbers, [8, 28]);
    assert_eq!(store.audit_entries_of("n-7", MIGRATED + 8, 9).await.unwrap(), found[1..]);
    assert_eq!(store.audit_entries_of("n-77", 0, 9).await.unwrap(), []);
}

async fn an_entry_that_no_bundle_can_hold_is_refused(home: Home) {
    let (_place, store) = fresh(home).await;
    let why = "x".repeat(70_000);
    let error = store.set_mode(SOURCE, Mode::Active, &why, None).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unstorable { .. }), "{error}");
    assert_eq!(store.audit_head().await.unwrap().size, MIGRATED);
}
