//! `/v1/decisions/{id}/ruling`: what people say of a decision.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use super::request::{Caller, parse_json, read_body};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::ruling::{Ruling, Word};
use crate::model::{Decision, DecisionId, Fault, Finding, Identity, Stage};
use crate::store::EVERY_SOURCE;

/// What somebody says of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Say {
    pub ruling: Word,
    /// Why, for whoever looks at it later.
    pub why: String,
}

const WHY_BYTES_MAX: usize = 2_000;

/// Rule on a decision
///
/// The last word of people stands. Overturned, a decision's strike counts no more and its restriction ends,
/// so that the strikes that are left are counted anew; upheld later, both stand again as they were. A platform
/// that was told of the decision is told to lift what it asked for, or to enforce it again. A
/// canary that had a say in too many overturned decisions goes back to shadow.
#[utoipa::path(
    put, path = "/v1/decisions/{id}/ruling", tag = "decisions", params(("id" = String, Path)),
    request_body = Say,
    responses(
        (status = 200, description = "Recorded", body = Ruling),
        (status = 404, description = "No decision of this id", body = Problem),
        (status = 410, description = "The decision's subject was erased", body = Problem),
        (status = 422, description = "No word, or no reason", body = Problem),
    )
)]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Ruling>, ApiError> {
    let say = say(&api, &headers, body).await?;
    let decision = decision(&api, &identity, &id).await?;
    Ok(Json(rule(&api, &identity, &decision, &say).await?))
}

/// What somebody sent to be said.
pub(super) async fn say(api: &Api, headers: &HeaderMap, body: Body) -> Result<Say, ApiError> {
    let json = parse_json(&read_body(api, headers, body).await?)?;
    let say: Say = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if say.why.trim().is_empty() || say.why.len() > WHY_BYTES_MAX {
        let detail = format!("say why, in at most {WHY_BYTES_MAX} bytes");
        return Err(ApiError::invalid(vec![Fault::new("/why", detail)]));
    }
    Ok(say)
}

/// Says it of a decision.
pub(super) async fn rule(
    api: &Api,
    identity: &Identity,
    decision: &Decision,
    say: &Say,
) -> Result<Ruling, ApiError> {
    let canaries = canaries(api, decision).await?;
    Ok(api.0.store.rule(decision, say.ruling, &say.why, &canaries, identity).await?)
}

/// Read the ruling on a decision
#[utoipa::path(
    get, path = "/v1/decisions/{id}/ruling", tag = "decisions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "The last word of people", body = Ruling),
        (status = 404, description = "No decision of this id, or nobody has ruled", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Json<Ruling>, ApiError> {
    let decision = decision(&api, &identity, &id).await?;
    let ruling = api.0.store.ruling(decision.id).await?;
    ruling.map(Json).ok_or_else(|| ApiError::absent(format!("nobody has ruled on `{id}`")))
}

async fn decision(api: &Api, identity: &Identity, id: &str) -> Result<Decision, ApiError> {
    let absent = || ApiError::absent(format!("there is no decision `{id}`"));
    let id: DecisionId = id.parse().map_err(|_| absent())?;
    let decision = api.0.store.decision(id).await?.and_then(|recorded| recorded.decision);
    decision.filter(|decision| reaches(identity, &decision.source)).ok_or_else(absent)
}

/// The canaries that found something in it and had a say.
async fn canaries(api: &Api, decision: &Decision) -> Result<Vec<i64>, ApiError> {
    let said = |finding: &Finding| {
        let mut own = decision.signals.iter().filter(|signal| signal.detector == finding.detector);
        own.any(|signal| signal.version == finding.version)
    };
    let mut canaries = Vec::new();
    for finding in &decision.findings {
        if finding.stage == Some(Stage::Canary) && finding.counted && said(finding) {
            canaries.push((finding.digest, finding.settings_digest));
        }
    }
    if canaries.is_empty() {
        return Ok(Vec::new());
    }
    let rows = api.0.registry.standings().await?.into_iter();
    let named = rows.filter(|(row, build)| {
        row.stage == Stage::Canary
            && [EVERY_SOURCE, &decision.source].contains(&&*row.source)
            && canaries.contains(&(Some(build.digest), Some(build.settings)))
    });
    Ok(named.map(|(row, _)| row.id).collect())
}
