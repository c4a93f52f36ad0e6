//! What a simulation remembers of earlier events, to tell those to come: what the record keeps of each definition
//! ([`crate::store::OBSERVATIONS_MAX`] and all), in memory. Invariant: an event is told what a server would tell it
//! that had seen the same events in the same order, unless it came more than a day after it happened.
//!
//! Of each observation some 40 bytes are kept, and its text where one is told, as long as it may count for an
//! event that comes a day late.

use std::collections::{HashMap, HashSet, VecDeque};

use super::SimulateError;
use super::past::Past;
use crate::features::{Observer, RECALLED_BYTES_MAX, newest, text_of};
use crate::model::{
    Definition, Digest, Feature, Finding, Function, Input, Recalled, Recent, Signal, Timestamp,
    Told,
};
use crate::store::OBSERVATIONS_MAX;

/// Observations that are remembered at once; some 700 MB.
const ROWS_MAX: usize = 16_000_000;
/// Bytes of texts that are remembered at once.
const TEXT_BYTES_MAX: usize = 512 << 20;
/// Entities that are looked through at the earliest for those that count no more.
const SWEEP_MIN: usize = 100_000;
/// An event may come as long as this after it happened.
pub(super) const LATE_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// Earlier events, as some definitions see them.
pub(super) struct Remembered {
    observer: Observer,
    definitions: Vec<OfDefinition>,
    rows: usize,
    text_bytes: usize,
    /// The latest moment of any event.
    clock: Timestamp,
    /// With as many rows the next look for what counts no more.
    sweep_at: usize,
}

/// One definition, with what was observed of each entity, in the order of the moments.
struct OfDefinition {
    definition: Definition,
    entities: HashMap<[u8; 16], VecDeque<Row>>,
}

/// That an event happened.
struct Row {
    at: Timestamp,
    what: What,
}

enum What {
    Nothing,
    Value([u8; 16]),
    Number(f64),
    Text(Box<Recalled>),
}

impl Remembered {
    /// For each of these definitions.
    pub fn new(definitions: Vec<Definition>, observer: Observer) -> Self {
        let each = definitions.into_iter();
        let each = each.map(|definition| OfDefinition { definition, entities: HashMap::new() });
        Self {
            observer,
            definitions: each.collect(),
            rows: 0,
            text_bytes: 0,
            clock: Timestamp::from_micros(i64::MIN),
            sweep_at: SWEEP_MIN,
        }
    }

    pub fn is_for_nothing(&self) -> bool {
        self.definitions.is_empty()
    }

    /// What each definition says about an event before it; not those of what signals carry.
    pub fn told(&self, past: &Past) -> impl Iterator<Item = (&Input, Told)> {
        let fields = self.definitions.iter().filter(|it| it.definition.input.entities().is_none());
        fields.map(|of| {
            let entity = self.observer.entity(&of.definition, &past.event);
            let told = entity.map_or(Told::Absent, |entity| of.told(entity, past.moment.at));
            (&of.definition.input, told)
        })
    }

    /// How many accounts had what the signals of these findings carry, with that of the event; of several things
    /// the most that one has. `None` where nothing is carried.
    pub fn accounts(&self, input: &Input, past: &Past, findings: &[Finding]) -> Option<Told> {
        let of = self.definitions.iter().find(|it| it.definition.input == *input)?;
        let heard = findings.iter().flat_map(Finding::heard);
        let met = self.observer.met(&past.event, heard, input.entities()?);
        let own = self.observer.account(&past.event);
        let most = met.into_iter().map(|entity| of.accounts(entity, past.moment.at, own)).max();
        most.map(Told::Integer)
    }

    /// Takes in an event, with the signals that had a say in it.
    ///
    /// # Errors
    /// Where more would have to be remembered than is.
    pub fn observe(&mut self, past: &Past, heard: &[&Signal]) -> Result<(), SimulateError> {
        let at = past.moment.at;
        self.clock = self.clock.max(at);
        for of in &mut self.definitions {
            let observed = self.observer.observations(&of.definition, &past.event, heard, at);
            for observation in observed {
                let what = match (observation.value, observation.number) {
                    (Some(value), _) => What::Value(value),
                    (None, Some(number)) => What::Number(number),
                    (None, None) => what(&of.definition.input, past),
                };
                self.rows += 1;
                self.text_bytes += what.bytes();
                let rows = of.entities.entry(observation.entity).or_default();
                rows.insert(rows.partition_point(|row| row.at <= at), Row { at, what });
                let keeps = Keeps::of(&of.definition, self.clock);
                while let Some(gone) = keeps.spare(rows) {
                    self.rows -= 1;
                    self.text_bytes -= gone.what.bytes();
                }
            }
        }
        if self.rows >= self.sweep_at || self.is_too_much() {
            self.sweep();
        }
        match self.is_too_much() {
            true => Err(self.too_much()),
            false => Ok(()),
        }
    }

    /// Lets go of whatever counts no more, of whomever.
    fn sweep(&mut self) {
        for of in &mut self.definitions {
            let keeps = Keeps::of(&of.definition, self.clock);
            of.entities.retain(|_, rows| {
                while let Some(gone) = keeps.spare(rows) {
                    self.rows -= 1;
                    self.text_bytes -= gone.what.bytes();
                }
                !rows.is_empty()
            });
        }
        self.sweep_at = (2 * self.rows).max(SWEEP_MIN);
    }

    fn is_too_much(&self) -> bool {
        self.rows > ROWS_MAX || self.text_bytes > TEXT_BYTES_MAX
    }

