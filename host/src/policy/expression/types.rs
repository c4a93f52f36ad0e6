//! The types that the walker knows, and what a condition may name. What comes from an event's `data`
//! has any type: only an evaluation shows which.

use crate::model::TypePattern;
use crate::policy::{Known, NamedFeature};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Type {
    /// Unknown until it is evaluated.
    Any,
    Null,
    Bool,
    Number,
    Text(Domain),
    Time,
    List(Box<Self>),
    /// Label to evidence.
    Labels,
    Signal,
}

/// What a text can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    Anything,
    /// The name of one of the policy's tiers.
    Tier,
    Label,
    /// A type of event.
    EventType,
}

pub(super) const TEXT: Type = Type::Text(Domain::Anything);

impl Type {
    pub fn list(of: Self) -> Self {
        Self::List(Box::new(of))
    }

    /// For a sentence.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Any => "a value of the event",
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::Time => "a time",
            Self::List(_) => "a list",
            Self::Labels => "the map of labels",
            Self::Signal => "a signal",
        }
    }

    /// Whether a value of one type can be the same as one of the other.
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) | (Self::Text(_), Self::Text(_)) => true,
            (Self::List(one), Self::List(other)) => one.meets(other),
            (Self::Labels | Self::Signal, _) => false,
            _ => self == other,
        }
    }

    /// The type of what may be of either.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Text(_), Self::Text(_)) => TEXT,
            (Self::List(one), Self::List(other)) => Self::list(one.or(*other)),
            _ => Self::Any,
        }
    }

    /// Whether it may be of a type.
    pub fn may_be(&self, wanted: &Self) -> bool {
        *self == Self::Any || self.meets(wanted)
    }
}

/// What a policy declares that its conditions may name.
pub(in crate::policy) struct Declared<'d> {
    /// The names of the tiers; `None` where they could not be read, and then any is taken.
    pub tiers: Option<Vec<&'d str>>,
    /// The names of the lists, in their order; `None` as above.
    pub lists: Option<Vec<&'d str>>,
    /// The features; `None` as above.
    pub features: Option<&'d [NamedFeature]>,
    pub events: &'d [TypePattern],
    /// What the host knows; `None` where every label is taken for known.
    pub known: Option<&'d Known>,
}

/// The variables, for a hint.
pub(super) const VARIABLES: [&str; 9] =
    ["event", "signals", "labels", "score", "tier", "lists", "features", "subject", "degraded"];
pub(super) const ACCOUNT_FIELDS: [&str; 6] =
    ["strikes", "restricted", "restrictions", "score", "tier", "trust"];
pub(super) const EVENT_FIELDS: [&str; 6] = ["id", "type", "source", "subject", "time", "data"];
pub(super) const SIGNAL_FIELDS: [&str; 4] = ["detector", "label", "score", "confidence"];
/// What can be called: alone, on something, or as a macro.
pub(super) const FUNCTIONS: [&str; 15] = [
    "evidence",
    "accounts",
    "has",
    "size",
    "timestamp",
    "contains",
    "startsWith",
    "endsWith",
    "getHours",
    "getDayOfWeek",
    "all",
    "exists",
    "exists_one",
    "filter",
    "map",
];
