//! Versions of a detector: every one that ever ran, where it stands, and its exact bytes.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::request::Caller;
use super::super::{Api, ApiError, Problem};
use super::trial::{TrialSums, sums};
use super::{absent, catalogue, is_served};
use crate::model::{Canary, Digest, Identity, Manifest, Stage, Timestamp};
use crate::registry::DetectorStatus;
use crate::store::Version;

/// A version that was loaded once; its bytes are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DetectorVersion {
    pub version: String,
    pub digest: Digest,
    /// Of the file as shipped.
    pub bytes: u64,
    pub first_seen_at: Timestamp,
    /// Whether a signature came with it.
    pub signed: bool,
    /// Why it may not count: it answered one event in two ways.
    pub impure: Option<String>,
    /// Where it stands, for each source and settings.
    pub stands: Vec<Stands>,
}

/// Where a version stands for a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stands {
    /// `*` for every source.
    pub source: String,
    pub stage: Stage,
    pub canary: Option<Canary>,
    /// Why it was last moved.
    pub why: String,
    pub updated_at: Timestamp,
}

/// All that is known of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VersionDetail {
    pub version: DetectorVersion,
    /// As it describes itself.
    pub manifest: Manifest,
    pub deployments: Vec<DetectorStatus>,
    /// What it did in shadow and canary, the latest first.
    pub trials: Vec<TrialSums>,
}

/// List the versions of a detector
///
/// Every one that was ever published, oldest first, with where it stands.
#[utoipa::path(
    get, path = "/v1/detectors/{name}/versions", tag = "detectors", params(("name" = String, Path)),
    responses(
        (status = 200, description = "Its versions", body = Vec<DetectorVersion>),
        (status = 404, description = "No detector of this name", body = Problem),
    )
)]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(name): Path<String>,
) -> Result<Json<Vec<DetectorVersion>>, ApiError> {
    let catalogue = catalogue(&api, &identity).await?;
    let versions = of_detector(&api, &identity, &name, &catalogue.detectors).await?;
    if versions.is_empty() {
        return Err(absent(&name));
    }
    Ok(Json(versions))
}

/// Read a version
///
/// By its number or its digest: its manifest, where it stands, and what it did on trial.
#[utoipa::path(
    get, path = "/v1/detectors/{name}/versions/{version}", tag = "detectors",
    params(("name" = String, Path), ("version" = String, Path, description = "`1.2.0`, or `sha256:...`")),
    responses(
        (status = 200, description = "The version", body = VersionDetail),
        (status = 404, description = "No such version", body = Problem),
    )
)]
pub(in crate::api) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((name, version)): Path<(String, String)>,
) -> Result<Json<VersionDetail>, ApiError> {
    let version = find(&api, &identity, &name, &version).await?;
    let catalogue = catalogue(&api, &identity).await?;
    let deployments: Vec<_> = catalogue
        .detectors
        .into_iter()
        .filter(|status| status.name == name && status.digest == version.digest)
        .collect();
    let mut trials = Vec::new();
    for row in api.0.store.deployments().await? {
        if row.digest == version.digest && is_served(&identity, &row.source) {
            trials.extend(api.0.store.trials(row.id).await?.into_iter().map(sums));
        }
    }
    trials.sort_by_key(|sums| std::cmp::Reverse(sums.trial.since));
    Ok(Json(VersionDetail {
        manifest: version.manifest.clone(),
        version: described(version, &deployments),
        deployments,
        trials,
    }))
}

/// Read the file of a version
///
/// The exact bytes that were shipped.
#[utoipa::path(
    get, path = "/v1/detectors/{name}/versions/{version}/file", tag = "detectors",
    params(("name" = String, Path), ("version" = String, Path, description = "`1.2.0`, or `sha256:...`")),
    responses(
        (status = 200, description = "The component; `Repr-Digest` and `ETag` say which", content_type = "application/wasm"),
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
    let version = find(&api, &identity, &name, &version).await?;
    let digest = version.digest;
    let tag = format!("\"{digest}\"");
    let known =
        headers.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
    let described = [
        (header::ETAG.as_str(), tag),
        ("repr-digest", format!("sha-256=:{}:", STANDARD.encode(digest.as_bytes()))),
        // A digest is its bytes for ever, but only for those who may have them.
        (header::CACHE_CONTROL.as_str(), "private, no-cache".to_owned()),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, described).into_response());
    }
    let bytes = api.0.store.detector_bytes(digest).await?.ok_or_else(|| absent(&name))?;
    let shipped = [
        (header::CONTENT_TYPE, "application/wasm".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}-{}.wasm\"", version.manifest.version),
        ),
    ];
    Ok((described, shipped, bytes).into_response())
}

/// The versions of a detector that concern the caller: for a key that is bound to a source, those
/// that stand or stood for it or for every one.
async fn reached(api: &Api, identity: &Identity, name: &str) -> Result<Vec<Version>, ApiError> {
    let mut versions = api.0.store.versions(name).await?;
    if identity.source.is_some() {
        let rows = api.0.store.deployments().await?;
        versions.retain(|version| {
            let mut own = rows.iter().filter(|row| row.digest == version.digest);
            own.any(|row| is_served(identity, &row.source))
        });
    }
    Ok(versions)
}

/// Every version of a detector, as it stands in these deployments.
pub(super) async fn of_detector(
    api: &Api,
    identity: &Identity,
    name: &str,
    deployments: &[DetectorStatus],
) -> Result<Vec<DetectorVersion>, ApiError> {
    let versions = reached(api, identity, name).await?.into_iter();
    Ok(versions.map(|version| described(version, deployments)).collect())
}

/// The version of a detector that a number or a digest names.
async fn find(
    api: &Api,
    identity: &Identity,
    name: &str,
    version: &str,
) -> Result<Version, ApiError> {
    let versions = reached(api, identity, name).await?;
    let known: Vec<String> = versions.iter().map(|it| it.manifest.version.to_string()).collect();
    let named = |it: &Version| {
        it.manifest.version.to_string() == version || it.digest.to_string() == version
    };
    versions.into_iter().find(named).ok_or_else(|| match known.is_empty() {
        true => absent(name),
        false => {
            let known = known.join(", ");
            ApiError::absent(format!("there is no {name} {version}; there is {known}"))
        }
    })
}

fn described(version: Version, deployments: &[DetectorStatus]) -> DetectorVersion {
    let of_it = deployments.iter().filter(|status| status.digest == version.digest);
    let stands = of_it.map(|status| Stands {
        source: status.source.clone(),
        stage: status.stage,
        canary: status.canary,
        why: status.why.clone(),
        updated_at: status.updated_at,
    });
    DetectorVersion {
        version: version.manifest.version.to_string(),
        digest: version.digest,
        bytes: version.size,
        first_seen_at: version.first_seen_at,
        signed: version.signature.is_some(),
        impure: version.impure,
        stands: stands.collect(),
    }
}
