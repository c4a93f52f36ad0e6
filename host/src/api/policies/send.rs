//! Sending a policy: it is compiled by the compiler that takes the folder's, and lands in shadow.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::request::{Asked, Caller, read_body, unexplained};
use super::super::{Api, ApiError, Problem};
use super::refused;
use crate::model::manifest::is_name;
use crate::model::{Fault, Landing};
use crate::registry::{PolicyTaken, SentPolicy};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Sending {
    /// `shadow` unless given; `active` decides at once, in the place of what decided.
    #[param(inline)]
    stage: Option<Landing>,
    /// Why, for the audit log; asked for.
    why: String,
}

/// Send a policy
///
/// The body is the TOML document. It is compiled, numbered and put beside what decides: in shadow it
/// judges every event of its source and decides nothing, and what it would have decided is kept. Every
/// fault comes back with its line, column and hint.
#[utoipa::path(
    put, path = "/v1/policies/{name}", tag = "policies", params(("name" = String, Path), Sending),
    request_body(content = String, content_type = "application/toml"),
    responses(
        (status = 201, description = "It stands there; the next event sees it", body = PolicyTaken),
        (status = 200, description = "All was so already", body = PolicyTaken),
        (status = 403, description = "Of another source, or not without a trial", body = Problem),
        (status = 422, description = "Refused, with every fault; nothing has changed", body = Problem),
    )
)]
pub(in crate::api) async fn put(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(name): Path<String>,
    Asked(sending): Asked<Sending>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let mut faults = Vec::new();
    if !is_name(&name) {
        faults.push(Fault::new("/name", format!("`{name}` is not lower-case words joined by `-`")));
    }
    faults.extend(unexplained(&sending.why));
    if !faults.is_empty() {
        return Err(ApiError::invalid(faults));
    }
    let bytes = read_body(&api, &headers, body).await?;
    let text = String::from_utf8(bytes.into())
        .map_err(|_| ApiError::malformed("the body is not UTF-8 text; send the TOML document"))?;
    let stage = sending.stage.unwrap_or(Landing::Shadow);
    let sent = SentPolicy { name, text, stage, why: sending.why };
    // On a task of its own: a client that leaves must not leave half of it behind.
    let work = tokio::spawn(async move { api.0.registry.send_policy(&sent, &identity).await });
    let taken: PolicyTaken = work.await.map_err(|_| ApiError::internal())?.map_err(refused)?;
    let status = if taken.changed { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(taken)).into_response())
}
