//! Keys, sources, detectors, policies and the inbox: what administrators and engineers write.

use super::super::{EVERY_SOURCE, Origin, Publish, PublishPolicy, Published};
use super::*;
use crate::model::{Identity, Manifest, Role};

on_both!(
    a_key_is_good_until_it_is_revoked,
    a_mode_changes_with_a_reason,
    a_detector_goes_live_is_replaced_and_goes_back,
    a_file_of_a_folder_outranks_the_bundle_whatever_its_number,
    removing_a_file_retires_only_what_came_from_it,
    bytes_of_another_digest_are_refused,
    a_refusal_is_news_once,
    of_refusals_the_last_thousand_are_kept_and_what_was_taken_stays,
    the_host_numbers_policies_and_an_old_text_keeps_its_number,
    who_did_it_is_in_the_log,
);

fn publish<'a>(manifest: &'a Manifest, bytes: &'a [u8], origin: Origin) -> Publish<'a> {
    Publish {
        manifest,
        digest: Digest::of(bytes),
        bytes,
        settings: &serde_json::Value::Null,
        signature: None,
        source: EVERY_SOURCE,
        origin,
        stage: Stage::Active,
        allow_downgrade: false,
        why: None,
    }
}

fn policy<'a>(name: &'a str, text: &'a str, origin: Origin) -> PublishPolicy<'a> {
    PublishPolicy {
        name,
        source: SOURCE,
        text,
        digest: Digest::of(text.as_bytes()),
        origin,
        stage: Stage::Active,
        why: None,
    }
}

fn file(name: &str) -> Origin {
    Origin::Folder(name.to_owned())
}

async fn a_key_is_good_until_it_is_revoked(home: Home) {
    let (_place, store) = fresh(home).await;
    let hash = [7; 32];
    let admin = store.create_key(Role::Admin, None, "root", &[1; 32], None).await.unwrap();
    let key =
        store.create_key(Role::Platform, Some(SOURCE), "web", &hash, Some(&admin)).await.unwrap();
    assert_eq!(store.identity(&hash).await.unwrap(), Some(key.clone()));
    assert_eq!(store.identity(&[8; 32]).await.unwrap(), None);
    let again = store.create_key(Role::Admin, None, "web", &hash, None).await.unwrap_err();
    assert!(matches!(again, StoreError::Refused(_)), "{again}");

    store.revoke_key(key.key, Some(&admin)).await.unwrap();
    store.revoke_key(key.key, Some(&admin)).await.unwrap();
    assert_eq!(store.identity(&hash).await.unwrap(), None);
    let keys = store.keys().await.unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].revoked_at.is_none() && keys[1].revoked_at.is_some());
    let absent = store.revoke_key(crate::model::KeyId::new(), None).await.unwrap_err();
    assert!(matches!(absent, StoreError::Absence { .. }), "{absent}");

    assert_eq!(done(&store).await, ["key.created", "key.created", "key.revoked"]);
    let log = store.audit_entries(MIGRATED + 2, 1).await.unwrap().remove(0);
    assert_eq!((log.actor, log.role.as_str()), (admin.key.to_string(), "admin"));
}

async fn a_mode_changes_with_a_reason(home: Home) {
    let (_place, store) = fresh(home).await;
    assert_eq!(store.set_mode(SOURCE, Mode::Shadow, "as it is", None).await.unwrap(), 0);
    assert_eq!(done(&store).await, [""; 0]);
    assert_eq!(store.set_mode(SOURCE, Mode::Active, "ready", None).await.unwrap(), 1);
    let sources = store.sources().await.unwrap();
    assert_eq!((sources[0].source.as_str(), sources[0].mode), (SOURCE, Mode::Active));
    let facts = &store.audit_entries(MIGRATED, 1).await.unwrap()[0].facts;
    assert_eq!(*facts, json!({"from": "shadow", "to": "active", "why": "ready", "generation": 1}));
}

