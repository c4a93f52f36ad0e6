//! Sealing: under whose key, in which place, and what happens when the key is another one meanwhile.

use super::super::{Committed, Filter, SealedEntry};
use super::*;

async fn sealed(store: &Store, entry: &Entry) -> SealedEntry {
    entry.seal(store.sealing(&entry.event).await.unwrap()).unwrap()
}

fn of_subject(id: &str, subject: &str) -> Entry {
    let mut event = event(id);
    event.subject = subject.to_owned();
    entry_of(event, |_| {})
}

async fn text(store: &Store, query: &'static str) -> String {
    sqlx::query_scalar(query).fetch_one(store.readers()).await.unwrap()
}

async fn change(place: &Place, statement: &str) {
    let mut connection =
        super::super::Address::parse(&place.options).unwrap().writer().await.unwrap();
    let statement = sqlx::AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

#[tokio::test]
async fn first_events_that_come_at_once_share_a_key() {
    let (_place, store) = fresh().await;
    let entries: Vec<Entry> = (0..40).map(|n| entry(&format!("e-{n}"))).collect();
    for committed in futures::future::join_all(entries.iter().map(|e| store.commit(e))).await {
        assert_eq!(committed.unwrap(), Committed::New);
    }
    assert_eq!(count(&store, "SELECT count(*) FROM subject_keys").await, 1);
    let page = store.decisions(&Filter { limit: 50, ..Filter::default() }).await.unwrap();
    assert_eq!(page.decisions.len(), 40);
}

#[tokio::test]
async fn of_two_servers_one_makes_the_key_and_both_are_recorded() {
    let mut place = Place::new();
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
            (read.event, read.decision),
            ((*entry.event).clone(), (*entry.decision).clone())
        );
    }
    // What the second server learnt serves its next event.
    assert_eq!(two.commit(&entry("e-3")).await.unwrap(), Committed::New);
}

#[tokio::test]
async fn one_stale_key_in_a_batch_is_sealed_again_alone() {
    let mut place = Place::new();
    place.options.busy_timeout_ms = 60_000;
    let (store, other) = (place.open().await, place.open().await);
    let entries: Vec<Entry> =
        (0..20).map(|n| of_subject(&format!("e-{n}"), &format!("user-{}", n % 4))).collect();
    let mut waiting = Vec::new();
    for entry in &entries {
        waiting.push(sealed(&store, entry).await);
    }
    let leaf_before = waiting[0].leaf();
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
    assert!(log.iter().any(|row| row.leaf == leaf_before.bytes()), "the log says the same");
}

#[tokio::test]
async fn no_name_of_anybody_is_outside_of_what_is_sealed() {
    let (place, store) = fresh().await;
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

#[tokio::test]
async fn what_was_changed_or_moved_is_refused() {
    let place = Place::new();
    let store = place.open().await;
    let entries = [entry("e-1"), entry("e-2"), of_subject("e-3", "user-18")];
    for entry in &entries {
        store.commit(entry).await.unwrap();
    }
    let read = async |at: usize| store.replayable(entries[at].decision.id).await;
    let id = |at: usize| entries[at].decision.id;
    for (statement, at) in [
        // Of the same subject and of another one, decision for decision and event for event.
        (
            format!(
                "UPDATE decisions SET sealed = (SELECT sealed FROM decisions WHERE id = '{}') WHERE id = '{}'",
                id(0),
                id(1)
            ),
            1,
        ),
        (
            format!(
                "UPDATE decisions SET sealed = (SELECT sealed FROM decisions WHERE id = '{}') WHERE id = '{}'",
                id(2),
                id(1)
            ),
            1,
        ),
        (
            format!(
                "UPDATE events SET sealed = (SELECT sealed FROM events WHERE decision_id = '{}') WHERE decision_id = '{}'",
                id(0),
                id(1)
            ),
            1,
        ),
        // Into another table.
        (
            format!(
                "UPDATE events SET sealed = (SELECT sealed FROM decisions WHERE id = '{0}') WHERE decision_id = '{0}'",
                id(1)
            ),
            1,
        ),
        // A byte of it: of the key's id, of the text, of the tag.
        (
            format!(
                "UPDATE decisions SET sealed = CAST(substr(sealed, 1, 3) || x'00' || substr(sealed, 5) AS BLOB) WHERE id = '{}'",
                id(1)
            ),
            1,
        ),
        (
            format!(
                "UPDATE decisions SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE id = '{}'",
                id(1)
            ),
            1,
        ),
        (format!("UPDATE decisions SET sealed = x'02' WHERE id = '{}'", id(1)), 1),
    ] {
        let copy = place.as_if_killed();
        change(&place, &statement).await;
        let error = read(at).await.unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{statement}: {error}");
        assert!(read(0).await.is_ok() && read(2).await.is_ok(), "the others stay readable");
        // Back to what it was, by the copy's word.
        for table in ["decisions", "events"] {
            let file = copy.file().display().to_string();
            change(&place, &format!("ATTACH '{file}' AS was; UPDATE main.{table} SET sealed = (SELECT w.sealed FROM was.{table} AS w WHERE w.rowid = main.{table}.rowid)")).await;
        }
        assert!(read(at).await.is_ok());
    }
    // A key that is another's, or none.
    change(&place, "UPDATE subject_keys SET wrapped = (SELECT wrapped FROM subject_keys AS o WHERE o.subject <> subject_keys.subject)").await;
    assert!(matches!(read(0).await, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn a_record_of_another_host_key_is_refused() {
    let mut place = Place::new();
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
    let (_place, store) = fresh().await;
    store.commit(&entry("e-1")).await.unwrap();
    let plan = super::super::keyring::plan(&store).await;
    assert!(plan.contains("SEARCH k USING INDEX"), "{plan}");
    assert!(!plan.contains("SCAN k"), "{plan}");
    assert_eq!(text(&store, "SELECT subject FROM decisions").await.len(), 32);
}
