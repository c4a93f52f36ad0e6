//! What begins later: it is told then, it holds up nothing, and who overturns it before keeps it from being
//! told. Time is what the turns say.

use std::collections::BTreeSet;

use super::super::outbox;
use super::super::{Claimed, Next};
use super::outbox::{asking, came_to, events, soon, turn};
use super::*;
use crate::model::ruling::Word;
use crate::model::{
    DeliveryId, DeliveryState, DestinationId, Identity, KeyId, Notice, Outgoing, OutgoingKind, Role,
};

on_both!(
    what_begins_later_is_told_then_and_holds_up_nothing,
    what_is_overturned_before_it_begins_is_lifted_and_not_told,
    nobody_is_told_of_a_lift_who_was_told_of_nothing,
    what_has_not_begun_goes_with_its_subject_and_its_decision
);

fn reviewer() -> Identity {
    Identity { key: KeyId::new(), role: Role::Reviewer, source: None, name: "ann".to_owned() }
}

/// A decision that holds a message back, and restricts its account from then on.
fn beginning(id: &str, subject: &str, begins_at: Timestamp) -> Entry {
    let event = Event { subject: subject.to_owned(), ..event(id) };
    let mut entry = entry_of(event, |decision| {
        decision.mode = Mode::Active;
        decision.actions = vec![
            ScopedAction::lasting(Action::SoftBlock, Scope::Message),
            ScopedAction {
                begins_at: Some(begins_at),
                ..ScopedAction::lasting(Action::Restriction, Scope::Account)
            },
        ];
        decision.message_later = Some("You are restricted.".to_owned());
    });
    entry.outgoing = Outgoing::of(&entry.decision, &BTreeSet::new());
    entry
}

/// What was claimed, by event, what is told, and on which scope.
fn told(claimed: &[Claimed]) -> Vec<(&str, OutgoingKind, Scope)> {
    let told = claimed.iter().map(|one| one.outgoing.as_ref().unwrap());
    told.map(|one| (one.event_id.as_str(), one.kind, one.scope)).collect()
}

async fn all_delivered(store: &Store, now: Timestamp, claimed: &[Claimed]) -> Vec<Claimed> {
    let tried: Vec<_> = claimed.iter().map(|one| came_to(one, Next::Delivered)).collect();
    turn(store, 1, now, &tried, 10).await
}

