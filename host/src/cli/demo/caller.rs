//! The server from outside: what the platforms and the operator ask of it, over HTTP.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use crate::model::{Decision, Mode};
use crate::registry::{Catalogue, DetectorStatus};

/// Longer than the server itself gives a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked what is live, and for how long at most.
const ASK: Duration = Duration::from_millis(20);
const LOADING: Duration = Duration::from_secs(60);

/// Who may call.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    /// By source.
    pub platforms: BTreeMap<String, String>,
    pub admin: String,
}

/// Calls with kept-alive connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Caller(Arc<Inner>);

struct Inner {
    http: Client,
    url: String,
    keys: Keys,
}

/// A decision as it came back.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The body, as returned.
    pub text: String,
    pub decision: Decision,
    /// The whole call, as the platform waits for it.
    pub micros: u64,
}

impl Caller {
    pub fn new(address: SocketAddr, keys: Keys) -> anyhow::Result<Self> {
        // A proxy of the environment has no business on the loopback.
        let http = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self(Arc::new(Inner { http, url: format!("http://{address}"), keys })))
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn keys(&self) -> &Keys {
        &self.0.keys
    }

    /// Posts an event as its platform. What does not work comes back in words.
    pub async fn post(&self, source: &str, event: &[u8]) -> Result<Answer, String> {
        self.decide("/v1/events", source, event).await
    }

    /// Has an event judged without a record.
    pub async fn dry_run(&self, source: &str, event: &[u8]) -> Result<Answer, String> {
        self.decide("/v1/events?dry_run=true", source, event).await
    }

    async fn decide(&self, path: &str, source: &str, event: &[u8]) -> Result<Answer, String> {
        // A source of which nobody has heard is for the server to refuse.
        let key = self.keys().platforms.get(source).unwrap_or(&self.keys().admin);
        let request = self.0.http.post(format!("{}{path}", self.0.url)).bearer_auth(key);
        let begun = Instant::now();
        let request = request
            .header(header::CONTENT_TYPE, "application/cloudevents+json")
            .body(event.to_vec());
        let (status, text) = send(request).await.map_err(|error| format!("{error:#}"))?;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        if !status.is_success() {
            return Err(problem(status, &text));
        }
        match serde_json::from_str(&text) {
            Ok(decision) => Ok(Answer { text, decision, micros }),
            Err(error) => Err(format!("{status}, and the answer is no decision: {error}")),
        }
    }

    /// Sets a source to active mode.
    pub async fn enforce(&self, source: &str) -> anyhow::Result<()> {
        let url = format!("{}/v1/sources/{source}/mode", self.0.url);
        let change = json!({ "mode": Mode::Active, "why": "the demo shows what is enforced" });
        let request = self.0.http.put(url).bearer_auth(&self.keys().admin).json(&change);
        let (status, text) = send(request).await?;
        if !status.is_success() {
            bail!("the mode of {source} could not be set: {}", problem(status, &text));
        }
        Ok(())
    }

    /// What is live.
    pub async fn catalogue(&self) -> anyhow::Result<Catalogue> {
        let url = format!("{}/v1/detectors", self.0.url);
        let (status, text) = send(self.0.http.get(url).bearer_auth(&self.keys().admin)).await?;
        if !status.is_success() {
            bail!("the detectors could not be read: {}", problem(status, &text));
        }
        serde_json::from_str(&text).context("the detectors could not be read")
    }

    /// Waits until a version of a detector is live that is the one meant. Returns it and the generation.
    pub async fn until_live(
        &self,
        detector: &str,
        is_meant: impl Fn(&DetectorStatus) -> bool,
    ) -> anyhow::Result<(DetectorStatus, u64)> {
        let begun = Instant::now();
        loop {
            let Catalogue { detectors, generation, .. } = self.catalogue().await?;
            let mut stands = detectors.into_iter().filter(|it| it.name == detector);
            match stands.find(|it| it.stage.is_live()) {
                Some(status) if status.live && is_meant(&status) => {
                    return Ok((status, generation));
                }
                Some(DetectorStatus { last_error: Some(refusal), .. }) => {
                    bail!("the file of {detector} was refused: {}", refusal.error);
                }
                _ if begun.elapsed() > LOADING => {
                    bail!("{detector} was not live {LOADING:?} after its file was there");
                }
                _ => tokio::time::sleep(ASK).await,
            }
        }
    }
}

async fn send(request: RequestBuilder) -> anyhow::Result<(StatusCode, String)> {
    let response = request.send().await.context("no answer")?;
    Ok((response.status(), response.text().await.context("half an answer")?))
}

/// A problem in one line, with every fault that it lists.
fn problem(status: StatusCode, text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let said = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let faults: Vec<String> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|fault| format!("{} {}", said(fault, "pointer"), said(fault, "detail")))
        .collect();
    let detail = match faults.len() {
        0 | 1 => said(&problem, "detail"),
        _ => faults.join("; "),
    };
    format!("{}: {detail}", status.as_u16())
}

/// A chat message as a platform would send it.
pub(super) fn message(id: &str, source: &str, subject: &str, content: &str) -> Vec<u8> {
    json!({
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "message.sent",
        "subject": subject,
        "data": { "content": content, "thread_id": "thread-demo", "recipient": "user-201" },
    })
    .to_string()
    .into_bytes()
}
