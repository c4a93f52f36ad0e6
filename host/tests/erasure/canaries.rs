//! A thousand people are erased, of whom every text was unmistakable: no byte of it is left anywhere.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::path::Path;
use std::process::Command;

use databases::Home;
use picket::config::{Config, Destination};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _, Row as _};
use tempfile::TempDir;

use crate::life::{self, send};
use crate::server::{POLICY, Server, furnish};
use crate::trace::{files_with, is_compressed_in};

const ERASED: usize = 1_000;
const LIVING: usize = 100;
/// What every text of those begins with who are erased, and of those who are not.
const GONE: &str = "gone7c1f";
const HERE: &str = "here7c1f";

/// Whoever it is, by number: the first thousand are erased.
fn mark(number: usize) -> String {
    let kind = if number < ERASED { GONE } else { HERE };
    let odd = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{kind}-{odd:016x}")
}

fn text(json: &Value) -> &str {
    json.as_str().expect("a text")
}

/// An event in which everything that may be personal is marked: what the detector prints as well.
fn event(number: usize, which: &str) -> Value {
    let mark = mark(number);
    json!({
        "specversion": "1.0", "id": format!("{mark}-{which}"), "source": "market",
        "type": "message.sent", "subject": format!("{mark}@example.com"),
        "partitionkey": format!("{mark}-key"),
        "data": {
            "content": format!("blurt {mark}-content, call me"), "recipient": format!("{mark}-to"),
            "thread_id": format!("{mark}-thread"), (format!("{mark}-field")): 1,
        },
    })
}

/// Everything that the server does, in a file of its folder, as loud as can be.
fn log_to(file: &Path) {
    let folder = file.parent().expect("a file lies in a folder");
    std::fs::create_dir_all(folder).expect("a folder");
    let file = OpenOptions::new().create(true).append(true).open(file).expect("a log");
    let filter = tracing_subscriber::EnvFilter::new("trace");
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    logs.with_writer(move || file.try_clone().expect("one more handle")).init();
}

/// Posts two events of each, in every way that there is, and has some of them ruled on.
async fn live(server: &Server) {
    // A policy on trial has something else to say of each.
    let stricter = POLICY.replace("NAME", "market").replace("soft_block", "hard_block");
    let path = "/v1/policies/market?why=stricter";
    let sent = server.request("engineer", Method::PUT, path).body(stricter).send().await;
    assert_eq!(sent.expect("an answer").status(), 201);
    let numbers: Vec<usize> = (0..ERASED + LIVING).collect();
    for chunk in numbers.chunks(200) {
        let lines = chunk.iter().map(|number| event(*number, "first").to_string() + "\n");
        let body = lines.collect::<String>();
        let answer =
            server.post("platform", "/v1/events/batch", "application/x-ndjson", body).await;
        assert_eq!(answer.text.lines().count(), chunk.len());
        assert!(!answer.text.contains("urn:picket:problem"), "{}", answer.text);
    }
    for number in (0..ERASED + LIVING).step_by(10) {
        let body = event(number, "second").to_string();
        let request = server.request("platform", Method::POST, "/v1/events").body(body);
        let request = request.header("content-type", "application/cloudevents+json");
        let later = number % 20 == 0;
        let request = if later { request.header("prefer", "respond-async") } else { request };
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), if later { 202 } else { 200 });
        let refused = server.post("platform", "/v1/events", "application/json", {
            let mut other = event(number, "second");
            other["data"]["content"] = json!(format!("{}-conflict", mark(number)));
            other.to_string()
        });
        assert_eq!(refused.await.problem(), "id-conflict");
    }
    let page = server.get("admin", "/v1/decisions?limit=200").await.json();
    for decision in page["decisions"].as_array().expect("a page") {
        let path = format!("/v1/decisions/{}/ruling", text(&decision["id"]));
        let mark = text(&decision["subject"]).trim_end_matches("@example.com");
        let said = json!({"ruling": "upheld", "why": format!("{mark}-why")});
        assert_eq!(send(server, "reviewer", Method::PUT, &path, said).await.status, 200);
        // Nobody takes what is delivered, so that it can be tried again.
        let path = format!("/v1/deliveries/{}.message/replay", text(&decision["id"]));
        server
            .until("it is tried again", async || {
                let said = json!({"why": format!("{mark}-phoned")});
                send(server, "admin", Method::POST, &path, said).await.status == 200
            })
            .await;
    }
}