async fn what_begins_later_is_told_then_and_holds_up_nothing(home: Home) {
    let (_place, store) = fresh(home).await;
    let (now, begins) = (soon(), soon().plus_millis(3_600_000));
    let to = DestinationId::of(SOURCE);
    store.commit(&beginning("a-1", "ann", begins)).await.unwrap();
    store.commit(&asking("a-2", "ann", &[Scope::Message])).await.unwrap();
    let first = turn(&store, 1, now, &[], 10).await;
    assert_eq!(told(&first), [("a-1", OutgoingKind::Action, Scope::Message)]);
    let second = all_delivered(&store, now, &first).await;
    assert_eq!(events(&second), ["a-2"], "it does not wait for what begins later");
    assert!(all_delivered(&store, now, &second).await.is_empty());
    assert_eq!(store.next_delivery_due(&to).await.unwrap(), Some(begins));
    let before = Timestamp::from_micros(begins.micros() - 1);
    assert!(turn(&store, 1, before, &[], 10).await.is_empty());
    // It takes its place behind what is under way then.
    store.commit(&asking("a-3", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("a-4", "ann", &[Scope::Message])).await.unwrap();
    let third = turn(&store, 1, begins, &[], 10).await;
    assert_eq!(events(&third), ["a-3"]);
    let begun = all_delivered(&store, begins, &third).await;
    assert_eq!(told(&begun), [("a-1", OutgoingKind::Action, Scope::Account)]);
    let said = begun[0].outgoing.as_ref().unwrap();
    assert_eq!(said.begins_at, Some(begins));
    assert_eq!(said.message.as_deref(), Some("You are restricted."));
    assert_eq!(events(&all_delivered(&store, begins, &begun).await), ["a-4"]);
    // What begins by the time that it is written waits for nothing.
    store.commit(&beginning("b-1", "bob", Timestamp::now())).await.unwrap();
    let both = turn(&store, 1, soon(), &[], 10).await;
    let both = all_delivered(&store, soon(), &both).await;
    assert_eq!(told(&both), [("b-1", OutgoingKind::Action, Scope::Account)]);
}

async fn what_is_overturned_before_it_begins_is_lifted_and_not_told(home: Home) {
    let (_place, store) = fresh(home).await;
    let (now, begins) = (soon(), soon().plus_millis(3_600_000));
    let entry = beginning("a-1", "ann", begins);
    store.commit(&entry).await.unwrap();
    let first = turn(&store, 1, now, &[], 10).await;
    assert!(all_delivered(&store, now, &first).await.is_empty());
    store.rule(&entry.decision, Word::Overturned, "a nephew", &[], &reviewer()).await.unwrap();
    let account = DeliveryId::of_action(entry.decision.id, Scope::Account);
    let withdrawn = store.delivery(&account).await.unwrap().unwrap().0;
    assert_eq!(withdrawn.state, DeliveryState::Erased);
    // The answer said that it begins, so its platform has to hear that it does not.
    let mut lifted = turn(&store, 1, now, &[], 10).await;
    lifted.extend(all_delivered(&store, now, &lifted).await);
    let lifts = [Scope::Account, Scope::Message].map(|scope| ("a-1", OutgoingKind::Lift, scope));
    assert_eq!(told(&lifted), lifts);
    assert!(all_delivered(&store, now, &lifted[1..]).await.is_empty());
    assert!(turn(&store, 1, begins, &[], 10).await.is_empty(), "it never begins");
    // Who thinks better of it has it begin as it would have.
    store.rule(&entry.decision, Word::Upheld, "no nephew", &[], &reviewer()).await.unwrap();
    let again = turn(&store, 1, soon(), &[], 10).await;
    assert_eq!(told(&again), [("a-1", OutgoingKind::Action, Scope::Message)]);
    assert!(all_delivered(&store, soon(), &again).await.is_empty());
    let begun = turn(&store, 1, begins, &[], 10).await;
    assert_eq!(told(&begun), [("a-1", OutgoingKind::Action, Scope::Account)]);
}

async fn nobody_is_told_of_a_lift_who_was_told_of_nothing(home: Home) {
    let (_place, store) = fresh(home).await;
    let (now, begins) = (soon(), soon().plus_millis(3_600_000));
    let mut entry = beginning("a-1", "ann", begins);
    let notice = Notice {
        to: "ann@example.org".to_owned(),
        language: None,
        offset_minutes: None,
        event_type: "message.sent".to_owned(),
        lifts: true,
    };
    entry.outgoing.remove(0);
    entry.outgoing[0].notice = Some(notice);
    store.commit(&entry).await.unwrap();
    let rule = async |word| {
        store.rule(&entry.decision, word, "I looked", &[], &reviewer()).await.unwrap();
        turn(&store, 1, soon(), &[], 10).await
    };
    assert!(rule(Word::Overturned).await.is_empty());
    assert!(rule(Word::Upheld).await.is_empty());
    assert!(rule(Word::Overturned).await.is_empty());
    assert!(rule(Word::Upheld).await.is_empty());
    let begun = turn(&store, 1, begins, &[], 10).await;
    assert_eq!(told(&begun), [("a-1", OutgoingKind::Action, Scope::Account)]);
    let said = begun[0].outgoing.as_ref().unwrap();
    assert_eq!(said.message.as_deref(), Some("You are restricted."));
    assert!(all_delivered(&store, now, &begun).await.is_empty());
}

async fn what_has_not_begun_goes_with_its_subject_and_its_decision(home: Home) {
    let (_place, store) = fresh(home).await;
    let begins = soon().plus_millis(3_600_000);
    for (id, subject) in [("a-1", "ann"), ("b-1", "bob"), ("c-1", "cid")] {
        store.commit(&beginning(id, subject, begins)).await.unwrap();
    }
    let delayed = async || count(&store, "SELECT count(*) FROM delayed_deliveries").await;
    assert_eq!(delayed().await, 3);
    store.erase(SOURCE, "ann", "asked for", &reviewer()).await.unwrap();
    assert_eq!(delayed().await, 2);
    let claimed = turn(&store, 1, soon(), &[], 10).await;
    assert_eq!(events(&claimed), ["b-1", "c-1"]);
    let gone = claimed[0].outgoing.as_ref().unwrap().decision_id.to_string();
    let mut tx = store.inner.writer.begin().await.unwrap();
    outbox::remove(tx.connection().unwrap(), &[&gone]).await.unwrap();
    tx.commit_exempt("delivery_claims").await.unwrap();
    assert_eq!(delayed().await, 1);
    let next = all_delivered(&store, begins, &claimed[1..]).await;
    assert_eq!(told(&next), [("c-1", OutgoingKind::Action, Scope::Account)]);
}
