//! `/v1/decisions/{id}/replay`: decisions, made again and compared.

use axum::Json;
use axum::extract::{Path, State};

use super::request::Caller;
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::DecisionId;
use crate::replay::{Lack, Missing, Replay};
use crate::store::StoreError;

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
    let absent = || ApiError::absent(format!("there is no decision `{id}`"));
    let parsed: DecisionId = id.parse().map_err(|_| absent())?;
    let recorded = api.0.store.decision(parsed).await?;
    let recorded =
        recorded.filter(|recorded| reaches(&identity, &recorded.source)).ok_or_else(absent)?;
    let why = "its subject was erased, and with it the event that it was made from";
    let erased = || Replay::cannot_tell(parsed, Missing::new(Lack::Erased, why));
    if recorded.erased {
        return Ok(Json(erased()));
    }
    if recorded.decision.is_none() {
        return Err(ApiError::undecided(&id));
    }
    Ok(Json(match api.0.store.replayable(parsed).await {
        Ok(replayable) => api.0.replayer.replay(replayable.ok_or_else(absent)?).await?,
        // Erased since it was looked up.
        Err(StoreError::Erased { .. }) => erased(),
        Err(error) => return Err(error.into()),
    }))
}
