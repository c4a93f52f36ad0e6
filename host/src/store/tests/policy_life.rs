//! The life of a policy's version: where it stands, what its trial came to, what was withheld, and what
//! happened to older rows.

use super::super::dialect::{Kind, MIGRATIONS, Migration};
use super::super::{HeldAfter, MovePolicy, Origin, POLICY_ROLLED_BACK, PublishPolicy};
use super::super::{PolicyDeployment, SHADOW_POLICIES_MAX};
use super::*;
use crate::model::{
    Direction, Identity, KeyId, PolicyRun, PolicyTurn, RetentionClass, Role, Said, Would,
};

on_both!(
    of_one_source_one_is_active_one_a_canary_and_some_in_shadow,
    a_file_is_on_trial_with_its_newest_text_alone,
    going_back_takes_the_one_that_served_before,
    a_trial_is_summed_with_the_decisions_and_begins_anew_with_the_active_one,
    what_differs_about_a_subject_is_exported_erased_and_removed_with_it,
    what_shadow_mode_withheld_is_counted_by_action,
    policies_of_the_first_schema_are_kept,
);

fn engineer() -> Identity {
    Identity { key: KeyId::new(), role: Role::Engineer, source: None, name: "ci".to_owned() }
}

/// Publishes a text and returns its row.
async fn publish(store: &Store, text: &str, stage: Stage, origin: Origin) -> PolicyDeployment {
    let digest = Digest::of(text.as_bytes());
    let publish =
        PublishPolicy { name: "p", source: SOURCE, text, digest, origin, stage, why: Some("so") };
    store.publish_policy(&publish, Some(&engineer())).await.unwrap();
    store.policy_of_digest(digest).await.unwrap().unwrap()
}

async fn sent(store: &Store, text: &str, stage: Stage) -> PolicyDeployment {
    publish(store, text, stage, Origin::Api).await
}

fn step(row: &PolicyDeployment, from: Stage, to: Stage) -> MovePolicy<'static> {
    let share = (to == Stage::Canary).then_some(0.05);
    MovePolicy { deployment: row.id, from, to, share, what: "policy.moved", why: "so" }
}

/// Where each version stands, by its number.
async fn stages(store: &Store) -> Vec<Stage> {
    let mut rows = store.policy_versions("p", None, 50).await.unwrap();
    rows.reverse();
    rows.into_iter().map(|row| row.stage).collect()
}

async fn of_one_source_one_is_active_one_a_canary_and_some_in_shadow(home: Home) {
    use Stage::{Active, Canary, Retired, Shadow};
    let (_place, store) = fresh(home).await;
    let who = engineer();
    let one = sent(&store, "one", Active).await;
    let two = sent(&store, "two", Shadow).await;
    let three = sent(&store, "three", Shadow).await;
    assert_eq!(stages(&store).await, [Active, Shadow, Shadow]);
    store.move_policy(&step(&two, Shadow, Canary), &who).await.unwrap();
    assert_eq!(stages(&store).await, [Active, Canary, Shadow]);
    let canary = store.policy_version("p", 2).await.unwrap().unwrap();
    assert_eq!((canary.share, canary.salt), (Some(0.05), one.salt));
    assert_eq!((canary.moved_by, canary.published_by.is_some()), (Some(who.key.to_string()), true));
    store.move_policy(&step(&three, Shadow, Canary), &who).await.unwrap();
    assert_eq!(stages(&store).await, [Active, Retired, Canary]);
    store.move_policy(&step(&three, Canary, Active), &who).await.unwrap();
    assert_eq!(stages(&store).await, [Retired, Retired, Active]);
    let overtaken = store.move_policy(&step(&three, Shadow, Active), &who).await.unwrap_err();
    assert!(matches!(overtaken, StoreError::Moved { stage: Active, .. }), "{overtaken}");
    // Sent again, it neither loses its place nor comes back to one unasked.
    assert_eq!(sent(&store, "three", Shadow).await.stage, Active);
    assert_eq!(sent(&store, "one", Shadow).await.stage, Shadow);

    for number in 1..SHADOW_POLICIES_MAX {
        sent(&store, &format!("more {number}"), Shadow).await;
    }
    let error = store.move_policy(&step(&two, Retired, Shadow), &who).await.unwrap_err();
    assert!(matches!(error, StoreError::ShadowsFull { limit: SHADOW_POLICIES_MAX, .. }), "{error}");
    assert!(error.to_string().contains("8 policies are in shadow for `qwickservices`"), "{error}");
    // One that is there already takes no more room, and what is refused leaves no text behind.
    assert_eq!(sent(&store, "one", Shadow).await.stage, Shadow);
    let (text, digest) = ("beyond", Digest::of(b"beyond"));
    let beyond = PublishPolicy {
        name: "p",
        source: SOURCE,
        text,
        digest,
        origin: Origin::Api,
        stage: Shadow,
        why: None,
    };
    store.publish_policy(&beyond, None).await.unwrap_err();
    assert_eq!(store.policy_text(digest).await.unwrap(), None);
    // A name is of one source.
    let elsewhere = PublishPolicy { source: "elsewhere", ..beyond };
    let error = store.publish_policy(&elsewhere, None).await.unwrap_err();
    assert!(error.to_string().contains("is another source's"), "{error}");
}

