//! The policies of a source: which one decides about a subject, and which are compared with the active one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Cohort;
use crate::model::{PolicyRef, Stage};
use crate::policy::{Known, Policy};
use crate::store::{Origin, PolicyDeployment};

/// A policy that judges.
pub struct LivePolicy {
    /// The row that it stands for.
    pub deployment: i64,
    pub policy: Policy,
    /// Numbered by the store.
    pub version: u32,
    pub stage: Stage,
    /// Of a canary: for which subjects it decides.
    pub cohort: Option<Cohort>,
    pub origin: Origin,
}

/// The policies of one source. There are none where none is active: nobody decides then, and what is on
/// trial has nothing to be compared with.
pub struct Judges {
    active: Arc<LivePolicy>,
    /// The canary first, then those in shadow by age.
    on_trial: Vec<Arc<LivePolicy>>,
}

impl LivePolicy {
    pub fn reference(&self) -> PolicyRef {
        PolicyRef {
            name: self.policy.name().to_owned(),
            version: self.version,
            digest: self.policy.digest(),
        }
    }
}

impl Judges {
    pub fn active(&self) -> &Arc<LivePolicy> {
        &self.active
    }

    /// Each judges every event of the source; what it says is recorded where it differs.
    pub fn on_trial(&self) -> &[Arc<LivePolicy>] {
        &self.on_trial
    }

    /// The active one, then those on trial.
    pub fn all(&self) -> impl Iterator<Item = &Arc<LivePolicy>> {
        std::iter::once(&self.active).chain(&self.on_trial)
    }

    /// The policy that decides about a subject: the canary if the subject is in its share.
    pub fn of(&self, subject: &str) -> &Arc<LivePolicy> {
        let holds = |live: &&Arc<LivePolicy>| {
            live.cohort.as_ref().is_some_and(|cohort| cohort.holds(subject))
        };
        self.on_trial.iter().find(holds).unwrap_or(&self.active)
    }
}

/// The judges of each source, from the rows that stand and their texts.
pub(super) fn judges(
    rows: Vec<(PolicyDeployment, String)>,
    known: &Known,
) -> BTreeMap<String, Judges> {
    let mut of_source: BTreeMap<String, Vec<Arc<LivePolicy>>> = BTreeMap::new();
    for (row, text) in rows {
        match Policy::compile(&text, known) {
            Ok(compiled) => {
                let live = live(&row, compiled.policy);
                of_source.entry(row.source).or_default().push(Arc::new(live));
            }
            Err(_) => tracing::error!(
                policy = row.name,
                version = row.version,
                "a policy that is deployed does not compile"
            ),
        }
    }
    let judges = of_source.into_iter().filter_map(|(source, mut policies)| {
        policies.sort_by_key(|live| (live.stage, live.deployment));
        let at = policies.iter().position(|live| live.stage == Stage::Active)?;
        let active = policies.remove(at);
        Some((source, Judges { active, on_trial: policies }))
    });
    judges.collect()
}

fn live(row: &PolicyDeployment, policy: Policy) -> LivePolicy {
    let cohort = row.share.filter(|_| row.stage == Stage::Canary);
    LivePolicy {
        deployment: row.id,
        policy,
        version: row.version,
        stage: row.stage,
        cohort: cohort.map(|share| Cohort::new(row.salt, share)),
        origin: row.origin.clone(),
    }
}
