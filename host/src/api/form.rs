//! Reading a small JSON object by hand, so that every fault of it is named at once.

use serde_json::{Map, Value};

use super::request::unexplained;
use crate::model::Fault;

/// What was sent, and what is wrong with it.
pub(super) struct Form<'a> {
    fields: &'a Map<String, Value>,
    faults: Vec<Fault>,
}

impl<'a> Form<'a> {
    pub fn of(json: &'a Value, known: &[&str]) -> Result<Self, Vec<Fault>> {
        let Some(fields) = json.as_object() else {
            return Err(vec![Fault::new(
                "",
                format!("send a JSON object of {}", known.join(", ")),
            )]);
        };
        let unknown = fields.keys().filter(|key| !known.contains(&key.as_str()));
        let faults = unknown
            .map(|key| {
                Fault::new(format!("/{key}"), format!("unknown: one of {}", known.join(", ")))
            })
            .collect();
        Ok(Self { fields, faults })
    }

    /// A field that is there.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|sent| !sent.is_null())
    }

    pub fn is_absent(&self, key: &str) -> bool {
        self.get(key).is_none()
    }

    pub fn fault<T>(&mut self, pointer: &str, detail: impl Into<String>) -> Option<T> {
        self.faults.push(Fault::new(pointer, detail));
        None
    }

    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::String(text) => Some(text.clone()),
            _ => self.fault(&format!("/{key}"), "not a text"),
        }
    }

    /// The reason for a change, which has to be there.
    pub fn why(&mut self) -> String {
        let faults = self.faults.len();
        let why = self.text("why").unwrap_or_default();
        if faults == self.faults.len() {
            self.faults.extend(unexplained(&why));
        }
        why
    }

    /// What was read, unless something is wrong with any of it.
    pub fn done<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(self.faults),
        }
    }
}
