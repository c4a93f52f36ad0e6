//! One detector on one event as it was once, for a replay: nothing is kept, counted or told.

use std::time::Duration;

use super::EntityKey;
use super::visit::Visit;
use crate::model::{Event, Finding, Known};
use crate::runtime::Prepared;

/// Runs a build again in a fresh instance, within the limits that it has, and checks what it returns.
/// Where it stood, and whether it had a say, is as it was.
pub fn evaluate_again(
    prepared: &Prepared,
    event: &Event,
    known: &Known,
    was: &Finding,
    key: &EntityKey,
) -> Finding {
    let visit = Visit::new(prepared, was.stage, event, known);
    let finding = visit.finding(visit.fresh(Duration::MAX), key);
    Finding { counted: was.counted, ..finding }
}
