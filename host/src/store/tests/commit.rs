//! Commits: durable, once per event id, many at a time.

use super::super::{Committed, Document, Filter};
use super::*;

on_both!(
    what_was_acknowledged_survives_a_kill,
    the_same_id_of_two_sources_is_two_events,
    a_batch_is_one_transaction_and_numbers_in_order,
    a_bad_entry_fails_alone,
    an_accepted_event_is_decided_once_under_its_promised_id,
    accepted_events_come_oldest_first,
    a_full_queue_says_so_and_closing_finishes_it,
    nothing_personal_is_outside_of_what_is_sealed,
    the_log_proves_the_document_and_the_detectors;
    threaded: one_event_id_has_one_decision
);

async fn what_was_acknowledged_survives_a_kill(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    let entry = entry("e-1");
    assert_eq!(store.commit(&entry).await.unwrap(), Committed::New);

    let killed = place.as_if_killed();
    let after = killed.open().await;
    let recorded = after.claim(SOURCE, "e-1").await.unwrap().unwrap();
    assert_eq!(recorded.decision.as_ref(), Some(&*entry.decision));
    assert_eq!(recorded.fingerprint, entry.fingerprint);
    assert_eq!(after.decision(entry.decision.id).await.unwrap(), Some(recorded));
    let replayable = after.replayable(entry.decision.id).await.unwrap().unwrap();
    assert_eq!(replayable.event, *entry.event);
    let Document { decision, replay, event } = replayable.document;
    assert_eq!((decision, replay), ((*entry.decision).clone(), entry.replay));
    assert_eq!(event, Digest::of(&replayable.event_json));
    assert_eq!(replayable.received_at, entry.received_at);
}

async fn one_event_id_has_one_decision(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    let racing: Vec<_> = (0..64)
        .map(|n| {
            let (store, mut entry) = (store.clone(), entry("e-1"));
            entry.fingerprint = [n; 32];
            tokio::spawn(async move { (store.commit(&entry).await.unwrap(), entry) })
        })
        .collect();
    let mut outcomes = Vec::new();
    for race in racing {
        outcomes.push(race.await.unwrap());
    }
    let (winners, losers): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|(committed, _)| *committed == Committed::New);
    let [(_, winner)] = winners.as_slice() else { panic!("{} winners", winners.len()) };
    assert_eq!(losers.len(), 63);
    for (committed, _) in losers {
        let Committed::Existing(recorded) = committed else { unreachable!() };
        assert_eq!(recorded.decision.as_ref(), Some(&*winner.decision));
        assert_eq!(recorded.fingerprint, winner.fingerprint, "so that a caller sees another body");
    }
    for (table, rows) in [
        ("SELECT count(*) FROM decisions", 1),
        ("SELECT count(*) FROM events", 1),
        ("SELECT count(*) FROM audit JOIN decisions ON decisions.id = audit.object", 1),
    ] {
        assert_eq!(count(&store, table).await, rows, "{table}");
    }
}

async fn the_same_id_of_two_sources_is_two_events(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut other = event("e-1");
    other.source = "fairtradeworker".to_owned();
    assert_eq!(store.commit(&entry("e-1")).await.unwrap(), Committed::New);
    assert_eq!(store.commit(&entry_of(other, |_| {})).await.unwrap(), Committed::New);
}

async fn a_batch_is_one_transaction_and_numbers_in_order(home: Home) {
    let (_place, store) = fresh(home).await;
    meet(&store).await;
    // Polled in order on one thread, they are in the queue before the writer gets a turn. More than
    // a batch, and not a power of two.
    let entries: Vec<Entry> = (0..301).map(|n| entry(&format!("e-{n}"))).collect();
    let committing = entries.iter().map(|entry| store.commit(entry));
    for committed in futures::future::join_all(committing).await {
        assert_eq!(committed.unwrap(), Committed::New);
    }
    let page = store.decisions(&Filter { limit: 500, ..Filter::default() }).await.unwrap();
    let ids: Vec<_> = page.decisions.iter().rev().map(|decision| decision.id).collect();
    assert_eq!(ids, entries.iter().map(|entry| entry.decision.id).collect::<Vec<_>>());
    let log = store.audit_entries(MIGRATED, 500).await.unwrap();
    let objects: Vec<_> = log.iter().map(|entry| entry.object.clone()).collect();
    assert_eq!(objects, ids.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert!(log.iter().zip(MIGRATED + 1..).all(|(entry, seq)| entry.seq == seq));
}

async fn a_bad_entry_fails_alone(home: Home) {
    let (_place, store) = fresh(home).await;
    let taken = entry("e-taken");
    store.commit(&taken).await.unwrap();
    let mut entries: Vec<Entry> = (0..20).map(|n| entry(&format!("e-{n}"))).collect();
    // A decision's id that is in use is refused by the database in the middle of the batch.
    entries[7] = entry_of(event("e-7"), |decision| decision.id = taken.decision.id);
    let committing = entries.iter().map(|entry| store.commit(entry));
    let outcomes = futures::future::join_all(committing).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match (n, outcome) {
            (7, Err(StoreError::Refused(_))) => {}
            (7, other) => panic!("{other:?}"),
            (_, outcome) => assert_eq!(outcome.unwrap(), Committed::New, "{n}"),
        }
    }
    assert_eq!(store.claim(SOURCE, "e-7").await.unwrap(), None, "nothing half-written");
    assert_eq!(count(&store, "SELECT count(*) FROM decisions").await, 20);
}