/// Has what is decided be delivered to where nobody is.
fn deliver_to_nobody(config: &mut Config) {
    let (url, headers) = ("http://127.0.0.1:1024/".to_owned(), Default::default());
    let destination = Destination { headers, ..Destination::plain(url, None) };
    config.destinations.insert("market".to_owned(), destination);
    config.delivery_attempts_max = 1;
}

/// Everything that the server says about anybody, page by page.
async fn answers(server: &Server) -> String {
    let mut all = String::new();
    let mut after = String::new();
    loop {
        let page = server.get("admin", &format!("/v1/decisions?limit=200{after}")).await;
        all += &page.text;
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        after = format!("&after={next}");
    }
    let mut seq = 0;
    loop {
        let page = server.get("admin", &format!("/v1/audit?limit=200&after={seq}")).await;
        all += &page.text;
        let lines = page.json();
        let Some(last) = lines.as_array().and_then(|lines| lines.last()) else { break };
        seq = last["seq"].as_u64().expect("a number");
    }
    let mut after = String::new();
    loop {
        let page = server.get("admin", &format!("/v1/deliveries?limit=200{after}")).await;
        all += &page.text;
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        after = format!("&after={next}");
    }
    for path in [
        "/v1/detectors",
        "/v1/detectors/probe/versions/1.0.0/log",
        "/v1/detectors/probe/versions/1.0.0/diff",
        "/v1/policies/market/2/trial?limit=200",
        "/v1/sources/market/mode/preview",
        "/v1/alerts",
        "/metrics",
    ] {
        all += &server.get("admin", path).await.text;
    }
    all
}

/// No byte is left of who was erased, and the others are as they were.
async fn check(server: &Server, folder: &Path, database: Option<&Path>) {
    assert_eq!(files_with(folder, GONE), [""; 0]);
    if let Some(database) = database {
        assert!(!is_compressed_in(&database.to_owned(), GONE));
    }
    let said = answers(server).await;
    assert!(!said.contains(GONE), "{:?}", said.split(GONE).next());
    for number in 0..ERASED {
        let again = server.post("platform", "/v1/events", "application/json", {
            event(number, "first").to_string()
        });
        assert_eq!(again.await.problem(), "erased");
        let path = format!("/v1/subjects/market/{}%40example.com/export", mark(number));
        let export = server.get("admin", &path).await;
        // Its name is what was asked for.
        assert_eq!(export.text.matches(GONE).count(), 1, "{}", export.text);
        let export = export.json();
        assert_eq!((&export["events"], &export["key"]), (&json!([]), &json!(null)));
    }
    for number in ERASED..ERASED + LIVING {
        let path = format!("/v1/subjects/market/{}%40example.com/export", mark(number));
        let export = server.get("admin", &path).await.json();
        let first = &export["events"][0]["event"];
        assert_eq!(first["data"], event(number, "first")["data"]);
        assert!(said.contains(&mark(number)), "the others are listed");
    }
    assert_eq!(files_with(folder, HERE), [""; 0], "nor do the others lie about in clear");
}

