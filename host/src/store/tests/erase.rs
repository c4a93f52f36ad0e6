//! Erasing: what goes, what stays, and what cannot come back.

use std::collections::{HashMap, HashSet};

use super::super::{Committed, Filter, HeldAfter};
use super::*;
use crate::model::ruling::Word;
use crate::model::{Erasure, Identity, KeyId, Role};

on_both!(
    who_has_much_is_erased_in_pages,
    what_may_stay_stays_and_the_rest_is_gone,
    the_log_says_that_it_was_and_not_of_whom,
    erasing_again_erases_what_came_since_or_nothing,
    what_waits_for_its_commit_does_not_bring_the_key_back,
    a_key_that_the_database_did_not_take_is_not_offered_again,
    an_accepted_event_is_erased_before_it_is_decided,
    what_is_accepted_is_exported_to_the_last,
    what_is_decided_during_an_export_is_in_it,
    who_is_erased_again_was_not_held,
);

fn admin() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "dpo".to_owned() }
}

fn of_subject(id: &str, subject: &str) -> Entry {
    let mut event = event(id);
    event.subject = subject.to_owned();
    entry_of(event, |_| {})
}

/// Which of these are somewhere in the bytes, by one walk over them.
fn found<'a>(bytes: &[u8], parts: impl IntoIterator<Item = &'a [u8]>) -> HashSet<&'a [u8]> {
    let mut by_beginning: HashMap<[u8; 8], Vec<&[u8]>> = HashMap::new();
    for part in parts {
        by_beginning.entry(*part.first_chunk().unwrap()).or_default().push(part);
    }
    let mut found = HashSet::new();
    for (at, window) in bytes.array_windows::<8>().enumerate() {
        let Some(parts) = by_beginning.get(window) else { continue };
        found.extend(parts.iter().filter(|part| bytes[at..].starts_with(part)));
    }
    found
}

