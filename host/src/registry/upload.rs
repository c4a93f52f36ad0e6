//! What somebody sends, in place of what lies in a folder: the same way in, under a name and a key.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Candidate, Refused, Registry};
use crate::model::{Digest, Identity, Stage};
use crate::runtime::Prepared;
use crate::store::{EVERY_SOURCE, Published, SENT, StoreError};
use crate::telemetry::Loaded;

/// What became of a file that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Uploaded {
    pub name: String,
    pub version: String,
    /// Of the file as shipped.
    pub digest: Digest,
    /// `*` for every source.
    pub source: String,
    /// Where it stands: as high as it stood before at least.
    pub stage: Stage,
    /// The row of its deployment.
    pub deployment: i64,
    /// Of the live set that has it.
    pub generation: u64,
    /// `false`: all was so already.
    pub changed: bool,
    /// What somebody should know before it counts.
    pub warnings: Vec<String>,
}

impl Registry {
    /// Loads what somebody sent and puts it where it lands. When this returns, the next event sees it.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed but the record of that.
    pub async fn upload(&self, candidate: &Candidate, who: &Identity) -> Result<Uploaded, Refused> {
        match self.enter(candidate, who).await {
            Ok((prepared, published, generation)) => {
                self.uploaded(candidate, &prepared, published, generation).await
            }
            Err(Refused::Store(error)) => Err(Refused::Store(error)),
            Err(refused) => {
                self.refuse_upload(candidate, &refused.to_string(), who).await?;
                Err(refused)
            }
        }
    }

    /// Compiles it, and has it enter in its turn. What was so before it compiled is asked again. Returns
    /// the generation that has it.
    async fn enter(
        &self,
        candidate: &Candidate,
        who: &Identity,
    ) -> Result<(Prepared, Published, u64), Refused> {
        self.may_name(candidate, who).await?;
        self.verify_unopened(candidate)?;
        let build = candidate.build();
        // Somebody asks for it: what failed before is tried again.
        self.shelf.forget_failed(&build);
        let code = match self.at_hand(build.digest, &candidate.settings).await {
            Some(code) => code,
            None => self.make(candidate.file.clone(), &candidate.settings).await,
        };
        let entering = self.entering.lock().await;
        self.may_name(candidate, who).await?;
        let (prepared, published) = self.publish(candidate, &code, Some(who)).await?;
        drop(entering);
        // The code is held until it is part of the snapshot.
        let generation = self.refresh().await?;
        Ok((prepared, published, generation))
    }

    /// A name and a version are one file for every source. So a key that is bound to one ships what is
    /// new under names that no other source has; what is known it may have for its own.
    async fn may_name(&self, candidate: &Candidate, who: &Identity) -> Result<(), Refused> {
        let (Some(own), Some(name)) = (&who.source, &candidate.name) else { return Ok(()) };
        if self.store.version(Digest::of(&candidate.file)).await?.is_some() {
            return Ok(());
        }
        let rows = self.store.deployments().await?;
        match rows.iter().any(|row| row.detector == *name && row.source != *own) {
            false => Ok(()),
            true => Err(Refused::Stage(format!(
                "`{name}` serves other sources too, and this key is bound to `{own}`: ship a new version under a name of your own, or with a key for every source"
            ))),
        }
    }

    async fn refuse_upload(
        &self,
        candidate: &Candidate,
        why: &str,
        who: &Identity,
    ) -> Result<(), StoreError> {
        let file = format!("{SENT}{}", candidate.name.as_deref().unwrap_or_default());
        let digest = Digest::of(&candidate.file);
        if self.store.refuse_upload(&file, digest, why, who).await? {
            self.metrics.load("detector", Loaded::Refused);
            tracing::error!(file, %digest, "detector refused, what served before serves on: {why}");
        }
        Ok(())
    }

    async fn uploaded(
        &self,
        candidate: &Candidate,
        prepared: &Prepared,
        published: Published,
        generation: u64,
    ) -> Result<Uploaded, Refused> {
        let manifest = prepared.manifest();
        Ok(Uploaded {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: prepared.digest(),
            source: candidate.source.clone(),
            stage: published.stage,
            deployment: published.deployment,
            generation,
            changed: published.changed,
            warnings: self.warnings(candidate, prepared, published).await?,
        })
    }

    async fn warnings(
        &self,
        candidate: &Candidate,
        prepared: &Prepared,
        published: Published,
    ) -> Result<Vec<String>, StoreError> {
        let (manifest, source) = (prepared.manifest(), candidate.source.as_str());
        let snapshot = self.current();
        let mut warnings = Vec::new();
        if published.stage < Stage::from(candidate.stage) {
            let (version, stage) = (&manifest.version, published.stage);
            warnings.push(format!("{version} is {stage} already and stays so"));
        }
        if published.stage == Stage::Quarantined {
            let version = &manifest.version;
            warnings
                .push(format!("{version} is quarantined, which sending it again does not lift"));
        }
        if !prepared.pre_initialised() {
            warnings.push("it is not pre-initialised: each event pays for `configure`".to_owned());
        }
        if source != EVERY_SOURCE && snapshot.policy(source).is_none() {
            warnings.push(format!("no policy speaks for the source `{source}`"));
        }
        let judges = |label: &String| {
            snapshot.policies().any(|live| live.policy.weights().iter().any(|(it, _)| it == label))
        };
        for label in manifest.labels.iter().filter(|label| !judges(label)) {
            warnings.push(format!("no policy gives `{label}` a weight, so it changes no decision"));
        }
        let rows = self.store.deployments().await?;
        let serves = rows.iter().find(|row| {
            row.detector == manifest.name && row.source == source && row.stage == Stage::Active
        });
        if let Some(row) = serves.filter(|row| row.settings != candidate.settings) {
            let version = &row.manifest.version;
            warnings.push(format!("{version}, which is active, runs with other settings"));
        }
        Ok(warnings)
    }
}
