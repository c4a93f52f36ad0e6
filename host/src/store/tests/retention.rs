//! Retention: what goes with its age, what is held, and what of a subject nobody speaks of any more.

use super::super::{Filter, HoldCursor};
use super::*;
use crate::model::ruling::Word;
use crate::model::{
    Identity, KeyId, Mode, Restriction, RetentionClass, Role, StandingChange, Strike,
};

on_both!(
    what_is_too_old_goes_by_class_with_all_that_hangs_on_it,
    what_is_held_stays_until_it_is_released,
    what_still_counts_outlives_its_decision,
    a_batch_at_a_time_until_nothing_is_left,
    every_hold_is_on_one_page,
);

fn officer() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "dpo".to_owned() }
}

/// A decision about somebody, made at a time.
fn made(id: &str, subject: &str, action: Action, at: i64) -> Entry {
    let mut event = event(id);
    event.subject = subject.to_owned();
    entry_of(event, |decision| {
        decision.action = action;
        decision.decided_at = Timestamp::from_micros(at);
    })
}

fn before(at: i64) -> Timestamp {
    Timestamp::from_micros(at)
}

async fn left(store: &Store, subject: &str) -> usize {
    let filter = Filter { subject: Some(subject.to_owned()), limit: 9, ..Filter::default() };
    store.decisions(&filter).await.unwrap().decisions.len()
}

async fn rows(place: &Place, table: &str) -> i64 {
    let text = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(text).fetch_one(&mut place.connect().await).await.unwrap()
}

async fn what_is_too_old_goes_by_class_with_all_that_hangs_on_it(home: Home) {
    let (place, store) = fresh(home).await;
    let old = made("e-1", "user-1", Action::Allow, 1_000);
    let enforced = made("e-2", "user-1", Action::SoftBlock, 1_000);
    let young = made("e-3", "user-2", Action::Allow, 9_000);
    for entry in [&old, &enforced, &young] {
        store.commit(entry).await.unwrap();
    }
    store.rule(&old.decision, Word::Upheld, "it was right", &[], &officer()).await.unwrap();
    let labels = rows(&place, "decision_labels").await;

    assert_eq!(store.prune(RetentionClass::Allowed, before(1_000)).await.unwrap(), 0);
    assert_eq!(store.prune(RetentionClass::Allowed, before(1_001)).await.unwrap(), 1);
    assert_eq!(store.decision(old.decision.id).await.unwrap(), None);
    assert_eq!(store.ruling(old.decision.id).await.unwrap(), None);
    let claimed = store.claim(SOURCE, "e-1").await;
    assert!(matches!(claimed, Err(StoreError::Spent)), "{claimed:?}");
    assert_eq!(rows(&place, "spent_events").await, 1);
    assert_eq!((left(&store, "user-1").await, left(&store, "user-2").await), (1, 1));
    assert_eq!(rows(&place, "decision_labels").await * 3, labels * 2);
    assert_eq!(rows(&place, "events").await, 2);

    // With the last that is there of a subject goes its key.
    assert_eq!(store.prune(RetentionClass::Enforced, before(2_000)).await.unwrap(), 1);
    let row = sqlx::query_scalar::<_, i64>(
        "SELECT count(*) FROM subject_keys WHERE id <> '0000000000000000'",
    );
    assert_eq!(row.fetch_one(&mut place.connect().await).await.unwrap(), 1);

    let told: Vec<_> = store.audit_entries(0, 99).await.unwrap();
    let told: Vec<_> = told.iter().filter(|row| row.what == "record.pruned").collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&*told[0].object, &told[0].facts["decisions"]), ("allowed", &json!(1)));
    store.close().await.unwrap();
}

