//! The child that compiles: it confines itself, reads one request, writes one answer.
//!
//! It is this program under a hidden subcommand, so what it compiles fits what serves.

use std::any::Any;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{self, DumpableBehavior, Resource, Rlimit, Signal};

use super::super::engine::{self, Ticker};
use super::super::{LoadError, frame};
use super::{Artifact, Request, compile};

/// What the child may use. It takes these limits upon itself before it reads anything.
#[derive(Debug, Clone, Copy)]
pub struct WorkerLimits {
    /// Processor time; the system counts whole seconds, so this is rounded up.
    pub cpu: Duration,
    /// Memory that is written to: the heap, stacks, what the guest uses.
    pub memory_bytes: u64,
}

/// Open files: the three of a process and a few while it starts threads.
const FILES_MAX: u64 = 16;
/// Events come first: beside a busy thread the child gets a tenth of a processor. At 19 it would get a
/// seventieth, and no detector would go live while the server is under load.
const NICE: i32 = 10;

/// The body of the child: a request from standard input, its answer to standard output.
pub fn compile_worker(limits: WorkerLimits) -> ExitCode {
    let done = confine(limits).and_then(|()| serve(io::stdin().lock(), io::stdout().lock()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn confine(limits: WorkerLimits) -> io::Result<()> {
    // Its parent may be gone before this line; then its input ends and so does it.
    process::set_parent_process_death_signal(Some(Signal::KILL))?;
    process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::thread::set_no_new_privs(true)?;
    process::setpriority_process(None, NICE)?;
    let seconds = limits.cpu.as_millis().div_ceil(1_000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    // The soft limit says which it was; the hard one cannot be caught.
    limit(Resource::Cpu, seconds, seconds.saturating_add(1))?;
    // Not the address space: wasmtime reserves gigabytes of it and touches little.
    limit(Resource::Data, limits.memory_bytes, limits.memory_bytes)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Fsize, 0, 0)?;
    limit(Resource::Nofile, FILES_MAX, FILES_MAX)
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let old = process::getrlimit(resource);
    let lower = |old: Option<u64>, new: u64| Some(old.map_or(new, |old| old.min(new)));
    let maximum = lower(old.maximum, maximum);
    let current = lower(maximum, current);
    Ok(process::setrlimit(resource, Rlimit { current, maximum })?)
}

fn serve(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    let (request, file) = frame::read::<Request>(&bytes)
        .ok_or_else(|| io::Error::other("the request was cut off"))?;
    let answer = caught(|| run(&request, file));
    let (head, code) = match answer {
        Ok(Artifact { head, code }) => (Ok(head), code),
        Err(error) => (Err(error), Vec::new()),
    };
    frame::write(&mut output, &head, &code)?;
    output.flush()
}

fn run(request: &Request, file: &[u8]) -> Result<Artifact, LoadError> {
    let failed = |error: &dyn std::fmt::Display| {
        LoadError::Machine(format!("the compiler does not start: {error:#}"))
    };
    let scratch = engine::scratch().map_err(|error| failed(&error))?;
    let compiling = engine::compiling().map_err(|error| failed(&error))?;
    let _ticker = Ticker::start([scratch.clone()]).map_err(|error| failed(&error))?;
    compile(&scratch, &compiling, request, file)
}

/// A panic of the compiler is an answer like any other.
fn caught<T>(work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(LoadError::Compiling(format!(
            "the compiler panicked ({}); the fault is Picket's: report it with the file",
            said(&*panic)
        )))
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_compiler_is_a_refusal() {
        let number = 7;
        let refused = caught(|| -> Result<(), _> { panic!("no register for v{number}") });
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("panicked (no register for v7)"), "{error}");
        assert_eq!(caught(|| Ok(7)), Ok(7));
    }

    #[test]
    fn a_request_that_is_cut_off_is_not_answered() {
        let mut answer = Vec::new();
        let error = serve(&b"\x05\0\0\0"[..], &mut answer).unwrap_err();
        assert!(error.to_string().contains("cut off") && answer.is_empty());
    }
}
