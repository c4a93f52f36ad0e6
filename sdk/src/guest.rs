//! The WebAssembly side of [`crate::export!`]: bindings and the conversions at the boundary.
//! Not part of the public interface.

use std::cell::RefCell;

use crate::{Detector, Event, Inputs, Signal, Value};

#[allow(unsafe_code, missing_docs, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "component",
        pub_export_macro: true,
        default_bindings_module: "picket_sdk::guest::bindings",
    });
}

pub use bindings::exports::picket::detector::detector::Guest;
pub use bindings::picket::detector::types::{Event as WireEvent, Signal as WireSignal};

use bindings::picket::detector::log;
use bindings::picket::detector::types;

/// Where the configured detector lives; the host snapshots the memory that holds it.
pub struct Slot<D>(RefCell<Option<D>>);

impl<D: Detector> Slot<D> {
    /// A slot that waits for `configure`.
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Parses the settings and builds the detector.
    pub fn configure(&self, settings: &str) -> Result<(), String> {
        // A panic ends the instance; the hook sends its message out first.
        std::panic::set_hook(Box::new(|panic| {
            log::write(log::Level::Error, &panic.to_string());
        }));
        let settings =
            serde_json::from_str(settings).map_err(|error| format!("settings: {error}"))?;
        *self.0.borrow_mut() = Some(D::configure(settings)?);
        Ok(())
    }

    /// Reads the inputs and judges the event.
    pub fn evaluate(&self, event: WireEvent) -> Result<Vec<WireSignal>, String> {
        let slot = self.0.borrow();
        let detector = slot.as_ref().ok_or("evaluate was called before configure")?;
        let WireEvent { id, type_: kind, time_ms, inputs } = event;
        let inputs = inputs.into_iter().map(value).collect();
        let Some(inputs) = D::Inputs::read(inputs) else {
            return Ok(Vec::new());
        };
        let signals = detector.evaluate(&Event { id, kind, time_ms }, &inputs)?;
        Ok(signals.into_iter().map(wire_signal).collect())
    }
}

/// The manifest with its inputs, as JSON.
pub fn describe<D: Detector>() -> String {
    D::manifest().with_inputs(D::Inputs::declare()).to_json()
}

fn value(value: types::Value) -> Value {
    match value {
        types::Value::Absent => Value::Absent,
        types::Value::Boolean(inner) => Value::Boolean(inner),
        types::Value::Integer(inner) => Value::Integer(inner),
        types::Value::Number(inner) => Value::Number(inner),
        types::Value::Text(inner) => Value::Text(inner),
        types::Value::Texts(inner) => Value::Texts(inner),
        types::Value::Integers(inner) => Value::Integers(inner),
        types::Value::Numbers(inner) => Value::Numbers(inner),
    }
}

fn wire_signal(signal: Signal) -> WireSignal {
    let span = |span: crate::Span| types::Span {
        input: span.input,
        item: span.item,
        start: span.start,
        end: span.end,
    };
    let entity = |entity: crate::Entity| types::Entity { kind: entity.kind, value: entity.value };
    WireSignal {
        label: signal.label,
        score: signal.score,
        confidence: signal.confidence,
        reason: signal.reason,
        spans: signal.spans.into_iter().map(span).collect(),
        entities: signal.entities.into_iter().map(entity).collect(),
    }
}
