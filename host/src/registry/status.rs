//! What is live and what was refused, for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Registry;
use super::refresh::build_of;
use crate::model::manifest::Budget;
use crate::model::{Canary, Digest, Input, Isolation, Landing, Stage, Timestamp, Vitals};
use crate::store::{EVERY_SOURCE, SENT, SENT_POLICY, StoreError};

/// Every detector that is or was live, and every file that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Catalogue {
    pub generation: u64,
    pub landing: Landings,
    pub detectors: Vec<DetectorStatus>,
    /// Files that did not become a detector, whatever they hold.
    pub refused: Vec<Refusal>,
}

/// Where new files land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Landings {
    /// Those of the folder. `active` is for development: nobody looks before they count.
    pub folder: Landing,
    /// Those that are sent, by source; `*` for the others.
    pub uploads: BTreeMap<String, Landing>,
}

impl Landings {
    /// For an operator: what counts at once, without a trial; `None` where nothing does.
    pub fn warning(&self) -> Option<String> {
        let uploads = self.uploads.iter().filter(|(_, landing)| **landing == Landing::Active);
        let uploads = uploads.map(|(source, _)| match source.as_str() {
            EVERY_SOURCE => "what is pushed for every source (upload_stage)".to_owned(),
            source => format!("what is pushed for {source} (upload_stage)"),
        });
        let folder = (self.folder == Landing::Active).then(|| {
            "a file that is dropped into a folder, detector or policy (folder_stage)".to_owned()
        });
        let loud: Vec<String> = folder.into_iter().chain(uploads).collect();
        let listed = loud.join(", ");
        (!loud.is_empty()).then(|| format!("ACTIVE AT ONCE, without a trial: {listed}"))
    }
}

/// One detector as it is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DetectorStatus {
    pub name: String,
    pub version: String,
    /// Of the file as shipped.
    pub digest: Digest,
    pub settings_digest: Digest,
    pub stage: Stage,
    /// Of a quarantined one: the stage that it had.
    pub before: Option<Stage>,
    /// Of a canary: its share and its bounds.
    pub canary: Option<Canary>,
    /// Whether it runs: what stands anywhere and is not live does not load, see `last_error`.
    pub live: bool,
    pub isolation: Option<Isolation>,
    /// Why it may not be promoted: it answered one event in two ways.
    pub impure: Option<String>,
    /// The key that published it; `null`: the program or a folder.
    pub published_by: Option<String>,
    /// Why it was last moved.
    pub why: String,
    /// `*` for every source.
    pub source: String,
    /// `bundle`, `folder:<file>` or `api`.
    pub origin: String,
    pub summary: String,
    pub author: String,
    pub labels: Vec<String>,
    #[schema(value_type = Vec<String>)]
    pub events: Vec<String>,
    pub inputs: Vec<Input>,
    /// `false`: it could not be snapshotted, so each event pays for `configure` again.
    pub pre_initialised: Option<bool>,
    /// What one evaluation may use: the least of its manifest, the operator's table and the ceiling.
    pub budget: Option<Budget>,
    pub updated_at: Timestamp,
    /// What is really used, on the server that answers, since it went live there.
    pub vitals: Option<Vitals>,
    /// Why the newest file for it did not go live.
    pub last_error: Option<Refusal>,
}

/// A file that was refused, and why. What served before serves on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    pub file: String,
    /// `null` where the file could not be read.
    pub digest: Option<Digest>,
    pub error: String,
    pub at: Timestamp,
}

impl Registry {
    /// What is live and what was refused.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn catalogue(&self) -> Result<Catalogue, StoreError> {
        let snapshot = self.current();
        let mut refused = self.refusals("detectors/").await?;
        refused.extend(self.refusals(SENT).await?);
        refused.retain(|refusal| !refusal.file.starts_with(SENT_POLICY));
        let detectors = self.store.deployments().await?.into_iter().map(|row| {
            let live = snapshot.detectors().iter().find(|live| live.deployment == row.id);
            let file = row.origin.file().map(str::to_owned);
            let named = format!("detectors/{}.wasm", row.detector);
            let sent = format!("{SENT}{}", row.detector);
            let about = |refusal: &&Refusal| {
                Some(&refusal.file) == file.as_ref() || [&named, &sent].contains(&&refusal.file)
            };
            let refusal = refused.iter().filter(about).max_by_key(|it| it.at).cloned();
            let unloaded = snapshot.unloaded().get(&row.id).map(|error| Refusal {
                file: row.origin.to_string(),
                digest: Some(row.digest),
                error: error.clone(),
                at: row.updated_at,
            });
            let last_error = unloaded.or(refusal);
            let isolation = live.map(|live| live.isolation);
            let live = live.map(|live| &live.prepared);
            DetectorStatus {
                version: row.manifest.version.to_string(),
                digest: row.digest,
                settings_digest: build_of(&row).settings,
                stage: row.stage,
                before: row.before,
                canary: row.canary,
                isolation,
                impure: row.impure,
                published_by: row.published_by,
                why: row.why,
                live: live.is_some(),
                source: row.source,
                origin: row.origin.to_string(),
                events: row.manifest.events.iter().map(ToString::to_string).collect(),
                pre_initialised: live.map(|prepared| prepared.pre_initialised()),
                budget: live.map(|prepared| prepared.limits().budget()),
                updated_at: row.updated_at,
                vitals: None,
                last_error,
                name: row.detector,
                summary: row.manifest.summary,
                author: row.manifest.author,
                labels: row.manifest.labels,
                inputs: row.manifest.inputs,
            }
        });
        let mut detectors: Vec<DetectorStatus> = detectors.collect();
        // What serves comes first; what is retired goes last, the latest of it first.
        detectors.sort_by(|a, b| {
            let place = |it: &DetectorStatus| (it.name.clone(), it.source.clone(), it.stage);
            place(a).cmp(&place(b)).then_with(|| b.updated_at.cmp(&a.updated_at))
        });
        Ok(Catalogue {
            generation: snapshot.generation(),
            landing: self.landings(),
            detectors,
            refused,
        })
    }

    /// Where new files land.
    pub fn landings(&self) -> Landings {
        let sources = self.rules.upload_stage.keys().map(String::as_str).chain([EVERY_SOURCE]);
        let uploads = sources.map(|source| (source.to_owned(), self.upload_stage(source)));
        Landings { folder: self.folder_stage(), uploads: uploads.collect() }
    }

    /// The files of a folder of the inbox that were refused.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn refusals(&self, folder: &str) -> Result<Vec<Refusal>, StoreError> {
        let rows = self.store.inbox().await?.into_iter();
        Ok(rows
            .filter(|row| row.file.starts_with(folder))
            .filter_map(|row| {
                let error = row.error?;
                Some(Refusal { file: row.file, digest: row.digest, error, at: row.seen_at })
            })
            .collect())
    }
}
