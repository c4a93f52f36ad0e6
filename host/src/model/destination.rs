//! Destinations: who is told what a source decides, and what each of them wants to hear of.

use std::collections::BTreeSet;
use std::fmt;

use super::{Action, Notices};

/// One destination of a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DestinationId {
    pub source: String,
    /// Lower-case words joined by `-`, the first of which begins with a letter; empty where a source has one
    /// without a name.
    pub name: String,
}

impl DestinationId {
    /// The one without a name.
    pub fn of(source: &str) -> Self {
        Self { source: source.to_owned(), name: String::new() }
    }

    pub fn named(source: &str, name: &str) -> Self {
        Self { source: source.to_owned(), name: name.to_owned() }
    }

    /// Whether a text can be a name.
    pub fn is_name(text: &str) -> bool {
        super::manifest::is_name(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
    }
}

impl fmt::Display for DestinationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.is_empty() {
            true => f.write_str(&self.source),
            false => write!(f, "{} ({})", self.source, self.name),
        }
    }
}

/// What one destination wants to hear of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wants {
    /// As in [`DestinationId`].
    pub name: String,
    /// The actions that it is told; empty: all of them.
    pub actions: BTreeSet<Action>,
    /// Where people are written to; `None` where the platform's endpoint is.
    pub notices: Option<Notices>,
    /// Whether it is told of alerts of rules, of the configuration's and of the policy's.
    pub alerts: bool,
}
