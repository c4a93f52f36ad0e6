//! `/v1/alerts`: what somebody should look at, and who has.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller, parse_json, read_body, unexplained};
use super::{Api, ApiError, Problem};
use crate::model::{AlertState, Fault, Timestamp};
use crate::store::AlertRow;

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
    /// Such as `detector.quarantined`, or `rate.label` where a rule of the configuration raised it and `rule.alert`
    /// where one of a policy asked for it.
    pub kind: String,
    /// What it is about, such as `contact-phone 1.2.0`, the name of the rule, or what a policy's rule asks
    /// for.
    pub object: String,
    pub text: String,
    pub state: AlertState,
    /// The source, where a rule raised it, be it of the configuration or of a policy: of a rule and a source one
    /// is open. `null` where it tells of what happened once.
    pub source: Option<String>,
    /// How often it was found so, at most once a minute.
    pub count: u64,
    /// When it was found so last.
    pub last_at: Timestamp,
    /// When the rate was back, or no decision had asked for it for an hour.
    pub resolved_at: Option<Timestamp>,
    pub acknowledged: Option<Acknowledged>,
}

/// That somebody has seen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acknowledged {
    pub at: Timestamp,
    /// The id of their key.
    pub by: String,
    pub why: String,
}

/// Why an alert needs nobody any more, or who is at it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// For the audit log, which keeps it for ever: no names.
    pub why: String,
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
    Ok(Json(rows.map(Alert::from).collect()))
}

/// Say that somebody has seen an alert
///
/// Audited, with who and why. One that a rule raised stays until it is resolved.
#[utoipa::path(
    post, path = "/v1/alerts/{id}/acknowledge", tag = "alerts", params(("id" = String, Path)),
    request_body = Acknowledge,
    responses(
        (status = 200, description = "It is acknowledged", body = Alert),
        (status = 404, description = "No such alert", body = Problem),
        (status = 409, description = "It was acknowledged, or is resolved", body = Problem),
        (status = 422, description = "No reason", body = Problem),
    )
)]
pub(super) async fn acknowledge(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Alert>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let Acknowledge { why } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if let Some(fault) = unexplained(&why) {
        return Err(ApiError::invalid(vec![fault]));
    }
    api.0.store.acknowledge_alert(&id, &why, &identity).await?;
    let row = api.0.store.alert(&id).await?;
    let row = row.ok_or_else(|| ApiError::absent(format!("there is no alert `{id}`")))?;
    Ok(Json(row.into()))
}

impl From<AlertRow> for Alert {
    fn from(row: AlertRow) -> Self {
        Self {
            state: row.state(),
            id: row.id,
            at: row.at,
            kind: row.kind,
            object: row.object,
            text: row.text,
            source: row.source,
            count: row.count,
            last_at: row.last_at,
            resolved_at: row.resolved_at,
            acknowledged: row.acknowledged.map(|one| Acknowledged {
                at: one.at,
                by: one.by,
                why: one.why,
            }),
        }
    }
}
