//! History goes through a candidate, by the program as people run it: on the record of a server, and on files.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;
mod simulation;

use std::path::Path;
use std::process::{Command, Output};

use databases::{Home, on_both};
use picket::model::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use server::{POLICY, Server};
use simulation::{LONG_AGO, STRIKES, command, err};

on_both!(threaded:
    what_was_decided_comes_out_again_strikes_and_all,
    what_differs_is_what_the_diff_says,
    nothing_live_is_touched,
    a_candidate_detector_finds_in_place_of_the_one_that_was,
    what_rules_asked_then_is_told_again
);

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// A server whose source `market` counts strikes, or does not.
async fn started(home: &Home, strikes: &str) -> Server {
    simulation::started(home, &format!("{}{strikes}", POLICY.replace("NAME", "market"))).await
}

async fn said(server: &Server, id: &str, subject: &str, text: &str, days_ago: i64) -> Value {
    let mut event = server::event("market", id, text);
    event["subject"] = json!(subject);
    event["time"] = json!(Timestamp::now().plus_millis(-days_ago * DAY_MS));
    let kind = "application/cloudevents+json";
    let answer = server.post("platform", "/v1/events", kind, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn rule(server: &Server, decision: &Value, word: &str) {
    let path = format!("/v1/decisions/{}/ruling", decision["id"].as_str().unwrap());
    let body = json!({"ruling": word, "why": "looked at it"});
    let ruled = server.request("reviewer", Method::PUT, &path).json(&body).send().await.unwrap();
    assert_eq!(ruled.status(), 200);
}

/// Runs it on the record of a server, and returns the JSON that it wrote.
async fn simulated(server: &Server, args: &[&str]) -> Value {
    let output = simulation::run(server, args).await;
    assert!(output.status.success(), "{}", err(&output));
    let json = std::fs::read_to_string(server.path("simulation/report.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn flips(report: &Value) -> [u64; 3] {
    let flips = &report["result"]["flips"];
    ["stricter", "milder", "retiered"].map(|direction| flips[direction].as_u64().unwrap())
}

/// Violations on many days, late ones, clean ones, a strike that ran out, one that was taken back, and a
/// change of the mode in the middle.
async fn what_was_decided_comes_out_again_strikes_and_all(home: Home) {
    let server = started(&home, STRIKES).await;
    for (number, days_ago) in [40, 29, 28, 3, 35, 2, 1].into_iter().enumerate() {
        said(&server, &format!("a-{number}"), "a", "hello", days_ago).await;
        said(&server, &format!("b-{number}"), &format!("b-{number}"), "silent", days_ago).await;
    }
    let wrong = said(&server, "a-wrong", "a", "hello", 0).await;
    assert_eq!(wrong["strike"]["number"], 6, "{wrong}");
    rule(&server, &wrong, "overturned").await;
    assert_eq!(said(&server, "a-again", "a", "hello", 0).await["strike"]["number"], 6);
    let middle = Timestamp::now().to_string();
    for number in 0..3 {
        said(&server, &format!("c-{number}"), "c", "hello", 1).await;
        said(&server, &format!("a-late-{number}"), "a", "hello", 20).await;
    }
    let mode = json!({"mode": "shadow", "why": "a test"});
    let set = server.request("admin", Method::PUT, "/v1/sources/market/mode").json(&mode);
    assert_eq!(set.send().await.unwrap().status(), 200);
    let shadow = said(&server, "a-shadow", "a", "hello", 0).await;
    assert_eq!(
        (&shadow["action"], &shadow["would"]["strike"]["number"]),
        (&json!("allow"), &json!(1))
    );

    let all = simulated(&server, &["--policy", "policies/market.toml", "--since", LONG_AGO]).await;
    let (before, after) = (&all["result"]["before"], &all["result"]["after"]);
    assert_eq!(all["result"]["history"]["events"], 23);
    assert_eq!(flips(&all), [0; 3], "{all}");
    assert_eq!(before, after);
    assert_eq!(after["strikes_by_number"][0], 3, "of a, of c and in shadow: {after}");
    assert_eq!(
        all["result"]["spoken"],
        json!({"labels": 0, "rulings": 1, "violations": 0, "clean": 1})
    );
    // What counted before the stretch counts in it.
    let args = ["--policy", "policies/market.toml", "--since", &middle, "--threads", "2"];
    let part = simulated(&server, &args).await;
    assert_eq!(part["result"]["history"]["events"], 7);
    assert_eq!((flips(&part), &part["result"]["before"]), ([0; 3], &part["result"]["after"]));
    // A sample is of accounts, so its strikes are true as well.
    let args = ["--source", "market", "--since", LONG_AGO, "--sample", "80%"];
    let sample = simulated(&server, &args).await;
    assert_eq!((flips(&sample), &sample["result"]["before"]), ([0; 3], &sample["result"]["after"]));
    server.app.stop().await;
}

async fn what_differs_is_what_the_diff_says(home: Home) {
    let server = started(&home, "").await;
    let mut cases = String::new();
    for (number, text) in ["hello", "silent", "floats", "hello", "silent"].iter().enumerate() {
        let decision = said(&server, &format!("e-{number}"), "a", text, 1).await;
        let signals: Vec<Value> = (decision["signals"].as_array().unwrap().iter())
            .map(|it| json!({"label": it["label"], "score": it["score"], "confidence": it["confidence"]}))
            .collect();
        let event = json!({"id": decision["event_id"], "source": "market", "data": {}});
        let case = json!({"name": text, "event": event, "signals": signals, "expect": {}});
        cases += &format!("{case}\n");
    }
    let draft = POLICY
        .replace("NAME", "market")
        .replace("\"safety.probe\" = 1.0", "\"safety.probe\" = 0.7");
    server::write(&server.path("draft.toml"), draft.as_bytes());
    server::write(&server.path("cases.jsonl"), cases.as_bytes());
    let mut diff = Command::new(env!("CARGO_BIN_EXE_picket"));
    diff.current_dir(server.dir.path()).args([
        "policy",
        "diff",
        "policies/market.toml",
        "draft.toml",
    ]);
    let said = diff.args(["--on", "cases.jsonl", "--json"]).output().unwrap();
    let diff: Value = serde_json::from_slice(&said.stdout).unwrap();
    let report = simulated(&server, &["--policy", "draft.toml", "--since", LONG_AGO]).await;
    let directions = ["stricter", "milder", "retiered"].map(|it| diff[it].as_u64().unwrap());
    assert_eq!(flips(&report), directions, "{report}");
    assert_eq!(report["result"]["flips"]["rescored"], diff["rescored"]);
    assert!(directions[1] >= 2, "hello is milder now: {diff}");
    let kinds = report["result"]["flips"]["kinds"].as_array().unwrap();
    let told = diff["changed"].as_array().unwrap();
    assert_eq!(kinds.len(), told.len());
    for (kind, told) in kinds.iter().zip(told) {
        for (field, of_diff) in [
            ("direction", "direction"),
            ("before", "before"),
            ("after", "after"),
            ("events", "count"),
        ] {
            assert_eq!(kind[field], told[of_diff]);
        }
        let scores = |examples: &Value, side: &str| -> Vec<Value> {
            let examples = examples.as_array().unwrap().iter();
            examples.map(|example| example[side]["score"].clone()).collect()
        };
        for side in ["before", "after"] {
            assert_eq!(scores(&kind["examples"], side), scores(&told["examples"], side));
        }
    }
    server.app.stop().await;
}

async fn nothing_live_is_touched(home: Home) {
    let server = started(&home, STRIKES).await;
    for number in 0..5 {
        said(&server, &format!("e-{number}"), "a", "hello", 1).await;
    }
    let state = async || {
        let store = &server.app.store;
        (store.generation().await.unwrap(), store.audit_size().await.unwrap())
    };
    let before = state().await;
    let args = ["--policy", "policies/market.toml", "--since", "30d"];
    simulated(&server, &args).await;
    assert_eq!(state().await, before, "while it runs");
    if let Home::Sqlite = home {
        let (database, config) = (server.path("data/picket.db"), server.app.config.clone());
        let Server { app, dir, .. } = server;
        app.stop().await;
        let bytes = std::fs::read(&database).unwrap();
        let mut picket = command(dir.path(), &args);
        let output = picket.env("PICKET_DATA_DIR", &config.data_dir).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        assert!(std::fs::read(&database).unwrap() == bytes, "it is the same to the byte");
        let log = database.with_extension("db-wal");
        assert!(std::fs::metadata(log).map_or(0, |log| log.len()) == 0, "nothing was written");
    } else {
        server.app.stop().await;
    }
}

async fn a_candidate_detector_finds_in_place_of_the_one_that_was(home: Home) {
    let server = started(&home, "").await;
    for (number, text) in ["hello", "silent", "hello"].iter().enumerate() {
        said(&server, &format!("e-{number}"), "a", text, 1).await;
    }
    let draft =
        POLICY.replace("NAME", "market").replace("\"safety.next\" = 1.0", "\"safety.next\" = 0.1");
    server::write(&server.path("draft.toml"), draft.as_bytes());
    server::write(&server.path("next.wasm"), fixture::probe_next());
    let args = ["--policy", "draft.toml", "--detector", "next.wasm", "--since", "2d"];
    let report = simulated(&server, &args).await;
    assert_eq!(flips(&report), [0, 2, 0], "{report}");
    let result = &report["result"];
    let detector = &result["detectors"][0];
    assert_eq!((&detector["name"], &detector["version"]), (&json!("probe"), &json!("1.1.0")));
    assert_eq!((&detector["runs"], &detector["found"]), (&json!(3), &json!(2)));
    let labels: Vec<_> = result["labels"].as_array().unwrap().iter().collect();
    let counts = |at: usize| (&labels[at]["label"], &labels[at]["before"], &labels[at]["after"]);
    assert_eq!(counts(0), (&json!("safety.next"), &json!(0), &json!(2)));
    assert_eq!(counts(1), (&json!("safety.probe"), &json!(2), &json!(0)));
    assert_eq!(report["cost"]["detectors"][0]["runs"], 3);
    server.app.stop().await;
}

const MARKET: &str = r#"
name = "market"
source = "market"
events = ["message.*"]
on_error = "allow"
merge = "max"
[weights]
"contact.phone" = 0.8
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.5
action = "soft_block"
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "warning"
[[strikes.steps]]
action = "cooldown"
for_h = 24
"#;

const PHONE: &str = "Call me on 415-555-0142";
const CALM: &str = "See you at nine";

async fn what_rules_asked_then_is_told_again(home: Home) {
    let asks = |few: u32, window_s: u32| {
        format!(
            "\n[[features]]\nname = \"before\"\nfunction = \"count\"\nby = \"subject\"\nwindow_s = {window_s}\n\
             [[rules]]\nname = \"many\"\nwhen = 'features.before >= {few}'\nfloor = \"high\"\n\
             [[rules]]\nname = \"shared\"\nwhen = 'accounts(\"safety.probe\", 30) >= {few}'\nreview = true\n"
        )
    };
    let server = started(&home, "").await;
    said(&server, "early", "a", "silent", 0).await;
    let policy = POLICY.replace("NAME", "market");
    let write = |name: &str, more: &str| {
        server::write(&server.path(name), format!("{policy}{more}").as_bytes());
    };
    write("policies/market.toml", &asks(2, 86_400));
    server.app.registry.scan().await.unwrap();
    for number in 0..4 {
        said(&server, &format!("a-{number}"), "a", "silent", 0).await;
    }
    for subject in ["b", "c", "d"] {
        said(&server, subject, subject, "entity", 0).await;
    }
    let all = simulated(&server, &["--policy", "policies/market.toml", "--since", LONG_AGO]).await;
    assert_eq!(flips(&all), [0; 3], "{all}");
    let told = |all: &Value| -> Vec<[u64; 3]> {
        let lines = all["result"]["told"].as_array().unwrap().iter();
        let line = |line: &Value| {
            ["recorded", "worked_out", "unknown"].map(|from| line[from].as_u64().unwrap())
        };
        lines.map(line).collect()
    };
    // What was decided before anybody asked is told what follows from the events before it.
    assert_eq!(told(&all), [[7, 1, 0], [3, 0, 0]], "{all}");
    // The third of `a` and the second who had it are let off.
    write("fewer.toml", &asks(3, 86_400));
    let all = simulated(&server, &["--policy", "fewer.toml", "--since", LONG_AGO]).await;
    assert_eq!(flips(&all), [0, 1, 1], "{all}");
    server.app.stop().await;
}

fn event(id: &str, subject: &str, text: &str, day: usize) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "market", "type": "message.sent", "subject": subject,
        "time": format!("2026-09-{:02}T09:00:00Z", day + 1), "data": {"content": text},
    })
}

/// Three violations with a number and two without, one clean event with a number and four without.
fn labelled() -> String {
    let cases = [(3, PHONE, true), (1, PHONE, false), (2, CALM, true), (4, CALM, false)];
    let each = cases
        .into_iter()
        .flat_map(|(count, text, violation)| (0..count).map(move |_| (text, violation)));
    let lines = each.enumerate().map(|(number, (text, violation))| {
        let event = event(&format!("e-{number}"), &format!("user-{}", number % 3), text, number);
        format!("{}\n", json!({"event": event, "violation": violation}))
    });
    lines.collect()
}

fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("picket runs")
}

