//! `/v1/reversals`: all that a version of a detector or of a policy caused, overturned in one act.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::form::Form;
use super::request::{Asked, Caller, parse_json, read_body};
use super::{Api, ApiError, Problem};
use crate::auth::reaches;
use crate::model::{
    Cause, CauseKind, Fault, Identity, Reversal, ReversalPreview, Timestamp, Wrong,
};

/// What is to be overturned, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ReversalRequest {
    #[serde(flatten)]
    pub wrong: Wrong,
    /// Why, for the audit log and whoever looks at one of the decisions later. Not needed for a preview.
    pub why: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// Reversals on the page; at most `page_max`.
    limit: Option<u32>,
}

/// See what a reversal would do
///
/// Nothing is changed. It looks at the first 5,000 decisions that enforced something.
#[utoipa::path(
    post, path = "/v1/reversals/preview", tag = "decisions", request_body = Wrong,
    responses(
        (status = 200, description = "What would be overturned", body = ReversalPreview),
        (status = 404, description = "No source that the key reaches", body = Problem),
        (status = 422, description = "Not a valid request, with every fault", body = Problem),
    )
)]
pub(super) async fn preview(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ReversalPreview>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let wrong = wrong(&api, &identity, &json, false).await?.wrong;
    Ok(Json(api.0.reverser.preview(&wrong).await?))
}

/// Overturn all that a version caused
///
/// Of a detector's version: the decisions that would be milder if it had found nothing. Of a policy's: all that it
/// made. Each is overturned as by `PUT /v1/decisions/{id}/ruling`: strikes count no more, restrictions end,
/// platforms that were told are told to lift it. What people have ruled on stays as they said. It goes on by itself,
/// also after a restart; asked for twice it changes nothing more. Take the version out of service first.
#[utoipa::path(
    post, path = "/v1/reversals", tag = "decisions", request_body = ReversalRequest,
    responses(
        (status = 202, description = "Under way", body = Reversal),
        (status = 404, description = "No source that the key reaches", body = Problem),
        (status = 422, description = "Not a valid request, with every fault", body = Problem),
    )
)]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Reversal>), ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let ReversalRequest { wrong, why } = wrong(&api, &identity, &json, true).await?;
    let reversal = api.0.reverser.begin(&wrong, &why, &identity).await?;
    Ok((StatusCode::ACCEPTED, Json(reversal)))
}

