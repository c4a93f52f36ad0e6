//! A server under load: clients that post one event after the other, each on a connection of its own.

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

/// A server with a key, and how many events were posted and failed.
pub struct Load {
    pub app: App,
    pub key: String,
    pub next: AtomicU64,
    pub failed: AtomicU64,
}

impl Load {
    /// A server with what the program carries, in a folder of its own.
    pub async fn start(dir: &Path, database_url: String) -> Self {
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
        fs::create_dir_all(&config.detectors_dir).expect("a folder");
        let carried =
            Carried { program: env!("CARGO_BIN_EXE_picket").into(), ..Carried::default() };
        let app = App::start_with(config, carried).await.expect("Picket starts");
        let (key, hash) = new_key().expect("a key");
        app.store.create_key(Role::Admin, None, "bench", &hash, None).await.expect("a key is kept");
        Self { app, key, next: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }
}

/// Runs so many for so long; returns how often they finished in a second, and their times.
pub async fn pace<F: Future<Output = Histogram<u64>> + Send + 'static>(
    clients: usize,
    length: Duration,
    one: impl Fn(Arc<AtomicBool>) -> F,
) -> (f64, Histogram<u64>) {
    let stop = Arc::new(AtomicBool::new(false));
    let begun = Instant::now();
    let running: Vec<_> = (0..clients).map(|_| tokio::spawn(one(Arc::clone(&stop)))).collect();
    tokio::time::sleep(length).await;
    stop.store(true, Ordering::Relaxed);
    let mut all = Histogram::<u64>::new(3).expect("three digits");
    for times in futures::future::join_all(running).await {
        all.add(times.expect("a client finishes")).expect("the same kind of histogram");
    }
    (all.len() as f64 / begun.elapsed().as_secs_f64(), all)
}

/// One connection that is kept alive. Written by hand: what is measured shares the cores.
pub async fn client(load: Arc<Load>, stop: Arc<AtomicBool>) -> Histogram<u64> {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    let mut stream = TcpStream::connect(load.app.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket");
    let mut answer = vec![0; 64 << 10];
    while !stop.load(Ordering::Relaxed) {
        let body = event(load.next.fetch_add(1, Ordering::Relaxed));
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

/// An event of which the shipped detectors find nothing.
pub fn event(number: u64) -> String {
    json!({
        "specversion": "1.0", "id": format!("bench-{number}"), "source": "qwickservices",
        "type": "message.sent", "subject": format!("user-{}", number % 2_000),
        "data": {"content": "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?"},
    })
    .to_string()
}
