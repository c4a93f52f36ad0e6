//! `/v1/keys`: who may call. Keys are made by `picket key create`, which shows them once.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::request::Caller;
use super::{Api, ApiError, Problem};
use crate::model::{KeyId, Role, Timestamp};

/// A key, without what is secret about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Key {
    pub id: KeyId,
    pub role: Role,
    /// `null` for every source.
    pub source: Option<String>,
    pub name: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// List keys
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys",
    responses((status = 200, description = "Every key, revoked ones included", body = Vec<Key>))
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Vec<Key>>, ApiError> {
    let rows = api.0.store.keys().await?.into_iter();
    let key = rows.map(|row| Key {
        id: row.identity.key,
        role: row.identity.role,
        source: row.identity.source,
        name: row.identity.name,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
    });
    Ok(Json(key.collect()))
}

/// Revoke a key
///
/// It works no longer than a second more.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses(
        (status = 204, description = "Revoked"),
        (status = 404, description = "No such key", body = Problem),
    )
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id: KeyId = id.parse().map_err(|_| ApiError::absent(format!("there is no key `{id}`")))?;
    api.0.store.revoke_key(id, Some(&identity)).await?;
    Ok(StatusCode::NO_CONTENT)
}
