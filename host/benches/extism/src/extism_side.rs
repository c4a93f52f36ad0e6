//! Extism: a plugin that is kept (warm), with and without a time limit, and one that is made of compiled
//! code for each call (cold).

use std::time::Duration;

use anyhow::Context;
use extism::convert::Json;
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use serde::{Deserialize, Serialize};

use super::{Contestant, EXTISM_COLD, EXTISM_WARM, Found, timed};

/// As long as a detector of Picket has by default.
const TIMEOUT: Duration = Duration::from_millis(10);

#[derive(Serialize)]
struct Event<'a> {
    id: &'a str,
    kind: &'a str,
    time_ms: i64,
    content: &'a str,
}

#[derive(Deserialize)]
struct Signal {
    label: String,
    score: f64,
    confidence: f64,
    reason: String,
    spans: Vec<std::ops::Range<usize>>,
    entities: Vec<Entity>,
}

#[derive(Deserialize)]
struct Entity {
    kind: String,
    value: String,
}

pub fn contestants(file: &[u8]) -> anyhow::Result<Vec<Contestant>> {
    let compiled = compile(Manifest::new([Wasm::data(file)]))?;
    let limited = compile(Manifest::new([Wasm::data(file)]).with_timeout(TIMEOUT))?;
    let mut warm = Plugin::new_from_compiled(&compiled)?;
    let mut warm_limited = Plugin::new_from_compiled(&limited)?;
    Ok(vec![
        Contestant::new(EXTISM_WARM, move |text| {
            let (nanos, signals) = timed(|| call(&mut warm, text));
            Ok((nanos, found(signals?)))
        })?,
        Contestant::new(format!("{EXTISM_WARM}, with a timeout"), move |text| {
            let (nanos, signals) = timed(|| call(&mut warm_limited, text));
            Ok((nanos, found(signals?)))
        })?,
        Contestant::new(EXTISM_COLD, move |text| {
            let (nanos, signals) =
                timed(|| call(&mut Plugin::new_from_compiled(&compiled)?, text));
            Ok((nanos, found(signals?)))
        })?,
    ])
}

fn compile(manifest: Manifest) -> anyhow::Result<CompiledPlugin> {
    CompiledPlugin::new(PluginBuilder::new(manifest).with_cache_disabled())
        .context("Extism compiles the plugin")
}

fn call(plugin: &mut Plugin, content: &str) -> anyhow::Result<Vec<Signal>> {
    let event = Event { id: "e", kind: "message.sent", time_ms: 0, content };
    let Json(signals) = plugin.call("evaluate", Json(event))?;
    Ok(signals)
}

fn found(signals: Vec<Signal>) -> Vec<Found> {
    let found = |signal: Signal| Found {
        label: signal.label,
        score: signal.score,
        confidence: signal.confidence,
        reason: signal.reason,
        spans: signal.spans.iter().map(|span| (span.start, span.end)).collect(),
        entities: signal.entities.into_iter().map(|it| (it.kind, it.value)).collect(),
    };
    signals.into_iter().map(found).collect()
}
