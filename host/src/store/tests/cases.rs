//! Cases: what a batch adds to them, how they end, and what becomes of them when their decisions go.

use super::super::CaseFilter;
use super::*;
use crate::model::ruling::Word;
use crate::model::{Case, CaseState, Identity, KeyId, RetentionClass, Role};

on_both!(
    a_batch_opens_and_joins,
    the_database_itself_lets_one_be_open,
    a_case_goes_with_the_last_of_its_decisions,
    a_case_whose_open_questions_are_gone_is_over,
    what_is_held_keeps_its_case
);

fn reviewer() -> Identity {
    Identity { key: KeyId::new(), role: Role::Reviewer, source: None, name: "ann".to_owned() }
}

/// A decision of a case, made at a time.
fn made(id: &str, action: Action, at: i64, joins: Option<DecisionId>) -> Entry {
    let entry = entry_of(event(id), |decision| {
        decision.action = action;
        decision.decided_at = Timestamp::from_micros(at);
    });
    in_case(entry, "contacts", joins)
}

async fn read(store: &Store, id: DecisionId) -> Case {
    store.case(id).await.unwrap().expect("it is there")
}

async fn a_batch_opens_and_joins(home: Home) {
    let (_place, store) = fresh(home).await;
    meet(&store).await;
    let first = made("e-1", Action::Nudge, 1_000, None);
    let id = first.decision.id;
    let mut worse = made("e-2", Action::HardBlock, 3_000, Some(id));
    Arc::make_mut(&mut worse.decision).score = Score::from_unit(0.9);
    let late = made("e-3", Action::Allow, 2_000, Some(id));
    let mut shadow = made("e-4", Action::Allow, 9_000, None);
    Arc::make_mut(&mut shadow.decision).mode = Mode::Shadow;
    let commits = [&first, &worse, &late, &shadow].map(|entry| store.commit(entry));
    futures::future::try_join_all(commits).await.unwrap();
    let case = read(&store, id).await;
    assert_eq!(
        (&*case.subject, &*case.matter, case.state),
        ("user-17", "contacts", CaseState::Open)
    );
    assert_eq!(
        (case.decisions, case.score, case.action),
        (3, Score::from_unit(0.9), Action::HardBlock)
    );
    assert_eq!((case.opened_at.micros(), case.last_at.micros()), (1_000, 3_000));
    // What comes in a later one joins it in the same way.
    let mild = made("e-5", Action::Allow, 4_000, Some(id));
    store.commit(&mild).await.unwrap();
    let case = read(&store, id).await;
    assert_eq!(
        (case.decisions, case.score, case.action),
        (4, Score::from_unit(0.9), Action::HardBlock)
    );
    assert_eq!(case.last_at.micros(), 4_000);
    let all = store.cases(&CaseFilter { limit: 9, ..CaseFilter::default() }).await.unwrap();
    assert_eq!((all.cases, all.next), (vec![case], None));
    let within = store.decisions_of_case(id, None, false, 9).await.unwrap();
    let own = [&first, &worse, &late, &mild].map(|entry| entry.decision.id);
    assert_eq!(within, own);
    assert_eq!(store.decisions_of_case(id, Some(own[1]), true, 1).await.unwrap(), [own[2]]);
    store.close().await.unwrap();
}

async fn the_database_itself_lets_one_be_open(home: Home) {
    let (_place, store) = fresh(home).await;
    let first = made("e-1", Action::Nudge, 1_000, None);
    store.commit(&first).await.unwrap();
    let second = made("e-2", Action::Nudge, 2_000, None);
    let error = store.commit(&second).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert_eq!(store.decision(second.decision.id).await.unwrap(), None, "nothing of it is there");
    store.rule(&first.decision, Word::Upheld, "it was right", &[], &reviewer()).await.unwrap();
    store.commit(&second).await.unwrap();
    assert_eq!(read(&store, second.decision.id).await.state, CaseState::Open);
    store.close().await.unwrap();
}

async fn a_case_goes_with_the_last_of_its_decisions(home: Home) {
    let (place, store) = fresh(home).await;
    let first = made("e-1", Action::Allow, 1_000, None);
    let id = first.decision.id;
    let second = made("e-2", Action::SoftBlock, 1_000, Some(id));
    for entry in [&first, &second] {
        store.commit(entry).await.unwrap();
    }
    let before = Timestamp::from_micros(2_000);
    assert_eq!(store.prune(RetentionClass::Allowed, before).await.unwrap(), 1);
    let case = read(&store, id).await;
    assert_eq!((case.decisions, case.state, &*case.subject), (1, CaseState::Open, "user-17"));
    assert_eq!(store.decisions_of_case(id, None, false, 9).await.unwrap(), [second.decision.id]);
    assert_eq!(store.prune(RetentionClass::Enforced, before).await.unwrap(), 1);
    assert_eq!(store.case(id).await.unwrap(), None);
    let left = "SELECT (SELECT count(*) FROM cases) + (SELECT count(*) FROM case_decisions)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut place.connect().await).await.unwrap();
    assert_eq!(left, 0);
    store.close().await.unwrap();
}

async fn a_case_whose_open_questions_are_gone_is_over(home: Home) {
    let (_place, store) = fresh(home).await;
    let first = made("e-1", Action::SoftBlock, 1_000, None);
    let id = first.decision.id;
    let unruled = made("e-2", Action::Allow, 1_000, Some(id));
    for entry in [&first, &unruled] {
        store.commit(entry).await.unwrap();
    }
    store.rule(&first.decision, Word::Overturned, "it was wrong", &[], &reviewer()).await.unwrap();
    assert_eq!(read(&store, id).await.state, CaseState::Open);
    let before = Timestamp::from_micros(2_000);
    assert_eq!(store.prune(RetentionClass::Allowed, before).await.unwrap(), 1);
    let case = read(&store, id).await;
    assert_eq!((case.state, case.ended_at.is_some()), (CaseState::Overturned, true));
    store.close().await.unwrap();
}

async fn what_is_held_keeps_its_case(home: Home) {
    let (_place, store) = fresh(home).await;
    let first = made("e-1", Action::Allow, 1_000, None);
    store.commit(&first).await.unwrap();
    let hold = store.hold(SOURCE, "user-17", "a lawsuit", &reviewer()).await.unwrap();
    let before = Timestamp::from_micros(2_000);
    assert_eq!(store.prune(RetentionClass::Allowed, before).await.unwrap(), 0);
    assert_eq!(read(&store, first.decision.id).await.decisions, 1);
    store.release(&hold.id, "it is over", &reviewer()).await.unwrap();
    assert_eq!(store.prune(RetentionClass::Allowed, before).await.unwrap(), 1);
    assert_eq!(store.case(first.decision.id).await.unwrap(), None);
    store.close().await.unwrap();
}
