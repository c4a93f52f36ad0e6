//! Whoever keeps the checkpoints of the log: they go the same way as actions, signed by the log's own key.

use std::time::Duration;

use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use tokio::time::timeout;

use super::connect::{Connections, OURSELVES, causes, connections, drain, system};
use crate::config::Destination;

/// A witness, and the connections there.
#[derive(Debug, Clone)]
pub struct Witness {
    client: Connections,
    uri: Uri,
}

impl Witness {
    /// # Errors
    /// What is wrong with the address, or with who may vouch for it.
    pub fn new(at: &Destination) -> Result<Self, String> {
        let (client, uri) = connections(at, system())?;
        Ok(Self { client, uri })
    }

    /// Posts a note once.
    ///
    /// # Errors
    /// Where nobody can be reached, or answers with 2xx within `patience`.
    pub async fn post(&self, note: &str, patience: Duration) -> Result<(), String> {
        let mut request = Request::new(Full::from(note.to_owned()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
            (USER_AGENT, HeaderValue::from_static(OURSELVES)),
        ]);
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| causes(&error))?;
            let status = response.status();
            drain(response).await.map_err(|error| causes(&error))?;
            match status.is_success() {
                true => Ok(()),
                false => Err(format!("it answered {status}")),
            }
        };
        let late = || Err(format!("no whole answer within {} ms", patience.as_millis()));
        timeout(patience, exchange).await.unwrap_or_else(|_| late())
    }
}
