//! A decision of long ago: thirty versions of its detector later, under another policy, after restarts
//! and without a cache it is made again to the same bits. So it is from a record of an older schema. And of each
//! release: what it decided replays in every later one.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

#[path = "hostile/component.rs"]
#[allow(dead_code, reason = "half of what it makes is hostile")]
mod component;
mod fixture;
mod server;

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use component::{Answer, Detector, GOOD};
use databases::{Home, on_both};
use picket::config::Config;
use picket::model::Landing;
use picket::replay::{Capsule, Sameness};
use picket::runtime::{CompilerOptions, RuntimeOptions};
use reqwest::Method;
use serde_json::{Value, json};
use server::{Server, event, write};

on_both!(threaded:
    a_decision_of_thirty_versions_ago_replays_to_the_same_bits,
    a_record_of_an_older_schema_is_brought_up_to_date_and_replays_to_the_same_bits
);

const VERSIONS: u32 = 30;
const POLICY: &str = r#"
name = "market"
source = "market"
events = ["message.*"]
requires = ["steady"]
on_error = "review"
merge = "noisy-or"
[weights]
"safety.good" = WEIGHT
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.4
action = "soft_block"
"#;

/// Each says something else.
fn version(number: u32) -> Vec<u8> {
    let version: &str = Box::leak(format!("1.{number}.0").into_boxed_str());
    let answer = Answer {
        label: GOOD.into(),
        score: 1.0 / f64::from(number + 1),
        reason: format!("in the words of {version}").into_bytes(),
        ..Answer::default()
    };
    Detector { version, answer, ..Detector::new("steady") }.build()
}

fn policy(number: u32) -> String {
    POLICY.replace("WEIGHT", &format!("0.{}", 90 - number))
}

fn quiet(config: &mut Config) {
    config.watch = false;
    config.upload_stage.insert("*".to_owned(), Landing::Active);
}

async fn restarted(home: &Home, server: Server) -> Server {
    let Server { app, dir, .. } = server;
    app.stop().await;
    Server::start_in(home, dir, quiet).await
}

async fn ship(server: &Server, number: u32) {
    let path = "/v1/detectors/steady/versions?why=better";
    let request = server.request("engineer", Method::PUT, path).body(version(number));
    assert_eq!(request.send().await.expect("an answer").status(), 201, "version {number}");
}

async fn decide(server: &Server, id: &str) -> Value {
    let decision = server.event(id, "hello").await.json();
    assert_eq!(decision["findings"][0]["outcome"], "ok", "{decision}");
    decision
}

async fn all_replay(server: &Server, decisions: &[Value]) {
    for decision in decisions {
        let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().expect("an id"));
        let replay = server.post("auditor", &path, "application/json", "").await.json();
        assert_eq!(replay["result"], "identical", "{decision} {replay}");
        assert_eq!(replay["ran"], 1);
    }
}

async fn a_decision_of_thirty_versions_ago_replays_to_the_same_bits(home: Home) {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("policies/market.toml"), policy(0).as_bytes());
    let mut server = Server::start_in(&home, dir, quiet).await;
    ship(&server, 0).await;
    let mut decisions = vec![decide(&server, "first").await];
    for number in 1..=VERSIONS {
        ship(&server, number).await;
        if number % 4 == 0 {
            write(&server.path("policies/market.toml"), policy(number).as_bytes());
            server.app.registry.scan().await.unwrap();
        }
        if number % 10 == 0 {
            server = restarted(&home, server).await;
        }
        decisions.push(decide(&server, &format!("e-{number}")).await);
    }
    let of = |decision: &Value, key: &str| decision["findings"][0][key].clone();
    assert_eq!(of(&decisions[0], "version"), "1.0.0");
    assert_eq!(of(&decisions[30], "version"), "1.30.0");
    assert_eq!(
        (&decisions[0]["policy"]["version"], &decisions[30]["policy"]["version"]),
        (&json!(1), &json!(8))
    );
    assert_ne!(decisions[0]["score"], decisions[30]["score"]);
    all_replay(&server, &decisions).await;

    // Neither does it take what was compiled then.
    std::fs::remove_dir_all(server.path("data/cache")).unwrap();
    let server = restarted(&home, server).await;
    all_replay(&server, &[decisions[0].clone(), decisions[15].clone(), decisions[30].clone()])
        .await;
    server.app.stop().await;
}

/// `tests/records/README.md` says how one is added with a new schema.
async fn a_record_of_an_older_schema_is_brought_up_to_date_and_replays_to_the_same_bits(
    home: Home,
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        let record = entry.path();
        if !record.is_dir() {
            continue;
        }
        let (home, dir) = (home.another(), tempfile::tempdir().unwrap());
        let data = dir.path().join("data");
        write(&data.join("host.key"), &std::fs::read(record.join("host.key")).unwrap());
        // As it lay there then.
        let policy = folder.parent().unwrap().join("capsules/policy.toml");
        write(&dir.path().join("policies/witness.toml"), &std::fs::read(policy).unwrap());
        let signed = match &home {
            Home::Sqlite => {
                std::fs::copy(record.join("picket.db"), data.join("picket.db")).unwrap();
                record.join("sqlite.checkpoint")
            }
            Home::Postgres(database) => {
                database.run_file(&record.join("postgres.sql"));
                record.join("postgres.checkpoint")
            }
        };
        let server = Server::start_in(&home, dir, quiet).await;
        let page = server.get("admin", "/v1/decisions").await.json();
        let decisions = page["decisions"].as_array().unwrap();
        assert_eq!(decisions.len(), 4);
        let mut results = Vec::new();
        for decision in decisions {
            let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().unwrap());
            let replay = server.post("auditor", &path, "application/json", "").await.json();
            assert!(replay["result"] != "identical" || replay["ran"] == 2, "{replay}");
            results.push(replay["result"].as_str().unwrap().to_owned());
        }
        // The newest comes first: it was erased.
        assert_eq!(results, ["cannot_tell", "identical", "identical", "identical"]);
        // Its log continues what was signed then, and goes on.
        let later = event("witness", "e-5", "Pay me with a gift card").to_string();
        let later = server.post("admin", "/v1/events", "application/cloudevents+json", later).await;
        assert_eq!(later.status, 200, "{}", later.text);
        let mut verify = Command::new(env!("CARGO_BIN_EXE_picket"));
        verify.env("PICKET_DATA_DIR", &data).args(["audit", "verify", "--anchor"]).arg(&signed);
        let (intact, said) = server.run("auditor", verify).await;
        assert!(intact, "{said}");
        server.app.stop().await;
        seen += 1;
    }
    assert!(seen > 0, "there is one at least");
}

/// `tests/capsules/README.md` says how one is added with each release.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_release_decided_replays_in_every_later_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/capsules");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|it| it != "capsule") {
            continue;
        }
        let capsule = Capsule::decode(std::fs::File::open(&path).unwrap()).unwrap();
        let sandbox = RuntimeOptions {
            compiler: CompilerOptions::of(env!("CARGO_BIN_EXE_picket")),
            ..RuntimeOptions::default()
        };
        let replaying = move || capsule.replay(sandbox, &HashSet::new(), None);
        let replay = tokio::task::spawn_blocking(replaying).await.unwrap().unwrap();
        assert_eq!(replay.result, Sameness::Identical, "{}: {replay:?}", path.display());
        assert!(replay.ran >= 2 && replay.signals >= 3, "{replay:?}");
        seen += 1;
    }
    assert!(seen > 0, "there is one of this release at least");
}
