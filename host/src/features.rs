//! What detectors may know about the past of an event: what is observed of each event for those to come,
//! and what an event is told of those before it. The rows are the store's; which they are is decided here.
//!
//! Invariant: an observation is written in the transaction of its event, so none is missing and none is
//! ahead. An event sees those before it alone, in the order of their moments and decisions.

mod observe;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::{
    DecisionId, Definition, Digest, Event, Finding, Input, Known, Observation, Outcome, Recalled,
    Recent, Signal, Timestamp, Told,
};
use crate::store::{Asked, Referred, Store, StoreError};

pub use observe::text_of;

/// Observes events, and reads what was observed. One per process.
pub struct Features {
    store: Store,
    /// What entities and values are hashed under, so that the record names nobody.
    key: Hmac<Sha256>,
}

impl Features {
    pub fn new(store: Store, host_key: &[u8; 32]) -> Self {
        let mut key = Hmac::new_from_slice(host_key).expect("HMAC takes keys of any length");
        key.update(b"picket features 1\0");
        Self { store, key }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// What an event of this moment adds, to be written with it.
    pub fn observe(
        &self,
        definitions: &[Definition],
        event: &Event,
        heard: &[&Signal],
        at: Timestamp,
    ) -> Vec<Observation> {
        definitions.iter().flat_map(|it| self.observations(it, event, heard, at)).collect()
    }

    /// What an event of this moment adds to one definition. `heard` are the signals that had a say in it.
    pub fn observations(
        &self,
        definition: &Definition,
        event: &Event,
        heard: &[&Signal],
        at: Timestamp,
    ) -> Vec<Observation> {
        observe::observations(&self.key, definition, event, heard, at)
    }

    /// Whether there is anything that the signals of one of these labels carry.
    pub fn meets(&self, wanted: &[&Definition], findings: &[Finding]) -> bool {
        let labels: Vec<&str> = wanted.iter().filter_map(|it| it.input.entities()).collect();
        heard(findings)
            .any(|signal| labels.contains(&&*signal.label) && !signal.entities.is_empty())
    }

    /// How many accounts had what the signals of these findings carry, for definitions that are about that:
    /// the account of the event and those of before it. Where several things are carried, the most that one
    /// has. What no signal carries is not told of.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn accounts(
        &self,
        wanted: &[&Definition],
        event: &Event,
        findings: &[Finding],
        at: Timestamp,
        id: DecisionId,
    ) -> Result<Known, StoreError> {
        let own = observe::account(&self.key, event);
        let mut known = Known::default();
        for definition in wanted {
            let Some(label) = definition.input.entities() else { continue };
            let met = observe::met(&self.key, event, heard(findings), label);
            let reads = met.into_iter().map(async |entity| {
                self.store.accounts(&asked(definition, entity, at, id), own).await
            });
            let counts = futures::future::try_join_all(reads).await?;
            if let Some(most) = counts.into_iter().max() {
                known.tell(&definition.input, Told::Integer(most));
            }
        }
        Ok(known)
    }

    /// What is known for these definitions about an event of this moment, before it is decided about under
    /// this id.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn read(
        &self,
        wanted: &[&Definition],
        event: &Event,
        at: Timestamp,
        id: DecisionId,
    ) -> Result<Known, StoreError> {
        let reads: Vec<_> =
            wanted.iter().map(|definition| self.told(definition, event, at, id)).collect();
        let told = futures::future::try_join_all(reads).await?;
        let mut known = Known::default();
        for (definition, told) in wanted.iter().zip(told) {
            known.tell(&definition.input, told);
        }
        Ok(known)
    }

    async fn told(
        &self,
        definition: &Definition,
        event: &Event,
        at: Timestamp,
        id: DecisionId,
    ) -> Result<Told, StoreError> {
        let past = definition.past();
        let Some(entity) = observe::entity(&self.key, event, past.by) else {
            return Ok(Told::Absent);
        };
        let asked = asked(definition, entity, at, id);
        match &definition.input {
            Input::Feature(feature) => self.store.observed(feature.function, &asked).await,
            input @ Input::Recent(Recent { last, .. }) => {
                let referred = self.store.recent(&asked, *last).await?;
                let recalled: Vec<Recalled> =
                    referred.into_iter().filter_map(|it| recalled(input, it)).collect();
                Ok(if recalled.is_empty() { Told::Absent } else { Told::Recent(recalled) })
            }
            Input::Field { .. } | Input::List { .. } => Ok(Told::Absent),
        }
    }
}

/// The signals that have a say.
fn heard(findings: &[Finding]) -> impl Iterator<Item = &Signal> {
    let heard = findings.iter().filter(|it| it.counted && it.outcome == Outcome::Ok);
    heard.flat_map(|finding| &finding.signals)
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

fn recalled(input: &Input, referred: Referred) -> Option<Recalled> {
    let Referred { decision, event, json } = referred;
    let text = text_of(input, &event)?.to_owned();
    Some(Recalled { decision, event: Digest::of(&json), event_id: event.id, text })
}
