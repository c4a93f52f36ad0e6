//! What of an event's time the audit log takes: two servers in one process, in turns under 64 clients, of
//! which one writes no log. Its database is told to pass over what is written to it, so that the program is
//! the same, and the statements. What is not spared is making the entries, which is measured by itself.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use databases::Server;
use hdrhistogram::Histogram;
use picket::audit::leaf_hash;
use picket::model::{AuditEntry, DecisionId};
use serde_json::json;
use sqlx::{ConnectOptions, Connection};

use super::load::{Load, client, pace};

const CLIENTS: usize = 64;
const ROUNDS: usize = 12;
const WINDOW: Duration = Duration::from_secs(3);

/// Rows of the log are passed over, and it stays as long as it is: so no tile of it becomes full.
const PASS_OVER_SQLITE: &str = "CREATE TRIGGER pass_over_entries BEFORE INSERT ON audit \
    BEGIN SELECT RAISE(IGNORE); END; \
    CREATE TRIGGER pass_over_head BEFORE UPDATE ON audit_head BEGIN SELECT RAISE(IGNORE); END";
const PASS_OVER_POSTGRES: &str = "CREATE RULE pass_over_entries AS ON INSERT TO audit DO INSTEAD NOTHING; \
    CREATE RULE pass_over_head AS ON UPDATE TO audit_head DO INSTEAD NOTHING";

/// A server, and how its events went.
struct Side {
    load: Arc<Load>,
    times: Histogram<u64>,
    decided: f64,
}

pub async fn run() {
    println!("{CLIENTS} clients, {ROUNDS} windows of {} s each, in turns", WINDOW.as_secs());
    let dirs = [(); 4].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let [with, without, with_postgres, without_postgres] = dirs.each_ref().map(|dir| dir.path());
    Load::start(without, String::new()).await.app.stop().await;
    pass_over(&without.join("data/picket.db")).await;
    let servers =
        [Load::start(with, String::new()).await, Load::start(without, String::new()).await];
    compare("sqlite", servers).await;

    let server = Server::start(&[("shared_buffers", "512MB"), ("max_wal_size", "4GB")]);
    server.run("postgres", "CREATE DATABASE without");
    let url = server.url("without");
    Load::start(without_postgres, url.clone()).await.app.stop().await;
    server.run("without", PASS_OVER_POSTGRES);
    let with = Load::start(with_postgres, server.url("postgres")).await;
    compare("postgres", [with, Load::start(without_postgres, url).await]).await;

    println!("making an entry takes {:.1} µs of an evaluation thread", making_takes());
}

async fn pass_over(file: &Path) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.expect("the file opens");
    sqlx::raw_sql(PASS_OVER_SQLITE).execute(&mut connection).await.expect("triggers");
    connection.close().await.expect("the file closes");
}

/// The first one writes its log.
async fn compare(name: &str, servers: [Load; 2]) {
    let mut sides = servers.map(|load| Side {
        load: Arc::new(load),
        times: Histogram::new(3).expect("three digits"),
        decided: 0.0,
    });
    let mut before = [0; 2];
    for round in 0..=ROUNDS {
        for (side, before) in sides.iter_mut().zip(&mut before) {
            let (rate, times) =
                pace(CLIENTS, WINDOW, |stop| client(Arc::clone(&side.load), stop)).await;
            // Nothing of the first counts: connections are made, code is warm.
            if round == 0 {
                *before = log_size(side).await;
                continue;
            }
            side.times.add(times).expect("the same kind of histogram");
            side.decided += rate * WINDOW.as_secs_f64();
        }
    }
    for ((side, before), how) in sides.iter().zip(before).zip(["with its log", "without"]) {
        let ms = |quantile| side.times.value_at_quantile(quantile) as f64 / 1e3;
        println!(
            "{name:>10} {how:<14} {:>7.0} events/s, p50 {:>5.1} ms, p99 {:>6.1} ms, {} failed, {} entries more",
            side.decided / (ROUNDS as f64 * WINDOW.as_secs_f64()),
            ms(0.5),
            ms(0.99),
            side.load.failed.load(Ordering::Relaxed),
            log_size(side).await - before,
        );
    }
    let share = |quantile| {
        let [with, without] =
            [0, 1].map(|side: usize| sides[side].times.value_at_quantile(quantile) as f64);
        100.0 * (1.0 - without / with)
    };
    println!(
        "{name:>10} the log's share: {:.1} % of p50, {:.1} % of p99, {:.1} % of the mean",
        share(0.5),
        share(0.99),
        100.0 * (1.0 - sides[1].times.mean() / sides[0].times.mean()),
    );
    for side in sides {
        let load = Arc::into_inner(side.load).expect("nobody else has it");
        load.app.stop().await;
    }
}

async fn log_size(side: &Side) -> u64 {
    side.load.app.store.audit_head().await.expect("the store answers").size
}

/// What the entry of a decision takes, in microseconds: its canonical JSON and the hash of that.
fn making_takes() -> f64 {
    const TIMES: u32 = 50_000;
    let digest = format!("sha256:{}", "7".repeat(64));
    let begun = Instant::now();
    for _ in 0..TIMES {
        let facts = json!({
            "event": digest, "tier": "low", "action": "allow", "policy": digest,
            "detectors": digest, "generation": 12, "document": digest,
        });
        let entry = AuditEntry::new(None, "decision", DecisionId::new().to_string(), facts);
        let bytes = serde_json_canonicalizer::to_vec(&entry).expect("an entry is plain JSON");
        std::hint::black_box(leaf_hash(&bytes));
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}
