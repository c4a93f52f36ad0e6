//! Every list that the API offers, beside a million decisions, on SQLite and on PostgreSQL; and how long
//! opening that record takes. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench record`, or `-- 100000` for fewer decisions.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use databases::Server;
use hdrhistogram::Histogram;
use picket::model::{Decision, DecisionId, Event, Identity, KeyId, Role, Timestamp};
use picket::store::{Entry, Filter, Options, Store};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

const ROUNDS: u64 = 200;
const SUBJECTS: u64 = 20_000;
/// Decisions that are written as a server writes them; the older ones are made by SQL.
const NEWEST: u64 = 5_000;

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run(asked.unwrap_or(1_000_000)));
}

async fn run(decisions: u64) {
    println!("{:>10} {:<40} {:>8} {:>8} {:>8}", "", "list", "p50 ms", "p99 ms", "max ms");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let file = dir.path().join("picket.db");
    let url = format!("sqlite://{}", file.display());
    begin(&url).await;
    fill_sqlite(&file, &fill(decisions - NEWEST)).await;
    let newest = write_newest(&url, decisions).await;
    fill_sqlite(&file, &fill_audit(decisions)).await;
    measure("sqlite", &url, decisions, newest).await;

    let server = Server::start(&[("shared_buffers", "512MB"), ("max_wal_size", "4GB")]);
    let url = server.url("postgres");
    begin(&url).await;
    server.run("postgres", &fill(decisions - NEWEST));
    let newest = write_newest(&url, decisions).await;
    server.run("postgres", &fill_audit(decisions));
    server.run("postgres", "VACUUM ANALYZE");
    let scans = || {
        let scans = "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables \
            WHERE relname IN ('events', 'decisions', 'decision_labels', 'audit')";
        server.run("postgres", scans).parse::<u64>().expect("a number")
    };
    let before = scans();
    measure("postgres", &url, decisions, newest).await;
    println!("{:>10} sequential scans meanwhile: {}", "postgres", scans() - before);
}

/// Makes the tables, and one decision of which what is left after an erasure can stand for many.
async fn begin(url: &str) {
    let store = open(url).await;
    store.commit(&entry(1)).await.expect("a commit");
    let who = Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "bench".into() };
    store.erase("market", "user-1", "a benchmark", &who).await.expect("an erasure");
    store.close().await.expect("the store closes");
}

/// The newest decisions are real ones, and what most pages show. Returns the id of one.
async fn write_newest(url: &str, decisions: u64) -> DecisionId {
    let store = open(url).await;
    let numbers: Vec<u64> = (decisions - NEWEST + 1..=decisions).collect();
    let mut newest = None;
    for some in numbers.chunks(256) {
        let entries: Vec<Entry> = some.iter().map(|number| entry(*number)).collect();
        newest = entries.last().map(|entry| entry.decision.id);
        let committing = entries.iter().map(|entry| store.commit(entry));
        for committed in futures::future::join_all(committing).await {
            committed.expect("a commit");
        }
    }
    store.close().await.expect("the store closes");
    newest.expect("there are some")
}

