//! Files come, change, break and go while clients post: nobody notices but the decisions.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use databases::{Home, on_both};
use picket::registry::{Bundle, BundledDetector};
use serde_json::{Value, json};
use server::{POLICY, Server, event, write};

on_both!(threaded:
    files_come_change_break_and_go_under_load,
    what_is_no_plain_file_is_refused_and_two_may_not_claim_one_name,
    settings_lie_beside_the_file_and_are_taken_as_they_change,
    a_twin_takes_over_when_the_first_file_goes,
    the_bundle_serves_where_no_file_does_and_keeps_its_settings_when_they_break,
    a_policy_that_moves_to_another_source_leaves_the_first,
    a_policy_is_reloaded_like_a_detector,
    another_text_of_a_part_is_another_version_of_the_policies_that_include_it,
    a_restart_serves_what_was_live_without_the_folder
);

/// Posts as 64 clients until told to stop; returns every decision.
async fn clients(server: Arc<Server>, stop: Arc<AtomicBool>) -> Vec<Value> {
    let number = Arc::new(AtomicU64::new(0));
    let clients = (0..64).map(|_| {
        let (server, stop, number) = (server.clone(), stop.clone(), number.clone());
        tokio::spawn(async move {
            let mut decisions = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let id = format!("load-{}", number.fetch_add(1, Ordering::Relaxed));
                let answer = server.event(&id, "hello").await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                decisions.push(answer.json());
            }
            decisions
        })
    });
    let each = futures::future::join_all(clients).await;
    each.into_iter().flat_map(|decisions| decisions.expect("a client panicked")).collect()
}

async fn files_come_change_break_and_go_under_load(home: Home) {
    let server = Arc::new(Server::start(&home).await);
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(clients(server.clone(), stop.clone()));
    let file = server.path("detectors/probe.wasm");
    let is = |version: Option<&'static str>| {
        let server = server.clone();
        move || {
            let live = server.probe_version();
            async move { live.as_deref() == version }
        }
    };
    // Overwritten in place.
    fs::write(&file, fixture::probe_next()).unwrap();
    server.until("1.1.0 is live", is(Some("1.1.0"))).await;
    // Broken: the old one serves on, and the reason is shown.
    fs::write(&file, &fixture::probe()[..5_000]).unwrap();
    let refused = || async {
        let catalogue = server.get("engineer", "/v1/detectors").await.json();
        catalogue["detectors"][0]["last_error"]["error"]
            .as_str()
            .is_some_and(|error| error.contains("not a detector"))
    };
    server.until("the broken file is refused", refused).await;
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    let metrics = server.get("engineer", "/metrics").await.text;
    assert!(
        metrics.contains("picket_loads_total{kind=\"detector\",result=\"refused\"} 1"),
        "{metrics}"
    );
    // Renamed in, but older than what serves: that is refused until nothing newer does.
    let aside = server.path("detectors/.incoming");
    let rename_in = || {
        fs::write(&aside, fixture::probe()).unwrap();
        fs::rename(&aside, &file).unwrap();
    };
    rename_in();
    let older = || async {
        let catalogue = server.get("engineer", "/v1/detectors").await.json();
        catalogue["detectors"][0]["last_error"]["error"]
            .as_str()
            .is_some_and(|error| error.contains("1.0.0 is older than 1.1.0"))
    };
    server.until("the older file is refused", older).await;
    fs::remove_file(&file).unwrap();
    server.until("1.1.0 is retired", is(None)).await;
    rename_in();
    server.until("1.0.0 is live again", is(Some("1.0.0"))).await;
    // Under another name, then without the first: it never stops serving.
    fs::rename(&file, server.path("detectors/probe-renamed.wasm")).unwrap();
    let origin = || async {
        let catalogue = server.get("engineer", "/v1/detectors").await.json();
        catalogue["detectors"][0]["origin"] == "folder:detectors/probe-renamed.wasm"
    };
    server.until("the new name has it", origin).await;
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    // Deleted.
    fs::remove_file(server.path("detectors/probe-renamed.wasm")).unwrap();
    server.until("it is retired", is(None)).await;
    // Copied in anew.
    fs::write(&file, fixture::probe_next()).unwrap();
    server.until("1.1.0 is live", is(Some("1.1.0"))).await;
    stop.store(true, Ordering::Relaxed);
    let decisions = load.await.unwrap();

    // One generation is one set of detectors, and each set was seen.
    let mut sets: HashMap<u64, Value> = HashMap::new();
    let mut versions: Vec<Value> = Vec::new();
    for decision in &decisions {
        let finding = &decision["findings"][0];
        let set = json!([finding["digest"], finding["version"], decision["policy"]]);
        let generation = decision["generation"].as_u64().unwrap();
        assert_eq!(
            *sets.entry(generation).or_insert_with(|| set.clone()),
            set,
            "generation {generation}"
        );
        let label = decision["signals"][0]["label"].clone();
        match finding["version"].as_str() {
            Some("1.0.0") => assert_eq!(label, "safety.probe"),
            Some("1.1.0") => assert_eq!(label, "safety.next"),
            _ => assert_eq!(label, Value::Null),
        }
        if !versions.contains(&finding["version"]) {
            versions.push(finding["version"].clone());
        }
    }
    assert_eq!(versions.len(), 3, "1.0.0, 1.1.0 and none: {versions:?}");
    Arc::into_inner(server).expect("every client is done").app.stop().await;
}

