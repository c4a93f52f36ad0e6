//! A server on a record of a million decisions, on SQLite and on PostgreSQL: how soon it is ready after a
//! start, how long each answer takes that reads the record, whether PostgreSQL read a whole table for one, and
//! what a decision takes on the disk. Prints figures of one run, and fails where the 99th percentile of an answer
//! is [`P99_MAX_MS`] or more, where a whole table was read, or where the API reads something that is not asked
//! for here.
//!
//! `cargo bench -p picket --bench record`, or `-- 100000` for fewer decisions; of it only `-- sqlite` or
//! `-- postgres`.

mod asks;
mod fill;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hdrhistogram::Histogram;
use picket::app::{App, Carried};
use picket::auth::new_key;
use picket::config::Config;
use picket::model::{
    CaseChange, Decision, DecisionId, DeliveryId, Event, Identity, KeyId, Outgoing, Role, Scope,
    StandingChange, Timestamp, Trials,
};
use picket::store::{Entry, Store};
use reqwest::Client;
use serde_json::{Value, json};

use asks::{Ask, Known};
use place::Place;

const ROUNDS: u64 = 200;
const P99_MAX_MS: f64 = 50.0;
pub const SUBJECTS: u64 = 20_000;
/// Decisions that are written as a server writes them; the older ones are made by SQL.
const NEWEST: u64 = 5_000;
/// Of these, one in so many is about the subject who did most.
const BUSY: u64 = 5;
const HOST_KEY: [u8; 32] = [7; 32];
const POLICY: &str = r#"
name = "market"
source = "market"
events = ["message.*"]
requires = ["contact-email"]
on_error = "review"
merge = "max"
[weights]
"contact.email" = 1.0
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.8
action = "soft_block"
"#;

/// By the source that each is bound to.
type Keys = BTreeMap<Option<&'static str>, String>;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run());
}

async fn run() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let decisions = asked.iter().find_map(|it| it.parse().ok()).unwrap_or(1_000_000);
    assert!(decisions > NEWEST, "at least {NEWEST} are written one by one");
    let has = |word: &str| asked.iter().any(|it| it == word);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut wrong = Vec::new();
    if !has("postgres") {
        let place = Place::sqlite(dir.path().join("data/picket.db"));
        wrong.extend(measure(&place, dir.path(), decisions).await);
    }
    if !has("sqlite") {
        let dir = tempfile::tempdir().expect("a temporary folder");
        wrong.extend(measure(&Place::postgres(), dir.path(), decisions).await);
    }
    for what in &wrong {
        eprintln!("{what}");
    }
    if !wrong.is_empty() {
        std::process::exit(1);
    }
}

/// Fills a place, asks a server on it for everything, and returns what was not as it is promised.
async fn measure(place: &Place, dir: &Path, decisions: u64) -> Vec<String> {
    for (file, bytes) in
        [("data/host.key", &HOST_KEY[..]), ("policies/market.toml", POLICY.as_bytes())]
    {
        let path = dir.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    let name = place.name();
    // What is deployed stays so, and what is compiled stays in the cache.
    let (empty, _) = start(place, dir).await;
    let mut keys = BTreeMap::new();
    for source in [None, Some("market"), Some("left")] {
        let (key, hash) = new_key().expect("a key");
        let made = empty.store.create_key(Role::Admin, source, "bench", &hash, None);
        made.await.expect("a key is kept");
        keys.insert(source, key);
    }
    let mut known = begin(&empty.store).await;
    known.version = version_of(&empty, "contact-email");
    empty.stop().await;
    place.run(&fill::record(decisions - NEWEST, place)).await;
    let before = place.bytes().await;
    let store = Store::open(&place.options(HOST_KEY)).await.expect("the store opens");
    known.newest = write_newest(&store, decisions).await;
    store.close().await.expect("the store closes");
    let grown = (place.bytes().await - before) / NEWEST;
    let leaves = place.leaves().await;
    for statement in fill::log(&leaves, decisions, place) {
        place.run(&statement).await;
    }
    known.log_size = leaves.len() as u64 + decisions;
    place.settle().await;

    let (app, ready) = start(place, dir).await;
    println!(
        "{name:>10} ready in {ready} ms with {decisions} decisions; one of them took {grown} bytes on the disk\n"
    );
    let scans = place.scans().await;
    let mut wrong = ask_everything(&app, name, &keys, &known).await;
    app.stop().await;
    let scans_after = place.scans().await;
    for (table, before) in scans {
        let after = scans_after.get(&table).copied().unwrap_or(before);
        if after > before {
            wrong.push(format!("{name}: `{table}` was read as a whole {} times", after - before));
        }
    }
    wrong
}

/// A server that is ready, and after how many milliseconds it was.
async fn start(place: &Place, dir: &Path) -> (App, u128) {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        database_url: place.url(),
        data_dir: dir.join("data"),
        detectors_dir: dir.join("detectors"),
        policies_dir: dir.join("policies"),
        rate_per_second: 1_000_000,
        rate_burst: 1_000_000,
        ..Config::default()
    };
    let carried = Carried { program: env!("CARGO_BIN_EXE_picket").into(), ..Carried::default() };
    let begun = Instant::now();
    let app = App::start_with(config, carried).await.expect("Picket starts");
    let answer =
        reqwest::get(format!("http://{}/health/ready", app.address)).await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let took = begun.elapsed().as_millis();
    // The policy of the folder.
    app.registry.scan().await.expect("the store answers");
    (app, took)
}

