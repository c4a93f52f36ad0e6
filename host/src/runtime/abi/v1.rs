//! `picket:detector@1`: bindings, and the way from its types to the host's.

use wasmtime::Result;
use wasmtime::component::{HasSelf, Linker};

use super::super::call::{Call, RawEntity, RawSignal, RawSpan, Value};
use super::super::guest::{self, Guest};

#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "component",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(in super::super) use bindings::{Component, ComponentPre};

use bindings::exports::picket::detector::detector::{Event, Signal};
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

/// Calls `evaluate`. The outer error is a trap, the inner one the detector's own.
pub(in super::super) fn evaluate(
    component: &Component,
    store: &mut wasmtime::Store<Guest>,
    call: &Call<'_>,
) -> Result<Result<Vec<RawSignal>, String>> {
    let inputs: Vec<types::Value<'_>> = call.inputs.iter().map(value).collect();
    let event = Event { id: call.id, type_: call.kind, time_ms: call.time_ms, inputs: &inputs };
    let answer = component.picket_detector_detector().call_evaluate(store, event)?;
    Ok(answer.map(|signals| signals.into_iter().map(signal).collect()))
}

fn value<'a>(value: &'a Value<'a>) -> types::Value<'a> {
    match value {
        Value::Absent => types::Value::Absent,
        Value::Boolean(inner) => types::Value::Boolean(*inner),
        Value::Integer(inner) => types::Value::Integer(*inner),
        Value::Number(inner) => types::Value::Number(*inner),
        Value::Text(inner) => types::Value::Text(inner),
        Value::Texts(inner) => types::Value::Texts(inner),
        Value::Integers(inner) => types::Value::Integers(inner),
        Value::Numbers(inner) => types::Value::Numbers(inner),
    }
}

fn signal(signal: Signal) -> RawSignal {
    let span = |span: types::Span| RawSpan {
        input: span.input,
        item: span.item,
        start: span.start,
        end: span.end,
    };
    let entity = |entity: types::Entity| RawEntity { kind: entity.kind, value: entity.value };
    RawSignal {
        label: signal.label,
        score: signal.score,
        confidence: signal.confidence,
        reason: signal.reason,
        spans: signal.spans.into_iter().map(span).collect(),
        entities: signal.entities.into_iter().map(entity).collect(),
    }
}
