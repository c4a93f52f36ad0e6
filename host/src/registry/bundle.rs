//! What the program carries: a folder inside of it, which serves where no other file does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value as Json, json};

use super::code::Code;
use super::files::settings;
use super::seen::{BUNDLED, Seen};
use super::{Candidate, Registry};
use crate::model::{Build, Digest, Landing, Stage};
use crate::policy::Whole;
use crate::store::{Deployment, EVERY_SOURCE, Origin, PolicyDeployment, StoreError};

/// What the program carries with it.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    pub detectors: Vec<BundledDetector>,
    pub policies: Vec<BundledPolicy>,
}

#[derive(Debug, Clone, Copy)]
pub struct BundledDetector {
    pub name: &'static str,
    pub file: &'static [u8],
}

#[derive(Debug, Clone, Copy)]
pub struct BundledPolicy {
    pub source: &'static str,
    pub text: &'static str,
}

impl Registry {
    /// Compiles what is of the bundle: it is trusted and it is many, so that is done in this process,
    /// side by side. Held, it is at hand when it is offered again.
    pub(super) async fn make_together(&self, bundled: Vec<Candidate>) -> Vec<Arc<Code>> {
        let each = bundled.into_iter().map(async |it| self.make(it.file, &it.settings).await);
        futures::future::join_all(each).await
    }

    /// Lets the bundle serve where nothing else does, and no longer where it does not hold. Returns
    /// what has to be compiled first; then nothing was done yet.
    pub(super) async fn offer_bundle(&self, seen: &mut Seen) -> Result<Vec<Candidate>, StoreError> {
        let mut deployed: BTreeMap<String, Vec<Deployment>> = BTreeMap::new();
        for row in self.store.deployments().await? {
            if row.source == EVERY_SOURCE {
                deployed.entry(row.detector.clone()).or_default().push(row);
            }
        }
        let mut wanted = Vec::new();
        for bundled in &self.bundle.detectors {
            let rows = deployed.get(bundled.name).map_or(&[][..], Vec::as_slice);
            let sidecar = self.folders.detectors.join(bundled.name).with_extension("toml");
            let settings = match settings(&sidecar) {
                Ok(settings) => settings,
                Err(error) => {
                    let file = format!("detectors/{}.toml", bundled.name);
                    self.refuse("detector", &file, None, &error).await?;
                    // What serves, serves on; where nothing does, the detector's own defaults do.
                    match rows.iter().any(|row| row.stage.is_live()) {
                        true => continue,
                        false => json!({}),
                    }
                }
            };
            let holds = |file: &str| self.folders.holds(file);
            if bundle_is_due(rows, Digest::of(bundled.file), &settings, &holds) {
                wanted.push(Candidate {
                    file: bundled.file.to_vec(),
                    name: None,
                    settings,
                    origin: Origin::Bundle,
                    source: EVERY_SOURCE.to_owned(),
                    stage: Landing::Active,
                    // An older program was started: that is somebody's word.
                    allow_downgrade: true,
                    signature: None,
                    why: None,
                });
            }
        }
        let (mut ready, mut lacking) = (Vec::new(), Vec::new());
        for candidate in wanted {
            let Build { digest, settings } = candidate.build();
            let of = (digest, settings, None);
            let file = format!("{BUNDLED}{digest}");
            let now = Instant::now();
            let tried = seen.tried.get(&file);
            if tried.is_some_and(|attempt| attempt.of == of && attempt.rests(now)) {
                continue;
            }
            match self.at_hand(digest, &candidate.settings).await {
                Some(code) => ready.push((candidate, code, file, of)),
                None => lacking.push(candidate),
            }
        }
        if !lacking.is_empty() {
            return Ok(lacking);
        }
        for (candidate, code, file, of) in ready {
            match self.publish(&candidate, &code, None).await {
                Ok(_) => drop(seen.tried.remove(&file)),
                Err(refused) => {
                    tracing::error!("a bundled detector does not load: {refused}");
                    seen.failed(file, of, &refused);
                }
            }
        }
        for row in deployed.values().flatten() {
            let carried = self.bundle.detectors.iter().any(|bundled| bundled.name == row.detector);
            if row.origin == Origin::Bundle && row.stage.is_live() && !carried {
                let (origin, why) = (Origin::Bundle, "the program does not carry it any more");
                self.store
                    .retire_detector(EVERY_SOURCE, &row.detector, Some(&origin), why, None)
                    .await?;
            }
        }
        // Policies name labels, so they come after the detectors are live.
        self.refresh().await?;
        self.offer_bundled_policies().await?;
        Ok(Vec::new())
    }

    async fn offer_bundled_policies(&self) -> Result<(), StoreError> {
        let deployed = self.store.policy_deployments().await?;
        for bundled in &self.bundle.policies {
            let of_source = |row: &&PolicyDeployment| row.source == bundled.source;
            let mut rows = deployed.iter().filter(of_source);
            // What a person has moved is left as it is: what was offered is not offered again, unless
            // nobody decides.
            let due = match rows.find(|row| row.stage == Stage::Active) {
                Some(active) if active.origin == Origin::Bundle => {
                    let digest = Digest::of(bundled.text.as_bytes());
                    self.store.policy_of_digest(digest).await?.is_none()
                }
                Some(_) => false,
                None => true,
            };
            if due
                && let Err(refused) = self
                    .publish_policy(&Whole::alone(bundled.text), bundled.source, Origin::Bundle)
                    .await
            {
                tracing::error!(
                    source = bundled.source,
                    "a bundled policy does not load: {refused}"
                );
            }
        }
        Ok(())
    }
}

/// Whether a bundled detector is to be published: nothing has stood there yet, what the program
/// carried before serves, or the file that served in its place is gone. What a person has moved is
/// left as it is.
fn bundle_is_due(
    rows: &[Deployment],
    digest: Digest,
    settings: &Json,
    holds: &dyn Fn(&str) -> bool,
) -> bool {
    let same = |row: &Deployment| row.digest == digest && row.settings == *settings;
    let offered = rows.iter().any(|row| row.origin == Origin::Bundle && same(row));
    match rows.iter().find(|row| row.stage == Stage::Active) {
        Some(active) => active.origin == Origin::Bundle && !offered,
        None => match rows.iter().max_by_key(|row| (row.served_at, row.id)) {
            Some(last) => {
                let gone = |file: &str| !holds(file);
                let file_gone =
                    last.origin.file().is_some_and(gone) && last.stage == Stage::Retired;
                file_gone || last.origin == Origin::Bundle && !offered
            }
            None => true,
        },
    }
}