/// Every byte of the database and its logs.
fn files(place: &Place) -> Vec<u8> {
    let files = std::fs::read_dir(place.folder.path()).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

async fn what_may_stay_stays_and_the_rest_is_gone(home: Home) {
    let (_place, store) = fresh(home).await;
    let (gone, other) = (entry("e-1"), of_subject("e-2", "user-18"));
    for entry in [&gone, &other] {
        store.commit(entry).await.unwrap();
        store.rule(&entry.decision, Word::Upheld, "it is right", &[], &admin()).await.unwrap();
    }
    let mut elsewhere = event("e-3");
    elsewhere.source = "fairtradeworker".to_owned();
    let elsewhere = entry_of(elsewhere, |_| {});
    store.commit(&elsewhere).await.unwrap();

    let erased = store.erase(SOURCE, "user-17", "asked for", &admin()).await.unwrap();
    assert_eq!((erased.events, erased.decisions, erased.rulings), (1, 1, 1));

    let recorded = store.decision(gone.decision.id).await.unwrap().unwrap();
    assert!(recorded.erased);
    let left = recorded.decision.unwrap();
    assert_eq!(left.erased_at, Some(erased.erased_at));
    assert_eq!(
        (left.tier.as_str(), left.action, left.score, left.kind.as_str(), left.decided_at),
        ("high", Action::Allow, gone.decision.score, "message.sent", gone.decision.decided_at)
    );
    assert_eq!(left.policy, gone.decision.policy);
    assert_eq!(left.findings, gone.decision.findings);
    let [signal] = left.signals.as_slice() else { panic!("{left:?}") };
    assert_eq!((signal.label.as_str(), signal.score, &*signal.reason), ("contact.phone", 0.85, ""));
    assert!(signal.spans.is_empty() && left.reason.is_empty() && left.event_id.is_empty());
    assert!(left.subject.starts_with("erased-"));

    assert!(store.claim(SOURCE, "e-1").await.unwrap().unwrap().erased);
    let error = store.replayable(gone.decision.id).await.unwrap_err();
    assert!(matches!(error, StoreError::Erased { .. }), "{error}");
    let ruling = store.ruling(gone.decision.id).await.unwrap().unwrap();
    assert_eq!((ruling.ruling, ruling.why.as_str()), (Word::Upheld, ""));
    let error = store.rule(&gone.decision, Word::Upheld, "again", &[], &admin()).await.unwrap_err();
    assert!(matches!(error, StoreError::Erased { .. }), "{error}");
    let of =
        |subject: &str| Filter { subject: Some(subject.to_owned()), limit: 9, ..Filter::default() };
    let found = store.decisions(&of("user-17")).await.unwrap().decisions;
    assert_eq!(found, [(*elsewhere.decision).clone()], "of another source it is another one");
    assert_eq!(store.decisions(&of("user-18")).await.unwrap().decisions.len(), 1);
    let all = store.decisions(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
    assert_eq!(all.decisions.len(), 3);
    let held = store.replayable(other.decision.id).await.unwrap().unwrap();
    assert_eq!(held.event, *other.event);
    assert_eq!(store.ruling(other.decision.id).await.unwrap().unwrap().why, "it is right");
}

async fn the_log_says_that_it_was_and_not_of_whom(home: Home) {
    let (_place, store) = fresh(home).await;
    store.commit(&entry("e-1")).await.unwrap();
    let who = admin();
    store.erase(SOURCE, "user-17", "ticket 4711", &who).await.unwrap();
    let row = store.audit_entries(MIGRATED + 1, 9).await.unwrap().remove(0);
    assert_eq!((row.what.as_str(), row.actor), ("subject.erased", who.key.to_string()));
    assert_eq!(row.facts["why"], "ticket 4711");
    assert!(!String::from_utf8(row.leaf).unwrap().contains("user-17"));
    assert_eq!(row.object, store.erasures(0, 9).await.unwrap()[0].subject);
}

async fn erasing_again_erases_what_came_since_or_nothing(home: Home) {
    let (_place, store) = fresh(home).await;
    let never = store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap();
    assert_eq!(never.events, 0);
    // Never seen here, but an older copy may know it: so it is listed, once.
    assert_eq!(store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap(), never);
    assert_eq!(store.erasures(0, 9).await.unwrap().len(), 1);

    // A new life.
    assert_eq!(store.commit(&entry("e-1")).await.unwrap(), Committed::New);
    let first = store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap();
    assert_eq!((first.events, first.decisions), (1, 1));
    let again = store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap();
    assert_eq!((again.events, again.erased_at), (0, first.erased_at));
    let Committed::Existing(recorded) = store.commit(&entry("e-1")).await.unwrap() else {
        panic!()
    };
    assert!(recorded.erased, "its id is spent");
    assert_eq!(store.commit(&entry("e-2")).await.unwrap(), Committed::New);
    assert_eq!(store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap().events, 1);
    let listed = store.erasures(1, 9).await.unwrap();
    assert!(listed.len() == 2 && listed[0].key_id != listed[1].key_id, "{listed:?}");
    assert_eq!(done(&store).await.iter().filter(|what| *what == "subject.erased").count(), 3);
}

async fn who_has_much_is_erased_in_pages(home: Home) {
    let (_place, store) = fresh(home).await;
    let entries: Vec<Entry> = (0..450).map(|n| entry(&format!("e-{n}"))).collect();
    for chunk in entries.chunks(100) {
        for committed in futures::future::join_all(chunk.iter().map(|it| store.commit(it))).await {
            committed.unwrap();
        }
    }
    let who = admin();
    // Others write in between, the one who is erased as well.
    let others: Vec<Entry> =
        (0..20).map(|n| of_subject(&format!("o-{n}"), ["user-17", "user-18"][n % 2])).collect();
    let (erased, committed) = tokio::join!(
        store.erase(SOURCE, "user-17", "w", &who),
        futures::future::join_all(others.iter().map(|entry| store.commit(entry))),
    );
    let erased = erased.unwrap();
    assert!(erased.decisions >= 450 && erased.events == erased.decisions, "{erased:?}");
    assert!(committed.into_iter().all(|committed| committed.unwrap() == Committed::New));
    let again = store.erase(SOURCE, "user-17", "w", &who).await.unwrap();
    assert_eq!(erased.decisions + again.decisions, 460);
    let page = store.decisions(&Filter { limit: 500, ..Filter::default() }).await.unwrap();
    let left = |decision: &&Decision| decision.erased_at.is_some();
    assert_eq!(page.decisions.iter().filter(left).count(), 460);
    assert!(done(&store).await.contains(&"subject.erasing".to_owned()));
}

async fn what_waits_for_its_commit_does_not_bring_the_key_back(home: Home) {
    let (_place, store) = fresh(home).await;
    store.commit(&entry("e-1")).await.unwrap();
    let late = entry("e-2");
    let sealed = late.seal(store.sealing(&late.event).await.unwrap()).unwrap();
    let key = sealed.key.id();
    store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap();
    assert_eq!(store.commit_sealed(sealed).await.unwrap(), Committed::New);
    let stored: String =
        sqlx::query_scalar("SELECT id FROM subject_keys").fetch_one(store.readers()).await.unwrap();
    assert_ne!(stored, key.to_string());
    // It came after the erasure, so it is of the new life, and readable.
    let read = store.replayable(late.decision.id).await.unwrap().unwrap();
    assert_eq!(read.event, *late.event);
}

async fn a_key_that_the_database_did_not_take_is_not_offered_again(home: Home) {
    let (_place, store) = fresh(home).await;
    let taken = entry("e-taken");
    store.commit(&taken).await.unwrap();
    // Refused in the middle of its batch, with the keys that were offered in it.
    let mut entries: Vec<Entry> =
        (0..8).map(|n| of_subject(&format!("e-{n}"), &format!("new-{n}"))).collect();
    entries[3] = entry_of(event("e-3"), |decision| decision.id = taken.decision.id);
    let outcomes = futures::future::join_all(entries.iter().map(|entry| store.commit(entry))).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match n {
            3 => assert!(matches!(outcome, Err(StoreError::Refused(_)))),
            _ => assert_eq!(outcome.unwrap(), Committed::New, "{n}"),
        }
    }
    for entry in entries.iter().filter(|entry| entry.event.id != "e-3") {
        assert!(store.replayable(entry.decision.id).await.unwrap().is_some());
    }
}

async fn an_accepted_event_is_erased_before_it_is_decided(home: Home) {
    let (_place, store) = fresh(home).await;
    let promised = entry("e-1");
    let id = promised.decision.id;
    store.accept(&promised.event, promised.received_at, [1; 32], id).await.unwrap();
    let sealed = promised.seal(store.sealing(&promised.event).await.unwrap()).unwrap();
    let erased = store.erase(SOURCE, "user-17", "w", &admin()).await.unwrap();
    assert_eq!((erased.events, erased.decisions), (1, 0));
    assert_eq!(store.accepted(9).await.unwrap(), []);
    let recorded = store.decision(id).await.unwrap().unwrap();
    assert!(recorded.erased && recorded.decision.is_none());
    // The worker that was at it finds nothing to decide any more.
    let Committed::Existing(recorded) = store.commit_sealed(sealed).await.unwrap() else {
        panic!()
    };
    assert!(recorded.erased);
    assert_eq!(count(&store, "SELECT count(*) FROM decisions").await, 0);
}

#[tokio::test]
async fn no_copy_of_a_key_is_left_in_any_page() {
    let (place, store) = fresh(Home::Sqlite).await;
    // Enough that pages split, and in no order.
    let entries: Vec<Entry> = (0..1_500_u64)
        .map(|n| of_subject(&format!("e-{n}"), &format!("u-{}", n.wrapping_mul(0x9e37_79b9))))
        .collect();
    for chunk in entries.chunks(100) {
        futures::future::join_all(chunk.iter().map(|entry| store.commit(entry))).await;
    }
    let keys: Vec<(String, Vec<u8>)> = sqlx::query_as("SELECT id, wrapped FROM subject_keys")
        .fetch_all(store.readers())
        .await
        .unwrap();
    assert_eq!(keys.len(), 1_500);
    // The beginning of each is enough: its nonce, and it may have been cut.
    let beginnings: Vec<&[u8]> = keys.iter().map(|(_, wrapped)| &wrapped[..16]).collect();
    assert_eq!(found(&files(&place), beginnings).len(), 1_500, "the test finds what is there");
    for entry in entries.iter().step_by(5) {
        store.erase(SOURCE, &entry.event.subject, "w", &admin()).await.unwrap();
        // Between erasures others come, and one of those that went comes back.
        let id = format!("late-{}", entry.event.id);
        store.commit(&of_subject(&id, &id)).await.unwrap();
    }
    store.commit(&of_subject("back", &entries[0].event.subject)).await.unwrap();
    store.inner.writer.leave_no_trace().await.unwrap();
    let left: HashSet<String> = sqlx::query_scalar("SELECT id FROM subject_keys")
        .fetch_all(store.readers())
        .await
        .unwrap()
        .into_iter()
        .collect();
    let (kept, gone): (Vec<_>, Vec<_>) = keys.iter().partition(|(id, _)| left.contains(id));
    assert_eq!(gone.len(), 300);
    let bytes = files(&place);
    assert_eq!(found(&bytes, gone.iter().map(|(_, wrapped)| &wrapped[..16])), HashSet::new());
    assert_eq!(found(&bytes, kept.iter().map(|(_, wrapped)| &wrapped[..16])).len(), 1_200);
}

#[tokio::test]
async fn a_copy_from_before_is_erased_again_by_the_list() {
    let place = Place::new(Home::Sqlite);
    let store = place.open().await;
    let entries: Vec<Entry> =
        (0..10).map(|n| of_subject(&format!("e-{n}"), &format!("user-{n}"))).collect();
    for entry in &entries {
        store.commit(entry).await.unwrap();
    }
    let before = place.as_if_killed();
    for n in 0..5 {
        store.erase(SOURCE, &format!("user-{n}"), "w", &admin()).await.unwrap();
    }
    // Since then one has come back: that life is not in the copy, and is none of the list's business.
    store.commit(&of_subject("e-new", "user-0")).await.unwrap();
    let list = store.erasures(0, 500).await.unwrap();
    assert_eq!(list.len(), 5);

    let restored = before.open().await;
    assert!(restored.replayable(entries[0].decision.id).await.unwrap().is_some());
    assert_eq!(restored.replay_erasures(&list).await.unwrap(), 5);
    for (n, entry) in entries.iter().enumerate() {
        let read = restored.replayable(entry.decision.id).await;
        assert_eq!(matches!(read, Err(StoreError::Erased { .. })), n < 5, "{n}");
    }
    assert_eq!(restored.replay_erasures(&list).await.unwrap(), 0, "once is enough");
    assert_eq!(restored.erasures(0, 500).await.unwrap().len(), 5);
    let erased = restored.erasures(0, 500).await.unwrap();
    assert_eq!(erased, list);

    // Where it was erased, the list changes nothing, not even the new life.
    assert_eq!(store.replay_erasures(&list).await.unwrap(), 0);
    assert!(!store.claim(SOURCE, "e-new").await.unwrap().unwrap().erased);
}

async fn what_is_accepted_is_exported_to_the_last(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let id = DecisionId::new();
        let event = event(&format!("e-{number}"));
        store.accept(&event, Timestamp::now(), [1; 32], id).await.unwrap();
        expected.push(id);
    }
    let other = of_subject("e-other", "user-18").event;
    store.accept(&other, Timestamp::now(), [1; 32], DecisionId::new()).await.unwrap();
    for limit in 1..=8 {
        let (mut seen, mut after) = (Vec::new(), Some(HeldAfter::default()));
        while let Some(from) = after {
            let page = store.held_events(SOURCE, "user-17", from, limit).await.unwrap();
            seen.extend(page.0.into_iter().map(|held| held.decision_id));
            after = page.1;
        }
        assert_eq!(seen, expected, "{limit}");
    }
    store.close().await.unwrap();
}

