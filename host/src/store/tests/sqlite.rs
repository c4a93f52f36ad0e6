//! What is SQLite's own: its file, its settings, its plans.

use std::os::unix::fs::PermissionsExt;

use super::super::Committed;
use super::*;

#[tokio::test]
async fn commits_are_flushed_to_the_disk() {
    let (_place, store) = fresh(Home::Sqlite).await;
    assert_eq!(count(&store, "PRAGMA synchronous").await, 2, "2 is FULL");
    assert_eq!(count(&store, "PRAGMA foreign_keys").await, 1);
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(store.readers()).await.unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn readers_cannot_write() {
    let place = Place::new(Home::Sqlite);
    let store = place.open().await;
    let error = sqlx::query("DELETE FROM sources").execute(store.readers()).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_absent_or_bare_is_refused() {
    let mut place = Place::new(Home::Sqlite);
    place.options.migrate = false;
    let says = message(Store::open(&place.options).await.unwrap_err());
    assert!(says.contains("picket migrate"), "{says}");
    assert!(!place.file().exists(), "a look must not create it");

    std::fs::write(place.file(), "").unwrap();
    let error = Store::open(&place.options).await.unwrap_err();
    assert!(matches!(&error, StoreError::Pending { names } if *names == migrations()));
    assert!(message(error).contains("picket migrate"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let place = Place::new(Home::Sqlite);
    std::fs::write(
        place.file(),
        "a letter, not a database, of more than a hundred bytes".repeat(9),
    )
    .unwrap();
    let error = message(Store::open(&place.options).await.unwrap_err());
    assert!(error.contains("picket.db"), "{error}");
}

#[tokio::test]
async fn only_its_owner_may_read_the_database() {
    let place = Place::new(Home::Sqlite);
    let store = place.open().await;
    store.commit(&entry("e-1")).await.unwrap();
    for ending in ["", "-wal", "-shm"] {
        let path = place.folder.path().join(format!("picket.db{ending}"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}
#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room() {
    let place = Place::new(Home::Sqlite);
    let store = place.open().await;
    store.commit(&entry("e-before")).await.unwrap();
    let rows = "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM decisions) \
                + (SELECT count(*) FROM decision_labels) + (SELECT count(*) FROM audit)";
    let before = count(&store, rows).await;
    // 1 is less than it has: it may not grow by a page.
    count(&store, "PRAGMA max_page_count = 1").await;

    let entries: Vec<Entry> = (0..50).map(|n| entry(&format!("e-{n}"))).collect();
    let committing = entries.iter().map(|entry| store.commit(entry));
    for outcome in futures::future::join_all(committing).await {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("full"), "{error}");
    }
    assert_eq!(count(&store, rows).await, before, "nothing half-written");
    store.ready().await.unwrap();

    count(&store, "PRAGMA max_page_count = 1000000").await;
    for entry in &entries {
        assert_eq!(store.commit(entry).await.unwrap(), Committed::New);
    }
}

#[tokio::test]
async fn a_connection_that_died_is_replaced() {
    let place = Place::new(Home::Sqlite);
    let store = place.open().await;
    // A transaction that nobody ended makes BEGIN fail, as a broken connection does.
    count(&store, "BEGIN IMMEDIATE; SELECT 1").await;
    assert_eq!(store.commit(&entry("e-1")).await.unwrap(), Committed::New);
}
