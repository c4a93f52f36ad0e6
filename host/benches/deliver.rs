//! What an endpoint that hangs for 30 s costs the others: two servers, of which one has a destination
//! that never answers with a backlog before it, are measured in turns in one run. All that is sent is signed
//! twice, by a secret and by a pair. Prints the times of events and of their deliveries side by side; never
//! fails on a time.
//!
//! `cargo bench -p picket --bench deliver`, or `... -- 50` for so many events in a second

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use picket::app::{App, Carried};
use picket::auth::new_key;
use picket::config::{Config, Destination};
use picket::model::{DestinationId, Mode, Role, Timestamp};
use picket::signing::WebhookKey;
use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Events in a second, of which each has a delivery, unless told otherwise.
const RATE: u64 = 100;
const WINDOW: Duration = Duration::from_secs(10);
const ROUNDS: usize = 6;
/// What waits before the endpoint that hangs.
const BACKLOG: usize = 500;

const POLICY: &str = r#"
name = "NAME"
source = "NAME"
events = ["message.*"]
on_error = "review"
merge = "max"
[weights]
"contact.phone" = 1.0
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.3
action = "soft_block"
"#;

/// A server and what was measured on it, in microseconds.
struct Side {
    app: App,
    key: String,
    client: Client,
    next: usize,
    events: Arc<Mutex<Histogram<u64>>>,
    deliveries: Arc<Mutex<Histogram<u64>>>,
    _dir: TempDir,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    // Cargo adds arguments of its own.
    let rate = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(RATE);
    let mut sides = [Side::start().await, Side::start().await];
    for _ in 0..BACKLOG {
        sides[1].post("stuck").await;
    }
    // Nothing of these counts: connections are made, code is warm.
    for side in &mut sides {
        side.window(rate, Duration::from_secs(3)).await;
        for times in [&side.events, &side.deliveries] {
            times.lock().expect("nobody panicked").clear();
        }
    }
    for _ in 0..ROUNDS {
        for side in &mut sides {
            side.window(rate, WINDOW).await;
        }
    }
    println!("{rate} events/s, {ROUNDS} windows of {} s each, in turns", WINDOW.as_secs());
    println!("{:<28}{:>10}{:>10}{:>10}", "", "p50 ms", "p99 ms", "count");
    let of = |times: &Mutex<Histogram<u64>>| times.lock().expect("nobody panicked").clone();
    let mut ratios = Vec::new();
    for (what, calm, hanging) in [
        ("event to decision", of(&sides[0].events), of(&sides[1].events)),
        ("decision to delivery", of(&sides[0].deliveries), of(&sides[1].deliveries)),
    ] {
        for (how, times) in [("alone", &calm), ("beside a hang", &hanging)] {
            let ms = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
            let name = format!("{what}, {how}");
            println!("{name:<36}{:>8.1}{:>10.1}{:>10}", ms(0.5), ms(0.99), times.len());
        }
        let at = |times: &Histogram<u64>| times.value_at_quantile(0.99) as f64;
        ratios.push(format!("{what} {:+.1} %", 100.0 * (at(&hanging) / at(&calm) - 1.0)));
    }
    println!("p99 beside a hang: {}", ratios.join(", "));
    let stuck = sides[1]
        .app
        .store
        .delivery_backlog(&DestinationId::of("stuck"))
        .await
        .expect("the store answers");
    println!("still waiting before the one that hangs: {}", stuck.pending);
    for side in sides {
        side.app.stop().await;
    }
}

