//! Values of a condition while it is evaluated. They borrow from the event and the policy, and hold
//! nothing that differs from machine to machine: no float is ever infinite or not a number.

use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::run::Failure;
use super::tree::{Constant, Operation};
use crate::model::{Signal, Timestamp};

#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    Time(Timestamp),
    /// A list of the event.
    Array(&'a [Json]),
    Object(&'a Map<String, Json>),
    /// A list that the condition made.
    List(Rc<Vec<Self>>),
    Signals(&'a [&'a Signal]),
    Signal(&'a Signal),
    /// Labels with their strongest evidence, sorted by label.
    Labels(&'a [(&'a str, f64)]),
}

impl<'a> Value<'a> {
    /// What it is, for a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::Time(_) => "a time",
            Self::Array(_) | Self::List(_) | Self::Signals(_) => "a list",
            Self::Object(_) | Self::Signal(_) | Self::Labels(_) => "an object",
        }
    }

    /// How many items, keys or characters; `None` where it has none.
    pub fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Object(fields) => Some(fields.len()),
            Self::Labels(labels) => Some(labels.len()),
            _ => self.length(),
        }
    }

    /// How many items a list has; `None` where it is none.
    pub fn length(&self) -> Option<usize> {
        match self {
            Self::Array(items) => Some(items.len()),
            Self::List(items) => Some(items.len()),
            Self::Signals(signals) => Some(signals.len()),
            _ => None,
        }
    }

    /// An item of a list.
    pub fn item(&self, at: usize) -> Option<Self> {
        match self {
            Self::Array(items) => items.get(at).map(Self::from),
            Self::List(items) => items.get(at).cloned(),
            Self::Signals(signals) => signals.get(at).map(|signal| Self::Signal(signal)),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<Number> {
        match *self {
            Self::Int(int) => Some(Number::Int(int)),
            Self::Double(double) => Some(Number::Double(double)),
            _ => None,
        }
    }
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(is) => Self::Bool(*is),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) => Self::Int(int),
                (None, Some(double)) => Self::Double(double),
                // Invariant: without arbitrary precision every JSON number is one of the two.
                (None, None) => Self::Null,
            },
            Json::String(text) => Self::Text(text),
            Json::Array(items) => Self::Array(items),
            Json::Object(fields) => Self::Object(fields),
        }
    }
}

impl<'a> From<&'a Constant> for Value<'a> {
    fn from(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(is) => Self::Bool(*is),
            Constant::Int(int) => Self::Int(*int),
            Constant::Double(double) => Self::Double(*double),
            Constant::Text(text) => Self::Text(text),
            Constant::Time(time) => Self::Time(*time),
        }
    }
}

/// A number. JSON does not say which kind one is, so the two mix: together they are doubles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Int(i64),
    Double(f64),
}

impl Number {
    pub fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => Some(one.cmp(&other)),
            _ => self.double().partial_cmp(&other.double()),
        }
    }

    /// Checked: what has no result, or none that is a number, fails.
    pub fn calculate<'a>(self, operation: Operation, other: Self) -> Result<Value<'a>, Failure> {
        use Operation::{Add, Divide, Multiply, Remainder, Subtract};
        if let (Divide | Remainder, Self::Int(0) | Self::Double(0.0)) = (operation, other) {
            return Err(Failure::DividesByZero);
        }
        if let (Self::Int(one), Self::Int(other)) = (self, other) {
            let result = match operation {
                Add => one.checked_add(other),
                Subtract => one.checked_sub(other),
                Multiply => one.checked_mul(other),
                Divide => one.checked_div(other),
                Remainder => one.checked_rem(other),
            };
            return result.map(Value::Int).ok_or(Failure::TooLarge);
        }
        let (one, other) = (self.double(), other.double());
        let result = match operation {
            Add => one + other,
            Subtract => one - other,
            Multiply => one * other,
            Divide => one / other,
            Remainder => return Err(Failure::Parts),
        };
        if result.is_finite() { Ok(Value::Double(result)) } else { Err(Failure::TooLarge) }
    }

    pub fn negate<'a>(self) -> Result<Value<'a>, Failure> {
        match self {
            Self::Int(int) => int.checked_neg().map(Value::Int).ok_or(Failure::TooLarge),
            Self::Double(double) => Ok(Value::Double(-double)),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "beside a double an integer is one")]
    fn double(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Double(double) => double,
        }
    }
}
