//! `/v1/sources`: the platforms, and whether decisions about them are enforced.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Caller, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Fault, Mode, Timestamp};

/// A platform.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Source {
    pub source: String,
    pub mode: Mode,
    /// When the mode was last set.
    pub updated_at: Timestamp,
}

/// A change of mode.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeChange {
    pub mode: Mode,
    /// Why, for the audit log.
    pub why: String,
}

/// The live set after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changed {
    pub generation: u64,
}

/// List sources
#[utoipa::path(
    get, path = "/v1/sources", tag = "sources",
    responses((status = 200, description = "Those that the key reaches", body = Vec<Source>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Result<Json<Vec<Source>>, ApiError> {
    let rows = api.0.store.sources().await?.into_iter();
    let reached = rows.filter(|row| reaches(&identity, &row.source));
    Ok(Json(
        reached
            .map(|row| Source { source: row.source, mode: row.mode, updated_at: row.updated_at })
            .collect(),
    ))
}

/// Set the mode of a source
///
/// In `shadow` everything is decided and recorded, and nothing enforced. Audited; at once.
#[utoipa::path(
    put, path = "/v1/sources/{source}/mode", tag = "sources", params(("source" = String, Path)),
    request_body = ModeChange,
    responses(
        (status = 200, description = "In force", body = Changed),
        (status = 404, description = "No policy speaks for this source", body = Problem),
        (status = 422, description = "Not a mode, or no reason", body = Problem),
    )
)]
pub(super) async fn set_mode(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Changed>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let change: ModeChange = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&change.why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    let known = api.0.registry.current().policy(&source).is_some();
    if !known || !reaches(&identity, &source) {
        return Err(ApiError::absent(format!("no policy speaks for `{source}`")));
    }
    let generation =
        api.0.registry.set_mode(&source, change.mode, &change.why, Some(&identity)).await?;
    Ok(Json(Changed { generation }))
}