impl Side {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let times = || Arc::new(Mutex::new(Histogram::<u64>::new(3).expect("three digits")));
        let (events, deliveries) = (times(), times());
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: dir.path().join("data"),
            detectors_dir: dir.path().join("detectors"),
            policies_dir: dir.path().join("policies"),
            delivery_timeout_ms: 30_000,
            // A machine that is busy otherwise decides later, and not otherwise.
            event_deadline_ms: 5_000,
            ..Config::default()
        };
        for folder in [&config.detectors_dir, &config.policies_dir] {
            fs::create_dir_all(folder).expect("a folder");
        }
        for (source, answers) in [("good", true), ("stuck", false)] {
            let policy = config.policies_dir.join(format!("{source}.toml"));
            fs::write(policy, POLICY.replace("NAME", source)).expect("a file");
            let url = endpoint(answers, Arc::clone(&deliveries)).await;
            let secrets = [WebhookKey::shared(&[1; 32]), WebhookKey::pair(&[2; 32])];
            let secrets: Vec<String> =
                secrets.iter().map(|key| key.to_text().to_string()).collect();
            let destination =
                Destination { secrets: secrets.into(), ..Destination::plain(url, None) };
            config.destinations.insert(source.to_owned(), destination);
        }
        let carried =
            Carried { program: env!("CARGO_BIN_EXE_picket").into(), ..Carried::default() };
        let app = App::start_with(config, carried).await.expect("Picket starts");
        app.registry.scan().await.expect("the store answers");
        for source in ["good", "stuck"] {
            let set = app.registry.set_mode(source, Mode::Active, "a benchmark", None);
            set.await.expect("the mode is set");
        }
        let (key, hash) = new_key().expect("a key");
        app.store.create_key(Role::Admin, None, "bench", &hash, None).await.expect("a key is kept");
        Self { app, key, client: Client::new(), next: 0, events, deliveries, _dir: dir }
    }

    /// Posts an event, which is held back, and waits for its decision.
    async fn post(&mut self, source: &str) {
        self.next += 1;
        posted(&self.client, self.request(source)).await;
    }

    fn request(&self, source: &str) -> reqwest::Request {
        let event = json!({
            "specversion": "1.0", "id": format!("e-{}", self.next), "source": source,
            "type": "message.sent", "subject": format!("user-{}", self.next % 2_000),
            "data": {"content": "Call me on 415-555-0142"},
        });
        let url = format!("http://{}/v1/events", self.app.address);
        let request = self.client.post(url).bearer_auth(&self.key);
        let request = request.header("content-type", "application/cloudevents+json");
        request.body(event.to_string()).build().expect("a request")
    }

    /// Posts at a steady rate, whether what was posted before is answered or not.
    async fn window(&mut self, rate: u64, length: Duration) {
        let begun = Instant::now();
        let mut every = tokio::time::interval(Duration::from_micros(1_000_000 / rate));
        let mut posts = tokio::task::JoinSet::new();
        while begun.elapsed() < length {
            every.tick().await;
            self.next += 1;
            let (client, request) = (self.client.clone(), self.request("good"));
            let times = Arc::clone(&self.events);
            posts.spawn(async move {
                let begun = Instant::now();
                posted(&client, request).await;
                let micros = begun.elapsed().as_micros() as u64;
                times.lock().expect("nobody panicked").record(micros).expect("the histogram grows");
            });
        }
        posts.join_all().await;
        // What is still under way belongs to this window.
        let good = DestinationId::of("good");
        while self.app.store.delivery_backlog(&good).await.expect("the store answers").pending > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn posted(client: &Client, request: reqwest::Request) {
    let answer = client.execute(request).await.expect("an answer");
    let decision: Value = answer.json().await.expect("a decision");
    assert_eq!(decision["action"], "soft_block", "{decision}");
}

/// An endpoint that answers at once, or never. Records how old decisions are when they arrive.
async fn endpoint(answers: bool, times: Arc<Mutex<Histogram<u64>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve(stream, answers, Arc::clone(&times)));
        }
    });
    format!("http://{address}/actions")
}

async fn serve(stream: TcpStream, answers: bool, times: Arc<Mutex<Histogram<u64>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            match line.trim_end().split_once(": ") {
                Some(("content-length", bytes)) => length = bytes.parse().ok()?,
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        if !answers {
            std::future::pending::<()>().await;
        }
        let body: Value = serde_json::from_slice(&body).ok()?;
        let decided = Timestamp::parse(body["decided_at"].as_str()?).ok()?;
        let age = Timestamp::now().micros() - decided.micros();
        times.lock().ok()?.record(u64::try_from(age).unwrap_or_default()).ok()?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}
