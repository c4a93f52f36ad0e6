//! What can be wrong after a crash, and how much of it was found.

use std::collections::BTreeMap;
use std::fmt;

/// One thing that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// Of what, and how it showed.
    pub what: String,
}

/// The kinds of fault, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An acknowledged event, or its decision, is not in the record.
    Lost,
    /// An accepted event was not decided.
    Undecided,
    /// An event has two decisions.
    TwoDecisions,
    /// A decision is not what it was when it was first told.
    Changed,
    /// The record holds a decision of an event that was never sent.
    Stranger,
    /// One effect has two action ids, so that a receiver cannot know them for the same; or the record does
    /// not ask for it.
    TwoActions,
    /// An action that a decision asks for was never delivered.
    NoAction,
    /// The audit log lacks a number, or has one twice.
    Gap,
    /// A decision has no entry in the audit log, or more than one.
    Unaudited,
    /// An entry of the audit log is not what it was, or the log does not verify.
    Rewritten,
    /// An event that should have been taken was refused, or one that should not was taken.
    Refused,
    /// The program did not start, or ended by itself.
    Died,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Lost,
        Self::Undecided,
        Self::TwoDecisions,
        Self::Changed,
        Self::Stranger,
        Self::TwoActions,
        Self::NoAction,
        Self::Gap,
        Self::Unaudited,
        Self::Rewritten,
        Self::Refused,
        Self::Died,
    ];

    /// What the table calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Lost => "acknowledged events lost",
            Self::Undecided => "accepted events not decided",
            Self::TwoDecisions => "events with two decisions",
            Self::Changed => "answers that changed",
            Self::Stranger => "decisions of events never sent",
            Self::TwoActions => "duplicated actions",
            Self::NoAction => "actions never delivered",
            Self::Gap => "gaps in the audit log",
            Self::Unaudited => "decisions without just one audit entry",
            Self::Rewritten => "audit entries rewritten",
            Self::Refused => "wrongly refused or taken",
            Self::Died => "failed starts, unasked ends",
        }
    }
}

impl Fault {
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.title(), self.what)
    }
}

/// How many of each kind were found, and the first few in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    counts: BTreeMap<Kind, usize>,
    said: Vec<String>,
}

/// Faults that are told in words; a thousand of a kind say no more than a few.
const SAID_MAX: usize = 20;

impl Tally {
    pub fn add(&mut self, fault: Fault) {
        if self.said.len() < SAID_MAX {
            self.said.push(fault.to_string());
        }
        *self.counts.entry(fault.kind).or_default() += 1;
    }

    pub fn count(&self, kind: Kind) -> usize {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The first faults, in the order in which they were found.
    pub fn said(&self) -> &[String] {
        &self.said
    }
}

impl Extend<Fault> for Tally {
    fn extend<I: IntoIterator<Item = Fault>>(&mut self, faults: I) {
        faults.into_iter().for_each(|fault| self.add(fault));
    }
}
