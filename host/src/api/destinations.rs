//! `/v1/destinations`: where what is decided about each source is sent, whether they are, and what waits.

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
use crate::model::{DeliveryId, DestinationId, Fault, Timestamp};
use crate::store::DisabledDestination;

/// Where the actions of a source are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DestinationDetail {
    pub source: String,
    /// What it is called where a source has several; empty: it is the one without a name.
    pub name: String,
    /// `webhook`, `email` or `sms`; `null` where the configuration has none any more.
    pub channel: Option<String>,
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
    /// Which of the source's destinations; left out: the one without a name.
    #[serde(default)]
    pub name: String,
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
    let configured = configured(&api);
    let all: BTreeSet<&DestinationId> = configured.keys().chain(disabled.keys()).collect();
    let mut details = Vec::new();
    for to in all.into_iter().filter(|to| reaches(&identity, &to.source)) {
        details.push(detail(&api, to, configured.get(to), disabled.get(to)).await?);
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
    let Enable { why, name } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    let to = DestinationId { source, name };
    let configured = configured(&api);
    let known = configured.contains_key(&to) || disabled(&api).await?.contains_key(&to);
    // Of a source out of reach: as if there were none.
    if !known || !reaches(&identity, &to.source) {
        return Err(ApiError::absent(format!("there is no destination {to}")));
    }
    api.0.store.enable_destination(&to, &why, &identity).await?;
    detail(&api, &to, configured.get(&to), None).await.map(Json)
}

async fn disabled(api: &Api) -> Result<BTreeMap<DestinationId, DisabledDestination>, ApiError> {
    let rows = api.0.store.disabled_destinations().await?;
    Ok(rows.into_iter().map(|row| (row.to.clone(), row)).collect())
}

/// What the configuration says of a destination.
struct Configured {
    channel: &'static str,
    origin: Option<String>,
    signed: bool,
}

fn configured(api: &Api) -> BTreeMap<DestinationId, Configured> {
    let config = &api.0.config;
    let endpoints = config.destinations.iter().flat_map(|(source, first)| {
        first.all().map(move |one| {
            let (origin, signed) = (one.origin(), one.signs());
            let to = DestinationId::named(source, &one.name);
            (to, Configured { channel: "webhook", origin, signed })
        })
    });
    let email = config.email.iter().flat_map(|(source, all)| {
        all.iter().map(move |one| {
            let to = DestinationId::named(source, &one.telling.name);
            (to, Configured { channel: "email", origin: one.origin(), signed: false })
        })
    });
    let sms = config.sms.iter().flat_map(|(source, all)| {
        all.iter().map(move |one| {
            let to = DestinationId::named(source, &one.telling.name);
            let origin = one.endpoint().origin();
            (to, Configured { channel: "sms", origin, signed: false })
        })
    });
    endpoints.chain(email).chain(sms).collect()
}

async fn detail(
    api: &Api,
    to: &DestinationId,
    configured: Option<&Configured>,
    disabled: Option<&DisabledDestination>,
) -> Result<DestinationDetail, ApiError> {
    let backlog = api.0.store.delivery_backlog(to).await?;
    Ok(DestinationDetail {
        source: to.source.clone(),
        name: to.name.clone(),
        channel: configured.map(|at| at.channel.to_owned()),
        origin: configured.and_then(|at| at.origin.clone()),
        signed: configured.is_some_and(|at| at.signed),
        disabled_at: disabled.map(|row| row.at),
        disabled_by: disabled.map(|row| row.delivery.clone()),
        pending: backlog.pending,
        dead: backlog.dead,
        oldest: backlog.oldest,
    })
}
