//! `picket compile-worker`: what the program runs itself as, to compile what it does not trust. Not for
//! people.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::runtime::{self, WorkerLimits};

#[derive(Debug, Args)]
pub(super) struct CompileWorker {
    /// Processor time
    #[arg(long)]
    cpu_ms: u64,
    /// Memory
    #[arg(long)]
    memory_bytes: u64,
}

pub(super) fn run(worker: &CompileWorker) -> ExitCode {
    let CompileWorker { cpu_ms, memory_bytes } = *worker;
    runtime::compile_worker(WorkerLimits { cpu: Duration::from_millis(cpu_ms), memory_bytes })
}
