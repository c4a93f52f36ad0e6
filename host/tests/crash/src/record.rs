//! What the server's record says, as it is read back after each crash, and the comparison with the
//! journal. Pure: whoever reads gives it line by line, in the record's own order, and gets the faults.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::event::Plan;
use crate::fault::{Fault, Kind};
use crate::journal::{Journal, Said, Told};

/// A line of the audit log, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub seq: u64,
    pub what: String,
    pub object: String,
    pub hash: String,
}

/// An action that has arrived outside, where it is performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The same at every attempt: who gets it again can tell.
    pub id: String,
    /// A hash of all that was sent.
    pub content: u64,
    pub event_id: String,
    pub decision: String,
    pub scope: String,
}

/// The record as far as it was read.
#[derive(Debug, Default)]
pub struct Record {
    /// By the event's number.
    decisions: HashMap<u64, Told>,
    /// The hashes of the audit log: the first is of number 1.
    log: Vec<String>,
    /// How often the log says that a decision was made.
    audited: HashMap<String, usize>,
    /// What was performed, by the event's number and the scope.
    effects: HashMap<(u64, String), Delivery>,
}

impl Record {
    /// The number of the last audit entry that was read.
    pub fn last_seq(&self) -> u64 {
        self.log.len() as u64
    }

    pub fn decisions(&self) -> usize {
        self.decisions.len()
    }

    /// Whether this very decision was read before.
    pub fn holds(&self, number: u64, decision: &str) -> bool {
        self.decisions.get(&number).is_some_and(|told| told.decision == decision)
    }

    /// A decision as the record has it.
    pub fn add_decision(
        &mut self,
        plan: &Plan,
        journal: &Journal,
        event_id: &str,
        told: Told,
    ) -> Vec<Fault> {
        let known = plan.number(event_id).filter(|number| journal.knows(*number));
        let Some(number) = known else {
            let what = format!("decision {} of event `{event_id}`", told.decision);
            return vec![Fault::new(Kind::Stranger, what)];
        };
        let mut faults = Vec::new();
        if let Some(before) = self.decisions.get(&number) {
            let what = format!("event {number}: {} and {}", before.decision, told.decision);
            if before.decision != told.decision {
                faults.push(Fault::new(Kind::TwoDecisions, what));
            } else if before.content != told.content {
                faults.push(Fault::new(Kind::Changed, what));
            }
            return faults;
        }
        match journal.said(number) {
            Some(Said::Accepted(promised)) if *promised != told.decision => {
                let what = format!("event {number}: promised {promised}, is {}", told.decision);
                faults.push(Fault::new(Kind::TwoDecisions, what));
            }
            Some(Said::Decided(before)) if before.decision != told.decision => {
                let what =
                    format!("event {number}: told {}, is {}", before.decision, told.decision);
                faults.push(Fault::new(Kind::TwoDecisions, what));
            }
            Some(Said::Decided(before)) if before.content != told.content => {
                let what = format!("decision {} of event {number}", told.decision);
                faults.push(Fault::new(Kind::Changed, what));
            }
            _ => {}
        }
        self.decisions.insert(number, told);
        faults
    }

    /// The next line of the audit log, or one that was read before.
    pub fn add_line(&mut self, line: Line) -> Option<Fault> {
        let next = self.last_seq() + 1;
        if line.seq > next || line.seq == 0 {
            let what = format!("{} follows {}", line.seq, next - 1);
            // Taken as it is, so that one gap is told once.
            self.log.resize(line.seq.saturating_sub(1) as usize, String::new());
            self.push(line);
            return Some(Fault::new(Kind::Gap, what));
        }
        if line.seq < next {
            let before = &self.log[line.seq as usize - 1];
            let what = || format!("entry {} was {before} and is {}", line.seq, line.hash);
            return (*before != line.hash).then(|| Fault::new(Kind::Rewritten, what()));
        }
        self.push(line);
        None
    }

