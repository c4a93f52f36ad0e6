//! What leaves: whose turn it is, who is at it, and what becomes of it. Time is what the turns say.

use std::collections::BTreeSet;

use sqlx::Row as _;

use super::super::delayed;
use super::super::deliveries::{ATTEMPTS, COUNT, DEAD, FORGET, OLDEST, REVIVE};
use super::super::dialect::Kind;
use super::super::outbox::{self, PROMOTE, WORDS};
use super::super::turn::{BEHIND, CLAIM, END, FOLLOWED, NEXT_DUE, POSTPONE, READ, UNCLAIM};
use super::super::{Claimed, DeliveryFilter, HeldAfter, Next, Tried, Turn, Wanted};
use super::*;
use crate::model::{
    Attempt, AttemptOutcome, DeliveryState, DestinationId, Identity, KeyId, Outgoing, Role,
};

on_both!(
    what_a_decision_asks_for_is_written_with_it_and_once,
    of_one_subject_one_is_under_way_in_the_order_of_the_commits,
    what_is_due_first_comes_first_and_no_more_than_wanted,
    two_servers_never_have_the_same_one,
    a_claim_runs_out_and_whoever_comes_late_ends_nothing,
    what_was_claimed_and_not_recorded_is_there_after_a_kill,
    what_cannot_be_read_is_told_apart_and_holds_up_no_other,
    what_is_dead_can_be_seen_and_is_replayed_in_its_order,
    what_was_tried_has_an_end_however_often_it_is_replayed,
    deliveries_are_found_by_source_and_state_in_pages_that_do_not_shift,
    what_is_about_an_erased_subject_is_not_sent,
    what_is_sealed_again_for_its_commit_can_be_sent,
    what_hangs_on_a_decision_goes_with_it
);

const CLAIM_MS: i64 = 15_000;

/// A decision about a subject that asks for actions on these scopes.
pub(super) fn asking(id: &str, subject: &str, scopes: &[Scope]) -> Entry {
    let event = Event { subject: subject.to_owned(), ..event(id) };
    let mut entry = entry_of(event, |decision| {
        decision.mode = Mode::Active;
        let action = |scope| ScopedAction::lasting(Action::SoftBlock, scope);
        decision.actions = scopes.iter().map(|scope| action(*scope)).collect();
    });
    entry.outgoing = Outgoing::of(&entry.decision, &BTreeSet::new());
    assert_eq!(entry.outgoing.len(), scopes.len());
    entry
}

/// A moment by which all that was written is due.
pub(super) fn soon() -> Timestamp {
    Timestamp::now().plus_millis(1_000)
}

/// A turn of a server at a moment.
pub(super) async fn turn(
    store: &Store,
    server: i64,
    now: Timestamp,
    tried: &[Tried],
    count: usize,
) -> Vec<Claimed> {
    let turn = Turn {
        server,
        tried,
        wanted: &[Wanted { to: DestinationId::of(SOURCE), count, behind: 0 }],
        now,
        claimed_until: now.plus_millis(CLAIM_MS),
        alerts: &[],
    };
    store.deliver(&turn).await.unwrap()
}

pub(super) fn came_to(claimed: &Claimed, next: Next) -> Tried {
    let delivered = next == Next::Delivered;
    Tried {
        seq: claimed.seq,
        to: claimed.to.clone(),
        attempts: claimed.attempts + 1,
        attempt: Some(Attempt {
            at: Timestamp::from_micros(7),
            outcome: if delivered { AttemptOutcome::Delivered } else { AttemptOutcome::Refused },
            status: Some(if delivered { 204 } else { 500 }),
            micros: 11,
            error: (!delivered).then(|| "it answered 500".to_owned()),
        }),
        next,
    }
}

/// Which events what was claimed is about.
pub(super) fn events(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|one| &*one.outgoing.as_ref().unwrap().event_id).collect()
}

