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
use super::{decided_by, find, refused};
use crate::model::{Fault, Stage};
use crate::registry::PolicyStood;

/// A change of where a version of a policy stands.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct PolicyStageChange {
    /// `active`, `canary`, `shadow` or `retired`.
    pub stage: Stage,
    /// With `canary`: of the subjects, for which it decides. One that is in stays in while it grows.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub share: Option<f64>,
    /// Why, for the audit log.
    pub why: String,
}

/// A way back.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
pub struct PolicyRollback {
    /// Why, for the audit log.
    pub why: String,
}

/// Move a version of a policy to another stage
///
/// Promote it, take it back, retire it. Audited; the next event sees it. Of one source one version is
/// active and one a canary, and the one that stood there is retired.
#[utoipa::path(
    put, path = "/v1/policies/{name}/{version}/stage", tag = "policies",
    params(("name" = String, Path), ("version" = String, Path, description = "`3`, or `sha256:...`")),
    request_body = PolicyStageChange,
    responses(
        (status = 200, description = "It stands there", body = PolicyStood),
        (status = 404, description = "No such version of a source that the key reaches", body = Problem),
        (status = 409, description = "Somebody else moved it meanwhile", body = Problem),
        (status = 422, description = "Not a valid change, with every fault; or it may not stand there", body = Problem),
    )
)]
pub(in crate::api) async fn put(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PolicyStood>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let PolicyStageChange { stage, share, why } = change(&json).map_err(ApiError::invalid)?;
    let row = find(&api, &identity, &name, &version).await?;
    // On a task of its own: a client that leaves must not leave half of it behind.
    let work = tokio::spawn(async move {
        api.0.registry.put_policy(&row, stage, share, &why, &identity).await
    });
    let stood = work.await.map_err(|_| ApiError::internal())?;
    stood.map(Json).map_err(refused)
}

/// Go back to the policy that decided before
///
/// For the source of this policy. It decides at once, and what decides now is retired. Audited.
#[utoipa::path(
    post, path = "/v1/policies/{name}/rollback", tag = "policies",
    params(("name" = String, Path)), request_body = PolicyRollback,
    responses(
        (status = 200, description = "It decides again", body = PolicyStood),
        (status = 404, description = "No such policy of a source that the key reaches", body = Problem),
        (status = 422, description = "Nothing decided before, or it does not compile any more", body = Problem),
    )
)]
pub(in crate::api) async fn roll_back(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PolicyStood>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let PolicyRollback { why } = rollback(&json).map_err(ApiError::invalid)?;
    let source = decided_by(&api, &identity, &name).await?;
    let work =
        tokio::spawn(
            async move { api.0.registry.roll_back_policy(&source, &why, &identity).await },
        );
    let stood = work.await.map_err(|_| ApiError::internal())?;
    stood.map(Json).map_err(refused)
}

/// Reads a change, or names every fault of it.
fn change(json: &Value) -> Result<PolicyStageChange, Vec<Fault>> {
    let mut form = Form::of(json, &["stage", "share", "why"])?;
    let stage = form.text("stage").and_then(|text| match text.parse::<Stage>() {
        Ok(stage) => Some(stage),
        Err(error) => form.fault("/stage", error),
    });
    if form.is_absent("stage") {
        form.fault::<Stage>("/stage", "missing: active, canary, shadow or retired");
    }
    let share = form.get("share").and_then(|sent| match sent.as_f64() {
        Some(share) if (0.0..=1.0).contains(&share) => Some(share),
        _ => form.fault("/share", format!("{sent} is not a share: it lies in 0..=1, such as 0.05")),
    });
    match stage {
        Some(Stage::Canary) if form.is_absent("share") => {
            let how = "missing: a canary decides for a share of the subjects, such as 0.05";
            form.fault::<f64>("/share", how);
        }
        Some(stage) if stage != Stage::Canary && share.is_some() => {
            let how = format!("only with the stage canary, not with {stage}");
            form.fault::<f64>("/share", how);
        }
        _ => {}
    }
    let why = form.why();
    form.done(stage.map(|stage| PolicyStageChange { stage, share, why }))
}

fn rollback(json: &Value) -> Result<PolicyRollback, Vec<Fault>> {
    let mut form = Form::of(json, &["why"])?;
    let why = form.why();
    form.done(Some(PolicyRollback { why }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(json: Value) -> Vec<String> {
        let faults = change(&json).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_of_a_change_is_named_at_once() {
        let all = json!({"stage": "live", "share": 2, "why": " ", "x": 1});
        assert_eq!(pointers(all), ["/x", "/stage", "/share", "/why"]);
        assert_eq!(pointers(json!({})), ["/stage", "/why"]);
        assert_eq!(pointers(json!({"stage": "canary", "why": "y"})), ["/share"]);
        assert_eq!(pointers(json!({"stage": "canary", "why": "y", "share": "5%"})), ["/share"]);
        assert_eq!(pointers(json!({"stage": "active", "why": "y", "share": 0.1})), ["/share"]);
        assert_eq!(pointers(json!([])), [""]);
        assert!(rollback(&json!({"why": ""})).is_err());
        let good = change(&json!({"stage": "canary", "share": 0.05, "why": "y"})).unwrap();
        assert_eq!((good.stage, good.share, &*good.why), (Stage::Canary, Some(0.05), "y"));
    }
}
