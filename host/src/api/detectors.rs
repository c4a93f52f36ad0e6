//! `/v1/detectors`: what is live, and what was refused.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Api, ApiError, Problem};
use crate::model::{Digest, Timestamp};
use crate::registry::{Catalogue, DetectorStatus};

/// A detector with every version of it that ever ran.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DetectorDetail {
    /// As it is deployed, for each source.
    pub deployments: Vec<DetectorStatus>,
    pub versions: Vec<DetectorVersion>,
}

/// A version that was loaded once; its bytes are kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DetectorVersion {
    pub version: String,
    pub digest: Digest,
    /// Of the file as shipped.
    pub bytes: u64,
    pub first_seen_at: Timestamp,
}

/// List detectors
///
/// With their state, and why the newest file of each was refused if it was.
#[utoipa::path(
    get, path = "/v1/detectors", tag = "detectors",
    responses((status = 200, description = "What is live and what was refused", body = Catalogue))
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Catalogue>, ApiError> {
    Ok(Json(api.0.registry.catalogue().await?))
}

/// Read a detector
#[utoipa::path(
    get, path = "/v1/detectors/{name}", tag = "detectors", params(("name" = String, Path)),
    responses(
        (status = 200, description = "Its deployments and versions", body = DetectorDetail),
        (status = 404, description = "No detector of this name", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<DetectorDetail>, ApiError> {
    let catalogue = api.0.registry.catalogue().await?;
    let deployments: Vec<_> =
        catalogue.detectors.into_iter().filter(|status| status.name == name).collect();
    let versions: Vec<_> = api
        .0
        .store
        .versions(&name)
        .await?
        .into_iter()
        .map(|version| DetectorVersion {
            version: version.manifest.version.to_string(),
            digest: version.digest,
            bytes: version.size,
            first_seen_at: version.first_seen_at,
        })
        .collect();
    if deployments.is_empty() && versions.is_empty() {
        return Err(ApiError::absent(format!("there is no detector `{name}`")));
    }
    Ok(Json(DetectorDetail { deployments, versions }))
}
