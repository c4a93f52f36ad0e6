//! Code at hand: what is live, what is needed next, and what is on its way. Compiling happens here and
//! nowhere else, and takes no lock that a move of a version would wait for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::Value as Json;

use super::{Registry, canonical};
use crate::model::{Build, Digest};
use crate::runtime::{LoadError, Prepared, Trust};

/// A build that is being made ready or was. It stays at hand for as long as somebody holds it.
#[derive(Default)]
pub(super) struct Code {
    made: OnceLock<Result<Prepared, LoadError>>,
    /// Two who want the same code do not compile it twice.
    making: tokio::sync::Mutex<()>,
}

/// Every build that is at hand.
#[derive(Default)]
pub(super) struct Shelf(Mutex<HashMap<Build, Arc<Code>>>);

impl Code {
    /// What became of it.
    ///
    /// # Errors
    /// Why the file does not load.
    pub fn prepared(&self) -> Result<Prepared, LoadError> {
        let unmade = || Err(LoadError::Machine("it is still being compiled".to_owned()));
        self.made.get().cloned().unwrap_or_else(unmade)
    }

    fn is_made(&self) -> bool {
        self.made.get().is_some()
    }
}

impl Shelf {
    /// Code that was made, or why it cannot be; not what is being made.
    pub fn get(&self, build: &Build) -> Option<Arc<Code>> {
        self.codes().get(build).filter(|code| code.is_made()).map(Arc::clone)
    }

    /// Lets go of what nobody needs or holds.
    pub fn retain(&self, needed: &HashSet<Build>) {
        self.codes().retain(|build, code| needed.contains(build) || Arc::strong_count(code) > 1);
    }

    /// Lets go of one build, unless somebody else holds it.
    pub fn let_go(&self, build: &Build) {
        let mut codes = self.codes();
        if codes.get(build).is_some_and(|code| Arc::strong_count(code) == 1) {
            codes.remove(build);
        }
    }

    /// Lets go of what failed, so that it can be tried again.
    pub fn forget_failed(&self, build: &Build) {
        let mut codes = self.codes();
        if codes.get(build).is_some_and(|code| matches!(code.made.get(), Some(Err(_)))) {
            codes.remove(build);
        }
    }

    fn hold(&self, build: Build) -> Arc<Code> {
        Arc::clone(self.codes().entry(build).or_default())
    }

    fn codes(&self) -> MutexGuard<'_, HashMap<Build, Arc<Code>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Code that is at hand: in memory, or in the cache, which takes milliseconds. `None`: it would
    /// have to be compiled.
    pub(super) async fn at_hand(&self, digest: Digest, settings: &Json) -> Option<Arc<Code>> {
        let settings = canonical(settings);
        let build = Build { digest, settings: Digest::of(settings.as_bytes()) };
        if let Some(code) = self.shelf.get(&build) {
            return Some(code);
        }
        let runtime = Arc::clone(&self.runtime);
        let cached = tokio::task::spawn_blocking(move || runtime.cached(digest, &settings)).await;
        // A panic while it was read: compiling says what is wrong.
        let cached = cached.ok().flatten()?;
        let code = self.shelf.hold(build);
        // Whoever was faster has made the same.
        let _ = code.made.set(cached);
        Some(code)
    }

    /// Makes a file ready, or finds it ready: the costly part, seconds and more. Nothing may be locked
    /// meanwhile that others wait for.
    pub(super) async fn make(&self, file: Vec<u8>, settings: &Json) -> Arc<Code> {
        let settings = canonical(settings);
        let build = Build { digest: Digest::of(&file), settings: Digest::of(settings.as_bytes()) };
        let code = self.shelf.hold(build);
        let making = code.making.lock().await;
        if code.is_made() {
            drop(making);
            return code;
        }
        let trust = match self.trusted.contains(&build.digest) {
            true => Trust::Bundled,
            false => Trust::Stranger,
        };
        let runtime = Arc::clone(&self.runtime);
        let loaded =
            tokio::task::spawn_blocking(move || runtime.load(&file, &settings, trust)).await;
        let loaded = loaded.unwrap_or_else(|panic| {
            Err(LoadError::Compile(format!("the compiler gave up: {panic}")))
        });
        let _ = code.made.set(loaded);
        drop(making);
        code
    }
}
