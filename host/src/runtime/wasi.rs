//! WASI for files made by plain `cargo build --target wasm32-wasip2`: present, and locked.
//!
//! No files, environment, arguments or sockets. The clock stands still at the event's time, random
//! numbers come from the event and the digest, and what is printed goes to the log budget.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use wasmtime::Result;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random, sync};
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, async_trait};

use super::guest::{Guest, Level};
use crate::model::Digest;

/// The interfaces that a detector may import besides `log`, each at 0.2.x.
pub(super) const ALLOWED: [&str; 17] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
];
pub(super) const ALLOWED_FAMILY: &str = "wasi:random/";
pub(super) const ALLOWED_TEXT: &str =
    "wasi:cli, wasi:clocks, wasi:filesystem, wasi:io and wasi:random at 0.2 (all locked)";

/// What a guest may hold of the host's at once: streams, errors, pollables.
const RESOURCES_MAX: usize = 256;

/// The clock as `wasmtime-wasi` links it; older 0.2 names resolve to it.
const LINKED_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// The seed of what a guest draws in `describe` and `configure`.
pub(super) fn setup_seed(digest: Digest, settings_digest: Digest) -> [u8; 32] {
    let mut seed = *digest.as_bytes();
    seed.iter_mut().zip(settings_digest.as_bytes()).for_each(|(a, b)| *a ^= b);
    seed
}

/// The locked context of one instance.
pub(super) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    stdout: Printed,
    stderr: Printed,
}

impl Wasi {
    /// A context whose clock stands at `time_ms` and whose random numbers follow from `seed`.
    pub fn new(time_ms: i64, seed: [u8; 32], print_bytes: usize) -> Self {
        let (stdout, stderr) = (Printed::new(print_bytes), Printed::new(print_bytes));
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self { ctx: ctx(time_ms, seed, &stdout, &stderr), table, stdout, stderr }
    }

    /// Begins another call: clock and random numbers as in a new context. What the guest holds, such
    /// as its standard output, stays.
    pub fn restart(&mut self, time_ms: i64, seed: [u8; 32]) {
        self.ctx = ctx(time_ms, seed, &self.stdout, &self.stderr);
    }

    /// Whether the guest holds something of the host's, which no snapshot can carry.
    pub fn holds_resources(&self) -> bool {
        !self.table.is_empty()
    }
}

fn ctx(time_ms: i64, seed: [u8; 32], stdout: &Printed, stderr: &Printed) -> WasiCtx {
    let now = Duration::from_millis(u64::try_from(time_ms).unwrap_or_default());
    let half = |range: std::ops::Range<usize>| {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&seed[range]);
        u128::from_le_bytes(bytes)
    };
    WasiCtxBuilder::new()
        .wall_clock(Frozen(now))
        .monotonic_clock(Frozen(now))
        .secure_random(StdRng::from_seed(seed))
        .insecure_random(StdRng::from_seed(seed))
        .insecure_random_seed(half(0..16) ^ half(16..32))
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

impl Guest {
    /// Moves what was printed to the log. Runtimes print to stderr why they give up, so those lines
    /// count as errors.
    pub fn collect_printed(&mut self) {
        let Some(wasi) = &self.wasi else { return };
        for (stream, level) in [(&wasi.stdout, Level::Info), (&wasi.stderr, Level::Error)] {
            let bytes = stream.take();
            let text = String::from_utf8_lossy(&bytes);
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                self.log.write(level, line);
            }
        }
    }
}

/// A stream that keeps the first bytes written to it and forgets the rest.
#[derive(Clone)]
struct Printed {
    bytes: Arc<Mutex<Vec<u8>>>,
    bytes_max: usize,
}

impl Printed {
    fn new(bytes_max: usize) -> Self {
        Self { bytes: Arc::default(), bytes_max }
    }

    fn take(&self) -> Vec<u8> {
        mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Printed {
    fn write(&mut self, written: Bytes) -> StreamResult<()> {
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = self.bytes_max.saturating_sub(bytes.len()).min(written.len());
        bytes.extend_from_slice(&written[..room]);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only preview 3 asks for this, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut().expect("components that import WASI get a context");
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}

struct Frozen(Duration);

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Frozen {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Links the allowed interfaces and no others.
pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_sync(linker)?;
    let l = linker;
    random::insecure::add_to_linker::<Guest, WasiRandom>(l, |guest| guest.ctx().ctx.random())?;
    random::insecure_seed::add_to_linker::<Guest, WasiRandom>(l, |guest| guest.ctx().ctx.random())?;
    cli::exit::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::environment::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    filesystem::preopens::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    sync::filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    forbid_waiting(l)
}

/// A timer would block this thread where no deadline reaches it, so there are none.
fn forbid_waiting(linker: &mut Linker<Guest>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut clock = linker.instance(LINKED_CLOCK)?;
    for name in ["subscribe-instant", "subscribe-duration"] {
        clock.func_wrap(name, |_, (_,): (u64,)| -> Result<(Resource<DynPollable>,)> {
            Err(wasmtime::Error::msg("a detector may not wait"))
        })?;
    }
    linker.allow_shadowing(false);
    Ok(())
}
