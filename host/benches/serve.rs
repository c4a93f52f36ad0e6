//! `POST /v1/events`, durable on SQLite: at 1, 16 and 64 clients; then 100 reloads of a detector
//! under 64 clients. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench serve`

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use picket::app::{App, Carried};
use picket::auth::new_key;
use picket::config::Config;
use picket::model::Role;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECONDS: u64 = 8;
const RELOADS: usize = 100;

/// A server with a key, and how many events were posted and failed.
struct Load {
    app: App,
    key: String,
    next: AtomicU64,
    failed: AtomicU64,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.path().join("data"),
        detectors_dir: dir.path().join("detectors"),
        policies_dir: dir.path().join("policies"),
        rate_per_second: 1_000_000,
        rate_burst: 1_000_000,
        ..Config::default()
    };
    fs::create_dir_all(&config.detectors_dir).expect("a folder");
    let carried = Carried { program: env!("CARGO_BIN_EXE_picket").into(), ..Carried::default() };
    let app = App::start_with(config, carried).await.expect("Picket starts");
    let (key, hash) = new_key().expect("a key");
    app.store.create_key(Role::Admin, None, "bench", &hash, None).await.expect("a key is kept");
    let load = Load { app, key, next: AtomicU64::new(0), failed: AtomicU64::new(0) };
    let load = Arc::new(load);
    println!("{:>8} {:>8} {:>8} {:>8} {:>8}", "clients", "req/s", "p50 ms", "p99 ms", "failed");
    for clients in [1, 16, 64] {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let posting = tokio::spawn(post_as(clients, Arc::clone(&load), Arc::clone(&stop)));
        tokio::time::sleep(Duration::from_secs(SECONDS)).await;
        stop.store(true, Ordering::Relaxed);
        let times = posting.await.expect("clients finish");
        let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
        let ms = |quantile| times.value_at_quantile(quantile) as f64 / 1e3;
        let failed = load.failed.load(Ordering::Relaxed);
        println!("{clients:>8} {rate:>8.0} {:>8.1} {:>8.1} {failed:>8}", ms(0.5), ms(0.99));
    }
    reloads(&load, &dir.path().join("detectors")).await;
}

/// Overwrites a detector's file again and again and waits until the new bytes are live.
async fn reloads(load: &Arc<Load>, folder: &Path) {
    let handle = picket_bundle::DETECTORS.iter().find(|it| it.name == "contact-handle");
    let handle = handle.expect("it is bundled").component;
    let stop = Arc::new(AtomicBool::new(false));
    let posting = tokio::spawn(post_as(64, Arc::clone(load), Arc::clone(&stop)));
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
    let posted = posting.await.expect("clients finish").len();
    println!(
        "\n{RELOADS} reloads under 64 clients: p50 {} ms, p99 {} ms, max {} ms; {posted} events meanwhile, {} failed in all",
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

/// Posts as so many clients until told to stop; returns the times in microseconds.
async fn post_as(clients: usize, load: Arc<Load>, stop: Arc<AtomicBool>) -> Histogram<u64> {
    let each = (0..clients).map(|_| tokio::spawn(client(Arc::clone(&load), Arc::clone(&stop))));
    let mut all = Histogram::<u64>::new(3).expect("three digits");
    for times in futures::future::join_all(each).await {
        all.add(times.expect("a client finishes")).expect("the same kind of histogram");
    }
    all
}

/// One connection that is kept alive. Written by hand: what is measured shares the cores.
async fn client(load: Arc<Load>, stop: Arc<AtomicBool>) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    let mut stream = TcpStream::connect(load.app.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket");
    let mut answer = vec![0; 64 << 10];
    while !stop.load(Ordering::Relaxed) {
        let number = load.next.fetch_add(1, Ordering::Relaxed);
        let body = json!({
            "specversion": "1.0", "id": format!("bench-{number}"), "source": "qwickservices",
            "type": "message.sent", "subject": format!("user-{}", number % 2_000),
            "data": {"content": "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?"},
        })
        .to_string();
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {}\r\ncontent-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n{body}",
            load.key,
            body.len()
        );
        let begun = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        if !good(&mut stream, &mut answer).await {
            load.failed.fetch_add(1, Ordering::Relaxed);
        }
        times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
    }
    times
}

/// Reads one answer whole; whether its status is 200.
async fn good(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("the server writes");
        assert!(read > 0, "the server hung up");
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).expect("a head is text");
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize =
            length.and_then(|length| length.parse().ok()).expect("answers have a length");
        if filled >= head + 4 + length {
            return text.starts_with("HTTP/1.1 200");
        }
    }
}
