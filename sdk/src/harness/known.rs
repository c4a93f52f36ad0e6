//! What a case says is known beyond its event, as the host would pass it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::typed;
use crate::{Function, InputDeclaration, Value};

/// Refuses a name that no input has.
pub(super) fn check(
    inputs: &[InputDeclaration],
    known: &BTreeMap<String, Json>,
) -> Result<(), String> {
    let told: Vec<String> = inputs
        .iter()
        .filter(|input| !matches!(input, InputDeclaration::Field { .. }))
        .map(ToString::to_string)
        .collect();
    match known.keys().find(|name| !told.contains(name)) {
        Some(name) => Err(format!("no input is called `{name}`; known are: {}", told.join(", "))),
        None => Ok(()),
    }
}

/// The value of an input that is no field.
pub(super) fn value(
    input: &InputDeclaration,
    known: &BTreeMap<String, Json>,
) -> Result<Value, String> {
    let Some(given) = known.get(&input.to_string()) else {
        return Ok(match input {
            InputDeclaration::Feature {
                function: Function::Count | Function::Distinct, ..
            } => Value::Integer(0),
            InputDeclaration::Feature { function: Function::Sum, .. } => Value::Number(0.0),
            _ => Value::Absent,
        });
    };
    let value = typed(given);
    let fits = match (input, &value) {
        (_, Value::Absent) => return Ok(value),
        (InputDeclaration::List { .. }, Value::Boolean(_)) => true,
        (InputDeclaration::Recent { .. }, Value::Texts(_)) => true,
        (InputDeclaration::Feature { function: Function::Sum | Function::Mean, .. }, number) => {
            return match number {
                Value::Number(number) => Ok(Value::Number(*number)),
                #[allow(clippy::cast_precision_loss, reason = "it is a number that a case gives")]
                Value::Integer(integer) => Ok(Value::Number(*integer as f64)),
                _ => Err(format!("`{input}` is a number, not {given}")),
            };
        }
        (InputDeclaration::Feature { .. }, Value::Integer(_)) => true,
        _ => false,
    };
    match fits {
        true => Ok(value),
        false => Err(format!("`{input}` is no {given}")),
    }
}