async fn a_detector_goes_live_is_replaced_and_goes_back(home: Home) {
    let place = Place::new(home);
    let store = place.open().await;
    let (one, two) = (manifest("m", "1.0.0", "contact.phone"), manifest("m", "2.0.0", "bid.low"));
    let first = publish(&one, b"bytes of one", Origin::Bundle);
    let second = publish(&two, b"bytes of two", Origin::Api);
    let published = |generation, deployment, changed| Published {
        generation,
        deployment,
        stage: Stage::Active,
        changed,
    };
    assert_eq!(store.publish_detector(&first, None).await.unwrap(), published(1, 1, true));
    assert_eq!(store.publish_detector(&first, None).await.unwrap(), published(1, 1, false));
    assert_eq!(store.publish_detector(&second, None).await.unwrap(), published(2, 2, true));
    let error = store.publish_detector(&first, None).await.unwrap_err();
    assert!(error.to_string().contains("m 1.0.0 is older than 2.0.0, which is active"), "{error}");
    let back = Publish { allow_downgrade: true, ..first.clone() };
    assert_eq!(store.publish_detector(&back, None).await.unwrap(), published(3, 1, true));
    assert_eq!(done(&store).await, ["detector.published"; 3]);
    store.close().await.unwrap();

    let store = place.open().await;
    assert_eq!(store.generation().await.unwrap(), 3);
    let deployments = store.deployments().await.unwrap();
    assert_eq!(deployments.len(), 2);
    assert_eq!(deployments[1].stage, Stage::Retired);
    assert_eq!((&deployments[0].manifest, deployments[0].digest), (&one, first.digest));
    assert_eq!((deployments[0].stage, &deployments[0].origin), (Stage::Active, &Origin::Bundle));
    let versions = store.versions("m").await.unwrap();
    assert_eq!(versions.iter().map(|version| &version.manifest).collect::<Vec<_>>(), [&one, &two]);
    assert_eq!(versions[1].size, 12);
    let bytes = store.detector_bytes(second.digest).await.unwrap();
    assert_eq!(bytes.as_deref(), Some(second.bytes));
    assert_eq!(store.detector_bytes(Digest::of(b"")).await.unwrap(), None);
    let labels = store.known_labels().await.unwrap();
    assert_eq!(labels.iter().collect::<Vec<_>>(), ["bid.low", "contact.phone"]);
}

async fn a_file_of_a_folder_outranks_the_bundle_whatever_its_number(home: Home) {
    let (_place, store) = fresh(home).await;
    let (old, new) = (manifest("n", "1.0.0", "bid.low"), manifest("n", "2.0.0", "bid.low"));
    store.publish_detector(&publish(&new, b"new", Origin::Bundle), None).await.unwrap();
    let sent = publish(&old, b"old", Origin::Api);
    let error = store.publish_detector(&sent, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Downgrade { .. }), "{error}");
    let in_folder = publish(&old, b"old", file("n.wasm"));
    store.publish_detector(&in_folder, None).await.unwrap();
    // One file after another is as anything else is.
    store.publish_detector(&publish(&new, b"new", file("n.wasm")), None).await.unwrap();
    let error = store.publish_detector(&in_folder, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Downgrade { .. }), "{error}");
}

async fn removing_a_file_retires_only_what_came_from_it(home: Home) {
    let (_place, store) = fresh(home).await;
    let manifest = manifest("m", "1.0.0", "contact.phone");
    store.publish_detector(&publish(&manifest, b"1", file("m.wasm")), None).await.unwrap();
    assert_eq!(store.inbox().await.unwrap()[0].digest, Some(Digest::of(b"1")));
    let (other, from) = (file("other.wasm"), file("m.wasm"));
    assert_eq!(store.retire_detector("*", "m", Some(&other), "", None).await.unwrap(), None);
    assert_eq!(store.retire_detector("*", "m", Some(&from), "", None).await.unwrap(), Some(2));
    assert_eq!(store.retire_detector("*", "m", None, "", None).await.unwrap(), None);
    assert_eq!(store.deployments().await.unwrap()[0].stage, Stage::Retired);
    assert_eq!(store.inbox().await.unwrap(), []);
    store.publish_detector(&publish(&manifest, b"1", Origin::Api), None).await.unwrap();
    assert_eq!(store.deployments().await.unwrap()[0].stage, Stage::Active);
}

