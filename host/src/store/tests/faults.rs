//! When the database is locked, its disk is full, or somebody wants to write past the audit log.

use super::super::Committed;
use super::super::audit::Leaves;
use super::super::dialect::Kind;
use super::super::tx::EXEMPT;
use super::*;
use crate::model::{AuditEntry, Role};

on_both!(
    a_locked_database_is_unavailable_until_it_is_free,
    the_audit_log_only_grows,
    a_transaction_without_an_audit_entry_is_rolled_back,
    nothing_of_a_transaction_is_kept_in_which_a_statement_failed,
    a_dropped_transaction_frees_the_database,
    damage_is_named,
);

async fn a_locked_database_is_unavailable_until_it_is_free(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    let mut other = place.connect().await;
    other.begin().await.unwrap();

    let entries: Vec<Entry> = (0..5).map(|n| entry(&format!("e-{n}"))).collect();
    let committing = entries.iter().map(|entry| store.commit(entry));
    for outcome in futures::future::join_all(committing).await {
        let error = outcome.unwrap_err();
        assert!(error.is_passing() && matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains("lock"), "{error}");
    }
    let error = store.create_key(Role::Admin, None, "n", &[0; 32], None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    // Reading goes on.
    store.ready().await.unwrap();
    assert_eq!(store.claim(SOURCE, "e-0").await.unwrap(), None);

    run(&mut other, "ROLLBACK").await.unwrap();
    assert_eq!(store.commit(&entries[0]).await.unwrap(), Committed::New);
}

async fn the_audit_log_only_grows(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    for n in 0..3 {
        store.commit(&entry(&format!("e-{n}"))).await.unwrap();
    }
    let before = store.audit_entries(0, 500).await.unwrap();
    let mut other = place.connect().await;
    for statement in [
        "UPDATE audit SET object = 'nothing'",
        "UPDATE audit SET leaf = x'00' WHERE seq = 2",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 4",
        "INSERT INTO audit VALUES (99, '', x'00', x'00')",
        "INSERT INTO audit VALUES (0, '', x'00', x'00')",
        "INSERT INTO audit SELECT seq + 99, object, leaf_hash, leaf FROM audit",
    ]
    .into_iter()
    .chain(match place.home {
        Home::Sqlite => [
            "INSERT OR REPLACE INTO audit VALUES (2, '', x'00', x'00')",
            "INSERT INTO audit VALUES (NULL, '', x'00', x'00')",
        ],
        Home::Postgres(_) => [
            "TRUNCATE audit",
            "INSERT INTO audit VALUES (2, '', x'00', x'00') \
             ON CONFLICT (seq) DO UPDATE SET object = 'nothing'",
        ],
    }) {
        let error = run(&mut other, place.words(statement)).await.unwrap_err();
        assert!(error.contains("append-only"), "{statement}: {error}");
    }
    assert_eq!(store.audit_entries(0, 500).await.unwrap(), before);
}

async fn a_transaction_without_an_audit_entry_is_rolled_back(home: Home) {
    let (_place, store) = fresh(home).await;
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

async fn nothing_of_a_transaction_is_kept_in_which_a_statement_failed(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut tx = store.inner.writer.begin().await.unwrap();
    run(tx.connection().unwrap(), "INSERT INTO sources VALUES ('s', 'shadow', 0, 0)")
        .await
        .unwrap();
    run(tx.connection().unwrap(), "INSERT INTO nowhere VALUES (1)").await.unwrap_err();
    let leaves = Leaves::of(AuditEntry::new(None, "source.mode", "s", json!({}))).unwrap();
    // PostgreSQL would not even take the audit entry; without one it would say nothing at all.
    let error = match tx.connection().unwrap().kind() {
        Kind::Sqlite => tx.commit(leaves).await.unwrap_err(),
        Kind::Postgres => tx.commit_exempt(EXEMPT[0]).await.unwrap_err(),
    };
    assert!(matches!(error, StoreError::Failed), "{error}");
    assert_eq!(store.sources().await.unwrap(), []);
    assert_eq!(store.commit(&entry("e-1")).await.unwrap(), Committed::New);
}

async fn a_dropped_transaction_frees_the_database(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    drop(store.inner.writer.begin().await.unwrap());
    // The next turn comes when the rollback is done.
    let tx = store.inner.writer.begin().await.unwrap();
    tx.roll_back().await;
    place.connect().await.begin().await.unwrap();
}

async fn damage_is_named(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    let entry = entry("e-1");
    store.commit(&entry).await.unwrap();
    run(&mut place.connect().await, place.words("UPDATE decisions SET sealed = x'00'"))
        .await
        .unwrap();
    let error = message(store.decision(entry.decision.id).await.unwrap_err());
    assert!(error.contains(&entry.decision.id.to_string()) && error.contains("backup"), "{error}");
}
