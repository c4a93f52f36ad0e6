//! Between the types of this version and the host's own.

use super::super::super::call::{RawEntity, RawSignal, RawSpan, Value};
use super::bindings::exports::picket::detector::detector::Signal;
use super::bindings::picket::detector::types;

pub(super) fn value<'a>(value: &'a Value<'a>) -> types::Value<'a> {
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

pub(super) fn signal(signal: Signal) -> RawSignal {
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
