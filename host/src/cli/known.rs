//! What a case says that a detector is told beyond its event, by the names of its inputs.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::model::{
    DecisionId, Digest, Feature, Function, Input, Known, Manifest, Recalled, Timestamp, Told,
};

/// What is known for the inputs of a manifest. What is not given is as if nothing had happened before. A name
/// may be short where it is of one input alone.
///
/// # Errors
/// A name that no input has, or several, or a value of another type.
pub(super) fn of(manifest: &Manifest, given: &BTreeMap<String, Json>) -> Result<Known, String> {
    let told: Vec<&Input> =
        manifest.inputs.iter().filter(|it| !matches!(it, Input::Field { .. })).collect();
    let mut known = Known::default();
    for (name, json) in given {
        let is_called = |it: &&&Input| it.to_string() == *name || it.in_full() == *name;
        let called: Vec<&&Input> = told.iter().filter(is_called).collect();
        let [input] = called[..] else {
            let names = told.iter().map(|it| it.in_full()).collect::<Vec<_>>().join("`, `");
            let none = if called.is_empty() { "no input is" } else { "several inputs are" };
            return Err(format!("{none} called `{name}`; there are: `{names}`"));
        };
        let is = match json {
            Json::Null => Told::Absent,
            json => read(input, json).ok_or_else(|| format!("`{name}` cannot be {json}"))?,
        };
        known.tell(input, is);
    }
    told.iter().for_each(|input| known.tell(input, Told::of_nothing(input)));
    Ok(known)
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
                    event_id: format!("{} {}", input.in_full(), number + 1),
                    text: text.as_str()?.to_owned(),
                })
            });
            texts.collect::<Option<_>>().map(Told::Recent)
        }
    }
}
