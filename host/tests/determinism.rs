//! The same inputs give the same bits: whatever the thread, the process, the run, and whatever a program
//! elsewhere would ask chance, the clock or its memory for. `host/src/runtime/engine/tests.rs` has the
//! processors.

mod fixture;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use picket::model::Outcome;
use picket::runtime::{Call, Prepared, Runtime, RuntimeOptions, Trust, Value};

/// What a detector could do that another machine, thread or run does otherwise.
const ORDERS: [&str; 8] =
    ["nans", "floats", "order", "chance", "state", "entity", "whole", "panic"];

fn load(runtime: &Runtime) -> Prepared {
    runtime.load(fixture::probe(), "{}", Trust::Bundled).expect("the probe loads")
}

fn start() -> Runtime {
    Runtime::new(&RuntimeOptions::default()).expect("the sandbox starts")
}

/// All that came of a run but for what it cost.
fn answer(prepared: &Prepared, id: &str, order: &str) -> String {
    let inputs = [Value::Text(order), Value::Text("user-17")];
    let call = Call { id, kind: "message.sent", time_ms: 1_788_253_200_000, inputs: &inputs };
    let run = prepared.evaluate(&call, Duration::from_secs(5));
    let bits: Vec<[u64; 2]> =
        run.signals.iter().map(|it| [it.score.to_bits(), it.confidence.to_bits()]).collect();
    format!("{order} {:?} {:?} {:?} {bits:?} {:?}", run.outcome, run.error, run.signals, run.log)
}

fn answers(prepared: &Prepared) -> Vec<String> {
    let ids = ["event-1", "event-2", "event-3"];
    let orders = ORDERS.iter().flat_map(|order| ids.map(|id| (id, order)));
    orders.map(|(id, order)| answer(prepared, id, order)).collect()
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(start);

#[test]
fn one_thread_or_many() {
    let prepared = load(&RUNTIME);
    let alone = answers(&prepared);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| answers(&prepared))).collect();
        for answers in threads {
            assert_eq!(answers.join().expect("it ends"), alone);
        }
    });
}

#[test]
fn one_sandbox_or_another() {
    // Compiled and snapshotted anew, at other addresses, with other keys in the host's own maps.
    assert_eq!(answers(&load(&start())), answers(&load(&RUNTIME)));
}

#[test]
fn nothing_that_is_a_number_has_one_form() {
    let said = answer(&load(&RUNTIME), "event-1", "nans");
    let nans: Vec<&str> = said
        .split(['"', ' '])
        .filter(|it| it.starts_with("7ff") || it.starts_with("fff"))
        .collect();
    assert_eq!(nans, ["7ff8000000000000"; 12], "{said}");
}

#[test]
fn chance_follows_from_the_event_and_differs_between_events() {
    let prepared = load(&RUNTIME);
    for order in ["chance", "order"] {
        let ids = (0..20).map(|number| format!("event-{number}"));
        let said: BTreeSet<String> = ids.map(|id| answer(&prepared, &id, order)).collect();
        assert_eq!(said.len(), 20, "{order}");
        assert_eq!(answer(&prepared, "event-1", order), answer(&prepared, "event-1", order));
    }
}

#[test]
fn what_came_before_does_not_matter() {
    let prepared = load(&RUNTIME);
    let first = answers(&prepared);
    for order in ["memory", "panic", "recurse", "flood"] {
        let said = answer(&prepared, "before", order);
        assert!(!said.contains(&format!("{:?}", Outcome::Ok)), "{said}");
        assert_eq!(answers(&prepared), first, "after {order}");
    }
}
