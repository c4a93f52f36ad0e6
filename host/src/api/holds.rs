//! `/v1/holds`: subjects of whom nothing goes while the law wants it kept.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::request::{Caller, names, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Fault, Hold};

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
    /// For the audit log, which keeps it for ever: no names.
    pub why: String,
}

/// List holds
///
/// Those in force first.
#[utoipa::path(
    get, path = "/v1/holds", tag = "subjects",
    responses((status = 200, description = "Those that the key reaches", body = Vec<Hold>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Result<Json<Vec<Hold>>, ApiError> {
    let mut holds = api.0.store.holds().await?;
    holds.retain(|hold| reaches(&identity, &hold.source));
    Ok(Json(holds))
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
        (status = 422, description = "No reason, or one that names the person", body = Problem),
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
    let holds = api.0.store.holds().await?;
    let hold = holds.into_iter().find(|hold| hold.id == id && reaches(&identity, &hold.source));
    let hold = hold.ok_or_else(|| ApiError::absent(format!("there is no hold `{id}`")))?;
    if let Some(fault) = names(&release.why, &hold.subject) {
        return Err(ApiError::invalid(vec![fault]));
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
