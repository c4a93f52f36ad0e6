//! `/v1/decisions/{id}/replay`: decisions, made again and compared.

use axum::Json;
use axum::extract::{Path, State};

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

/// What a decision was made from, where the caller reaches it.
async fn find(api: &Api, identity: &Identity, id: &str) -> Result<Replayable, ApiError> {
    let absent = || ApiError::absent(format!("there is no decision `{id}`"));
    let parsed: DecisionId = id.parse().map_err(|_| absent())?;
    if let Some(found) = api.0.store.replayable(parsed).await? {
        return Some(found).filter(|it| reaches(identity, &it.event.source)).ok_or_else(absent);
    }
    let recorded = api.0.store.decision(parsed).await?;
    recorded.filter(|recorded| reaches(identity, &recorded.source)).ok_or_else(absent)?;
    Err(ApiError::undecided(id))
}