async fn what_is_held_stays_until_it_is_released(home: Home) {
    let (_place, store) = fresh(home).await;
    store.commit(&made("e-1", "user-1", Action::Allow, 1_000)).await.unwrap();
    store.commit(&made("e-2", "user-2", Action::Allow, 1_000)).await.unwrap();
    let hold = store.hold(SOURCE, "user-1", "case 118", &officer()).await.unwrap();
    assert_eq!((&*hold.subject, &*hold.why, hold.released_at), ("user-1", "case 118", None));
    let again = store.hold(SOURCE, "user-1", "another case", &officer()).await.unwrap();
    assert_eq!(again, hold, "it is held already");
    let error = store.hold(SOURCE, "nobody", "case 118", &officer()).await.unwrap_err();
    assert!(matches!(error, StoreError::Absence { .. }), "{error}");

    assert_eq!(store.prune(RetentionClass::Allowed, before(2_000)).await.unwrap(), 1);
    assert_eq!((left(&store, "user-1").await, left(&store, "user-2").await), (1, 0));
    let error = store.erase(SOURCE, "user-1", "asked for", &officer()).await.unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "{error}");

    let released = store.release(&hold.id, "user-1 gave up", &officer()).await.unwrap();
    assert!(released.released_at.is_some());
    assert_eq!(released.released_why.as_deref(), Some("user-1 gave up"));
    let log = store.audit_entries_of(&hold.id, 0, 9).await.unwrap();
    let why = &store.audit_documents(&log[1]).await.unwrap()["why"];
    assert!(why.ends_with(r#","why":"user-1 gave up"}"#), "{why}");
    assert_eq!(log[1].facts, json!({"why": Digest::of(why.as_bytes())}));
    assert_eq!(store.holds(None, None, 9).await.unwrap().holds, [released]);
    let error = store.release(&hold.id, "closed", &officer()).await.unwrap_err();
    assert!(matches!(error, StoreError::Absence { .. }), "{error}");
    assert_eq!(store.prune(RetentionClass::Allowed, before(2_000)).await.unwrap(), 1);
    store.close().await.unwrap();
}

async fn what_still_counts_outlives_its_decision(home: Home) {
    let (place, store) = fresh(home).await;
    let at = Timestamp::from_micros;
    let later = Timestamp::now().plus_millis(86_400_000).micros();
    let ends = [("e-1", "user-1", 1_500), ("e-2", "user-1", later), ("e-3", "user-2", 1_500)];
    for (id, subject, end) in ends {
        let strike = Some(Strike { number: 1, expires_at: at(end) });
        let cooldown =
            Restriction { action: Action::Cooldown, since: at(1_000), expires_at: Some(at(end)) };
        let restriction = Some(cooldown);
        let change = StandingChange { at: at(1_000), strike, restriction, case: None };
        let entry = made(id, subject, Action::SoftBlock, 1_000);
        store.commit(&Entry { change: Some(change), ..entry }).await.unwrap();
    }
    let hold = store.hold(SOURCE, "user-2", "case 118", &officer()).await.unwrap();
    // A younger class takes nothing that an older one still has.
    store.commit(&made("e-4", "user-3", Action::Allow, 1_000)).await.unwrap();
    assert_eq!(store.prune(RetentionClass::Allowed, before(2_000)).await.unwrap(), 1);
    assert_eq!((rows(&place, "strikes").await, rows(&place, "restrictions").await), (3, 3));
    assert_eq!(store.prune(RetentionClass::Enforced, before(2_000)).await.unwrap(), 2);
    // One has ended; one counts on; one is of somebody who is held.
    let counts = async || (rows(&place, "strikes").await, rows(&place, "restrictions").await);
    assert_eq!(counts().await, (2, 2));
    let standing = store.standing(SOURCE, "user-1", Mode::Shadow, at(2_000)).await.unwrap();
    assert_eq!((standing.strikes, standing.restrictions.len()), (1, 1));
    store.release(&hold.id, "closed", &officer()).await.unwrap();
    assert_eq!(store.prune(RetentionClass::Enforced, before(2_000)).await.unwrap(), 1);
    assert_eq!(counts().await, (1, 1));
    store.close().await.unwrap();
}

async fn every_hold_is_on_one_page(home: Home) {
    let (_place, store) = fresh(home).await;
    let mut expected = Vec::new();
    for number in 0..9 {
        let subject = format!("user-{number}");
        store.commit(&made(&format!("e-{number}"), &subject, Action::Allow, 1)).await.unwrap();
        let hold = store.hold(SOURCE, &subject, "case 118", &officer()).await.unwrap();
        if number % 2 == 0 {
            store.release(&hold.id, "closed", &officer()).await.unwrap();
        }
        expected.push((number % 2 == 0, std::cmp::Reverse(hold.id)));
    }
    // Those in force first, and of either kind the newest.
    expected.sort();
    let expected: Vec<String> = expected.into_iter().map(|(_, id)| id.0).collect();
    for limit in 1..=10 {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.holds(Some(SOURCE), after.as_ref(), limit).await.unwrap();
            assert!(page.holds.len() == limit || page.next.is_none(), "{limit}");
            seen.extend(page.holds.into_iter().map(|hold| hold.id));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, expected, "{limit}");
    }
    assert_eq!(store.holds(None, None, 99).await.unwrap().holds.len(), 9);
    assert_eq!(store.holds(Some("elsewhere"), None, 99).await.unwrap().holds, []);
    assert!("AAAA".parse::<HoldCursor>().is_err());
    store.close().await.unwrap();
}

async fn a_batch_at_a_time_until_nothing_is_left(home: Home) {
    let (place, store) = fresh(home).await;
    for number in 0..230 {
        let entry = made(&format!("e-{number}"), "user-1", Action::Allow, 1_000 + number);
        store.commit(&entry).await.unwrap();
    }
    let mut gone = Vec::new();
    loop {
        match store.prune(RetentionClass::Allowed, before(1_220)).await.unwrap() {
            0 => break,
            some => gone.push(some),
        }
    }
    assert_eq!(gone, [200, 20]);
    assert_eq!(rows(&place, "decisions").await, 10);
    store.close().await.unwrap();
}
