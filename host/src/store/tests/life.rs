//! The life of a version: where it stands, what its trial came to, and what happened to older rows.

use super::super::dialect::{MIGRATIONS, Migration};
use super::super::{EVERY_SOURCE, Move, Origin, Publish};
use super::*;
use crate::model::ruling::Word;
use crate::model::{
    Bounds, Canary, Difference, Direction, Identity, KeyId, Manifest, Role, TrialRun,
};

on_both!(
    of_one_detector_one_version_stands_at_each_stage,
    a_version_is_its_bytes_and_a_downgrade_asks_first,
    shipping_it_again_neither_demotes_nor_lifts_a_quarantine,
    a_move_names_who_and_why_and_may_raise_an_alert,
    an_impure_version_is_marked_once,
    a_trial_is_summed_with_the_decisions_and_begins_anew,
    deployments_of_the_first_schema_are_kept,
    a_ruling_speaks_of_the_trial_in_which_it_was_decided,
);

fn publish<'a>(manifest: &'a Manifest, bytes: &'a [u8], stage: Stage) -> Publish<'a> {
    Publish {
        manifest,
        digest: Digest::of(bytes),
        bytes,
        settings: &serde_json::Value::Null,
        signature: None,
        source: EVERY_SOURCE,
        origin: Origin::Api,
        stage,
        allow_downgrade: false,
        why: None,
    }
}

async fn published(store: &Store, version: &str, stage: Stage) -> i64 {
    let manifest = manifest("m", version, "bid.a");
    let publish = publish(&manifest, version.as_bytes(), stage);
    store.publish_detector(&publish, None).await.unwrap().deployment
}

fn step(deployment: i64, from: Stage, to: Stage) -> Move<'static> {
    let canary = (to == Stage::Canary).then(|| Canary { share: 0.1, bounds: Bounds::default() });
    Move { deployment, from, to, canary, what: "detector.moved", why: "so", alert: false }
}

fn engineer() -> Identity {
    Identity { key: KeyId::new(), role: Role::Engineer, source: None, name: "ci".to_owned() }
}

/// Where each row stands, by its number.
async fn stages(store: &Store) -> Vec<Stage> {
    store.deployments().await.unwrap().into_iter().map(|row| row.stage).collect()
}

async fn of_one_detector_one_version_stands_at_each_stage(home: Home) {
    use Stage::{Active, Canary, Retired, Shadow};
    let (_place, store) = fresh(home).await;
    let one = published(&store, "1.0.0", Active).await;
    let two = published(&store, "2.0.0", Shadow).await;
    assert_eq!(stages(&store).await, [Active, Shadow]);
    store.move_detector(&step(two, Shadow, Canary), Some(&engineer())).await.unwrap();
    let three = published(&store, "3.0.0", Shadow).await;
    assert_eq!(stages(&store).await, [Active, Canary, Shadow]);
    let rows = store.deployments().await.unwrap();
    assert!(rows[1].canary.is_some() && rows.iter().all(|row| row.salt == rows[0].salt));

    store.move_detector(&step(two, Canary, Active), Some(&engineer())).await.unwrap();
    assert_eq!(stages(&store).await, [Retired, Active, Shadow]);
    store.move_detector(&step(three, Shadow, Active), Some(&engineer())).await.unwrap();
    assert_eq!(stages(&store).await, [Retired, Retired, Active]);
    store.move_detector(&step(one, Retired, Shadow), Some(&engineer())).await.unwrap();
    assert_eq!(stages(&store).await, [Shadow, Retired, Active]);
    let overtaken =
        store.move_detector(&step(one, Retired, Active), Some(&engineer())).await.unwrap_err();
    assert!(matches!(overtaken, StoreError::Moved { stage: Shadow, .. }), "{overtaken}");
    let absent =
        store.move_detector(&step(99, Retired, Active), Some(&engineer())).await.unwrap_err();
    assert!(matches!(absent, StoreError::Absence { .. }), "{absent}");

    // What nobody chose puts nobody out of a place.
    store.move_detector(&step(two, Retired, Canary), Some(&engineer())).await.unwrap();
    store.move_detector(&step(two, Canary, Shadow), None).await.unwrap();
    assert_eq!(stages(&store).await, [Shadow, Retired, Active]);
    let back = store.move_detector(&step(two, Retired, Active), None).await.unwrap_err();
    assert!(matches!(back, StoreError::Moved { .. }), "{back}");
}