async fn what_a_decision_asks_for_is_written_with_it_and_once(home: Home) {
    let (_place, store) = fresh(home).await;
    let first = asking("e-1", "ann", &[Scope::Message, Scope::Account]);
    store.commit(&first).await.unwrap();
    // The same event decided once more asks for nothing.
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("e-2", "ann", &[])).await.unwrap();
    assert_eq!(count(&store, "SELECT count(*) FROM outbox").await, 2);
    let claimed = turn(&store, 1, soon(), &[], 10).await;
    let id = &claimed[0].id;
    assert_eq!(id.to_string(), format!("{}.message", first.decision.id));
    assert_eq!(claimed[0].outgoing.as_ref().unwrap(), &first.outgoing[0]);
    // What fails with its decision is not there either.
    let mut refused = asking("e-3", "ann", &[Scope::Message]);
    refused.outgoing.push(refused.outgoing[0].clone());
    store.commit(&refused).await.unwrap_err();
    assert_eq!(count(&store, "SELECT count(*) FROM outbox").await, 2);
    assert_eq!(count(&store, "SELECT count(*) FROM events").await, 2);
}

async fn of_one_subject_one_is_under_way_in_the_order_of_the_commits(home: Home) {
    let (_place, store) = fresh(home).await;
    for (id, subject) in [("a-1", "ann"), ("a-2", "ann"), ("b-1", "bob"), ("a-3", "ann")] {
        store.commit(&asking(id, subject, &[Scope::Message])).await.unwrap();
    }
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 10).await;
    assert_eq!(events(&claimed), ["a-1", "b-1"]);
    assert_eq!(events(&turn(&store, 1, now, &[], 10).await), [""; 0]);
    // Bob's fails: that is nothing to Ann.
    let later = now.plus_millis(60_000);
    let tried = [came_to(&claimed[0], Next::Delivered), came_to(&claimed[1], Next::Again(later))];
    let next = turn(&store, 1, now, &tried, 10).await;
    assert_eq!(events(&next), ["a-2"]);
    // A failing one holds back its own subject until it is dead.
    let tried = [came_to(&next[0], Next::Again(later))];
    assert_eq!(events(&turn(&store, 1, now, &tried, 10).await), [""; 0]);
    assert_eq!(store.next_delivery_due(&DestinationId::of(SOURCE)).await.unwrap(), Some(later));
    let again = turn(&store, 1, later, &[], 10).await;
    assert_eq!(events(&again), ["a-2", "b-1"]);
    assert_eq!((again[0].attempts, again[1].attempts), (1, 1));
    let tried = [came_to(&again[0], Next::Dead), came_to(&again[1], Next::Delivered)];
    let last = turn(&store, 1, later, &tried, 10).await;
    assert_eq!(events(&last), ["a-3"]);
    turn(&store, 1, later, &[came_to(&last[0], Next::Delivered)], 10).await;
    assert_eq!(store.next_delivery_due(&DestinationId::of(SOURCE)).await.unwrap(), None);
    let ended = ["action.delivered", "action.dead", "action.delivered", "action.delivered"];
    assert_eq!(done(&store).await[4..], ended);
    assert_eq!(count(&store, "SELECT count(*) FROM delivery_attempts").await, 6);
    // What was delivered is no longer held here; what is dead can still be sent.
    let kept = "SELECT count(*) FROM outbox WHERE length(sealed) > 0 AND state = 'dead'";
    assert_eq!(count(&store, kept).await, 1);
    assert_eq!(count(&store, "SELECT count(*) FROM outbox WHERE length(sealed) > 0").await, 1);
}

async fn what_is_due_first_comes_first_and_no_more_than_wanted(home: Home) {
    let (_place, store) = fresh(home).await;
    for number in 0..5 {
        let subject = format!("user-{number}");
        store.commit(&asking(&format!("e-{number}"), &subject, &[Scope::Message])).await.unwrap();
    }
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 2).await;
    assert_eq!(events(&claimed), ["e-0", "e-1"]);
    let tried = [
        came_to(&claimed[0], Next::Again(now.plus_millis(20))),
        came_to(&claimed[1], Next::Again(now.plus_millis(10))),
    ];
    assert_eq!(
        events(&turn(&store, 1, now.plus_millis(30), &tried, 3).await),
        ["e-2", "e-3", "e-4"]
    );
    assert_eq!(events(&turn(&store, 1, now.plus_millis(30), &[], 1).await), ["e-1"]);
    assert_eq!(events(&turn(&store, 1, now.plus_millis(30), &[], 1).await), ["e-0"]);
}

