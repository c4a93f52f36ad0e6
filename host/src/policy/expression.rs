//! Conditions of rules, in CEL: read and checked once, evaluated on each event. What a condition can
//! see is an event, the signals on it and what was made of them; it changes nothing, and has neither
//! loops nor recursion beyond what its own length and [`run`] allow. Nothing else of the house names
//! the `cel` crate.
//!
//! It is a part of CEL (language definition of 2024), with three differences, each to the milder side:
//! integers and doubles mix, for JSON does not tell them apart; `has(a.b.c)` is false where `a.b` is
//! missing too; a double divided by zero fails, as an integer does.

mod origin;
mod read;
mod run;
#[cfg(test)]
mod tests;
mod tokens;
mod tree;
mod types;
mod value;

use std::collections::BTreeSet;
use std::ops::Range;

pub(super) use origin::Origin;
pub(super) use run::{Failure, Scene};
pub(super) use types::Declared;

use super::Reads;
use crate::model::Input;

/// A condition that was checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    node: tree::Node,
    /// The labels that it names, sorted.
    labels: Vec<String>,
    /// The lists that it names, by their places.
    lists: Vec<usize>,
    asks: Asks,
}

/// What a condition asks beyond the event and its findings.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Asks {
    /// Features, by their names.
    pub features: BTreeSet<String>,
    /// How many accounts had what a signal carries, each once.
    pub accounts: Vec<Input>,
    pub reads: Reads,
}

/// What is wrong with a condition, or may go wrong.
#[derive(Debug)]
pub(super) struct Fault {
    pub code: &'static str,
    pub is_error: bool,
    /// In bytes of the condition.
    pub at: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl Fault {
    fn error(code: &'static str, at: Range<usize>, message: String, hint: Option<String>) -> Self {
        Self { code, is_error: true, at, message, hint }
    }
}

impl Expression {
    /// Reads a condition; `None` only where a fault was reported.
    pub fn read(text: &str, declared: &Declared<'_>, faults: &mut Vec<Fault>) -> Option<Self> {
        read::read(text, declared, faults)
    }

    /// Whether it holds. Pure, and bounded whatever the event.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn holds(&self, scene: &Scene<'_>) -> Result<bool, Failure> {
        run::holds(&self.node, scene)
    }

    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    pub fn asks(&self) -> &Asks {
        &self.asks
    }

    pub fn lists(&self) -> &[usize] {
        &self.lists
    }
}
