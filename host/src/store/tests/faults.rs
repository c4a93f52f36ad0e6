//! When the database is locked, its disk is full, or somebody wants to write past the audit log.

use super::super::Committed;
use super::super::audit::Leaves;
use super::super::dialect::{Address, Connection};
use super::super::tx::EXEMPT;
use super::*;
use crate::model::{AuditEntry, Role};

async fn connect(place: &Place) -> Connection {
    Address::parse(&place.options).unwrap().writer().await.unwrap()
}

async fn run(connection: &mut Connection, statement: &'static str) -> Result<(), String> {
    let done = sqlx::raw_sql(statement).execute(connection).await;
    done.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_locked_database_is_unavailable_until_it_is_free() {
    let place = Place::new();
    let store = place.open().await;
    let mut other = connect(&place).await;
    run(&mut other, "BEGIN IMMEDIATE").await.unwrap();

    let entries: Vec<Entry> = (0..5).map(|n| entry(&format!("e-{n}"))).collect();
    let committing = entries.iter().map(|entry| store.commit(entry));
    for outcome in futures::future::join_all(committing).await {
        let error = outcome.unwrap_err();
        assert!(error.is_passing() && matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("locked"), "{error}");
    }
    let error = store.create_key(Role::Admin, None, "n", &[0; 32], None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    // Reading goes on.
    store.ready().await.unwrap();
    assert_eq!(store.claim(SOURCE, "e-0").await.unwrap(), None);

    run(&mut other, "ROLLBACK").await.unwrap();
    assert_eq!(store.commit(&entries[0]).await.unwrap(), Committed::New);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room() {
    let place = Place::new();
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
    let place = Place::new();
    let store = place.open().await;
    // A transaction that nobody ended makes BEGIN fail, as a broken connection does.
    count(&store, "BEGIN IMMEDIATE; SELECT 1").await;
    let error = store.commit(&entry("e-1")).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error}");
    assert_eq!(store.commit(&entry("e-1")).await.unwrap(), Committed::New);
}

#[tokio::test]
async fn the_audit_log_only_grows() {
    let place = Place::new();
    let store = place.open().await;
    for n in 0..3 {
        store.commit(&entry(&format!("e-{n}"))).await.unwrap();
    }
    let before = store.audit_entries(0, 500).await.unwrap();
    let mut other = connect(&place).await;
    for statement in [
        "UPDATE audit SET what = 'nothing'",
        "UPDATE audit SET leaf = x'00' WHERE seq = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 4",
        "INSERT OR REPLACE INTO audit VALUES (2, 0, '', '', '', '', x'00', x'00')",
        "INSERT INTO audit VALUES (7, 0, '', '', '', '', x'00', x'00')",
        "INSERT INTO audit VALUES (NULL, 0, '', '', '', '', x'00', x'00')",
    ] {
        let error = run(&mut other, statement).await.unwrap_err();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(store.audit_entries(0, 500).await.unwrap(), before);
}

#[tokio::test]
async fn a_transaction_without_an_audit_entry_is_rolled_back() {
    let (_place, store) = fresh().await;
    let insert = "INSERT INTO sources VALUES ('s', 'shadow', 0, 0)";
    for exempt in [None, Some("sources")] {
        let mut tx = store.inner.writer.begin().await.unwrap();
        run(tx.connection().unwrap(), insert).await.unwrap();
        match exempt {
            None => drop(tx),
            Some(table) => {
                let error = tx.commit_exempt(table).await.unwrap_err();
                assert!(matches!(error, StoreError::NotExempt { .. }), "{error}");
            }
        }
        assert_eq!(store.sources().await.unwrap(), []);
    }
    assert!(Leaves::from_vec(Vec::new()).is_none());

    let mut tx = store.inner.writer.begin().await.unwrap();
    run(tx.connection().unwrap(), insert).await.unwrap();
    let entry = AuditEntry::new(None, "source.mode", "s", json!({}));
    tx.commit(Leaves::of(entry).unwrap()).await.unwrap();
    assert_eq!(store.sources().await.unwrap().len(), 1);
    let tx = store.inner.writer.begin().await.unwrap();
    tx.commit_exempt(EXEMPT[0]).await.unwrap();
}

#[tokio::test]
async fn a_dropped_transaction_frees_the_database() {
    let place = Place::new();
    let store = place.open().await;
    drop(store.inner.writer.begin().await.unwrap());
    // The next turn comes when the rollback is done.
    let tx = store.inner.writer.begin().await.unwrap();
    tx.roll_back().await;
    run(&mut connect(&place).await, "BEGIN IMMEDIATE").await.unwrap();
}

#[tokio::test]
async fn damage_is_named() {
    let place = Place::new();
    let store = place.open().await;
    let entry = entry("e-1");
    store.commit(&entry).await.unwrap();
    run(&mut connect(&place).await, "UPDATE decisions SET sealed = x'00'").await.unwrap();
    let error = message(store.decision(entry.decision.id).await.unwrap_err());
    assert!(error.contains(&entry.decision.id.to_string()) && error.contains("backup"), "{error}");
}
