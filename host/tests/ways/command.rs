//! The same from the command line.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufRead as _;
use std::process::Command;

use databases::{Home, on_both};
use picket::model::SignatureMode;
use serde_json::Value;

use super::server::{self, Server};
use super::{MILD, VERSIONS, actions, fixture, quiet};

on_both!(threaded:
    the_command_line_ships_shows_promotes_and_rolls_back,
    a_push_takes_the_signature_along
);

async fn the_command_line_ships_shows_promotes_and_rolls_back(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let file = server.path("probe.wasm");
    server::write(&file, fixture::probe_next());
    let settings = server.path("settings.toml");
    server::write(&settings, b"score = 0.2");
    let (file, settings) = (file.to_str().unwrap(), settings.to_str().unwrap());
    let run = async |args: &[&str]| {
        let (good, said) = server.picket("engineer", args).await;
        assert!(good, "{args:?}: {said}");
        assert!(
            said.lines().all(|line| !line.contains('\u{1b}')),
            "an escape got through the pipe"
        );
        said
    };
    let pushed = run(&["push", file, "--settings", settings, "--why", "gentler"]).await;
    assert!(
        pushed.contains("probe 1.1.0") && pushed.contains("is shadow for every source"),
        "{pushed}"
    );
    assert!(pushed.contains("picket detector diff probe@1.1.0"), "{pushed}");
    let again: Value =
        serde_json::from_str(&run(&["push", file, "--settings", settings, "--json"]).await)
            .unwrap();
    assert_eq!(again["changed"], false);
    actions(&server, "shadow").await;
    let diff = run(&["diff", "probe@1.1.0", "--limit", "2"]).await;
    assert!(diff.contains("40 decisions differ of 40 accounts"), "{diff}");
    let rows = diff.lines().filter(|line| line.contains("soft_block")).count();
    assert_eq!(rows, 2, "{diff}");

    // Nobody can be asked: --yes is needed, and a share for a canary.
    let (good, said) = server.picket("engineer", &["promote", "probe@1.1.0", "--why", "x"]).await;
    assert!(!good && said.contains("--yes"), "{said}");
    let (good, said) =
        server.picket("engineer", &["promote", "probe@1.1.0", "--to", "canary", "--yes"]).await;
    assert!(!good && said.contains("--share"), "{said}");
    let canary = ["promote", "probe@1.1.0", "--share", "0.05", "--why", "a week", "--yes"];
    let promoted = run(&[&canary[..], &["--failure-rate-max", "0.02"]].concat()).await;
    assert!(
        promoted.contains("milder") && promoted.contains("is canary for every source"),
        "{promoted}"
    );
    let list = run(&["list"]).await;
    assert!(list.contains("canary 5%") && list.contains("ACTIVE AT ONCE"), "{list}");
    assert!(list.lines().all(|line| line.chars().count() <= 160), "{list}");
    let shown: Value =
        serde_json::from_str(&run(&["show", "probe@1.1.0", "--json"]).await).unwrap();
    assert_eq!(shown["deployments"][0]["canary"]["bounds"]["failure_rate_max"], 0.02);
    assert!(run(&["show", "probe@1.1.0"]).await.contains("data.content, subject"));
    run(&["promote", "probe@1.1.0", "--why", "it is right", "--yes"]).await;
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    let older = run(&["diff", "probe@1.0.0"]).await;
    assert!(
        older.contains("1.1.0 is active and newer, so to promote this is a downgrade"),
        "{older}"
    );
    let rolled = run(&["rollback", "probe"]).await;
    assert!(rolled.contains("probe 1.0.0 is active for every source, it was retired"), "{rolled}");
    run(&["promote", "probe@1.1.0", "--to", "shadow", "--why", "once more", "--yes"]).await;
    run(&["retire", "probe@1.1.0", "--why", "enough"]).await;
    let shown = run(&["show", "probe"]).await;
    assert!(shown.contains("1.1.0") && shown.contains("retired"), "{shown}");
    run(&["demote", "probe@1.0.0", "--why", "a rest"]).await;
    assert!(run(&["alerts"]).await.contains("no alerts"));

    // What is refused says why, and fails.
    let bad = server.path("other.wasm");
    server::write(&bad, fixture::probe());
    let (good, said) = server.picket("engineer", &["push", bad.to_str().unwrap()]).await;
    assert!(!good && said.contains("--name probe"), "{said}");
    let (good, said) = server.picket("reviewer", &["push", file]).await;
    assert!(!good && said.contains("a key of role reviewer may not"), "{said}");
    let whys: HashSet<String> = server
        .audited()
        .await
        .iter()
        .filter_map(|line| line["facts"]["why"].as_str().map(str::to_owned))
        .collect();
    for why in ["gentler", "a week", "it is right", "rolled back by hand", "enough", "a rest"] {
        assert!(whys.contains(why), "{why}: {whys:?}");
    }
    server.app.stop().await;
}

