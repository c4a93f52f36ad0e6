//! What a version writes, and how it fails: the last lines on the server that answers.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Asked, Caller};
use super::super::{Api, ApiError, Problem};
use super::source_of;
use crate::auth::reaches;
use crate::model::LogLine;
use crate::registry::{Standing, build_of};

/// Which lines.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Only lines with a greater number; all that are kept where it is not given.
    #[serde(default)]
    after: u64,
    /// For which source it is deployed; `*` for every one.
    source: Option<String>,
}

/// The last lines of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Log {
    pub detector: String,
    pub version: String,
    /// Oldest first.
    pub lines: Vec<LogLine>,
}

/// Read a version's log
///
/// What it wrote and how its runs failed, on the server that answers: the last 200 lines, without the
/// texts of events. Ask again with the last number to follow it.
#[utoipa::path(
    get, path = "/v1/detectors/{name}/versions/{version}/log", tag = "detectors",
    params(("name" = String, Path), ("version" = String, Path), After),
    responses(
        (status = 200, description = "Its last lines", body = Log),
        (status = 404, description = "No such version", body = Problem),
    )
)]
pub(in super::super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((name, version)): Path<(String, String)>,
    Asked(after): Asked<After>,
) -> Result<Json<Log>, ApiError> {
    let source = source_of(&identity, after.source)?;
    let row = api.0.registry.standing(&Standing { detector: name, version, source }).await?;
    let mut lines = api.0.engine.log(&build_of(&row), after.after);
    // A version may serve many sources, and a key may be bound to one.
    lines.retain(|line| reaches(&identity, &line.source));
    Ok(Json(Log { detector: row.detector, version: row.manifest.version.to_string(), lines }))
}
