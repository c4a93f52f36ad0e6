//! Events that are sent again at once, to one program or to two on one PostgreSQL, and what goes live on one
//! of two servers. `PICKET_RACE_EVENTS=100000` races for longer.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod receiver;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use databases::{Home, on_both};
use picket::config::Config;
use picket::model::Landing;
use picket_crash::server::{Program, Server as Process};
use receiver::{Does, Received, Receiver};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use server::{Answer, Server};
use sqlx::ConnectOptions;
use tempfile::TempDir;

on_both!(threaded: an_event_that_is_sent_again_at_once_has_one_decision_one_strike_and_one_action);

const CLIENTS: usize = 8;
const SUBJECTS: usize = 500;
const CLOUDEVENT: &str = "application/cloudevents+json";

/// Two servers in one process with the same database, folders and host key, each with its own address and
/// cache.
async fn pair(home: &Home, change: impl Fn(&mut Config)) -> (Server, Server) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    server::furnish(dir.path());
    let one = Server::start_in(home, dir, &change).await;
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

/// Programs that serve one record, and a key to all of them. Their policy of `market` counts strikes, and asks
/// for nothing because of them; what it finds is in a case.
struct Programs {
    dir: TempDir,
    running: Vec<Process>,
    client: Client,
    key: String,
}

impl Programs {
    async fn start(home: &Home, count: usize, receiver: &Receiver) -> Self {
        const STRIKES: &str = "[strikes]\ntiers = [\"high\"]\nwindow_days = 30\n\
            [[strikes.steps]]\naction = \"allow\"\n\
            [[rules]]\nname = \"found\"\nwhen = 'tier == \"high\"'\ncase = \"race\"\n";
        let dir = tempfile::tempdir().expect("a temporary folder");
        let url = receiver.url();
        let destinations = format!("{{ market = {{ url = \"{url}\", allow_private = true }} }}");
        let (mut programs, mut key) = (Vec::new(), String::new());
        for number in 0..count {
            let place = dir.path().join(number.to_string());
            server::furnish(&place);
            let policy = server::POLICY.replace("NAME", "market") + STRIKES;
            server::write(&place.join("policies/market.toml"), policy.as_bytes());
            let mut program = Program::new(env!("CARGO_BIN_EXE_picket"), place)
                .with("PICKET_DESTINATIONS", &destinations)
                .with("PICKET_BUNDLED", "false")
                .with("PICKET_EVENT_DEADLINE_MS", "2000");
            if let Some(url) = home.url() {
                program = program.with("PICKET_DATABASE_URL", url);
            }
            match number {
                0 => key = program.create_key().expect("a key"),
                _ => {
                    let first = dir.path().join("0/data/host.key");
                    let host_key = std::fs::read(first).expect("the key of the host");
                    server::write(&program.data_dir().join("host.key"), &host_key);
                }
            }
            let starting = program.start().expect("the program runs");
            programs.push(starting.ready().await.expect("it serves"));
        }
        let all = Self { dir, running: programs, client: Client::new(), key };
        for number in 0..count {
            all.until_it_decides(number).await;
        }
        all
    }