/// List reversals
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/reversals", tag = "decisions", params(Search),
    responses((status = 200, description = "Of the sources that the key reaches", body = Vec<Reversal>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
    Asked(search): Asked<Search>,
) -> Result<Json<Vec<Reversal>>, ApiError> {
    let limit = api.0.config.page_size(search.limit, 50).map_err(ApiError::malformed)?;
    Ok(Json(api.0.store.reversals(identity.source.as_deref(), limit).await?))
}

/// Read a reversal
#[utoipa::path(
    get, path = "/v1/reversals/{id}", tag = "decisions", params(("id" = String, Path)),
    responses(
        (status = 200, description = "How far it has come", body = Reversal),
        (status = 404, description = "No reversal of this id", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
) -> Result<Json<Reversal>, ApiError> {
    let found = api.0.store.reversal(&id).await?;
    let found = found.filter(|reversal| reaches(&identity, &reversal.wrong.source));
    found.map(Json).ok_or_else(|| ApiError::absent(format!("there is no reversal `{id}`")))
}

/// What was asked for, of a source that there is and the key reaches.
async fn wrong(
    api: &Api,
    identity: &Identity,
    json: &Value,
    explained: bool,
) -> Result<ReversalRequest, ApiError> {
    let request = read(json, explained, Timestamp::now()).map_err(ApiError::invalid)?;
    let source = &request.wrong.source;
    let known = api.0.store.sources().await?.iter().any(|row| row.source == *source);
    match known && reaches(identity, source) {
        true => Ok(request),
        false => Err(ApiError::absent(format!("there is no source `{source}`"))),
    }
}

fn read(json: &Value, explained: bool, now: Timestamp) -> Result<ReversalRequest, Vec<Fault>> {
    const KNOWN: [&str; 5] = ["source", "cause", "since", "until", "why"];
    let known = if explained { &KNOWN[..] } else { &KNOWN[..4] };
    let mut form = Form::of(json, known)?;
    let source = needed(&mut form, "source", "the platform, such as \"market\"");
    let cause = match form.get("cause") {
        Some(sent) => match cause(sent) {
            Ok(cause) => Some(cause),
            Err((pointer, detail)) => form.fault(&pointer, detail),
        },
        None => form.fault(
            "/cause",
            "say what was wrong: {\"kind\": \"detector\", \"name\": \"contact-phone\", \"version\": \"1.3.0\"}",
        ),
    };
    let since = time(&mut form, "since");
    let until = match form.is_absent("until") {
        true => Some(now),
        false => time(&mut form, "until").map(|until| until.min(now)),
    };
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        form.fault::<()>("/since", "it is not before `until`, so nothing lies between them");
    }
    let why = if explained { form.why() } else { String::new() };
    let wrong = (|| Some(Wrong { source: source?, cause: cause?, since: since?, until: until? }))();
    form.done(wrong.map(|wrong| ReversalRequest { wrong, why }))
}

fn needed(form: &mut Form<'_>, key: &str, hint: &str) -> Option<String> {
    match form.is_absent(key) {
        true => form.fault(&format!("/{key}"), format!("missing: {hint}")),
        false => form.text(key),
    }
}

fn time(form: &mut Form<'_>, key: &str) -> Option<Timestamp> {
    let text = needed(form, key, "a time such as 2026-09-01T00:00:00Z")?;
    match Timestamp::parse(&text) {
        Ok(time) => Some(time),
        Err(error) => form.fault(&format!("/{key}"), error.to_string()),
    }
}

fn cause(sent: &Value) -> Result<Cause, (String, String)> {
    let text = |key: &str| match &sent[key] {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        // A policy's versions are numbers.
        Value::Number(number) if key == "version" => Ok(number.to_string()),
        _ => Err((format!("/cause/{key}"), "missing: a text".to_owned())),
    };
    let kind: CauseKind =
        text("kind")?.parse().map_err(|error| ("/cause/kind".to_owned(), error))?;
    Ok(Cause { kind, name: text("name")?, version: text("version")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pointers(json: Value) -> Vec<String> {
        let now = Timestamp::parse("2026-09-02T00:00:00Z").unwrap();
        let faults = read(&json, true, now).err().unwrap_or_default();
        faults.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn every_fault_is_named_at_once() {
        assert_eq!(pointers(json!({})), ["/source", "/cause", "/since", "/why"]);
        let good = json!({
            "source": "market", "cause": {"kind": "policy", "name": "market", "version": 4},
            "since": "2026-09-01T00:00:00Z", "why": "it was wrong",
        });
        let now = Timestamp::parse("2026-09-02T00:00:00Z").unwrap();
        let request = read(&good, true, now).unwrap();
        assert_eq!((request.wrong.until, &*request.wrong.cause.version), (now, "4"));
        for (pointer, value, at) in [
            ("/cause", json!({"kind": "weather"}), "/cause/kind"),
            ("/cause", json!({"kind": "policy", "name": ""}), "/cause/name"),
            ("/cause", json!({"kind": "policy", "name": "m", "version": null}), "/cause/version"),
            ("/since", json!("yesterday"), "/since"),
            ("/since", json!("2026-09-03T00:00:00Z"), "/since"),
            ("/why", json!(" "), "/why"),
        ] {
            let mut faulty = good.clone();
            *faulty.pointer_mut(pointer).unwrap() = value;
            assert_eq!(pointers(faulty), [at]);
        }
        assert!(read(&good, false, now).is_err(), "a preview takes no reason");
    }
}
