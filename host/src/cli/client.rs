//! The way to a running server.

use anyhow::{Context, bail};
use clap::Args;
use reqwest::{Method, RequestBuilder};
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
}

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

    async fn send(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> anyhow::Result<Value> {
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
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.request(method, &url).bearer_auth(key);
        let response = complete(request).send().await.with_context(|| {
            format!(
                "no answer from {}: is the server running (`picket serve`), is --server right?",
                self.server
            )
        })?;
        let status = response.status();
        let text = response.text().await?;
        let value: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
        if !status.is_success() {
            let said = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
            bail!("{} ({status}): {}", said("title"), said("detail"));
        }
        Ok(value)
    }
}
