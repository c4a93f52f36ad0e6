//! What a case says is known beyond its event, as the host would pass it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::typed;
use crate::{Function, InputDeclaration, Value};

/// Refuses a name that no input has, or several.
pub(super) fn check(
    inputs: &[InputDeclaration],
    known: &BTreeMap<String, Json>,
) -> Result<(), String> {
    let mut told = inputs.to_vec();
    told.retain(|input| !matches!(input, InputDeclaration::Field { .. }));
    for name in known.keys() {
        let called = told.iter().filter(|input| is_called(input, name)).count();
        if called != 1 {
            let names: Vec<String> = told.iter().map(InputDeclaration::in_full).collect();
            let none = if called == 0 { "no input is" } else { "several inputs are" };
            return Err(format!("{none} called `{name}`; there are: `{}`", names.join("`, `")));
        }
    }
    Ok(())
}

fn is_called(input: &InputDeclaration, name: &str) -> bool {
    input.to_string() == name || input.in_full() == name
}

/// The value of an input that is no field.
pub(super) fn value(
    input: &InputDeclaration,
    known: &BTreeMap<String, Json>,
) -> Result<Value, String> {
    let Some((_, given)) = known.iter().find(|(name, _)| is_called(input, name)) else {
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
