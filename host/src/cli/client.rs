//! The way to a running server.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Which server, and with which key.
#[derive(Debug, Clone, Args)]
pub(super) struct Server {
    /// The server's address
    #[arg(
        long,
        env = "PICKET_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    server: String,
    /// An API key; better given as the variable, which does not show in the list of processes
    #[arg(long, env = "PICKET_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
    /// Print JSON, for a program
    #[arg(long)]
    pub json: bool,
    /// So that requests share connections.
    #[arg(skip)]
    client: OnceLock<reqwest::Client>,
}

/// How often a request is made again of a server that asks for patience, and how long it may ask for.
const AGAIN_MAX: u32 = 20;
const PATIENCE_MAX: Duration = Duration::from_secs(10);

impl Server {
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let value = self.send(Method::GET, path, |request| request).await?;
        serde_json::from_value(value)
            .with_context(|| format!("an answer of another release at {path}"))
    }

    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, |request| request.json(body)).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, |request| request).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, |request| request.json(body)).await
    }

    /// A file, as it is.
    pub async fn download(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let response = self.open(Method::GET, path, |request| request).await?;
        Ok(response.bytes().await.with_context(|| self.unanswered())?.to_vec())
    }

    /// A good answer whose body is still to be read, for what may be long.
    pub async fn open(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Response> {
        let request = complete(self.request(method, path)?);
        let response = request.send().await.with_context(|| self.unanswered())?;
        if response.status().is_success() {
            return Ok(response);
        }
        Answer::of(response).await?.good()?;
        bail!("not an answer of Picket")
    }

    fn unanswered(&self) -> String {
        format!(
            "no answer from {}: is the server running (`picket serve`), is --server right?",
            self.server
        )
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Value> {
        let request = complete(self.request(method, path)?);
        answer(request).await.with_context(|| self.unanswered())?.good()
    }

    /// What lies under a path as it is, or what the server says instead. Where it asks for patience, it
    /// has it.
    pub async fn fetch(&self, path: &str) -> anyhow::Result<Result<Vec<u8>, Answer>> {
        for _ in 0..AGAIN_MAX {
            let request = self.request(Method::GET, path)?;
            let response = request.send().await.with_context(|| self.unanswered())?;
            let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
            if busy.contains(&response.status()) {
                let asked = response.headers().get("retry-after");
                let seconds = asked.and_then(|text| text.to_str().ok()?.parse().ok());
                let patience = Duration::from_secs(seconds.unwrap_or(1));
                tokio::time::sleep(patience.min(PATIENCE_MAX)).await;
            } else if response.status().is_success() {
                let bytes = response.bytes().await.with_context(|| self.unanswered())?;
                return Ok(Ok(bytes.into()));
            } else {
                return Answer::of(response).await.map(Err).with_context(|| self.unanswered());
            }
        }
        bail!("{} has too much to do: try again later", self.server)
    }

    /// A request with the key.
    pub fn request(&self, method: Method, path: &str) -> anyhow::Result<RequestBuilder> {
        let Some(key) = &self.key else {
            bail!("no key: set PICKET_KEY to one made by `picket key create`");
        };
        if self.server.starts_with("https:") {
            bail!(
                "{}: this client speaks http only; reach a remote server through a tunnel",
                self.server
            );
        }
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        let client = match self.client.get() {
            Some(client) => client,
            None => {
                let client = reqwest::Client::builder().no_proxy().build()?;
                self.client.get_or_init(|| client)
            }
        };
        Ok(client.request(method, &url).bearer_auth(key))
    }
}

/// What was answered, good or not.
pub(super) struct Answer {
    pub status: StatusCode,
    pub value: Value,
}

/// Sends a request. An error is of the way there and back, not of the server.
pub(super) async fn answer(request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    Answer::of(request.send().await?).await
}

impl Answer {
    async fn of(response: Response) -> Result<Self, reqwest::Error> {
        let status = response.status();
        let text = response.text().await?;
        // What is not JSON is not of Picket: then the status says all that is known.
        Ok(Self { status, value: serde_json::from_str(&text).unwrap_or_default() })
    }

    /// What was asked for, or the problem in words.
    pub fn good(self) -> anyhow::Result<Value> {
        if self.status.is_success() {
            return Ok(self.value);
        }
        let said = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let mut problem = format!(
            "{} ({}): {}",
            said(&self.value, "title"),
            self.status,
            said(&self.value, "detail")
        );
        let faults = self.value["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let several = faults.len() > 1;
        // The detail of a single one says it already.
        for fault in faults.iter().filter(|_| several) {
            problem.push_str(&format!("\n  {}: {}", said(fault, "pointer"), said(fault, "detail")));
        }
        bail!(problem)
    }

    /// What the problem is, in a sentence.
    pub fn detail(&self) -> &str {
        self.value["detail"].as_str().unwrap_or_default()
    }

    /// The name at the end of the problem's type.
    pub fn problem(&self) -> &str {
        let kind = self.value["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default()
    }
}

/// A text as a part of a path or a query.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
