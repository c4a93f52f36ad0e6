//! Observations: written with their events, read exactly, filled afterwards, and gone with whom they are of.

use super::super::{Asked, FeatureRow, OBSERVATIONS_MAX};
use super::*;
use crate::model::{
    Definition, DefinitionId, Function, Identity, Input, KeyId, Observation, RetentionClass, Role,
    Signal, Told,
};

on_both!(
    each_function_counts_what_lies_between_two_moments,
    what_is_filled_is_there_once_however_often_it_is_filled,
    of_who_is_erased_stays_what_names_nobody,
    what_nobody_looks_at_any_more_goes,
);

const MINUTE: i64 = 60 * 1_000_000;
/// Pages of a fill that are full.
const PAGES: usize = 2;

fn definition(function: &str, by: &str) -> Definition {
    let of = (function != "count").then_some("data.amount");
    let input =
        json!({"kind": "feature", "function": function, "of": of, "by": by, "window_s": 60});
    Definition::of(SOURCE, &serde_json::from_value::<Input>(input).unwrap()).unwrap()
}

fn observed(definition: &Definition, entity: u8, at: i64, number: f64) -> Observation {
    Observation {
        definition: definition.id,
        entity: [entity; 16],
        at: Timestamp::from_micros(at),
        personal: definition.past().by == "subject",
        value: Some([number as u8; 16]),
        number: Some(number),
    }
}

fn entry_with(id: &str, subject: &str, observations: Vec<Observation>) -> Entry {
    let mut event = event(id);
    event.subject = subject.to_owned();
    Entry { observations, ..entry_of(event, |_| {}) }
}

fn asked(definition: &Definition, entity: u8, after: i64, until: i64) -> Asked {
    Asked {
        definition: definition.id,
        entity: [entity; 16],
        after: Timestamp::from_micros(after),
        until: Timestamp::from_micros(until),
        before: DecisionId::new(),
    }
}

fn admin() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "dpo".to_owned() }
}

async fn each_function_counts_what_lies_between_two_moments(home: Home) {
    let (_place, store) = fresh(home).await;
    let definition = definition("sum", "subject");
    for (number, at) in [(1, 10), (2, 20), (2, 30), (9, 40)] {
        let observation = observed(&definition, 1, at, f64::from(number));
        store.commit(&entry_with(&format!("e-{at}"), "u", vec![observation])).await.unwrap();
    }
    // After 10, up to 30: two of the same value.
    let middle = asked(&definition, 1, 10, 30);
    let nothing = asked(&definition, 2, 10, 30);
    for (function, some, none) in [
        (Function::Count, Told::Integer(2), Told::Integer(0)),
        (Function::Sum, Told::Number(4.0), Told::Number(0.0)),
        (Function::Mean, Told::Number(2.0), Told::Absent),
        (Function::Distinct, Told::Integer(1), Told::Integer(0)),
        (Function::FirstSeen, Told::Integer(0), Told::Absent),
        (Function::LastSeen, Told::Integer(0), Told::Absent),
    ] {
        assert_eq!(store.observed(function, &middle).await.unwrap(), some);
        assert_eq!(store.observed(function, &nothing).await.unwrap(), none);
    }
    // Of the last moment, what an earlier decision is about.
    let before = Asked { before: DecisionId::from_time(Timestamp::from_micros(0)), ..middle };
    assert_eq!(store.observed(Function::Count, &before).await.unwrap(), Told::Integer(1));
    let recent = store.recent(&asked(&definition, 1, 0, 40), 3).await.unwrap();
    let ids: Vec<&str> = recent.iter().map(|referred| referred.event.id.as_str()).collect();
    assert_eq!(ids, ["e-20", "e-30", "e-40"]);
    // Of more than one may look at, the newest count.
    let many = (0..=OBSERVATIONS_MAX).map(|at| observed(&definition, 3, 100 + at, 1.0));
    store.commit(&entry_with("many", "u", many.collect())).await.unwrap();
    let all = asked(&definition, 3, 0, 1_000_000);
    let count = store.observed(Function::Count, &all).await.unwrap();
    assert_eq!(count, Told::Integer(OBSERVATIONS_MAX));
    let sum = store.observed(Function::Sum, &all).await.unwrap();
    assert_eq!(sum, Told::Number(OBSERVATIONS_MAX as f64));
}

