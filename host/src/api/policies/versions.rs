//! Versions of a policy: every one that was ever published, where it stands, and its exact text.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Asked, Caller};
use super::super::{Api, ApiError, Problem};
use super::{PolicyStatus, find, newest};
use crate::auth::reaches;
use crate::model::PolicyTrial;
use crate::store::PolicyDeployment;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Which {
    /// Only versions with a smaller number: `next` of the page before.
    before: Option<u32>,
    /// Versions on the page; at most `page_max`.
    limit: Option<u32>,
}

/// A page of the versions of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersions {
    pub name: String,
    /// Newest first.
    pub versions: Vec<PolicyStatus>,
    /// For `before`; `null`: there are no more.
    pub next: Option<u32>,
}

/// A version with its text and what it did on trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDetail {
    #[serde(flatten)]
    pub status: PolicyStatus,
    /// The TOML document, as it was sent.
    pub text: String,
    /// What it did in shadow and canary, the latest first.
    pub trials: Vec<PolicyTrial>,
}

/// List the versions of a policy
///
/// Every one that was ever published, newest first, with where it stands, since when, by whom and why.
#[utoipa::path(
    get, path = "/v1/policies/{name}", tag = "policies", params(("name" = String, Path), Which),
    responses(
        (status = 200, description = "A page of them", body = PolicyVersions),
        (status = 404, description = "No such policy of a source that the key reaches", body = Problem),
    )
)]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(name): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<PolicyVersions>, ApiError> {
    let limit = api.0.config.page_size(which.limit, 50).map_err(ApiError::malformed)?;
    newest(&api, &identity, &name).await?;
    let rows = api.0.store.policy_versions(&name, which.before, limit).await?;
    let next = rows.last().filter(|row| rows.len() == limit && row.version > 1);
    let next = next.map(|row| row.version);
    let reached = rows.into_iter().filter(|row| reaches(&identity, &row.source));
    let versions = reached.map(PolicyStatus::from).collect();
    Ok(Json(PolicyVersions { name, versions, next }))
}

/// Read a version of a policy
///
/// Where it stands, its text, and what it did on trial.
#[utoipa::path(
    get, path = "/v1/policies/{name}/{version}", tag = "policies",
    params(("name" = String, Path), ("version" = String, Path, description = "`3`, or `sha256:...`")),
    responses(
        (status = 200, description = "The version and its text", body = PolicyDetail),
        (status = 404, description = "No such version of a source that the key reaches", body = Problem),
    )
)]
pub(in crate::api) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<PolicyDetail>, ApiError> {
    let row = find(&api, &identity, &name, &version).await?;
    let trials = api.0.store.policy_trials(row.id).await?;
    let text = text_of(&api, &row).await?;
    Ok(Json(PolicyDetail { status: row.into(), text, trials }))
}

/// Read the text of a version
///
/// The exact bytes that were published.
#[utoipa::path(
    get, path = "/v1/policies/{name}/{version}/file", tag = "policies",
    params(("name" = String, Path), ("version" = String, Path, description = "`3`, or `sha256:...`")),
    responses(
        (status = 200, description = "The TOML document; `Repr-Digest` and `ETag` say which", content_type = "application/toml"),
        (status = 304, description = "`If-None-Match` names it already"),
        (status = 404, description = "No such version of a source that the key reaches", body = Problem),
    )
)]
pub(in crate::api) async fn file(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = find(&api, &identity, &name, &version).await?;
    let tag = format!("\"{}\"", row.digest);
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
    let described = [
        (header::ETAG.as_str(), tag),
        ("repr-digest", format!("sha-256=:{}:", STANDARD.encode(row.digest.as_bytes()))),
        // A digest is its bytes for ever, but only for those who may have them.
        (header::CACHE_CONTROL.as_str(), "private, no-cache".to_owned()),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, described).into_response());
    }
    let file = format!("attachment; filename=\"{name}-{}.toml\"", row.version);
    let shipped = [
        (header::CONTENT_TYPE, "application/toml".to_owned()),
        (header::CONTENT_DISPOSITION, file),
    ];
    Ok((described, shipped, text_of(&api, &row).await?).into_response())
}

async fn text_of(api: &Api, row: &PolicyDeployment) -> Result<String, ApiError> {
    let gone = || ApiError::absent(format!("the text of {} {} is gone", row.name, row.version));
    api.0.store.policy_text(row.digest).await?.ok_or_else(gone)
}
