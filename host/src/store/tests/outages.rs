//! A PostgreSQL that goes away, at the worst of moments.

use std::sync::atomic::{AtomicBool, Ordering};

use databases::{Fault, Proxy, Server};

use super::super::Committed;
use super::*;

/// What is recorded: every decision once, and the log without a gap.
async fn assert_recorded_once(store: &Store, entries: &[Entry]) {
    for entry in entries {
        let recorded = store.claim(SOURCE, &entry.event.id).await.unwrap().unwrap();
        assert_eq!(recorded.decision.as_ref(), Some(&*entry.decision));
    }
    let decisions = "SELECT count(*) FROM decisions";
    assert_eq!(count(store, decisions).await, i64::try_from(entries.len()).unwrap());
    let leaves = "SELECT count(*) FROM audit WHERE object IN (SELECT id FROM decisions)";
    assert_eq!(count(store, leaves).await, i64::try_from(entries.len()).unwrap());
    assert_eq!(count(store, "SELECT max(seq) - count(*) FROM audit").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_commit_is_found_out() {
    let home = Home::postgres();
    let Home::Postgres(database) = &home else { unreachable!() };
    let proxy = Proxy::to(databases::shared());
    let mut place = Place::new(home.clone());
    place.options.database_url = proxy.url(database.name());
    place.options.statement_timeout_ms = 100;
    let store = place.open().await;
    let mut entries = Vec::new();
    let faults = [Fault::CutBefore, Fault::CutAfter, Fault::SilenceBefore, Fault::SilenceAfter];
    for (number, fault) in faults.into_iter().enumerate() {
        let batch: Vec<Entry> = (0..5).map(|n| entry(&format!("e-{number}-{n}"))).collect();
        proxy.strike(fault);
        let committing = batch.iter().map(|entry| store.commit(entry));
        for committed in futures::future::join_all(committing).await {
            assert_eq!(committed.unwrap(), Committed::New, "{fault:?}");
        }
        assert_eq!(proxy.struck(), u32::try_from(number).unwrap() + 1);
        entries.extend(batch);
    }
    assert_recorded_once(&store, &entries).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_writes_say_that_they_do_not_know() {
    let home = Home::postgres();
    let Home::Postgres(database) = &home else { unreachable!() };
    let proxy = Proxy::to(databases::shared());
    let mut place = Place::new(home.clone());
    place.options.database_url = proxy.url(database.name());
    let store = place.open().await;
    for (fault, sources) in [(Fault::CutBefore, 0), (Fault::CutAfter, 1)] {
        proxy.strike(fault);
        let error = store.set_mode(SOURCE, Mode::Active, "ready", None).await.unwrap_err();
        assert!(error.is_passing() && matches!(error, StoreError::Unsettled(_)), "{error}");
        assert_eq!(store.sources().await.unwrap().len(), sources);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_there_twice_when_the_server_is_killed() {
    let server = Server::start(&[]);
    let options = Options { migrate: true, ..Options::new(server.url("postgres"), HOST_KEY) };
    let store = Store::open(&options).await.unwrap();
    let back = Arc::new(AtomicBool::new(false));
    let clients = (0..8).map(|client| {
        let (store, back) = (store.clone(), Arc::clone(&back));
        tokio::spawn(async move {
            let mut entries = Vec::new();
            // Each goes on until the server has gone and come back.
            while !back.load(Ordering::Relaxed) || entries.len() < 40 {
                let entry = entry(&format!("e-{client}-{}", entries.len()));
                // The same event again and again, as a platform does that had no answer.
                while let Err(error) = store.commit(&entry).await {
                    assert!(error.is_passing(), "{error}");
                    tokio::task::yield_now().await;
                }
                entries.push(entry);
            }
            entries
        })
    });
    let clients: Vec<_> = clients.collect();
    while store.claim(SOURCE, "e-0-5").await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    server.kill();
    let error = store.ready().await.unwrap_err();
    assert!(error.is_passing(), "{error}");
    server.resume();
    back.store(true, Ordering::Relaxed);
    let mut entries = Vec::new();
    for client in clients {
        entries.extend(client.await.unwrap());
    }
    assert_recorded_once(&store, &entries).await;
}
