//! `/v1/policies`: what judges each source, what would like to, and the life of each version.

pub(super) mod send;
pub(super) mod stage;
pub(super) mod trial;
pub(super) mod versions;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request::Caller;
use super::{Api, ApiError};
use crate::auth::reaches;
use crate::model::{Digest, Fault, Identity, Landing, Place, Stage, Timestamp};
use crate::policy::Diagnostic;
use crate::registry::{Refusal, Refused};
use crate::store::{PolicyDeployment, SENT_POLICY};

pub use trial::PolicyCompared;
pub use versions::{PolicyDetail, PolicyVersions};

/// A version of a policy as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyStatus {
    pub name: String,
    /// Numbered by the host; the same text keeps its number.
    pub version: u32,
    /// Of the text.
    pub digest: Digest,
    pub source: String,
    pub stage: Stage,
    /// Of a canary: of the subjects, for which it decides.
    pub share: Option<f64>,
    /// `bundle`, `folder:<file>` or `api`.
    pub origin: String,
    /// The key that published it; `null`: the program or a folder.
    pub published_by: Option<String>,
    pub published_at: Timestamp,
    /// The key that moved it last, likewise.
    pub moved_by: Option<String>,
    /// Why it was last moved.
    pub why: String,
    /// When it was last made active; `null`: never, or it was gone back from.
    pub served_at: Option<Timestamp>,
    /// Since when it stands there.
    pub updated_at: Timestamp,
}

/// What stands, and the files that were refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Policies {
    /// Where a file of the folder lands. `active` is for development: nobody looks before it decides.
    pub landing: Landing,
    /// By source and stage: what decides, what is on trial, and of each source the retired one that
    /// decided last. `/v1/policies/{name}` has all versions.
    pub policies: Vec<PolicyStatus>,
    pub refused: Vec<Refusal>,
}

/// List policies
///
/// What decides about each source and what is on trial, by whom and why; and what was refused.
#[utoipa::path(
    get, path = "/v1/policies", tag = "policies",
    responses((status = 200, description = "What stands, and what was refused", body = Policies))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(identity): Caller,
) -> Result<Json<Policies>, ApiError> {
    let mut rows = api.0.store.policy_deployments().await?;
    rows.retain(|row| reaches(&identity, &row.source));
    rows.sort_by(|a, b| (&a.source, a.stage, a.id).cmp(&(&b.source, b.stage, b.id)));
    let registry = &api.0.registry;
    // What was refused may be of any source, and its faults quote it.
    let mut refused = Vec::new();
    if identity.source.is_none() {
        refused = registry.refusals("policies/").await?;
        refused.extend(registry.refusals(SENT_POLICY).await?);
    }
    let policies = rows.into_iter().map(PolicyStatus::from).collect();
    Ok(Json(Policies { landing: registry.folder_stage(), policies, refused }))
}

impl From<PolicyDeployment> for PolicyStatus {
    fn from(row: PolicyDeployment) -> Self {
        Self {
            name: row.name,
            version: row.version,
            digest: row.digest,
            source: row.source,
            stage: row.stage,
            share: row.share,
            origin: row.origin.to_string(),
            published_by: row.published_by,
            published_at: row.published_at,
            moved_by: row.moved_by,
            why: row.why,
            served_at: row.served_at,
            updated_at: row.updated_at,
        }
    }
}

/// Why a policy is refused: every fault of its text, or why it may not stand where it should.
fn refused(refused: Refused) -> ApiError {
    match refused {
        Refused::Store(_) | Refused::Absent(_) | Refused::Reach(_) | Refused::Moved(_) => {
            refused.into()
        }
        Refused::Policy { rendered, faults } => {
            ApiError::policy_refused(rendered.trim_end(), faults.iter().map(fault).collect())
        }
        refused => ApiError::policy_refused(refused.to_string(), Vec::new()),
    }
}

fn fault(found: &Diagnostic) -> Fault {
    let place = Place {
        code: found.code.to_owned(),
        severity: found.severity.as_str().to_owned(),
        line: found.line,
        column: found.column,
        width: found.width,
        hint: found.hint.clone(),
    };
    Fault { place: Some(Box::new(place)), ..Fault::new("", found.message.clone()) }
}

/// Versions of a name that are looked through for one of a source that the caller reaches: files may give
/// policies of several sources one name.
const NAMESAKES_MAX: usize = 200;

/// The source about which a policy of this name decides.
async fn decided_by(api: &Api, identity: &Identity, name: &str) -> Result<String, ApiError> {
    let newest = newest(api, identity, name).await?.source;
    let snapshot = api.0.registry.current();
    let active = snapshot.policies().filter(|live| live.policy.name() == name);
    let sources = active.map(|live| live.policy.source()).filter(|of| reaches(identity, of));
    let sources: Vec<&str> = sources.collect();
    match sources[..] {
        [] => Ok(newest),
        [source] => Ok(source.to_owned()),
        _ => {
            let detail = format!(
                "policies called `{name}` decide about several sources: {}; use a key of one of them",
                sources.join(", ")
            );
            Err(ApiError::invalid(vec![Fault::new("", detail)]))
        }
    }
}

/// The newest version of a policy of a source that the caller reaches.
async fn newest(api: &Api, identity: &Identity, name: &str) -> Result<PolicyDeployment, ApiError> {
    let rows = api.0.store.policy_versions(name, None, NAMESAKES_MAX).await?;
    let row = rows.into_iter().find(|row| reaches(identity, &row.source));
    row.ok_or_else(|| ApiError::absent(format!("there is no policy `{name}`")))
}

/// The version that a number or a digest names.
async fn find(
    api: &Api,
    identity: &Identity,
    name: &str,
    version: &str,
) -> Result<PolicyDeployment, ApiError> {
    let store = &api.0.store;
    let row = match (version.parse::<u32>(), version.parse::<Digest>()) {
        (Ok(number), _) => store.policy_version(name, number).await?,
        (_, Ok(digest)) => store.policy_of_digest(digest).await?,
        _ => None,
    };
    let named = |row: &PolicyDeployment| row.name == name && reaches(identity, &row.source);
    match row.filter(named) {
        Some(row) => Ok(row),
        None => {
            let newest = newest(api, identity, name).await?.version;
            let how = format!("there is no {name} {version}; the newest is {newest}");
            Err(ApiError::absent(how))
        }
    }
}
