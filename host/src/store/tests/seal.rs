//! Sealing: under whose key, in which place, and what happens when the key is another one meanwhile.

use super::super::{Committed, Filter, SealedEntry};
use super::*;

on_both!(
    first_events_that_come_at_once_share_a_key,
    of_two_servers_one_makes_the_key_and_both_are_recorded,
    one_stale_key_in_a_batch_is_sealed_again_alone,
    what_was_changed_or_moved_is_refused,
    a_record_of_another_host_key_is_refused,
);

async fn sealed(store: &Store, entry: &Entry) -> SealedEntry {
    entry.seal(store.sealing(&entry.event).await.unwrap()).unwrap()
}

fn of_subject(id: &str, subject: &str) -> Entry {
    let mut event = event(id);
    event.subject = subject.to_owned();
    entry_of(event, |_| {})
}

async fn first_events_that_come_at_once_share_a_key(home: Home) {
    let (_place, store) = fresh(home).await;
    let entries: Vec<Entry> = (0..40).map(|n| entry(&format!("e-{n}"))).collect();
    for committed in futures::future::join_all(entries.iter().map(|e| store.commit(e))).await {
        assert_eq!(committed.unwrap(), Committed::New);
    }
    assert_eq!(count(&store, "SELECT count(*) FROM subject_keys").await, 1);
    let page = store.decisions(&Filter { limit: 50, ..Filter::default() }).await.unwrap();
    assert_eq!(page.decisions.len(), 40);
}

async fn of_two_servers_one_makes_the_key_and_both_are_recorded(home: Home) {
    let mut place = Place::new(home);
    place.options.busy_timeout_ms = 60_000;
    let (one, two) = (place.open().await, place.open().await);
    let (first, second) = (entry("e-1"), entry("e-2"));
    // Both have made a key before either is stored.
    let (first_sealed, second_sealed) = (sealed(&one, &first).await, sealed(&two, &second).await);
    assert_ne!(first_sealed.key.id(), second_sealed.key.id());
    assert_eq!(one.commit_sealed(first_sealed).await.unwrap(), Committed::New);
    assert_eq!(two.commit_sealed(second_sealed).await.unwrap(), Committed::New);
    assert_eq!(count(&one, "SELECT count(*) FROM subject_keys").await, 1);
    for entry in [first, second] {
        let read = one.replayable(entry.decision.id).await.unwrap().unwrap();
        assert_eq!(
            (read.event, read.document.decision),
            ((*entry.event).clone(), (*entry.decision).clone())
        );
    }
    // What the second server learnt serves its next event.
    assert_eq!(two.commit(&entry("e-3")).await.unwrap(), Committed::New);
}

async fn one_stale_key_in_a_batch_is_sealed_again_alone(home: Home) {
    let mut place = Place::new(home);
    place.options.busy_timeout_ms = 60_000;
    let (store, other) = (place.open().await, place.open().await);
    let entries: Vec<Entry> =
        (0..20).map(|n| of_subject(&format!("e-{n}"), &format!("user-{}", n % 4))).collect();
    let mut waiting = Vec::new();
    for entry in &entries {
        waiting.push(sealed(&store, entry).await);
    }
    other.commit(&of_subject("e-other", "user-0")).await.unwrap();
    let commits = waiting.into_iter().map(|entry| store.commit_sealed(entry));
    for committed in futures::future::join_all(commits).await {
        assert_eq!(committed.unwrap(), Committed::New);
    }
    for entry in &entries {
        let read = store.replayable(entry.decision.id).await.unwrap().unwrap();
        assert_eq!(read.event, *entry.event);
    }
    let log = store.audit_entries(MIGRATED, 500).await.unwrap();
    assert_eq!(log.len(), 21, "an entry for each and no more");
}

#[tokio::test]
async fn no_name_of_anybody_is_outside_of_what_is_sealed() {
    let (place, store) = fresh(Home::Sqlite).await;
    let mut canary = event("id-canary-6f1d");
    canary.subject = "subject-canary-6f1d".to_owned();
    canary.data = json!({ "content": "content-canary-6f1d", "recipient": "recipient-canary-6f1d" });
    let entry = entry_of(canary, |decision| decision.reason = "reason-canary-6f1d".to_owned());
    store.commit(&entry).await.unwrap();
    store
        .accept(&event("other-canary-6f1d"), Timestamp::now(), [0; 32], DecisionId::new())
        .await
        .unwrap();
    let who = crate::model::Identity {
        key: crate::model::KeyId::new(),
        role: crate::model::Role::Admin,
        source: None,
        name: String::new(),
    };
    let word = crate::model::ruling::Word::Upheld;
    store.rule(&entry.decision, word, "why-canary-6f1d", &[], &who).await.unwrap();
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(11).any(|window| window == b"canary-6f1d");
        assert!(!found, "{}", path.display());
    }
    // And all of it is found again.
    let subject = Some("subject-canary-6f1d".to_owned());
    let page = store.decisions(&Filter { subject, limit: 9, ..Filter::default() }).await.unwrap();
    assert_eq!(page.decisions, [(*entry.decision).clone()]);
    assert!(store.claim(SOURCE, "id-canary-6f1d").await.unwrap().is_some());
    assert_eq!(store.ruling(entry.decision.id).await.unwrap().unwrap().why, "why-canary-6f1d");
}

