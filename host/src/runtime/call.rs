//! One evaluation: a fresh instance, one call, and how it ended.

use std::time::Duration;

use wasmtime::{Store, Trap};

use super::abi::v1;
use super::guest::{self, Guest, OutOfTime};
use super::wasi::{self, Wasi};
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
    /// Linear memory when it ended, all memories together: they never shrink, so this is its peak.
    pub memory_bytes: usize,
    /// What its signals hold, strings and lists together; 0 where there are none.
    pub output_bytes: usize,
    /// What it logged, oldest first.
    pub log: Vec<(LogLevel, String)>,
    pub signals: Vec<RawSignal>,
}

const OUT_OF_TIME: &str = "used up its processor time";
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
            .instantiate(&mut store, call)
            .and_then(|component| v1::evaluate(&component, &mut store, call));
        self.0.conclude(answer, store.data_mut(), start)
    }
}

impl PreparedInner {
    pub(super) fn store(&self, call: &Call<'_>, now: Duration, deadline: Duration) -> Store<Guest> {
        let wasi = self.wasi.then(|| {
            let (time_ms, seed) = match self.pre_initialised {
                true => (call.time_ms, self.seed(call)),
                // It configures first, and that knows nothing of the event.
                false => (0, wasi::setup_seed(self.digest, self.settings_digest)),
            };
            Wasi::new(time_ms, seed, self.limits.log_bytes)
        });
        let mut store = guest::store(self.component.engine(), &self.limits, wasi);
        guest::arm(&mut store, now, deadline.min(self.limits.deadline));
        store
    }

    pub(super) fn instantiate(
        &self,
        store: &mut Store<Guest>,
        call: &Call<'_>,
    ) -> wasmtime::Result<v1::Component> {
        let component = self.component.instantiate(&mut *store)?;
        if !self.pre_initialised {
            v1::configure(&component, store, &self.settings)?.map_err(|message| {
                wasmtime::Error::msg(format!("`configure` failed: {message}"))
            })?;
            if let Some(wasi) = &mut store.data_mut().wasi {
                wasi.restart(call.time_ms, self.seed(call));
            }
        }
        Ok(component)
    }

    /// Of the random numbers of one call: a replay draws the same.
    pub(super) fn seed(&self, call: &Call<'_>) -> [u8; 32] {
        use sha2::{Digest as _, Sha256};
        Sha256::new_with_prefix(self.digest.as_bytes()).chain_update(call.id).finalize().into()
    }

    pub(super) fn conclude(&self, answer: Answer, guest: &mut Guest, start: Duration) -> Run {
        let time = guest::thread_time().saturating_sub(start);
        guest.collect_printed();
        let output_bytes = answer.as_ref().map_or(0, |answer| answer.as_deref().map_or(0, bytes));
        let (outcome, error, signals) = match answer {
            // A thread that ticks may itself be kept waiting, and a long instruction looks at no clock.
            Ok(_) if guest.is_late() => {
                (Outcome::Deadline, Some(OUT_OF_TIME.to_owned()), Vec::new())
            }
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
        let memory_bytes = guest.limiter.memory_bytes;
        Run { outcome, error, time, memory_bytes, output_bytes, log, signals }
    }
}

/// What calling `evaluate` gave: the outer error is a trap, the inner one the detector's own.
pub(super) type Answer = wasmtime::Result<Result<Vec<RawSignal>, String>>;

/// What a failed call was, by its cause; shared with loading.
pub(super) fn classify(error: &wasmtime::Error, guest: &Guest) -> (Outcome, String) {
    if error.is::<OutOfTime>() || error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) {
        return (Outcome::Deadline, OUT_OF_TIME.to_owned());
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

/// What an answer holds.
fn bytes(signals: &[RawSignal]) -> usize {
    let entities = |all: &[RawEntity]| -> usize {
        all.iter().map(|entity| entity.kind.len() + entity.value.len()).sum()
    };
    let one = |signal: &RawSignal| {
        size_of_val(&signal.score)
            + size_of_val(&signal.confidence)
            + signal.label.len()
            + signal.reason.len()
            + size_of_val(&*signal.spans)
            + entities(&signal.entities)
    };
    signals.iter().map(one).sum()
}

fn cut(message: &str) -> String {
    let mut end = message.len().min(ERROR_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].to_owned()
}
