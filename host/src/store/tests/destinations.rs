//! Destinations that want no more: what waits for them, and for how long.

use super::super::{Next, Tried, Turn, Wanted};
use super::outbox::{asking, came_to, events, soon, turn};
use super::*;
use crate::model::{DestinationId, Identity, KeyId, Outgoing, Role};

on_both!(
    what_waits_for_a_destination_waits_for_a_word,
    a_destination_that_is_enabled_without_end_fills_no_table,
    what_waits_behind_something_is_claimed_with_it_and_ended_with_it,
    what_follows_something_fails_for_itself_and_nothing_overtakes_it
);

fn admin() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "me".to_owned() }
}

async fn what_waits_for_a_destination_waits_for_a_word(home: Home) {
    let (_place, store) = fresh(home).await;
    for (id, subject) in [("a-1", "ann"), ("b-1", "bob"), ("a-2", "ann"), ("c-1", "cy")] {
        store.commit(&asking(id, subject, &[Scope::Message])).await.unwrap();
    }
    let now = soon();
    let claimed = turn(&store, 1, now, &[], 2).await;
    assert_eq!(events(&claimed), ["a-1", "b-1"]);
    // Both are told that it wants no more; that is news once, and nobody claims what is due.
    let tried: Vec<_> = claimed.iter().map(|one| came_to(one, Next::Gone)).collect();
    for (server, tried) in [(1, &tried[..1]), (1, &tried[1..]), (2, &[])] {
        assert_eq!(events(&turn(&store, server, now, tried, 10).await), [""; 0]);
    }
    assert_eq!(store.next_delivery_due(&DestinationId::of(SOURCE)).await.unwrap(), None);
    let disabled = store.disabled_destinations().await.unwrap();
    let [one] = disabled.as_slice() else { panic!("{disabled:?}") };
    assert_eq!((one.to.source.as_str(), one.at, &one.delivery), (SOURCE, now, &claimed[0].id));
    assert_eq!(count(&store, "SELECT count(*) FROM alerts").await, 1);
    assert_eq!(done(&store).await[4..], ["destination.disabled"]);
    assert_eq!(store.delivery_backlog(&DestinationId::of(SOURCE)).await.unwrap().pending, 4);

    store.enable_destination(&DestinationId::of(SOURCE), "a test", &admin()).await.unwrap();
    let error =
        store.enable_destination(&DestinationId::of(SOURCE), "again", &admin()).await.unwrap_err();
    assert!(matches!(&error, StoreError::NotDisabled { .. }), "{error}");
    assert_eq!(done(&store).await[4..], ["destination.disabled", "destination.enabled"]);
    let claimed = turn(&store, 2, now, &[], 10).await;
    assert_eq!(events(&claimed), ["a-1", "b-1", "c-1"], "in their order, each subject's first");
    let tries: Vec<u32> = claimed.iter().map(|one| one.attempts).collect();
    assert_eq!(tries, [0, 0, 0], "what a destination did not want was no failure of theirs");
    let tried: Vec<_> = claimed.iter().map(|one| came_to(one, Next::Delivered)).collect();
    assert_eq!(events(&turn(&store, 2, now, &tried, 10).await), ["a-2"]);
}

async fn a_destination_that_is_enabled_without_end_fills_no_table(home: Home) {
    let (_place, store) = fresh(home).await;
    store.commit(&asking("e-1", "ann", &[Scope::Message])).await.unwrap();
    for _ in 0..110 {
        let claimed = turn(&store, 1, soon(), &[], 1).await;
        turn(&store, 1, soon(), &[came_to(&claimed[0], Next::Gone)], 0).await;
        store.enable_destination(&DestinationId::of(SOURCE), "a test", &admin()).await.unwrap();
    }
    assert_eq!(count(&store, "SELECT count(*) FROM delivery_attempts").await, 100);
}