    /// Has `market` enforced, and waits until this one's answers are the probe's, and enforced.
    async fn until_it_decides(&self, number: usize) {
        let change = json!({"mode": "active", "why": "a race"});
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // Until the policy has been taken in, nobody knows the source.
            let set = self.request(number, Method::PUT, "/v1/sources/market/mode");
            let set = set.json(&change).send().await.expect("an answer");
            let try_out = self.request(number, Method::POST, "/v1/events?dry_run=true");
            let event = server::event("market", "dry", "hello");
            let decided = try_out.header("content-type", CLOUDEVENT).body(event.to_string());
            let decided = Answer::of(decided.send().await.expect("an answer")).await;
            if set.status().is_success() && decided.json()["action"] == "soft_block" {
                return;
            }
            assert!(Instant::now() < deadline, "{number} does not decide: {}", decided.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn request(&self, number: usize, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.running[number].address);
        self.client.request(method, url).bearer_auth(&self.key)
    }

    /// Posts an event until the server is not too busy for it.
    async fn post(&self, to: usize, number: usize, content: &str) -> Answer {
        let mut event = server::event("market", &format!("e-{number}"), content);
        event["subject"] = json!(format!("user-{}", number % SUBJECTS));
        loop {
            let request = self.request(to, Method::POST, "/v1/events");
            let request = request.header("content-type", CLOUDEVENT).body(event.to_string());
            let answer = Answer::of(request.send().await.expect("an answer")).await;
            if ![429, 503].contains(&answer.status) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Posts an event to one program, and of five events one twice at once, to another where there is one; of
    /// those, one of five with another body. Returns what it was answered.
    async fn race(&self, number: usize) -> Value {
        let (here, there) = (number % self.running.len(), (number + 1) % self.running.len());
        if !number.is_multiple_of(5) {
            let answer = self.post(here, number, "hello").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            return answer.json();
        }
        let other = if number.is_multiple_of(25) { "good bye" } else { "hello" };
        let (first, second) =
            tokio::join!(self.post(here, number, "hello"), self.post(there, number, other));
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

    /// Ends all of them, and counts rows of what they wrote.
    async fn count(self, home: &Home, queries: &[&str]) -> Vec<u64> {
        let file = self.dir.path().join("0/data/picket.db");
        for program in self.running {
            assert_eq!(program.kill().expect("it can be killed"), None, "none ended by itself");
        }
        match home {
            Home::Postgres(database) => {
                queries.iter().map(|query| database.run(query).parse().expect("a number")).collect()
            }
            Home::Sqlite => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
                let mut connection = options.connect().await.expect("the record opens");
                let mut counts = Vec::new();
                for query in queries {
                    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(*query));
                    let count: i64 = query.fetch_one(&mut connection).await.expect("a number");
                    counts.push(count.try_into().expect("a count"));
                }
                counts
            }
        }
    }
}

/// Has eight clients race with a fifth of the events sent again, and counts what came of it: a decision
/// for each event, and of each decision that enforces one action, which came to its platform once, and one
/// strike, the next of its subject, within the one case of that.
async fn an_event_that_is_sent_again_at_once_has_one_decision_one_strike_and_one_action(
    home: Home,
) {
    let events = std::env::var("PICKET_RACE_EVENTS")
        .map_or(1_000, |count| count.parse().expect("PICKET_RACE_EVENTS is a number"));
    let receiver = Receiver::start(|_| Does::Answer(204)).await;
    let count = match &home {
        Home::Sqlite => 1,
        Home::Postgres(_) => 2,
    };
    let programs = Arc::new(Programs::start(&home, count, &receiver).await);
    let next = Arc::new(AtomicUsize::new(0));
    let clients = (0..CLIENTS).map(|_| {
        let (programs, next) = (Arc::clone(&programs), Arc::clone(&next));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            loop {
                match next.fetch_add(1, Ordering::Relaxed) {
                    number if number < events => answers.push(programs.race(number).await),
                    _ => return answers,
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    let (mut decisions, mut asked) = (BTreeMap::new(), BTreeSet::new());
    let mut strikes: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut cases: BTreeMap<String, String> = BTreeMap::new();
    for client in clients {
        for answer in client.await.unwrap() {
            let (id, event) =
                (answer["id"].as_str().unwrap(), answer["event_id"].as_str().unwrap());
            let other = decisions.insert(id.to_owned(), event.to_owned());
            assert_eq!(other, None, "{event} has a decision of its own");
            if answer["action"] != "allow" {
                asked.insert(format!("{id}.message"));
                let subject = answer["subject"].as_str().unwrap().to_owned();
                let number = answer["strike"]["number"].as_u64().unwrap();
                let case = answer["case_id"].as_str().unwrap();
                let own = cases.entry(subject.clone()).or_insert_with(|| case.to_owned());
                assert_eq!(own, case, "{subject} has one case");
                let new = strikes.entry(subject).or_default().insert(number);
                assert!(new, "{event} has a strike of its own");
            }
        }
    }
    assert_eq!(decisions.len(), events);
    assert_eq!(decisions.values().collect::<BTreeSet<_>>().len(), events);
    assert_eq!(strikes.values().map(BTreeSet::len).sum::<usize>(), asked.len());
    for (subject, numbers) in strikes {
        assert_eq!(numbers.last(), Some(&(numbers.len() as u64)), "{subject} has no gap");
    }
    let received = receiver.until_count(asked.len()).await;
    let received: Vec<&str> = received.iter().map(Received::id).collect();
    assert_eq!(received.len(), asked.len(), "each came once");
    assert_eq!(received.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), asked);
    assert!(asked.len() > events / 2, "most of them enforce");
    let counted = Arc::into_inner(programs).unwrap().count(
        &home,
        &[
            "SELECT count(*) FROM decisions",
            "SELECT count(*) FROM events",
            "SELECT count(*) FROM audit WHERE object IN (SELECT id FROM decisions)",
            "SELECT count(*) FROM outbox",
            "SELECT count(*) FROM strikes",
            "SELECT count(*) FROM cases",
            "SELECT count(*) FROM case_decisions",
            "SELECT max(seq) - count(*) FROM audit",
        ],
    );
    let events = events as u64;
    let asked = asked.len() as u64;
    let cases = cases.len() as u64;
    assert_eq!(counted.await, [events, events, events, asked, asked, cases, asked, 0]);
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
    // So does a policy.
    let text = server::POLICY.replace("NAME", "market").replace("soft_block", "nudge");
    let sent = one.request("engineer", Method::PUT, "/v1/policies/market?why=news&stage=active");
    assert_eq!(sent.body(text).send().await.unwrap().status(), 201);
    let decides = |server: &Server| server.app.registry.current().policy("market").unwrap().version;
    assert_eq!(decides(&one), 2);
    two.until("it decides there too", || async { decides(&two) == 2 }).await;
    assert_eq!(two.event("e-policy", "hello").await.json()["action"], "nudge");
    one.app.stop().await;
    // The other one goes on alone.
    assert_eq!(two.event("e-2", "hello").await.status, 200);
    assert_eq!(
        two.get("admin", "/v1/decisions").await.json()["decisions"].as_array().unwrap().len(),
        3
    );
    two.app.stop().await;
}
