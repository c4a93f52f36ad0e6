//! History from a file: a CloudEvent on each line, or one with a label beside it.

use std::collections::HashSet;
use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::Value as Json;

use super::labels::Labels;
use super::origin::{Opener, Origin, PassedOver, Raw};
use super::past::{Moment, Part, Past, Speaker, Spoken, Subject};
use super::plan::{Before, Plan};
use super::remembered::Remembered;
use super::report::OriginSaid;
use super::tally::Tally;
use super::told::Teller;
use super::{SimulateError, Simulation, tiers};
use crate::features::Observer;
use crate::model::{DecisionId, Event, EventBounds, Known, Mode, Timestamp};

/// Events that are read at once.
const BATCH_MAX: usize = 500;
/// Bytes of a line.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Nothing is kept that a key would hide.
pub(super) const NO_KEY: [u8; 32] = [0; 32];

/// An event may be of any time: whether it has come yet is no matter here.
const ALWAYS: Timestamp = Timestamp::MAX;

/// The events of a file, as they come.
pub struct Events {
    text: Box<dyn BufRead + Send>,
    /// For messages.
    name: String,
    line: u64,
    bytes: u64,
    source: String,
    bounds: EventBounds,
    /// 16 bytes of each event's id.
    seen: HashSet<[u8; 16]>,
    /// Nothing is received before what came before it.
    clock: Timestamp,
}

/// A line that also says whether it is a violation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Labelled {
    event: Json,
    violation: Option<bool>,
}

impl Events {
    /// `source` is whose events are simulated; `name` is for messages.
    pub fn new(
        text: Box<dyn BufRead + Send>,
        name: &str,
        source: &str,
        bounds: EventBounds,
    ) -> Self {
        Self {
            text,
            name: name.to_owned(),
            line: 0,
            bytes: 0,
            source: source.to_owned(),
            bounds,
            seen: HashSet::new(),
            clock: Timestamp::from_micros(i64::MIN),
        }
    }

    /// How far it is read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next events; empty at the end.
    pub(super) fn batch(&mut self) -> Result<Vec<Raw>, SimulateError> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let mut text = String::new();
        while batch.len() < BATCH_MAX {
            text.clear();
            self.line += 1;
            let read = self.text.by_ref().take(LINE_BYTES_MAX).read_line(&mut text);
            let read =
                read.map_err(|source| SimulateError::Read { place: self.place(), source })?;
            if read == 0 {
                break;
            }
            self.bytes += read as u64;
            if read as u64 == LINE_BYTES_MAX {
                return Err(self.wrong(format!("a line of more than {LINE_BYTES_MAX} bytes")));
            }
            if !text.trim().is_empty() {
                batch.push(self.event(&text)?);
            }
        }
        Ok(batch)
    }

    fn event(&mut self, text: &str) -> Result<Raw, SimulateError> {
        let json: Json = serde_json::from_str(text).map_err(|error| {
            self.wrong(format!("{error}; write one CloudEvent on each line, as JSON"))
        })?;
        let (envelope, violation) =
            match json.get("specversion").is_none() && json.get("event").is_some() {
                true => {
                    let labelled: Labelled = serde_json::from_value(json)
                        .map_err(|error| self.wrong(error.to_string()))?;
                    (labelled.event, labelled.violation)
                }
                false => (json, None),
            };
        if envelope["source"].as_str().is_some_and(|source| source != self.source) {
            return Ok(Raw::PassedOver(PassedOver::OtherSource));
        }
        let event = Event::parse(envelope, &self.bounds, ALWAYS).map_err(|faults| {
            let faults: Vec<String> =
                faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
            self.wrong(faults.join("; "))
        })?;
        if !event.time_sent {
            let detail = "/time: missing: strikes and days count by it, so say when it happened";
            return Err(self.wrong(detail.to_owned()));
        }
        if !self.seen.insert(Subject::hashed(&event.source, &event.id).0) {
            return Ok(Raw::PassedOver(PassedOver::Repeated));
        }
        self.clock = self.clock.max(event.time);
        Ok(Raw::Event(Box::new(Past {
            shown: event.id.clone(),
            decision: DecisionId::from_time(event.time),
            part: Part::Judged,
            subject: Subject::hashed(&event.source, &event.subject),
            mode: Mode::Active,
            moment: Moment { at: event.time, received_at: self.clock },
            decided_at: event.time,
            findings: Vec::new(),
            known: Known::NOTHING,
            was: None,
            spoken: violation.map(|violation| Spoken { violation, by: Speaker::Label }),
            overturned_at: None,
            event,
        })))
    }

    fn place(&self) -> String {
        format!("{}:{}", self.name, self.line)
    }

    fn wrong(&self, detail: String) -> SimulateError {
        SimulateError::Input { place: self.place(), detail }
    }
}

impl Simulation {
    /// Of a file. `length` are its bytes, where they are known.
    pub fn of_file(
        events: Events,
        length: Option<u64>,
        plan: Plan,
        labels: Labels,
        share: f64,
    ) -> Self {
        let mut heard = vec![plan.after.policy.clone()];
        let mut bounds_before = Vec::new();
        if let Before::Policy(side) = &plan.before {
            heard.push(side.policy.clone());
            bounds_before = tiers(&side.policy);
        }
        let said = OriginSaid::File { source: events.source.clone() };
        let observer = Observer::new(&NO_KEY);
        let teller = Teller::new(Remembered::new(plan.definitions(), observer.clone()));
        let tally = Tally::new(&plan, said, bounds_before, &observer);
        let remembers = plan.remembers();
        let opener = Opener { history: None, labels, heard, remembers, begins: None, share };
        let origin = Origin::File { events: Some(events), length, position: 0 };
        Self { origin, opener: opener.into(), plan: plan.into(), teller, tally }
    }
}
