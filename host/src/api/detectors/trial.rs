//! Trials: what a version in shadow or canary would have changed.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::request::{Asked, Caller};
use super::super::{Api, ApiError, Problem};
use super::source_of;
use crate::model::{Canary, Cost, Digest, Stage, Trial, TrialDifference};
use crate::registry::{Standing, build_of};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct Which {
    /// The source for which it stands; every one unless the key is bound to one.
    source: Option<String>,
    /// Differing decisions to show, the newest first; at most `page_max`.
    limit: Option<u32>,
}

/// What a version on trial would have changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    pub detector: String,
    pub version: String,
    pub digest: Digest,
    /// `*` for every source.
    pub source: String,
    pub stage: Stage,
    pub canary: Option<Canary>,
    /// The version that is active for the same source; `null` where none is.
    pub active: Option<String>,
    /// Processor time of a run on the server that answers; `null` where it did not run there.
    pub cost: Option<Cost>,
    /// The same of the active version.
    pub active_cost: Option<Cost>,
    /// Why it may not be promoted: it answered one event in two ways.
    pub impure: Option<String>,
    /// All of this in a sentence.
    pub summary: String,
    /// Its trials, the latest first.
    pub trials: Vec<TrialSums>,
    /// Accounts that the differing decisions of the latest trial are about; of the first 10,000.
    pub subjects: u64,
    /// The newest differing decisions of the latest trial.
    pub differences: Vec<TrialDifference>,
}

/// What a version did on trial, with rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrialSums {
    #[serde(flatten)]
    pub trial: Trial,
    /// Of its runs, that failed.
    pub failure_rate: f64,
    /// Of its runs, that found something.
    pub fire_rate: f64,
    /// Processor time of a run, in microseconds.
    pub mean_micros: f64,
}

/// Read what a version would have changed
///
/// Counted while it is in shadow or canary, against the same events without it.
#[utoipa::path(
    get, path = "/v1/detectors/{name}/versions/{version}/diff", tag = "detectors",
    params(("name" = String, Path), ("version" = String, Path, description = "`1.2.0`, or `sha256:...`"), Which),
    responses(
        (status = 200, description = "Sums, rates and the newest decisions that differ", body = Diff),
        (status = 403, description = "About sources that the key does not reach", body = Problem),
        (status = 404, description = "No such version for this source", body = Problem),
    )
)]
pub(in crate::api) async fn diff(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path((detector, version)): Path<(String, String)>,
    Asked(which): Asked<Which>,
) -> Result<Json<Diff>, ApiError> {
    let limit = api.0.config.page_size(which.limit, 20).map_err(ApiError::malformed)?;
    let source = source_of(&identity, which.source)?;
    let registry = &api.0.registry;
    let row = registry.standing(&Standing { detector, version, source }).await?;
    let rows = registry.of_detector(&row.detector, &row.source).await?;
    let active = rows.iter().find(|row| row.stage == Stage::Active);
    let cost =
        |row| api.0.engine.vitals(&build_of(row)).filter(|it| it.calls > 0).map(|it| it.cost);
    let store = &api.0.store;
    let trials: Vec<_> = store.trials(row.id).await?.into_iter().map(sums).collect();
    let subjects = store.trial_subjects(row.id).await?;
    Ok(Json(Diff {
        summary: summary(trials.first(), subjects),
        active: active.map(|row| row.manifest.version.to_string()),
        cost: cost(&row),
        active_cost: active.and_then(cost),
        version: row.manifest.version.to_string(),
        digest: row.digest,
        stage: row.stage,
        canary: row.canary,
        impure: row.impure,
        trials,
        subjects,
        differences: store.trial_differences(row.id, limit).await?,
        detector: row.detector,
        source: row.source,
    }))
}

pub(super) fn sums(trial: Trial) -> TrialSums {
    TrialSums {
        failure_rate: trial.failure_rate(),
        fire_rate: trial.fire_rate(),
        mean_micros: trial.mean_micros(),
        trial,
    }
}

fn summary(latest: Option<&TrialSums>, subjects: u64) -> String {
    let Some(sums) = latest else {
        return "It was never on trial, so nothing is known of what it would change.".to_owned();
    };
    let trial = &sums.trial;
    if trial.events == 0 {
        return format!("It is in {} since {} and saw no event yet.", trial.stage, trial.since);
    }
    let differ = trial.stricter + trial.milder + trial.retiered;
    let changed = match differ {
        0 => "no decision differs".to_owned(),
        _ => format!(
            "{} of {} ({} stricter, {} milder, {} of another tier alone), which adds {} and spares {}",
            counted(differ, "decision differs", "decisions differ"),
            counted(subjects, "account", "accounts"),
            trial.stricter,
            trial.milder,
            trial.retiered,
            counted(trial.reviews_added, "review", "reviews"),
            trial.reviews_spared
        ),
    };
    format!(
        "In {} since {} it saw {}: {changed}. {:.2}% of its runs failed, {:.1}% found something, and one took {:.0} µs on average.",
        trial.stage,
        trial.since,
        counted(trial.events, "event", "events"),
        sums.failure_rate * 100.0,
        sums.fire_rate * 100.0,
        sums.mean_micros
    )
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn a_trial_is_summed_up_in_a_sentence() {
        assert!(summary(None, 0).contains("never on trial"));
        let mut trial = Trial {
            stage: Stage::Shadow,
            since: Timestamp::from_micros(0),
            events: 0,
            counted: 0,
            failures: 0,
            fired: 0,
            micros: 0,
            micros_max: 0,
            stricter: 0,
            milder: 0,
            retiered: 0,
            reviews_added: 0,
            reviews_spared: 0,
            ruled: 0,
            overturned: 0,
        };
        assert!(summary(Some(&sums(trial.clone())), 0).contains("no event yet"));
        (trial.events, trial.fired, trial.micros) = (200, 8, 2_400);
        assert!(summary(Some(&sums(trial.clone())), 0).contains("no decision differs. 0.00%"));
        (trial.stricter, trial.milder, trial.reviews_added) = (2, 1, 1);
        let said = summary(Some(&sums(trial)), 1);
        let changed = "saw 200 events: 3 decisions differ of 1 account (2 stricter, 1 milder, 0 of";
        assert!(said.contains(changed), "{said}");
        assert!(said.contains("adds 1 review and spares 0"), "{said}");
        assert!(said.contains("4.0% found something, and one took 12 µs"), "{said}");
    }
}