async fn a_version_is_its_bytes_and_a_downgrade_asks_first(home: Home) {
    let (_place, store) = fresh(home).await;
    published(&store, "2.0.0", Stage::Active).await;
    let same = manifest("m", "2.0.0", "bid.a");
    let error =
        store.publish_detector(&publish(&same, b"other", Stage::Shadow), None).await.unwrap_err();
    assert!(error.to_string().contains("raise the version"), "{error}");
    let older = manifest("m", "1.9.0", "bid.a");
    let mut back = publish(&older, b"older", Stage::Shadow);
    let error = store.publish_detector(&back, None).await.unwrap_err();
    assert!(error.to_string().contains("--allow-downgrade"), "{error}");
    // A refusal leaves nothing behind, not even the bytes.
    assert_eq!(store.versions("m").await.unwrap().len(), 1);
    assert_eq!(done(&store).await, ["detector.published"]);
    back.allow_downgrade = true;
    assert!(store.publish_detector(&back, None).await.unwrap().changed);
}

async fn shipping_it_again_neither_demotes_nor_lifts_a_quarantine(home: Home) {
    let (_place, store) = fresh(home).await;
    let one = published(&store, "1.0.0", Stage::Active).await;
    published(&store, "1.0.0", Stage::Shadow).await;
    assert_eq!(stages(&store).await, [Stage::Active]);
    store.move_detector(&step(one, Stage::Active, Stage::Quarantined), None).await.unwrap();
    published(&store, "1.0.0", Stage::Active).await;
    let row = store.deployments().await.unwrap().remove(0);
    assert_eq!((row.stage, row.before), (Stage::Quarantined, Some(Stage::Active)));
    // A newer version that somebody ships takes its place.
    published(&store, "1.1.0", Stage::Active).await;
    assert_eq!(stages(&store).await, [Stage::Retired, Stage::Active]);
}

async fn a_move_names_who_and_why_and_may_raise_an_alert(home: Home) {
    let (_place, store) = fresh(home).await;
    let who =
        Identity { key: KeyId::new(), role: Role::Engineer, source: None, name: "ci".to_owned() };
    let one = published(&store, "1.0.0", Stage::Shadow).await;
    let mut promote = step(one, Stage::Shadow, Stage::Active);
    promote.alert = true;
    store.move_detector(&promote, Some(&who)).await.unwrap();
    let log = store.audit_entries(MIGRATED + 1, 1).await.unwrap().remove(0);
    assert_eq!((log.actor, log.what.as_str()), (who.key.to_string(), "detector.moved"));
    assert_eq!((&log.facts["why"], &log.facts["to"]), (&json!("so"), &json!("active")));
    let alert = store.alerts(None, 9).await.unwrap().remove(0);
    assert_eq!((alert.object.as_str(), alert.text.as_str()), ("m 1.0.0", "so"));
    assert_eq!(store.alerts(Some(&alert.id), 9).await.unwrap(), []);
}

async fn an_impure_version_is_marked_once(home: Home) {
    let (_place, store) = fresh(home).await;
    published(&store, "1.0.0", Stage::Active).await;
    let digest = Digest::of(b"1.0.0");
    assert!(store.mark_impure(digest, "two scores").await.unwrap());
    assert!(!store.mark_impure(digest, "again").await.unwrap());
    assert_eq!(store.deployments().await.unwrap()[0].impure.as_deref(), Some("two scores"));
    assert_eq!(store.alerts(None, 9).await.unwrap().len(), 1);
    assert_eq!(done(&store).await, ["detector.published", "detector.impure"]);
}

fn run(deployment: i64, stage: Stage, difference: Option<Direction>) -> TrialRun {
    let difference = difference.map(|direction| Difference {
        direction,
        without: Action::Allow,
        with: Action::Nudge,
        reviews: (false, true),
    });
    TrialRun {
        deployment,
        stage,
        counted: false,
        failed: difference.is_none(),
        fired: true,
        micros: 20,
        difference,
    }
}

