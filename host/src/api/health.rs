//! Whether the server lives, whether it can work, and its numbers.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::model::{DestinationId, Timestamp};
use crate::store::{Backlog, StoreError};

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// `live`, `ready` or `not ready`.
    pub status: &'static str,
}

/// Does the process answer?
#[utoipa::path(
    get, path = "/health/live", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health))
)]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Can events be decided and recorded?
///
/// Ready is a server on which everything that the record says is deployed is live, or is said not to
/// load. What is new in its folders since it was stopped follows after that.
#[utoipa::path(
    get, path = "/health/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "The record does not answer, or what is deployed is not live yet", body = Health),
    )
)]
pub(super) async fn ready(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let registry = &api.0.registry;
    let serves = registry.is_restored() && registry.current().sources().next().is_some();
    match (serves, api.0.store.ready().await) {
        (true, Ok(())) => (StatusCode::OK, Json(Health { status: "ready" })),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Json(Health { status: "not ready" })),
    }
}

/// Read the metrics
///
/// In the OpenMetrics text format, which Prometheus scrapes.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text"))
)]
pub(super) async fn metrics(State(api): State<Api>) -> Response {
    let evaluation = api.0.ingest.parts().pool.queue_depth();
    let generation = api.0.registry.current().generation();
    api.0.metrics.set_depths(evaluation, api.0.store.queue_depth(), generation);
    if let Err(error) = measure_deliveries(&api).await {
        tracing::warn!("what is to be delivered cannot be counted: {error}");
    }
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, media_type)], api.0.metrics.encode()).into_response()
}

/// What waits for each source that has a destination, or had one.
async fn measure_deliveries(api: &Api) -> Result<(), StoreError> {
    let disabled = api.0.store.disabled_destinations().await?;
    let configured: BTreeSet<DestinationId> = api.0.config.wants().map(|(to, _)| to).collect();
    for row in api.0.store.sources().await? {
        let own = configured.iter().filter(|to| to.source == row.source).cloned();
        // Also what waits for one that the configuration has no more, as far as it is known.
        let gone = disabled.iter().map(|one| one.to.clone()).filter(|to| to.source == row.source);
        let mut all: BTreeSet<DestinationId> = own.chain(gone).collect();
        let told = !all.is_empty();
        all.insert(DestinationId::of(&row.source));
        let (mut waits, mut lost, mut since) = (0, 0, None);
        for to in &all {
            let Backlog { pending, dead, oldest } = api.0.store.delivery_backlog(to).await?;
            (waits, lost) = (waits + pending, lost + dead);
            since = [since, oldest].into_iter().flatten().min();
        }
        if told || waits + lost > 0 {
            let age = |at: Timestamp| Timestamp::now().millis().saturating_sub(at.millis()) / 1_000;
            let oldest_s = since.map_or(0, age).max(0);
            let disabled = disabled.iter().any(|one| one.to.source == row.source);
            api.0.metrics.deliveries.set_backlog(&row.source, waits, lost, oldest_s, disabled);
        }
    }
    Ok(())
}
