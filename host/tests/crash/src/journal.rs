//! What the driver sent and what it was told, from its own side of the wire: the truth that the record is
//! held against. It only grows. Pure.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::fault::{Fault, Kind};

/// A decision as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub decision: String,
    /// A hash of the whole decision, keys in order: any difference shows.
    pub content: u64,
    /// What it asks to be done: `(scope, action)`, all but `allow`.
    pub actions: Vec<(String, String)>,
}

impl Told {
    /// `None` where this is not a decision.
    pub fn of(decision: &Value) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        decision.to_string().hash(&mut hasher);
        // What is still in force was asked for by an earlier decision.
        let new = |action: &&Value| action.get("in_force_since").is_none();
        let actions = decision["actions"].as_array()?.iter().filter(new).filter_map(|action| {
            Some((action["scope"].as_str()?.to_owned(), action["action"].as_str()?.to_owned()))
        });
        Some(Self {
            decision: decision["id"].as_str()?.to_owned(),
            content: hasher.finish(),
            actions: actions.filter(|(_, action)| action != "allow").collect(),
        })
    }
}

/// What was said about an event so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It was sent and never answered: it may be in the record or not.
    Nothing,
    /// `202`: it will be decided under this id.
    Accepted(String),
    /// `200`.
    Decided(Told),
}

/// All that was sent and said, by the event's number.
#[derive(Debug, Default)]
pub struct Journal {
    events: BTreeMap<u64, Said>,
}

impl Journal {
    /// An event is about to be sent.
    pub fn sending(&mut self, number: u64) {
        self.events.entry(number).or_insert(Said::Nothing);
    }

    /// `202` with the id of a decision.
    pub fn accepted(&mut self, number: u64, decision: &str) -> Option<Fault> {
        match self.events.get_mut(&number) {
            Some(said @ Said::Nothing) => {
                *said = Said::Accepted(decision.to_owned());
                None
            }
            Some(Said::Accepted(before)) => other_id(number, before, decision),
            // Decided, and later said to be undecided: the decision is gone.
            Some(Said::Decided(told)) => {
                let what = format!("event {number} was decided ({}), then pending", told.decision);
                Some(Fault::new(Kind::Lost, what))
            }
            None => Some(unasked(number)),
        }
    }

    /// `200`, a line of a batch, or what `GET` says later: a decision.
    pub fn decided(&mut self, number: u64, now: Told) -> Option<Fault> {
        let said = self.events.get_mut(&number);
        let fault = match &said {
            Some(Said::Nothing) => None,
            Some(Said::Accepted(promised)) => other_id(number, promised, &now.decision),
            Some(Said::Decided(before)) => other_id(number, &before.decision, &now.decision)
                .or_else(|| {
                    let what = format!("decision {} of event {number}", now.decision);
                    (before.content != now.content).then(|| Fault::new(Kind::Changed, what))
                }),
            None => Some(unasked(number)),
        };
        // What was told first stays: the record is held against that.
        if let (None, Some(said)) = (&fault, said) {
            *said = Said::Decided(now);
        }
        fault
    }

    /// Whether an event was sent at all.
    pub fn knows(&self, number: u64) -> bool {
        self.events.contains_key(&number)
    }

    pub fn said(&self, number: u64) -> Option<&Said> {
        self.events.get(&number)
    }

    /// Everything from this event on.
    pub fn since(&self, number: u64) -> impl Iterator<Item = (u64, &Said)> {
        self.events.range(number..).map(|(number, said)| (*number, said))
    }
}

fn other_id(number: u64, before: &str, now: &str) -> Option<Fault> {
    let what = || format!("event {number}: {before} and {now}");
    (before != now).then(|| Fault::new(Kind::TwoDecisions, what()))
}

fn unasked(number: u64) -> Fault {
    Fault::new(Kind::Stranger, format!("an answer to event {number}, which was not sent"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(decision: &str, content: u64) -> Told {
        Told { decision: decision.to_owned(), content, actions: Vec::new() }
    }

    fn kind(fault: Option<Fault>) -> Option<Kind> {
        fault.map(|fault| fault.kind)
    }

    #[test]
    fn the_same_answer_again_is_no_fault() {
        let mut journal = Journal::default();
        journal.sending(1);
        assert_eq!(journal.accepted(1, "d"), None);
        assert_eq!(journal.accepted(1, "d"), None);
        assert_eq!(journal.decided(1, told("d", 7)), None);
        assert_eq!(journal.decided(1, told("d", 7)), None);
        // Sent again, what was said stands.
        journal.sending(1);
        assert_eq!(journal.said(1), Some(&Said::Decided(told("d", 7))));
    }

    #[test]
    fn another_answer_is_a_fault_and_the_first_one_stands() {
        let mut journal = Journal::default();
        journal.sending(1);
        assert_eq!(journal.decided(1, told("d", 7)), None);
        assert_eq!(kind(journal.decided(1, told("d", 8))), Some(Kind::Changed));
        assert_eq!(kind(journal.decided(1, told("e", 7))), Some(Kind::TwoDecisions));
        assert_eq!(kind(journal.accepted(1, "d")), Some(Kind::Lost));
        assert_eq!(journal.said(1), Some(&Said::Decided(told("d", 7))));

        journal.sending(2);
        assert_eq!(journal.accepted(2, "a"), None);
        assert_eq!(kind(journal.accepted(2, "b")), Some(Kind::TwoDecisions));
        assert_eq!(kind(journal.decided(2, told("b", 7))), Some(Kind::TwoDecisions));
        assert_eq!(kind(journal.decided(3, told("c", 7))), Some(Kind::Stranger));
    }

    #[test]
    fn any_difference_between_two_decisions_shows() {
        let decision = json!({
            "id": "d", "score": 0.83, "actions": [
                {"action": "allow", "scope": "message"}, {"action": "soft_block", "scope": "thread"},
                {"action": "cooldown", "scope": "account", "in_force_since": "2026-09-01T09:00:00Z"},
            ],
        });
        let told = Told::of(&decision).unwrap();
        assert_eq!(told.actions, [("thread".to_owned(), "soft_block".to_owned())]);
        let mut other = decision.clone();
        other["score"] = json!(0.830_000_000_1);
        assert_ne!(Told::of(&other).unwrap().content, told.content);
        assert_eq!(Told::of(&json!({"id": "d", "status": "accepted"})), None);
    }
}
