//! Every list that the API offers, beside a million decisions, on SQLite and on PostgreSQL; and how long
//! opening that record takes. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench record`, or `-- 100000` for fewer decisions.

mod fill;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use databases::Server;
use hdrhistogram::Histogram;
use picket::model::{
    Decision, DecisionId, DeliveryId, DeliveryState, DestinationId, Event, Identity, KeyId,
    Outgoing, Role, Scope, Timestamp, Trials,
};
use picket::store::{DeliveryFilter, Entry, Filter, HeldAfter, Options, Span, Store};
use serde_json::json;

use fill::{fill, fill_audit, fill_sqlite};

const ROUNDS: u64 = 200;
const SUBJECTS: u64 = 20_000;
/// Decisions that are written as a server writes them; the older ones are made by SQL.
const NEWEST: u64 = 5_000;
/// Of these, one in so many is about the subject who did most.
const BUSY: u64 = 5;

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run(asked.unwrap_or(1_000_000)));
}

async fn run(decisions: u64) {
    let heads = ["p50 ms", "p99 ms", "max ms", "rows"].map(|head| format!("{head:>8}")).join(" ");
    println!("{:>10} {:<40} {heads}", "", "list");
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
            WHERE relname IN ('events', 'decisions', 'decision_labels', 'audit', 'outbox', \
            'delivery_claims', 'delivery_attempts', 'holds', 'subject_keys', 'spent_events')";
        server.run("postgres", scans).parse::<u64>().expect("a number")
    };
    let before = scans();
    measure("postgres", &url, decisions, newest).await;
    println!("{:>10} sequential scans meanwhile: {}", "postgres", scans() - before);
}

/// Makes the tables, one decision of which what is left after an erasure can stand for many, and one more
/// of the same subject, for its name.
async fn begin(url: &str) {
    let store = open(url).await;
    store.commit(&entry(1)).await.expect("a commit");
    store.erase("market", "user-1", "a benchmark", &somebody()).await.expect("an erasure");
    store.commit(&entry(SUBJECTS + 1)).await.expect("a commit");
    store.close().await.expect("the store closes");
}

fn somebody() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "bench".into() }
}

/// The newest decisions are real ones, and what most pages show, and so are some holds. Returns the id of
/// one.
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
    for number in 1..=100 {
        let subject = subject(decisions - number);
        store.hold("market", &subject, "a benchmark", &somebody()).await.expect("a hold");
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
        subject: subject(number),
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
        outgoing: Outgoing::of(&decision, &BTreeSet::new()),
        observations: Vec::new(),
        decision: Arc::new(decision),
        replay: json!({"inputs": [{"kind": "field", "path": "data.content"}]}),
        trials: Trials::default(),
        change: None,
        escalates: None,
    }
}

/// Who an event is about. The first subject did most.
fn subject(number: u64) -> String {
    match number % BUSY {
        0 => "user-1".to_owned(),
        _ => format!("user-{}", (number - 1) * 97 % SUBJECTS + 1),
    }
}

async fn open(url: &str) -> Store {
    let options = Options { migrate: true, ..Options::new(url, [7; 32]) };
    Store::open(&options).await.expect("the store opens")
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
        let id = format!("n-{}", decisions - round * 17 % NEWEST);
        usize::from(store.claim("market", &id).await.expect("a look").is_some())
    })
    .await;
    time(name, "a decision by its id", async |_| {
        usize::from(store.decision(newest).await.expect("a look").is_some())
    })
    .await;
    measure_deliveries(name, &store, newest).await;
    measure_holds(name, &store).await;
    measure_export(name, &store).await;
    measure_ranges(name, &store).await;
    println!("{name:>10} opened and ready in {opened} ms\n");
    store.close().await.expect("the store closes");
}

