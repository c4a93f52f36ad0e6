//! What a request is and what became of it: ids, logs, counts, and reading of bodies and queries.

use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, MatchedPath, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tracing::Instrument;
use uuid::Uuid;

use super::{Api, ApiError};
use crate::model::{Fault, Identity};
use crate::store::StoreError;

const REQUEST_ID: &str = "x-request-id";

/// Gives every request an id, or keeps a sane one that it brought, and logs and counts its answer.
pub(super) async fn observe(State(api): State<Api>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let sane = |id: &&HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=64).contains(&id.len()) && id.as_bytes().iter().all(plain)
    };
    let id = request.headers().get(REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        HeaderValue::try_from(Uuid::now_v7().to_string()).expect("a UUID is plain ASCII")
    });
    let method = request.method().clone();
    // The pattern and not the path: ids and subjects have no place in logs and labels.
    let route =
        request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default());
    let mut response = next.run(request).instrument(span).await;
    let status = response.status().as_u16();
    api.0.metrics.request(&route, status);
    tracing::debug!(id = id.to_str().unwrap_or_default(), %method, route, status, micros = begun.elapsed().as_micros(), "answered");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Reads a body within the limit.
pub(super) async fn read_body(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, ApiError> {
    let max = api.0.config.body_bytes_max;
    let too_large =
        || ApiError::too_large(format!("a body has at most {max} bytes (body_bytes_max)"));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced
        .and_then(|length| length.parse::<u64>().ok())
        .is_some_and(|length| length > max as u64)
    {
        return Err(too_large());
    }
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(ApiError::malformed(format!("the body broke off: {error}"))),
    }
}

/// Parses JSON of any shape.
pub(super) fn parse_json(bytes: &[u8]) -> Result<serde_json::Value, ApiError> {
    if bytes.is_empty() {
        return Err(ApiError::malformed("the body is empty; send JSON"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let said = error.to_string();
        match said.contains("recursion limit") {
            true => ApiError::invalid(vec![Fault::new("", "nested too deeply")]),
            false => ApiError::malformed(format!("the body is not JSON: {said}")),
        }
    })
}

const WHY_BYTES_MAX: usize = 1_000;

/// What is wrong with the reason for a change, if so.
pub(super) fn unexplained(why: &str) -> Option<Fault> {
    let detail = format!("say why, in at most {WHY_BYTES_MAX} bytes: it is kept");
    (why.trim().is_empty() || why.len() > WHY_BYTES_MAX).then(|| Fault::new("/why", detail))
}

/// What is wrong with a reason that names whom it is about, if it does.
pub(super) fn names(why: &str, subject: &str) -> Option<Fault> {
    (!subject.is_empty() && why.contains(subject))
        .then(|| Fault::new("/why", StoreError::Named.to_string()))
}

/// The query, where every parameter must be known.
pub(super) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(asked)| Self(asked))
            .map_err(|error| ApiError::malformed(format!("the query: {}", error.body_text())))
    }
}

/// Who calls, as `guard` found out.
pub(super) struct Caller(pub Identity);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Identity>().cloned().map(Self).ok_or_else(ApiError::unauthenticated)
    }
}