async fn bytes_of_another_digest_are_refused(home: Home) {
    let (_place, store) = fresh(home).await;
    let manifest = manifest("m", "1.0.0", "contact.phone");
    let mut odd = publish(&manifest, b"1", Origin::Api);
    odd.digest = Digest::of(b"2");
    let error = store.publish_detector(&odd, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
    let mut odd = policy("p", "text", Origin::Api);
    odd.digest = Digest::of(b"2");
    let error = store.publish_policy(&odd, None).await.unwrap_err();
    assert!(matches!(error, StoreError::Unstorable { .. }), "{error}");
    assert_eq!(done(&store).await, [""; 0]);
}

async fn of_refusals_the_last_thousand_are_kept_and_what_was_taken_stays(home: Home) {
    let (_place, store) = fresh(home).await;
    let manifest = manifest("m", "1.0.0", "contact.phone");
    store.publish_detector(&publish(&manifest, b"1", file("m.wasm")), None).await.unwrap();
    store.refuse_detector("first.wasm", None, "no").await.unwrap();
    let who = Identity {
        key: crate::model::KeyId::new(),
        role: Role::Engineer,
        source: None,
        name: "ci".to_owned(),
    };
    for number in 0..1_003 {
        let name = format!("api/{number:04}");
        store.refuse_upload(&name, Digest::of(b"x"), "no", &who).await.unwrap();
    }
    let files: Vec<String> = store.inbox().await.unwrap().into_iter().map(|row| row.file).collect();
    assert_eq!((files.len(), &*files[0]), (1_002, "api/0003"));
    assert_eq!(files[1_000..], ["first.wasm", "m.wasm"]);
}

async fn a_refusal_is_news_once(home: Home) {
    let (_place, store) = fresh(home).await;
    let digest = Some(Digest::of(b"x"));
    assert!(store.refuse_detector("m.wasm", digest, "no `describe`").await.unwrap());
    assert!(!store.refuse_detector("m.wasm", digest, "no `describe`").await.unwrap());
    assert!(store.refuse_policy("p.toml", None, "cannot be read").await.unwrap());
    let inbox = store.inbox().await.unwrap();
    assert_eq!(inbox[0].error.as_deref(), Some("no `describe`"));
    assert_eq!((inbox[1].digest, inbox[1].file.as_str()), (None, "p.toml"));
    assert!(store.forget_file("p.toml").await.unwrap());
    assert!(!store.forget_file("p.toml").await.unwrap());
    assert_eq!(done(&store).await, ["detector.refused", "policy.refused", "inbox.forgotten"]);

    // Mended, it is taken.
    let manifest = manifest("m", "1.0.0", "contact.phone");
    store.publish_detector(&publish(&manifest, b"1", file("m.wasm")), None).await.unwrap();
    assert_eq!(store.inbox().await.unwrap()[0].error, None);
}

async fn the_host_numbers_policies_and_an_old_text_keeps_its_number(home: Home) {
    let (_place, store) = fresh(home).await;
    let version = async |name: &str, text: &str| {
        store.publish_policy(&policy(name, text, file("p.toml")), None).await.unwrap()
    };
    for (name, text, number, generation) in
        [("p", "one", 1, 1), ("p", "two", 2, 2), ("q", "three", 1, 3), ("p", "one", 1, 4)]
    {
        let published = version(name, text).await;
        assert_eq!((published.version, published.generation), (number, generation), "{text}");
    }
    let same = version("p", "one").await;
    assert_eq!((same.version, same.generation, same.changed), (1, 4, false));
    assert_eq!(store.sources().await.unwrap()[0].mode, Mode::Shadow);
    let (live, text) = store.live_policies().await.unwrap().remove(0);
    assert_eq!((live.source.as_str(), text.as_str(), live.version), (SOURCE, "one", 1));
    let two = store.policy_text(Digest::of(b"two")).await.unwrap();
    assert_eq!(two.as_deref(), Some("two"));
    let error = store.publish_policy(&policy("r", "two", Origin::Api), None).await.unwrap_err();
    assert!(error.to_string().contains("the policy `p`"), "{error}");

    assert_eq!(store.retire_policies(SOURCE, &Origin::Api, "gone").await.unwrap(), None);
    assert_eq!(store.retire_policies(SOURCE, &file("p.toml"), "gone").await.unwrap(), Some(5));
    assert_eq!(store.policy_deployments().await.unwrap()[0].stage, Stage::Retired);
    assert_eq!(store.live_policies().await.unwrap(), []);
    assert_eq!(store.inbox().await.unwrap(), []);
}

#[test]
fn origins_travel_as_text() {
    for origin in [Origin::Bundle, Origin::Api, file("a b:c.wasm")] {
        assert_eq!(origin.to_string().parse(), Ok(origin));
    }
    assert!("elsewhere".parse::<Origin>().is_err());
}

async fn who_did_it_is_in_the_log(home: Home) {
    let (_place, store) = fresh(home).await;
    let who = Identity {
        key: crate::model::KeyId::new(),
        role: Role::Engineer,
        source: None,
        name: "ci".to_owned(),
    };
    let manifest = manifest("m", "1.0.0", "contact.phone");
    store.publish_detector(&publish(&manifest, b"1", Origin::Api), Some(&who)).await.unwrap();
    store.publish_policy(&policy("p", "one", Origin::Api), Some(&who)).await.unwrap();
    let log = store.audit_entries(MIGRATED, 9).await.unwrap();
    assert!(log.iter().all(|entry| entry.actor == who.key.to_string() && entry.role == "engineer"));
    assert_eq!(log[0].facts["digest"], json!(Digest::of(b"1")));
}