async fn what_waits_behind_something_is_claimed_with_it_and_ended_with_it(home: Home) {
    let (_place, store) = fresh(home).await;
    let to = DestinationId::named(SOURCE, "mail");
    for id in ["a-1", "a-2", "a-3"] {
        let mut entry = asking(id, "ann", &[Scope::Message]);
        let named = entry.outgoing[0].clone();
        let id = named.id.to("mail");
        entry.outgoing.push(Outgoing { id, destination: "mail".to_owned(), ..named });
        store.commit(&entry).await.unwrap();
    }
    let now = soon();
    let turn = async |server, tried: &[Tried], behind| {
        let wanted = [Wanted { to: to.clone(), count: 10, behind }];
        let claimed_until = now.plus_millis(15_000);
        let turn = Turn { server, tried, wanted: &wanted, now, claimed_until, alerts: &[] };
        store.deliver(&turn).await.unwrap()
    };
    let claimed = turn(1, &[], 1).await;
    let behind: Vec<bool> = claimed.iter().map(|one| one.behind.is_some()).collect();
    assert_eq!((events(&claimed), behind), (vec!["a-1", "a-2"], vec![false, true]));
    // Only what was due comes again, where it failed: what is behind it waits on.
    let tried = [came_to(&claimed[0], Next::Again(now))];
    let again = turn(1, &tried, 10).await;
    assert_eq!(events(&again), ["a-1", "a-2", "a-3"]);
    // Who has not claimed them ends none of them.
    let tried: Vec<_> = again.iter().map(|one| came_to(one, Next::Delivered)).collect();
    assert!(turn(2, &tried, 10).await.is_empty());
    assert_eq!(store.delivery_backlog(&to).await.unwrap().pending, 3);
    assert!(turn(1, &tried, 10).await.is_empty());
    assert_eq!(store.delivery_backlog(&to).await.unwrap().pending, 0);
    assert_eq!(store.next_delivery_due(&to).await.unwrap(), None);
    // The endpoint without a name has its own order.
    assert_eq!(store.delivery_backlog(&DestinationId::of(SOURCE)).await.unwrap().pending, 3);
}

async fn what_follows_something_fails_for_itself_and_nothing_overtakes_it(home: Home) {
    let (_place, store) = fresh(home).await;
    for (id, subject) in
        [("a-0", "ann"), ("a-1", "ann"), ("a-2", "ann"), ("a-3", "ann"), ("b-0", "bob")]
    {
        store.commit(&asking(id, subject, &[Scope::Message])).await.unwrap();
    }
    let to = DestinationId::of(SOURCE);
    let turn = async |now: Timestamp, tried: &[Tried], count| {
        let wanted = [Wanted { to: to.clone(), count, behind: 2 }];
        let claimed_until = now.plus_millis(15_000);
        let turn = Turn { server: 1, tried, wanted: &wanted, now, claimed_until, alerts: &[] };
        store.deliver(&turn).await.unwrap()
    };
    let now = soon();
    let claimed = turn(now, &[], 10).await;
    assert_eq!(events(&claimed), ["a-0", "a-1", "a-2", "b-0"], "as much behind as is wanted");
    let behind: Vec<Option<i64>> = claimed.iter().map(|one| one.behind).collect();
    let head = Some(claimed[0].seq);
    assert_eq!(behind, [None, head, head, None]);
    // The first came through, the second did not, and nothing was sent of what is behind that.
    let later = now.plus_millis(60_000);
    let tried = [came_to(&claimed[0], Next::Delivered), came_to(&claimed[1], Next::Again(later))];
    assert!(turn(now, &tried, 10).await.is_empty(), "nothing overtakes what waits");
    assert_eq!(store.next_delivery_due(&to).await.unwrap(), Some(now.plus_millis(15_000)), "bob's");
    let again = turn(later, &[], 10).await;
    assert_eq!(events(&again), ["a-1", "a-2", "a-3", "b-0"]);
    assert_eq!((again[0].attempts, again[1].attempts), (1, 0));
    // One that is dead lets the next come at once.
    let tried = [came_to(&again[0], Next::Delivered), came_to(&again[1], Next::Dead)];
    assert_eq!(events(&turn(later, &tried, 10).await), ["a-3"]);
}
