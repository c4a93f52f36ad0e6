//! Whether a detector is a function: now and then a run is done again in a fresh instance, and the two
//! are compared bit for bit.

use std::hash::{BuildHasher, RandomState};

use crate::model::{Event, Isolation, Manifest, Outcome};
use crate::registry::LiveDetector;
use crate::runtime::{RawSignal, Run};

/// A kept instance is watched so many times as closely as fresh ones.
const WARM_FACTOR: u64 = 10;

/// Which runs are done again.
pub(super) struct Sampling {
    /// One in so many; 0 for none.
    every: u64,
    /// Keys that change with each start: a detector cannot tell when it is watched.
    keys: RandomState,
}

impl Sampling {
    pub fn new(every: u64) -> Self {
        Self { every, keys: RandomState::new() }
    }

    /// Whether this version's run on this event is one of them.
    pub fn picks(&self, live: &LiveDetector, event: &Event) -> bool {
        let every = match live.isolation {
            Isolation::Fresh => self.every,
            Isolation::Warm => self.every.div_ceil(WARM_FACTOR),
        };
        match every {
            0 => false,
            1 => true,
            every => self.keys.hash_one((live.prepared.build(), &event.id)).is_multiple_of(every),
        }
    }
}

/// Whether a run may be compared: how far one gets before its time or memory is up, or its event's, is
/// chance.
pub(super) fn comparable(run: &Run) -> bool {
    !matches!(run.outcome, Outcome::Deadline | Outcome::Memory | Outcome::Skipped)
}

/// What differs first between two runs, without any text of the event; `None` where nothing does.
pub(super) fn difference(manifest: &Manifest, first: &Run, second: &Run) -> Option<String> {
    if first.outcome != second.outcome {
        return Some(format!("outcome {}, then {}", first.outcome, second.outcome));
    }
    if first.error != second.error {
        return Some(format!("outcome {} with another error each time", first.outcome));
    }
    let (signals, others) = (&first.signals, &second.signals);
    if signals.len() != others.len() {
        return Some(format!("{} signals, then {}", signals.len(), others.len()));
    }
    let mut pairs = signals.iter().zip(others).enumerate();
    pairs.find_map(|(index, (a, b))| {
        between(manifest, a, b).map(|what| format!("signal {}: {what}", index + 1))
    })
}

fn between(manifest: &Manifest, a: &RawSignal, b: &RawSignal) -> Option<String> {
    // A label is believed, and so told, only where the manifest has it.
    let label = |signal: &RawSignal| match manifest.labels.contains(&signal.label) {
        true => signal.label.clone(),
        false => "a label that is not in the manifest".to_owned(),
    };
    if a.label != b.label {
        return Some(format!("{}, then {}", label(a), label(b)));
    }
    let numbers = [("score", a.score, b.score), ("confidence", a.confidence, b.confidence)];
    for (name, a_number, b_number) in numbers {
        if a_number.to_bits() != b_number.to_bits() {
            return Some(format!("{name} of {} {a_number:?}, then {b_number:?}", label(a)));
        }
    }
    let parts = [
        ("reason", a.reason != b.reason),
        ("spans", a.spans != b.spans),
        ("entities", a.entities != b.entities),
    ];
    let (part, _) = parts.into_iter().find(|(_, differs)| *differs)?;
    Some(format!("other {part} of {} each time", label(a)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogLevel;
    use crate::runtime::{RawEntity, RawSpan};
    use serde_json::json;
    use std::time::Duration;

    fn manifest() -> Manifest {
        let json = json!({
            "schema": 1, "name": "probe", "version": "1.0.0", "summary": "",
            "labels": ["safety.probe", "safety.next"], "events": ["*"], "inputs": [],
        });
        Manifest::parse(&json.to_string()).unwrap()
    }

    fn signal() -> RawSignal {
        RawSignal {
            label: "safety.probe".into(),
            score: 0.5,
            confidence: 1.0,
            reason: "call 555-0100".into(),
            spans: vec![RawSpan { input: 0, item: 0, start: 0, end: 1 }],
            entities: vec![RawEntity { kind: "phone".into(), value: "555-0100".into() }],
        }
    }

    fn run(outcome: Outcome, signals: Vec<RawSignal>) -> Run {
        let error = outcome.is_failure().then(|| "at 555-0100".to_owned());
        Run {
            outcome,
            error,
            time: Duration::ZERO,
            memory_bytes: 0,
            output_bytes: 0,
            log: Vec::new(),
            signals,
        }
    }

    #[test]
    fn runs_with_the_same_bits_do_not_differ_whatever_they_cost() {
        let signal = RawSignal { score: f64::NAN, ..signal() };
        let first = run(Outcome::Ok, vec![signal.clone()]);
        let second = Run {
            time: Duration::from_secs(1),
            log: vec![(LogLevel::Info, "x".into())],
            ..first.clone()
        };
        assert_eq!(difference(&manifest(), &first, &second), None);
    }

    #[test]
    fn each_difference_is_named_and_no_text_is_quoted() {
        let manifest = manifest();
        let ok = run(Outcome::Ok, vec![signal()]);
        let trap = run(Outcome::Trap, vec![]);
        let changed = |change: &dyn Fn(&mut RawSignal)| {
            let mut signal = signal();
            change(&mut signal);
            run(Outcome::Ok, vec![signal])
        };
        let cases = [
            (trap.clone(), "outcome ok, then trap"),
            (run(Outcome::Ok, vec![]), "1 signals, then 0"),
            (changed(&|it| it.label = "safety.next".into()), "safety.probe, then safety.next"),
            (changed(&|it| it.label = "555-0100".into()), "then a label that is not"),
            (changed(&|it| it.score = 0.75), "score of safety.probe 0.5, then 0.75"),
            (changed(&|it| it.score = 0.5_f64.next_up()), "then 0.5000000000000001"),
            (changed(&|it| it.confidence = -0.0), "confidence of safety.probe 1.0, then -0.0"),
            (changed(&|it| it.reason.push('!')), "other reason of safety.probe"),
            (changed(&|it| it.spans[0].end = 2), "other spans of safety.probe"),
            (changed(&|it| it.entities.clear()), "other entities of safety.probe"),
        ];
        for (second, says) in cases {
            let difference = difference(&manifest, &ok, &second).unwrap();
            assert!(difference.contains(says), "{difference}");
            assert!(!difference.contains("555"), "{difference}");
        }
        let other = Run { error: Some("at 555-0199".into()), ..trap.clone() };
        let said = difference(&manifest, &trap, &other).unwrap();
        assert_eq!(said, "outcome trap with another error each time");
    }

    #[test]
    fn what_ended_by_chance_is_not_compared() {
        let compared = |outcome| comparable(&run(outcome, vec![]));
        assert!(
            [Outcome::Ok, Outcome::Trap, Outcome::Invalid, Outcome::Error]
                .map(compared)
                .iter()
                .all(|it| *it)
        );
        assert!(
            ![Outcome::Deadline, Outcome::Memory, Outcome::Skipped]
                .map(compared)
                .iter()
                .any(|it| *it)
        );
    }
}
