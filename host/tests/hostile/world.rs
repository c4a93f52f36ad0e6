//! A server with detectors that behave, to which hostile files are given.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use databases::Home;
use picket::config::Config;
use reqwest::Method;
use serde_json::{Value, json};

use super::cases::CONTENT;
use super::component::{self, Detector, GOOD};
use super::server::{Answer, Server, write};
use super::wasm::{functions, section};

/// Detectors that behave, before and after the hostile ones in the order of names, and one whose
/// file is overwritten by what is refused.
pub const GOOD_ONES: [&str; 3] = ["a-good", "victim", "z-good"];

const POLICY: &str = r#"
name = "market"
source = "market"
events = ["message.*"]
requires = ["a-good", "victim", "z-good"]
on_error = "review"
merge = "max"
[weights]
"safety.good" = 1.0
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

pub struct World {
    pub server: Server,
    next: AtomicU64,
    /// The last entry of the audit log that was looked at.
    audited: AtomicU64,
}

/// A detector that behaves.
pub fn good(name: &str) -> Detector {
    let answer = component::Answer { label: GOOD.into(), ..component::Answer::default() };
    Detector { answer, ..Detector::new(name) }
}

/// A detector that works, with as many functions as are let in: it takes longest to compile.
pub fn bomb() -> Vec<u8> {
    let functions = functions(49_000, 0, &[1; 64]);
    [good("bomb").build(), section(1, &functions)].concat()
}

impl World {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        write(&dir.path().join("policies/market.toml"), POLICY.as_bytes());
        for name in GOOD_ONES {
            write(&dir.path().join(format!("detectors/{name}.wasm")), &good(name).build());
        }
        let change = |config: &mut Config| {
            // Enough for three loops of five seconds each, and a bomb is over sooner.
            config.compile_cpu_ms = 12_000;
            change(config);
        };
        let server = Server::start_in(&Home::Sqlite, dir, change).await;
        let world = Self { server, next: AtomicU64::new(0), audited: AtomicU64::new(0) };
        world.news().await;
        world
    }

    pub async fn stop(self) {
        self.server.app.stop().await;
    }

    /// Puts a file into the folder.
    pub fn put(&self, file: &str, bytes: &[u8]) {
        write(&self.server.path("detectors").join(file), bytes);
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.server.path("detectors").join(file)).expect("the file is there");
    }

    /// Ships a file over HTTP.
    pub async fn ship(&self, name: &str, file: &[u8]) -> Answer {
        let path = format!("/v1/detectors/{name}/versions");
        let request = self.server.request("engineer", Method::PUT, &path).body(file.to_vec());
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Retires the only version of a detector.
    pub async fn retire(&self, name: &str) {
        let path = format!("/v1/detectors/{name}/versions/1.0.0/stage");
        let request = self.server.request("engineer", Method::PUT, &path);
        let answer = request.json(&json!({"stage": "retired", "why": "it is hostile"})).send();
        assert_eq!(answer.await.expect("an answer").status(), 200, "{name} is retired");
    }

    /// Looks at the folder, as the server does whenever it changes.
    pub async fn scan(&self) {
        self.server.app.registry.scan().await.expect("the store answers");
    }

    /// What was done to detectors since this was last asked: what, to what.
    pub async fn news(&self) -> Vec<(String, String)> {
        let mut news = Vec::new();
        loop {
            let after = self.audited.load(Ordering::Relaxed);
            let page = self.server.get("auditor", &format!("/v1/audit?after={after}")).await.json();
            let entries = page.as_array().expect("a page of entries");
            let Some(last) = entries.last() else { return news };
            self.audited.store(last["seq"].as_u64().expect("numbered"), Ordering::Relaxed);
            let text = |entry: &Value, key: &str| entry[key].as_str().expect("a text").to_owned();
            let done = entries.iter().map(|entry| (text(entry, "what"), text(entry, "object")));
            news.extend(done.filter(|(what, _)| what.starts_with("detector.")));
        }
    }

    pub async fn catalogue(&self) -> Value {
        self.server.get("engineer", "/v1/detectors").await.json()
    }

    /// The decision on a message that every detector which behaves finds something in; it did.
    pub async fn decide(&self) -> Value {
        let id = format!("event-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let answer = self.server.event(&id, CONTENT).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let decision = answer.json();
        assert_eq!(decision["action"], "soft_block", "{decision:#}");
        for name in GOOD_ONES {
            let finding = finding(&decision, name).expect("it is live");
            assert_eq!((&finding["outcome"], &finding["version"]), (&"ok".into(), &"1.0.0".into()));
            let found = signals(&decision, name);
            assert_eq!((found.len(), &found[0]["label"]), (1, &GOOD.into()), "{decision:#}");
        }
        decision
    }

    /// Posts as so many clients until told to stop; returns the time of each event and the decision.
    pub async fn load(
        self: &Arc<Self>,
        clients: usize,
        stop: &Arc<AtomicBool>,
    ) -> Vec<(Duration, Value)> {
        let each = (0..clients).map(|_| {
            let (world, stop) = (Arc::clone(self), Arc::clone(stop));
            tokio::spawn(async move {
                let mut times = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let decision = world.decide().await;
                    times.push((begun.elapsed(), decision));
                }
                times
            })
        });
        let each = futures::future::join_all(each).await;
        each.into_iter().flat_map(|times| times.expect("a client is content")).collect()
    }

    /// Waits until a file has been refused.
    pub async fn until_refused(&self, file: &str, patience: Duration) -> String {
        let begun = Instant::now();
        loop {
            if let Some(error) = refusal(&self.catalogue().await, file) {
                return error;
            }
            assert!(begun.elapsed() < patience, "{file} is not refused");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until a file was refused or its detector serves.
    #[allow(dead_code, reason = "the bench waits for either")]
    pub async fn until_told(&self, name: &str, patience: Duration) {
        let begun = Instant::now();
        let file = format!("detectors/{name}.wasm");
        loop {
            let catalogue = self.catalogue().await;
            if refusal(&catalogue, &file).is_some() || standing(&catalogue, name).is_some() {
                return;
            }
            assert!(begun.elapsed() < patience, "{file} is neither refused nor live");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn is_ready(&self) -> bool {
        self.server.get("anon", "/health/ready").await.status == 200
    }
}

pub fn finding<'a>(decision: &'a Value, detector: &str) -> Option<&'a Value> {
    let findings = decision["findings"].as_array().expect("findings");
    findings.iter().find(|finding| finding["detector"] == detector)
}

pub fn signals<'a>(decision: &'a Value, detector: &str) -> Vec<&'a Value> {
    let signals = decision["signals"].as_array().expect("signals");
    signals.iter().filter(|signal| signal["detector"] == detector).collect()
}

/// Why a file was refused, by its name as it is listed.
pub fn refusal(catalogue: &Value, file: &str) -> Option<String> {
    let refused = catalogue["refused"].as_array().expect("a list");
    let refusal = refused.iter().find(|refusal| refusal["file"] == file)?;
    Some(refusal["error"].as_str().expect("a reason").to_owned())
}

/// A detector as it stands.
pub fn standing<'a>(catalogue: &'a Value, name: &str) -> Option<&'a Value> {
    let detectors = catalogue["detectors"].as_array().expect("a list");
    detectors.iter().find(|detector| detector["name"] == name && detector["live"] == true)
}

/// The time that so many of a hundred were within.
pub fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}