async fn a_file_is_on_trial_with_its_newest_text_alone(home: Home) {
    use Stage::{Active, Retired, Shadow};
    let (_place, store) = fresh(home).await;
    let file = || Origin::Folder("p.toml".to_owned());
    publish(&store, "one", Active, file()).await;
    sent(&store, "two", Shadow).await;
    for text in ["three", "four"] {
        publish(&store, text, Shadow, file()).await;
    }
    assert_eq!(stages(&store).await, [Active, Shadow, Retired, Shadow]);
    // The file goes, and with it all that it brought.
    assert!(store.retire_policies(SOURCE, &file(), "gone").await.unwrap().is_some());
    assert_eq!(stages(&store).await, [Retired, Shadow, Retired, Retired]);
    let told = store.audit_entries(MIGRATED, 50).await.unwrap();
    let retired: Vec<_> = told.iter().filter(|entry| entry.what == "policy.retired").collect();
    let versions: Vec<_> = retired.iter().map(|entry| entry.facts["version"].clone()).collect();
    assert_eq!(versions, [json!(1), json!(4)]);
    // Of a source the retired one that served last is listed, and of the others none.
    let listed = store.policy_deployments().await.unwrap();
    let listed: Vec<_> = listed.iter().map(|row| (row.version, row.stage)).collect();
    assert_eq!(listed, [(1, Retired), (2, Shadow)]);
}

async fn going_back_takes_the_one_that_served_before(home: Home) {
    let (_place, store) = fresh(home).await;
    let who = engineer();
    let texts = ["one", "two", "three"];
    for text in texts {
        sent(&store, text, Stage::Active).await;
    }
    let before = async || {
        let rows = store.policies_that_served(SOURCE, 9).await.unwrap();
        rows.into_iter().map(|row| row.version).collect::<Vec<_>>()
    };
    assert_eq!(before().await, [2, 1]);
    // Also where it is on trial by now.
    let two = store.policy_version("p", 2).await.unwrap().unwrap();
    store.move_policy(&step(&two, Stage::Retired, Stage::Shadow), &who).await.unwrap();
    let two = &store.policies_that_served(SOURCE, 1).await.unwrap()[0];
    assert_eq!((two.version, two.stage), (2, Stage::Shadow));
    let back = MovePolicy { what: POLICY_ROLLED_BACK, ..step(two, Stage::Shadow, Stage::Active) };
    store.move_policy(&back, &who).await.unwrap();
    // Nothing goes back to what was gone back from.
    assert_eq!(before().await, [1]);
    let three = store.policy_version("p", 3).await.unwrap().unwrap();
    assert_eq!((three.stage, three.served_at), (Stage::Retired, None));
}

fn said(action: Action, review: bool) -> Said {
    let case = review.then(|| "contacts".to_owned());
    Said { score: Score::from_unit(0.5), tier: action.as_str().to_owned(), action, review, case }
}

fn run(row: &PolicyDeployment, against: &PolicyDeployment, turn: Option<Direction>) -> PolicyRun {
    PolicyRun {
        deployment: row.id,
        stage: row.stage,
        against: against.id,
        decided: false,
        review: true,
        difference: turn.map(|direction| PolicyTurn {
            direction,
            without: said(Action::Nudge, false),
            with: said(Action::SoftBlock, true),
        }),
    }
}

fn ran(id: &str, runs: Vec<PolicyRun>) -> Entry {
    Entry { trials: Trials { policies: runs, ..Trials::default() }, ..entry(id) }
}

