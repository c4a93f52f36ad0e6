//! `/v1/subjects/{source}/{subject}`: how an account stands; `/v1/restrictions/check`: whether accounts may
//! do something now.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::{Caller, parse_json, read_body};
use super::subjects::reach;
use super::{Api, ApiError, Problem};
use crate::model::profile::{Permission, Profile};
use crate::model::{Fault, Mode, Timestamp};
use crate::policy::CONDUCT_MAX;

const HISTORY_MAX: usize = 50;
const STRIKES_MAX: usize = 100;
/// Subjects that one request may ask for.
const CHECKED_MAX: usize = 1_000;

/// Whom to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub source: String,
    /// 1 to 1,000.
    pub subjects: Vec<String>,
    /// What they want to do, as the type of the event that it would be. An account may do whatever the
    /// policy that speaks for it does not judge, and an exempt one anything. Unless named, anything that it judges.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// Who may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    pub source: String,
    /// In shadow mode everybody may.
    pub mode: Mode,
    /// The moment for which it is true.
    pub at: Timestamp,
    /// In the order in which they were asked for.
    pub results: Vec<Permission>,
}

/// Read how an account stands
///
/// Risk, strikes, restrictions in force, and what was decided last. Of whom nothing is known there is an
/// empty one.
#[utoipa::path(
    get, path = "/v1/subjects/{source}/{subject}", tag = "subjects",
    params(("source" = String, Path), ("subject" = String, Path)),
    responses(
        (status = 200, description = "As it stands now", body = Profile),
        (status = 403, description = "Another source than the key's", body = Problem),
        (status = 404, description = "No policy speaks for the source", body = Problem),
    )
)]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((source, subject)): Path<(String, String)>,
) -> Result<Json<Profile>, ApiError> {
    reach(&identity, &source)?;
    let snapshot = api.0.registry.current();
    let judges = snapshot.judges(&source).ok_or_else(|| unspoken(&source))?;
    let (store, mode, now) = (&api.0.store, snapshot.mode(&source), Timestamp::now());
    let (standing, strikes, mut history) = tokio::try_join!(
        store.standing(&source, &subject, mode, now),
        store.strikes(&source, &subject, mode, now, STRIKES_MAX),
        store.conduct(&source, &subject, CONDUCT_MAX),
    )?;
    let risk = judges.of(&subject).policy.risk(&history, now);
    history.truncate(HISTORY_MAX);
    let restrictions = standing.restrictions;
    Ok(Json(Profile { source, subject, mode, risk, strikes, restrictions, history }))
}

/// Ask whether accounts may do something now
///
/// Restrictions end by themselves, to the moment.
#[utoipa::path(
    post, path = "/v1/restrictions/check", tag = "subjects", request_body = Check,
    responses(
        (status = 200, description = "Who may, in the order of the question", body = Checked),
        (status = 403, description = "Another source than the key's", body = Problem),
        (status = 404, description = "No policy speaks for the source", body = Problem),
        (status = 422, description = "Nobody, or too many, is asked for", body = Problem),
    )
)]
pub(super) async fn check(
    State(api): State<Api>,
    Caller(identity): Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Checked>, ApiError> {
    let json = parse_json(&read_body(&api, &headers, body).await?)?;
    let Check { source, subjects, kind } = serde_json::from_value(json)
        .map_err(|error| ApiError::invalid(vec![Fault::new("", error.to_string())]))?;
    if !(1..=CHECKED_MAX).contains(&subjects.len()) {
        let detail = format!("ask for 1 to {CHECKED_MAX} subjects, not {}", subjects.len());
        return Err(ApiError::invalid(vec![Fault::new("/subjects", detail)]));
    }
    reach(&identity, &source)?;
    let snapshot = api.0.registry.current();
    let judges = snapshot.judges(&source).ok_or_else(|| unspoken(&source))?;
    let (mode, at) = (snapshot.mode(&source), Timestamp::now());
    let names: Vec<&str> = subjects.iter().map(String::as_str).collect();
    let in_force = match mode == Mode::Active {
        true => api.0.store.restrictions_in_force(&source, &names, mode, at).await?,
        false => Vec::new(),
    };
    let mut in_force = in_force.into_iter();
    let results = subjects.into_iter().map(|subject| {
        let policy = &judges.of(&subject).policy;
        let judged = kind.as_ref().is_none_or(|kind| policy.judges(kind));
        let concerned = judged && policy.exemption(&subject, at).is_none();
        let restrictions = in_force.next().filter(|_| concerned).unwrap_or_default();
        Permission { subject, allowed: restrictions.is_empty(), restrictions }
    });
    Ok(Json(Checked { source, mode, at, results: results.collect() }))
}

fn unspoken(source: &str) -> ApiError {
    ApiError::absent(format!("no policy speaks for the source `{source}`"))
}