async fn what_is_filled_is_there_once_however_often_it_is_filled(home: Home) {
    let (_place, store) = fresh(home).await;
    let definition = definition("count", "subject");
    let now = Timestamp::now().micros();
    let sent = (PAGES * 100 + 5) as i64;
    for number in 0..sent {
        let mut event = event(&format!("e-{number}"));
        event.time = Timestamp::from_micros(now - (sent - number) * 1_000);
        store.commit(&entry_of(event, |_| {})).await.unwrap();
    }
    let declared = [&definition];
    let generation = store.generation().await.unwrap();
    let declare = async |knew_all: Timestamp, met: &[DefinitionId], declared: &[&Definition]| {
        store.declare_features(declared, met, knew_all, generation, false).await.unwrap();
        let [row] = store.features().await.unwrap().try_into().unwrap();
        row
    };
    let observe = |definition: &Definition, _: &Event, _: &[&Signal], at: Timestamp| {
        vec![observed(definition, 1, at.micros(), 1.0)]
    };
    let fill = async |row: &FeatureRow| {
        let (mut after, mut pages) = (row.filled, 0);
        while let Some(last) = store.fill_features(&[(row, after)], observe).await.unwrap() {
            after = last;
            pages += 1;
            let [now] = store.features().await.unwrap().try_into().unwrap();
            assert_eq!(now.told, row.told, "not before it is all there");
        }
        pages
    };
    for again in [false, true] {
        let row = declare(Timestamp::now(), &[definition.id], &declared).await;
        assert_eq!((&row.definition, row.told), (&definition, again));
        assert!(!row.is_complete() && !row.is_due(), "some may be on their way");
        // All of it began within the last ten minutes, and of it nothing settled yet.
        assert_eq!(fill(&row).await, PAGES);
        let [row] = store.features().await.unwrap().try_into().unwrap();
        assert!(row.told);
        let all = asked(&definition, 1, 0, now);
        assert_eq!(store.observed(Function::Count, &all).await.unwrap(), Told::Integer(sent));
    }
    let [row] = store.features().await.unwrap().try_into().unwrap();
    assert!(row.share() > 0.99 && row.share() <= 1.0, "{}", row.share());

    // A start looks at the last ten minutes again, or at what it did not know, and never beyond the window.
    let ago = |millis: i64| Timestamp::now().plus_millis(-millis);
    store.keep_up_features(&[definition.id]).await.unwrap();
    for (knew_all, from) in [(0, 600_000), (3_600_000, 3_600_000), (1 << 40, 86_460_000)] {
        let row = declare(ago(knew_all), &[definition.id], &declared).await;
        let begins = row.filled.begun_at().micros() - ago(from).micros();
        assert!(row.told && begins.abs() < 60_000_000, "{knew_all}: {begins}");
    }
    // What nobody declares any more is told to nobody, and goes on from there where it comes back.
    let row = declare(Timestamp::now(), &[], &[]).await;
    assert!(!row.told);
    let row = declare(Timestamp::now(), &[definition.id], &declared).await;
    assert!(!row.told);
    fill(&row).await;
    let [row] = store.features().await.unwrap().try_into().unwrap();
    assert!(row.told);
}

async fn of_who_is_erased_stays_what_names_nobody(home: Home) {
    let (_place, store) = fresh(home).await;
    let own = definition("count", "subject");
    let others = definition("distinct", "data.recipient");
    let generation = store.generation().await.unwrap();
    let met = [own.id, others.id];
    let now = Timestamp::now();
    store.declare_features(&[&own, &others], &met, now, generation, false).await.unwrap();
    for (number, id) in ["e-1", "e-2"].into_iter().enumerate() {
        let at = number as i64 + 1;
        let observations = vec![observed(&own, 1, at, 1.0), observed(&others, 2, at, at as f64)];
        store.commit(&entry_with(id, "user-17", observations)).await.unwrap();
    }
    store.erase(SOURCE, "user-17", "asked for", &admin()).await.unwrap();
    let count = async |definition: &Definition, entity, function| {
        store.observed(function, &asked(definition, entity, 0, 9)).await.unwrap()
    };
    assert_eq!(count(&own, 1, Function::Count).await, Told::Integer(0));
    assert_eq!(count(&others, 2, Function::Count).await, Told::Integer(2));
    assert_eq!(count(&others, 2, Function::Distinct).await, Told::Integer(1), "one nobody");
    assert_eq!(count(&others, 2, Function::Mean).await, Told::Absent, "no number");
}

async fn what_nobody_looks_at_any_more_goes(home: Home) {
    let (place, store) = fresh(home).await;
    let [kept, gone] = ["sum", "mean"].map(|function| definition(function, "subject"));
    let generation = store.generation().await.unwrap();
    let begun = Timestamp::now();
    let declare = async |declared: &[&Definition], met: &[DefinitionId], generation, partial| {
        store.declare_features(declared, met, begun, generation, partial).await.unwrap();
        store.features().await.unwrap().iter().filter(|row| row.told).count()
    };
    assert_eq!(declare(&[&kept, &gone], &[kept.id, gone.id], generation, false).await, 0);
    let rows = store.features().await.unwrap();
    let rows: Vec<_> = rows.iter().map(|row| (row, row.filled)).collect();
    assert_eq!(store.fill_features(&rows, |_, _, _, _| Vec::new()).await.unwrap(), None);
    let now = begun.micros();
    // Of the first, one that is beyond its window and what may come late.
    let old = now - 2 * 24 * 60 * MINUTE;
    let observations = vec![
        observed(&kept, 1, old, 1.0),
        observed(&kept, 1, now, 1.0),
        observed(&gone, 1, now, 1.0),
    ];
    let entry = entry_with("e-1", "user-17", observations);
    store.commit(&entry).await.unwrap();
    let rows = "SELECT count(*) FROM observations";

    let declared = [&kept];
    // Neither a set that is not live any more nor a part of one says that something is not declared.
    assert_eq!(declare(&declared, &[], generation + 1, false).await, 2);
    assert_eq!(declare(&declared, &[], generation, true).await, 2);
    // Those who roll back find it for an hour.
    assert_eq!(declare(&declared, &[], generation, false).await, 1);
    assert_eq!(declare(&declared, &[], generation, false).await, 1);
    assert_eq!(store.features().await.unwrap().len(), 2);
    let aged = format!("UPDATE features SET since = {}", now - 61 * MINUTE);
    run(&mut place.connect().await, sqlx::AssertSqlSafe(aged)).await.unwrap();
    assert_eq!(declare(&declared, &[], generation, false).await, 1);
    assert_eq!(store.features().await.unwrap().len(), 1);
    while store.trim_features(&declared).await.unwrap() > 0 {}
    assert_eq!(count(&store, rows).await, 1);
    let after = Timestamp::now().plus_millis(1_000);
    store.prune(RetentionClass::Allowed, after).await.unwrap();
    assert_eq!(count(&store, rows).await, 0, "it goes with its decision");
}