/// The event of a number with its decision, spread as the rows that SQL makes are.
fn entry(number: u64) -> Entry {
    let event = Event {
        id: format!("n-{number}"),
        source: "market".to_owned(),
        kind: "message.sent".to_owned(),
        subject: format!("user-{}", (number - 1) * 97 % SUBJECTS + 1),
        time: Timestamp::now(),
        time_sent: true,
        data: json!({"content": "Hi! The fence is 12x14 ft, call me on 555 0100, is $180 ok?"}),
        extensions: serde_json::Map::new(),
    };
    let tier = match number % 10 {
        0 => "high",
        1..4 => "medium",
        _ => "low",
    };
    let signal = json!({
        "detector": "contact-email", "label": "contact.email", "score": 0.85, "confidence": 0.97,
        "reason": "an address", "spans": [{"field": "data.content", "start": 38, "end": 46}],
        "entities": [], "counted": true,
    });
    let names = ["email", "handle", "intent", "link", "phone", "obfuscation", "payment"];
    let findings = names.map(|name| {
        json!({
            "detector": format!("contact-{name}"), "version": "1.2.0", "stage": "active",
            "digest": format!("sha256:{}", "0".repeat(64)), "counted": true, "outcome": "ok",
            "settings_digest": format!("sha256:{}", "1".repeat(64)), "micros": 11,
        })
    });
    let decision: Decision = serde_json::from_value(json!({
        "id": DecisionId::new(), "event_id": event.id, "source": event.source,
        "type": event.kind, "subject": event.subject, "time": event.time,
        "decided_at": event.time, "mode": "active", "score": 0.83, "tier": tier,
        "action": "soft_block", "scope": "message",
        "actions": [{"action": "soft_block", "scope": "message", "expires_at": null}],
        "reason": "contact-email found contact.email (0.85)", "message": "Held back.",
        "strike": null, "case_id": null, "degraded": false, "review": false,
        "policy": {"name": "market", "version": 3, "digest": format!("sha256:{}", "2".repeat(64))},
        "signals": if number.is_multiple_of(3) { vec![signal] } else { Vec::new() },
        "findings": findings, "generation": 4, "semantics": 1,
    }))
    .expect("a decision");
    Entry {
        event: Arc::new(event),
        received_at: Timestamp::now(),
        fingerprint: [7; 32],
        decision: Arc::new(decision),
        replay: json!({"inputs": [{"kind": "field", "path": "data.content"}]}),
        trials: Vec::new(),
        change: None,
        escalates: None,
        outgoing: Vec::new(),
    }
}

async fn open(url: &str) -> Store {
    let options = Options { migrate: true, ..Options::new(url, [7; 32]) };
    Store::open(&options).await.expect("the store opens")
}

/// Makes so many decisions of the first one, in words that both databases understand: two sources,
/// of which one has left, three tiers, a detector that finds often and one that finds seldom.
fn fill(decisions: u64) -> String {
    let numbers = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT CAST(2 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers \
         WHERE n < {decisions})"
    );
    let id = "'00000000-0000-7000-8000-' || substr(CAST(1000000000000 + n AS TEXT), 2)";
    // Subjects are kept as hashes, which SQL cannot make: one in 200 is the first one's.
    let who = "CASE WHEN n % 200 = 0 THEN subject ELSE 'user-' || (n % 20000) END";
    let left = decisions / 5;
    format!(
        "{numbers} INSERT INTO events (source, event_id, decision_id, subject, kind, time, \
         received_at, fingerprint, state, sealed) SELECT source, 'n-' || n, {id}, \
         {who}, kind, time + n, received_at + n, fingerprint, 1, \
         sealed FROM events, numbers; \
         {numbers} INSERT INTO decisions (seq, id, source, subject, kind, event_id, decided_at, \
         mode, tier, action, score, policy_digest, generation, semantics, sealed) \
         SELECT n, {id}, CASE WHEN n < {left} THEN 'left' ELSE source END, \
         {who}, kind, 'n-' || n, decided_at + n, mode, \
         CASE WHEN n % 10 = 0 THEN 'high' WHEN n % 10 < 4 THEN 'medium' ELSE 'low' END, action, \
         score, policy_digest, generation, semantics, sealed FROM decisions, numbers; \
         INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-email', source, tier, seq, 'contact.email' FROM decisions \
         WHERE seq % 3 = 0 AND seq > 1; \
         INSERT INTO decision_labels (detector, source, tier, decision, label) \
         SELECT 'contact-link', source, tier, seq, 'contact.link' FROM decisions WHERE seq % 99 = 0"
    )
}

/// As many audit entries, last of all: they are not in the tree that the next one would be added to.
fn fill_audit(decisions: u64) -> String {
    format!(
        "WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 \
         FROM numbers WHERE n < {decisions}) \
         INSERT INTO audit (seq, object, leaf_hash, leaf) SELECT head.seq + n, 'n-' || n, leaf_hash, leaf \
         FROM audit, numbers, (SELECT max(seq) AS seq FROM audit) AS head WHERE audit.seq = 1 ORDER BY n"
    )
}

