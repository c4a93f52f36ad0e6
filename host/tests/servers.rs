//! Two servers on one PostgreSQL: an event that both get has one decision, and what goes live on one
//! goes live on the other. `PICKET_RACE_EVENTS=100000` races for longer.

mod fixture;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use databases::Home;
use picket::config::Config;
use picket::model::Landing;
use reqwest::Method;
use serde_json::Value;
use server::{Answer, Server};

const CLIENTS: usize = 8;

/// Two servers with the same database, folders and host key, each with its own address and cache.
async fn pair(home: &Home, change: impl Fn(&mut Config)) -> (Server, Server) {
    let one = Server::start_with(home, &change).await;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let data = dir.path().join("data");
    let key = std::fs::read(one.path("data/host.key")).expect("the key of a host");
    server::write(&data.join("host.key"), &key);
    let (detectors, policies) = (one.path("detectors"), one.path("policies"));
    let two = Server::start_in(home, dir, |config| {
        (config.detectors_dir, config.policies_dir) = (detectors, policies);
        change(config);
    });
    let two = two.await;
    (one, two)
}

/// Posts an event until the server is not too busy for it.
async fn post(server: &Server, id: &str, content: &str) -> Answer {
    loop {
        let answer = server.event(id, content).await;
        if ![429, 503].contains(&answer.status) {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

/// Posts an event to one server, and of five events one to both at once; of those, one of five with
/// another body. Returns what it was answered.
async fn race(servers: &[Server; 2], number: usize) -> Value {
    let id = format!("e-{number}");
    let (here, there) = (&servers[number % 2], &servers[(number + 1) % 2]);
    if !number.is_multiple_of(5) {
        let answer = post(here, &id, "hello").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        return answer.json();
    }
    let other = if number.is_multiple_of(25) { "good bye" } else { "hello" };
    let (first, second) = tokio::join!(post(here, &id, "hello"), post(there, &id, other));
    let mut answers = [first, second];
    answers.sort_by_key(|answer| answer.status);
    let [first, second] = answers;
    assert_eq!(first.status, 200, "{}", first.text);
    match other {
        "hello" => assert_eq!((second.status, second.json()), (200, first.json())),
        _ => assert_eq!((second.status, second.problem()), (409, "id-conflict".to_owned())),
    }
    first.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_two_servers_get_at_once_has_one_decision() {
    let events = std::env::var("PICKET_RACE_EVENTS")
        .map_or(1_000, |count| count.parse().expect("PICKET_RACE_EVENTS is a number"));
    let home = Home::postgres();
    let (one, two) = pair(&home, |config| {
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
    })
    .await;
    let (servers, next) = (Arc::new([one, two]), Arc::new(AtomicUsize::new(0)));
    let clients = (0..CLIENTS).map(|_| {
        let (servers, next) = (Arc::clone(&servers), Arc::clone(&next));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    number if number < events => answers.push(race(&servers, number).await),
                    _ => return answers,
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let mut answers = 0;
    for client in clients {
        for answer in client.await.unwrap() {
            let id = answer["event_id"].as_str().unwrap();
            let recorded = servers[0].app.store.claim("market", id).await.unwrap().unwrap();
            assert_eq!(recorded.decision_id.to_string(), answer["id"].as_str().unwrap());
            answers += 1;
        }
    }
    assert_eq!(answers, events);
    let Home::Postgres(database) = &home else { unreachable!() };
    for query in [
        "SELECT count(*) FROM decisions",
        "SELECT count(*) FROM events",
        "SELECT count(*) FROM audit WHERE object IN (SELECT id FROM decisions)",
    ] {
        assert_eq!(database.run(query), events.to_string(), "{query}");
    }
    assert_eq!(database.run("SELECT max(seq) - count(*) FROM audit"), "0");
    let [one, two] = Arc::into_inner(servers).unwrap();
    one.app.stop().await;
    two.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_live_on_one_server_goes_live_on_the_other() {
    let home = Home::postgres();
    let (one, two) = pair(&home, |config| {
        config.watch = false;
        config.upload_stage = BTreeMap::from([("*".to_owned(), Landing::Active)]);
    })
    .await;
    let path = "/v1/detectors/probe/versions?why=news";
    let shipped = one.request("engineer", Method::PUT, path).body(fixture::probe_next());
    assert_eq!(shipped.send().await.unwrap().status(), 201);
    assert_eq!(one.probe_version().as_deref(), Some("1.1.0"));
    two.until("it is live there too", || async { two.probe_version().as_deref() == Some("1.1.0") })
        .await;
    let decision = two.event("e-1", "hello").await.json();
    assert_eq!(decision["findings"][0]["version"], "1.1.0");
    one.app.stop().await;
    // The other one goes on alone.
    assert_eq!(two.event("e-2", "hello").await.status, 200);
    assert_eq!(
        two.get("admin", "/v1/decisions").await.json()["decisions"].as_array().unwrap().len(),
        2
    );
    two.app.stop().await;
}
