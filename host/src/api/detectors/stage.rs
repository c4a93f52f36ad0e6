//! Where a version stands: promoted, demoted, retired, rolled back, by whom and why.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::form::Form;
use super::super::request::{Caller, parse_json, read_body};
use super::super::{Api, ApiError, Problem};
use super::source_of;
use crate::model::{Canary, Fault, Stage};
use crate::registry::{Standing, Stood};

/// A change of where a version stands.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct StageChange {
    /// `active`, `canary`, `shadow` or `retired`.
    pub stage: Stage,
    /// The only source that it is about; every one unless the key is bound to one.
    pub source: Option<String>,
    /// Why, for the audit log.
    pub why: String,
    /// With `canary`: the share of the subjects, and what takes it back to shadow.
    pub canary: Option<Canary>,
}

/// A way back.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct Rollback {
    /// The only source that it is about; every one unless the key is bound to one.
    pub source: Option<String>,
    /// Why, for the audit log.
    pub why: String,
}

/// Move a version to another stage
///
/// Promote it, take it back, retire it. Audited; the next event sees it. What stood there is retired.
#[utoipa::path(
    put, path = "/v1/detectors/{name}/versions/{version}/stage", tag = "detectors",
    params(("name" = String, Path), ("version" = String, Path, description = "`1.2.0`, or `sha256:...`")),
    request_body = StageChange,
    responses(
        (status = 200, description = "It stands there", body = Stood),
        (status = 404, description = "No such version for this source", body = Problem),
        (status = 409, description = "Somebody else moved it meanwhile", body = Problem),
        (status = 422, description = "Not a valid change, with every fault; or it may not stand there", body = Problem),
    )
)]
pub(in crate::api) async fn put(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((detector, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Stood>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let change = stage_change(&json).map_err(ApiError::invalid)?;
    let source = source_of(&identity, change.source)?;
    let standing = Standing { detector, version, source };
    // On a task of its own: a client that leaves must not leave half of it behind.
    let work = tokio::spawn(async move {
        let registry = &api.0.registry;
        registry.put(&standing, change.stage, change.canary, &change.why, &identity).await
    });
    Ok(Json(work.await.map_err(|_| ApiError::internal())??))
}

/// Go back to the version that served before
///
/// It serves at once, and what serves now is retired. Audited.
#[utoipa::path(
    post, path = "/v1/detectors/{name}/rollback", tag = "detectors",
    params(("name" = String, Path)), request_body = Rollback,
    responses(
        (status = 200, description = "It serves again", body = Stood),
        (status = 404, description = "No such detector for this source", body = Problem),
        (status = 422, description = "Nothing served before, or it may not serve", body = Problem),
    )
)]
pub(in crate::api) async fn roll_back(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(detector): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Stood>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let Rollback { source, why } = rollback(&json).map_err(ApiError::invalid)?;
    let source = source_of(&identity, source)?;
    let work =
        tokio::spawn(
            async move { api.0.registry.roll_back(&detector, &source, &why, &identity).await },
        );
    Ok(Json(work.await.map_err(|_| ApiError::internal())??))
}

/// Reads a change, or names every fault of it.
fn stage_change(json: &Value) -> Result<StageChange, Vec<Fault>> {
    let mut form = Form::of(json, &["stage", "source", "why", "canary"])?;
    let stage = form.text("stage").and_then(|text| match text.parse::<Stage>() {
        Ok(stage) => Some(stage),
        Err(error) => form.fault("/stage", error),
    });
    if stage.is_none() && form.is_absent("stage") {
        form.fault::<Stage>("/stage", "missing: active, canary, shadow or retired");
    }
    let source = form.text("source");
    let why = form.why();
    let canary = canary(&mut form);
    match stage {
        Some(Stage::Canary) if form.is_absent("canary") => {
            let how =
                "missing: a canary counts for a share of the subjects, such as {\"share\": 0.05}";
            form.fault::<Canary>("/canary", how);
        }
        Some(stage) if stage != Stage::Canary && canary.is_some() => {
            form.fault::<Canary>(
                "/canary",
                format!("only with the stage canary, not with {stage}"),
            );
        }
        _ => {}
    }
    form.done(stage.map(|stage| StageChange { stage, source, why, canary }))
}

fn rollback(json: &Value) -> Result<Rollback, Vec<Fault>> {
    let mut form = Form::of(json, &["source", "why"])?;
    let (source, why) = (form.text("source"), form.why());
    form.done(Some(Rollback { source, why }))
}

fn canary(form: &mut Form<'_>) -> Option<Canary> {
    let canary: Canary = match serde_json::from_value(form.get("canary")?.clone()) {
        Ok(canary) => canary,
        Err(error) => return form.fault("/canary", error.to_string()),
    };
    match canary.check() {
        Ok(()) => Some(canary),
        Err(error) => form.fault("/canary", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(json: Value) -> Vec<String> {
        let faults = stage_change(&json).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_of_a_change_is_named_at_once() {
        let all = json!({"stage": "live", "source": 7, "why": " ", "canary": {"share": 2}, "x": 1});
        assert_eq!(pointers(all), ["/x", "/stage", "/source", "/why", "/canary"]);
        assert_eq!(pointers(json!({})), ["/stage", "/why"]);
        assert_eq!(pointers(json!({"stage": "canary", "why": "y"})), ["/canary"]);
        let early = json!({"stage": "active", "why": "y", "canary": {"share": 0.1}});
        assert_eq!(pointers(early), ["/canary"]);
        let bounds = json!({"share": 0.1, "bounds": {"failure_rate": 0.1}});
        assert_eq!(pointers(json!({"stage": "canary", "why": "y", "canary": bounds})), ["/canary"]);
        assert_eq!(pointers(json!([])), [""]);
        assert!(rollback(&json!({"why": ""})).is_err());
    }

    #[test]
    fn a_good_change_is_read_whole() {
        let json = json!({"stage": "canary", "source": "market", "why": "it is right",
            "canary": {"share": 0.05, "bounds": {"events_min": 10}}});
        let change = stage_change(&json).unwrap();
        assert_eq!((change.stage, change.source.as_deref()), (Stage::Canary, Some("market")));
        let canary = change.canary.unwrap();
        assert_eq!((canary.share, canary.bounds.events_min), (0.05, 10));
    }
}
