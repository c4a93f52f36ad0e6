//! Trials: what a policy in shadow or canary would have decided.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Asked, Caller};
use super::super::{Api, ApiError, Problem};
use super::{PolicyStatus, find};
use crate::model::{PolicyDifference, PolicyRef, PolicyTrial};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Which {
    /// Differing decisions to show, the newest first; at most `page_max`.
    limit: Option<u32>,
}

/// What a policy on trial would have decided, beside what the active one says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyCompared {
    #[serde(flatten)]
    pub status: PolicyStatus,
    /// The policy that decides about the same source; `null` where none does.
    pub active: Option<PolicyRef>,
    /// All of this in a sentence.
    pub summary: String,
    /// Its trials, the latest first. A trial begins anew when another policy becomes active.
    pub trials: Vec<PolicyTrial>,
    /// Accounts that the differing decisions of the latest trial are about; of the first 10,000.
    pub subjects: u64,
    /// The newest differing decisions of the latest trial.
    pub differences: Vec<PolicyDifference>,
}

/// Read what a policy would have decided
///
/// Counted while it is in shadow or canary, on the same findings as the active one judges. What would be
/// decided is compared before strikes, which belong to a subject and not to an event.
#[utoipa::path(
    get, path = "/v1/policies/{name}/{version}/trial", tag = "policies",
    params(("name" = String, Path), ("version" = String, Path, description = "`3`, or `sha256:...`"), Which),
    responses(
        (status = 200, description = "Sums and the newest decisions that differ", body = PolicyCompared),
        (status = 404, description = "No such version of a source that the key reaches", body = Problem),
    )
)]
pub(in crate::api) async fn get(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((name, version)): Path<(String, String)>,
    Asked(which): Asked<Which>,
) -> Result<Json<PolicyCompared>, ApiError> {
    let limit = api.0.config.page_size(which.limit, 20).map_err(ApiError::malformed)?;
    let row = find(&api, &identity, &name, &version).await?;
    let active = api.0.registry.current().policy(&row.source).map(|live| live.reference());
    let store = &api.0.store;
    let trials = store.policy_trials(row.id).await?;
    let subjects = store.policy_trial_subjects(row.id).await?;
    Ok(Json(PolicyCompared {
        summary: summary(trials.first(), subjects),
        active,
        trials,
        subjects,
        differences: store.policy_differences(row.id, limit).await?,
        status: row.into(),
    }))
}

fn summary(latest: Option<&PolicyTrial>, subjects: u64) -> String {
    let Some(trial) = latest else {
        return "It was never on trial, so nothing is known of what it would decide.".to_owned();
    };
    let Some(against) = &trial.against else {
        return format!(
            "It is in {} since {}, and no policy is active beside it: nothing is judged.",
            trial.stage, trial.since
        );
    };
    let against = format!("{} {}", against.name, against.version);
    if trial.events == 0 {
        return format!(
            "In {} since {} beside {against} it judged no event yet.",
            trial.stage, trial.since
        );
    }
    let changed = match trial.differing() {
        0 => "no decision differs".to_owned(),
        differ => format!(
            "{} of {} ({} stricter, {} milder, {} of another tier alone)",
            counted(differ, "decision differs", "decisions differ"),
            counted(subjects, "account", "accounts"),
            trial.stricter,
            trial.milder,
            trial.retiered
        ),
    };
    format!(
        "In {} since {} beside {against} it judged {}: {changed}. It asks for {}, which adds {} and spares {}.",
        trial.stage,
        trial.since,
        counted(trial.events, "event", "events"),
        counted(trial.reviews, "review", "reviews"),
        trial.reviews_added,
        trial.reviews_spared
    )
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, Stage, Timestamp};

    #[test]
    fn a_trial_is_summed_up_in_a_sentence() {
        assert!(summary(None, 0).contains("never on trial"));
        let mut trial = PolicyTrial {
            stage: Stage::Shadow,
            since: Timestamp::from_micros(0),
            against: None,
            events: 0,
            decided: 0,
            stricter: 0,
            milder: 0,
            retiered: 0,
            reviews: 0,
            reviews_added: 0,
            reviews_spared: 0,
        };
        assert!(summary(Some(&trial), 0).contains("nothing is judged"));
        let against = PolicyRef { name: "market".into(), version: 3, digest: Digest::of(b"") };
        trial.against = Some(against);
        assert!(summary(Some(&trial), 0).contains("beside market 3 it judged no event yet"));
        trial.events = 200;
        assert!(
            summary(Some(&trial), 0).contains("200 events: no decision differs. It asks for 0")
        );
        (trial.stricter, trial.milder, trial.reviews, trial.reviews_added) = (2, 1, 4, 1);
        let said = summary(Some(&trial), 1);
        let changed = "3 decisions differ of 1 account (2 stricter, 1 milder, 0 of";
        assert!(said.contains(changed), "{said}");
        assert!(said.contains("asks for 4 reviews, which adds 1 and spares 0"), "{said}");
    }
}