fn good(dir: &Path, args: &[&str]) -> Value {
    let output = run(dir, args);
    assert!(output.status.success(), "{}", err(&output));
    let json = std::fs::read_to_string(dir.join("simulation/report.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    server::write(&dir.path().join("market.toml"), MARKET.as_bytes());
    let stricter = MARKET.replace("0.8", "0.9").replace("\"soft_block\"", "\"hard_block\"");
    server::write(&dir.path().join("stricter.toml"), stricter.as_bytes());
    server::write(&dir.path().join("events.ndjson"), labelled().as_bytes());
    dir
}

#[test]
fn precision_and_recall_are_those_that_one_counts_by_hand() {
    let dir = folder();
    let dir = dir.path();
    let report = good(dir, &["--policy", "market.toml", "--events", "events.ndjson"]);
    let result = &report["result"];
    let quality = &result["after"]["quality"][0];
    assert_eq!(quality["tier"], "high");
    assert_eq!(quality["precision"]["value"], 0.75, "3 of 4: {quality}");
    assert_eq!(quality["recall"]["value"], 0.6, "3 of 5");
    assert_eq!(quality["f1"], 6.0 / 9.0);
    assert_eq!(result["before"], Value::Null, "it is held against nothing");
    // The same labels from a file, and those of the events may be there as well.
    let labels: String =
        labelled().lines().fold("source,id,violation\n".to_owned(), |csv, line| {
            let line: Value = serde_json::from_str(line).unwrap();
            csv + &format!(
                "market,{},{}\n",
                line["event"]["id"].as_str().unwrap(),
                line["violation"]
            )
        });
    let bare: String = labelled()
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            format!("{}\n", line["event"])
        })
        .collect();
    server::write(&dir.join("labels.csv"), labels.as_bytes());
    server::write(&dir.join("bare.ndjson"), bare.as_bytes());
    let args = ["--policy", "market.toml", "--events", "bare.ndjson", "--labels", "labels.csv"];
    assert_eq!(&good(dir, &args)["result"], result);
}

