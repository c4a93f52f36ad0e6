//! One evaluation: a fresh instance, one call, and how it ended.

use std::time::Duration;

use wasmtime::{Store, Trap};

use super::abi::v1;
use super::guest::{self, Guest, OutOfTime};
use super::wasi::Wasi;
use super::{Prepared, PreparedInner};
use crate::model::{LogLevel, Outcome};

/// What a detector is told of one event.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    pub id: &'a str,
    pub kind: &'a str,
    pub time_ms: i64,
    /// In the order of the manifest.
    pub inputs: &'a [Value<'a>],
}

/// One input.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Absent,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(&'a str),
    Texts(Vec<&'a str>),
    Integers(Vec<i64>),
    Numbers(Vec<f64>),
}

/// A signal as the guest gave it: nothing in it is checked yet.
#[derive(Debug, Clone, PartialEq)]
pub struct RawSignal {
    pub label: String,
    pub score: f64,
    pub confidence: f64,
    pub reason: String,
    pub spans: Vec<RawSpan>,
    pub entities: Vec<RawEntity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSpan {
    pub input: u32,
    pub item: u32,
    pub start: u32,
    pub end: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntity {
    pub kind: String,
    pub value: String,
}

/// How one evaluation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub outcome: Outcome,
    /// For an engineer; `None` where the outcome is ok.
    pub error: Option<String>,
    /// Processor time.
    pub time: Duration,
    /// What it logged, oldest first.
    pub log: Vec<(LogLevel, String)>,
    pub signals: Vec<RawSignal>,
}

/// An error message of a detector is cut to this.
const ERROR_BYTES_MAX: usize = 1_000;

impl Prepared {
    /// Runs the detector on one event, in a fresh instance, for no longer than its own deadline or
    /// `deadline`, whichever is less. Never fails: how it failed is the answer.
    pub fn evaluate(&self, call: &Call<'_>, deadline: Duration) -> Run {
        let start = guest::thread_time();
        let mut store = self.0.store(call, start, deadline);
        let answer = self
            .0
            .instantiate(&mut store)
            .and_then(|component| v1::evaluate(&component, &mut store, call));
        self.0.conclude(answer, store.data_mut(), start)
    }

    /// An instance that is kept from one event to the next, so state could leak: events get one only
    /// by the operator's word.
    ///
    /// # Errors
    /// Why it could not be instantiated.
    pub fn warm(&self, call: &Call<'_>) -> Result<Warm, String> {
        let mut store = self.0.store(call, guest::thread_time(), self.0.limits.deadline);
        let component = self.0.instantiate(&mut store).map_err(|error| format!("{error:#}"))?;
        Ok(Warm { prepared: self.clone(), store, component })
    }
}

/// A kept instance: see [`Prepared::warm`].
pub struct Warm {
    prepared: Prepared,
    store: Store<Guest>,
    component: v1::Component,
}

impl Warm {
    /// Runs it once more, as [`Prepared::evaluate`] does. After a trap it only traps again.
    pub fn evaluate(&mut self, call: &Call<'_>, deadline: Duration) -> Run {
        let start = guest::thread_time();
        guest::arm(&mut self.store, start, deadline.min(self.prepared.0.limits.deadline));
        let answer = v1::evaluate(&self.component, &mut self.store, call);
        self.prepared.0.conclude(answer, self.store.data_mut(), start)
    }
}

impl PreparedInner {
    fn store(&self, call: &Call<'_>, now: Duration, deadline: Duration) -> Store<Guest> {
        let wasi = self.wasi.then(|| {
            let seed = wasi_seed(self.digest.as_bytes(), call.id);
            Wasi::new(call.time_ms, seed, self.limits.log_bytes)
        });
        let mut store = guest::store(self.component.engine(), &self.limits, wasi);
        guest::arm(&mut store, now, deadline.min(self.limits.deadline));
        store
    }

    fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<v1::Component> {
        let component = self.component.instantiate(&mut *store)?;
        if !self.pre_initialised {
            let detector = component.picket_detector_detector();
            detector.call_configure(&mut *store, &self.settings)?.map_err(|message| {
                wasmtime::Error::msg(format!("`configure` failed: {message}"))
            })?;
        }
        Ok(component)
    }

    fn conclude(&self, answer: Answer, guest: &mut Guest, start: Duration) -> Run {
        let time = guest::thread_time().saturating_sub(start);
        guest.collect_printed();
        let (outcome, error, signals) = match answer {
            Ok(Ok(signals)) if signals.len() > self.limits.signals => {
                let error =
                    format!("{} signals; {} are allowed", signals.len(), self.limits.signals);
                (Outcome::Invalid, Some(error), Vec::new())
            }
            Ok(Ok(signals)) => (Outcome::Ok, None, signals),
            Ok(Err(message)) => (Outcome::Error, Some(cut(&message)), Vec::new()),
            Err(trap) => {
                let (outcome, error) = classify(&trap, guest);
                (outcome, Some(error), Vec::new())
            }
        };
        let log = guest.log.lines.drain(..).collect();
        Run { outcome, error, time, log, signals }
    }
}

/// What calling `evaluate` gave: the outer error is a trap, the inner one the detector's own.
type Answer = wasmtime::Result<Result<Vec<RawSignal>, String>>;

/// The seed of a guest's random numbers: from the event and the file, so that a replay draws the same.
fn wasi_seed(digest: &[u8; 32], event_id: &str) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::new_with_prefix(digest).chain_update(event_id).finalize().into()
}

/// What a failed call was, by its cause; shared with loading.
pub(super) fn classify(error: &wasmtime::Error, guest: &Guest) -> (Outcome, String) {
    if error.is::<OutOfTime>() || error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return (Outcome::Deadline, "used up its processor time".to_owned());
    }
    // A guest that is denied memory usually aborts: the trap is only the symptom.
    if guest.limiter.denied {
        return (Outcome::Memory, "wanted more memory than it may have".to_owned());
    }
    let said = guest.log.last_error().map(str::to_owned);
    if error.downcast_ref::<Trap>().is_none() && format!("{error:#}").contains("hostcalls") {
        return (
            Outcome::Invalid,
            "returned more than it may: too many or too long signals".to_owned(),
        );
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => (Outcome::Trap, cut(&said.unwrap_or_else(|| trap.to_string()))),
        None => (Outcome::Trap, cut(&said.unwrap_or_else(|| format!("{error:#}")))),
    }
}

fn cut(message: &str) -> String {
    let mut end = message.len().min(ERROR_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].to_owned()
}
