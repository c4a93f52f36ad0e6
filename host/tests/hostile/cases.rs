//! The hostile suite: each case is a file that a stranger may send, and what must become of it.

mod contract;
mod files;
mod running;
mod setup;

use picket::model::Outcome;

use super::component::{Answer, Detector};

/// What every event of the suite says: a character of two bytes is at 2..4.
pub const CONTENT: &str = "llámame al 555-0100";

pub struct Case {
    pub name: &'static str,
    pub file: fn(&str) -> Vec<u8>,
    pub expect: Expect,
}

/// What becomes of a case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expect {
    /// It does not go live, and the reason holds this.
    Refused(&'static str),
    /// It goes live, and each event finds it failing so, with an error that holds this.
    Fails(Outcome, &'static str),
    /// It goes live and can do no harm: its one signal has this score and a reason that holds this.
    Says(f64, &'static str),
}

/// Every case. Names differ and are names of detectors.
pub fn all() -> Vec<Case> {
    [running::cases(), contract::cases(), setup::cases(), files::cases()]
        .into_iter()
        .flatten()
        .collect()
}

const fn case(name: &'static str, file: fn(&str) -> Vec<u8>, expect: Expect) -> Case {
    Case { name, file, expect }
}

/// A detector that behaves but for this.
fn detector(name: &str, change: impl FnOnce(&mut Detector)) -> Vec<u8> {
    let mut detector = Detector::new(name);
    change(&mut detector);
    detector.build()
}

/// A detector that does this on each event.
fn evaluates(name: &str, what: impl Into<String>) -> Vec<u8> {
    detector(name, |detector| detector.evaluate = what.into())
}

/// A detector that gives this answer.
fn answers(name: &str, answer: Answer) -> Vec<u8> {
    detector(name, |detector| detector.answer = answer)
}
