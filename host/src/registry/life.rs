//! The life of a version: promotion, going back, quarantine. Every step is a row, audited, and in
//! the next snapshot before the call returns.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::code::Code;
use super::refresh::build_of;
use super::{Refused, Registry};
use crate::model::{Build, Canary, Digest, Identity, Stage};
use crate::store::{Deployment, EVERY_SOURCE, Move, StoreError};

/// Which version, for which source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub detector: String,
    /// A version, or the digest of a file.
    pub version: String,
    /// [`crate::store::EVERY_SOURCE`], or one.
    pub source: String,
}

/// Where a version stands after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Stood {
    pub detector: String,
    pub version: String,
    pub digest: Digest,
    pub source: String,
    pub from: Stage,
    pub to: Stage,
    pub generation: u64,
}

impl Registry {
    /// Puts a version at a stage, because a person says so.
    ///
    /// # Errors
    /// Why it may not stand there; then nothing has changed.
    pub async fn put(
        &self,
        standing: &Standing,
        to: Stage,
        canary: Option<Canary>,
        why: &str,
        who: &Identity,
    ) -> Result<Stood, Refused> {
        let row = self.standing(standing).await?;
        if to == Stage::Quarantined {
            return Err(Refused::Stage(
                "a version comes into quarantine by failing; take it back with shadow or retired"
                    .to_owned(),
            ));
        }
        if to == row.stage && to != Stage::Canary {
            let version = &row.manifest.version;
            return Err(Refused::Stage(format!("{} {version} is {to} already", row.detector)));
        }
        if matches!(to, Stage::Active | Stage::Canary) {
            self.may_count(&row, Some(who))?;
        }
        // Held until it is part of a snapshot.
        let _code = match to.is_live() {
            true => Some(self.loads(&row).await?),
            false => None,
        };
        let what = match (row.stage, to) {
            (_, Stage::Retired) => "detector.retired",
            (Stage::Canary, Stage::Canary) => "detector.canary_changed",
            (from, to) if to < from => "detector.promoted",
            _ => "detector.demoted",
        };
        self.step(&row, to, canary, what, why, false, Some(who)).await
    }

    /// Goes back to the version that served last before the one that serves.
    ///
    /// # Errors
    /// Where there is none, or it may not serve.
    pub async fn roll_back(
        &self,
        detector: &str,
        source: &str,
        why: &str,
        who: &Identity,
    ) -> Result<Stood, Refused> {
        let rows = self.of_detector(detector, source).await?;
        let good = last_good(rows.iter()).ok_or_else(|| {
            let whom = if source == EVERY_SOURCE { "every source" } else { source };
            Refused::Stage(match served(rows.iter()).max_by_key(|row| row.served_at) {
                None => format!(
                    "no earlier version of {detector} served {whom} and was replaced; one that was \
                     retired by hand is chosen with `picket detector promote`"
                ),
                Some(row) => format!(
                    "{detector} {}, which served {whom} before, is not pure, and no other did",
                    row.manifest.version
                ),
            })
        })?;
        // It was promoted once before, so another pair of eyes has seen it.
        self.may_count(good, None)?;
        let _code = self.loads(good).await?;
        self.step(good, Stage::Active, None, "detector.rolled_back", why, false, Some(who)).await
    }

