//! The sandbox as a server has it, for what somebody tries without one.

use std::path::Path;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, bail};
use serde_json::{Value as Json, json};

use super::configured;
use crate::app;
use crate::config::Config;
use crate::engine::{self, EntityKey, Examined};
use crate::model::{Digest, Event, Known, Timestamp};
use crate::registry::{Refused, Rules, signature_beside};
use crate::runtime::{Limits, LoadError, Prepared, Runtime, RuntimeOptions, Trust};
use crate::signing::Verdict;

pub(super) struct Sandbox {
    /// What an operator allows at most.
    pub ceiling: Limits,
    rules: Rules,
    runtime: Runtime,
    /// Entities are hashed as on a server; nobody compares these.
    key: EntityKey,
}

impl Sandbox {
    /// Limits and rules are those of a server that would start here: of `picket.toml`, or what
    /// `PICKET_CONFIG` names, and the variables.
    pub fn start() -> anyhow::Result<Self> {
        Self::of(&configured()?)
    }

    /// Of another configuration.
    pub fn of(config: &Config) -> anyhow::Result<Self> {
        let options = app::runtime_options(config, [0; 32]);
        let runtime = Runtime::new(&RuntimeOptions { cache: None, ..options.clone() })?;
        let rules = app::rules(config)?;
        Ok(Self { ceiling: options.ceiling, rules, runtime, key: EntityKey::new(&[0; 32]) })
    }

    /// Loads a file as a server does that knows nothing of it: compiling is bounded. `settings` is a JSON
    /// object.
    pub fn load_as_stranger(&self, file: &[u8], settings: &str) -> Result<Prepared, LoadError> {
        self.runtime.load(file, settings, Trust::Stranger).map(|loaded| self.budgeted(loaded))
    }

    /// Loads what the author has at hand: compiling takes what it takes, and others load beside it.
    pub fn load(&self, file: &[u8], settings: &str) -> Result<Prepared, LoadError> {
        self.runtime.load(file, settings, Trust::Bundled).map(|loaded| self.budgeted(loaded))
    }

    /// Loads several side by side, without settings. Each has a name for the message if it is refused.
    pub fn load_together(&self, files: &[(&str, &[u8])]) -> anyhow::Result<Vec<Prepared>> {
        thread::scope(|scope| {
            let loading: Vec<_> = files
                .iter()
                .map(|&(name, bytes)| (name, scope.spawn(move || self.load(bytes, "{}"))))
                .collect();
            let loaded = loading.into_iter().map(|(name, thread)| {
                let loaded = thread.join().map_err(|_| anyhow::anyhow!("loading panicked"))?;
                loaded.with_context(|| format!("{name}: refused"))
            });
            loaded.collect()
        })
    }

    /// Whether a server would let in the file at `path`, which nobody has opened yet.
    ///
    /// # Errors
    /// Why not.
    pub fn admit_unopened(&self, path: &Path, file: &[u8]) -> Result<(), Refused> {
        if path.extension().is_some_and(|extension| extension == "cwasm") {
            return Err(Refused::Precompiled);
        }
        self.rules.trust.verify_unopened(Digest::of(file), self.signature(path)?.as_deref())?;
        Ok(())
    }

    /// Whether a server would let the file at `path` serve a source, as what it was loaded to be; and what
    /// it would warn of.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        path: &Path,
        prepared: &Prepared,
        source: &str,
    ) -> Result<Option<String>, Refused> {
        let (manifest, signature) = (prepared.manifest(), self.signature(path)?);
        let verdict = self.rules.trust.verify(prepared.digest(), manifest, signature.as_deref())?;
        self.rules.detectors.check(manifest, source).map_err(Refused::Grant)?;
        Ok(match verdict {
            Verdict::Unsigned { warning } | Verdict::Untrusted { warning } => Some(warning),
            Verdict::NotAsked | Verdict::Signed { .. } => None,
        })
    }

    fn signature(&self, path: &Path) -> Result<Option<Vec<u8>>, Refused> {
        signature_beside(&self.rules.trust, path).map_err(Refused::Beside)
    }

    fn budgeted(&self, loaded: Prepared) -> Prepared {
        let budget = self.rules.detectors.budget(&loaded.manifest().name);
        loaded.within(&budget)
    }

    /// Runs a detector on an event and checks what it returns.
    pub fn judge(&self, prepared: &Prepared, event: &Event, known: &Known) -> Examined {
        engine::examine(prepared, event, known, &self.key)
    }
}

/// Off the async threads: a guest's calls of WASI may not be made there, and tools take their time.
pub(super) async fn at_the_bench(
    work: impl FnOnce() -> anyhow::Result<ExitCode> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(work).await.context("the command panicked")?
}

/// An event of an envelope of which all but `data` may be left out.
pub(super) fn event(envelope: &Json) -> anyhow::Result<Event> {
    let mut whole = json!({
        "specversion": "1.0", "id": "test", "source": "test", "type": "message.sent",
        "subject": "test", "time": "2026-01-01T00:00:00Z",
    });
    let Some(given) = envelope.as_object() else {
        bail!("an event is a JSON object: a CloudEvents envelope, or as much of one as matters");
    };
    for (name, value) in given {
        whole[name] = value.clone();
    }
    let bounds = Config::default().event_bounds();
    Event::parse(whole, &bounds, Timestamp::now()).map_err(|faults| {
        let faults: Vec<String> =
            faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
        anyhow::anyhow!("the event is not valid: {}", faults.join("; "))
    })
}