    fn too_much(&self) -> SimulateError {
        let rows = |of: &OfDefinition| of.entities.values().map(VecDeque::len).sum::<usize>();
        let most = self.definitions.iter().max_by_key(|of| rows(of));
        let most = most.map_or_else(String::new, |of| of.definition.input.in_full());
        SimulateError::TooMuch { most }
    }
}

impl OfDefinition {
    /// What lies within the window before a moment. Of that very moment all have come before.
    fn seen(
        &self,
        entity: [u8; 16],
        at: Timestamp,
    ) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        let after = beginning(&self.definition, at);
        let rows = self.entities.get(&entity);
        let range = rows.map(|rows| {
            let from = rows.partition_point(|row| row.at <= after);
            rows.range(from..rows.partition_point(|row| row.at <= at).max(from))
        });
        range.into_iter().flatten()
    }

    /// The newest of that, as many as a server looks at; newest first.
    fn looked_at(&self, entity: [u8; 16], at: Timestamp) -> impl Iterator<Item = &Row> + Clone {
        self.seen(entity, at).rev().take(usize::try_from(OBSERVATIONS_MAX).unwrap_or(usize::MAX))
    }

    fn told(&self, entity: [u8; 16], at: Timestamp) -> Told {
        let input = &self.definition.input;
        let whole = |count: usize| Told::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        let moment = |row: Option<&Row>| row.map(|row| Told::Integer(row.at.millis()));
        let told = match input {
            Input::Feature(Feature { function, .. }) => match function {
                Function::Count => Some(whole(self.looked_at(entity, at).count())),
                Function::Distinct => Some(whole(self.values(entity, at).len())),
                Function::Sum => Some(Told::Number(self.sum(entity, at).0)),
                Function::Mean => match self.sum(entity, at) {
                    (_, 0) => None,
                    (sum, count) => Some(Told::Number(sum / count as f64)),
                },
                Function::FirstSeen => moment(self.seen(entity, at).next()),
                Function::LastSeen => moment(self.seen(entity, at).next_back()),
            },
            Input::Recent(Recent { last, .. }) => {
                let last = usize::try_from(*last).unwrap_or(usize::MAX);
                let texts = self.seen(entity, at).rev().take(last).filter_map(Row::text);
                let mut texts: Vec<Recalled> = texts.cloned().collect();
                texts.reverse();
                let texts = newest(texts, RECALLED_BYTES_MAX);
                (!texts.is_empty()).then_some(Told::Recent(texts))
            }
            Input::Field { .. } | Input::List { .. } => None,
        };
        told.unwrap_or_else(|| Told::of_nothing(input))
    }

    fn values(&self, entity: [u8; 16], at: Timestamp) -> HashSet<[u8; 16]> {
        let values = self.looked_at(entity, at).filter_map(|row| match row.what {
            What::Value(value) => Some(value),
            _ => None,
        });
        values.collect()
    }

    fn sum(&self, entity: [u8; 16], at: Timestamp) -> (f64, usize) {
        self.looked_at(entity, at).fold((0.0, 0), |(sum, count), row| match row.what {
            What::Number(number) => (sum + number, count + 1),
            _ => (sum, count),
        })
    }

    fn accounts(&self, entity: [u8; 16], at: Timestamp, own: [u8; 16]) -> i64 {
        let mut values = self.values(entity, at);
        values.insert(own);
        i64::try_from(values.len()).unwrap_or(i64::MAX)
    }
}

impl Row {
    fn text(&self) -> Option<&Recalled> {
        match &self.what {
            What::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl What {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.text.len() + text.event_id.len(),
            Self::Nothing | Self::Value(_) | Self::Number(_) => 0,
        }
    }
}

fn what(input: &Input, past: &Past) -> What {
    let Some(text) = text_of(input, &past.event) else { return What::Nothing };
    What::Text(Box::new(Recalled {
        decision: past.decision,
        // Nothing that is told here is stored, so nobody compares it.
        event: Digest::of(past.event.id.as_bytes()),
        event_id: past.event.id.clone(),
        text: text.to_owned(),
    }))
}

/// What has this moment or an earlier one is not within the window of an event.
fn beginning(definition: &Definition, at: Timestamp) -> Timestamp {
    let window = i64::try_from(definition.past().window_s).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.micros().saturating_sub(window.saturating_mul(1_000_000)))
}

/// What of a definition may still count.
struct Keeps {
    /// What has this moment or an earlier one is beyond every window.
    dead: Timestamp,
    /// No event is of an earlier moment any more.
    late: Timestamp,
    /// No event is told of more than so many.
    most: Option<usize>,
}

impl Keeps {
    fn of(definition: &Definition, clock: Timestamp) -> Self {
        let late = Timestamp::from_micros(clock.micros().saturating_sub(LATE_MICROS));
        let most = match &definition.input {
            Input::Feature(Feature { function: Function::FirstSeen, .. }) => None,
            Input::Feature(Feature { function: Function::LastSeen, .. }) => Some(1),
            Input::Recent(Recent { last, .. }) => usize::try_from(*last).ok(),
            _ => usize::try_from(OBSERVATIONS_MAX).ok(),
        };
        Self { dead: beginning(definition, late), late, most }
    }

    /// Takes the oldest away where it counts for nobody any more.
    fn spare(&self, rows: &mut VecDeque<Row>) -> Option<Row> {
        let oldest = rows.front()?;
        let beyond = self.most.and_then(|most| rows.get(most));
        let outdone = beyond.is_some_and(|row| row.at <= self.late);
        if oldest.at <= self.dead || outdone { rows.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests;
