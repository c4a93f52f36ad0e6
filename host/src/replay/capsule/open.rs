//! Replaying a capsule: in a sandbox of its own, with nothing but what the file holds.

use std::collections::{HashMap, HashSet};

use crate::audit::NoteVerifier;
use crate::model::{Build, Digest, Event};
use crate::runtime::{Limits, LoadError, Prepared, Runtime, RuntimeOptions, Trust};
use crate::store::Document;

use super::super::again::Material;
use super::super::earlier::Earlier;
use super::super::{Lack, Missing, Replay, compile};
use super::{Capsule, CapsuleError, DOCUMENT, EVENT, earlier_name, logged};

/// Findings of one decision: a capsule that holds more was made up.
const FINDINGS_MAX: usize = 512;
/// What a run may use, whatever the capsule says that it was allowed.
const CEILING: Limits = Limits {
    memory_bytes: 1 << 30,
    table_elements: 1 << 20,
    signals: 1 << 12,
    output_bytes: 16 << 20,
    log_lines: 1 << 12,
    log_bytes: 1 << 20,
    ..Limits::DEFAULT
};

impl Capsule {
    /// Makes the decision again and compares, in a sandbox of its own, with the limits of then.
    /// Detectors compile in a child process that is bounded, but for those of which the program has the
    /// same bytes itself (`own`). What its proof says is compared with what it holds, and the proof with the
    /// key of the log where one is given. Takes seconds.
    ///
    /// # Errors
    /// Where its files do not belong together, or the sandbox cannot start.
    pub fn replay(
        &self,
        sandbox: RuntimeOptions,
        own: &HashSet<Digest>,
        log: Option<&NoteVerifier>,
    ) -> Result<Replay, CapsuleError> {
        let document: Document = read(DOCUMENT, &self.document)?;
        let event: Event = read(EVENT, &self.event)?;
        let Document { decision, replay, event: event_digest } = document;
        let strange = |detail: &str| Err(CapsuleError::Damaged(detail.to_owned()));
        if decision.id != self.id {
            return strange("its decision is another than it says");
        }
        if (&decision.source, &decision.event_id) != (&event.source, &event.id) {
            return strange("its event is not the one that was decided about");
        }
        if decision.findings.len() > FINDINGS_MAX {
            let detail = format!("{} findings", decision.findings.len());
            return Err(CapsuleError::TooLarge(detail));
        }
        // What it was allowed then, and where that does not read back, the replay says so.
        let then = serde_json::from_value(replay["ceiling"].clone()).unwrap_or_default();
        let ceiling = CEILING.at_most(&then);
        let runtime = Runtime::new(&RuntimeOptions { ceiling, ..sandbox })?;
        let mut builds = HashMap::new();
        for (build, name) in Material::wanted(&decision) {
            builds.entry(build).or_insert_with(|| {
                self.load(&runtime, build, own.contains(&build.digest)).map_err(|why| {
                    Missing::new(Lack::Detector, format!("{name} {}: {why}", build.digest))
                })
            });
        }
        let policy = match &self.policy {
            Some(text) => compile(text, decision.policy.digest).map(Into::into),
            None => Err("the capsule does not have its text".to_owned()),
        };
        let policy = policy.map_err(|why| {
            Missing::new(
                Lack::Policy,
                format!("{} {}: {why}", decision.policy.name, decision.policy.digest),
            )
        });
        let mut earlier = HashMap::new();
        for (id, json) in &self.earlier {
            let event: Event = read(&earlier_name(*id), json)?;
            earlier.insert(*id, Ok(Earlier { event, digest: Digest::of(json) }));
        }
        let material = Material {
            event_digests: (event_digest, Digest::of(&self.event)),
            earlier,
            policy,
            builds,
            ceiling,
            key: None,
            basis: replay,
            decision,
            event,
        };
        logged::compare(self, log, material.replay())
    }

    fn load(&self, runtime: &Runtime, build: Build, own: bool) -> Result<Prepared, String> {
        let file =
            self.detectors.get(&build.digest).ok_or("the capsule does not have its bytes")?;
        let settings = self
            .settings
            .get(&build.settings)
            .ok_or_else(|| format!("the capsule does not have the settings {}", build.settings))?;
        let trust = if own { Trust::Bundled } else { Trust::Stranger };
        let loaded = runtime.load(file, settings, trust);
        loaded.map_err(|error: LoadError| format!("it does not load here: {error}"))
    }
}

fn read<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, CapsuleError> {
    serde_json::from_slice(bytes).map_err(|error| CapsuleError::Damaged(format!("{name}: {error}")))
}
