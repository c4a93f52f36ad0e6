//! `/v1/policies`: what judges each source.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::request::Caller;
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{Digest, Stage, Timestamp};
use crate::registry::Refusal;
use crate::store::PolicyDeployment;

/// A policy as it is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PolicyStatus {
    pub name: String,
    pub source: String,
    pub version: u32,
    pub digest: Digest,
    pub stage: Stage,
    /// `bundle`, `folder:<file>` or `api`.
    pub origin: String,
    pub updated_at: Timestamp,
}

/// Every policy, and the files that were refused.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Policies {
    pub policies: Vec<PolicyStatus>,
    pub refused: Vec<Refusal>,
}

/// A policy with its text.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PolicyDetail {
    #[serde(flatten)]
    pub status: PolicyStatus,
    /// The TOML document.
    pub text: String,
}

/// List policies
#[utoipa::path(
    get, path = "/v1/policies", tag = "policies",
    responses((status = 200, description = "What judges, and what was refused", body = Policies))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Result<Json<Policies>, ApiError> {
    let rows = api.0.store.policy_deployments().await?;
    let reached = rows.iter().filter(|row| reaches(&identity, &row.source));
    let policies = reached.map(status).collect();
    // A file that was refused may be of any source, and its faults quote it.
    let refused = match identity.source {
        Some(_) => Vec::new(),
        None => api.0.registry.refusals("policies/").await?,
    };
    Ok(Json(Policies { policies, refused }))
}

/// Read the policy of a source
#[utoipa::path(
    get, path = "/v1/policies/{source}", tag = "policies", params(("source" = String, Path)),
    responses(
        (status = 200, description = "The policy and its text", body = PolicyDetail),
        (status = 404, description = "No policy speaks for this source", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(source): Path<String>,
) -> Result<Json<PolicyDetail>, ApiError> {
    let rows = api.0.store.policy_deployments().await?;
    let row = rows.into_iter().find(|row| row.source == source && reaches(&identity, &row.source));
    let row = row.ok_or_else(|| ApiError::absent(format!("no policy speaks for `{source}`")))?;
    Ok(Json(PolicyDetail { status: status(&row), text: row.text }))
}

fn status(row: &PolicyDeployment) -> PolicyStatus {
    PolicyStatus {
        name: row.name.clone(),
        source: row.source.clone(),
        version: row.version,
        digest: row.digest,
        stage: row.stage,
        origin: row.origin.to_string(),
        updated_at: row.updated_at,
    }
}
