//! `/v1/destinations`: where the actions of each source are sent, whether they are, and what waits.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Caller, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{DeliveryId, Fault, Identity, Timestamp};
use crate::store::DisabledDestination;

/// Where the actions of a source are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DestinationDetail {
    pub source: String,
    /// Scheme, host and port; the rest of the address may be secret. `null` where the configuration has
    /// none any more.
    pub origin: Option<String>,
    /// Whether what is sent is signed.
    pub signed: bool,
    /// Since when it wants no more; `null` where it is told.
    pub disabled_at: Option<Timestamp>,
    /// What was being sent when it said so.
    pub disabled_by: Option<DeliveryId>,
    /// What is still to be delivered; 100000 stands for that and more, as in `dead`.
    pub pending: u64,
    /// What was given up and not replayed.
    pub dead: u64,
    /// When the oldest that is pending was written.
    pub oldest: Option<Timestamp>,
}

/// Why a destination is told again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enable {
    /// For the audit log, which keeps it for ever: no names.
    pub why: String,
}

/// List destinations
///
/// Those of the configuration, and those that the record knows to be disabled.
#[utoipa::path(
    get, path = "/v1/destinations", tag = "destinations",
    responses((status = 200, description = "Those that the key reaches, by source", body = Vec<DestinationDetail>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Result<Json<Vec<DestinationDetail>>, ApiError> {
    let disabled = disabled(&api).await?;
    let sources: BTreeSet<&String> =
        api.0.config.destinations.keys().chain(disabled.keys()).collect();
    let mut details = Vec::new();
    for source in sources.into_iter().filter(|source| reaches(&identity, source)) {
        details.push(detail(&api, source, disabled.get(source)).await?);
    }
    Ok(Json(details))
}

/// Have a destination told again
///
/// What waits is sent in its order, some of it within a second. Audited.
#[utoipa::path(
    post, path = "/v1/destinations/{source}/enable", tag = "destinations",
    params(("source" = String, Path)), request_body = Enable,
    responses(
        (status = 200, description = "It is told again", body = DestinationDetail),
        (status = 404, description = "No destination of a source that the key reaches", body = Problem),
        (status = 409, description = "It is not disabled", body = Problem),
        (status = 422, description = "No reason", body = Problem),
    )
)]
pub(super) async fn enable(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<DestinationDetail>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let Enable { why } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    find(&api, &identity, &source).await?;
    api.0.store.enable_destination(&source, &why, &identity).await?;
    detail(&api, &source, None).await.map(Json)
}

/// Whether there is such a destination. Of a source out of reach: as if there were none.
async fn find(api: &Api, identity: &Identity, source: &str) -> Result<(), ApiError> {
    let known =
        api.0.config.destinations.contains_key(source) || disabled(api).await?.contains_key(source);
    match known && reaches(identity, source) {
        true => Ok(()),
        false => Err(ApiError::absent(format!("`{source}` has no destination"))),
    }
}

async fn disabled(api: &Api) -> Result<BTreeMap<String, DisabledDestination>, ApiError> {
    let rows = api.0.store.disabled_destinations().await?;
    Ok(rows.into_iter().map(|row| (row.source.clone(), row)).collect())
}

async fn detail(
    api: &Api,
    source: &str,
    disabled: Option<&DisabledDestination>,
) -> Result<DestinationDetail, ApiError> {
    let configured = api.0.config.destinations.get(source);
    let backlog = api.0.store.delivery_backlog(source).await?;
    Ok(DestinationDetail {
        source: source.to_owned(),
        origin: configured.and_then(|at| at.origin()),
        signed: configured.is_some_and(|at| at.signs()),
        disabled_at: disabled.map(|row| row.at),
        disabled_by: disabled.map(|row| row.delivery.clone()),
        pending: backlog.pending,
        dead: backlog.dead,
        oldest: backlog.oldest,
    })
}
