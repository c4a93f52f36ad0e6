//! Speaks to a server over HTTP, as a platform would. What broke off was not answered.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::journal::Told;
use crate::record::Line;

/// Lines and decisions that are asked for at once: the server's own limit unless configured.
const PAGE: usize = 200;

/// What came of sending an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Decided(Told),
    /// The id of the decision to be.
    Accepted(String),
    /// Any status that is not 2xx: nothing was acknowledged.
    Refused(u16),
    /// Nothing, or not all of it: the server may have done it or not.
    Nothing,
}

/// Somebody with a key.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Client {
    /// `patience`: how long to wait for an answer.
    ///
    /// # Errors
    /// Where there is no client to be had.
    pub fn new(address: SocketAddr, key: &str, patience: Duration) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(patience).build()?;
        Ok(Self { http, base: format!("http://{address}"), key: key.to_owned() })
    }

    /// Sends one event.
    pub async fn post(&self, event: &Value, respond_async: bool) -> Answer {
        let mut request = self.request(self.http.post(format!("{}/v1/events", self.base)));
        if respond_async {
            request = request.header("prefer", "respond-async");
        }
        let request =
            request.header("content-type", "application/cloudevents+json").body(event.to_string());
        self.answer(request).await
    }

    /// Sends many events in one body. Without a whole answer, none of them was answered.
    pub async fn batch(&self, events: &[Value]) -> Vec<Answer> {
        let body: String = events.iter().map(|event| format!("{event}\n")).collect();
        let request = self.request(self.http.post(format!("{}/v1/events/batch", self.base)));
        let request = request.header("content-type", "application/x-ndjson").body(body);
        let nothing = vec![Answer::Nothing; events.len()];
        let Ok(response) = request.send().await else { return nothing };
        let status = response.status();
        let Ok(text) = response.text().await else { return nothing };
        if !status.is_success() {
            return vec![Answer::Refused(status.as_u16()); events.len()];
        }
        let answers: Vec<Answer> = text.lines().map(line_of_batch).collect();
        if answers.len() == events.len() { answers } else { nothing }
    }

    /// A decision by its id.
    pub async fn decision(&self, id: &str) -> Answer {
        self.answer(self.request(self.http.get(format!("{}/v1/decisions/{id}", self.base)))).await
    }

    /// Decisions, newest first, and where the next page begins.
    ///
    /// # Errors
    /// Where the server does not answer with a page.
    pub async fn decisions(
        &self,
        after: Option<&str>,
    ) -> anyhow::Result<(Vec<Value>, Option<String>)> {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let page = self.get(&format!("/v1/decisions?limit={PAGE}{after}")).await?;
        let decisions = page["decisions"].as_array().context("a page has decisions")?;
        Ok((decisions.clone(), page["next"].as_str().map(str::to_owned)))
    }

    /// Lines of the audit log after this number, oldest first; none at its end.
    ///
    /// # Errors
    /// Where the server does not answer with a page.
    pub async fn audit(&self, after: u64) -> anyhow::Result<Vec<Line>> {
        let page = self.get(&format!("/v1/audit?limit={PAGE}&after={after}")).await?;
        let lines = page.as_array().context("the audit log is a list")?.iter();
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
        Ok(lines
            .map(|line| Line {
                seq: line["seq"].as_u64().unwrap_or_default(),
                what: text(line, "what"),
                object: text(line, "object"),
                hash: text(line, "leaf_hash"),
            })
            .collect())
    }

    /// What the audit log says of itself now, signed.
    ///
    /// # Errors
    /// Where the server signs nothing.
    pub async fn checkpoint(&self) -> anyhow::Result<String> {
        Ok(self.fetch("/v1/audit/checkpoint").await?.text().await?)
    }

    /// Has the decisions of a source enforced.
    ///
    /// # Errors
    /// Where the server refuses.
    pub async fn enforce(&self, source: &str) -> anyhow::Result<()> {
        let request = self.http.put(format!("{}/v1/sources/{source}/mode", self.base));
        let mode = json!({"mode": "active", "why": "the crash harness"});
        let response = self.request(request).json(&mode).send().await?;
        match response.status() {
            StatusCode::OK => Ok(()),
            status => bail!("{source} is not enforced: {status} {}", response.text().await?),
        }
    }

    /// Whether the server says that it can work.
    pub async fn ready(&self) -> bool {
        let asked = self.http.get(format!("{}/health/ready", self.base)).send().await;
        asked.is_ok_and(|response| response.status() == StatusCode::OK)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.fetch(path).await?.json().await?)
    }

    async fn fetch(&self, path: &str) -> anyhow::Result<Response> {
        let request = self.request(self.http.get(format!("{}{path}", self.base)));
        let response = request.send().await.with_context(|| format!("GET {path}"))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => bail!("GET {path}: {status} {}", response.text().await?),
        }
    }

    fn request(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.key)
    }

    async fn answer(&self, request: RequestBuilder) -> Answer {
        let Ok(response) = request.send().await else { return Answer::Nothing };
        let status = response.status();
        if !status.is_success() {
            return Answer::Refused(status.as_u16());
        }
        match response.json().await {
            Ok(body) => of_body(&body),
            Err(_) => Answer::Nothing,
        }
    }
}

fn line_of_batch(line: &str) -> Answer {
    let Ok(body) = serde_json::from_str::<Value>(line) else { return Answer::Nothing };
    match body["status"].as_u64() {
        Some(status) => Answer::Refused(status as u16),
        None => of_body(&body),
    }
}

fn of_body(body: &Value) -> Answer {
    match (Told::of(body), body["id"].as_str()) {
        (Some(told), _) => Answer::Decided(told),
        (None, Some(id)) if body["status"] == "accepted" => Answer::Accepted(id.to_owned()),
        _ => Answer::Nothing,
    }
}
