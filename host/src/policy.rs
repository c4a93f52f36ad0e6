//! Policies: what a platform's signals mean and what is enforced. Pure and total: a text and a list
//! of known names in, a [`Policy`] or every fault out; a policy, an event, facts and findings in, a
//! [`Verdict`] out; a verdict and how its subject stands in, what is enforced out. No I/O, no clock, no
//! other module but `model`.
//!
//! `document` reads the text as written, `compile` checks what it means, `judge` applies it,
//! `escalate` has the standing of the subject its say.

mod compile;
mod diagnostic;
mod document;
mod enforced;
mod escalate;
#[cfg(test)]
mod examples;
mod exemptions;
mod expression;
mod facts;
mod features;
mod judge;
mod labels;
mod lists;
mod merge;
mod modifiers;
mod onset;
mod risk;
mod rules;
mod scoring;
mod stages;
mod strikes;
mod texts;
mod tiers;
mod trace;
mod values;
mod weights;
mod whole;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use compile::{Compiled, DOCUMENT_BYTES_MAX};
pub use diagnostic::{Diagnostic, Severity, code, render};
pub use enforced::Enforced;
pub use escalate::{Asked, Escalation};
pub use exemptions::Exemption;
pub use facts::Facts;
pub use features::NamedFeature;
pub use judge::Verdict;
pub use labels::{Known, Labels};
pub use lists::{List, ListKind};
pub use merge::Merge;
pub use modifiers::{Adds, Modifier};
pub use onset::{Draw, Onset};
pub use risk::{CONDUCT_MAX, Deed};
pub use rules::Rule;
pub use stages::{EvidenceStage, Lift, Scheme};
pub use strikes::{StrikeStep, Strikes};
pub use texts::{Languages, PLACES, Texts, Wording};
pub use tiers::Tier;
pub use trace::{
    Bound, BoundStep, ExemptStep, LabelStep, LiftStep, ModifierStep, RuleStep, StageStep, Step,
};
pub use whole::Whole;

use crate::model::{Digest, Input, Score, TypePattern};

/// A policy that was checked. Made by [`Policy::compile`] alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    name: String,
    source: String,
    digest: Digest,
    events: Vec<TypePattern>,
    requires: Vec<String>,
    on_error: OnError,
    languages: Languages,
    scheme: Scheme,
    /// Invariant: sorted by label, each label once. The order is the order of the arithmetic.
    weights: Vec<(String, Score)>,
    modifiers: Vec<Modifier>,
    /// Invariant: not empty, the first from 0, strictly ascending.
    tiers: Vec<Tier>,
    /// In the order of the text, which decides nothing.
    rules: Vec<Rule>,
    /// The labels that rules name, sorted.
    named: Vec<String>,
    lists: Vec<List>,
    features: Vec<NamedFeature>,
    /// What the rules ask about the past, each once.
    asks: Vec<Input>,
    reads: Reads,
    exemptions: Vec<Exemption>,
    strikes: Option<Strikes>,
    onset: Option<Onset>,
}

impl Policy {
    /// Lower-case words joined by `-`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The platform whose events it judges.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Of the document's bytes: the same text is the same policy.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The event types that it judges, as written.
    pub fn events(&self) -> &[TypePattern] {
        &self.events
    }

    /// The detectors without whose findings a decision is degraded, as written.
    pub fn requires(&self) -> &[String] {
        &self.requires
    }

    pub fn on_error(&self) -> OnError {
        self.on_error
    }

    /// In which languages it speaks, and who reads which.
    pub fn languages(&self) -> &Languages {
        &self.languages
    }

    /// How the labels make one number.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// What each label weighs, sorted by label.
    pub fn weights(&self) -> &[(String, Score)] {
        &self.weights
    }

    /// What is added beside, in the order of the text.
    pub fn modifiers(&self) -> &[Modifier] {
        &self.modifiers
    }

    /// From the mildest to the most severe; never empty.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// When what is asked of accounts begins; `None`: at once.
    pub fn onset(&self) -> Option<&Onset> {
        self.onset.as_ref()
    }

    /// How violations add up, where they do.
    pub fn strikes(&self) -> Option<&Strikes> {
        self.strikes.as_ref()
    }

    /// In the order of the text.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    pub fn features(&self) -> &[NamedFeature] {
        &self.features
    }

    /// What it asks about the past of an event, each once: its features, and what signals carry
    /// ([`Input::entities`]).
    pub fn asks(&self) -> &[Input] {
        &self.asks
    }

    /// What its rules ask about the account.
    pub fn reads(&self) -> Reads {
        self.reads
    }

    /// Whether it has a say about events of this type.
    pub fn judges(&self, event_type: &str) -> bool {
        self.events.iter().any(|pattern| pattern.matches(event_type))
    }
}

/// What rules ask about the account of an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// Its strikes or restrictions.
    pub standing: bool,
    /// The risk that its conduct makes it.
    pub risk: bool,
}

impl Reads {
    /// What either asks.
    pub fn and(self, other: Self) -> Self {
        Self { standing: self.standing || other.standing, risk: self.risk || other.risk }
    }

    pub fn any(self) -> bool {
        self.standing || self.risk
    }
}

/// What a missing finding of a detector means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Nothing: what was found decides alone.
    Allow,
    /// A person looks as well.
    Review,
    /// The message is withheld (at least `soft_block`) and a person looks.
    Deny,
}

impl OnError {
    pub const ALL: [Self; 3] = [Self::Allow, Self::Review, Self::Deny];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Review => "review",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
