//! What a case says that a detector is told beyond its event, by the names of its inputs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::{
    DecisionId, Digest, Feature, Function, Input, Known, Manifest, Recalled, Timestamp, Told,
};

/// What is known for the inputs of a manifest. What is not given is as if nothing had happened before.
///
/// # Errors
/// A name that no input has, or a value of another type.
pub(super) fn of(manifest: &Manifest, given: &BTreeMap<String, Json>) -> Result<Known, String> {
    let told: Vec<&Input> =
        manifest.inputs.iter().filter(|it| !matches!(it, Input::Field { .. })).collect();
    let names: Vec<String> = told.iter().map(ToString::to_string).collect();
    if let Some(name) = given.keys().find(|name| !names.contains(name)) {
        return Err(format!("no input is called `{name}`; known are: {}", names.join(", ")));
    }
    let mut known = Known::default();
    for (input, name) in told.into_iter().zip(names) {
        let is = match given.get(&name) {
            None => before_anything(input),
            Some(Json::Null) => Told::Absent,
            Some(json) => read(input, json).ok_or_else(|| format!("`{name}` cannot be {json}"))?,
        };
        known.tell(input, is);
    }
    Ok(known)
}

/// As if nothing had happened before.
pub(super) fn nothing(manifest: &Manifest) -> Known {
    let told = manifest.inputs.iter().filter(|it| !matches!(it, Input::Field { .. }));
    let mut known = Known::default();
    told.for_each(|input| known.tell(input, before_anything(input)));
    known
}

pub(super) fn before_anything(input: &Input) -> Told {
    match input {
        Input::Feature(Feature { function: Function::Count | Function::Distinct, .. }) => {
            Told::Integer(0)
        }
        Input::Feature(Feature { function: Function::Sum, .. }) => Told::Number(0.0),
        _ => Told::Absent,
    }
}

/// What is told where a case says so; `None` where it cannot be that.
pub(super) fn read(input: &Input, json: &Json) -> Option<Told> {
    match input {
        Input::Field { .. } => None,
        Input::List { .. } => json.as_bool().map(Told::Boolean),
        Input::Feature(Feature { function: Function::Sum | Function::Mean, .. }) => {
            json.as_f64().map(Told::Number)
        }
        Input::Feature(_) => json.as_i64().map(Told::Integer),
        Input::Recent(_) => {
            let texts = json.as_array()?.iter().enumerate().map(|(number, text)| {
                Some(Recalled {
                    decision: DecisionId::from_time(Timestamp::from_micros(0)),
                    event: Digest::of(b""),
                    event_id: format!("earlier-{}", number + 1),
                    text: text.as_str()?.to_owned(),
                })
            });
            texts.collect::<Option<_>>().map(Told::Recent)
        }
    }
}
