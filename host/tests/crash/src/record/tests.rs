//! The harness itself: planted losses, doubles, changes and gaps are found, and nothing else is.

use super::*;

const PLAN: u64 = 5;

/// Three events: decided, accepted and later decided, and unanswered but written.
struct World {
    plan: Plan,
    journal: Journal,
    record: Record,
    faults: Vec<Fault>,
}

fn told(decision: &str, content: u64) -> Told {
    let actions = vec![("message".to_owned(), "soft_block".to_owned())];
    Told { decision: decision.to_owned(), content, actions }
}

impl World {
    fn new() -> Self {
        let mut journal = Journal::default();
        (1..=4).for_each(|number| journal.sending(number));
        assert_eq!(journal.decided(1, told("d1", 1)), None);
        assert_eq!(journal.accepted(2, "d2"), None);
        let plan = Plan::new(PLAN);
        Self { plan, journal, record: Record::default(), faults: Vec::new() }
    }

    /// The record as it should be.
    fn good() -> Self {
        let mut world = Self::new();
        for number in 1..=3 {
            world.decision(number, &format!("d{number}"), number);
            world.line(number, &format!("d{number}"));
            world.delivery(&format!("a{number}"), number);
        }
        world
    }

    fn decision(&mut self, number: u64, decision: &str, content: u64) {
        let (plan, id) = (self.plan, self.plan.id(number));
        let told = told(decision, content);
        let faults = self.record.add_decision(&plan, &self.journal, &id, told);
        self.faults.extend(faults);
    }

    fn line(&mut self, seq: u64, decision: &str) {
        let (what, object) = ("decision".to_owned(), decision.to_owned());
        let line = Line { seq, what, object, hash: format!("h{seq}-{decision}") };
        self.faults.extend(self.record.add_line(line));
    }

    /// The action of an event.
    fn delivery(&mut self, id: &str, number: u64) {
        let delivery = Delivery {
            id: id.to_owned(),
            content: number,
            event_id: self.plan.id(number),
            decision: format!("d{number}"),
            scope: "message".to_owned(),
        };
        self.deliver(delivery);
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.faults.extend(self.record.add_delivery(&self.plan, delivery));
    }

    fn kinds(mut self) -> Vec<Kind> {
        self.faults.extend(self.record.missing(&self.journal, 0));
        self.faults.extend(self.record.undelivered());
        self.faults.extend(self.record.unasked());
        self.faults.into_iter().map(|fault| fault.kind).collect()
    }
}

#[test]
fn a_good_record_has_no_fault() {
    assert_eq!(World::good().kinds(), []);
}

#[test]
fn reading_again_is_no_fault() {
    let mut world = World::good();
    world.decision(1, "d1", 1);
    world.line(1, "d1");
    world.delivery("a1", 1);
    assert_eq!(world.record.continues(&World::good().record), None);
    assert_eq!(world.kinds(), []);
}

#[test]
fn what_was_acknowledged_and_is_not_there_is_lost() {
    let mut world = World::new();
    world.decision(2, "d2", 2);
    world.line(1, "d2");
    world.delivery("a2", 2);
    assert_eq!(world.kinds(), [Kind::Lost]);
}

#[test]
fn what_was_accepted_and_is_not_decided_is_undecided() {
    let mut world = World::new();
    world.decision(1, "d1", 1);
    world.line(1, "d1");
    world.delivery("a1", 1);
    assert_eq!(world.kinds(), [Kind::Undecided]);
}

#[test]
fn two_decisions_of_one_event_are_found_wherever_the_second_comes_from() {
    let mut world = World::good();
    world.decision(3, "other", 3);
    assert_eq!(world.kinds(), [Kind::TwoDecisions]);

    // Told one, recorded another.
    let mut world = World::new();
    world.decision(1, "other", 1);
    assert_eq!(world.faults[0].kind, Kind::TwoDecisions);
    // Promised one, recorded another.
    world.decision(2, "another", 2);
    assert_eq!(world.faults[1].kind, Kind::TwoDecisions);
}

#[test]
fn a_decision_that_changed_is_found() {
    let mut world = World::new();
    world.decision(1, "d1", 99);
    assert_eq!(world.faults[0].kind, Kind::Changed);
    let mut world = World::good();
    world.decision(3, "d3", 99);
    assert_eq!(world.kinds(), [Kind::Changed]);
}

#[test]
fn a_decision_of_an_event_that_nobody_sent_is_a_stranger() {
    let mut world = World::good();
    world.decision(9, "d9", 9);
    let other_run = Plan::new(6).id(1);
    let faults = world.record.add_decision(&world.plan, &world.journal, &other_run, told("d1", 1));
    world.faults.extend(faults);
    assert_eq!(world.kinds(), [Kind::Stranger, Kind::Stranger]);
}

#[test]
fn a_gap_is_found_once() {
    let mut world = World::good();
    world.line(6, "x");
    world.line(7, "y");
    assert_eq!(world.kinds(), [Kind::Gap]);
}

#[test]
fn a_log_that_was_rewritten_or_is_shorter_is_found() {
    let mut world = World::good();
    world.line(2, "x");
    assert_eq!(world.kinds(), [Kind::Rewritten]);

    let mut shorter = World::new();
    shorter.line(1, "d1");
    let told = |fault: Option<Fault>| fault.map(|fault| fault.kind);
    assert_eq!(told(shorter.record.continues(&World::good().record)), Some(Kind::Rewritten));
    assert_eq!(told(World::good().record.continues(&shorter.record)), None);
    shorter.line(2, "another");
    assert_eq!(told(World::good().record.continues(&shorter.record)), Some(Kind::Rewritten));
}

#[test]
fn a_decision_has_one_entry_in_the_log() {
    let mut world = World::good();
    world.line(4, "d1");
    assert_eq!(world.kinds(), [Kind::Unaudited]);

    let mut world = World::new();
    for number in 1..=2 {
        world.decision(number, &format!("d{number}"), number);
        world.delivery(&format!("a{number}"), number);
    }
    world.line(1, "d1");
    assert_eq!(world.kinds(), [Kind::Unaudited]);
}

#[test]
fn one_effect_has_one_action_id_and_each_arrives() {
    let mut world = World::good();
    world.delivery("b1", 1);
    assert_eq!(world.kinds(), [Kind::TwoActions]);

    let mut world = World::good();
    world.decision(4, "d4", 4);
    world.line(4, "d4");
    assert_eq!(world.kinds(), [Kind::NoAction]);
}

#[test]
fn an_action_that_nobody_asked_for_is_found() {
    // Performed for a decision that is gone: the event was decided again.
    let mut world = World::new();
    world.delivery("a1", 1);
    world.journal = Journal::default();
    world.journal.sending(1);
    world.decision(1, "again", 1);
    world.line(1, "again");
    assert_eq!(world.kinds(), [Kind::TwoActions]);

    let mut world = World::good();
    let another =
        Delivery { content: 99, ..world.record.effects[&(1, "message".to_owned())].clone() };
    world.deliver(another.clone());
    world.deliver(Delivery { event_id: "of nobody".to_owned(), ..another });
    assert_eq!(world.kinds(), [Kind::Changed, Kind::Stranger]);
}

#[test]
fn what_was_never_answered_may_be_there_or_not() {
    let mut world = World::good();
    world.journal.sending(5);
    assert_eq!(world.kinds(), []);
}