async fn what_is_decided_during_an_export_is_in_it(home: Home) {
    let (_place, store) = fresh(home).await;
    let (before, during) = (entry("e-1"), entry("e-2"));
    store.commit(&before).await.unwrap();
    let Entry { received_at, fingerprint, ref event, ref decision, .. } = during;
    store.accept(event, received_at, fingerprint, decision.id).await.unwrap();
    let (mut seen, mut after) = (Vec::new(), Some(HeldAfter::default()));
    while let Some(from) = after {
        let page = store.held_events(SOURCE, "user-17", from, 9).await.unwrap();
        // After the decided ones were read, and before the others.
        if seen.is_empty() {
            assert_eq!(store.commit(&during).await.unwrap(), Committed::New);
        }
        seen.extend(page.0.into_iter().map(|held| (held.decision_id, held.decision.is_some())));
        after = page.1;
    }
    assert_eq!(seen, [(before.decision.id, true), (during.decision.id, true)]);
    store.close().await.unwrap();
}

/// The hold is of the older copy: where somebody was erased, it had been released by then.
async fn who_is_erased_again_was_not_held(home: Home) {
    let (_place, store) = fresh(home).await;
    // More than a page of decisions, between which holds are looked for.
    for number in 0..230 {
        store.commit(&of_subject(&format!("e-{number}"), "user-17")).await.unwrap();
    }
    store.hold(SOURCE, "user-17", "case 118", &admin()).await.unwrap();
    let erased = Erasure {
        source: SOURCE.to_owned(),
        subject: store.held_subject(SOURCE, "user-17", &admin()).await.unwrap().name,
        key_id: "0000000000000000".to_owned(),
        erased_at: Timestamp::now(),
    };
    assert_eq!(store.replay_erasures(&[erased]).await.unwrap(), 1);
    let [hold] = store.holds(None, None, 9).await.unwrap().holds.try_into().unwrap();
    assert_eq!((&*hold.subject, hold.released_at.is_some()), ("erased", true));
    let filter = Filter { subject: Some("user-17".to_owned()), limit: 9, ..Filter::default() };
    assert!(store.decisions(&filter).await.unwrap().decisions.is_empty());
    store.close().await.unwrap();
}
