//! `picket:detector@1`: linking what it imports, calling what it exports.

mod bindings;
mod values;

use wasmtime::component::{HasSelf, Instance, Linker};
use wasmtime::{Result, Store};

use super::super::call::{Call, RawSignal};
use super::super::guest::{self, Guest};

pub(in super::super) use bindings::{Component, ComponentPre};

use bindings::exports::picket::detector::detector::Event;
use bindings::picket::detector::log::{self, Level};
use bindings::picket::detector::types;

pub(in super::super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    log::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)
}

impl log::Host for Guest {
    fn write(&mut self, level: Level, message: String) {
        let level = match level {
            Level::Debug => guest::Level::Debug,
            Level::Info => guest::Level::Info,
            Level::Warn => guest::Level::Warn,
            Level::Error => guest::Level::Error,
        };
        self.log.write(level, &message);
    }
}

impl types::Host for Guest {}

/// The exports of an instance, where they are those of this version.
pub(in super::super) fn exports(
    store: &mut Store<Guest>,
    instance: &Instance,
) -> Result<Component> {
    Component::new(store, instance)
}

/// The manifest, as JSON.
pub(in super::super) fn describe(
    component: &Component,
    store: &mut Store<Guest>,
) -> Result<String> {
    component.picket_detector_detector().call_describe(store)
}

/// The outer error is a trap, the inner one the detector's own.
pub(in super::super) fn configure(
    component: &Component,
    store: &mut Store<Guest>,
    settings: &str,
) -> Result<Result<(), String>> {
    component.picket_detector_detector().call_configure(store, settings)
}

/// The outer error is a trap, the inner one the detector's own.
pub(in super::super) fn evaluate(
    component: &Component,
    store: &mut Store<Guest>,
    call: &Call<'_>,
) -> Result<Result<Vec<RawSignal>, String>> {
    let inputs: Vec<types::Value<'_>> = call.inputs.iter().map(values::value).collect();
    let event = Event { id: call.id, type_: call.kind, time_ms: call.time_ms, inputs: &inputs };
    let answer = component.picket_detector_detector().call_evaluate(store, event)?;
    Ok(answer.map(|signals| signals.into_iter().map(values::signal).collect()))
}
