//! A whole Picket on a temporary folder and a free port, with a key of every role.
#![allow(dead_code, reason = "each test binary uses what it needs")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use databases::Home;
use picket::app::{App, Carried};
use picket::auth::new_key;
use picket::config::Config;
use picket::model::Role;
use picket::registry::Bundle;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Judges what the probe says; two sources have it.
pub const POLICY: &str = r#"
name = "NAME"
source = "NAME"
events = ["message.*"]
requires = ["probe"]
on_error = "review"
merge = "max"
[weights]
"safety.probe" = 1.0
"safety.next" = 1.0
[[tiers]]
name = "low"
from = 0
action = "allow"
[[tiers]]
name = "high"
from = 0.4
action = "soft_block"
message = "Held back."
"#;

pub struct Server {
    pub app: App,
    pub dir: TempDir,
    pub client: Client,
    keys: HashMap<&'static str, String>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.expect("a body") }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The name at the end of the problem's type.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], self.status);
        let kind = json["type"].as_str().expect("a problem has a type");
        kind.strip_prefix("urn:picket:problem:").expect("types are stable").to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("plain text"))
    }
}

impl Server {
    /// With the probe and the policy of two sources, `market` (active) and `other` (shadow).
    pub async fn start(home: &Home) -> Self {
        Self::start_with(home, |_| {}).await
    }

    pub async fn start_with(home: &Home, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        furnish(dir.path());
        Self::start_in(home, dir, change).await
    }

    /// On a folder that is there already.
    pub async fn start_in(home: &Home, dir: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_carrying(home, Bundle::default(), dir, change).await
    }

    /// With a bundle.
    pub async fn start_carrying(
        home: &Home,
        bundle: Bundle,
        dir: TempDir,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let carried = Carried { bundle, program: env!("CARGO_BIN_EXE_picket").into() };
        Self::start_as(home, carried, dir, change).await.settled().await
    }