async fn two_servers_never_have_the_same_one(home: Home) {
    let (place, one) = fresh(home).await;
    let two = place.open().await;
    for number in 0..40 {
        let subject = format!("user-{}", number % 10);
        one.commit(&asking(&format!("e-{number}"), &subject, &[Scope::Message])).await.unwrap();
    }
    let now = soon();
    let mut held: Vec<(Claimed, i64)> = Vec::new();
    for round in 0..8 {
        let mut seqs = Vec::new();
        for (server, store) in [(1, &one), (2, &two)] {
            let (mine, others): (Vec<_>, Vec<_>) =
                held.drain(..).partition(|(_, holder)| *holder == server);
            held = others;
            let tried: Vec<_> =
                mine.iter().map(|(claimed, _)| came_to(claimed, Next::Delivered)).collect();
            let claimed = turn(store, server, now, &tried, 5).await;
            seqs.extend(claimed.iter().map(|one| one.seq));
            held.extend(claimed.into_iter().map(|one| (one, server)));
        }
        let mut subjects: Vec<_> =
            held.iter().map(|(one, _)| one.outgoing.as_ref().unwrap().subject.clone()).collect();
        subjects.sort();
        subjects.dedup();
        assert_eq!(subjects.len(), held.len(), "two of one subject in round {round}");
    }
    assert_eq!(
        count(&one, "SELECT count(*) FROM outbox WHERE state = 'delivered'").await,
        40 - held.len() as i64
    );
    assert_eq!(held.len(), 0);
}

async fn a_claim_runs_out_and_whoever_comes_late_ends_nothing(home: Home) {
    let (place, one) = fresh(home).await;
    let two = place.open().await;
    one.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    let now = soon();
    let first = turn(&one, 1, now, &[], 1).await;
    assert_eq!(events(&turn(&two, 2, now.plus_millis(CLAIM_MS - 1), &[], 1).await), [""; 0]);
    let second = turn(&two, 2, now.plus_millis(CLAIM_MS), &[], 1).await;
    assert_eq!(events(&second), ["e-1"]);
    assert_eq!(second[0].outgoing.as_ref().unwrap(), first[0].outgoing.as_ref().unwrap());
    for next in [Next::Dead, Next::Again(now), Next::Delivered] {
        let late = turn(&one, 1, now, &[came_to(&first[0], next)], 1).await;
        assert_eq!(events(&late), [""; 0]);
        assert_eq!(count(&one, "SELECT count(*) FROM outbox WHERE state = 'pending'").await, 1);
    }
    turn(&two, 2, now, &[came_to(&second[0], Next::Delivered)], 1).await;
    assert_eq!(count(&one, "SELECT count(*) FROM outbox WHERE state = 'delivered'").await, 1);
}

async fn what_was_claimed_and_not_recorded_is_there_after_a_kill(home: Home) {
    let (place, store) = fresh(home).await;
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("e-2", "ann", &[Scope::Message])).await.unwrap();
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 1).await;
    let after = place.as_if_killed();
    let reopened = after.open().await;
    let again = turn(&reopened, 2, now.plus_millis(CLAIM_MS), &[], 1).await;
    assert_eq!((&again[0].id, events(&again)), (&claimed[0].id, vec!["e-1"]));
    // What is given back is due when it says.
    let back = Tried { attempt: None, attempts: 0, ..came_to(&again[0], Next::Again(now)) };
    assert_eq!(turn(&reopened, 2, now, &[back], 1).await[0].attempts, 0);
}

async fn what_cannot_be_read_is_told_apart_and_holds_up_no_other(home: Home) {
    let (place, store) = fresh(home).await;
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("e-2", "bob", &[Scope::Message])).await.unwrap();
    let mut other = place.connect().await;
    for text in [
        "UPDATE outbox SET sealed = x'00' WHERE seq = 1",
        "UPDATE outbox SET sealed = substr(sealed, 1, 0) WHERE seq = 2",
    ] {
        run(&mut other, place.words(text)).await.unwrap();
    }
    store.commit(&asking("e-3", "cy", &[Scope::Message])).await.unwrap();
    let claimed = turn(&store, 1, soon(), &[], 10).await;
    let errors: Vec<_> = claimed.iter().map(|one| one.outgoing.is_err()).collect();
    assert_eq!(errors, [true, true, false]);
}

fn somebody() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "me".to_owned() }
}

/// Has everything that is due come to nothing.
async fn bury(store: &Store, now: Timestamp) -> Vec<Claimed> {
    let (mut tried, mut dead) = (Vec::new(), Vec::new());
    loop {
        let claimed = turn(store, 1, now, &tried, 100).await;
        if claimed.is_empty() {
            return dead;
        }
        tried = claimed.iter().map(|one| came_to(one, Next::Dead)).collect();
        dead.extend(claimed);
    }
}

