//! What detectors and rules may know about the past of an event: what is observed of each event for those to
//! come, and what an event is told of those before it. The rows are the store's; which they are is decided here.
//!
//! Invariant: an observation is written in the transaction of its event, so none is missing and none is
//! ahead. An event sees those before it alone, in the order of their moments and decisions.

mod observe;

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use crate::model::{
    DecisionId, Definition, DefinitionId, Digest, Event, Finding, Input, Known, Observation,
    Recalled, Recent, Signal, Timestamp, Told,
};
use crate::store::{Asked, Referred, Store, StoreError};

pub use observe::{Observer, text_of};

/// Texts of one input, all together: what is longer leaves out the oldest.
pub const RECALLED_BYTES_MAX: usize = 256 * 1024;

/// What reading the past may take.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Time, all inputs of an event together.
    pub patience: Duration,
    /// Questions to the record at once: the other readers are for what every event needs.
    pub at_once: usize,
}

/// Observes events, and reads what was observed. One per process.
pub struct Features {
    store: Store,
    /// What entities and values are hashed under, so that the record names nobody.
    observer: Observer,
    patience: Duration,
    turns: Semaphore,
    /// How far definitions are, as far as the keeper knows.
    filled: watch::Sender<Filled>,
    /// That somebody waits for one of which it does not know yet.
    missed: Notify,
}

/// How far definitions are filled.
#[derive(Debug, Default)]
pub struct Filled {
    /// These have no gap.
    pub told: HashSet<DefinitionId>,
    /// These will take a while.
    pub behind: HashSet<DefinitionId>,
}

impl Features {
    pub fn new(store: Store, host_key: &[u8; 32], reading: Reading) -> Self {
        let observer = Observer::new(host_key);
        let Reading { patience, at_once } = reading;
        let turns = Semaphore::new(at_once.max(1));
        let filled = watch::Sender::default();
        Self { store, observer, patience, turns, filled, missed: Notify::new() }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Says how far they are.
    pub fn say(&self, filled: Filled) {
        self.filled.send_replace(filled);
    }

    /// Waits until an event asks for something of which nothing was said yet.
    pub async fn missed(&self) {
        self.missed.notified().await;
    }

    /// What an event of this moment adds, to be written with it.
    pub fn observe(
        &self,
        definitions: &[Definition],
        event: &Event,
        heard: &[&Signal],
        at: Timestamp,
    ) -> Vec<Observation> {
        let observed = |it| self.observer.observations(it, event, heard, at);
        definitions.iter().flat_map(observed).collect()
    }

    /// What tells what an event adds to a definition.
    pub fn observer(&self) -> &Observer {
        &self.observer
    }

    /// Whether there is anything that the signals of one of these labels carry.
    pub fn meets(wanted: &[&Definition], findings: &[Finding]) -> bool {
        let mut labels = wanted.iter().filter_map(|it| it.input.entities());
        labels.any(|label| findings.iter().any(|finding| finding.carries(label)))
    }

    /// What is known for these definitions about an event of this moment, before it is decided about under
    /// this id. It takes no longer than it may, and nobody else's time: what could not be found out until
    /// then is unknown.
    pub async fn read(
        &self,
        wanted: &[&Definition],
        event: &Event,
        at: Timestamp,
        id: DecisionId,
    ) -> Known {
        let until = Instant::now() + self.patience;
        let reads = wanted.iter().map(async |definition| {
            let read = async {
                let _turn = self.turns.acquire().await;
                self.told(definition, event, at, id).await
            };
            self.told_until(until, definition, read).await
        });
        let told = futures::future::join_all(reads).await;
        let mut known = Known::default();
        for (definition, told) in wanted.iter().zip(told) {
            known.tell(&definition.input, told);
        }
        known
    }

    /// What reading a definition comes to, or that it is unknown: where it has a gap, where the record does not
    /// answer, and where that takes longer than until then.
    async fn told_until(
        &self,
        until: Instant,
        definition: &Definition,
        read: impl Future<Output = Result<Told, StoreError>>,
    ) -> Told {
        let unknown = |why: &str| Told::Unknown(why.to_owned());
        if !timeout_at(until, self.is_told(definition.id)).await.unwrap_or_default() {
            return unknown("what happened before it was declared is not looked through yet");
        }
        match timeout_at(until, read).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                tracing::warn!("`{}` was not read: {error}", definition.input);
                unknown("the record did not answer")
            }
            Err(_) => unknown("the event's time was up"),
        }
    }

    /// How many accounts had what the signals of these findings carry, for definitions that are about that:
    /// the account of the event and those of before it. Where several things are carried, the most that one
    /// has. What no signal carries is not told of. It takes no longer than [`Features::read`].
    pub async fn accounts(
        &self,
        wanted: &[&Definition],
        event: &Event,
        findings: &[Finding],
        at: Timestamp,
        id: DecisionId,
    ) -> Known {
        let until = Instant::now() + self.patience;
        let own = self.observer.account(event);
        let heard: Vec<&Signal> = findings.iter().flat_map(Finding::heard).collect();
        let met = wanted.iter().filter_map(|definition| {
            let label = definition.input.entities()?;
            let met = self.observer.met(event, heard.iter().copied(), label);
            (!met.is_empty()).then_some((*definition, met))
        });
        let reads = met.map(async |(definition, met)| {
            let counts = met.into_iter().map(async |entity| {
                let _turn = self.turns.acquire().await;
                self.store.accounts(&asked(definition, entity, at, id), own).await
            });
            let most = async {
                let counts = futures::future::try_join_all(counts).await?;
                Ok(Told::Integer(counts.into_iter().max().unwrap_or_default()))
            };
            (&definition.input, self.told_until(until, definition, most).await)
        });
        let mut known = Known::default();
        for (input, told) in futures::future::join_all(reads).await {
            known.tell(input, told);
        }
        known
    }

    /// Whether it has no gap. Of one that is new this waits until the keeper has looked, for where little
    /// happened before that is soon.
    async fn is_told(&self, id: DefinitionId) -> bool {
        let says = |filled: &Filled| match filled.told.contains(&id) {
            true => Some(true),
            false => filled.behind.contains(&id).then_some(false),
        };
        let said = says(&self.filled.borrow());
        if let Some(told) = said {
            return told;
        }
        let mut filled = self.filled.subscribe();
        self.missed.notify_one();
        let filled = filled.wait_for(|filled| says(filled).is_some()).await;
        filled.is_ok_and(|filled| filled.told.contains(&id))
    }

    async fn told(
        &self,
        definition: &Definition,
        event: &Event,
        at: Timestamp,
        id: DecisionId,
    ) -> Result<Told, StoreError> {
        let Some(entity) = self.observer.entity(definition, event) else {
            return Ok(Told::Absent);
        };
        let asked = asked(definition, entity, at, id);
        match &definition.input {
            Input::Feature(feature) => self.store.observed(feature.function, &asked).await,
            input @ Input::Recent(Recent { last, .. }) => {
                let referred = self.store.recent(&asked, *last).await?;
                let recalled = referred.into_iter().filter_map(|it| recalled(input, it)).collect();
                let recalled = newest(recalled, RECALLED_BYTES_MAX);
                Ok(if recalled.is_empty() { Told::Absent } else { Told::Recent(recalled) })
            }
            Input::Field { .. } | Input::List { .. } => Ok(Told::Absent),
        }
    }
}

