//! The channel of actions: a POST to the platform's endpoint, signed by the Standard Webhooks specification.
//! Follows nothing, waits no longer than told, reads no more than it needs.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy;
use tokio::time::timeout;

use super::connect::{
    Connections, Lookup, OURSELVES, causes, connections, drain, is_out_of_bounds,
};
use super::keys::Keys;
use crate::config::Destination;
use crate::model::{AlertHook, AttemptOutcome, DeliveryId, Outgoing, Timestamp, Webhook};
use crate::store::StoreError;

/// What the receiver knows a repeat by. Both say the same: the second is the specification's, the first is
/// what proxies and frameworks know.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// When this try was made, in seconds since 1970.
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// One destination, and the connections to it.
pub(super) struct Http {
    client: Connections,
    uri: Uri,
    headers: HeaderMap,
    keys: Keys,
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

impl Answer {
    /// Of what was not sent, for it cannot be read.
    pub fn unreadable(error: String) -> Self {
        Self { error: Some(error), ..bare(AttemptOutcome::Unreadable) }
    }
}

impl Http {
    /// # Errors
    /// What the configuration says and cannot be done.
    pub fn new(
        destination: &Destination,
        timeout: Duration,
        lookup: Lookup,
    ) -> Result<Self, String> {
        let (client, uri) = connections(destination, lookup)?;
        let keys = Keys::of(destination)?;
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static(OURSELVES)),
        ]);
        for (name, value) in &destination.headers {
            let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
            let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { client, uri, headers, keys, timeout })
    }

    /// Whether what is sent is signed.
    pub fn signs(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Sends something once, at this moment. It is delivered when the receiver has answered with 2xx and
    /// the answer has come whole: who breaks off may not have kept it.
    pub async fn send(
        &self,
        id: &DeliveryId,
        outgoing: Result<Outgoing, StoreError>,
        at: Timestamp,
    ) -> Answer {
        let body = outgoing.map_err(|error| error.to_string()).and_then(|outgoing| {
            let body = match AlertHook::of(&outgoing) {
                Some(alert) => serde_json::to_vec(&alert),
                None => serde_json::to_vec(&Webhook::from(outgoing)),
            };
            body.map_err(|error| error.to_string())
        });
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                return Answer::unreadable(error);
            }
        };
        let request = self.request(id, body, at);
        exchange(&self.client, request, self.timeout, answered).await
    }

    fn request(&self, id: &DeliveryId, body: Vec<u8>, at: Timestamp) -> Request<Full<Bytes>> {
        let at_s = at.millis().div_euclid(1_000);
        let signatures = self.keys.sign(id, at_s, &body);
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let headers = request.headers_mut();
        let id = HeaderValue::from_str(id.as_str()).expect("an id is plain ASCII");
        headers.insert(IDEMPOTENCY_KEY, id.clone());
        headers.insert(WEBHOOK_ID, id);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(at_s));
        if let Some(signatures) = signatures {
            let value = HeaderValue::try_from(signatures).expect("base64 is plain ASCII");
            headers.insert(WEBHOOK_SIGNATURE, value);
        }
        request
    }
}

/// Sends a request once. What its answer means that came whole is said by `answered`.
pub(super) async fn exchange(
    client: &Connections,
    request: Request<Full<Bytes>>,
    patience: Duration,
    answered: impl FnOnce(StatusCode) -> (AttemptOutcome, Option<String>),
) -> Answer {
    // The head is kept outside, for it says something also where the rest does not come.
    let mut head = None;
    let exchange = async {
        let response = client.request(request).await.map_err(|error| unsent(&error))?;
        head = Some((response.status(), response.headers().get(RETRY_AFTER).cloned()));
        drain(response).await.map_err(|error| (AttemptOutcome::BrokeOff, causes(&error)))
    };
    let ended = timeout(patience, exchange).await;
    let status = head.as_ref().map(|(status, _)| *status);
    let (outcome, error) = match (ended, status) {
        (Ok(Ok(())), Some(status)) => answered(status),
        (Ok(Ok(())), None) => (AttemptOutcome::BrokeOff, Some("it did not answer".to_owned())),
        (Ok(Err((outcome, error))), _) => (outcome, Some(error)),
        (Err(_), _) => {
            let error = format!("no whole answer within {} ms", patience.as_millis());
            (AttemptOutcome::TimedOut, Some(error))
        }
    };
    let wait = head.and_then(|(_, wait)| wait);
    Answer {
        outcome,
        status: status.map(|status| status.as_u16()),
        error,
        retry_after_ms: wait.and_then(|wait| retry_after_ms(wait.to_str().ok()?, Timestamp::now())),
    }
}

/// What an answer means that came whole.
fn answered(status: StatusCode) -> (AttemptOutcome, Option<String>) {
    if status.is_success() {
        return (AttemptOutcome::Delivered, None);
    }
    if status == StatusCode::GONE {
        return (AttemptOutcome::Gone, Some("it answered 410: it wants no more".to_owned()));
    }
    let error = match status.is_redirection() {
        true => "it sends us elsewhere, where we do not go: name the address itself".to_owned(),
        false => format!("it answered {}", status.as_u16()),
    };
    (AttemptOutcome::Refused, Some(error))
}

/// What it means that no answer came.
fn unsent(error: &legacy::Error) -> (AttemptOutcome, String) {
    let outcome = match error.is_connect() {
        true if is_out_of_bounds(error) => AttemptOutcome::OutOfBounds,
        true => AttemptOutcome::Unreachable,
        false => AttemptOutcome::BrokeOff,
    };
    (outcome, causes(error))
}

pub(super) fn bare(outcome: AttemptOutcome) -> Answer {
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
mod tests;