async fn what_is_dead_can_be_seen_and_is_replayed_in_its_order(home: Home) {
    let (_place, store) = fresh(home).await;
    for number in 0..3 {
        for subject in ["ann", "bob"] {
            let id = format!("{subject}-{number}");
            store.commit(&asking(&id, subject, &[Scope::Message])).await.unwrap();
        }
    }
    let dead = bury(&store, soon()).await;
    assert_eq!(dead.len(), 6);
    let backlog = store.delivery_backlog(&DestinationId::of(SOURCE)).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead, backlog.oldest), (0, 6, None));

    let one = &dead[2].id;
    let (delivery, tries) = store.delivery(one).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Dead, 1));
    assert_eq!((delivery.action, delivery.scope), (Action::SoftBlock, Scope::Message));
    assert_eq!(tries, [came_to(&dead[2], Next::Dead).attempt.unwrap()]);
    assert!(delivery.ended_at.is_some() && delivery.due_at.is_none());

    // While a later one of the subject is under way, what is replayed waits; then it goes first.
    store.commit(&asking("ann-3", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("ann-4", "ann", &[Scope::Message])).await.unwrap();
    let now = soon();
    let under_way = turn(&store, 1, now, &[], 10).await;
    assert_eq!(events(&under_way), ["ann-3"]);
    let who = somebody();
    assert_eq!(events(&dead[2..3]), ["ann-1"]);
    store.replay_delivery(one, "a test", &who).await.unwrap();
    let (delivery, _) = store.delivery(one).await.unwrap().unwrap();
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));
    assert_eq!(delivery.replayed_why.as_deref(), Some("a test"));
    let error = store.replay_dead(SOURCE, None, "for bob's sake", &who).await.unwrap_err();
    assert!(matches!(error, StoreError::Named), "{error}");
    let replayed = store.replay_dead(SOURCE, None, "all", &who).await.unwrap();
    assert_eq!((replayed.count, replayed.next), (5, None));
    let mut order = Vec::new();
    let mut claimed = under_way;
    while !claimed.is_empty() {
        order.extend(events(&claimed).iter().map(|event| (*event).to_owned()));
        let tried: Vec<_> = claimed.iter().map(|one| came_to(one, Next::Delivered)).collect();
        claimed = turn(&store, 1, soon(), &tried, 10).await;
    }
    let of = |subject: &str| {
        order.iter().filter(|event| event.starts_with(subject)).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("ann"), ["ann-3", "ann-0", "ann-1", "ann-2", "ann-4"]);
    assert_eq!(of("bob"), ["bob-0", "bob-1", "bob-2"]);

    for id in [one, &dead[0].id] {
        let error = store.replay_delivery(id, "again", &who).await.unwrap_err();
        assert!(message(error).contains("is delivered: only what is dead"));
    }
    let other = "019926c5-7a90-7e51-b2a4-30f1c51a2f0d.message".parse().unwrap();
    let error = store.replay_delivery(&other, "none", &who).await.unwrap_err();
    assert!(matches!(error, StoreError::Absence { .. }));
    assert_eq!(store.delivery(&other).await.unwrap(), None);
    assert_eq!(store.replay_dead(SOURCE, None, "none", &who).await.unwrap().count, 0);
    let audited = store.audit_entries(MIGRATED, 500).await.unwrap();
    let replays: Vec<_> = audited.iter().filter(|entry| entry.what.contains("replay")).collect();
    assert_eq!(replays.len(), 2);
    let why = &store.audit_documents(replays[0]).await.unwrap()["why"];
    assert!(why.ends_with(r#","why":"a test"}"#), "{why}");
    let digest = json!({"why": Digest::of(why.as_bytes())});
    assert_eq!((replays[0].object.as_str(), &replays[0].facts), (one.as_str(), &digest));
    assert_eq!((&replays[1].facts["count"], &replays[1].facts["why"]), (&json!(5), &json!("all")));
    assert_eq!(replays[1].actor, who.key.to_string());
}

async fn what_was_tried_has_an_end_however_often_it_is_replayed(home: Home) {
    let (_place, store) = fresh(home).await;
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    let mut id = None;
    for round in 0..40 {
        for _ in 0..5 {
            let claimed = turn(&store, 1, soon(), &[], 1).await;
            let again = [came_to(&claimed[0], Next::Again(Timestamp::from_micros(0)))];
            turn(&store, 1, soon(), &again, 0).await;
        }
        let dead = bury(&store, soon()).await;
        assert_eq!(dead[0].attempts, 5, "round {round}");
        store.replay_delivery(&dead[0].id, "again", &somebody()).await.unwrap();
        id = Some(dead[0].id.clone());
    }
    let (_, tries) = store.delivery(&id.unwrap()).await.unwrap().unwrap();
    assert_eq!(tries.len(), 100);
}

async fn deliveries_are_found_by_source_and_state_in_pages_that_do_not_shift(home: Home) {
    let (_place, store) = fresh(home).await;
    for number in 0..7 {
        store.commit(&asking(&format!("e-{number}"), "ann", &[Scope::Message])).await.unwrap();
    }
    let claimed = turn(&store, 1, soon(), &[], 1).await;
    turn(&store, 1, soon(), &[came_to(&claimed[0], Next::Dead)], 0).await;
    let find = async |source: &str, state, after, limit| {
        let source = Some(source.to_owned());
        store.deliveries(&DeliveryFilter { source, state, after, limit }).await.unwrap()
    };
    let pending = Some(DeliveryState::Pending);
    let first = find(SOURCE, pending, None, 4).await;
    store.commit(&asking("e-7", "ann", &[Scope::Message])).await.unwrap();
    let second = find(SOURCE, pending, first.next, 4).await;
    assert_eq!((first.deliveries.len(), second.deliveries.len(), second.next), (4, 2, None));
    let mut ids: Vec<_> =
        first.deliveries.iter().chain(&second.deliveries).map(|one| &one.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    let due: Vec<_> = second.deliveries.iter().map(|one| one.due_at.is_some()).collect();
    assert_eq!(due, [false, true], "only the first of the subject is due");
    assert_eq!(find(SOURCE, Some(DeliveryState::Dead), None, 4).await.deliveries.len(), 1);
    assert_eq!(find(SOURCE, None, None, 100).await.deliveries.len(), 8);
    assert_eq!(find("another", None, None, 100).await.deliveries, []);
    let backlog = store.delivery_backlog(&DestinationId::of(SOURCE)).await.unwrap();
    assert_eq!((backlog.pending, backlog.dead, backlog.oldest.is_some()), (7, 1, true));
}

async fn what_is_about_an_erased_subject_is_not_sent(home: Home) {
    let (_place, store) = fresh(home).await;
    let who = somebody();
    let mut ids = Vec::new();
    for (id, subject) in [("a-0", "ann"), ("a-1", "ann"), ("a-2", "ann"), ("b-0", "bob")] {
        let entry = asking(id, subject, &[Scope::Message]);
        store.commit(&entry).await.unwrap();
        ids.push(entry.outgoing[0].id.clone());
    }
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 10).await;
    assert_eq!(events(&claimed), ["a-0", "b-0"]);
    let next = turn(&store, 1, now, &[came_to(&claimed[0], Next::Delivered)], 10).await;
    let under_way = turn(&store, 1, now, &[came_to(&next[0], Next::Dead)], 10).await;
    assert_eq!(events(&under_way), ["a-2"]);
    // Until then whoever asks what is held is told what the platform was told.
    let (held, _) = store.held_events(SOURCE, "ann", HeldAfter::default(), 9).await.unwrap();
    let told: Vec<_> = held.iter().flat_map(|one| &one.deliveries).map(|one| &one.id).collect();
    assert_eq!(told, ids[..3].iter().collect::<Vec<_>>());
    store.erase(SOURCE, "ann", "asked for", &who).await.unwrap();
    // Whoever was at it ends nothing, and the other goes on.
    let tried = [came_to(&under_way[0], Next::Delivered), came_to(&claimed[1], Next::Again(now))];
    assert_eq!(events(&turn(&store, 1, now, &tried, 10).await), ["b-0"]);
    let mut states = Vec::new();
    for id in &ids {
        states.push(store.delivery(id).await.unwrap().unwrap().0.state);
    }
    use DeliveryState::{Delivered, Erased, Pending};
    assert_eq!(states, [Delivered, Erased, Erased, Pending]);
    assert_eq!(count(&store, "SELECT count(*) FROM outbox WHERE length(sealed) > 0").await, 1);
    assert_eq!(count(&store, "SELECT count(*) FROM delivery_claims").await, 1);
    let error = store.replay_delivery(&ids[1], "again", &who).await.unwrap_err();
    assert!(message(error).contains("is erased"));
    // A new life has its own order, and what is sealed for it is read with its own key.
    store.commit(&asking("a-3", "ann", &[Scope::Message])).await.unwrap();
    assert_eq!(events(&turn(&store, 1, soon(), &[], 10).await), ["a-3"]);
}

async fn what_is_sealed_again_for_its_commit_can_be_sent(home: Home) {
    let (_place, store) = fresh(home).await;
    store.commit(&asking("a-0", "ann", &[Scope::Message])).await.unwrap();
    let late = asking("a-1", "ann", &[Scope::Message, Scope::Account]);
    let sealed = late.seal(store.sealing(&late.event).await.unwrap()).unwrap();
    store.erase(SOURCE, "ann", "asked for", &somebody()).await.unwrap();
    store.commit_sealed(sealed).await.unwrap();
    let claimed = turn(&store, 1, soon(), &[], 10).await;
    assert_eq!(claimed[0].outgoing.as_ref().unwrap(), &late.outgoing[0]);
}

async fn what_hangs_on_a_decision_goes_with_it(home: Home) {
    let (_place, store) = fresh(home).await;
    for (id, subject) in [("a-0", "ann"), ("a-1", "ann"), ("b-0", "bob")] {
        store.commit(&asking(id, subject, &[Scope::Message, Scope::Thread])).await.unwrap();
    }
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 10).await;
    assert_eq!(events(&claimed), ["a-0", "b-0"]);
    let tried = claimed.iter().map(|one| came_to(one, Next::Again(now.plus_millis(60_000))));
    turn(&store, 1, now, &tried.collect::<Vec<_>>(), 0).await;
    let gone = claimed[0].outgoing.as_ref().unwrap().decision_id.to_string();
    let mut tx = store.inner.writer.begin().await.unwrap();
    outbox::remove(tx.connection().unwrap(), &[&gone]).await.unwrap();
    tx.commit_exempt("delivery_claims").await.unwrap();
    for (rows, left) in [
        ("SELECT count(*) FROM outbox", 4),
        ("SELECT count(*) FROM delivery_claims", 4),
        ("SELECT count(*) FROM delivery_attempts", 1),
    ] {
        assert_eq!(count(&store, rows).await, left, "{rows}");
    }
    assert_eq!(events(&turn(&store, 1, soon(), &[], 10).await), ["a-1"], "the next one comes");
}

