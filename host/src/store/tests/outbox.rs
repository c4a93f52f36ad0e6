//! What leaves: whose turn it is, who is at it, and what becomes of it. Time is what the turns say.

use sqlx::Row as _;

use super::super::outbox::PROMOTE;
use super::super::turn::{CLAIM, END, NEXT_DUE, POSTPONE, READ, UNCLAIM};
use super::super::{Claimed, Next, Tried, Turn};
use super::*;
use crate::model::{Attempt, AttemptOutcome, Outgoing};

const CLAIM_MS: i64 = 15_000;

/// A decision about a subject that asks for actions on these scopes.
fn asking(id: &str, subject: &str, scopes: &[Scope]) -> Entry {
    let event = Event { subject: subject.to_owned(), ..event(id) };
    let mut entry = entry_of(event, |decision| {
        decision.mode = Mode::Active;
        let action = |scope| ScopedAction { action: Action::SoftBlock, scope, expires_at: None };
        decision.actions = scopes.iter().map(|scope| action(*scope)).collect();
    });
    entry.outgoing = Outgoing::of(&entry.decision);
    assert_eq!(entry.outgoing.len(), scopes.len());
    entry
}

/// A moment by which all that was written is due.
fn soon() -> Timestamp {
    Timestamp::now().plus_millis(1_000)
}

/// A turn of a server at a moment.
async fn turn(
    store: &Store,
    server: i64,
    now: Timestamp,
    tried: &[Tried],
    count: usize,
) -> Vec<Claimed> {
    let turn = Turn {
        server,
        tried,
        wanted: &[(SOURCE, count)],
        now,
        claimed_until: now.plus_millis(CLAIM_MS),
        alerts: &[],
    };
    store.deliver(&turn).await.unwrap()
}

fn came_to(claimed: &Claimed, next: Next) -> Tried {
    let delivered = next == Next::Delivered;
    Tried {
        seq: claimed.seq,
        source: claimed.source.clone(),
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
fn events(claimed: &[Claimed]) -> Vec<&str> {
    claimed.iter().map(|one| &*one.outgoing.as_ref().unwrap().event_id).collect()
}

#[tokio::test]
async fn what_a_decision_asks_for_is_written_with_it_and_once() {
    let (_place, store) = fresh().await;
    let first = asking("e-1", "ann", &[Scope::Message, Scope::Account]);
    // The same event decided twice: one of them asks for nothing.
    let second = asking("e-1", "ann", &[Scope::Message]);
    futures::future::join_all([&first, &second].map(|entry| store.commit(entry))).await;
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

#[tokio::test]
async fn of_one_subject_one_is_under_way_in_the_order_of_the_commits() {
    let (_place, store) = fresh().await;
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
    assert_eq!(store.next_delivery_due(SOURCE).await.unwrap(), Some(later));
    let again = turn(&store, 1, later, &[], 10).await;
    assert_eq!(events(&again), ["a-2", "b-1"]);
    assert_eq!((again[0].attempts, again[1].attempts), (1, 1));
    let tried = [came_to(&again[0], Next::Dead), came_to(&again[1], Next::Delivered)];
    let last = turn(&store, 1, later, &tried, 10).await;
    assert_eq!(events(&last), ["a-3"]);
    turn(&store, 1, later, &[came_to(&last[0], Next::Delivered)], 10).await;
    assert_eq!(store.next_delivery_due(SOURCE).await.unwrap(), None);
    let ended = ["action.delivered", "action.dead", "action.delivered", "action.delivered"];
    assert_eq!(done(&store).await[4..], ended);
    assert_eq!(count(&store, "SELECT count(*) FROM delivery_attempts").await, 6);
    // What was delivered is no longer held here; what is dead can still be sent.
    let kept = "SELECT count(*) FROM outbox WHERE sealed IS NOT NULL AND state = 'dead'";
    assert_eq!(count(&store, kept).await, 1);
    assert_eq!(count(&store, "SELECT count(*) FROM outbox WHERE sealed IS NOT NULL").await, 1);
}

#[tokio::test]
async fn what_is_due_first_comes_first_and_no_more_than_wanted() {
    let (_place, store) = fresh().await;
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

#[tokio::test]
async fn two_servers_never_have_the_same_one() {
    let (place, one) = fresh().await;
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

#[tokio::test]
async fn a_claim_runs_out_and_whoever_comes_late_ends_nothing() {
    let (place, one) = fresh().await;
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

#[tokio::test]
async fn what_was_claimed_and_not_recorded_is_there_after_a_kill() {
    let (place, store) = fresh().await;
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("e-2", "ann", &[Scope::Message])).await.unwrap();
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 1).await;
    let after = place.as_if_killed();
    let reopened = after.open().await;
    let again = turn(&reopened, 2, now.plus_millis(CLAIM_MS), &[], 1).await;
    assert_eq!((&again[0].id, events(&again)), (&claimed[0].id, vec!["e-1"]));
    // What is given back is due when it says.
    let back = Tried { attempt: None, attempts: 0, ..came_to(&claimed[0], Next::Again(now)) };
    assert_eq!(turn(&store, 1, now, &[back], 1).await[0].attempts, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_apart_and_holds_up_no_other() {
    let (_place, store) = fresh().await;
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    store.commit(&asking("e-2", "bob", &[Scope::Message])).await.unwrap();
    for statement in [
        "UPDATE outbox SET sealed = x'00' WHERE seq = 1 RETURNING seq",
        "UPDATE outbox SET sealed = NULL WHERE seq = 2 RETURNING seq",
    ] {
        assert!(store.inner.writer.pragma(statement).await.unwrap() > 0);
    }
    store.commit(&asking("e-3", "cy", &[Scope::Message])).await.unwrap();
    let claimed = turn(&store, 1, soon(), &[], 10).await;
    let errors: Vec<_> = claimed.iter().map(|one| one.outgoing.is_err()).collect();
    assert_eq!(errors, [true, true, false]);
}

#[tokio::test]
async fn a_turn_finds_its_rows_by_an_index() {
    let (_place, store) = fresh().await;
    let over_rows =
        [&PROMOTE, &END, &UNCLAIM, &POSTPONE, &READ].map(|rows| rows.text(1).to_string());
    for statement in [NEXT_DUE, CLAIM].map(str::to_owned).into_iter().chain(over_rows) {
        let mut tx = store.inner.writer.begin().await.unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(tx.connection().unwrap()).await.unwrap();
        tx.roll_back().await;
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        // What is scanned is what was handed over: `VALUES`, or a list of a few.
        let scanned =
            |table: &str| plan.iter().any(|step| step.starts_with(&format!("SCAN {table}")));
        assert!(
            !["outbox", "delivery_claims", "c", "o", "h"].into_iter().any(scanned),
            "{statement}\n{plan:#?}"
        );
        assert!(plan.iter().any(|step| step.starts_with("SEARCH")), "{statement}\n{plan:#?}");
    }
}
