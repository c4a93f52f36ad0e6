//! `/v1/holds`: subjects of whom nothing goes while the law wants it kept.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Fault, Hold};
use crate::store::HoldCursor;

/// Whom to hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    pub source: String,
    pub subject: String,
    /// Why, such as the number of a lawsuit. It is kept with what is personal.
    pub why: String,
}

/// Why a hold ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// It is kept with what is personal; the audit log has its salted digest.
    pub why: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// The `next` of the page before.
    after: Option<String>,
    /// Holds on the page; at most `page_max`.
    limit: Option<u32>,
}

/// Some holds: those in force first, of these and of the others the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Holds {
    pub holds: Vec<Hold>,
    /// Send it as `after` for the next page; `null` where there is none.
    pub next: Option<String>,
}

/// List holds
///
/// Those in force first, of these and of the others the newest.
#[utoipa::path(
    get, path = "/v1/holds", tag = "subjects", params(Search),
    responses((status = 200, description = "A page of those that the key reaches", body = Holds))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Asked(search): Asked<Search>,
) -> Result<Json<Holds>, ApiError> {
    let limit = api.0.config.page_size(search.limit, 50).map_err(ApiError::malformed)?;
    let after: Option<HoldCursor> = search
        .after
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: String| ApiError::malformed(error))?;
    let page = api.0.store.holds(identity.source.as_deref(), after.as_ref(), limit).await?;
    Ok(Json(Holds { holds: page.holds, next: page.next.map(|next| next.to_string()) }))
}

/// Hold a subject
///
/// While it is held nothing of it is erased or removed for its age. Once more it changes nothing.
#[utoipa::path(
    post, path = "/v1/holds", tag = "subjects", request_body = HoldRequest,
    responses(
        (status = 201, description = "In force", body = Hold),
        (status = 404, description = "Nothing is recorded of the subject", body = Problem),
        (status = 422, description = "No reason", body = Problem),
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Hold>), ApiError> {
    let request: HoldRequest = read(&api, &headers, body).await?;
    if let Some(fault) = unexplained(&request.why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    if !reaches(&identity, &request.source) {
        return Err(ApiError::absent(format!("there is no source `{}`", request.source)));
    }
    let hold = api.0.store.hold(&request.source, &request.subject, &request.why, &identity).await?;
    Ok((StatusCode::CREATED, Json(hold)))
}

/// End a hold
#[utoipa::path(
    post, path = "/v1/holds/{id}/release", tag = "subjects", params(("id" = String, Path)),
    request_body = Release,
    responses(
        (status = 200, description = "Ended", body = Hold),
        (status = 404, description = "None of this id is in force", body = Problem),
        (status = 422, description = "No reason", body = Problem),
    )
)]
pub(super) async fn release(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Hold>, ApiError> {
    let release: Release = read(&api, &headers, body).await?;
    if let Some(fault) = unexplained(&release.why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    let hold = api.0.store.hold_of(&id).await?;
    if !reaches(&identity, &hold.source) {
        return Err(ApiError::absent(format!("there is no hold `{id}`")));
    }
    Ok(Json(api.0.store.release(&id, &release.why, &identity).await?))
}

async fn read<T: serde::de::DeserializeOwned>(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, ApiError> {
    let json = parse_json(&read_body(api, headers, body).await?)?;
    serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))
}
