//! Alerts that rules of a policy ask for: one for each and its source, counted once a minute at most.

use super::outbox::soon;
use super::*;
use crate::model::{DestinationId, Wants};
use crate::store::{Turn, Wanted};

on_both!(
    what_decisions_ask_for_is_one_alert_that_is_counted_once_a_minute,
    what_is_asked_for_is_told_with_the_decision_or_not_at_all
);

const ASKED: &str = "shared-phone";
const MINUTE_MILLIS: i64 = 60_000;

fn asking_for(id: &str, alerts: &[&str]) -> Entry {
    let alerts = alerts.iter().map(|&name| name.to_owned()).collect();
    entry_of(event(id), |decision| decision.alerts = alerts)
}

async fn what_decisions_ask_for_is_one_alert_that_is_counted_once_a_minute(home: Home) {
    let (place, store) = fresh(home).await;
    let counts = async || {
        let all = store.alerts(None, 50).await.unwrap().into_iter();
        let mut counts: Vec<_> = all.map(|one| (one.object, one.count)).collect();
        counts.sort();
        counts
    };
    let alert = |name: &str, count| (name.to_owned(), count);
    store.commit(&asking_for("a", &[ASKED])).await.unwrap();
    store.commit(&asking_for("b", &["other", ASKED])).await.unwrap();
    assert_eq!(counts().await, [alert("other", 1), alert(ASKED, 1)]);
    assert_eq!(done(&store).await, ["decision", "alert.raised", "decision", "alert.raised"]);
    // What was asked for a minute ago is counted again, and only that.
    let ago = Timestamp::now().plus_millis(-MINUTE_MILLIS - 1).micros();
    let earlier = format!("UPDATE alerts SET at = {ago} WHERE object = '{ASKED}'");
    let mut connection = place.connect().await;
    run(&mut connection, AssertSqlSafe(earlier)).await.unwrap();
    for id in ["c", "d"] {
        store.commit(&asking_for(id, &["other", ASKED])).await.unwrap();
    }
    assert_eq!(counts().await, [alert("other", 1), alert(ASKED, 2)]);

    // Which is calm is said by when it was asked for last.
    let in_an_hour = Timestamp::now().plus_millis(60 * MINUTE_MILLIS);
    let calm = store.calm_alerts(in_an_hour.plus_millis(-MINUTE_MILLIS)).await.unwrap();
    assert_eq!(calm, []);
    let calm = store.calm_alerts(in_an_hour.plus_millis(1)).await.unwrap();
    assert_eq!(calm.len(), 2);
    for (at, resolved) in [(Timestamp::now(), false), (in_an_hour, true), (in_an_hour, false)] {
        assert_eq!(store.resolve_alert(&calm[0], &[], at).await.unwrap(), resolved);
    }
    // What asks for it now opens another.
    store.commit(&asking_for("e", &["other", ASKED])).await.unwrap();
    assert_eq!(counts().await.len(), 3);
}

async fn what_is_asked_for_is_told_with_the_decision_or_not_at_all(home: Home) {
    let (_place, store) = fresh(home).await;
    let wants = |name: &str, alerts| Wants { name: name.to_owned(), alerts, ..Wants::default() };
    let told = [wants("", true), wants("silent", false), wants("audit", true)];
    for id in ["a", "b", "a"] {
        let entry = Entry { wants: Some(told.to_vec().into()), ..asking_for(id, &[ASKED]) };
        store.commit(&entry).await.unwrap();
    }
    let alert = store.alerts(None, 50).await.unwrap().remove(0);
    for (name, count) in [("", 1), ("silent", 0), ("audit", 1)] {
        let to = DestinationId::named(SOURCE, name);
        let wanted = [Wanted { to, count: 10, behind: 0 }];
        let (now, claimed_until) = (soon(), soon().plus_millis(15_000));
        let turn = Turn { server: 1, tried: &[], wanted: &wanted, now, claimed_until, alerts: &[] };
        let claimed = store.deliver(&turn).await.unwrap();
        assert_eq!(claimed.len(), count, "{name}");
        for one in claimed {
            let news = one.outgoing.unwrap().alert.unwrap();
            assert_eq!((news.id.to_string(), &*news.rule), (alert.id.clone(), ASKED));
            assert_eq!((&*news.kind, news.resolved), ("rule.alert", false));
        }
    }
}
