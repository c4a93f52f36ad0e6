//! The channel of actions: a POST to the platform's endpoint. Follows nothing, waits no longer than
//! told, reads no more than it needs. Checkpoints of the log go the same way.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::timeout;

use super::{DestinationError, tls};
use crate::config::Destination;
use crate::model::{AttemptOutcome, DeliveryId, Outgoing, Timestamp};
use crate::store::StoreError;

/// What the receiver knows a repeat by.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const OURSELVES: &str = concat!("picket/", env!("CARGO_PKG_VERSION"));
/// How much of an answer is read; nobody looks at it, but an answer that ends leaves the connection
/// good for the next request.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a connection is kept that nobody uses.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest error that is kept.
const ERROR_BYTES_MAX: usize = 500;

type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// One destination, and the connections to it.
pub(super) struct Http {
    client: Connections,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

/// What came of one request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub outcome: AttemptOutcome,
    pub status: Option<u16>,
    pub error: Option<String>,
    /// How long the receiver asks us to wait.
    pub retry_after_ms: Option<u64>,
}

impl Http {
    /// # Errors
    /// What the configuration says and cannot be done.
    pub fn new(
        source: &str,
        destination: &Destination,
        timeout: Duration,
    ) -> Result<Self, DestinationError> {
        let unusable = |detail: String| DestinationError { source_name: source.to_owned(), detail };
        let address = destination.address().map_err(unusable)?;
        let uri: Uri = address.parse().map_err(|error: InvalidUri| unusable(error.to_string()))?;
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(OURSELVES)),
        ]);
        for (name, value) in &destination.headers {
            let name = HeaderName::try_from(name).map_err(|error| unusable(error.to_string()))?;
            let mut value =
                HeaderValue::try_from(value).map_err(|error| unusable(error.to_string()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let client = connections(&uri, destination.ca_file.as_deref()).map_err(unusable)?;
        Ok(Self { client, uri, headers, timeout })
    }

    /// Sends something once. It is delivered when the receiver has answered with 2xx and the answer
    /// has come whole: who breaks off may not have kept it.
    pub async fn send(&self, id: &DeliveryId, outgoing: Result<Outgoing, StoreError>) -> Answer {
        let body = outgoing
            .map_err(|error| error.to_string())
            .and_then(|out| serde_json::to_vec(&out).map_err(|error| error.to_string()));
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                return Answer { error: Some(error), ..bare(AttemptOutcome::Unreadable) };
            }
        };
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let id = HeaderValue::from_str(id.as_str()).expect("an id is plain ASCII");
        request.headers_mut().insert(IDEMPOTENCY_KEY, id);
        // The head is kept outside, for it says something also where the rest does not come.
        let mut head = None;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                let connected = !error.is_connect();
                (if connected { BROKE_OFF } else { UNREACHABLE }, causes(&error))
            })?;
            head = Some((response.status(), response.headers().get(RETRY_AFTER).cloned()));
            drain(response).await.map_err(|error| (BROKE_OFF, causes(&error)))
        };
        let ended = timeout(self.timeout, exchange).await;
        let status = head.as_ref().map(|(status, _)| *status);
        let (outcome, error) = match (ended, status) {
            (Ok(Ok(())), Some(status)) if status.is_success() => (AttemptOutcome::Delivered, None),
            (Ok(Ok(())), Some(status)) if status.is_redirection() => {
                let error = "it sends us elsewhere, where we do not go: name the address itself";
                (AttemptOutcome::Refused, Some(error.to_owned()))
            }
            (Ok(Ok(())), status) => {
                let status = status.map(|status| status.as_u16()).unwrap_or_default();
                (AttemptOutcome::Refused, Some(format!("it answered {status}")))
            }
            (Ok(Err((outcome, error))), _) => (outcome, Some(error)),
            (Err(_), _) => {
                let error = format!("no whole answer within {} ms", self.timeout.as_millis());
                (AttemptOutcome::TimedOut, Some(error))
            }
        };
        let wait = head.and_then(|(_, wait)| wait);
        Answer {
            outcome,
            status: status.map(|status| status.as_u16()),
            error,
            retry_after_ms: wait
                .and_then(|wait| retry_after_ms(wait.to_str().ok()?, Timestamp::now())),
        }
    }
}

/// Connections to what lies at an address, over TLS where it says so.
fn connections(uri: &Uri, ca_file: Option<&Path>) -> Result<Connections, String> {
    let tls = match uri.scheme_str() {
        Some("https") => tls::client(ca_file)?,
        _ => tls::nobody()?,
    };
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build(connector))
}

/// Whoever keeps the checkpoints of the log, and the connections there.
#[derive(Debug, Clone)]
pub struct Witness {
    client: Connections,
    uri: Uri,
}

impl Witness {
    /// # Errors
    /// What is wrong with the address, or with who may vouch for it.
    pub fn new(at: &Destination) -> Result<Self, String> {
        at.check()?;
        let uri: Uri = at.address()?.parse().map_err(|error: InvalidUri| error.to_string())?;
        Ok(Self { client: connections(&uri, at.ca_file.as_deref())?, uri })
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

const BROKE_OFF: AttemptOutcome = AttemptOutcome::BrokeOff;
const UNREACHABLE: AttemptOutcome = AttemptOutcome::Unreachable;

/// Reads an answer to its end, or as much of it as is read at all.
async fn drain(response: Response<Incoming>) -> Result<(), hyper::Error> {
    let mut body = response.into_body();
    let mut read = 0;
    while read < ANSWER_BYTES_MAX {
        let Some(frame) = body.frame().await else { break };
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(())
}

/// An error with its causes: the outer ones say what failed, the inner ones why.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said.truncate(said.floor_char_boundary(ERROR_BYTES_MAX));
    said
}

fn bare(outcome: AttemptOutcome) -> Answer {
    Answer { outcome, status: None, error: None, retry_after_ms: None }
}

/// The field `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after_ms(value: &str, now: Timestamp) -> Option<u64> {
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let at = Timestamp::parse_http(value).ok()?;
    u64::try_from(at.millis().saturating_sub(now.millis())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let now = Timestamp::parse("1994-11-06T08:49:30Z").unwrap();
        let cases = [
            ("120", Some(120_000)),
            ("0", Some(0)),
            ("99999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7_000)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", None),
            ("soon", None),
            ("-1", None),
        ];
        for (value, wait_ms) in cases {
            assert_eq!(retry_after_ms(value, now), wait_ms, "{value}");
        }
    }
}
