//! `picket serve`.

use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::Config;

pub(super) const AFTER_HELP: &str = "\
Listens on loopback unless told otherwise and needs nothing: without a configuration the record is
SQLite in ./picket-data, and the shipped detectors and policies serve. Drop a detector's .wasm into
./detectors or a policy's .toml into ./policies and it is live in a second.

A new source begins in shadow mode: decided and recorded, nothing enforced. See `picket source mode`.
SIGTERM and Ctrl-C finish what was accepted.";

pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let begun = Instant::now();
    let app = App::start(config).await?;
    let snapshot = app.registry.current();
    tracing::info!(
        address = %app.address,
        detectors = snapshot.detectors().len(),
        policies = snapshot.policies().count(),
        millis = begun.elapsed().as_millis(),
        "ready"
    );
    if let Some(loud) = app.registry.landings().warning() {
        tracing::warn!("{loud}");
    }
    told_to_stop().await?;
    tracing::info!("stopping: no new requests, what was accepted is finished");
    app.stop().await;
    Ok(())
}

/// Waits for SIGTERM or Ctrl-C.
pub(super) async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