    /// Takes a version that fails out of service, and goes back to the last good one if there is any.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn quarantine(&self, build: Build, why: &str) -> Result<(), StoreError> {
        for row in self.store.deployments().await? {
            let serves = row.stage.is_live() && row.stage != Stage::Quarantined;
            if !serves || build_of(&row) != build {
                continue;
            }
            let step = Move {
                deployment: row.id,
                from: row.stage,
                to: Stage::Quarantined,
                canary: None,
                what: "detector.quarantined",
                why,
                alert: true,
            };
            self.unless_moved(self.store.move_detector(&step, None).await)?;
        }
        self.refresh().await?;
        self.fall_back_where_due().await
    }

    /// Falls back wherever a version went into quarantine and nothing serves in its place, such as where
    /// the step after that was lost by a stop of the server or a store that did not answer. Waits for no
    /// compiler: code that is not at hand is asked for, and the next call finds it.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn fall_back_where_due(&self) -> Result<(), StoreError> {
        let rows = self.store.deployments().await?;
        let mut fell = false;
        let mut held = Vec::new();
        for (failed, good) in fall_backs(&rows) {
            let Some(code) = self.at_hand(good.digest, &good.settings).await else {
                self.lacking.notify_one();
                continue;
            };
            let fit = code.prepared().map_err(Refused::from).and_then(|_| self.admit(good));
            if let Err(error) = fit {
                tracing::debug!(
                    detector = good.detector,
                    version = %good.manifest.version,
                    "the last good version cannot serve: {error}"
                );
                continue;
            }
            held.push(code);
            let step = Move {
                deployment: good.id,
                from: Stage::Retired,
                to: Stage::Active,
                canary: None,
                what: "detector.fell_back",
                why: &format!("{} failed", failed.manifest.version),
                alert: true,
            };
            fell |= self.unless_moved(self.store.move_detector(&step, None).await)?;
        }
        match fell {
            true => self.refresh().await.map(drop),
            false => Ok(()),
        }
    }

    /// Lets a version out of quarantine that answers again: to where it stood, or to shadow where
    /// another has taken its place.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn recover(&self, build: Build) -> Result<(), StoreError> {
        let rows = self.store.deployments().await?;
        for row in &rows {
            if row.stage != Stage::Quarantined || build_of(row) != build {
                continue;
            }
            let before = row.before.unwrap_or(Stage::Shadow);
            let same = |it: &&Deployment| it.source == row.source && it.detector == row.detector;
            let taken = rows.iter().filter(same).any(|it| it.stage == before);
            let watched = taken || before == Stage::Canary || row.impure.is_some();
            let to = if watched { Stage::Shadow } else { before };
            let step = Move {
                deployment: row.id,
                from: Stage::Quarantined,
                to,
                canary: None,
                what: "detector.recovered",
                why: "it answers again",
                alert: true,
            };
            self.unless_moved(self.store.move_detector(&step, None).await)?;
        }
        self.refresh().await.map(drop)
    }

    /// Takes a canary that leaves its bounds back to shadow.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn end_canary(&self, deployment: i64, why: &str) -> Result<(), StoreError> {
        let step = Move {
            deployment,
            from: Stage::Canary,
            to: Stage::Shadow,
            canary: None,
            what: "detector.canary_ended",
            why,
            alert: true,
        };
        self.unless_moved(self.store.move_detector(&step, None).await)?;
        self.refresh().await.map(drop)
    }

    /// Records that a version answered one event in two ways: it may not be promoted any more.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn mark_impure(&self, build: Build, why: &str) -> Result<(), StoreError> {
        self.store.mark_impure(build.digest, why).await.map(drop)
    }

    /// The rows of a detector for a source.
    ///
    /// # Errors
    /// Where there are none, or the store does not answer.
    pub async fn of_detector(
        &self,
        detector: &str,
        source: &str,
    ) -> Result<Vec<Deployment>, Refused> {
        let rows = self.store.deployments().await?;
        let rows: Vec<_> = rows.into_iter().filter(|row| row.detector == detector).collect();
        if rows.is_empty() {
            return Err(Refused::Absent(format!("there is no detector `{detector}`")));
        }
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.source == source);
        match here.is_empty() {
            false => Ok(here),
            true => {
                let mut sources: Vec<_> = elsewhere.into_iter().map(|row| row.source).collect();
                sources.dedup();
                Err(Refused::Absent(format!(
                    "`{detector}` is not deployed for the source `{source}`, but for {}",
                    sources.join(", ")
                )))
            }
        }
    }

    /// Every row, with the build that it stands for.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn standings(&self) -> Result<Vec<(Deployment, Build)>, StoreError> {
        let rows = self.store.deployments().await?.into_iter();
        Ok(rows
            .map(|row| {
                let build = build_of(&row);
                (row, build)
            })
            .collect())
    }

    /// The row that somebody means. Of a version with several settings, the one that stands highest.
    ///
    /// # Errors
    /// Where there is none, or the store does not answer.
    pub async fn standing(&self, standing: &Standing) -> Result<Deployment, Refused> {
        let Standing { detector, version, source } = standing;
        let rows = self.of_detector(detector, source).await?;
        let known: Vec<String> = rows.iter().map(|row| row.manifest.version.to_string()).collect();
        let named = |row: &Deployment| {
            row.manifest.version.to_string() == *version || row.digest.to_string() == *version
        };
        rows.into_iter().filter(named).min_by_key(|row| (row.stage, -row.id)).ok_or_else(|| {
            let known = known.join(", ");
            Refused::Absent(format!("there is no {detector} {version}; there is {known}"))
        })
    }

    /// Whether a version may have a say.
    fn may_count(&self, row: &Deployment, who: Option<&Identity>) -> Result<(), Refused> {
        let what = format!("{} {}", row.detector, row.manifest.version);
        if let Some(why) = &row.impure {
            return Err(Refused::Stage(format!(
                "{what} is not pure, so no decision of it could be replayed: {why}"
            )));
        }
        let uploader = row.published_by.as_deref();
        match who.filter(|_| self.rules.two_person) {
            Some(who) if uploader == Some(&who.key.to_string()) => Err(Refused::Stage(format!(
                "{what} was published with this very key, and two persons are asked for (two_person): somebody else promotes it"
            ))),
            _ => Ok(()),
        }
    }

    /// Its code, where it is ready to run: what does not load does not replace what serves. Compiles it
    /// where it is not at hand, again where it failed before: a person asks for it.
    async fn loads(&self, row: &Deployment) -> Result<Arc<Code>, Refused> {
        self.admit(row)?;
        self.shelf.forget_failed(&build_of(row));
        let code = match self.at_hand(row.digest, &row.settings).await {
            Some(code) => code,
            None => {
                let absent = || Refused::Absent(format!("the bytes of {} are gone", row.digest));
                let file = self.store.detector_bytes(row.digest).await?.ok_or_else(absent)?;
                self.make(file, &row.settings).await
            }
        };
        code.prepared()?;
        Ok(code)
    }

    #[allow(clippy::too_many_arguments, reason = "a step has that many sides")]
    async fn step(
        &self,
        row: &Deployment,
        to: Stage,
        canary: Option<Canary>,
        what: &str,
        why: &str,
        alert: bool,
        who: Option<&Identity>,
    ) -> Result<Stood, Refused> {
        let step = Move { deployment: row.id, from: row.stage, to, canary, what, why, alert };
        let generation = self.store.move_detector(&step, who).await?;
        self.refresh().await?;
        tracing::info!(
            detector = row.detector,
            version = %row.manifest.version,
            from = %row.stage,
            %to,
            why,
            "{what}"
        );
        Ok(Stood {
            detector: row.detector.clone(),
            version: row.manifest.version.to_string(),
            digest: row.digest,
            source: row.source.clone(),
            from: row.stage,
            to,
            generation,
        })
    }

    /// Whether a step was made; one that another server or a person has overtaken is no failure.
    fn unless_moved(&self, moved: Result<u64, StoreError>) -> Result<bool, StoreError> {
        match moved {
            Ok(_) => Ok(true),
            Err(StoreError::Moved { what, stage }) => {
                tracing::info!("{what} is {stage} already");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Which version is to serve in the place of which: wherever one that was active is in quarantine and
/// none is active.
pub(super) fn fall_backs(rows: &[Deployment]) -> impl Iterator<Item = (&Deployment, &Deployment)> {
    let failed = rows.iter().filter(|row| row.before == Some(Stage::Active));
    failed.filter_map(|failed| {
        let same =
            |row: &&Deployment| row.source == failed.source && row.detector == failed.detector;
        let of_detector = || rows.iter().filter(same);
        match of_detector().any(|row| row.stage == Stage::Active) {
            true => None,
            false => last_good(of_detector()).map(|good| (failed, good)),
        }
    })
}

/// Of the retired versions that served, the one that served last and answers alike each time.
fn last_good<'a>(rows: impl Iterator<Item = &'a Deployment>) -> Option<&'a Deployment> {
    served(rows).filter(|row| row.impure.is_none()).max_by_key(|row| (row.served_at, row.id))
}

fn served<'a>(rows: impl Iterator<Item = &'a Deployment>) -> impl Iterator<Item = &'a Deployment> {
    rows.filter(|row| row.stage == Stage::Retired && row.served_at.is_some())
}
