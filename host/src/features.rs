//! What detectors may know about the past of an event: what is observed of each event for those to come,
//! and what an event is told of those before it. The rows are the store's; which they are is decided here.
//!
//! Invariant: an observation is written in the transaction of its event, so none is missing and none is
//! ahead. An event sees those before it alone, in the order of their moments and decisions.

mod observe;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::model::{
    DecisionId, Definition, Digest, Event, Input, Known, Observation, Recalled, Recent, Timestamp,
    Told,
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
        at: Timestamp,
    ) -> Vec<Observation> {
        definitions.iter().filter_map(|it| self.observation(it, event, at)).collect()
    }

    /// What an event of this moment adds to one definition.
    pub fn observation(
        &self,
        definition: &Definition,
        event: &Event,
        at: Timestamp,
    ) -> Option<Observation> {
        observe::observation(&self.key, definition, event, at)
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
        let window = i64::try_from(past.window_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let asked = Asked {
            definition: definition.id,
            entity,
            after: Timestamp::from_micros(at.micros().saturating_sub(window)),
            until: at,
            before: id,
        };
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

fn recalled(input: &Input, referred: Referred) -> Option<Recalled> {
    let Referred { decision, event, json } = referred;
    let text = text_of(input, &event)?.to_owned();
    Some(Recalled { decision, event: Digest::of(&json), event_id: event.id, text })
}
