//! What compiles for long holds up nothing else: not a start, not a move of a version, not another
//! file. What the machine had no room for comes in later by itself, and a compiler that dies harms nobody.

mod fixture;
mod server;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use databases::Home;
use picket::app::{App, Carried};
use picket::config::Config;
use picket::model::{Build, Digest, SignatureMode};
use picket::registry::Bundle;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use server::{Answer, Server, event};
use tempfile::TempDir;

/// A compiler that begins when it is let. It is the real one after that.
struct Gate(TempDir);

impl Gate {
    fn open() -> Self {
        let gate = Self::with(
            ": > DIR/begun; while [ ! -e DIR/open ]; do sleep 0.02; done; exec PICKET \"$@\"",
        );
        gate.let_pass();
        gate
    }

    fn with(script: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let place = dir.path().to_str().expect("a plain path");
        let script = script.replace("DIR", place).replace("PICKET", env!("CARGO_BIN_EXE_picket"));
        let program = dir.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("it can be written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700))
            .expect("it can be written");
        Self(dir)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn carried(&self) -> Carried {
        Carried { bundle: Bundle::default(), program: self.path("program") }
    }

    fn let_pass(&self) {
        fs::write(self.path("open"), "").expect("it can be written");
    }

    fn close(&self) {
        fs::remove_file(self.path("open")).expect("it is open");
        let _ = fs::remove_file(self.path("begun"));
    }

    /// Waits until something stands before it.
    async fn until_begun(&self, server: &Server) {
        server.until("it compiles", || async { self.path("begun").exists() }).await;
    }
}

/// The probe and its policy in a folder.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let policy = server::POLICY.replace("NAME", "market");
    server::write(&dir.path().join("policies/market.toml"), policy.as_bytes());
    server::write(&dir.path().join("detectors/probe.wasm"), fixture::probe());
    dir
}

fn quiet(config: &mut Config) {
    config.watch = false;
}

/// Nothing that this waits for stands before a closed gate: otherwise it would wait for ever.
async fn soon<T>(what: &str, it: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), it).await.unwrap_or_else(|_| panic!("{what}"))
}

async fn ship(server: &Server, query: &str, file: &'static [u8]) -> Answer {
    server.ship("engineer", query, file).await
}

async fn put_stage(server: &Server, version: &str, stage: &str) -> Answer {
    let canary = (stage == "canary").then(|| json!({"share": 1.0}));
    let body = json!({"stage": stage, "why": "a test", "canary": canary});
    server.put_stage("engineer", version, body).await
}

