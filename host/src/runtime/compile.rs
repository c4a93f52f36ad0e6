//! From a file to code for the serving engine: scan, divide, first run, snapshot, compile.
//!
//! What is in the bundle compiles here, side by side. Whatever else there is compiles in a process
//! of its own (`child` starts it, `worker` is its body), one at a time: hostile code can make a
//! compiler take any time and memory, and crash it.

mod child;
mod worker;

use serde::{Deserialize, Serialize};
use wasmtime::Engine;

pub use child::CompilerOptions;
pub use worker::{WorkerLimits, compile_worker};

pub(super) use child::Compiler;

use super::limits::Limits;
use super::preinit::first_run;
use super::{LoadError, divide, frame, scan};

/// What is to be compiled besides the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub settings: String,
    pub ceiling: Limits,
    /// Of the random numbers in `describe` and `configure`.
    pub seed: [u8; 32],
}

/// Compiled code and what its first run has shown: what the cache keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Artifact {
    pub head: Head,
    /// For [`super::engine::serving`].
    pub code: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// What `describe` returned; not yet checked.
    pub manifest: String,
    pub pre_initialised: bool,
}

impl Artifact {
    /// As one frame.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut frame = Vec::with_capacity(self.code.len() + self.head.manifest.len() + 256);
        frame::write(&mut frame, &self.head, &self.code)?;
        Ok(frame)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, code) = frame::read(bytes)?;
        Some(Self { head, code: code.to_vec() })
    }
}

/// Makes a file into code: the first run on `scratch`, the code by `compiling`. Pure but for the time
/// and memory that it takes.
pub(super) fn compile(
    scratch: &Engine,
    compiling: &Engine,
    request: &Request,
    file: &[u8],
) -> Result<Artifact, LoadError> {
    scan::scan(file, &request.ceiling)?;
    let run = |file| first_run(scratch, file, &request.settings, &request.ceiling, request.seed);
    let divided = divide::divided(file);
    let mut ran = divided.as_deref().unwrap_or(file);
    let mut first = run(ran);
    if divided.is_some() && matches!(first, Err(LoadError::Compile(_))) {
        // What is said of an invalid file is said of the one that its author has.
        ran = file;
        first = run(file);
    }
    let first = first?;
    let snapshot = first.snapshot.and_then(|bytes| compiling.precompile_component(&bytes).ok());
    let head = Head { manifest: first.describe, pre_initialised: snapshot.is_some() };
    let code = match snapshot {
        Some(code) => code,
        None => compiling
            .precompile_component(ran)
            .map_err(|error| LoadError::Compile(format!("{error:#}")))?,
    };
    Ok(Artifact { head, code })
}