async fn what_is_no_plain_file_is_refused_and_two_may_not_claim_one_name(home: Home) {
    let server = Server::start_with(&home, |config| config.detector_file_bytes_max = 1 << 20).await;
    let folder = server.path("detectors");
    let elsewhere = server.path("elsewhere.wasm");
    fs::write(&elsewhere, fixture::probe_next()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.join("link.wasm")).unwrap();
    fs::create_dir(folder.join("folder.wasm")).unwrap();
    fs::write(folder.join("large.wasm"), vec![0; (1 << 20) + 1]).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(folder.join("pipe.wasm")).status().unwrap();
    assert!(fifo.success());
    fs::write(folder.join("twin.wasm"), fixture::probe_next()).unwrap();
    fs::write(folder.join("empty.wasm"), b"").unwrap();
    fs::write(folder.join("native.cwasm"), fixture::probe_next()).unwrap();
    fs::write(folder.join("notes.txt"), b"not looked at").unwrap();
    server.app.registry.scan().await.unwrap();
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    let refused: HashMap<&str, &str> = catalogue["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| (refusal["file"].as_str().unwrap(), refusal["error"].as_str().unwrap()))
        .collect();
    for (file, says) in [
        ("detectors/link.wasm", "symbolic link"),
        ("detectors/folder.wasm", "not a regular file"),
        ("detectors/large.wasm", "1048576 bytes"),
        ("detectors/pipe.wasm", "not a regular file"),
        ("detectors/twin.wasm", "already what the file detectors/probe.wasm ships"),
        ("detectors/empty.wasm", "empty"),
        ("detectors/native.cwasm", "precompiled code is never accepted"),
    ] {
        assert!(refused.get(file).is_some_and(|error| error.contains(says)), "{file}: {refused:?}");
    }
    assert_eq!(refused.len(), 7);
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    server.app.stop().await;
}

async fn settings_lie_beside_the_file_and_are_taken_as_they_change(home: Home) {
    let server = Server::start(&home).await;
    let score = async |id: &str| server.event(id, "hello").await.json()["score"].clone();
    assert_eq!(score("default").await, 0.5);
    let settings = server.path("detectors/probe.toml");
    write(&settings, b"score = 0.25");
    server.app.registry.scan().await.unwrap();
    assert_eq!(score("set").await, 0.25);
    write(&settings, b"score = 0.25\nnonsense = 1");
    server.app.registry.scan().await.unwrap();
    assert_eq!(score("refused").await, 0.25);
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    let error = catalogue["detectors"][0]["last_error"]["error"].as_str().unwrap();
    assert!(error.contains("unknown field `nonsense`"), "{error}");
    fs::remove_file(&settings).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(score("gone").await, 0.5);
    server.app.stop().await;
}

async fn a_twin_takes_over_when_the_first_file_goes(home: Home) {
    let server = Server::start_with(&home, |config| config.watch = false).await;
    let (first, twin) = (server.path("detectors/probe.wasm"), server.path("detectors/twin.wasm"));
    fs::write(&twin, fixture::probe_next()).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    fs::remove_file(&first).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    assert_eq!(catalogue["refused"], json!([]));
    server.app.stop().await;
}

async fn the_bundle_serves_where_no_file_does_and_keeps_its_settings_when_they_break(home: Home) {
    let probe = BundledDetector { name: "probe", file: fixture::probe() };
    let bundle = Bundle { detectors: vec![probe], policies: Vec::new() };
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("policies/market.toml"), POLICY.replace("NAME", "market").as_bytes());
    let settings = dir.path().join("detectors/probe.toml");
    write(&settings, b"score = 0.25");
    let server = Server::start_carrying(&home, bundle, dir, |config| config.watch = false).await;
    let score = async |id: &str| server.event(id, "hello").await.json()["score"].clone();
    assert_eq!(score("set").await, 0.25);
    // Broken, or a pipe that nobody writes to: what serves, serves on, and the reason shows.
    fs::write(&settings, b"score = ").unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(score("broken").await, 0.25);
    fs::remove_file(&settings).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&settings).status().unwrap().success());
    server.app.registry.scan().await.unwrap();
    assert_eq!(score("pipe").await, 0.25);
    let refused = server.get("engineer", "/v1/detectors").await.json()["refused"].clone();
    assert!(refused[0]["error"].as_str().unwrap().contains("not a regular file"), "{refused}");
    fs::remove_file(&settings).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(score("gone").await, 0.5);
    // A file outranks it, and when that goes it is back.
    let file = server.path("detectors/probe.wasm");
    fs::write(&file, fixture::probe_next()).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    fs::remove_file(&file).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"));
    server.app.stop().await;
}