async fn a_trial_is_summed_with_the_decisions_and_begins_anew_with_the_active_one(home: Home) {
    let (_place, store) = fresh(home).await;
    let who = engineer();
    let one = sent(&store, "one", Stage::Active).await;
    let two = sent(&store, "two", Stage::Shadow).await;
    let three = sent(&store, "three", Stage::Shadow).await;
    let turns = [Some(Direction::Stricter), None, Some(Direction::Milder)];
    let entries: Vec<Entry> = turns
        .into_iter()
        .enumerate()
        .map(|(at, turn)| {
            ran(&format!("e-{at}"), vec![run(&two, &one, turn), run(&three, &one, None)])
        })
        .collect();
    futures::future::join_all(entries.iter().map(|entry| store.commit(entry))).await;
    // The same event again is no second run.
    store.commit(&entries[0]).await.unwrap();
    let trial = store.policy_trials(two.id).await.unwrap().remove(0);
    assert_eq!((trial.stage, trial.events, trial.decided), (Stage::Shadow, 3, 0));
    assert_eq!((trial.stricter, trial.milder, trial.retiered), (1, 1, 0));
    assert_eq!((trial.reviews, trial.reviews_added, trial.reviews_spared), (3, 2, 0));
    assert_eq!(trial.against, Some(one.reference()));
    assert_eq!(store.policy_trials(three.id).await.unwrap()[0].differing(), 0);
    let differences = store.policy_differences(two.id, 10).await.unwrap();
    assert_eq!(differences.len(), 2);
    assert_eq!(differences[0].subject, "user-17");
    assert_eq!(differences[0].without, said(Action::Nudge, false));
    assert_eq!(differences[0].with, said(Action::SoftBlock, true));
    assert_eq!(store.policy_trial_subjects(two.id).await.unwrap(), 1);

    // Another one is active: what was counted before was another comparison, and what is still on its
    // way from then counts no more.
    store.move_policy(&step(&three, Stage::Shadow, Stage::Active), &who).await.unwrap();
    let late = ran("late", vec![run(&two, &one, Some(Direction::Stricter))]);
    store.commit(&late).await.unwrap();
    let trial = store.policy_trials(two.id).await.unwrap().remove(0);
    assert_eq!((trial.events, trial.against), (0, Some(three.reference())));
    assert_eq!(store.policy_differences(two.id, 10).await.unwrap(), []);
    store.commit(&ran("later", vec![run(&two, &three, None)])).await.unwrap();
    assert_eq!(store.policy_trials(two.id).await.unwrap()[0].events, 1);
    // A canary has a trial of its own; a change of its share is none.
    store.move_policy(&step(&two, Stage::Shadow, Stage::Canary), &who).await.unwrap();
    let canary = store.policy_version("p", 2).await.unwrap().unwrap();
    store.commit(&ran("canary", vec![run(&canary, &three, None)])).await.unwrap();
    store.move_policy(&step(&two, Stage::Canary, Stage::Canary), &who).await.unwrap();
    let trials = store.policy_trials(two.id).await.unwrap();
    let sums: Vec<_> = trials.iter().map(|trial| (trial.stage, trial.events)).collect();
    assert_eq!(sums, [(Stage::Canary, 1), (Stage::Shadow, 1)]);
}

async fn what_differs_about_a_subject_is_exported_erased_and_removed_with_it(home: Home) {
    let (place, store) = fresh(home).await;
    let one = sent(&store, "one", Stage::Active).await;
    let two = sent(&store, "two", Stage::Shadow).await;
    let stricter = Some(Direction::Stricter);
    let mut gone = ran("gone", vec![run(&two, &one, stricter)]);
    let mut other = event("other");
    other.subject = "user-18".to_owned();
    let mut other = Entry {
        trials: Trials { policies: vec![run(&two, &one, stricter)], ..Trials::default() },
        ..entry_of(other, |_| {})
    };
    for entry in [&mut gone, &mut other] {
        would(entry, Action::SoftBlock);
        store.commit(entry).await.unwrap();
    }
    let (held, _) = store.held_events(SOURCE, "user-17", HeldAfter::default(), 50).await.unwrap();
    assert_eq!(held[0].policy_differences, store.policy_differences(two.id, 9).await.unwrap()[1..]);
    assert_eq!(held[0].policy_differences[0].with.action, Action::SoftBlock);

    store.erase(SOURCE, "user-17", "asked for", &engineer()).await.unwrap();
    let left = store.policy_differences(two.id, 9).await.unwrap();
    assert_eq!((left.len(), &*left[0].subject), (2, "user-18"));
    assert!(left[1].subject.starts_with("erased-"), "{left:?}");
    let named = "SELECT (SELECT count(*) FROM policy_trial_differences WHERE subject LIKE \
        'erased-%') + (SELECT count(*) FROM withheld WHERE subject LIKE 'erased-%')";
    let mut connection = place.connect().await;
    let named: i64 = sqlx::query_scalar(named).fetch_one(&mut connection).await.unwrap();
    assert_eq!(named, 2, "the pseudonym stands in both tables, and the name in none");
    connection.close().await.unwrap();

    let later = Timestamp::from_micros(Timestamp::now().micros() + 1);
    assert_eq!(store.prune(RetentionClass::Allowed, later).await.unwrap(), 2);
    assert_eq!(store.policy_differences(two.id, 9).await.unwrap(), []);
    let preview = store.mode_preview(SOURCE, Mode::Shadow, 7, 9).await.unwrap();
    assert_eq!((preview.subjects, preview.newest.len()), (0, 0));
}