/// The bytes of a sealed column.
async fn bytes(store: &Store, column: &str, id: DecisionId) -> Vec<u8> {
    let (table, key) = column.split_once('.').unwrap();
    let text = AssertSqlSafe(format!("SELECT sealed FROM {table} WHERE {key} = '{id}'"));
    sqlx::query_scalar(text).fetch_one(store.readers()).await.unwrap()
}

async fn overwrite(place: &Place, column: &str, id: DecisionId, bytes: &[u8]) {
    let (table, key) = column.split_once('.').unwrap();
    let text = AssertSqlSafe(format!("UPDATE {table} SET sealed = $1 WHERE {key} = '{id}'"));
    let mut connection = place.connect().await;
    sqlx::query(text).bind(bytes).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn what_was_changed_or_moved_is_refused(home: Home) {
    const EVENT: &str = "events.decision_id";
    const DECISION: &str = "decisions.id";
    let place = Place::new(home);
    let store = place.open().await;
    let entries = [entry("e-1"), entry("e-2"), of_subject("e-3", "user-18")];
    for entry in &entries {
        store.commit(entry).await.unwrap();
    }
    let [first, mine, other] = entries.each_ref().map(|entry| entry.decision.id);
    let own = bytes(&store, DECISION, mine).await;
    let flipped = |at: usize| {
        let mut flipped = own.clone();
        flipped[at] ^= 1;
        flipped
    };
    for (column, bytes) in [
        // Of the same subject and of another one, decision for decision and event for event.
        (DECISION, bytes(&store, DECISION, first).await),
        (DECISION, bytes(&store, DECISION, other).await),
        (EVENT, bytes(&store, EVENT, first).await),
        // From another table.
        (EVENT, own.clone()),
        // A bit of it: of the format, the key's id, the nonce, the text, the tag.
        (DECISION, flipped(0)),
        (DECISION, flipped(3)),
        (DECISION, flipped(12)),
        (DECISION, flipped(50)),
        (DECISION, flipped(own.len() - 1)),
        (DECISION, own[..own.len() - 1].to_vec()),
        (DECISION, own[..5].to_vec()),
    ] {
        let before = self::bytes(&store, column, mine).await;
        overwrite(&place, column, mine, &bytes).await;
        let error = store.replayable(mine).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{column}: {error}");
        for id in [first, other] {
            assert!(store.replayable(id).await.unwrap().is_some(), "the others stay readable");
        }
        overwrite(&place, column, mine, &before).await;
        assert!(store.replayable(mine).await.unwrap().is_some());
    }
    // A key that is another's.
    let mut connection = place.connect().await;
    let statement = "UPDATE subject_keys SET wrapped = (SELECT o.wrapped FROM subject_keys AS o \
                     WHERE o.subject <> subject_keys.subject)";
    run(&mut connection, statement).await.unwrap();
    assert!(matches!(store.replayable(mine).await, Err(StoreError::Damaged { .. })));
}

async fn a_record_of_another_host_key_is_refused(home: Home) {
    let mut place = Place::new(home);
    place.open().await.close().await.unwrap();
    place.options.host_key = [8; 32].into();
    let error = message(Store::open(&place.options).await.unwrap_err());
    assert!(error.contains("another host key: put the host.key"), "{error}");
    place.options.host_key = HOST_KEY.into();
    let store = place.open().await;
    assert_eq!(done(&store).await, [""; 0]);
    let proof: Vec<u8> =
        sqlx::query_scalar("SELECT proof FROM host_key").fetch_one(store.readers()).await.unwrap();
    assert_ne!(proof, HOST_KEY);
}

#[tokio::test]
async fn the_keys_of_a_batch_are_found_by_their_index() {
    let (_place, store) = fresh(Home::Sqlite).await;
    let text =
        AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", super::super::keyring::standing_text()));
    let rows: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(text).fetch_all(store.readers()).await.unwrap();
    let plan: String = rows.into_iter().map(|row| row.3 + "; ").collect();
    assert!(plan.contains("SEARCH k USING INDEX") && !plan.contains("SCAN k"), "{plan}");
}