async fn fill_sqlite(file: &Path, statements: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.expect("the file opens");
    let text = format!("PRAGMA synchronous = OFF; {statements}; PRAGMA wal_checkpoint(TRUNCATE)");
    sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await.expect("rows");
    connection.close().await.expect("the file closes");
}

async fn measure(name: &str, url: &str, decisions: u64, newest: DecisionId) {
    let begun = Instant::now();
    let store = open(url).await;
    store.ready().await.expect("it answers");
    let opened = begun.elapsed().as_millis();
    let searches: [(&str, [Option<&str>; 4]); 16] = [
        ("decisions", [None; 4]),
        ("decisions of a source", [None, None, Some("market"), None]),
        ("decisions of a source that has left", [None, None, Some("left"), None]),
        ("decisions of a source that is unknown", [None, None, Some("nobody"), None]),
        ("decisions of a tier", [None, None, None, Some("high")]),
        ("decisions of a source and a tier", [None, None, Some("market"), Some("medium")]),
        ("decisions of a subject", [None, Some("user"), None, None]),
        ("decisions of a subject and a source", [None, Some("user"), Some("left"), None]),
        ("decisions of a subject and a tier", [None, Some("user"), None, Some("high")]),
        ("decisions of a detector", [Some("contact-email"), None, None, None]),
        ("decisions of a detector that finds little", [Some("contact-link"), None, None, None]),
        ("decisions of a detector and a source", [Some("contact-email"), None, Some("left"), None]),
        ("decisions of a detector, not in source", [Some("contact-link"), None, Some("no"), None]),
        ("decisions of a detector and a tier", [Some("contact-email"), None, None, Some("high")]),
        (
            "... of detector, source and tier",
            [Some("contact-email"), None, Some("left"), Some("low")],
        ),
        ("... of detector and subject", [Some("contact-email"), Some("user"), None, None]),
    ];
    for (list, [detector, subject, source, tier]) in searches {
        let (store, owned) = (&store, |text: Option<&str>| text.map(str::to_owned));
        let filter = Filter {
            detector: owned(detector),
            subject: None,
            source: owned(source),
            tier: owned(tier),
            after: None,
            limit: 50,
        };
        time(name, list, async |round| {
            let mut filter = filter.clone();
            // One who did much, and one who did little.
            let number = if round.is_multiple_of(2) { 1 } else { round * 97 % SUBJECTS };
            filter.subject = subject.map(|name| format!("{name}-{number}"));
            let page = store.decisions(&filter).await.expect("a page");
            page.decisions.len()
        })
        .await;
    }
    time(name, "audit entries", async |round| {
        let after = round * 4_999 % decisions;
        store.audit_entries(after, 100).await.expect("a page").len()
    })
    .await;
    time(name, "alerts", async |_| store.alerts(None, 100).await.expect("a page").len()).await;
    time(name, "events to be decided", async |_| store.accepted(100).await.expect("rows").len())
        .await;
    time(name, "an event by its id", async |round| {
        let id = format!("n-{}", 2 + round * 4_999 % (decisions - 1));
        usize::from(store.claim("market", &id).await.is_ok())
    })
    .await;
    time(name, "a decision by its id", async |_| {
        usize::from(store.decision(newest).await.expect("a look").is_some())
    })
    .await;
    println!("{name:>10} opened and ready in {opened} ms\n");
    store.close().await.expect("the store closes");
}

/// Asks again and again and prints how long that takes.
async fn time(database: &str, list: &str, ask: impl AsyncFn(u64) -> usize) {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    for round in 0..ROUNDS {
        let begun = Instant::now();
        ask(round).await;
        times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
    }
    let ms = |micros: u64| micros as f64 / 1e3;
    println!(
        "{database:>10} {list:<40} {:>8.2} {:>8.2} {:>8.2}",
        ms(times.value_at_quantile(0.5)),
        ms(times.value_at_quantile(0.99)),
        ms(times.max())
    );
}
