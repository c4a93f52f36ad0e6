//! The last steps of every way in: a candidate whose code is at hand is checked against what stands
//! and what is allowed, and written; a policy is compiled and written.

use super::code::Code;
use super::{Candidate, Refused, Registry};
use crate::model::{Identity, Landing, Stage};
use crate::policy::{Compiled, Policy, Whole, render};
use crate::runtime::Prepared;
use crate::store::{Deployment, Origin, Publish, PublishPolicy, Published, StoreError};
use crate::telemetry::Loaded;

impl Registry {
    /// Puts a candidate where it lands, whose code is at hand. The one way in, whatever it came by;
    /// `entering` is held, so what is checked here holds until it is written.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed.
    pub(super) async fn publish(
        &self,
        candidate: &Candidate,
        code: &Code,
        who: Option<&Identity>,
    ) -> Result<(Prepared, Published), Refused> {
        let Candidate { file, settings, origin, source, stage, .. } = candidate;
        let prepared = code.prepared()?;
        let (manifest, digest) = (prepared.manifest(), prepared.digest());
        self.verify(candidate, &prepared)?;
        self.rules.detectors.check(manifest, source).map_err(Refused::Grant)?;
        let name = &manifest.name;
        if let Some(sent) = candidate.name.as_ref().filter(|sent| *sent != name) {
            return Err(Refused::Name { name: name.clone(), sent: sent.clone() });
        }
        if let Some(other) = self.claimant(name, origin).await? {
            return Err(Refused::Claimed { name: name.clone(), file: other });
        }
        if *stage == Landing::Active
            && let Some(why) = self.store.version(digest).await?.and_then(|version| version.impure)
        {
            let what = format!("{name} {} is not pure: {why}", manifest.version);
            return Err(Refused::Stage(what));
        }
        let publish = Publish {
            manifest,
            digest,
            bytes: file,
            settings,
            signature: candidate.signature.as_deref().and_then(|text| str::from_utf8(text).ok()),
            source,
            origin: origin.clone(),
            stage: Stage::from(*stage),
            allow_downgrade: candidate.allow_downgrade,
            why: candidate.why.as_deref(),
        };
        let published = self.store.publish_detector(&publish, who).await?;
        self.retire_others(name, origin).await?;
        if published.changed {
            self.metrics.load("detector", Loaded::Published);
            tracing::info!(
                detector = name,
                version = %manifest.version,
                %digest,
                %origin,
                stage = %published.stage,
                generation = published.generation,
                "detector published"
            );
        }
        Ok((prepared, published))
    }

    /// Whether the operator lets a version run that was let in before: asked of every row whenever a
    /// snapshot is built, for a key may have been revoked and a grant withdrawn.
    ///
    /// # Errors
    /// What it lacks.
    pub(super) fn admit(&self, row: &Deployment) -> Result<(), Refused> {
        self.verify_again(row)?;
        self.rules.detectors.check(&row.manifest, &row.source).map_err(Refused::Grant)
    }

    /// The one compiler, whatever way a policy comes. `file` is what its faults call it.
    ///
    /// # Errors
    /// Every fault of the document.
    pub(super) async fn compile_policy(
        &self,
        file: &str,
        whole: &Whole,
    ) -> Result<Compiled, Refused> {
        Policy::compile_whole(whole, Some(&self.known().await?))
            .map_err(|faults| Refused::Policy { rendered: render(file, whole, &faults), faults })
    }

    /// Checks a policy of the folder or the program and puts it where it lands for its source.
    ///
    /// # Errors
    /// Every fault of the document; then nothing has changed.
    pub(super) async fn publish_policy(
        &self,
        whole: &Whole,
        file: &str,
        origin: Origin,
    ) -> Result<(), Refused> {
        let compiled = self.compile_policy(file, whole).await?;
        for warning in &compiled.warnings {
            let file = warning.part.as_deref().unwrap_or(file);
            tracing::warn!(file, line = warning.line, "{}", warning.message);
        }
        let policy = compiled.policy;
        if origin.file().is_some() {
            let why = "its file judges another source";
            self.retire_policies(&origin, Some(policy.source()), why).await?;
        }
        let stage = self.policy_stage(&policy, &origin).await?;
        let publish = PublishPolicy {
            name: policy.name(),
            source: policy.source(),
            text: whole.text(),
            digest: policy.digest(),
            origin: origin.clone(),
            stage: Stage::from(stage),
            why: None,
        };
        let published = self.store.publish_policy(&publish, None).await?;
        if published.changed {
            self.metrics.load("policy", Loaded::Published);
            tracing::info!(
                policy = policy.name(),
                source = policy.source(),
                version = published.version,
                stage = %published.stage,
                %origin,
                "policy published"
            );
        }
        Ok(())
    }

    /// Retires what came from a file, but for what is of a source. Returns whether there was anything.
    pub(super) async fn retire_policies(
        &self,
        origin: &Origin,
        but: Option<&str>,
        why: &str,
    ) -> Result<bool, StoreError> {
        let mut retired = false;
        for row in self.store.policy_deployments().await? {
            if row.origin != *origin || !row.stage.is_live() || Some(&*row.source) == but {
                continue;
            }
            // All of the source at once; another row of it finds nothing left.
            if self.store.retire_policies(&row.source, origin, why).await?.is_some() {
                self.metrics.load("policy", Loaded::Retired);
                tracing::info!(policy = row.name, source = row.source, %origin, "policy retired: {why}");
                retired = true;
            }
        }
        Ok(retired)
    }

    /// Retires what a file shipped before under other names: it ships this one now.
    async fn retire_others(&self, name: &str, origin: &Origin) -> Result<(), StoreError> {
        if origin.file().is_none() {
            return Ok(());
        }
        for row in self.store.deployments().await? {
            if row.origin == *origin && row.detector != name && row.stage.is_live() {
                let why = format!("its file ships {name} now");
                self.store
                    .retire_detector(&row.source, &row.detector, Some(origin), &why, None)
                    .await?;
                self.metrics.load("detector", Loaded::Retired);
                tracing::info!(detector = row.detector, %origin, "detector retired: {why}");
            }
        }
        Ok(())
    }

    /// The file that ships this name already, if there is another.
    async fn claimant(&self, name: &str, origin: &Origin) -> Result<Option<String>, StoreError> {
        let Some(file) = origin.file() else { return Ok(None) };
        let deployments = self.store.deployments().await?;
        let stands = deployments.iter().filter(|row| row.detector == name && row.stage.is_live());
        let mut files = stands.filter_map(|row| row.origin.file());
        Ok(files.find(|other| *other != file && self.folders.holds(other)).map(str::to_owned))
    }
}
