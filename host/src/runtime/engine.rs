//! The engines: one serves events, one runs what is thrown away after loading, one only compiles.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Result,
};

use super::RuntimeError;
use super::limits::{INSTANCES_MAX, Limits, MEMORIES_MAX, TABLES_MAX};

/// Instances that can be alive at once: far more than there are evaluation threads.
const POOL: u32 = 64;
/// Linear memory that stays mapped when an instance ends, so that the next one finds it warm.
const KEEP_RESIDENT: usize = 256 << 10;
/// How often running guests look whether their time is up.
const TICK: Duration = Duration::from_millis(1);

/// Pooled and optimised: runs events.
pub(super) fn serving(ceiling: &Limits) -> Result<Engine> {
    Engine::new(&pooled(ceiling))
}

fn pooled(ceiling: &Limits) -> Config {
    let mut config = optimised();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(ceiling)));
    config
}

/// Compiles for [`serving`] and runs nothing: how instances are allocated does not alter the code, so
/// it reserves no pool.
pub(super) fn compiling() -> Result<Engine> {
    Engine::new(&optimised())
}

/// Compiles quickly and runs `describe` and `configure`, once.
pub(super) fn scratch() -> Result<Engine> {
    let mut config = deterministic();
    // One instance each: an image to copy from would only cost a file, which the child may not have.
    config.cranelift_opt_level(OptLevel::None).memory_init_cow(false);
    Engine::new(&config)
}

fn optimised() -> Config {
    let mut config = deterministic();
    config.cranelift_opt_level(OptLevel::Speed);
    config
}

/// What all engines share: nothing that could make two runs differ, nothing that cannot be stopped.
fn deterministic() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(false)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        .memory_init_cow(true);
    config
}

fn pool(ceiling: &Limits) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(POOL)
        .total_core_instances(POOL * INSTANCES_MAX)
        .total_memories(POOL * MEMORIES_MAX)
        .total_tables(POOL * TABLES_MAX)
        .total_stacks(0)
        .max_core_instances_per_component(INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memory_size(ceiling.memory_bytes)
        .table_elements(ceiling.table_elements)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(16 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// A thread of its own that advances the epoch: async workers may be busy, deadlines may not wait.
pub(super) struct Ticker {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub fn start(engines: impl Into<Vec<Engine>>) -> Result<Self, RuntimeError> {
        let engines = engines.into();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("picket-ticker".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    thread::sleep(TICK);
                    for engine in &engines {
                        engine.increment_epoch();
                    }
                }
            })
            .map_err(RuntimeError::engine)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A ticker that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}