    fn push(&mut self, line: Line) {
        if line.what == "decision" {
            *self.audited.entry(line.object).or_default() += 1;
        }
        self.log.push(line.hash);
    }

    /// Whether the log of this record, read from the beginning, goes on where that of another ended.
    pub fn continues(&self, before: &Self) -> Option<Fault> {
        let what = match self.log.iter().zip(&before.log).position(|(now, was)| now != was) {
            Some(at) => format!("entry {} is not what it was", at + 1),
            None if self.log.len() < before.log.len() => {
                format!(
                    "the log ended at {} and ends at {} now",
                    before.last_seq(),
                    self.last_seq()
                )
            }
            None => return None,
        };
        Some(Fault::new(Kind::Rewritten, what))
    }

    /// An action has arrived outside, for the first time or again.
    pub fn add_delivery(&mut self, plan: &Plan, delivery: Delivery) -> Option<Fault> {
        let Some(number) = plan.number(&delivery.event_id) else {
            let what = format!("action {} of event `{}`", delivery.id, delivery.event_id);
            return Some(Fault::new(Kind::Stranger, what));
        };
        match self.effects.entry((number, delivery.scope.clone())) {
            Entry::Vacant(effect) => {
                effect.insert(delivery);
                None
            }
            Entry::Occupied(effect) if effect.get().id != delivery.id => {
                let ids = format!("event {number}: {} and {}", effect.get().id, delivery.id);
                Some(Fault::new(Kind::TwoActions, ids))
            }
            Entry::Occupied(effect) => (effect.get().content != delivery.content)
                .then(|| Fault::new(Kind::Changed, format!("action {}", delivery.id))),
        }
    }

    /// What was said about the events from this one on and is not in the record.
    pub fn missing(&self, journal: &Journal, since: u64) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (number, said) in journal.since(since) {
            let in_record = self.decisions.get(&number);
            match (said, in_record) {
                (Said::Decided(told), None) => {
                    let what = format!("event {number}, decision {}", told.decision);
                    faults.push(Fault::new(Kind::Lost, what));
                }
                (Said::Accepted(promised), None) => {
                    let what = format!("event {number}, promised {promised}");
                    faults.push(Fault::new(Kind::Undecided, what));
                }
                _ => {}
            }
            let Some(told) = in_record else { continue };
            match self.audited.get(&told.decision).copied().unwrap_or_default() {
                1 => {}
                entries => {
                    let what = format!("decision {} has {entries}", told.decision);
                    faults.push(Fault::new(Kind::Unaudited, what));
                }
            }
        }
        faults
    }

    /// Actions that decisions ask for and that have not arrived.
    pub fn undelivered(&self) -> Vec<Fault> {
        let asked = self.decisions.iter().flat_map(|(number, told)| {
            told.actions.iter().map(move |(scope, action)| (*number, scope, action))
        });
        asked
            .filter(|(number, scope, _)| !self.effects.contains_key(&(*number, (*scope).clone())))
            .map(|(number, scope, action)| {
                Fault::new(Kind::NoAction, format!("{action} at {scope} of event {number}"))
            })
            .collect()
    }

    /// Actions that have arrived and that no decision of the record asks for.
    pub fn unasked(&self) -> Vec<Fault> {
        let asked = |number: &u64, effect: &Delivery| {
            self.decisions.get(number).is_some_and(|told| {
                told.decision == effect.decision
                    && told.actions.iter().any(|(scope, _)| *scope == effect.scope)
            })
        };
        self.effects
            .iter()
            .filter(|((number, _), effect)| !asked(number, effect))
            .map(|(_, effect)| {
                Fault::new(Kind::TwoActions, format!("nobody asked for {}", effect.id))
            })
            .collect()
    }

    /// How many actions have arrived, each counted once.
    pub fn effects(&self) -> usize {
        self.effects.len()
    }
}

#[cfg(test)]
#[path = "record/tests.rs"]
mod tests;