fn version_of(app: &App, detector: &str) -> String {
    let snapshot = app.registry.current();
    let mut manifests = snapshot.detectors().iter().map(|live| live.prepared.manifest());
    let found = manifests.find(|it| it.name == detector).expect("it is bundled");
    found.version.to_string()
}

/// Makes one decision of which what is left after an erasure can stand for many, and one more of the same
/// subject, for its name.
async fn begin(store: &Store) -> Known {
    store.commit(&entry(1)).await.expect("a commit");
    store.erase("market", "user-1", "a benchmark", &somebody()).await.expect("an erasure");
    store.commit(&entry(SUBJECTS + 1)).await.expect("a commit");
    Known { newest: DecisionId::new(), version: String::new(), log_size: 0 }
}

fn somebody() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "bench".into() }
}

/// The newest decisions are real ones, and what most pages show, and so are some holds. Returns the id of
/// one that has a delivery.
async fn write_newest(store: &Store, decisions: u64) -> DecisionId {
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
    // Each opens a case.
    let case = Some(CaseChange { matter: format!("matter-{number}"), joins: None });
    let opened = StandingChange { at: event.time, strike: None, restriction: None, case };
    Entry {
        event: Arc::new(event),
        received_at: Timestamp::now(),
        fingerprint: [7; 32],
        outgoing: Outgoing::of(&decision, &BTreeSet::new()),
        wants: None,
        observations: Vec::new(),
        decision: Arc::new(decision),
        replay: json!({"inputs": [{"kind": "field", "path": "data.content"}]}),
        trials: Trials::default(),
        change: Some(opened),
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

/// Asks again and again for each, prints how long that took, and returns what took too long or was forgotten.
async fn ask_everything(app: &App, name: &str, keys: &Keys, known: &Known) -> Vec<String> {
    let heads = ["p50 ms", "p99 ms", "max ms", "rows"].map(|head| format!("{head:>8}")).join(" ");
    println!("{:>10} {:<56} {heads}", "", "answer");
    let client = Client::new();
    let (mut wrong, mut asked) = (Vec::new(), BTreeSet::new());
    let ruling = format!("http://{}/v1/decisions/{}/ruling", app.address, known.newest);
    let ruling = client.put(ruling).bearer_auth(&keys[&None]);
    let ruled = ruling.json(&json!({"ruling": "upheld", "why": "a benchmark"})).send().await;
    assert!(ruled.expect("an answer").status().is_success());
    for ask in asks::all(known) {
        asked.insert(ask.route);
        match time(app, &client, &keys[&ask.bound_to], &ask).await {
            Ok((p99, line)) => {
                println!("{name:>10} {line}");
                if p99 >= P99_MAX_MS {
                    wrong.push(format!("{name}: {P99_MAX_MS} ms are promised: {line}"));
                }
            }
            Err(answer) => wrong.push(format!("{name}: {answer}")),
        }
    }
    let document = format!("http://{}/openapi.json", app.address);
    let request = client.get(document).bearer_auth(&keys[&None]).send().await.expect("an answer");
    let document: Value =
        serde_json::from_str(&request.text().await.expect("all of it")).expect("it is JSON");
    for (path, methods) in document["paths"].as_object().expect("there are some") {
        let reads = methods.get("get").is_some() && !asks::ELSEWHERE.contains(&path.as_str());
        if reads && !asked.contains(path.as_str()) {
            wrong.push(format!("{name}: GET {path} is not asked for"));
        }
    }
    wrong
}

/// Asks for one thing. Where there are more pages, the next one each time.
///
/// # Errors
/// An answer that is none, with what was asked.
async fn time(app: &App, client: &Client, key: &str, ask: &Ask) -> Result<(f64, String), String> {
    let mut times = Histogram::<u64>::new(3).expect("three digits");
    let (mut found, mut after) = (0, None);
    for round in 0..ROUNDS {
        let url = format!("http://{}{}", app.address, (ask.path)(round, after.take().as_deref()));
        let request = match &ask.body {
            Some(body) => client.post(&url).json(body),
            None => client.get(&url),
        };
        let begun = Instant::now();
        let answer = request.bearer_auth(key).send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("all of it"));
        times.record(begun.elapsed().as_micros() as u64).expect("the histogram grows");
        if !status.is_success() {
            return Err(format!("{url}: {status} {text}"));
        }
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let lists =
            json.as_array().or_else(|| json.as_object()?.values().find_map(Value::as_array));
        found += lists.map_or(1, Vec::len);
        after = json["next"].as_str().map(str::to_owned);
    }
    let ms = |micros: u64| micros as f64 / 1e3;
    let p99 = ms(times.value_at_quantile(0.99));
    let line = format!(
        "{:<56} {:>8.2} {p99:>8.2} {:>8.2} {:>8.1}",
        ask.title,
        ms(times.value_at_quantile(0.5)),
        ms(times.max()),
        found as f64 / ROUNDS as f64
    );
    Ok((p99, line))
}

/// The delivery of a decision that [`entry`] makes.
pub fn delivery_of(decision: DecisionId) -> DeliveryId {
    DeliveryId::of_action(decision, Scope::Message)
}
