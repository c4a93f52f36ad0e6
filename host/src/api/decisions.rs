//! `/v1/decisions`: what was decided.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::events::{Pending, pending};
use super::request::{Asked, Caller};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Decision, DecisionId};
use crate::store::Filter;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    source: Option<String>,
    subject: Option<String>,
    tier: Option<String>,
    /// Decisions in which this detector found something or failed.
    detector: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Decisions on the page; at most `page_max`.
    limit: Option<u32>,
}

/// Some decisions, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DecisionPage {
    pub decisions: Vec<Decision>,
    /// Send it as `after` for the next page; `null` where there is none.
    pub next: Option<String>,
}

/// Find decisions
///
/// Newest first. Pages are stable: decisions that come meanwhile do not shift them.
#[utoipa::path(
    get, path = "/v1/decisions", tag = "decisions", params(Search),
    responses((status = 200, description = "A page", body = DecisionPage))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Asked(search): Asked<Search>,
) -> Result<Json<DecisionPage>, ApiError> {
    let limit = api.0.config.page_size(search.limit, 50).map_err(ApiError::malformed)?;
    if search.source.as_deref().is_some_and(|source| !reaches(&identity, source)) {
        return Err(ApiError::forbidden("this key is bound to another source"));
    }
    let after = search.after.as_deref().map(str::parse).transpose();
    let filter = Filter {
        source: identity.source.or(search.source),
        subject: search.subject,
        tier: search.tier,
        detector: search.detector,
        after: after.map_err(|error: String| ApiError::malformed(format!("the query: {error}")))?,
        limit,
    };
    let page = api.0.store.decisions(&filter).await?;
    Ok(Json(DecisionPage {
        decisions: page.decisions,
        next: page.next.map(|next| next.to_string()),
    }))
}

/// Read a decision
///
/// Of one whose subject was erased it shows what may stay, and `erased_at`.
#[utoipa::path(
    get, path = "/v1/decisions/{id}", tag = "decisions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The decision", body = Decision),
        (status = 202, description = "Accepted and not decided yet", body = Pending),
        (status = 404, description = "No such decision of a source that the key reaches", body = Problem),
        (status = 410, description = "Erased before it was decided", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    // Of another source: as if it were not there, so that nothing can be inferred.
    let absent = || ApiError::absent(format!("there is no decision `{id}`"));
    let parsed: DecisionId = id.parse().map_err(|_| absent())?;
    let recorded = api.0.store.decision(parsed).await?;
    let recorded =
        recorded.filter(|recorded| reaches(&identity, &recorded.source)).ok_or_else(absent)?;
    Ok(match recorded.decision {
        Some(decision) => {
            ([(header::ETAG, format!("\"{parsed}\""))], Json(decision)).into_response()
        }
        None if recorded.erased => {
            return Err(ApiError::erased(
                "the event was erased before it was decided, so nothing of it is left",
            ));
        }
        None => pending(parsed),
    })
}
