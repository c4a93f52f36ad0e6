//! The sandbox as a server has it, for one file on an author's bench, and where that file is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};
use serde_json::{Value as Json, json};

use crate::app;
use crate::config::Config;
use crate::engine::{self, EntityKey, Examined};
use crate::model::{Digest, Event, Timestamp};
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
    /// Limits and rules are those of a server that would start here: of `picket.toml` and the variables.
    pub fn start() -> anyhow::Result<Self> {
        let config = Config::load(None)?;
        let options = app::runtime_options(&config, [0; 32]);
        let runtime = Runtime::new(&RuntimeOptions { cache: None, ..options.clone() })?;
        let rules = app::rules(&config)?;
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
    pub fn judge(&self, prepared: &Prepared, event: &Event) -> Examined {
        engine::examine(prepared, event, &self.key)
    }
}

/// Where the bench puts and looks for the component of the detector in `dir`: `DIR/NAME.wasm`, with the
/// name of the folder.
pub(super) fn component_of(dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
    let name = dir.file_name().context("the root folder is no detector's")?;
    Ok(dir.join(name).with_extension("wasm"))
}

/// The component at `path`: a file, or the one that was built in a folder.
pub(super) fn read(path: &Path) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let file = match path.is_dir() {
        false => path.to_owned(),
        true => built(path)?,
    };
    let length = fs::metadata(&file).with_context(|| file.display().to_string())?.len();
    let length_max = Config::load(None)?.detector_file_bytes_max;
    if length > length_max {
        bail!("{}: {length} bytes; a server takes {length_max} at most", file.display());
    }
    let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
    Ok((file, bytes))
}

fn built(dir: &Path) -> anyhow::Result<PathBuf> {
    let file = component_of(dir)?;
    let Ok(made) = fs::metadata(&file).and_then(|found| found.modified()) else {
        bail!("{}: nothing is built yet: run `picket detector build {0}`", dir.display());
    };
    if let Some(source) = newest_source(dir).filter(|(_, changed)| *changed > made) {
        eprintln!(
            "note: {} has changed since {} was built",
            source.0.display(),
            file.file_name().unwrap_or_default().display()
        );
    }
    Ok(file)
}

fn newest_source(dir: &Path) -> Option<(PathBuf, SystemTime)> {
    let files = folders(dir).into_iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten());
    let files = files.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let sources = files.filter(|path| is_source(path) && !is_case(path));
    sources
        .filter_map(|path| Some((path.clone(), fs::metadata(path).ok()?.modified().ok()?)))
        .max_by_key(|(_, changed)| *changed)
}

/// The folders that an author writes in: not what tools make.
pub(super) fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let mut at = 0;
    while let Some(next) = found.get(at) {
        let entries = fs::read_dir(next).into_iter().flatten().flatten();
        let inner =
            entries.map(|entry| entry.path()).filter(|path| path.is_dir() && is_source(path));
        found.extend(inner.collect::<Vec<_>>());
        at += 1;
    }
    found
}

/// Whether an author writes this, told by its name.
pub(super) fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = name.starts_with('.')
        || name.ends_with('~')
        || ["target", "node_modules", "__pycache__", "Cargo.lock", "package-lock.json"]
            .contains(&&*name);
    !made && path.extension().is_none_or(|extension| extension != "wasm")
}

fn is_case(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "jsonl" || extension == "json" || extension == "md")
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