async fn a_policy_that_moves_to_another_source_leaves_the_first(home: Home) {
    let server = Server::start_with(&home, |config| config.watch = false).await;
    write(&server.path("policies/other.toml"), POLICY.replace("NAME", "third").as_bytes());
    server.app.registry.scan().await.unwrap();
    let sources: Vec<String> = server.app.registry.current().sources().map(str::to_owned).collect();
    assert_eq!(sources, ["market", "third"]);
    server.app.stop().await;
}

async fn a_policy_is_reloaded_like_a_detector(home: Home) {
    let server = Server::start(&home).await;
    let file = server.path("policies/market.toml");
    let strict = POLICY.replace("NAME", "market").replace("soft_block", "hard_block");
    write(&file, strict.as_bytes());
    server.app.registry.scan().await.unwrap();
    let decision = server.event("strict", "hello").await.json();
    assert_eq!(
        (&decision["action"], &decision["policy"]["version"]),
        (&json!("hard_block"), &json!(2))
    );
    write(&file, strict.replace("from = 0.4", "from = 1.4").as_bytes());
    server.app.registry.scan().await.unwrap();
    let decision = server.event("broken", "hello").await.json();
    assert_eq!(decision["policy"]["version"], 2);
    let policies = server.get("engineer", "/v1/policies").await.json();
    let error = policies["refused"][0]["error"].as_str().unwrap();
    assert!(error.contains("market.toml:17:8"), "{error}");
    // The old text keeps its number.
    write(&file, POLICY.replace("NAME", "market").as_bytes());
    server.app.registry.scan().await.unwrap();
    assert_eq!(server.event("old", "hello").await.json()["policy"]["version"], 1);
    server.app.stop().await;
}

async fn another_text_of_a_part_is_another_version_of_the_policies_that_include_it(home: Home) {
    let server = Server::start(&home).await;
    let text = POLICY.replace("NAME", "market");
    let (own, ladder) = text.split_at(text.find("[[tiers]]").unwrap());
    let part = server.path("policies/shared/ladder.toml");
    std::fs::create_dir_all(part.parent().unwrap()).unwrap();
    write(&part, ladder.as_bytes());
    let including = format!("include = [\"shared/ladder.toml\"]\n{own}");
    write(&server.path("policies/market.toml"), including.as_bytes());
    server.app.registry.scan().await.unwrap();
    let decision = server.event("included", "hello").await.json();
    assert_eq!(
        (&decision["action"], &decision["policy"]["version"]),
        (&json!("soft_block"), &json!(2))
    );
    // Nobody asks for a scan: the watcher sees the part.
    write(&part, ladder.replace("soft_block", "hard_block").as_bytes());
    let version = || server.app.registry.current().policy("market").map(|live| live.version);
    server.until("the part is taken", || async { version() == Some(3) }).await;
    assert_eq!(server.event("stricter", "hello").await.json()["action"], "hard_block");
    // One that is broken or gone is told with its place, and what judged before judges on.
    for (broken, told) in [("from = 0.4", "shared/ladder.toml:"), ("", "cannot be read")] {
        match broken {
            "" => std::fs::remove_file(&part).unwrap(),
            line => write(&part, ladder.replace(line, "from = 1.4").as_bytes()),
        }
        server.app.registry.scan().await.unwrap();
        let policies = server.get("engineer", "/v1/policies").await.json();
        let error = policies["refused"][0]["error"].as_str().unwrap();
        assert!(error.contains(told), "{error}");
        assert_eq!(version(), Some(3));
    }
    write(&part, ladder.as_bytes());
    server.app.registry.scan().await.unwrap();
    let policies = server.get("engineer", "/v1/policies").await.json();
    assert_eq!(policies["refused"], json!([]), "it is read again as soon as it is there");
    assert_eq!(version(), Some(2));
    server.app.stop().await;
}

async fn a_restart_serves_what_was_live_without_the_folder(home: Home) {
    let server = Server::start(&home).await;
    let live = server.app.registry.current().generation();
    let Server { app, dir, .. } = server;
    app.stop().await;
    let server = Server::start_in(&home, dir, |config| config.watch = false).await;
    assert_eq!(server.app.registry.current().generation(), live, "nothing new, nothing changed");
    let body = event("market", "again", "hello").to_string();
    let answer = server.post("platform", "/v1/events", "application/cloudevents+json", body).await;
    assert_eq!(answer.json()["findings"][0]["version"], "1.0.0");
    server.app.stop().await;
}