async fn measure_deliveries(name: &str, store: &Store, newest: DecisionId) {
    let lists = [
        ("deliveries", None, None),
        ("deliveries to a source", Some("market"), None),
        ("deliveries to a source that has left", Some("left"), None),
        ("deliveries to a source that is unknown", Some("nobody"), None),
        ("deliveries that are dead", None, Some(DeliveryState::Dead)),
        ("deliveries that wait", None, Some(DeliveryState::Pending)),
        ("deliveries that were erased (one)", None, Some(DeliveryState::Erased)),
        ("deliveries to a source, dead", Some("market"), Some(DeliveryState::Dead)),
        ("deliveries to one that has left, wait", Some("left"), Some(DeliveryState::Pending)),
    ];
    for (list, source, state) in lists {
        let source = source.map(str::to_owned);
        let filter = DeliveryFilter { source, state, after: None, limit: 50 };
        let first = store.deliveries(&filter).await.expect("a page");
        time(name, list, async |round| {
            // The first page and the second, in turn.
            let after = first.next.filter(|_| round.is_multiple_of(2));
            let filter = DeliveryFilter { after, ..filter.clone() };
            store.deliveries(&filter).await.expect("a page").deliveries.len()
        })
        .await;
    }
    let id = DeliveryId::of_action(newest, Scope::Message);
    time(name, "a delivery with its tries", async |_| {
        usize::from(store.delivery(&id).await.expect("a look").is_some())
    })
    .await;
    let to = DestinationId::of("market");
    time(name, "what waits for a destination", async |_| {
        store.delivery_backlog(&to).await.expect("a look").pending as usize
    })
    .await;
}

async fn measure_holds(name: &str, store: &Store) {
    for (list, source) in [
        ("holds", None),
        ("holds of a source", Some("market")),
        ("holds of a source that has left", Some("left")),
        ("holds of a source that is unknown", Some("nobody")),
    ] {
        let mut after = None;
        time(name, list, async |_| {
            // Page after page, and then from the beginning.
            let page = store.holds(source, after.as_ref(), 50).await.expect("a page");
            after = page.next;
            page.holds.len()
        })
        .await;
    }
}

async fn measure_export(name: &str, store: &Store) {
    for (list, subject) in [
        ("a page of what is held of a subject", "user-98"),
        ("... of the one who did most", "user-1"),
    ] {
        let mut after = HeldAfter::default();
        time(name, list, async |_| {
            let page = store.held_events("market", subject, after, 50).await.expect("a page");
            after = page.1.unwrap_or_default();
            page.0.len()
        })
        .await;
    }
}

async fn measure_ranges(name: &str, store: &Store) {
    let before = DecisionId::from_time(Timestamp::now());
    for (list, source) in [
        ("a page of a range to replay", None),
        ("... of a source", Some("market")),
        ("... of a source that has left", Some("left")),
    ] {
        let mut after = DecisionId::from_time(Timestamp::from_micros(0));
        time(name, list, async |_| {
            let source = source.map(str::to_owned);
            let ids = store.ids_within(&Span { source, after, before }).await.expect("a page");
            after = ids.last().copied().unwrap_or(after);
            ids.len()
        })
        .await;
    }
    let after = DecisionId::from_time(Timestamp::from_micros(0));
    let begun = Instant::now();
    let all = store.decisions_within(&Span { source: None, after, before }).await.expect("a count");
    println!("{name:>10} a range of {all} decisions counted in {} ms", begun.elapsed().as_millis());
}

/// Asks again and again and prints how long that takes.
async fn time(database: &str, list: &str, mut ask: impl AsyncFnMut(u64) -> usize) {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    let mut found = 0;
    for round in 0..ROUNDS {
        let begun = Instant::now();
        found += ask(round).await as u64;
        times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
    }
    let ms = |micros: u64| micros as f64 / 1e3;
    println!(
        "{database:>10} {list:<40} {:>8.2} {:>8.2} {:>8.2} {:>8.1}",
        ms(times.value_at_quantile(0.5)),
        ms(times.value_at_quantile(0.99)),
        ms(times.max()),
        found as f64 / ROUNDS as f64
    );
}