/// The version that counts in the next event.
async fn counts(server: &Server, id: &str) -> Value {
    let decision = server.event(id, "hello").await.json();
    let findings = decision["findings"].as_array().expect("findings").clone();
    let counted = findings.iter().find(|it| it["counted"] == true && it["detector"] == "probe");
    counted.map_or(Value::Null, |it| it["version"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_serves_what_is_deployed_and_takes_new_files_in_after_that() {
    let gate = Gate::open();
    let server =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    let Server { app, dir, .. } = server;
    app.stop().await;
    // A new version lies there, and compiling it takes for ever.
    gate.close();
    let file = dir.path().join("detectors/probe.wasm");
    fs::write(&file, fixture::probe_next()).unwrap();
    let start = Server::start_as(&Home::Sqlite, gate.carried(), dir, |_| {});
    let server = soon("a start waits for a stranger's file", start).await;
    assert_eq!(server.get("anon", "/health/ready").await.status, 200);
    gate.until_begun(&server).await;
    assert_eq!(counts(&server, "before").await, "1.0.0");
    // Nor does another change of the folders wait.
    let strict = server::POLICY.replace("NAME", "market").replace("soft_block", "hard_block");
    server::write(&server.path("policies/market.toml"), strict.as_bytes());
    let strict = || async { server.event(&uuid(), "hello").await.json()["policy"]["version"] == 2 };
    server.until("the policy is taken", strict).await;
    gate.let_pass();
    let live = || async { server.probe_version().as_deref() == Some("1.1.0") };
    server.until("the new version is live", live).await;
    server.app.stop().await;
}

fn uuid() -> String {
    picket::model::DecisionId::new().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn until_all_that_is_deployed_is_live_a_server_answers_and_decides_nothing() {
    let gate = Gate::open();
    let server =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    let key = server.key("platform").to_owned();
    let Server { app, dir, .. } = server;
    app.stop().await;
    // It was accepted before, and its code is lost.
    fs::remove_dir_all(dir.path().join("data/cache")).unwrap();
    gate.close();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = Config {
        listen: address,
        data_dir: dir.path().join("data"),
        detectors_dir: dir.path().join("detectors"),
        policies_dir: dir.path().join("policies"),
        ..Config::default()
    };
    let start = tokio::spawn(App::start_with(config, gate.carried()));
    let client = Client::new();
    let status = async |path: &str| {
        let answer = client.get(format!("http://{address}{path}")).send().await;
        answer.map_or(0, |answer| answer.status().as_u16())
    };
    let alive = async {
        while status("/health/live").await != 200 {
            tokio::task::yield_now().await;
        }
    };
    soon("it does not answer", alive).await;
    assert_eq!(status("/health/ready").await, 503);
    let post = client.post(format!("http://{address}/v1/events")).bearer_auth(key);
    let answer = Answer::of(post.json(&event("market", "early", "hello")).send().await.unwrap());
    let answer = answer.await;
    assert_eq!((answer.status, &*answer.problem()), (503, "starting"), "{}", answer.text);
    assert_eq!(answer.header("retry-after"), "1");
    assert!(!start.is_finished());
    gate.let_pass();
    let app = start.await.unwrap().unwrap();
    assert_eq!(status("/health/ready").await, 200);
    assert!(app.store.claim("market", "early").await.unwrap().is_none());
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_vouches_for_any_more_is_not_compiled_at_a_start() {
    let gate = Gate::with("echo run >> DIR/runs; exec PICKET \"$@\"");
    let server =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    let Server { app, dir, .. } = server;
    app.stop().await;
    assert_eq!(runs(&gate), 1);
    fs::remove_dir_all(dir.path().join("data/cache")).unwrap();
    let server = Server::start_as(&Home::Sqlite, gate.carried(), dir, |config| {
        config.signatures = SignatureMode::Require;
        config.watch = false;
    });
    let server = server.await.settled().await;
    assert_eq!((server.probe_version(), runs(&gate)), (None, 1));
    let status = server.get("engineer", "/v1/detectors").await.json()["detectors"][0].clone();
    let said = status["last_error"]["error"].as_str().unwrap_or_default();
    assert!(said.starts_with("it is not signed"), "{status:#}");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_move_of_a_version_waits_for_a_file_that_compiles() {
    let gate = Gate::open();
    let server =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    assert_eq!(ship(&server, "", fixture::probe_next()).await.status, 201);
    // Code of a version that is retired is in the cache only.
    put_stage(&server, "1.1.0", "active").await;
    // One that is sent and one of the folder, which are other builds: both have to be compiled.
    gate.close();
    let slow = "source=market&settings=%7B%22score%22%3A0.3%7D";
    let (sent, scanned) = (ship(&server, slow, fixture::probe()), server.app.registry.scan());
    server::write(&server.path("detectors/probe.toml"), b"score = 0.2");
    let moves = async {
        gate.until_begun(&server).await;
        let rollback = server.request("engineer", Method::POST, "/v1/detectors/probe/rollback");
        let rolled = rollback.json(&json!({"why": "a test"})).send().await.unwrap();
        assert_eq!(rolled.status(), 200);
        assert_eq!(counts(&server, "rolled-back").await, "1.0.0");
        for (version, stage, expected) in [
            ("1.1.0", "canary", "1.1.0"),
            ("1.1.0", "active", "1.1.0"),
            ("1.1.0", "shadow", "null"),
            ("1.0.0", "active", "1.0.0"),
            ("1.1.0", "active", "1.1.0"),
        ] {
            let moved = put_stage(&server, version, stage).await;
            assert_eq!(moved.status, 200, "{version} {stage}: {}", moved.text);
            let counted = counts(&server, &uuid()).await;
            let counted = counted.as_str().unwrap_or("null");
            assert_eq!(counted, expected, "{version} {stage}");
        }
        let settings = Digest::of(b"{}");
        let build = Build { digest: Digest::of(fixture::probe_next()), settings };
        server.app.registry.quarantine(build, "a test").await.unwrap();
        assert_eq!(counts(&server, "quarantined").await, "1.0.0", "it has fallen back");
        assert_eq!(put_stage(&server, "1.0.0", "retired").await.status, 200);
        assert_eq!(counts(&server, "retired").await, "1.1.0", "it is missed, and says so");
        assert!(gate.path("begun").exists() && !gate.path("open").exists());
        gate.let_pass();
    };
    let (sent, scanned, ()) =
        tokio::join!(sent, scanned, soon("a move waits for a compiler", moves));
    scanned.unwrap();
    assert_eq!(sent.status, 201, "{}", sent.text);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_deploys_comes_when_it_is_compiled_and_what_served_serves_until_then() {
    let (gate, here) = (Gate::open(), Gate::open());
    let there =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    let database = format!("sqlite://{}", there.path("data/picket.db").display());
    // Of one record, but with a cache of its own.
    let second = tempfile::tempdir().unwrap();
    let key = fs::read(there.path("data/host.key")).unwrap();
    server::write(&second.path().join("data/host.key"), &key);
    let server = Server::start_as(&Home::Sqlite, here.carried(), second, |config| {
        config.database_url = database;
        config.detectors_dir = there.path("detectors");
        config.policies_dir = there.path("policies");
        config.watch = false;
    });
    let server = server.await;
    let unloaded = server.app.registry.current().unloaded().clone();
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"), "{unloaded:?}");
    here.close();
    assert_eq!(ship(&there, "", fixture::probe_next()).await.status, 201);
    assert_eq!(put_stage(&there, "1.1.0", "active").await.status, 200);
    assert_eq!(there.probe_version().as_deref(), Some("1.1.0"));
    here.until_begun(&server).await;
    let snapshot = server.app.registry.current();
    assert_eq!(snapshot.generation(), there.app.registry.current().generation());
    assert_eq!(server.probe_version().as_deref(), Some("1.0.0"), "nothing is missed meanwhile");
    let status = server.get("engineer", "/v1/detectors").await.json();
    let said = status["detectors"][0]["last_error"]["error"].as_str().unwrap_or_default();
    assert!(said.contains("it is being compiled here"), "{status:#}");
    here.let_pass();
    let live = || async { server.probe_version().as_deref() == Some("1.1.0") };
    server.until("it is compiled", live).await;
    // And back at once, for that is at hand.
    here.close();
    assert_eq!(put_stage(&there, "1.0.0", "active").await.status, 200);
    let back = || async { server.probe_version().as_deref() == Some("1.0.0") };
    server.until("it has gone back", back).await;
    server.app.stop().await;
    there.app.stop().await;
}

/// How often a compiler was asked.
fn runs(gate: &Gate) -> usize {
    fs::read_to_string(gate.path("runs")).map_or(0, |runs| runs.lines().count())
}

async fn refusal(server: &Server, file: &str) -> Option<String> {
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    let refused = catalogue["refused"].as_array().expect("a list").clone();
    let refusal = refused.iter().find(|refusal| refusal["file"] == file)?;
    refusal["error"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_machine_was_at_fault_for_is_tried_again_and_what_the_file_was_is_not() {
    // As where the machine runs out of memory, twice.
    let gate = Gate::with(
        "echo run >> DIR/runs; [ -e DIR/twice ] && exec PICKET \"$@\"; \
         [ -e DIR/once ] && : > DIR/twice; : > DIR/once; kill -KILL $$",
    );
    let server =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    let file = "detectors/probe.wasm";
    let said = refusal(&server, file).await.unwrap_or_default();
    assert!(said.contains("was killed (signal 9)"), "{said}");
    assert!(said.contains("not loaded, and the file may be good"), "{said}");
    assert!(said.ends_with("; it is tried again"), "{said}");
    let live = || async {
        server.app.registry.scan().await.unwrap();
        server.probe_version().is_some()
    };
    server.until("it is tried again", live).await;
    // However often it is looked at: after 2 s and after 4 s more.
    assert_eq!((runs(&gate), refusal(&server, file).await), (3, None));
    let refused = server.audited().await.into_iter().filter(|it| it["what"] == "detector.refused");
    assert_eq!(refused.count(), 1, "told once");

    // The same of what is sent: whoever sends it tries again.
    fs::remove_file(gate.path("twice")).unwrap();
    fs::remove_file(gate.path("once")).unwrap();
    let sent = ship(&server, "", fixture::probe_next()).await;
    assert_eq!((sent.status, &*sent.problem()), (503, "not-loaded"), "{}", sent.text);
    assert!(!sent.header("retry-after").is_empty() && sent.text.contains("send it again"));
    for expected in [503, 201] {
        let sent = ship(&server, "", fixture::probe_next()).await;
        assert_eq!(sent.status, expected, "{}", sent.text);
    }

    // A file that is broken is looked at once, until its bytes change.
    let broken: &Path = &server.path("detectors/broken.wasm");
    let before = runs(&gate);
    for (length, expected) in [(5_000, before + 1), (6_000, before + 2)] {
        fs::write(broken, &fixture::probe()[..length]).unwrap();
        for _ in 0..5 {
            server.app.registry.scan().await.unwrap();
        }
        let said = refusal(&server, "detectors/broken.wasm").await.unwrap();
        assert!(said.starts_with("not a detector") && !said.contains("tried again"), "{said}");
        assert_eq!(runs(&gate), expected);
    }
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_that_panics_or_crashes_is_a_readable_refusal_and_the_server_goes_on() {
    // Its own code panics where it cannot have the threads that it is told to take; and then there is
    // what no program catches.
    let gate = Gate::with(
        "[ -e DIR/panic ] && export RAYON_NUM_THREADS=64 RUST_MIN_STACK=67108864; \
         [ -e DIR/abort ] && { echo thread main has overflowed its stack >&2; kill -ABRT $$; }; \
         [ -e DIR/segv ] && kill -SEGV $$; exec PICKET \"$@\"",
    );
    let server =
        Server::start_as(&Home::Sqlite, gate.carried(), folder(), quiet).await.settled().await;
    let deaths = [
        ("panic", "the compiler panicked (The global thread pool"),
        ("abort", "the compiler crashed (signal 6: thread main has overflowed its stack)"),
        ("segv", "the compiler crashed (signal 11)"),
    ];
    for (number, (death, says)) in deaths.into_iter().enumerate() {
        fs::write(gate.path(death), "").unwrap();
        let sent = ship(&server, "", fixture::probe_next()).await;
        assert_eq!((sent.status, &*sent.problem()), (422, "detector-refused"), "{}", sent.text);
        let said = sent.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.starts_with(says) && said.ends_with("report it with the file"), "{said}");
        assert!(said.len() < 600 && !said.contains(char::is_control), "{said}");
        // What lies in the folder in the place of what serves is refused in the same words.
        let settings = format!("score = 0.{number}");
        server::write(&server.path("detectors/probe.toml"), settings.as_bytes());
        server.app.registry.scan().await.unwrap();
        assert_eq!(refusal(&server, "detectors/probe.wasm").await.as_deref(), Some(&*said));
        assert_eq!(counts(&server, death).await, "1.0.0", "what served serves on");
        assert_eq!(server.get("anon", "/health/ready").await.status, 200);
        fs::remove_file(gate.path(death)).unwrap();
    }
    let refused = server.audited().await.into_iter().filter(|it| it["what"] == "detector.refused");
    assert_eq!(refused.count(), 2 * deaths.len());
    // Nothing was wrong with the file.
    assert_eq!(ship(&server, "", fixture::probe_next()).await.status, 201);
    server.app.stop().await;
}
