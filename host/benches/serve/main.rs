//! `POST /v1/events`, durable, on SQLite and on PostgreSQL: at 1, 16, 64 and 256 clients, beside the
//! floor, which is the same rows written by as many callers of the store alone; then batches of NDJSON,
//! and 100 reloads of a detector under 64 clients. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench serve`, or of it only `-- sqlite` or `-- postgres`; `-- short` leaves the
//! reloads out.

mod load;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use databases::Server;
use hdrhistogram::Histogram;
use picket::model::{DecisionId, Trials};
use picket::store::{Entry, Filter, Store};

use load::{Load, client, event, pace};

const LENGTH: Duration = Duration::from_secs(8);
const RELOADS: usize = 100;
const BATCH_CLIENTS: usize = 4;
const BATCH_EVENTS: u64 = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    let heads = ["clients", "req/s", "p50 ms", "p99 ms", "failed", "floor/s", "p50 ms", "p99 ms"];
    println!("{:>10} {}", "", heads.map(|head| format!("{head:>8}")).join(" "));
    let asked: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    let has = |word: &str| asked.iter().any(|it| it == word);
    let short = has("short");
    if !has("postgres") {
        serve("sqlite", String::new(), short).await;
    }
    if !has("sqlite") {
        let server = Server::start(&[("shared_buffers", "512MB"), ("max_wal_size", "4GB")]);
        serve("postgres", server.url("postgres"), short).await;
    }
}

async fn serve(name: &str, database_url: String, short: bool) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let load = Arc::new(Load::start(dir.path(), database_url).await);
    for clients in [1, 16, 64, 256] {
        let before = load.failed.load(Ordering::Relaxed);
        let (rate, times) = pace(clients, LENGTH, |stop| client(Arc::clone(&load), stop)).await;
        let failed = load.failed.load(Ordering::Relaxed) - before;
        let sample = sample(&load.app.store).await;
        let (floor, alone) =
            pace(clients, LENGTH, |stop| writer(load.app.store.clone(), sample.clone(), stop))
                .await;
        let ms = |times: &Histogram<u64>, quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "{name:>10} {clients:>8} {rate:>8.0} {:>8.1} {:>8.1} {failed:>8} {floor:>8.0} {:>8.1} {:>8.1}",
            ms(&times, 0.5),
            ms(&times, 0.99),
            ms(&alone, 0.5),
            ms(&alone, 0.99)
        );
    }
    let (rate, times) = pace(BATCH_CLIENTS, LENGTH, |stop| batches(Arc::clone(&load), stop)).await;
    println!(
        "{BATCH_CLIENTS} clients with batches of {BATCH_EVENTS}: {:.0} decisions/s, a batch p50 {:.0} ms, p99 {:.0} ms",
        rate * BATCH_EVENTS as f64,
        times.value_at_quantile(0.5) as f64 / 1e3,
        times.value_at_quantile(0.99) as f64 / 1e3
    );
    if !short {
        reloads(&load, &dir.path().join("detectors")).await;
    }
    if let Some(load) = Arc::into_inner(load) {
        load.app.stop().await;
    }
}

/// What the last event was stored as.
async fn sample(store: &Store) -> Entry {
    let filter = Filter { limit: 1, ..Filter::default() };
    let page = store.decisions(&filter).await.expect("the store answers");
    let id = page.decisions.first().expect("events were posted").id;
    let row = store.replayable(id).await.expect("the store answers").expect("it is there");
    Entry {
        event: Arc::new(row.event),
        received_at: row.received_at,
        fingerprint: [0; 32],
        decision: Arc::new(row.document.decision),
        replay: row.document.replay,
        trials: Trials::default(),
        observations: Vec::new(),
        outgoing: Vec::new(),
        wants: None,
        change: None,
        escalates: None,
    }
}

/// Writes what was decided once again and again, as other events.
async fn writer(store: Store, sample: Entry, stop: Arc<AtomicBool>) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    while !stop.load(Ordering::Relaxed) {
        let (mut event, mut decision) = ((*sample.event).clone(), (*sample.decision).clone());
        decision.id = DecisionId::new();
        event.id = decision.id.to_string();
        decision.event_id.clone_from(&event.id);
        let sealing = store.sealing(&event).await.expect("the store answers");
        let (event, decision) = (Arc::new(event), Arc::new(decision));
        let entry = Entry { event, decision, ..sample.clone() };
        let entry = entry.seal(sealing).expect("it was stored before");
        let begun = Instant::now();
        store.commit_sealed(entry).await.expect("a commit");
        times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
    }
    times
}

/// Overwrites a detector's file again and again and waits until the new bytes are live.
async fn reloads(load: &Arc<Load>, folder: &Path) {
    let handle = picket_bundle::DETECTORS.iter().find(|it| it.name == "contact-handle");
    let handle = handle.expect("it is bundled").component;
    let stop = Arc::new(AtomicBool::new(false));
    let post = |_| tokio::spawn(client(Arc::clone(load), Arc::clone(&stop)));
    let posting: Vec<_> = (0..64).map(post).collect();
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    for number in 0..RELOADS {
        // A version is its bytes for ever, and a later one is a higher one.
        let version = format!("{}.{}.{}", 2 + number / 100, number / 10 % 10, number % 10);
        let file = versioned(handle, b"1.1.0", version.as_bytes());
        fs::write(folder.join("contact-handle.wasm"), file).expect("a file");
        let closed = Instant::now();
        while !is_live(load, "contact-handle", &version) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.record(closed.elapsed().as_millis() as u64).expect("the histogram grows");
    }
    stop.store(true, Ordering::Relaxed);
    let mut posted = 0;
    for times in futures::future::join_all(posting).await {
        posted += times.expect("a client finishes").len();
    }
    println!(
        "{RELOADS} reloads under 64 clients: p50 {} ms, p99 {} ms, max {} ms; {posted} events meanwhile, {} failed in all\n",
        times.value_at_quantile(0.5),
        times.value_at_quantile(0.99),
        times.max(),
        load.failed.load(Ordering::Relaxed)
    );
}

fn is_live(load: &Load, detector: &str, version: &str) -> bool {
    let snapshot = load.app.registry.current();
    let mut manifests = snapshot.detectors().iter().map(|live| live.prepared.manifest());
    manifests.any(|it| it.name == detector && it.version.to_string() == version)
}

/// The file as a version of the same length.
fn versioned(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut file = file.to_vec();
    let at = file.windows(from.len()).position(|text| text == from).expect("it says its version");
    file[at..at + to.len()].copy_from_slice(to);
    file
}

/// Posts batches one after the other; each line of an answer is a decision.
async fn batches(load: Arc<Load>, stop: Arc<AtomicBool>) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    let client = reqwest::Client::new();
    while !stop.load(Ordering::Relaxed) {
        let first = load.next.fetch_add(BATCH_EVENTS, Ordering::Relaxed);
        let lines: Vec<String> = (first..first + BATCH_EVENTS).map(event).collect();
        let begun = Instant::now();
        let request = client
            .post(format!("http://{}/v1/events/batch", load.app.address))
            .bearer_auth(&load.key)
            .header("content-type", "application/x-ndjson")
            .body(lines.join("\n"));
        let answer = request.send().await.expect("an answer").text().await.expect("all of it");
        times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
        let decided = answer.lines().filter(|line| line.contains(r#""decided_at":"#)).count();
        assert_eq!(decided as u64, BATCH_EVENTS, "each is decided");
    }
    times
}
