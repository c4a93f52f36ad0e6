//! `/v1/decisions/{id}/replay` and `capsule`: decisions, made again and compared, here or elsewhere.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::request::Caller;
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{DecisionId, Identity};
use crate::replay::Replay;
use crate::store::Replayable;

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
    let replayable = find(&api, &identity, &id).await?;
    Ok(Json(api.0.replayer.replay(replayable).await?))
}

/// Export a decision
///
/// One file with all that it takes to make the decision again elsewhere: `picket replay FILE` needs no
/// server and no database. It holds the event and the files of the detectors. A tar archive, compressed
/// as zstd; the same decision gives the same bytes.
#[utoipa::path(
    get, path = "/v1/decisions/{id}/capsule", tag = "decisions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The capsule", body = Vec<u8>, content_type = "application/zstd"),
        (status = 404, description = "No decision of this id", body = Problem),
        (status = 409, description = "Accepted and not decided yet", body = Problem),
    )
)]
pub(super) async fn capsule(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let replayable = find(&api, &identity, &id).await?;
    let capsule = api.0.replayer.capsule(replayable).await?;
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

/// What a decision was made from, where the caller reaches it.
async fn find(api: &Api, identity: &Identity, id: &str) -> Result<Replayable, ApiError> {
    let absent = || ApiError::absent(format!("there is no decision `{id}`"));
    let parsed: DecisionId = id.parse().map_err(|_| absent())?;
    if let Some(found) = api.0.store.replayable(parsed).await? {
        return Some(found)
            .filter(|it| reaches(identity, &it.document.decision.source))
            .ok_or_else(absent);
    }
    let recorded = api.0.store.decision(parsed).await?;
    recorded.filter(|recorded| reaches(identity, &recorded.source)).ok_or_else(absent)?;
    Err(ApiError::undecided(id))
}
