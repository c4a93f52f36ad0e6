//! What the audit log says of what is personal: digests that anybody can check who is shown the
//! document, and that mean nothing once it is erased.

use super::super::Committed;
use super::super::audit::AuditRow;
use super::*;
use crate::model::ruling::Word;
use crate::model::{Identity, KeyId, Role};

on_both!(
    each_document_is_the_one_that_the_log_says,
    one_event_twice_is_two_digests,
    an_accepted_event_keeps_its_digest_until_it_is_decided,
    of_what_was_erased_the_digest_means_nothing,
    the_log_does_not_say_whose_a_key_is,
);

async fn first(store: &Store, what: &str) -> AuditRow {
    let log = store.audit_entries(MIGRATED, 500).await.unwrap();
    log.into_iter().find(|entry| entry.what == what).unwrap()
}

/// Which facts of an entry are the digest of what is stored, and which of something else.
async fn agreement(store: &Store, entry: &AuditRow) -> Vec<(&'static str, bool)> {
    let documents = store.audit_documents(entry).await.unwrap();
    let agrees = |name: &str, text: &str| entry.facts[name] == json!(Digest::of(text.as_bytes()));
    documents.iter().map(|(name, text)| (*name, agrees(name, text))).collect()
}

fn reviewer() -> Identity {
    Identity { key: KeyId::new(), role: Role::Reviewer, source: None, name: "anna".to_owned() }
}

async fn each_document_is_the_one_that_the_log_says(home: Home) {
    let (_place, store) = fresh(home).await;
    let entry = entry("e-1");
    store.commit(&entry).await.unwrap();
    store.rule(&entry.decision, Word::Overturned, "a nephew", &[], &reviewer()).await.unwrap();
    let decided = first(&store, "decision").await;
    assert_eq!(agreement(&store, &decided).await, [("document", true), ("event", true)]);
    let ruled = first(&store, "decision.ruled").await;
    assert_eq!(agreement(&store, &ruled).await, [("why", true)]);
    let documents = store.audit_documents(&decided).await.unwrap();
    assert!(
        documents["event"].starts_with(r#"{"salt":""#) && documents["event"].contains("user-17")
    );
    assert!(documents["document"].starts_with(r#"{"salt":""#));
    let why = &store.audit_documents(&ruled).await.unwrap()["why"];
    assert!(why.ends_with(r#","why":"a nephew"}"#), "{why}");
    // Another ruling takes the place of the first, which is no fault of what was said of that.
    store.rule(&entry.decision, Word::Upheld, "no nephew", &[], &reviewer()).await.unwrap();
    assert_eq!(agreement(&store, &ruled).await, []);
    // Nothing else is a digest of something.
    let migrated = store.audit_entries(0, 1).await.unwrap().remove(0);
    assert!(store.audit_documents(&migrated).await.unwrap().is_empty());
}

async fn one_event_twice_is_two_digests(home: Home) {
    let ((_one_place, one), (_two_place, two)) = (fresh(home).await, fresh(Home::Sqlite).await);
    let entry = entry("e-1");
    let mut facts = Vec::new();
    for store in [&one, &two] {
        store.commit(&entry).await.unwrap();
        facts.push(first(store, "decision").await.facts);
    }
    for name in ["event", "document"] {
        assert_ne!(facts[0][name], facts[1][name], "{name}");
    }
    assert_eq!(facts[0]["detectors"], facts[1]["detectors"]);
}

async fn an_accepted_event_keeps_its_digest_until_it_is_decided(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut odd = event("e-1");
    odd.data["price"] = json!(0.1 + 0.2);
    let entry = entry_of(odd, |_| {});
    let Entry { event, received_at, fingerprint, decision, .. } = &entry;
    store.accept(event, *received_at, *fingerprint, decision.id).await.unwrap();
    let accepted = store.accepted(1).await.unwrap().remove(0);
    let sealing = store.sealing(&accepted.event).await.unwrap().salted(accepted.salt);
    let again = Entry { event: Arc::new(accepted.event), ..entry.clone() };
    let committed = store.commit_sealed(again.seal(sealing).unwrap()).await.unwrap();
    assert_eq!(committed, Committed::New);

    let (accepted, decided) =
        (first(&store, "event.accepted").await, first(&store, "decision").await);
    assert_eq!(accepted.facts["event"], decided.facts["event"]);
    assert_eq!(agreement(&store, &accepted).await, [("event", true)]);
    assert_eq!(agreement(&store, &decided).await, [("document", true), ("event", true)]);
}

async fn of_what_was_erased_the_digest_means_nothing(home: Home) {
    let (_place, store) = fresh(home).await;
    let entry = entry("e-1");
    store.commit(&entry).await.unwrap();
    store.rule(&entry.decision, Word::Upheld, "it is right", &[], &reviewer()).await.unwrap();
    let decided = first(&store, "decision").await;
    let salted = store.audit_documents(&decided).await.unwrap()["document"].clone();
    store.erase(SOURCE, "user-17", "asked for", &reviewer()).await.unwrap();
    assert_eq!(agreement(&store, &decided).await, []);
    // The salt is not in what may stay.
    let left: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM decisions")
        .fetch_one(store.readers())
        .await
        .unwrap();
    let left = super::super::sealed::unpack("decision", "", &left[1..]).unwrap();
    let (left, salt) = (String::from_utf8(left).unwrap(), salted.split('"').nth(3).unwrap());
    assert!(salt.len() == 32 && left.contains("decision") && !left.contains(salt), "{left}");
    assert_eq!(agreement(&store, &first(&store, "decision.ruled").await).await, []);
}

async fn the_log_does_not_say_whose_a_key_is(home: Home) {
    let (_place, store) = fresh(home).await;
    store.create_key(Role::Admin, None, "Anna Alves", &[1; 32], None).await.unwrap();
    let created = first(&store, "key.created").await;
    assert!(!String::from_utf8_lossy(&created.leaf).contains("Anna"));
    assert_eq!(agreement(&store, &created).await, [("name", true)]);
    let name = &store.audit_documents(&created).await.unwrap()["name"];
    assert!(name.ends_with(r#","name":"Anna Alves"}"#), "{name}");
}
