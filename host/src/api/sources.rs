//! `/v1/sources`: the platforms, and whether decisions about them are enforced.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Fault, Identity, Mode, ModePreview, Timestamp};

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
    known(&api, &identity, &source)?;
    let generation =
        api.0.registry.set_mode(&source, change.mode, &change.why, Some(&identity)).await?;
    Ok(Json(Changed { generation }))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Back {
    /// How many days to look back on; 7 unless given, at most 90.
    #[param(minimum = 1, maximum = 90)]
    days: Option<u32>,
    /// Decisions to name, the newest first; at most `page_max`.
    limit: Option<u32>,
}

/// See what active mode would have done
///
/// The decisions of the last days that were made in shadow mode: what each would have enforced, on how many
/// accounts, and how many a person should have looked at. Whatever policy made them.
#[utoipa::path(
    get, path = "/v1/sources/{source}/mode/preview", tag = "sources",
    params(("source" = String, Path), Back),
    responses(
        (status = 200, description = "Counted by action", body = ModePreview),
        (status = 400, description = "Not a number of days", body = Problem),
        (status = 404, description = "No policy speaks for this source", body = Problem),
    )
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(source): Path<String>,
    Asked(back): Asked<Back>,
) -> Result<Json<ModePreview>, ApiError> {
    let limit = api.0.config.page_size(back.limit, 10).map_err(ApiError::malformed)?;
    let days = back.days.unwrap_or(7);
    if !(1..=ModePreview::DAYS_MAX).contains(&days) {
        let max = ModePreview::DAYS_MAX;
        return Err(ApiError::malformed(format!("`days` is {days}: look back on 1 to {max}")));
    }
    known(&api, &identity, &source)?;
    let mode = api.0.registry.current().mode(&source);
    Ok(Json(api.0.store.mode_preview(&source, mode, days, limit).await?))
}

/// Whether a policy speaks for a source that the caller reaches.
fn known(api: &Api, identity: &Identity, source: &str) -> Result<(), ApiError> {
    let known = api.0.registry.current().policy(source).is_some();
    match known && reaches(identity, source) {
        true => Ok(()),
        false => Err(ApiError::absent(format!("no policy speaks for `{source}`"))),
    }
}
