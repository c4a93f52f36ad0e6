//! `POST /v1/events/batch`: many events in, one decision or one problem per line, in order.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;
use serde_json::Value as Json;

use super::events::{Pending, admit};
use super::request::{Caller, parse_json, read_body};
use super::{Api, ApiError, Problem};
use crate::ingest::{Answer, Turn, Turns};
use crate::model::{Decision, Event, Identity};
use crate::telemetry::Received;

/// Events of one batch that are decided at once: enough to share flushes, few enough for others.
const IN_FLIGHT: usize = 64;

/// Decide many events
///
/// NDJSON (`application/x-ndjson`, one envelope per line) or a CloudEvents batch
/// (`application/cloudevents-batch+json`). One bad event does not touch the others.
#[utoipa::path(
    post, path = "/v1/events/batch", tag = "events",
    request_body(content = String, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "NDJSON: for each event its decision or its problem, in order", body = Decision, content_type = "application/x-ndjson"),
        (status = 413, description = "Too many events, or a body that is too large", body = Problem),
        (status = 415, description = "Neither NDJSON nor a CloudEvents batch", body = Problem),
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let bytes = read_body(&api, &headers, body).await?;
    let envelopes = split(&headers, &bytes)?;
    let max = api.0.config.batch_events_max;
    if envelopes.len() > max {
        let detail =
            format!("{} events; a batch has at most {max} (batch_events_max)", envelopes.len());
        return Err(ApiError::too_large(detail));
    }
    let mut turns = Turns::default();
    let lines = futures::stream::iter(envelopes)
        .map(|envelope| {
            let event = admitted(&api, &identity, envelope);
            let turn = event.as_ref().ok().and_then(|it| api.0.ingest.turn(&mut turns, it));
            decide(&api, event, turn)
        })
        .buffered(IN_FLIGHT)
        .collect::<Vec<String>>()
        .await;
    let body = lines.concat();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

fn admitted(
    api: &Api,
    identity: &Identity,
    envelope: Result<Json, ApiError>,
) -> Result<Event, ApiError> {
    let envelope = envelope.inspect_err(|_| api.0.metrics.event("", Received::Invalid));
    envelope.and_then(|envelope| admit(api, identity, envelope, false))
}

async fn decide(api: &Api, event: Result<Event, ApiError>, turn: Option<Turn>) -> String {
    let _turn = Turn::come(turn).await;
    let answer = match event {
        Ok(event) => api.0.ingest.submit(event).await.map_err(ApiError::from),
        Err(error) => Err(error),
    };
    match answer {
        Ok(Answer::Decided(decision)) => line(&*decision),
        Ok(Answer::Pending(id)) => line(&Pending { id, status: "accepted".to_owned() }),
        Err(error) => line(error.problem()),
    }
}

fn line(value: &impl Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("answers are plain JSON");
    line.push('\n');
    line
}

/// The envelopes of a batch; in NDJSON a line that does not parse is a problem of its own.
fn split(headers: &HeaderMap, bytes: &Bytes) -> Result<Vec<Result<Json, ApiError>>, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
            let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            Ok(lines.filter(|line| !line.is_empty()).map(parse_json).collect())
        }
        "application/cloudevents-batch+json" => match parse_json(bytes)? {
            Json::Array(envelopes) => Ok(envelopes.into_iter().map(Ok).collect()),
            _ => Err(ApiError::malformed("a CloudEvents batch is a JSON list of envelopes")),
        },
        _ => Err(ApiError::media_type(
            "send a batch as application/x-ndjson (one envelope per line) or application/cloudevents-batch+json",
        )),
    }
}
