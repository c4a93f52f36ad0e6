//! Events that are sent again at once, to one server or to two on one PostgreSQL, and what goes live on
//! one of the two. `PICKET_RACE_EVENTS=100000` races for longer.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod receiver;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use databases::{Home, on_both};
use picket::config::{Config, Destination};
use picket::model::Landing;
use receiver::{Does, Received, Receiver};
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, Server};

on_both!(threaded: an_event_that_is_sent_again_at_once_has_one_decision_one_strike_and_one_action);

const CLIENTS: usize = 8;
const SUBJECTS: usize = 500;
const CLOUDEVENT: &str = "application/cloudevents+json";

/// Two servers with the same database, folders and host key, each with its own address and cache.
async fn pair(home: &Home, change: impl Fn(&mut Config)) -> (Server, Server) {
    let one = counting(home, &change).await;
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

/// A server whose policy of `market` counts strikes, and asks for nothing because of them.
async fn counting(home: &Home, change: impl FnOnce(&mut Config)) -> Server {
    const STRIKES: &str = "[strikes]\ntiers = [\"high\"]\nwindow_days = 30\n\
        [[strikes.steps]]\naction = \"allow\"\n";
    let dir = tempfile::tempdir().expect("a temporary folder");
    server::furnish(dir.path());
    let policy = server::POLICY.replace("NAME", "market") + STRIKES;
    server::write(&dir.path().join("policies/market.toml"), policy.as_bytes());
    Server::start_in(home, dir, change).await
}

/// Posts an event until the server is not too busy for it.
async fn post(server: &Server, number: usize, content: &str) -> Answer {
    let mut event = server::event("market", &format!("e-{number}"), content);
    event["subject"] = json!(format!("user-{}", number % SUBJECTS));
    loop {
        let answer = server.post("platform", "/v1/events", CLOUDEVENT, event.to_string()).await;
        if ![429, 503].contains(&answer.status) {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

/// Posts an event to one server, and of five events one twice at once, to another where there is one; of
/// those, one of five with another body. Returns what it was answered.
async fn race(servers: &[Server], number: usize) -> Value {
    let (here, there) = (number % servers.len(), (number + 1) % servers.len());
    let (here, there) = (&servers[here], &servers[there]);
    if !number.is_multiple_of(5) {
        let answer = post(here, number, "hello").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        return answer.json();
    }
    let other = if number.is_multiple_of(25) { "good bye" } else { "hello" };
    let (first, second) = tokio::join!(post(here, number, "hello"), post(there, number, other));
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

/// Has eight clients race with a fifth of the events sent again, and counts what came of it: a decision
/// for each event, and of each decision that enforces one action, which came to its platform once, and one
/// strike, the next of its subject.
async fn an_event_that_is_sent_again_at_once_has_one_decision_one_strike_and_one_action(
    home: Home,
) {
    let events = std::env::var("PICKET_RACE_EVENTS")
        .map_or(1_000, |count| count.parse().expect("PICKET_RACE_EVENTS is a number"));
    let receiver = Receiver::start(|_| Does::Answer(204)).await;
    let to = Destination::plain(receiver.url(), None);
    let change = |config: &mut Config| {
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
        config.destinations.insert("market".to_owned(), to.clone());
    };
    let servers = match &home {
        Home::Sqlite => vec![counting(&home, change).await],
        Home::Postgres(_) => <[Server; 2]>::from(pair(&home, change).await).into(),
    };
    let (servers, next) = (Arc::new(servers), Arc::new(AtomicUsize::new(0)));
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
    let (mut decisions, mut asked) = (BTreeSet::new(), BTreeSet::new());
    let mut strikes: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for client in clients {
        for answer in client.await.unwrap() {
            let (id, event) =
                (answer["id"].as_str().unwrap(), answer["event_id"].as_str().unwrap());
            let recorded = servers[0].app.store.claim("market", event).await.unwrap().unwrap();
            assert_eq!(recorded.decision_id.to_string(), id);
            assert!(decisions.insert(id.to_owned()), "{event} has a decision of its own");
            if answer["action"] != "allow" {
                asked.insert(format!("{id}.message"));
                let subject = answer["subject"].as_str().unwrap().to_owned();
                let number = answer["strike"]["number"].as_u64().unwrap();
                let new = strikes.entry(subject).or_default().insert(number);
                assert!(new, "{event} has a strike of its own");
            }
        }
    }
    assert_eq!(decisions.len(), events);
    assert_eq!(strikes.values().map(BTreeSet::len).sum::<usize>(), asked.len());
    for (subject, numbers) in strikes {
        assert_eq!(numbers.last(), Some(&(numbers.len() as u64)), "{subject} has no gap");
    }
    let received = receiver.until_count(asked.len()).await;
    let received: Vec<&str> = received.iter().map(Received::id).collect();
    assert_eq!(received.len(), asked.len(), "each came once");
    assert_eq!(received.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), asked);
    assert!(asked.len() > events / 2, "most of them enforce");
    for server in Arc::into_inner(servers).unwrap() {
        server.app.stop().await;
    }
    if let Home::Postgres(database) = &home {
        for query in [
            "SELECT count(*) FROM decisions",
            "SELECT count(*) FROM events",
            "SELECT count(*) FROM audit WHERE object IN (SELECT id FROM decisions)",
        ] {
            assert_eq!(database.run(query), events.to_string(), "{query}");
        }
        assert_eq!(database.run("SELECT count(*) FROM outbox"), asked.len().to_string());
        assert_eq!(database.run("SELECT max(seq) - count(*) FROM audit"), "0");
    }
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