async fn a_trial_is_summed_with_the_decisions_and_begins_anew(home: Home) {
    let (_place, store) = fresh(home).await;
    let one = published(&store, "1.0.0", Stage::Shadow).await;
    let entries: Vec<Entry> = [Some(Direction::Stricter), None, Some(Direction::Milder)]
        .into_iter()
        .enumerate()
        .map(|(number, difference)| Entry {
            trials: Trials {
                detectors: vec![run(one, Stage::Shadow, difference)],
                ..Trials::default()
            },
            ..entry(&format!("e-{number}"))
        })
        .collect();
    futures::future::join_all(entries.iter().map(|entry| store.commit(entry))).await;
    // The same event again is no second run.
    store.commit(&entries[0]).await.unwrap();
    let trial = store.trials(one).await.unwrap().remove(0);
    assert_eq!((trial.events, trial.failures, trial.fired, trial.micros), (3, 1, 3, 60));
    assert_eq!((trial.stricter, trial.milder, trial.reviews_added), (1, 1, 2));
    assert!((trial.mean_micros() - 20.0).abs() < 1e-9);
    let differences = store.trial_differences(one, 10).await.unwrap();
    assert_eq!(differences.len(), 2);
    assert_eq!((differences[0].subject.as_str(), differences[0].with), ("user-17", Action::Nudge));
    assert_eq!(store.trial_subjects(one).await.unwrap(), 1);

    store.move_detector(&step(one, Stage::Shadow, Stage::Canary), None).await.unwrap();
    let trials = store.trials(one).await.unwrap();
    assert_eq!((trials[0].stage, trials[0].events), (Stage::Canary, 0));
    assert_eq!((trials[1].stage, trials[1].events), (Stage::Shadow, 3));
    assert_eq!(store.trial_differences(one, 10).await.unwrap(), []);
}

async fn deployments_of_the_first_schema_are_kept(home: Home) {
    let place = Place::new(home);
    Address::parse(&place.options).unwrap().prepare(true).unwrap();
    let mut connection = place.connect().await;
    let Migration { title, .. } = MIGRATIONS[0];
    let text = MIGRATIONS[0].text(connection.kind());
    let checksum = Digest::of(text.as_bytes());
    let manifest = serde_json::to_string(&manifest("m", "1.0.0", "bid.a")).unwrap();
    let rows = format!(
        "CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, \
         checksum TEXT NOT NULL, applied_at BIGINT NOT NULL); {text}; \
         INSERT INTO schema_migrations VALUES (1, '{title}', '{checksum}', 0); \
         INSERT INTO detector_versions VALUES (zeroblob(32), 'm', '1.0.0', '{manifest}', x'00', 1, 5); \
         INSERT INTO deployments VALUES ('*', 'm', zeroblob(32), '{{\"a\":1}}', 'active', 'bundle', 7);"
    );
    super::run(&mut connection, place.words(&rows)).await.unwrap();
    connection.close().await.unwrap();

    let store = place.open().await;
    let row = store.deployments().await.unwrap().remove(0);
    assert_eq!(
        (row.stage, row.settings, row.origin),
        (Stage::Active, json!({"a": 1}), Origin::Bundle)
    );
    assert_eq!(row.served_at, Some(Timestamp::from_micros(7)));
}

async fn a_ruling_speaks_of_the_trial_in_which_it_was_decided(home: Home) {
    let (_place, store) = fresh(home).await;
    let one = published(&store, "1.0.0", Stage::Shadow).await;
    let early = entry("e-early");
    store.commit(&early).await.unwrap();
    store.move_detector(&step(one, Stage::Shadow, Stage::Canary), None).await.unwrap();
    let (late, who) = (entry("e-late"), engineer());
    store.commit(&late).await.unwrap();
    for decided in [&early, &late] {
        store.rule(&decided.decision, Word::Overturned, "no", &[one], &who).await.unwrap();
    }
    let trial = store.trials(one).await.unwrap().remove(0);
    assert_eq!((trial.ruled, trial.overturned), (1, 1));
    // The last word stands, and there is one.
    store.rule(&late.decision, Word::Upheld, "it was right", &[one], &who).await.unwrap();
    let trial = store.trials(one).await.unwrap().remove(0);
    assert_eq!((trial.ruled, trial.overturned), (1, 0));
    let ruling = store.ruling(late.decision.id).await.unwrap().unwrap();
    assert_eq!((ruling.ruling, ruling.why.as_str()), (Word::Upheld, "it was right"));
}
