//! `/v1/audit/proof` and `/v1/audit/consistency`: that an entry is in the log, and that the log of one
//! day is the beginning of that of another.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::Asked;
use super::super::{Api, ApiError, Problem};
use super::as_text;
use crate::audit::{Extra, Hash, Plan, Proof};
use crate::model::Fault;
use crate::store::{AuditRow, Store, StoreError};

/// Entries about one thing that are looked through for the one to prove.
const ABOUT_ONE_MAX: usize = 100;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Opening {
    /// Whether the documents that the entry commits itself to go along: they hold what is personal.
    open: bool,
}

/// Prove that an entry is in the audit log
///
/// A file as <https://c2sp.org/tlog-proof> has it, with the entry in its `extra` line. `picket audit check`
/// verifies it against the log's key alone.
#[utoipa::path(
    get, path = "/v1/audit/proof/{id}", tag = "audit",
    params(
        ("id" = String, Path, description = "A decision's id, or the number of an entry (`seq`)"),
        Opening,
    ),
    responses(
        (status = 200, description = "The proof", body = String, content_type = "text/plain"),
        (status = 404, description = "The log has no such entry", body = Problem),
        (status = 409, description = "The log is not the continuation of what was signed, or the entry, its proof or a document is damaged", body = Problem),
    )
)]
pub(in crate::api) async fn get(
    State(api): State<Api>,
    Path(id): Path<String>,
    Asked(asked): Asked<Opening>,
) -> Result<impl IntoResponse, ApiError> {
    Ok(as_text(prove(&api, &id, asked.open).await?.to_text()))
}

/// Proves the entry of this number or about this decision, of the log as it is now.
pub(in crate::api) async fn prove(api: &Api, id: &str, open: bool) -> Result<Proof, ApiError> {
    let store = &api.0.store;
    let entry = find(store, id).await.map_err(damaged)?;
    let entry = entry.ok_or_else(|| ApiError::absent(format!("the audit log has no `{id}`")))?;
    let checkpoint = api.0.checkpoints.sign().await?;
    let index = entry.seq - 1;
    let plan = Plan::inclusion(index, checkpoint.head.size);
    let plan = plan.ok_or_else(|| ApiError::absent(format!("`{id}` is not in the tree")))?;
    let opened = match open {
        true => store.audit_documents(&entry).await.map_err(damaged)?,
        false => Default::default(),
    };
    Ok(Proof {
        index,
        hashes: store.audit_proof(&plan).await.map_err(damaged)?,
        note: checkpoint.note,
        extra: Extra {
            entry: String::from_utf8(entry.leaf).map_err(|_| ApiError::internal())?,
            opened: opened.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        },
    })
}

/// What does not open or read any more is not what was logged, and an auditor wants to know that.
fn damaged(error: StoreError) -> ApiError {
    match error {
        StoreError::Damaged { .. } => {
            ApiError::conflict("audit-document-damaged", "Record changed", error.to_string())
        }
        error => error.into(),
    }
}

/// The entry of a number, or about a decision: that it was made, before anything else.
async fn find(store: &Store, id: &str) -> Result<Option<AuditRow>, StoreError> {
    if let Ok(seq) = id.parse::<u64>() {
        let rows = store.audit_entries(seq.saturating_sub(1), 1).await?;
        return Ok(rows.into_iter().find(|row| row.seq == seq));
    }
    let mut rows = store.audit_entries_of(id, 0, ABOUT_ONE_MAX).await?;
    let decided = rows.iter().position(|row| row.what == "decision").unwrap_or_default();
    Ok((decided < rows.len()).then(|| rows.swap_remove(decided)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Sizes {
    /// Entries that the log had.
    old: u64,
    /// Entries that it had later, up to those that it has.
    new: u64,
}

/// That the first entries of the log are those that it had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consistency {
    pub old: u64,
    pub new: u64,
    /// Hashes in base64, as RFC 6962 has them in section 2.1.2.
    pub hashes: Vec<String>,
}

/// Prove that the audit log of one size is the beginning of that of another
///
/// Whoever has the checkpoints of both sizes can verify it.
#[utoipa::path(
    get, path = "/v1/audit/consistency", tag = "audit", params(Sizes),
    responses(
        (status = 200, description = "The proof", body = Consistency),
        (status = 422, description = "Sizes that the log has not had", body = Problem),
    )
)]
pub(in crate::api) async fn consistency(
    State(api): State<Api>,
    Asked(Sizes { old, new }): Asked<Sizes>,
) -> Result<Json<Consistency>, ApiError> {
    let size = api.0.store.audit_head().await?.size;
    let plan = Plan::consistency(old, new).filter(|_| new <= size).ok_or_else(|| {
        let detail = format!("sizes ascend, up to {size}: the log has so many entries");
        ApiError::invalid(vec![Fault::new("", detail)])
    })?;
    let hashes = api.0.store.audit_proof(&plan).await?;
    let hashes = hashes.iter().map(|hash: &Hash| STANDARD.encode(hash)).collect();
    Ok(Json(Consistency { old, new, hashes }))
}
