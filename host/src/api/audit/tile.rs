//! The log in pieces, at the paths of <https://c2sp.org/tlog-tiles> under `/v1/audit`: what an auditor
//! needs to look through it without trusting this server.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;

use super::super::{Api, ApiError, Problem};
use crate::audit::Tile;

/// A piece has been served for ever when it is served once. Behind a key, so not for caches of many.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// Read the hashes or entries of the audit log
///
/// As tlog-tiles has them: `tile/0/x001/067` is a tile of hashes of level 0, `tile/entries/000.p/17` a bundle
/// of entries, each after its length in two bytes. With the checkpoint that is all there is to the log.
#[utoipa::path(
    get, path = "/v1/audit/tile/{level}/{index}", tag = "audit",
    params(
        ("level" = String, Path, description = "0 to 7, or `entries`"),
        ("index" = String, Path, description = "Such as `x001/067` or, where it is not full, `000.p/17`"),
    ),
    responses(
        (status = 200, description = "Hashes of 32 bytes, or entries", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "No such path, or the log does not reach it yet", body = Problem),
    )
)]
pub(in crate::api) async fn get(
    State(api): State<Api>,
    Path((level, index)): Path<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let tile = Tile::parse(&format!("{level}/{index}"))
        .map_err(|error| ApiError::absent(error.to_string()))?;
    let bytes = api.0.store.audit_tile(tile).await?;
    let bytes = bytes
        .ok_or_else(|| ApiError::absent(format!("the audit log does not reach {tile} yet")))?;
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, FOR_EVER)];
    Ok((headers, bytes))
}
