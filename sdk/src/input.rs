//! Inputs: what a detector declared, as values and as typed fields.

use std::ops::{Deref, Range};

use crate::{InputDeclaration, Span};

/// One input as the host passes it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// The event carries no such field, or one of a type that is none of these.
    Absent,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number that fits 64 bits.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(String),
    /// A list of strings.
    Texts(Vec<String>),
    /// A list of whole numbers.
    Integers(Vec<i64>),
    /// A list of numbers.
    Numbers(Vec<f64>),
}

/// The typed inputs of a detector. Derive it: each field names its input.
///
/// ```
/// # use picket_sdk::prelude::*;
/// #[derive(Inputs)]
/// struct Bid {
///     #[input("data.amount_cents")]
///     amount_cents: i64,
///     #[input("data.note")]
///     note: Option<Text>,
///     #[input(list = "known_phones")]
///     known: Option<bool>,
///     #[input(count, by = "subject", window_s = 3600, events = ["bid.*"])]
///     bids: i64,
///     #[input(distinct = "data.recipient_id", by = "subject", window_s = 3600)]
///     recipients: i64,
///     #[input(recent = "data.note", by = "subject", last = 5, window_s = 86400)]
///     earlier: Option<Vec<Text>>,
/// }
/// ```
///
/// A path names a field of the event. `list` is whether the event is on that list of the policy. `count`,
/// `sum`, `mean`, `distinct`, `first_seen` and `last_seen` are about earlier events with the same value at
/// `by`, and `recent` are texts of those, oldest first: [`InputDeclaration`] says what each gives.
pub trait Inputs: Sized {
    /// The declarations, in the order in which [`Inputs::read`] wants the values.
    fn declare() -> Vec<InputDeclaration>;

    /// The typed inputs, or `None` where a required one is absent: then there is nothing to judge.
    fn read(values: Vec<Value>) -> Option<Self>;
}

/// A type that one input can be read as.
pub trait FromValue: Sized {
    /// Reads `value`, which is input number `input`; `None` where it is absent or of another type.
    fn from_value(value: Value, input: u32) -> Option<Self>;
}

/// A text input: a `str` that knows which input it is, so that evidence can point into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    value: String,
    input: u32,
    item: u32,
}

impl Text {
    /// The evidence at `bytes` of this text, as it was sent.
    pub fn span(&self, bytes: Range<usize>) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            input: self.input,
            item: self.item,
            start: offset(bytes.start),
            end: offset(bytes.end),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl FromValue for Text {
    fn from_value(value: Value, input: u32) -> Option<Self> {
        match value {
            Value::Text(value) => Some(Self { value, input, item: 0 }),
            _ => None,
        }
    }
}

impl FromValue for Vec<Text> {
    fn from_value(value: Value, input: u32) -> Option<Self> {
        let Value::Texts(texts) = value else {
            return None;
        };
        Some(texts.into_iter().zip(0..).map(|(value, item)| Text { value, input, item }).collect())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value, input: u32) -> Option<Self> {
        Some(T::from_value(value, input))
    }
}

impl FromValue for f64 {
    fn from_value(value: Value, _: u32) -> Option<Self> {
        match value {
            Value::Number(number) => Some(number),
            #[allow(clippy::cast_precision_loss, reason = "a number was asked for")]
            Value::Integer(integer) => Some(integer as f64),
            _ => None,
        }
    }
}

impl FromValue for Value {
    fn from_value(value: Value, _: u32) -> Option<Self> {
        Some(value)
    }
}

macro_rules! read_as {
    ($($variant:ident => $type:ty),* $(,)?) => {$(
        impl FromValue for $type {
            fn from_value(value: Value, _: u32) -> Option<Self> {
                match value {
                    Value::$variant(inner) => Some(inner),
                    _ => None,
                }
            }
        }
    )*};
}

read_as! {
    Boolean => bool,
    Integer => i64,
    Text => String,
    Texts => Vec<String>,
    Integers => Vec<i64>,
    Numbers => Vec<f64>,
}
