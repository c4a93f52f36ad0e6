//! A thousand runs of each case, or loads of each that does not load, leave the memory of the process as
//! it was. Runs go the engine's way: what a detector answers is checked and thrown away.

use std::thread;
use std::time::{Duration, Instant};

use picket::config::Config;
use picket::engine::{EntityKey, examine};
use picket::model::manifest::Budget;
use picket::model::{Event, Known, Outcome, Timestamp};
use picket::runtime::{CompilerOptions, Limits, Prepared, Runtime, RuntimeOptions, Trust};

use super::cases::{self, CONTENT, Case, Expect};
use super::server::event;

const RUNS: usize = 1_000;
/// A file that is refused in a child process takes some ten milliseconds, so each is loaded for so long,
/// and no more than [`RUNS`] times.
const LOADING: Duration = Duration::from_millis(150);
const THREADS: usize = 2;
/// Between two cases: what the allocator keeps for the next of its kind. A leak of 16 KiB in a run
/// would be seen.
const TOLERANCE: u64 = 16 << 20;
/// Over all cases.
const TOLERANCE_OF_ALL: u64 = 48 << 20;

/// A runtime as a server has it, with time enough for all that ends by itself.
fn runtime() -> Runtime {
    let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
    let ceiling = Limits { deadline: Duration::from_millis(50), ..Limits::default() };
    Runtime::new(&RuntimeOptions { ceiling, compiler, ..RuntimeOptions::default() })
        .expect("the sandbox starts")
}

#[tokio::test]
async fn a_thousand_runs_leave_nothing_behind() {
    let _alone = super::alone().await;
    let runtime = runtime();
    let load = |case: &Case, deadline_ms| {
        let prepared = runtime.load(&(case.file)(case.name), "{}", Trust::Stranger);
        let prepared = prepared.unwrap_or_else(|error| panic!("{}: {error}", case.name));
        prepared.within(&Budget { deadline_ms, ..Budget::default() })
    };
    let cases: Vec<_> = cases::all().into_iter().filter_map(runs_as).collect();
    // What is made once is not what is looked for: what compiling took, say.
    for (case, _, deadline_ms) in &cases {
        run(&load(case, *deadline_ms), 2);
    }
    let first = super::resident();
    for (case, outcome, deadline_ms) in &cases {
        let prepared = load(case, *deadline_ms);
        run(&prepared, 20);
        let before = super::resident();
        let begun = Instant::now();
        for ended in run(&prepared, RUNS) {
            assert_eq!(ended, *outcome, "{}", case.name);
        }
        let took = begun.elapsed();
        let grown = super::resident().saturating_sub(before);
        assert!(grown < TOLERANCE, "{}: {grown} bytes more than {before}", case.name);
        println!("{:<28} {RUNS} runs in {took:>10.1?}, {:>5} KiB more", case.name, grown >> 10);
    }
    let grown = super::resident().saturating_sub(first);
    println!("{} KiB more after {} cases", grown >> 10, cases.len());
    assert!(grown < TOLERANCE_OF_ALL, "{grown} bytes more after all");
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    let _alone = super::alone().await;
    let runtime = runtime();
    let refused = |case: Case| match case.expect {
        // Seconds each.
        Expect::Refused(says) if says.contains("processor time") => None,
        Expect::Refused(says) => Some((case.name, (case.file)(case.name), says)),
        Expect::Fails(..) | Expect::Says(..) => None,
    };
    let cases: Vec<_> = cases::all().into_iter().filter_map(refused).collect();
    let load = |name: &str, file: &[u8], says: &str| {
        let error = runtime.load(file, "{}", Trust::Stranger).err();
        let error = error.unwrap_or_else(|| panic!("{name} loads")).to_string();
        assert!(error.contains(says), "{name}: {error}");
    };
    for (name, file, says) in &cases {
        load(name, file, says);
    }
    let first = super::resident();
    let mut loads_of_all = 0;
    for (name, file, says) in &cases {
        let before = super::resident();
        let begun = Instant::now();
        let mut loads = 0;
        while loads < RUNS && begun.elapsed() < LOADING {
            load(name, file, says);
            loads += 1;
        }
        let grown = super::resident().saturating_sub(before);
        assert!(grown < TOLERANCE, "{name}: {grown} bytes more than {before}");
        println!("{name:<28} {loads:>5} loads, {:>5} KiB more", grown >> 10);
        loads_of_all += loads;
    }
    let grown = super::resident().saturating_sub(first);
    println!("{} KiB more after {loads_of_all} loads of {} cases", grown >> 10, cases.len());
    assert!(grown < TOLERANCE_OF_ALL, "{grown} bytes more after all");
}

/// How a case ends that goes live, and the deadline to run it with where that is not its own.
fn runs_as(case: Case) -> Option<(Case, Outcome, Option<u64>)> {
    match case.expect {
        Expect::Refused(_) => None,
        // Its own would make a minute of it.
        Expect::Fails(Outcome::Deadline, _) => Some((case, Outcome::Deadline, Some(1))),
        Expect::Fails(outcome, _) => Some((case, outcome, None)),
        Expect::Says(..) => Some((case, Outcome::Ok, None)),
    }
}

/// Runs it so often on several threads, and says how each run ended.
fn run(prepared: &Prepared, runs: usize) -> Vec<Outcome> {
    let key = EntityKey::new(&[7; 32]);
    let bounds = Config::default().event_bounds();
    let event = Event::parse(event("market", "event-1", CONTENT), &bounds, Timestamp::now());
    let event = event.expect("the event is valid");
    let known = Known::default();
    let some = || {
        let each = (0..runs / THREADS).map(|_| examine(prepared, &event, &known, &key).outcome);
        each.collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no run panics")).collect()
    })
}
