//! `/v1/detectors`: what is live, what was refused, and the life of each version.

pub(super) mod log;
mod parts;
pub(super) mod stage;
pub(super) mod trial;
pub(super) mod upload;
pub(super) mod versions;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::Caller;
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Build, Identity};
use crate::registry::{Catalogue, DetectorStatus};
use crate::store::{EVERY_SOURCE, SENT};

pub use parts::Uploads;
pub use trial::{Diff, TrialSums};
pub use upload::Arrived;
pub use versions::{DetectorVersion, Stands, VersionDetail};

/// A detector with every version of it that ever ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DetectorDetail {
    /// As it is deployed, for each source.
    pub deployments: Vec<DetectorStatus>,
    pub versions: Vec<DetectorVersion>,
}

/// List detectors
///
/// With their state, and why the newest file of each was refused if it was.
#[utoipa::path(
    get, path = "/v1/detectors", tag = "detectors",
    responses((status = 200, description = "What is live and what was refused", body = Catalogue))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Result<Json<Catalogue>, ApiError> {
    Ok(Json(catalogue(&api, &identity).await?))
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
    Caller(identity): Caller,
    Path(name): Path<String>,
) -> Result<Json<DetectorDetail>, ApiError> {
    let catalogue = catalogue(&api, &identity).await?;
    let deployments: Vec<_> =
        catalogue.detectors.into_iter().filter(|status| status.name == name).collect();
    let versions = versions::of_detector(&api, &identity, &name, &deployments).await?;
    if deployments.is_empty() && versions.is_empty() {
        return Err(absent(&name));
    }
    Ok(Json(DetectorDetail { deployments, versions }))
}

/// What stands where, with what is really used, as far as it concerns the caller's source.
async fn catalogue(api: &Api, identity: &Identity) -> Result<Catalogue, ApiError> {
    let mut catalogue = api.0.registry.catalogue().await?;
    catalogue.detectors.retain(|status| is_served(identity, &status.source));
    if identity.source.is_some() {
        catalogue.refused.retain(|refusal| !refusal.file.starts_with(SENT));
    }
    for status in &mut catalogue.detectors {
        let build = Build { digest: status.digest, settings: status.settings_digest };
        status.vitals = api.0.engine.vitals(&build).filter(|_| status.live);
    }
    Ok(catalogue)
}

fn absent(name: &str) -> ApiError {
    ApiError::absent(format!("there is no detector `{name}`"))
}

/// The source that a request is about: the one that it names, else the only one of its key, else
/// every one.
fn source_of(identity: &Identity, named: Option<String>) -> Result<String, ApiError> {
    let own = || identity.source.clone().unwrap_or_else(|| EVERY_SOURCE.to_owned());
    let source = named.unwrap_or_else(own);
    match reaches(identity, &source) {
        true => Ok(source),
        false => Err(ApiError::forbidden(format!(
            "this is about the source `{source}`, and this key is bound to `{}`",
            identity.source.as_deref().unwrap_or_default()
        ))),
    }
}

/// Whether a caller's source is served by what is deployed for this one.
fn is_served(identity: &Identity, source: &str) -> bool {
    source == EVERY_SOURCE || reaches(identity, source)
}
