//! `/v1/decisions/{id}/replay` and `capsule`: decisions, made again and compared, here or elsewhere.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::request::Caller;
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{DecisionId, Identity};
use crate::replay::{Lack, Missing, Replay};
use crate::store::{Replayable, StoreError};

const ERASED: &str = "its subject was erased, and with it the event that it was made from";

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
        Found::Erased(id) => Replay::cannot_tell(id, Missing::new(Lack::Erased, ERASED)),
    }))
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
        (status = 410, description = "Its subject was erased", body = Problem),
    )
)]
pub(super) async fn capsule(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let Found::Whole(replayable) = find(&api, &identity, &id).await? else {
        return Err(ApiError::erased(ERASED));
    };
    let capsule = api.0.replayer.capsule(*replayable).await?;
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
