//! `/v1/decisions/{id}/replay`, `capsule` and `/v1/replays`: decisions, made again and compared, here or
//! elsewhere, one or many.

use std::convert::Infallible;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::audit::proof::prove;
use super::request::{Caller, parse_json, read_body};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{DecisionId, Fault, Identity, Timestamp};
use crate::replay::{Missing, Range, RangeLine, Replay};
use crate::store::{Replayable, StoreError};

/// Replay a decision
///
/// Runs the stored event through the stored bytes of the detectors and the stored text of the policy,
/// and compares every bit of the decision. Nothing is written. The first replay of an old version
/// compiles it, which may take seconds.
#[utoipa::path(
    post, path = "/v1/decisions/{id}/replay", tag = "decisions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "What it came to", body = Replay),
        (status = 404, description = "No decision of this id", body = Problem),
        (status = 409, description = "Accepted and not decided yet", body = Problem),
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Json<Replay>, ApiError> {
    Ok(Json(match find(&api, &identity, &id).await? {
        Found::Whole(replayable) => api.0.replayer.replay(*replayable).await?,
        Found::Erased(id) => Replay::cannot_tell(id, Missing::erased()),
    }))
}

/// What is wrong where the log itself cannot prove a decision: it is not what it was, or has no such entry.
const UNPROVABLE: [&str; 3] = ["audit-forked", "audit-document-damaged", "not-found"];

/// Export a decision
///
/// One file with all that it takes to make the decision again elsewhere: `picket replay FILE` needs no
/// server and no database. It holds the event and the files of the detectors, and the proof that the
/// decision was logged: without that where the audit log was changed, so that it cannot prove it. A tar
/// archive, compressed as zstd; the same decision gives the same bytes but for the proof.
#[utoipa::path(
    get, path = "/v1/decisions/{id}/capsule", tag = "decisions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The capsule", body = Vec<u8>, content_type = "application/zstd"),
        (status = 404, description = "No decision of this id", body = Problem),
        (status = 409, description = "Accepted and not decided yet", body = Problem),
        (status = 410, description = "Its subject was erased", body = Problem),
    )
)]
pub(super) async fn capsule(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let Found::Whole(replayable) = find(&api, &identity, &id).await? else {
        return Err(ApiError::erased(Missing::erased().detail));
    };
    let mut capsule = api.0.replayer.capsule(*replayable).await?;
    capsule.proof = match prove(&api, &id, false).await {
        Ok(proof) => Some(proof.to_text()),
        Err(error) if UNPROVABLE.iter().any(|name| error.is(name)) => {
            let why = &error.problem().detail;
            tracing::warn!(decision = id, "a capsule is made without a proof: {why}");
            None
        }
        Err(error) => return Err(error),
    };
    let name = format!("attachment; filename=\"{}.capsule\"", capsule.id);
    let encoding = tokio::task::spawn_blocking(move || capsule.encode());
    match encoding.await {
        Ok(Ok(file)) => {
            let headers = [
                (header::CONTENT_TYPE, "application/zstd".to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            Ok((headers, file).into_response())
        }
        Ok(Err(error)) => {
            tracing::error!(decision = id, "a capsule is not made: {error}");
            Err(ApiError::internal())
        }
        Err(_) => Err(ApiError::internal()),
    }
}

/// Which decisions to replay.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRange {
    /// The source of which; every one that the key reaches unless named.
    source: Option<String>,
    /// Decisions that were begun at this time or later.
    since: Timestamp,
    /// And before; now unless given.
    until: Option<Timestamp>,
    /// The share of them, rounded up: above 0, at least one.
    #[serde(default = "all")]
    #[schema(minimum = 0.0, maximum = 1.0)]
    sample: f64,
    /// The same number takes the same sample of the same decisions.
    #[serde(default)]
    seed: u64,
}

fn all() -> f64 {
    1.0
}

/// Replay a span of time
///
/// Makes the decisions of a span again, or a sample of them, and tells of each as it comes: NDJSON, with
/// a line that says how many there are, one for each decision that was made again, and the sums. Closing
/// the connection ends it.
#[utoipa::path(
    post, path = "/v1/replays", tag = "decisions", request_body = ReplayRange,
    responses(
        (status = 200, description = "NDJSON", body = RangeLine, content_type = "application/x-ndjson"),
        (status = 403, description = "A source that the key does not reach", body = Problem),
        (status = 422, description = "No such span", body = Problem),
        (status = 503, description = "As many are under way as may be", body = Problem),
    )
)]
pub(super) async fn range(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let asked: ReplayRange = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    let ReplayRange { source, since, until, sample, seed } = asked;
    if source.as_deref().is_some_and(|source| !reaches(&identity, source)) {
        return Err(ApiError::forbidden("this key is bound to another source"));
    }
    if !(0.0..=1.0).contains(&sample) {
        let detail = format!("{sample} is no share: it lies in 0..=1");
        return Err(ApiError::invalid(vec![Fault::new("/sample", detail)]));
    }
    let until = until.unwrap_or_else(Timestamp::now);
    if since > until {
        return Err(ApiError::invalid(vec![Fault::new("/since", "it is later than `until`")]));
    }
    let source = identity.source.or(source);
    let lines = api.0.replayer.range(Range { source, since, until, sample, seed })?;
    let lines = futures::stream::unfold(lines, async |mut lines| {
        let line = lines.recv().await?;
        let mut text = serde_json::to_string(&line).expect("lines are plain JSON");
        text.push('\n');
        Some((Ok::<_, Infallible>(text), lines))
    });
    let headers = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// What is left of a decision.
enum Found {
    Whole(Box<Replayable>),
    Erased(DecisionId),
}

/// What a decision was made from, where the caller reaches it.
async fn find(api: &Api, identity: &Identity, id: &str) -> Result<Found, ApiError> {
    let absent = || ApiError::absent(format!("there is no decision `{id}`"));
    let parsed: DecisionId = id.parse().map_err(|_| absent())?;
    let recorded = api.0.store.decision(parsed).await?;
    let recorded =
        recorded.filter(|recorded| reaches(identity, &recorded.source)).ok_or_else(absent)?;
    if recorded.erased {
        return Ok(Found::Erased(parsed));
    }
    if recorded.decision.is_none() {
        return Err(ApiError::undecided(id));
    }
    match api.0.store.replayable(parsed).await {
        Ok(replayable) => Ok(Found::Whole(Box::new(replayable.ok_or_else(absent)?))),
        // Erased since it was looked up.
        Err(StoreError::Erased { .. }) => Ok(Found::Erased(parsed)),
        Err(error) => Err(error.into()),
    }
}
