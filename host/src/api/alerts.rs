//! `/v1/alerts`: what somebody should look at.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::Asked;
use super::{Api, ApiError};
use crate::model::Timestamp;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Alerts that are older than the one of this id.
    before: Option<String>,
    /// Alerts on the page; at most `page_max`.
    limit: Option<u32>,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    pub id: String,
    pub at: Timestamp,
    /// Such as `detector.quarantined`.
    pub kind: String,
    /// What it is about, such as `contact-phone 1.2.0`.
    pub object: String,
    pub text: String,
}

/// Read alerts
///
/// Newest first. For the next page send the last id as `before`.
#[utoipa::path(
    get, path = "/v1/alerts", tag = "alerts", params(Search),
    responses((status = 200, description = "A page", body = Vec<Alert>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(search): Asked<Search>,
) -> Result<Json<Vec<Alert>>, ApiError> {
    let limit = api.0.config.page_size(search.limit, 50).map_err(ApiError::malformed)?;
    let rows = api.0.store.alerts(search.before.as_deref(), limit).await?.into_iter();
    let alerts = rows.map(|row| Alert {
        id: row.id,
        at: row.at,
        kind: row.kind,
        object: row.object,
        text: row.text,
    });
    Ok(Json(alerts.collect()))
}
