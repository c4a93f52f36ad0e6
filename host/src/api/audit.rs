//! `/v1/audit`: who did what, in the order in which it was done, and all that it takes to verify that
//! nobody changed it since.

pub(super) mod proof;
pub(super) mod tile;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::request::Asked;
use super::{Api, ApiError, Problem};
use crate::model::Timestamp;
use crate::store::{AuditRow, DamagedRow};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Entries after this number; 0 for the beginning.
    after: u64,
    /// Entries about this alone, such as a decision by its id.
    object: Option<String>,
    /// Entries on the page; at most `page_max`.
    limit: Option<u32>,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AuditLine {
    Entry(LoggedEntry),
    Damaged(DamagedEntry),
}

/// An entry that is there and cannot be read, for somebody changed it: `picket audit verify` says more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DamagedEntry {
    pub seq: u64,
    /// What is wrong with it.
    pub damaged: String,
}

/// One entry of the log. Ids and digests only.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LoggedEntry {
    /// From 1, without gaps.
    pub seq: u64,
    pub at: Timestamp,
    /// A key's id, or `system`.
    pub actor: String,
    pub role: String,
    pub what: String,
    pub object: String,
    #[schema(value_type = Object)]
    pub facts: Value,
    /// RFC 6962: SHA-256 of a zero byte and the entry.
    pub leaf_hash: String,
}

/// Read the audit log
///
/// An entry that somebody changed so that it cannot be read any more is shown as damaged.
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", params(Search),
    responses((status = 200, description = "Oldest first", body = Vec<AuditLine>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Asked(search): Asked<Search>,
) -> Result<Json<Vec<AuditLine>>, ApiError> {
    let page_max = api.0.config.page_max;
    let limit = search.limit.unwrap_or(page_max).clamp(1, page_max) as usize;
    let rows = api.0.store.audit_page(search.object.as_deref(), search.after, limit).await?;
    let line = |row: Result<AuditRow, DamagedRow>| match row {
        Ok(row) => AuditLine::Entry(LoggedEntry {
            seq: row.seq,
            at: row.at,
            actor: row.actor,
            role: row.role,
            what: row.what,
            object: row.object,
            facts: row.facts,
            leaf_hash: hex::encode(row.leaf_hash),
        }),
        Err(DamagedRow { seq, detail }) => {
            AuditLine::Damaged(DamagedEntry { seq, damaged: detail })
        }
    };
    Ok(Json(rows.into_iter().map(line).collect()))
}

/// Sign the audit log as it is now
///
/// A checkpoint as <https://c2sp.org/tlog-checkpoint> has it: how many entries there are, the root of the tree
/// over them, and the host's signature. Keep it elsewhere: the log can be held to it for ever.
#[utoipa::path(
    get, path = "/v1/audit/checkpoint", tag = "audit",
    responses(
        (status = 200, description = "The checkpoint", body = String, content_type = "text/plain"),
        (status = 409, description = "The log is not the continuation of what was signed", body = Problem),
    )
)]
pub(super) async fn checkpoint(State(api): State<Api>) -> Result<impl IntoResponse, ApiError> {
    Ok(as_text(api.0.checkpoints.sign().await?.note))
}

fn as_text(text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}
