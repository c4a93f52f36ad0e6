//! `POST /v1/events`: one CloudEvent in, its decision out.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json_};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller, parse_json, read_body};
use super::{Api, ApiError, Problem};
use crate::auth::{Access, allows, reaches};
use crate::ingest::Answer;
use crate::model::event::is_json;
use crate::model::{Decision, DecisionId, Event, Identity, Timestamp};
use crate::telemetry::Received;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Options {
    /// Decide without recording: nothing is read of or claimed from the record.
    dry_run: bool,
}

/// A decision that is not made yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pending {
    pub id: DecisionId,
    /// `accepted`: durable, and decided as soon as possible.
    pub status: String,
}

/// A decision that was not recorded.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Tried {
    #[serde(flatten)]
    pub decision: Decision,
    /// Always true.
    pub dry_run: bool,
}

/// Decide one event
///
/// A CloudEvent in structured mode (`application/cloudevents+json` or `application/json`) or in
/// binary mode (`ce-` headers). The same id with the same event gets the same decision again.
#[utoipa::path(
    post, path = "/v1/events", tag = "events", params(Options),
    request_body(content = Json_, content_type = "application/cloudevents+json"),
    responses(
        (status = 200, description = "The decision, durable", body = Decision),
        (status = 202, description = "With `Prefer: respond-async`: accepted and durable; `Location` has the decision later", body = Pending),
        (status = 400, description = "Not JSON", body = Problem),
        (status = 403, description = "Another source than the key's", body = Problem),
        (status = 409, description = "The id was used for another event", body = Problem),
        (status = 410, description = "The id is of an event that was erased, or removed because of its age", body = Problem),
        (status = 413, description = "Larger than a body may be", body = Problem),
        (status = 422, description = "Every fault of the event with its JSON pointer", body = Problem),
        (status = 429, description = "Too many requests of this key", body = Problem),
        (status = 503, description = "Busy, or the record cannot be written: send it again", body = Problem),
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(identity): Caller,
    Asked(options): Asked<Options>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let bytes = read_body(&api, &headers, body).await?;
    let envelope =
        envelope(&headers, &bytes).inspect_err(|_| api.0.metrics.event("", Received::Invalid))?;
    let event = admit(&api, &identity, envelope, options.dry_run)?;
    if options.dry_run {
        let decision = api.0.ingest.dry_run(event).await?;
        return Ok(Json(Tried { decision, dry_run: true }).into_response());
    }
    if wants_async(&headers) {
        let answer = api.0.ingest.accept(event).await?;
        let mut response = answer_to(answer);
        let applied = HeaderValue::from_static("respond-async");
        response.headers_mut().insert(HeaderName::from_static("preference-applied"), applied);
        return Ok(response);
    }
    Ok(answer_to(api.0.ingest.submit(event).await?))
}

/// Checks an envelope and whether the caller may send it.
pub(super) fn admit(
    api: &Api,
    identity: &Identity,
    envelope: Json_,
    dry_run: bool,
) -> Result<Event, ApiError> {
    if !dry_run && !allows(identity.role, Access::PostEvents) {
        return Err(ApiError::forbidden(format!(
            "a key of role {} may only try events out: add ?dry_run=true",
            identity.role
        )));
    }
    let event = Event::parse(envelope, &api.0.config.event_bounds(), Timestamp::now()).map_err(
        |faults| {
            api.0.metrics.event("", Received::Invalid);
            ApiError::invalid(faults)
        },
    )?;
    if !reaches(identity, &event.source) {
        return Err(ApiError::forbidden("this key is bound to another source than the event's"));
    }
    Ok(event)
}

/// The answer as HTTP.
pub(super) fn answer_to(answer: Answer) -> Response {
    match answer {
        Answer::Decided(decision) => Json(&*decision).into_response(),
        Answer::Pending(id) => pending(id),
    }
}

/// `202` with where the decision will be.
pub(super) fn pending(id: DecisionId) -> Response {
    let place = format!("/v1/decisions/{id}");
    let body = Json(Pending { id, status: "accepted".to_owned() });
    (StatusCode::ACCEPTED, [(header::LOCATION, place)], body).into_response()
}

fn wants_async(headers: &HeaderMap) -> bool {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case("respond-async"))
}

/// The envelope of a request, in whichever mode it came. Source: CloudEvents HTTP binding 1.0.2.
fn envelope(headers: &HeaderMap, bytes: &[u8]) -> Result<Json_, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/cloudevents-batch+json") {
        return Err(ApiError::media_type("a batch goes to /v1/events/batch"));
    }
    let structured = essence.to_ascii_lowercase().starts_with("application/cloudevents");
    let binary = !structured && headers.keys().any(|name| name.as_str().starts_with("ce-"));
    if !is_json(content_type.unwrap_or_default()) {
        return Err(ApiError::media_type(
            "send the event as `Content-Type: application/cloudevents+json`, or its data as application/json with ce- headers",
        ));
    }
    if !binary {
        return parse_json(bytes);
    }
    let mut envelope = Map::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else { continue };
        let decoded = percent_decode(value.as_bytes()).decode_utf8();
        let decoded = decoded
            .map_err(|_| ApiError::malformed(format!("the header {name} is not UTF-8 text")))?;
        envelope.insert(attribute.to_owned(), Json_::String(decoded.into_owned()));
    }
    envelope.insert("data".to_owned(), parse_json(bytes)?);
    Ok(Json_::Object(envelope))
}
