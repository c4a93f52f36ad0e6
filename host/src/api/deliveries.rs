//! `/v1/deliveries`: what platforms were told to do, and what could not be told.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Attempt, Delivery, DeliveryId, DeliveryState, Fault, Identity};
use crate::store::{Cursor, DeliveryFilter};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    state: Option<DeliveryState>,
    source: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Deliveries on the page; at most `page_max`.
    limit: Option<u32>,
}

/// Some deliveries, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deliveries {
    pub deliveries: Vec<Delivery>,
    /// Send it as `after` for the next page; `null` where there is none.
    pub next: Option<String>,
}

/// A delivery and what was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DeliveryDetail {
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Oldest first.
    pub tries: Vec<Attempt>,
}

/// Why a delivery is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// It is kept with what is personal; the audit log has its salted digest.
    pub why: String,
}

/// Which deliveries are tried again, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayAll {
    pub source: String,
    /// For the audit log, which keeps it for ever: no names.
    pub why: String,
    /// The `next` of the call before.
    pub after: Option<String>,
}

/// What a replay of many came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayedAll {
    pub replayed: usize,
    /// Send it as `after` to go on; `null` where there is no more.
    pub next: Option<String>,
}

/// Find deliveries
///
/// Newest first. Pages are stable: deliveries that come meanwhile do not shift them.
#[utoipa::path(
    get, path = "/v1/deliveries", tag = "deliveries", params(Search),
    responses((status = 200, description = "A page", body = Deliveries))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Asked(search): Asked<Search>,
) -> Result<Json<Deliveries>, ApiError> {
    let limit = api.0.config.page_size(search.limit, 50).map_err(ApiError::malformed)?;
    if search.source.as_deref().is_some_and(|source| !reaches(&identity, source)) {
        return Err(ApiError::forbidden("this key is bound to another source"));
    }
    let filter = DeliveryFilter {
        source: identity.source.or(search.source),
        state: search.state,
        after: cursor(search.after.as_deref())?,
        limit,
    };
    let page = api.0.store.deliveries(&filter).await?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(Deliveries { deliveries: page.deliveries, next }))
}

/// Read a delivery
///
/// With every try that is kept, and what came of it.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", tag = "deliveries", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The delivery", body = DeliveryDetail),
        (status = 404, description = "No such delivery of a source that the key reaches", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Json<DeliveryDetail>, ApiError> {
    find(&api, &identity, &id).await.map(Json)
}

/// Have a dead delivery tried again
///
/// As often as a new one, under the id that it has. Audited.
#[utoipa::path(
    post, path = "/v1/deliveries/{id}/replay", tag = "deliveries", params(("id" = String, Path)),
    request_body = Replay,
    responses(
        (status = 200, description = "It is pending again", body = DeliveryDetail),
        (status = 404, description = "No such delivery of a source that the key reaches", body = Problem),
        (status = 409, description = "It is not dead", body = Problem),
        (status = 422, description = "No reason", body = Problem),
    )
)]
pub(super) async fn replay(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<DeliveryDetail>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let Replay { why } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    let found = find(&api, &identity, &id).await?.delivery.id;
    api.0.store.replay_delivery(&found, &why, &identity).await?;
    find(&api, &identity, &id).await.map(Json)
}

/// Have the dead deliveries of a source tried again
///
/// Oldest first, some hundreds at a time: send the call again with `next` as `after` until there is
/// none. Audited.
#[utoipa::path(
    post, path = "/v1/deliveries/replay", tag = "deliveries", request_body = ReplayAll,
    responses(
        (status = 200, description = "How many are pending again", body = ReplayedAll),
        (status = 403, description = "The key is bound to another source", body = Problem),
        (status = 422, description = "No source, no reason, or one that names somebody whom it concerns", body = Problem),
    )
)]
pub(super) async fn replay_all(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReplayedAll>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let ReplayAll { source, why, after } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    if !reaches(&identity, &source) {
        return Err(ApiError::forbidden("this key is bound to another source"));
    }
    let after = cursor(after.as_deref())?;
    let replayed = api.0.store.replay_dead(&source, after, &why, &identity).await?;
    let next = replayed.next.map(|next| next.to_string());
    Ok(Json(ReplayedAll { replayed: replayed.count, next }))
}

/// A delivery of a source that the caller reaches. Of another source: as if it were not there.
async fn find(api: &Api, identity: &Identity, id: &str) -> Result<DeliveryDetail, ApiError> {
    let absent = || ApiError::absent(format!("there is no delivery `{id}`"));
    let id: DeliveryId = id.parse().map_err(|_| absent())?;
    let found = api.0.store.delivery(&id).await?;
    let found = found.filter(|(delivery, _)| reaches(identity, &delivery.source));
    let (delivery, tries) = found.ok_or_else(absent)?;
    Ok(DeliveryDetail { delivery, tries })
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>, ApiError> {
    text.map(str::parse).transpose().map_err(|error: String| ApiError::malformed(error))
}
