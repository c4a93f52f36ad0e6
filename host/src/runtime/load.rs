//! From a file to a detector that is ready: scan, first run, compile, check, self-test.

use std::sync::Arc;

use wasmtime::component::Component;

use super::abi::v1;
use super::call::Call;
use super::preinit::first_run;
use super::wasi::{ALLOWED, ALLOWED_FAMILY, ALLOWED_TEXT};
use super::{LoadError, Prepared, PreparedInner, Runtime, Value, scan};
use crate::model::{Digest, Manifest, Outcome};

/// A compiled component and what loading it has shown: what the cache keeps.
pub(super) struct Compiled {
    pub manifest: String,
    pub pre_initialised: bool,
    pub component: Component,
}

impl Runtime {
    /// Makes a file into a detector, configured with `settings` (a JSON object). Takes up to
    /// seconds of processor time unless the cache knows the file.
    ///
    /// # Errors
    /// Why the file is refused, in words for the engineer who shipped it.
    pub fn load(&self, file: &[u8], settings: &str) -> Result<Prepared, LoadError> {
        self.make(file, settings).map_err(LoadError::readable)
    }

    fn make(&self, file: &[u8], settings: &str) -> Result<Prepared, LoadError> {
        scan::scan(file)?;
        let digest = Digest::of(file);
        let settings_digest = Digest::of(settings.as_bytes());
        let cached = self.cache.as_ref().and_then(|cache| cache.get(digest, settings_digest));
        let compiled = match cached {
            Some(compiled) => compiled,
            None => {
                let compiled = self.compile(file, settings, digest, settings_digest)?;
                if let Some(cache) = &self.cache {
                    cache.put(digest, settings_digest, &compiled);
                }
                compiled
            }
        };
        let manifest = Manifest::parse(&compiled.manifest).map_err(LoadError::Manifest)?;
        let wasi = self.check_imports(&compiled.component)?;
        let limits = self.ceiling.within(&manifest.budget);
        let component = self
            .linker
            .instantiate_pre(&compiled.component)
            .and_then(v1::ComponentPre::new)
            .map_err(|error| LoadError::Interface(format!("{error:#}")))?;
        let prepared = Prepared(Arc::new(PreparedInner {
            manifest,
            digest,
            settings: settings.to_owned(),
            settings_digest,
            pre_initialised: compiled.pre_initialised,
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
        digest: Digest,
        settings_digest: Digest,
    ) -> Result<Compiled, LoadError> {
        // The file as shipped compiles nowhere but here, so its imports are looked at first.
        let mut seed = *digest.as_bytes();
        seed.iter_mut().zip(settings_digest.as_bytes()).for_each(|(a, b)| *a ^= b);
        let first = first_run(&self.engines, file, settings, &self.ceiling, seed)?;
        let pre_initialised = first.snapshot.is_some();
        let bytes = first.snapshot.as_deref().unwrap_or(file);
        let component = Component::from_binary(&self.engines.serving, bytes)
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        Ok(Compiled { manifest: first.describe, pre_initialised, component })
    }

    /// Whether the component wants WASI; an import outside the allow-list is refused by name.
    fn check_imports(&self, component: &Component) -> Result<bool, LoadError> {
        let mut wasi = false;
        for (name, _) in component.component_type().imports(&self.engines.serving) {
            wasi |= check_import(name)?;
        }
        Ok(wasi)
    }
}

/// Whether an import is of WASI.
pub(super) fn check_import(name: &str) -> Result<bool, LoadError> {
    let interface = name.split('@').next().unwrap_or(name);
    if interface == "picket:detector/log" || interface == "picket:detector/types" {
        return Ok(false);
    }
    let at_0_2 = name.split_once('@').is_some_and(|(_, version)| version.starts_with("0.2."));
    let allowed = ALLOWED.contains(&interface) || interface.starts_with(ALLOWED_FAMILY);
    match allowed && at_0_2 {
        true => Ok(true),
        false => Err(LoadError::Import(name.to_owned(), ALLOWED_TEXT)),
    }
}

/// A detector that cannot bear an event without inputs would fail on the first odd event.
fn self_test(prepared: &Prepared) -> Result<(), LoadError> {
    let inputs = vec![Value::Absent; prepared.manifest().inputs.len()];
    let call = Call { id: "self-test", kind: "self.test", time_ms: 0, inputs: &inputs };
    let run = prepared.evaluate(&call, prepared.limits().deadline);
    match run.outcome {
        Outcome::Ok | Outcome::Error => Ok(()),
        outcome => {
            Err(LoadError::SelfTest(format!("{outcome}: {}", run.error.unwrap_or_default())))
        }
    }
}