#[test]
fn the_same_input_is_the_same_report_whatever_the_threads() {
    let dir = folder();
    let dir = dir.path();
    let args =
        ["--policy", "stricter.toml", "--against", "market.toml", "--events", "events.ndjson"];
    let reports = ["1", "2", "5"].map(|threads| {
        let report = good(dir, &[&args[..], &["--threads", threads]].concat());
        serde_json::to_string_pretty(&report["result"]).unwrap()
    });
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
    // Which detectors are shipped is no matter of this test.
    let mut result: Value = serde_json::from_str(&reports[0]).unwrap();
    result["detectors"] = json!([]);
    result["scores"].as_array_mut().unwrap().retain(|bin| *bin != json!({"before": 0, "after": 0}));
    insta::assert_json_snapshot!(result);
}

#[test]
fn nothing_of_others_is_markup_in_the_page() {
    let dir = folder();
    let dir = dir.path();
    let attack = "\"'><script>alert(1)</script>&";
    let mut hostile = event(&format!("id {attack}"), &format!("user {attack}"), PHONE, 3);
    hostile["type"] = json!(format!("message.{attack}"));
    let plain = event("plain", "user-1", PHONE, 4);
    server::write(&dir.join("events.ndjson"), format!("{hostile}\n{plain}\n").as_bytes());
    let report = good(
        dir,
        &["--policy", "stricter.toml", "--against", "market.toml", "--events", "events.ndjson"],
    );
    assert_eq!(flips(&report), [2, 0, 0], "{report}");
    let page = std::fs::read_to_string(dir.join("simulation/report.html")).unwrap();
    assert!(!page.contains("<script") && !page.contains("user "), "neither is there");
    assert!(
        page.contains("id &quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;"),
        "it is shown"
    );
    // It needs nothing from elsewhere.
    for from_elsewhere in ["http:", "https:", "src=", "url(", "@import", "<link"] {
        assert!(!page.contains(from_elsewhere), "{from_elsewhere}");
    }
    let ids: Vec<&str> = page
        .match_indices(" id=\"")
        .map(|(at, _)| page[at + 5..].split('"').next().unwrap())
        .collect();
    for named in ["aria-labelledby=\"", "href=\"#"] {
        for (at, _) in page.match_indices(named) {
            let names = page[at + named.len()..].split('"').next().unwrap();
            assert!(names.split(' ').all(|name| ids.contains(&name)), "{names} is nowhere");
        }
    }
    assert_eq!(page.matches("<table>").count(), page.matches("<caption>").count());
}

