//! The trait that a detector implements, and the event that it is given.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Inputs, Manifest, Signal};

/// One detector: a pure function from declared inputs to signals.
pub trait Detector: Sized {
    /// The inputs, usually a struct with `#[derive(Inputs)]`.
    type Inputs: Inputs;
    /// The settings that an operator may give; [`NoSettings`] where there are none. Give the type
    /// `#[serde(default, deny_unknown_fields)]` so that `{}` works and a typing error is refused.
    type Settings: DeserializeOwned;

    /// Who the detector is and what it wants. The inputs are added from [`Detector::Inputs`].
    fn manifest() -> Manifest;

    /// Builds every table and automaton. Runs once, before the instance is snapshotted; the cost
    /// of work done here is not paid per event.
    ///
    /// # Errors
    /// A message for the engineer who chose the settings; the host then refuses the detector.
    fn configure(settings: Self::Settings) -> Result<Self, String>;

    /// Judges one event. Runs on a fresh copy of the configured instance, so nothing that it keeps
    /// is seen by the next event. Not called when a required input is absent.
    ///
    /// # Errors
    /// A message for a reviewer; the finding's outcome is then `error`.
    fn evaluate(&self, event: &Event, inputs: &Self::Inputs) -> Result<Vec<Signal>, String>;
}

/// What is known of the event besides the declared inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The CloudEvents id, unique within its source.
    pub id: String,
    /// The event type, such as `message.sent`.
    pub kind: String,
    /// When it happened: milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: i64,
}

/// The settings of a detector that has none: `{}` and nothing else.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}