#[tokio::test]
async fn a_turn_finds_its_rows_by_an_index() {
    let (_place, store) = fresh(Home::Sqlite).await;
    let over_rows = [
        &PROMOTE,
        &END,
        &UNCLAIM,
        &POSTPONE,
        &READ,
        &REVIVE,
        &FORGET,
        &outbox::FORGET,
        &FOLLOWED,
        &delayed::FORGET,
    ];
    let mut statements: Vec<String> =
        over_rows.iter().map(|rows| rows.text(Kind::Sqlite, 1).to_string()).collect();
    statements
        .extend([NEXT_DUE, CLAIM, BEHIND, ATTEMPTS, COUNT, OLDEST, DEAD, WORDS].map(str::to_owned));
    statements.extend([delayed::BEGIN, delayed::NEXT, delayed::WITHDRAW].map(str::to_owned));
    for bits in 0..4_u32 {
        let filter = DeliveryFilter {
            source: (bits & 1 > 0).then(String::new),
            state: (bits & 2 > 0).then_some(DeliveryState::Dead),
            ..DeliveryFilter::default()
        };
        statements.push(super::super::deliveries::statement(&filter));
    }
    for statement in statements {
        let mut tx = store.inner.writer.begin().await.unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(tx.connection().unwrap()).await.unwrap();
        tx.roll_back().await;
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        // What is scanned is what was handed over: `VALUES`, or a list of a few.
        let scanned =
            |table: &str| plan.iter().any(|step| step.split(' ').take(2).eq(["SCAN", table]));
        assert!(
            ![
                "outbox",
                "delivery_claims",
                "delayed_deliveries",
                "delivery_attempts",
                "a",
                "b",
                "c",
                "f",
                "o",
                "h"
            ]
            .into_iter()
            .any(scanned),
            "{statement}\n{plan:#?}"
        );
        assert!(!plan.concat().contains("TEMP B-TREE"), "{statement}\n{plan:#?}");
        assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{statement}\n{plan:#?}");
    }
}