/// What is before an event, as far back as a definition looks.
fn asked(definition: &Definition, entity: [u8; 16], at: Timestamp, id: DecisionId) -> Asked {
    let window = i64::try_from(definition.past().window_s).unwrap_or(i64::MAX);
    let window = window.saturating_mul(1_000_000);
    Asked {
        definition: definition.id,
        entity,
        after: Timestamp::from_micros(at.micros().saturating_sub(window)),
        until: at,
        before: id,
    }
}

/// Of texts, oldest first, the newest that have no more bytes than this.
pub fn newest(mut texts: Vec<Recalled>, max: usize) -> Vec<Recalled> {
    let mut bytes = 0;
    let fits = |it: &&Recalled| {
        bytes += it.text.len();
        bytes <= max
    };
    let left_out = texts.len() - texts.iter().rev().take_while(fits).count();
    texts.split_off(left_out)
}

fn recalled(input: &Input, referred: Referred) -> Option<Recalled> {
    let Referred { decision, event, json } = referred;
    let text = text_of(input, &event)?.to_owned();
    Some(Recalled { decision, event: Digest::of(&json), event_id: event.id, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_long_texts_the_newest_are_told() {
        let texts = ["aaaa", "bbb", "cc"].map(|text| Recalled {
            decision: DecisionId::new(),
            event: Digest::of(b""),
            event_id: String::new(),
            text: text.to_owned(),
        });
        for (max, told) in [(9, "aaaabbbcc"), (8, "bbbcc"), (5, "bbbcc"), (4, "cc"), (1, "")] {
            let newest = newest(texts.to_vec(), max);
            assert_eq!(newest.iter().map(|it| it.text.as_str()).collect::<String>(), told);
        }
    }
}