async fn an_accepted_event_is_decided_once_under_its_promised_id(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    let promised = entry("e-1");
    let id = promised.decision.id;
    let accept = || store.accept(&promised.event, promised.received_at, promised.fingerprint, id);
    assert_eq!(accept().await.unwrap(), Committed::New);
    let Committed::Existing(recorded) = accept().await.unwrap() else { panic!("accepted twice") };
    assert_eq!((recorded.decision_id, recorded.decision), (id, None));

    let killed = place.as_if_killed();
    let after = killed.open().await;
    let accepted = after.accepted(10).await.unwrap();
    assert_eq!(accepted.len(), 1);
    assert_eq!((&accepted[0].event, accepted[0].decision_id), (&*promised.event, id));
    assert_eq!(accepted[0].fingerprint, promised.fingerprint);
    assert_eq!(after.decision(id).await.unwrap().unwrap().decision, None);

    // Another decision of the event cannot take its place.
    let Committed::Existing(_) = after.commit(&entry("e-1")).await.unwrap() else { panic!() };
    assert_eq!(after.commit(&promised).await.unwrap(), Committed::New);
    let Committed::Existing(recorded) = after.commit(&promised).await.unwrap() else { panic!() };
    assert_eq!(recorded.decision.as_ref(), Some(&*promised.decision));
    assert_eq!(after.accepted(10).await.unwrap(), []);
    assert_eq!(done(&after).await, ["event.accepted", "decision"]);
}

async fn accepted_events_come_oldest_first(home: Home) {
    let (_place, store) = fresh(home).await;
    let ids: Vec<DecisionId> = (0..5).map(|_| DecisionId::new()).collect();
    for n in [3, 0, 4, 1, 2] {
        let (event, now) = (event(&format!("e-{n}")), Timestamp::now());
        store.accept(&event, now, [0; 32], ids[n]).await.unwrap();
    }
    let accepted = store.accepted(3).await.unwrap();
    assert_eq!(accepted.iter().map(|row| row.decision_id).collect::<Vec<_>>(), &ids[..3]);
}

async fn a_full_queue_says_so_and_closing_finishes_it(home: Home) {
    let mut place = Place::new(home);
    place.options.commit_queue = 2;
    let store = place.open().await;
    meet(&store).await;
    // On one thread the writer gets no turn before all three have been polled.
    let (one, two, three) = (entry("e-1"), entry("e-2"), entry("e-3"));
    let closing = async {
        assert_eq!(store.queue_depth(), 2);
        store.close().await
    };
    let outcomes = tokio::join!(
        biased;
        store.commit(&one),
        store.commit(&two),
        store.commit(&three),
        closing,
    );
    assert_eq!((outcomes.0.unwrap(), outcomes.1.unwrap()), (Committed::New, Committed::New));
    let error = outcomes.2.unwrap_err();
    assert!(error.is_passing() && matches!(error, StoreError::Busy { limit: 2 }), "{error}");
    outcomes.3.unwrap();

    assert!(matches!(store.commit(&three).await, Err(StoreError::Closed)));
    assert!(matches!(store.ready().await, Err(StoreError::Closed)));
    assert!(matches!(store.keys().await, Err(StoreError::Closed)));
    store.close().await.unwrap();
    assert_eq!(count(&place.open().await, "SELECT count(*) FROM decisions").await, 2);
}

#[tokio::test]
async fn an_entry_whose_parts_disagree_is_refused() {
    let odd = entry_of(event("e-1"), |decision| decision.event_id = "e-2".to_owned());
    let (_place, store) = fresh(Home::Sqlite).await;
    let error = store.commit(&odd).await.unwrap_err();
    assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
}

async fn nothing_personal_is_outside_of_what_is_sealed(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut secret = event("anna@example.com");
    secret.data = json!({ "content": "anna at example dot com" });
    let entry = entry_of(secret, |decision| decision.reason = "it says anna".to_owned());
    store.commit(&entry).await.unwrap();
    let leaf = store.audit_entries(MIGRATED, 1).await.unwrap().remove(0).leaf;
    let leaf = String::from_utf8(leaf).unwrap();
    assert!(!leaf.contains("anna") && !leaf.contains("user-17"), "{leaf}");
    let facts: serde_json::Value = serde_json::from_str(&leaf).unwrap();
    assert_eq!(facts["facts"]["policy"], json!(Digest::of(b"policy")));
}

async fn the_log_proves_the_document_and_the_detectors(home: Home) {
    let (_place, store) = fresh(home).await;
    let entry = entry("e-1");
    store.commit(&entry).await.unwrap();
    let facts = store.audit_entries(MIGRATED, 1).await.unwrap().remove(0).facts;
    let held = store.replayable(entry.decision.id).await.unwrap().unwrap();
    assert_eq!(facts["document"], json!(Digest::of(&held.document_json)));
    let digests: Vec<u8> = entry
        .decision
        .findings
        .iter()
        .flat_map(|finding| [finding.digest.unwrap(), finding.settings_digest.unwrap()])
        .flat_map(|digest| *digest.as_bytes())
        .collect();
    assert_eq!(facts["detectors"], json!(Digest::of(&digests)));
}
