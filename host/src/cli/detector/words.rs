//! How the state of a version is worded.

use super::super::table::plain;
use crate::model::{Canary, Isolation, Stage};
use crate::registry::DetectorStatus;

pub(super) use super::super::which::{Which, WhichVersion};
pub(super) use super::super::words::{percent, warn, why};

pub(super) fn source(source: &str) -> String {
    match source {
        "*" => "every source".to_owned(),
        source => plain(source),
    }
}

/// A stage, with the share of a canary.
pub(super) fn stage(stage: Stage, canary: Option<&Canary>) -> String {
    match canary {
        Some(canary) => format!("{stage} {}", percent(canary.share)),
        None => stage.to_string(),
    }
}

/// What an operator granted a version beyond a fresh instance for each event.
pub(super) fn isolation(status: &DetectorStatus) -> Option<&'static str> {
    let warm = "warm: an instance is kept from event to event, by the operator's word";
    (status.isolation == Some(Isolation::Warm)).then_some(warm)
}
