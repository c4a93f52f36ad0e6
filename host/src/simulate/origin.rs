//! Where history comes from: the record, or a file; in batches, in the order in which it came.

use std::sync::Arc;

use super::SimulateError;
use super::file::Events;
use super::labels::Labels;
use super::past::{Part, Past};
use super::record::{self, Stretch};
use crate::model::DecisionId;
use crate::policy::Policy;
use crate::store::{History, PastRow};

/// One of the two.
pub(super) enum Origin {
    Record(Stretch),
    /// `None` while it is being read.
    File {
        events: Option<Events>,
        length: Option<u64>,
        position: u64,
    },
}

/// Something of a batch, to be opened on a thread that has the time.
pub(super) enum Raw {
    Row(PastRow),
    Event(Box<Past>),
    PassedOver(PassedOver),
}

pub(super) enum Opened {
    Past(Box<Past>),
    PassedOver(PassedOver),
}

/// Why something of the history is not simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassedOver {
    /// It is not of the source of the policy.
    OtherSource,
    /// No policy judges its type.
    OtherType,
    /// The id was there before: one event has one decision.
    Repeated,
    /// Its subject was erased.
    Erased,
    /// It is not in the sample.
    NotSampled,
}

/// What it takes to open, for any thread.
pub(super) struct Opener {
    /// `None` of a file.
    pub history: Option<Arc<History>>,
    pub labels: Labels,
    /// What none of these judges is passed over.
    pub heard: Vec<Arc<Policy>>,
    /// Whether it counts for those to come all the same.
    pub remembers: bool,
    /// Decisions from before that one count for those to come alone; `None` of a file.
    pub begins: Option<DecisionId>,
    pub share: f64,
}

impl Origin {
    pub async fn next(&mut self) -> Result<Option<Vec<Raw>>, SimulateError> {
        match self {
            Self::Record(stretch) => stretch.next().await,
            Self::File { events: slot, position, .. } => {
                let Some(mut events) = slot.take() else { return Ok(None) };
                let reading = tokio::task::spawn_blocking(move || {
                    let batch = events.batch();
                    (events, batch)
                });
                let (events, batch) = reading.await.map_err(|_| SimulateError::Panicked)?;
                *position = events.bytes();
                let batch = batch?;
                *slot = Some(events);
                Ok((!batch.is_empty()).then_some(batch))
            }
        }
    }

    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Record(stretch) => Some(stretch.decisions),
            Self::File { length, .. } => *length,
        }
    }

    pub fn position(&self) -> u64 {
        match self {
            Self::Record(stretch) => stretch.seen,
            Self::File { position, .. } => *position,
        }
    }
}

impl Opener {
    pub fn open(&self, raw: Raw) -> Result<Opened, SimulateError> {
        let mut past = match (raw, &self.history) {
            (Raw::PassedOver(why), _) => return Ok(Opened::PassedOver(why)),
            (Raw::Event(past), _) => past,
            (Raw::Row(row), Some(history)) => {
                // Before it is opened, which is what takes time.
                match row.subject()? {
                    None => return Ok(Opened::PassedOver(PassedOver::Erased)),
                    Some(subject) if !self.samples(subject) => {
                        return Ok(Opened::PassedOver(PassedOver::NotSampled));
                    }
                    Some(_) => {}
                }
                match history.open_row(&row)? {
                    Some(decision) => Box::new(record::past(decision)?),
                    None => return Ok(Opened::PassedOver(PassedOver::Erased)),
                }
            }
            (Raw::Row(_), None) => return Ok(Opened::PassedOver(PassedOver::Erased)),
        };
        if !self.samples(past.subject.0) {
            return Ok(Opened::PassedOver(PassedOver::NotSampled));
        }
        if self.begins.is_some_and(|begins| past.decision < begins) {
            past.part = Part::Before;
        } else if !self.heard.iter().any(|policy| policy.judges(&past.event.kind)) {
            if !self.remembers {
                return Ok(Opened::PassedOver(PassedOver::OtherType));
            }
            past.part = Part::Unjudged;
        }
        if let Some(spoken) = self.labels.of(&past.event.source, &past.event.id) {
            past.spoken = Some(spoken);
        }
        Ok(Opened::Past(past))
    }

    /// Whether an account is in the sample. The same one every time: its name is a hash.
    fn samples(&self, subject: [u8; 16]) -> bool {
        let [a, b, c, d, ..] = subject;
        let place = f64::from(u32::from_be_bytes([a, b, c, d])) / f64::from(u32::MAX);
        self.share >= 1.0 || place < self.share
    }
}