#[test]
fn what_is_wrong_is_named_and_is_a_2() {
    let dir = folder();
    let dir = dir.path();
    let lacks_time = json!({"specversion": "1.0", "id": "1", "source": "market", "type": "message.sent", "subject": "u", "data": {}});
    server::write(&dir.join("lacks.ndjson"), format!("\n{lacks_time}\n").as_bytes());
    server::write(&dir.join("broken.ndjson"), b"{\"specversion\"");
    server::write(
        &dir.join("elsewhere.ndjson"),
        event("1", "u", CALM, 1).to_string().replace("market", "other").as_bytes(),
    );
    server::write(&dir.join("wrong.toml"), MARKET.replace("merge", "mrege").as_bytes());
    let events =
        |policy: &'static str, events: &'static str| vec!["--policy", policy, "--events", events];
    for (args, says) in [
        (events("market.toml", "lacks.ndjson"), "lacks.ndjson:2: /time: missing"),
        (events("market.toml", "broken.ndjson"), "broken.ndjson:1: "),
        (events("market.toml", "elsewhere.ndjson"), "passed over: 1 of another source"),
        (events("market.toml", "nowhere.ndjson"), "nowhere.ndjson: "),
        (events("wrong.toml", "events.ndjson"), "did you mean `merge`?"),
        (vec!["--events", "events.ndjson"], "--policy FILE"),
        (vec!["--policy", "market.toml", "--since", "30d"], "there is no record in "),
        (vec!["--policy", "market.toml", "--since", "whenever"], "is no time"),
        (vec!["--policy", "market.toml"], "--since"),
    ] {
        let output = run(dir, &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", err(&output));
        assert!(err(&output).contains(says), "{says}: {}", err(&output));
    }
    assert!(!dir.join("picket-data").exists(), "nothing is made");
}