/// Has an entry's decision say what it would have enforced.
fn would(entry: &mut Entry, action: Action) {
    let decision = Arc::make_mut(&mut entry.decision);
    let (scope, actions) = (action.usual_scope(), decision.actions.clone());
    decision.would =
        Some(Would { action, scope, actions, message: None, strike: None, case: None });
}

async fn what_shadow_mode_withheld_is_counted_by_action(home: Home) {
    let (_place, store) = fresh(home).await;
    let days =
        |days: i64| Timestamp::from_micros(Timestamp::now().micros() - days * 86_400 * 1_000_000);
    let cases = [
        ("e-1", "user-1", Action::SoftBlock, false, 0),
        ("e-2", "user-1", Action::SoftBlock, true, 1),
        ("e-3", "user-2", Action::HardBlock, false, 1),
        ("e-4", "user-3", Action::Allow, true, 1),
        ("e-5", "user-4", Action::Allow, false, 1),
        ("e-6", "user-5", Action::HardBlock, true, 9),
    ];
    let mut newest = Vec::new();
    for (id, subject, action, review, ago) in cases {
        let mut event = event(id);
        event.subject = subject.to_owned();
        let mut entry = entry_of(event, |decision| {
            decision.decided_at = days(ago);
            decision.review = review;
        });
        would(&mut entry, action);
        store.commit(&entry).await.unwrap();
        newest.push(entry.decision.id.to_string());
    }
    let mut enforced = entry_of(event("e-7"), |decision| decision.mode = Mode::Active);
    Arc::make_mut(&mut enforced.decision).action = Action::HardBlock;
    store.commit(&enforced).await.unwrap();

    let preview = store.mode_preview(SOURCE, Mode::Shadow, 7, 9).await.unwrap();
    assert_eq!((preview.decisions, preview.subjects, preview.reviews), (5, 2, 2));
    let actions: Vec<_> =
        preview.actions.iter().map(|it| (it.action, it.decisions, it.subjects)).collect();
    assert_eq!(actions, [(Action::HardBlock, 1, 1), (Action::SoftBlock, 2, 1)]);
    assert_eq!(preview.newest.len(), 3);
    assert_eq!(preview.newest[0].decision, newest[0]);
    let long = store.mode_preview(SOURCE, Mode::Shadow, 10, 1).await.unwrap();
    assert_eq!((long.decisions, long.subjects, long.reviews, long.newest.len()), (6, 3, 3, 1));
    let elsewhere = store.mode_preview("elsewhere", Mode::Shadow, 10, 1).await.unwrap();
    assert_eq!((elsewhere.decisions, elsewhere.actions), (0, Vec::new()));
}

async fn policies_of_the_first_schema_are_kept(home: Home) {
    let place = Place::new(home);
    Address::parse(&place.options).unwrap().prepare(true).unwrap();
    let mut connection = place.connect().await;
    let kind = connection.kind();
    let blob = |text: &str| {
        let hex = hex::encode(Digest::of(text.as_bytes()).as_bytes());
        match kind {
            Kind::Sqlite => format!("x'{hex}'"),
            Kind::Postgres => format!("'\\x{hex}'::bytea"),
        }
    };
    let Migration { title, .. } = MIGRATIONS[0];
    let (text, checksum) = (MIGRATIONS[0].text(kind), MIGRATIONS[0].checksum(kind));
    let [one, two, other] = ["one", "two", "other"].map(blob);
    let rows = format!(
        "CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, name TEXT NOT NULL, \
         checksum TEXT NOT NULL, applied_at BIGINT NOT NULL); {text}; \
         INSERT INTO schema_migrations VALUES (1, '{title}', '{checksum}', 0); \
         INSERT INTO policies VALUES ({one}, 'p', 1, 's', 'one', 5), ({two}, 'p', 2, 's', 'two', 6), \
         ({other}, 'q', 1, 't', 'other', 6); \
         INSERT INTO policy_deployments VALUES ('s', {two}, 'active', 'folder:p.toml', 7), \
         ('t', {other}, 'retired', 'bundle', 8);"
    );
    super::run(&mut connection, AssertSqlSafe(rows)).await.unwrap();
    connection.close().await.unwrap();

    let store = place.open().await;
    let rows = store.policy_versions("p", None, 9).await.unwrap();
    let stood: Vec<_> = rows
        .iter()
        .map(|row| (row.version, row.stage, row.served_at.map(Timestamp::micros)))
        .collect();
    assert_eq!(stood, [(2, Stage::Active, Some(7)), (1, Stage::Retired, Some(5))]);
    assert_eq!(rows[0].salt, rows[1].salt);
    assert_eq!(rows[0].origin, Origin::Folder("p.toml".to_owned()));
    let before = store.policies_that_served("s", 9).await.unwrap();
    assert_eq!(before, rows[1..], "there is a way back");
    let live = store.live_policies().await.unwrap();
    assert_eq!((live.len(), &*live[0].1), (1, "two"));
}
