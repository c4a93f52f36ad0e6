//! `/v1/cases`: what people have to look into.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::request::{Asked, Caller};
use super::rulings::{self, Say};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Case, CaseState, DecisionId, Identity};
use crate::store::CaseFilter;

/// Decisions that one request rules on: each is a transaction of its own.
const RULED_AT_ONCE: usize = 100;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    source: Option<String>,
    /// The account, as events name it.
    subject: Option<String>,
    /// `open`, `resolved` or `overturned`.
    state: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// Cases on the page; at most `page_max`.
    limit: Option<u32>,
}

/// Some cases, those that were opened last first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Cases {
    pub cases: Vec<Case>,
    /// What to send as `after` for the next page; `null`: there is none.
    pub next: Option<String>,
}

/// A case and what is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CaseDetail {
    #[serde(flatten)]
    pub case: Case,
    /// Its decisions, oldest first; as many as a page has.
    pub decision_ids: Vec<DecisionId>,
    /// Decisions on which nobody has ruled, among those of a page.
    pub unruled: usize,
}

/// What came of ruling on a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CaseRuled {
    #[serde(flatten)]
    pub case: Case,
    /// Decisions that were ruled on by this.
    pub ruled: usize,
}

/// List cases
///
/// Opened by rules of policies (`case = "..."`). Of one account and one matter one is open at a time, and what is
/// decided meanwhile joins it.
#[utoipa::path(
    get, path = "/v1/cases", tag = "cases", params(Search),
    responses(
        (status = 200, description = "Those that were opened last first", body = Cases),
        (status = 400, description = "Not a filter", body = Problem),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Asked(search): Asked<Search>,
) -> Result<Json<Cases>, ApiError> {
    let limit = api.0.config.page_size(search.limit, 50).map_err(ApiError::malformed)?;
    let state: Option<CaseState> =
        search.state.map(|text| text.parse()).transpose().map_err(ApiError::malformed)?;
    let before = search.after.map(|text| text.parse()).transpose().map_err(|_| {
        ApiError::malformed("`after` is no cursor: send the `next` of the page before, as it was")
    })?;
    let source = match (&identity.source, search.source) {
        (Some(own), Some(asked)) if *own != asked => {
            return Ok(Json(Cases { cases: Vec::new(), next: None }));
        }
        (own, asked) => own.clone().or(asked),
    };
    let filter = CaseFilter { source, subject: search.subject, state, before, limit };
    let page = api.0.store.cases(&filter).await?;
    Ok(Json(Cases { cases: page.cases, next: page.next.map(|id| id.to_string()) }))
}

/// Read a case
#[utoipa::path(
    get, path = "/v1/cases/{id}", tag = "cases", params(("id" = String, Path)),
    responses(
        (status = 200, description = "With its decisions", body = CaseDetail),
        (status = 404, description = "No case of this id", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Json<CaseDetail>, ApiError> {
    let case = case(&api, &identity, &id).await?;
    let limit = api.0.config.page_size(None, u32::MAX).unwrap_or(RULED_AT_ONCE);
    let store = &api.0.store;
    Ok(Json(CaseDetail {
        decision_ids: store.decisions_of_case(case.id, None, false, limit).await?,
        unruled: store.decisions_of_case(case.id, None, true, limit).await?.len(),
        case,
    }))
}

/// Rule on all of a case
///
/// As if one ruled on each of its decisions on which nobody has ruled: at most 100 with one request, so ask again
/// while it stays `open`. With the last of them the case is over. Where it is over nothing is said: rule on one of
/// its decisions instead.
#[utoipa::path(
    put, path = "/v1/cases/{id}/ruling", tag = "cases", params(("id" = String, Path)),
    request_body = Say,
    responses(
        (status = 200, description = "Recorded", body = CaseRuled),
        (status = 404, description = "No case of this id", body = Problem),
        (status = 422, description = "No word, or no reason", body = Problem),
    )
)]
pub(super) async fn rule(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CaseRuled>, ApiError> {
    let say = rulings::say(&api, &headers, body).await?;
    let found = case(&api, &identity, &id).await?;
    let store = &api.0.store;
    let unruled = match found.state {
        CaseState::Open => store.decisions_of_case(found.id, None, true, RULED_AT_ONCE).await?,
        CaseState::Resolved | CaseState::Overturned => Vec::new(),
    };
    let mut ruled = 0;
    for id in unruled {
        let decision = store.decision(id).await?.and_then(|recorded| recorded.decision);
        // What is too old went meanwhile, and is in no case any more.
        let Some(decision) = decision else { continue };
        rulings::rule(&api, &identity, &decision, &say).await?;
        ruled += 1;
    }
    Ok(Json(CaseRuled { case: case(&api, &identity, &id).await?, ruled }))
}

async fn case(api: &Api, identity: &Identity, id: &str) -> Result<Case, ApiError> {
    let absent = || ApiError::absent(format!("there is no case `{id}`"));
    let parsed: DecisionId = id.parse().map_err(|_| absent())?;
    let case = api.0.store.case(parsed).await?;
    case.filter(|case| reaches(identity, &case.source)).ok_or_else(absent)
}
