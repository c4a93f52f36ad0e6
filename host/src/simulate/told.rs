//! Telling events what is known of those before them, one after the other; and how much of that there was to know.

use std::collections::BTreeMap;

use super::SimulateError;
use super::past::{Part, Past};
use super::remembered::Remembered;
use super::report::ToldLine;
use crate::model::{Input, Told};

/// Tells each event what is declared about its past, but for what signals carry: that is each side's own.
pub(super) struct Teller {
    remembered: Remembered,
    sums: ToldSums,
}

/// Where it is known from what an event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whence {
    /// It was read when the event was decided.
    Record,
    /// From the events before it.
    Events,
}

/// How many events were told what.
#[derive(Default)]
pub(super) struct ToldSums(BTreeMap<String, ToldLine>);

impl Teller {
    pub fn new(remembered: Remembered) -> Self {
        Self { remembered, sums: ToldSums::default() }
    }

    /// What the event is told is in `past.known` then. What was read for it when it was decided is told again; what
    /// was not follows from the events before it, as do texts, for the record refers to them.
    ///
    /// # Errors
    /// Where more would have to be remembered than is.
    pub fn tell(&mut self, past: &mut Past) -> Result<(), SimulateError> {
        if self.remembered.is_for_nothing() {
            return Ok(());
        }
        if past.part != Part::Before {
            let mut known = past.known.without(|input| matches!(input, Input::Recent(_)));
            for (input, told) in self.remembered.told(past) {
                let (whence, is) = match known.of(input) {
                    Some(read) => (Whence::Record, read),
                    None => (Whence::Events, &told),
                };
                if past.part == Part::Judged {
                    self.sums.count(input, whence, is);
                }
                known.tell(input, told);
            }
            past.known = known;
        }
        self.remembered.observe(past, &[])
    }

    pub fn ended(self) -> ToldSums {
        self.sums
    }
}

impl ToldSums {
    pub fn count(&mut self, input: &Input, whence: Whence, is: &Told) {
        let name = input.in_full();
        let line = self.0.entry(name).or_insert_with_key(|input| ToldLine {
            input: input.clone(),
            recorded: 0,
            worked_out: 0,
            unknown: 0,
        });
        *match (is, whence) {
            (Told::Unknown(_), _) => &mut line.unknown,
            (_, Whence::Record) => &mut line.recorded,
            (_, Whence::Events) => &mut line.worked_out,
        } += 1;
    }

    /// Those of both.
    pub fn and(mut self, other: Self) -> Vec<ToldLine> {
        self.0.extend(other.0);
        self.0.into_values().collect()
    }
}
