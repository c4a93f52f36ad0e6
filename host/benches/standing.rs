//! What strikes and restrictions cost: clean messages, violations of 100,000 accounts and of one, at 64 clients, and
//! `POST /v1/restrictions/check` for 1,000 accounts. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench standing`, or of it only `-- sqlite` or `-- postgres`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use databases::Server;
use hdrhistogram::Histogram;
use picket::app::{App, Carried};
use picket::auth::new_key;
use picket::config::Config;
use picket::model::Role;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const CLIENTS: usize = 64;
const LENGTH: Duration = Duration::from_secs(8);
const MANY: u64 = 100_000;
const CHECKS: usize = 500;
const CHECKED: u64 = 1_000;
const SOURCE: &str = "qwickservices";
const VIOLATION: &str = "Call me on 503-555-0144, we do it without the site";
const CLEAN: &str = "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?";

/// A server, and what asks it.
struct Bench {
    app: App,
    client: Client,
    key: String,
    next: AtomicU64,
    failed: AtomicU64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| asked.iter().any(|it| it == word);
    if !has("postgres") {
        measure("sqlite", String::new()).await;
    }
    if !has("sqlite") {
        let server = Server::start(&[("shared_buffers", "512MB"), ("max_wal_size", "4GB")]);
        measure("postgres", server.url("postgres")).await;
    }
}

async fn measure(name: &str, database_url: String) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let bench = Arc::new(Bench::start(dir.path(), database_url).await);
    let rows = [
        ("clean messages of 100,000 accounts", MANY, CLEAN),
        ("violations of 100,000 accounts", MANY, VIOLATION),
        ("violations of one account", 1, VIOLATION),
    ];
    for (what, subjects, content) in rows {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let post = |_| tokio::spawn(Arc::clone(&bench).post(subjects, content, Arc::clone(&stop)));
        let clients: Vec<_> = (0..CLIENTS).map(post).collect();
        tokio::time::sleep(LENGTH).await;
        stop.store(true, Ordering::Relaxed);
        let mut times = Histogram::<u64>::new(3).expect("three digits");
        for client in clients {
            times.add(client.await.expect("a client finishes")).expect("the same kind");
        }
        told(name, what, &times, Some(begun.elapsed()));
    }
    let times = bench.check().await;
    told(name, "check of 1,000 accounts, one after the other", &times, None);
    println!("{name:>10}  {} failed", bench.failed.load(Ordering::Relaxed));
    if let Some(bench) = Arc::into_inner(bench) {
        bench.app.stop().await;
    }
}

fn told(name: &str, what: &str, times: &Histogram<u64>, length: Option<Duration>) {
    let ms = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
    let rate = length.map_or_else(String::new, |length| {
        format!("{:>6.0}/s  ", times.len() as f64 / length.as_secs_f64())
    });
    println!("{name:>10}  {what}: {rate}p50 {:.1} ms, p99 {:.1} ms", ms(0.5), ms(0.99));
}

impl Bench {
    /// A server with what the program carries, which enforces.
    async fn start(dir: &Path, database_url: String) -> Self {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database_url,
            data_dir: dir.join("data"),
            detectors_dir: dir.join("detectors"),
            policies_dir: dir.join("policies"),
            rate_per_second: 1_000_000,
            rate_burst: 1_000_000,
            ..Config::default()
        };
        let carried =
            Carried { program: env!("CARGO_BIN_EXE_picket").into(), ..Carried::default() };
        let app = App::start_with(config, carried).await.expect("Picket starts");
        let (key, hash) = new_key().expect("a key");
        app.store.create_key(Role::Admin, None, "bench", &hash, None).await.expect("a key is kept");
        let (next, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        let bench = Self { app, client: Client::new(), key, next, failed };
        let mode = json!({"mode": "active", "why": "a bench"});
        let url = bench.url(&format!("/v1/sources/{SOURCE}/mode"));
        let set = bench.client.put(url).bearer_auth(&bench.key).json(&mode).send().await;
        assert_eq!(set.expect("an answer").status(), StatusCode::OK);
        bench
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.app.address)
    }

    async fn post(
        self: Arc<Self>,
        subjects: u64,
        content: &'static str,
        stop: Arc<AtomicBool>,
    ) -> Histogram<u64> {
        let mut times = Histogram::<u64>::new(3).expect("three digits");
        let url = self.url("/v1/events");
        while !stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let event = json!({
                "specversion": "1.0", "id": format!("bench-{number}"), "source": SOURCE,
                "type": "message.sent", "subject": format!("user-{}", number % subjects),
                "data": {"content": content},
            });
            let begun = Instant::now();
            let request = self.client.post(&url).bearer_auth(&self.key);
            let request = request.header("content-type", "application/cloudevents+json");
            let answer = request.body(event.to_string()).send().await.expect("an answer");
            let good = answer.status() == StatusCode::OK;
            let decision: Value = answer.json().await.unwrap_or_default();
            if !good || (decision["strike"].is_object() != (content == VIOLATION)) {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
            times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
        }
        times
    }

    /// Asks for accounts with strikes and restrictions.
    async fn check(&self) -> Histogram<u64> {
        let mut times = Histogram::<u64>::new(3).expect("three digits");
        let url = self.url("/v1/restrictions/check");
        for round in 0..CHECKS as u64 {
            let first = round * CHECKED % (MANY / 2);
            let subjects: Vec<String> =
                (first..first + CHECKED).map(|number| format!("user-{number}")).collect();
            let body = json!({"source": SOURCE, "subjects": subjects, "type": "message.sent"});
            let begun = Instant::now();
            let request = self.client.post(&url).bearer_auth(&self.key).json(&body);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::OK);
            let told: Value = answer.json().await.expect("JSON");
            assert_eq!(told["results"].as_array().map(Vec::len), Some(CHECKED as usize));
            times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
        }
        times
    }
}