/// As somebody at a terminal, who has typed these answers.
async fn at_a_terminal(server: &Server, answers: &str, args: &str) -> (bool, String) {
    let typed = server.path("typed");
    server::write(&typed, answers.as_bytes());
    let mut terminal = Command::new("script");
    terminal
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{} detector {args}", env!("CARGO_BIN_EXE_picket")))
        .arg("/dev/null")
        .stdin(File::open(&typed).expect("it was written"));
    server.run("engineer", terminal).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_shows_what_would_change_and_asks() {
    let server = quiet(&Home::Sqlite, |_| {}).await;
    assert_eq!(server.ship("engineer", MILD, fixture::probe_next()).await.status, 201);
    actions(&server, "shadow").await;
    let promote = "promote probe@1.1.0 --why \"a week in shadow\"";
    let question = "Make probe 1.1.0 active for every source? [y/N]";
    let before = server.audited().await.len();
    for answer in ["no\n", "\n", "yesterday\n"] {
        let (good, said) = at_a_terminal(&server, answer, promote).await;
        let shown = said.find("40 decisions differ of 40 accounts");
        let asked = said.find(question);
        assert!(shown.is_some() && shown < asked, "it shows it first: {said}");
        assert!(!good && said.contains("nothing has changed"), "{answer:?}: {said}");
        assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    }
    assert_eq!(server.audited().await.len(), before, "to ask changes nothing");
    let canary = "promote probe@1.1.0 --share 0.05 --why \"a week in shadow\"";
    let (good, said) = at_a_terminal(&server, "Y\n", canary).await;
    assert!(good && said.contains("Make probe 1.1.0 canary 5% for every source?"), "{said}");
    // Whoever gives no reason is asked for it.
    let (good, said) = at_a_terminal(&server, "yes\nno complaint\n", "promote probe@1.1.0").await;
    assert!(good && said.contains("Why? It goes into the audit log"), "{said}");
    assert!(said.contains("probe 1.1.0 is active for every source, it was canary"), "{said}");
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    let steps = server.audited().await.split_off(before);
    let whys: Vec<_> = steps.iter().map(|entry| &entry["facts"]["why"]).collect();
    assert_eq!(whys, ["a week in shadow", "no complaint"]);
    server.app.stop().await;
}

async fn a_push_takes_the_signature_along(home: Home) {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("alice.key");
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(["key", "detector", "new", "--name", "alice", "--out"])
        .arg(&key)
        .output()
        .unwrap();
    let line: toml::Table = toml::from_str(&String::from_utf8(made.stdout).unwrap()).unwrap();
    let server = quiet(&home, |config| {
        config.signatures = SignatureMode::Require;
        config.trusted_keys.insert("alice".to_owned(), line["alice"].as_str().unwrap().to_owned());
    })
    .await;
    let file = dir.path().join("probe.wasm");
    server::write(&file, fixture::probe());
    let (file, key) = (file.to_str().unwrap(), key.to_str().unwrap());
    let (good, said) = server.picket("engineer", &["push", file]).await;
    assert!(!good && said.contains("it is not signed"), "{said}");
    let (good, said) = server.picket("engineer", &["sign", file, "--key", key]).await;
    assert!(good, "{said}");
    let (good, said) = server.picket("engineer", &["push", file]).await;
    assert!(good && said.contains("is shadow for every source"), "{said}");
    assert_eq!(server.get("reviewer", VERSIONS).await.json()[0]["signed"], true);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_writes_is_shown_as_it_happens_beside_what_it_may_use() {
    let server = quiet(&Home::Sqlite, |_| {}).await;
    for (id, text) in [("first", "print it"), ("second", "error 555-0100")] {
        assert_eq!(server.event(id, text).await.status, 200);
    }
    let (good, said) = server.picket("engineer", &["logs", "probe"]).await;
    assert!(good && said.contains("market/first  printed"), "{said}");
    assert!(said.contains("market/second  error: told to fail"), "{said}");
    // Followed: what comes later comes too.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(["detector", "logs", "probe@1.0.0", "-f"])
        .env("PICKET_SERVER", format!("http://{}", server.app.address))
        .env("PICKET_KEY", server.key("engineer"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    for expected in ["market/first", "market/second"] {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(expected), "{line}");
    }
    assert_eq!(server.event("third", "print it").await.status, 200);
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("market/third  printed"), "{line}");
    child.kill().unwrap();
    child.wait().unwrap();

    let (good, said) = server.picket("engineer", &["show", "probe@1.0.0"]).await;
    let budget = "for one event at most 10 ms, 64.00 MiB of memory, 256.00 KiB of answer in 64 signals, 4.00 KiB of log in 16 lines";
    assert!(good && said.contains(budget), "{said}");
    assert!(said.contains("on this server: 3 runs, a run takes"), "{said}");
    let status = server.get("engineer", "/v1/detectors").await.json()["detectors"][0].clone();
    assert_eq!(status["budget"]["deadline_ms"], 10, "{status:#}");
    let vitals = &status["vitals"];
    for number in
        [&vitals["cost"]["p50_micros"], &vitals["cost"]["p99_micros"], &vitals["memory_bytes_max"]]
    {
        assert!(number.as_u64().unwrap() > 0, "{vitals:#}");
    }
    server.app.stop().await;
}