async fn erase(server: &Server) {
    for number in 0..ERASED {
        let path = format!("/v1/subjects/market/{}%40example.com/erase", mark(number));
        let erased = send(server, "admin", Method::POST, &path, json!({"why": "ticket 4711"}));
        let erased = erased.await;
        assert_eq!(erased.status, 200, "{}", erased.text);
        let events = if number % 10 == 0 { 2 } else { 1 };
        assert_eq!(erased.json()["events"], events, "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_thousand_erased_people_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    log_to(&data.join("picket.log"));
    furnish(dir.path());
    let server = Server::start_in(&Home::Sqlite, dir, deliver_to_nobody).await;
    live(&server).await;
    let answered = answers(&server).await;
    assert!(answered.contains(GONE) && answered.contains("-phoned"), "the test would see it");
    // A copy from before.
    let copy = tempfile::tempdir().unwrap();
    let backup = copy.path().join("backup");
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    said(picket.env("PICKET_DATA_DIR", &data).arg("backup").arg(&backup));
    erase(&server).await;
    let seen = |text: &str, name: &str| {
        let files = files_with(&data, text);
        assert!(files.iter().any(|file| file.ends_with(name)), "{text} is in {files:?}");
    };
    seen("subject.erased", "picket.db");
    seen("answered", "picket.log");
    check(&server, server.dir.path(), Some(&data.join("picket.db"))).await;
    let list = said(life::picket(&server).args(["subject", "erasures"]));
    search(&backup.join("picket.db"), &data, &list).await;
    server.app.stop().await;
    restored(copy, &list).await;
}

/// What the program says when all is well.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The backup on another machine, with the list that was kept apart.
async fn restored(copy: TempDir, list: &str) {
    let (backup, data) = (copy.path().join("backup"), copy.path().join("data"));
    let kept = copy.path().join("erasures.jsonl");
    std::fs::write(&kept, list).expect("a list");
    let restore = || {
        let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
        picket.env("PICKET_DATA_DIR", &data).arg("restore").arg(&backup).arg("--json");
        picket
    };
    assert!(!restore().status().expect("it runs").success(), "it wants the list");
    let told = said(restore().arg("--erasures").arg(&kept));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["erased_again"], ERASED);
    search(&backup.join("picket.db"), &data, list).await;

    furnish(copy.path());
    let server = Server::start_in(&Home::Sqlite, copy, |_| {}).await;
    check(&server, server.dir.path(), Some(&data.join("picket.db"))).await;
    server.app.stop().await;
}

/// Of who is on the list, no key of the backup is in any byte of a folder, in its encrypted form either; of
/// the others each is. What was sealed under a key that is nowhere is noise.
async fn search(backup: &Path, folder: &Path, list: &str) {
    let lines = list.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let listed: HashSet<String> = lines.map(|line| text(&line["subject"]).to_owned()).collect();
    assert_eq!(listed.len(), ERASED);
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", backup.display());
    let mut database = AnyConnection::connect(&url).await.expect("a backup");
    let rows = sqlx::query("SELECT subject, wrapped FROM subject_keys").fetch_all(&mut database);
    // By its nonce, which comes first.
    let mut places: HashMap<[u8; 16], bool> = HashMap::new();
    for row in &rows.await.expect("an answer") {
        let (subject, wrapped): (String, Vec<u8>) = (row.get("subject"), row.get("wrapped"));
        places.insert(*wrapped.first_chunk().expect("a nonce"), listed.contains(&subject));
    }
    database.close().await.expect("it closes");
    let (mut gone, mut here) = (HashSet::new(), HashSet::new());
    for file in std::fs::read_dir(folder).expect("a folder").flatten() {
        let Ok(bytes) = std::fs::read(file.path()) else { continue };
        for window in bytes.array_windows::<16>() {
            match places.get(window) {
                Some(true) => gone.insert(*window),
                Some(false) => here.insert(*window),
                None => false,
            };
        }
    }
    assert_eq!((gone.len(), here.len()), (0, LIVING));
    assert_eq!(places.len(), ERASED + LIVING);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_on_postgresql() {
    let postgres = databases::Server::start(&[]);
    let url = postgres.url("postgres");
    let set = |config: &mut Config| {
        config.database_url = url.clone();
        deliver_to_nobody(config);
    };
    let server = Server::start_with(&Home::Sqlite, set).await;
    live(&server).await;
    erase(&server).await;
    check(&server, server.dir.path(), None).await;
    postgres.run("postgres", "CHECKPOINT");
    for text in [GONE, HERE] {
        assert_eq!(files_with(postgres.folder(), text), [""; 0]);
    }
    server.app.stop().await;
}
