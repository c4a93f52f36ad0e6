//! The sandbox: the only place that names wasmtime.
//!
//! A component is scanned, described, configured and snapshotted once ([`Runtime::load`]); then every
//! event gets a fresh instance of the snapshot ([`Prepared::evaluate`]), so no state can outlive an
//! evaluation. What a detector is and when it runs is for the layers above.

mod abi;
mod cache;
mod call;
mod compile;
mod divide;
mod engine;
mod frame;
mod guest;
mod imports;
mod limits;
mod load;
mod preinit;
mod scan;
mod warm;
mod wasi;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::model::manifest::Budget;
use crate::model::{Build, Digest, Manifest};
pub use cache::CacheFound;
pub use call::{Call, RawEntity, RawSignal, RawSpan, Run, Value};
pub use compile::{CompilerOptions, WorkerLimits, compile_worker};
pub use imports::imports;
pub use limits::Limits;
pub use load::Trust;
pub use scan::scan;
pub use warm::Warm;

use abi::v1;
use cache::Cache;
use compile::Compiler;
use engine::Ticker;
use guest::Guest;

/// What a runtime is built from. The default has no cache.
#[derive(Debug, Clone, Default)]
pub struct RuntimeOptions {
    /// No detector gets more than this, whatever its manifest asks for.
    pub ceiling: Limits,
    /// Where compiled components are kept; `None` compiles at every start.
    pub cache: Option<CacheOptions>,
    /// How strangers' files are compiled.
    pub compiler: CompilerOptions,
}

/// Where compiled components are kept, and the key that says they are ours.
#[derive(Debug, Clone)]
pub struct CacheOptions {
    pub dir: PathBuf,
    pub host_key: [u8; 32],
    /// What they may take up together; those unused for longest go first.
    pub bytes_max: u64,
}

/// The engines, the linker and the clock of the sandbox. One per process.
pub struct Runtime {
    /// Runs events.
    serving: Engine,
    /// Runs `describe` and `configure` of what is in the bundle.
    scratch: Engine,
    linker: Linker<Guest>,
    cache: Option<Cache>,
    compiler: Compiler,
    ceiling: Limits,
    _ticker: Ticker,
}

/// A detector that is ready to run: compiled, configured, snapshotted. Cheap to clone.
#[derive(Clone)]
pub struct Prepared(Arc<PreparedInner>);

#[derive(Clone)]
struct PreparedInner {
    manifest: Manifest,
    digest: Digest,
    settings: String,
    settings_digest: Digest,
    pre_initialised: bool,
    wasi: bool,
    limits: Limits,
    component: v1::ComponentPre<Guest>,
}

impl Runtime {
    /// Looks at what lies in a cache, and changes nothing.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn examine_cache(options: &CacheOptions) -> std::io::Result<CacheFound> {
        Cache::examine(options)
    }

    /// Builds the engines and starts the clock.
    ///
    /// # Errors
    /// Where the operating system refuses the address space, a thread or the cache directory.
    pub fn new(options: &RuntimeOptions) -> Result<Self, RuntimeError> {
        let serving = engine::serving(&options.ceiling).map_err(RuntimeError::engine)?;
        Self::on(serving, options)
    }

    fn on(serving: Engine, options: &RuntimeOptions) -> Result<Self, RuntimeError> {
        let scratch = engine::scratch().map_err(RuntimeError::engine)?;
        let mut linker = Linker::new(&serving);
        v1::link(&mut linker).map_err(RuntimeError::engine)?;
        wasi::link(&mut linker).map_err(RuntimeError::engine)?;
        let cache = options.cache.as_ref().map(|cache| Cache::open(cache, &serving)).transpose()?;
        let compiler = Compiler::new(options.compiler.clone());
        let _ticker = Ticker::start([serving.clone(), scratch.clone()])?;
        let ceiling = options.ceiling;
        Ok(Self { serving, scratch, linker, cache, compiler, ceiling, _ticker })
    }

    /// No detector gets more than this.
    pub fn ceiling(&self) -> &Limits {
        &self.ceiling
    }
}

impl Prepared {
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// Of the file as shipped.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The settings it was configured with, as JSON.
    pub fn settings(&self) -> &str {
        &self.0.settings
    }

    pub fn settings_digest(&self) -> Digest {
        self.0.settings_digest
    }

    pub fn build(&self) -> Build {
        Build { digest: self.0.digest, settings: self.0.settings_digest }
    }

    /// Whether events start from a snapshot taken after `configure`. Without one, each pays for
    /// `configure` again.
    pub fn pre_initialised(&self) -> bool {
        self.0.pre_initialised
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The same with less to use, where that is less.
    #[must_use]
    pub fn within(self, budget: &Budget) -> Self {
        let limits = self.0.limits.within(budget);
        self.under(limits)
    }

    /// The same under these limits, such as those that it ran under once. Memory beyond the ceiling of
    /// the runtime is denied all the same.
    #[must_use]
    pub fn under(self, limits: Limits) -> Self {
        match limits == self.0.limits {
            true => self,
            false => Self(Arc::new(PreparedInner { limits, ..(*self.0).clone() })),
        }
    }
}

/// Why the runtime could not start.
#[derive(Debug, Error)]
pub enum RuntimeError {
    #[error("the sandbox could not start: {0}")]
    Engine(String),
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: std::io::Error },
}

impl RuntimeError {
    fn engine(error: impl std::fmt::Display) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// Why a file was refused as a detector. The message is for the engineer who shipped it; what the file
/// had a say in is cut and cleaned there.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum LoadError {
    #[error("not a detector: {}", plain(.0))]
    Scan(String),
    #[error("does not compile: {}", plain(.0))]
    Compile(String),
    /// What compiling took or what became of the compiler, and what to do about it.
    #[error("{}", plain(.0))]
    Compiling(String),
    /// Not the file's fault: the same bytes may well load another time.
    #[error("not loaded, and the file may be good: {}", plain(.0))]
    Machine(String),
    #[error(
        "imports `{}`, which detectors are not given; they may import picket:detector/log and {allowed}",
        plain(.0),
        allowed = wasi::ALLOWED_TEXT
    )]
    Import(String),
    #[error("does not fit the detector interface: {}", plain(.0))]
    Interface(String),
    #[error("{}", plain(.0))]
    Manifest(String),
    #[error("`describe` failed: {}", plain(.0))]
    Describe(String),
    #[error("`configure` refused the settings: {}", plain(.0))]
    Settings(String),
    #[error("`configure` failed: {}", plain(.0))]
    Configure(String),
    #[error("the self-test failed: evaluating an event without inputs: {}", plain(.0))]
    SelfTest(String),
}

impl LoadError {
    /// Whether the same file may well load another time: the machine had no time, memory or disk for
    /// it. Whatever else a file is refused for lies in its bytes, its settings or what is granted.
    pub fn is_of_the_machine(&self) -> bool {
        matches!(self, Self::Machine(_))
    }
}

/// Bytes of a refusal that a file has a say in: names, and what a guest says of itself.
const REFUSAL_BYTES_MAX: usize = 1_000;

/// A text that a file had a say in, for a terminal and a table: one line, bounded, nothing to obey.
fn plain(text: &str) -> String {
    if text.trim().is_empty() {
        return "it does not say why".to_owned();
    }
    let mut end = text.len().min(REFUSAL_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < text.len() { "…" } else { "" };
    text[..end].replace(['\n', '\t'], " ").replace(char::is_control, "\u{fffd}") + cut
}
