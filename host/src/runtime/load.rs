//! From a file to a detector that is ready: compiled here, in a child or long ago, then checked and
//! tried.

use std::sync::Arc;

use wasmtime::component::Component;

use super::abi::v1;
use super::call::Call;
use super::compile::{Artifact, Request, compile};
use super::imports::check_imports;
use super::{LoadError, Prepared, PreparedInner, Runtime, Value, wasi};
use crate::model::{Digest, Manifest, Outcome};

/// Whose file it is, which decides where it compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// The program carries it: it compiles in this process, others beside it.
    Bundled,
    /// Anybody's: it compiles in a child that is bounded, alone.
    Stranger,
}

impl Runtime {
    /// Makes a file into a detector, configured with `settings` (a JSON object). Takes up to
    /// seconds of processor time unless the cache knows the file.
    ///
    /// # Errors
    /// Why the file is refused, in words for the engineer who shipped it.
    pub fn load(&self, file: &[u8], settings: &str, trust: Trust) -> Result<Prepared, LoadError> {
        let digest = Digest::of(file);
        if let Some(cached) = self.cached(digest, settings) {
            return cached;
        }
        let settings_digest = Digest::of(settings.as_bytes());
        let artifact = self.compile(file, settings, trust, digest, settings_digest)?;
        if let Some(cache) = &self.cache {
            cache.put(digest, settings_digest, &artifact);
        }
        self.ready(&artifact, digest, settings)
    }

    /// What the cache has of a file, ready to run, or why that is refused: milliseconds, and never
    /// behind a file that is being compiled. `None` where [`Runtime::load`] would have to compile.
    pub fn cached(&self, digest: Digest, settings: &str) -> Option<Result<Prepared, LoadError>> {
        let artifact = self.cache.as_ref()?.get(digest, Digest::of(settings.as_bytes()))?;
        Some(self.ready(&artifact, digest, settings))
    }

    /// Checks what was compiled, and tries it.
    fn ready(
        &self,
        artifact: &Artifact,
        digest: Digest,
        settings: &str,
    ) -> Result<Prepared, LoadError> {
        let manifest = Manifest::parse(&artifact.head.manifest).map_err(LoadError::Manifest)?;
        let component = self.deserialize(artifact)?;
        let wasi = check_imports(&component, &self.serving)?;
        let limits = self.ceiling.within(&manifest.budget);
        let component = self
            .linker
            .instantiate_pre(&component)
            .and_then(v1::ComponentPre::new)
            .map_err(|error| LoadError::Interface(format!("{error:#}")))?;
        let prepared = Prepared(Arc::new(PreparedInner {
            manifest,
            digest,
            settings: settings.to_owned(),
            settings_digest: Digest::of(settings.as_bytes()),
            pre_initialised: artifact.head.pre_initialised,
            wasi,
            limits,
            component,
        }));
        self_test(&prepared)?;
        Ok(prepared)
    }

    fn compile(
        &self,
        file: &[u8],
        settings: &str,
        trust: Trust,
        digest: Digest,
        settings_digest: Digest,
    ) -> Result<Artifact, LoadError> {
        let seed = wasi::setup_seed(digest, settings_digest);
        let request = Request { settings: settings.to_owned(), ceiling: self.ceiling, seed };
        match trust {
            Trust::Bundled => compile(&self.scratch, &self.serving, &request, file),
            Trust::Stranger => self.compiler.compile(&request, file),
        }
    }

    fn deserialize(&self, artifact: &Artifact) -> Result<Component, LoadError> {
        // SAFETY: an artifact is made by this program: in this process, or in a child that runs the
        // same program and answers through a pipe that only it holds, or earlier, and then it
        // verified under the host's key. That it is for another engine is found by wasmtime itself.
        #[allow(unsafe_code, reason = "loading code that we compiled; see above")]
        let component = unsafe { Component::deserialize(&self.serving, &artifact.code) };
        component.map_err(|error| match error.chain().any(|cause| cause.is::<std::io::Error>()) {
            // No room for it in memory, or too many files are open.
            true => LoadError::Machine(format!("{error:#}")),
            false => LoadError::Compile(format!("{error:#}")),
        })
    }
}

/// How often an event without inputs may run out of time. The first run of a file pays for its pages, too.
const SELF_TESTS: u32 = 3;

/// A detector that cannot bear an event without inputs would fail on the first odd event.
fn self_test(prepared: &Prepared) -> Result<(), LoadError> {
    let inputs = vec![Value::Absent; prepared.manifest().inputs.len()];
    let call = Call { id: "self-test", kind: "self.test", time_ms: 0, inputs: &inputs };
    let mut run = prepared.evaluate(&call, prepared.limits().deadline);
    for _ in 1..SELF_TESTS {
        if run.outcome == Outcome::Deadline {
            run = prepared.evaluate(&call, prepared.limits().deadline);
        }
    }
    match run.outcome {
        Outcome::Ok | Outcome::Error => Ok(()),
        outcome => {
            Err(LoadError::SelfTest(format!("{outcome}: {}", run.error.unwrap_or_default())))
        }
    }
}