    /// As it is when it is ready: what is new in its folders is still to come.
    pub async fn start_as(
        home: &Home,
        carried: Carried,
        dir: TempDir,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: home.url().unwrap_or_default(),
            data_dir: dir.path().join("data"),
            detectors_dir: dir.path().join("detectors"),
            policies_dir: dir.path().join("policies"),
            // The machine of the tests may be slow: what is tested is not how slow.
            event_deadline_ms: 2_000,
            ..Config::default()
        };
        change(&mut config);
        let app = App::start_with(config, carried).await.expect("Picket starts");
        let mut keys = HashMap::new();
        for (name, role, source) in [
            ("platform", Role::Platform, Some("market")),
            ("other", Role::Platform, Some("other")),
            ("engineer", Role::Engineer, None),
            ("reviewer", Role::Reviewer, None),
            ("auditor", Role::Auditor, None),
            ("admin", Role::Admin, None),
            ("bound-admin", Role::Admin, Some("market")),
        ] {
            let (key, hash) = new_key().expect("a key");
            app.store.create_key(role, source, name, &hash, None).await.expect("a key is kept");
            keys.insert(name, key);
        }
        Self { app, dir, client: Client::new(), keys }
    }

    /// Waits until its folders are taken in, and has the source `market` enforced.
    pub async fn settled(self) -> Self {
        self.app.registry.scan().await.expect("the store answers");
        let mode = json!({"mode": "active", "why": "a test"});
        let set = self.request("admin", Method::PUT, "/v1/sources/market/mode").json(&mode);
        if self.app.registry.current().policy("market").is_some() {
            assert_eq!(set.send().await.expect("an answer").status(), StatusCode::OK);
        }
        self
    }

    /// Stops it, has something done to what it works on, and starts it again.
    pub async fn again(self, meanwhile: impl AsyncFnOnce(&Config)) -> Self {
        let Self { app, dir, client, keys } = self;
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..(*app.config).clone() };
        app.stop().await;
        meanwhile(&config).await;
        let carried =
            Carried { bundle: Bundle::default(), program: env!("CARGO_BIN_EXE_picket").into() };
        let app = App::start_with(config, carried).await.expect("Picket starts again");
        Self { app, dir, client, keys }
    }

    /// Another server on the same record.
    pub async fn beside(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config =
            Config { listen: ([127, 0, 0, 1], 0).into(), ..(*self.app.config).clone() };
        change(&mut config);
        let carried =
            Carried { bundle: Bundle::default(), program: env!("CARGO_BIN_EXE_picket").into() };
        let app = App::start_with(config, carried).await.expect("Picket starts");
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self { app, dir, client: Client::new(), keys: self.keys.clone() }
    }

    pub fn key(&self, who: &str) -> &str {
        self.keys.get(who).unwrap_or_else(|| panic!("nobody is called {who}"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A request by somebody; `anon` sends no key.
    pub fn request(&self, who: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.app.address));
        match who {
            "anon" => request,
            _ => request.bearer_auth(self.key(who)),
        }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        Answer::of(self.request(who, Method::GET, path).send().await.expect("an answer")).await
    }

    pub async fn post(
        &self,
        who: &str,
        path: &str,
        media_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request =
            self.request(who, Method::POST, path).header("content-type", media_type).body(body);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Posts an event of `market` as its platform.
    pub async fn event(&self, id: &str, content: &str) -> Answer {
        let body = event("market", id, content).to_string();
        self.post("platform", "/v1/events", "application/cloudevents+json", body).await
    }

    /// Ships a version of the probe.
    pub async fn ship(&self, who: &str, query: &str, file: impl Into<reqwest::Body>) -> Answer {
        let path = format!("/v1/detectors/probe/versions?{query}");
        let request = self.request(who, Method::PUT, &path).body(file);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Moves a version of the probe.
    pub async fn put_stage(&self, who: &str, version: &str, body: Value) -> Answer {
        let path = format!("/v1/detectors/probe/versions/{version}/stage");
        let request = self.request(who, Method::PUT, &path).json(&body);
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// The audit entries of detectors.
    pub async fn audited(&self) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), json!(0));
        loop {
            let path = format!("/v1/audit?limit=200&after={after}");
            let page = self.get("auditor", &path).await.json();
            let page = page.as_array().expect("a log");
            let Some(last) = page.last() else { return all };
            after = last["seq"].clone();
            let of_detector =
                |line: &&Value| line["what"].as_str().is_some_and(|it| it.starts_with("detector."));
            all.extend(page.iter().filter(of_detector).cloned());
        }
    }

    /// Runs `picket detector` as somebody. Not on a terminal, so nothing is asked.
    pub async fn picket(&self, who: &str, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
        command.arg("detector").args(args).stdin(Stdio::null());
        self.run(who, command).await
    }

    /// Runs a program to which this server is its own. Returns whether it went well, and what it said.
    pub async fn run(&self, who: &str, mut command: Command) -> (bool, String) {
        command
            .env("PICKET_SERVER", format!("http://{}", self.app.address))
            .env("PICKET_KEY", self.key(who));
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("it ends").expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("text"))
    }

    /// Waits until something holds, and says how long that took.
    pub async fn until<F: Future<Output = bool>>(
        &self,
        what: &str,
        holds: impl Fn() -> F,
    ) -> Duration {
        let begun = Instant::now();
        while !holds().await {
            assert!(begun.elapsed() < Duration::from_secs(90), "waited in vain until {what}");
            tokio::task::yield_now().await;
        }
        begun.elapsed()
    }

    /// The version of the probe that is live.
    pub fn probe_version(&self) -> Option<String> {
        let snapshot = self.app.registry.current();
        let probe =
            snapshot.detectors().iter().find(|live| live.prepared.manifest().name == "probe");
        probe.map(|live| live.prepared.manifest().version.to_string())
    }
}

/// Puts the probe and the two policies into a folder.
pub fn furnish(dir: &Path) {
    for (name, file) in [("market", "market.toml"), ("other", "other.toml")] {
        write(&dir.join("policies").join(file), POLICY.replace("NAME", name).as_bytes());
    }
    write(&dir.join("detectors/probe.wasm"), super::fixture::probe());
}

/// A message of an account, as an envelope.
pub fn event(source: &str, id: &str, content: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": source, "type": "message.sent",
        "subject": "user-17", "time": "2026-09-01T09:00:00Z", "data": {"content": content},
    })
}

/// Writes a file, its folder included.
pub fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
    std::fs::write(path, bytes).expect("a file");
}
