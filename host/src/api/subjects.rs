//! `/v1/subjects/{source}/{subject}`: what is held on a person, and erasing it.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::stream::try_unfold;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller, names, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Erased, Erasure, Fault, HeldEvent, HeldSubject, Identity, Timestamp};
use crate::store::{HeldAfter, StoreError};

/// Events that are read and sent at once.
const PAGE: usize = 100;

/// All that is held on a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Export {
    #[serde(flatten)]
    pub held: HeldSubject,
    pub exported_at: Timestamp,
    /// Oldest first; then those that are not decided yet. One that is decided meanwhile follows once more.
    pub events: Vec<HeldEvent>,
}

/// Why a person is erased.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Erase {
    /// It goes into the audit log, which is never erased: name a ticket, not the person.
    pub why: String,
}

/// Export what is held on a person
///
/// Events as they were sent, decisions with signals and evidence, rulings, what versions on trial would
/// have changed, the id and age of the key. Audited. Comes in pieces: where one breaks off, so does the
/// JSON.
#[utoipa::path(
    get, path = "/v1/subjects/{source}/{subject}/export", tag = "subjects",
    params(("source" = String, Path), ("subject" = String, Path)),
    responses(
        (status = 200, description = "Everything; `events` is empty where nothing is held", body = Export),
        (status = 403, description = "Another source than the key's", body = Problem),
    )
)]
pub(super) async fn export(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((source, subject)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    reach(&identity, &source)?;
    let held = api.0.store.held_subject(&source, &subject, &identity).await?;
    let head = Export { held, exported_at: Timestamp::now(), events: Vec::new() };
    let head = serde_json::to_string(&head).expect("it is plain JSON");
    // Up to where the events begin.
    let head = head.strip_suffix("]}").unwrap_or(&head).to_owned();
    let begin = (api, Step::Head(head), "");
    let pieces = try_unfold(begin, move |(api, step, comma)| {
        let (source, subject) = (source.clone(), subject.clone());
        async move {
            piece(&api, &source, &subject, step, comma).await.inspect_err(|error| {
                tracing::error!("an export broke off: {error}");
            })
        }
    });
    let body = Body::from_stream(pieces);
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// What of an export comes next.
enum Step {
    Head(String),
    Events(HeldAfter),
    End,
}

type Piece = Option<(Bytes, (Api, Step, &'static str))>;

/// A piece of an export, and what comes after it. `comma` stands before the next event.
async fn piece(
    api: &Api,
    source: &str,
    subject: &str,
    step: Step,
    comma: &'static str,
) -> Result<Piece, StoreError> {
    let store = &api.0.store;
    let (events, next) = match step {
        Step::Head(head) => {
            let next = Step::Events(HeldAfter::default());
            return Ok(Some((head.into(), (api.clone(), next, comma))));
        }
        Step::Events(after) => {
            let (events, next) = store.held_events(source, subject, after, PAGE).await?;
            (events, next.map_or(Step::End, Step::Events))
        }
        Step::End => return Ok(None),
    };
    let mut text = String::new();
    let mut comma = comma;
    for event in &events {
        text += comma;
        text += &serde_json::to_string(event).expect("it is plain JSON");
        comma = ",\n";
    }
    if let Step::End = next {
        text += "]}\n";
    }
    Ok(Some((text.into(), (api.clone(), next, comma))))
}

/// Erase a person
///
/// Everything personal that is held on the subject is gone when this answers, in the database and every
/// copy of it that follows the list of erasures. Decisions keep what names nobody, under a pseudonym.
/// Audited. Once more, it erases what came since. What comes later is a new life.
#[utoipa::path(
    post, path = "/v1/subjects/{source}/{subject}/erase", tag = "subjects",
    params(("source" = String, Path), ("subject" = String, Path)),
    request_body = Erase,
    responses(
        (status = 200, description = "Erased; zeros where nothing was held", body = Erased),
        (status = 403, description = "Another source than the key's", body = Problem),
        (status = 409, description = "The subject is held: nothing of it may go", body = Problem),
        (status = 422, description = "No reason, or one that names the person", body = Problem),
        (status = 503, description = "The record cannot be written, or a copy is left in its log for now: erase again", body = Problem),
    )
)]
pub(super) async fn erase(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((source, subject)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Erased>, ApiError> {
    reach(&identity, &source)?;
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let Erase { why } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&why).or_else(|| names(&why, &subject)) {
        return Err(ApiError::invalid(vec![fault]));
    }
    // On a task of its own: a client that leaves does not end it halfway.
    let parts = Arc::clone(&api.0);
    let erasing = api.0.ingest.parts().tasks.spawn(async move {
        let erased = parts.store.erase(&source, &subject, &why, &identity).await;
        parts.engine.forget(|of, who| of == source && who == subject);
        erased
    });
    Ok(Json(erasing.await.map_err(|_| ApiError::internal())??))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// Without the first so many; 0 for the beginning.
    after: u64,
    /// Erasures on the page; at most `page_max`.
    limit: Option<u32>,
}

/// List who was erased
///
/// By keyed hashes, in the order in which it happened. Keep a copy where the loss of this machine does not
/// reach: a backup that is older than an erasure is restored with it.
#[utoipa::path(
    get, path = "/v1/erasures", tag = "subjects", params(After),
    responses((status = 200, description = "A page; ask again with as many more until it is empty", body = Vec<Erasure>))
)]
pub(super) async fn erasures(
    State(api): State<Api>,
    Asked(after): Asked<After>,
) -> Result<Json<Vec<Erasure>>, ApiError> {
    let page_max = api.0.config.page_max;
    let limit = api.0.config.page_size(after.limit, page_max).map_err(ApiError::malformed)?;
    Ok(Json(api.0.store.erasures(after.after, limit).await?))
}

pub(super) fn reach(identity: &Identity, source: &str) -> Result<(), ApiError> {
    match reaches(identity, source) {
        true => Ok(()),
        false => Err(ApiError::forbidden("this key is bound to another source")),
    }
}
