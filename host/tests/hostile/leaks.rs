//! A thousand runs of each case leave the memory of the process as it was.

use std::thread;
use std::time::{Duration, Instant};

use picket::model::Outcome;
use picket::runtime::{Call, CompilerOptions, Prepared, Runtime, RuntimeOptions, Trust, Value};

use super::cases::{self, CONTENT, Case, Expect};

const RUNS: usize = 1_000;
const THREADS: usize = 2;
/// Between two cases: what the allocator keeps for the next of its kind. A leak of 16 KiB in a run
/// would be seen.
const TOLERANCE: u64 = 16 << 20;
/// Over all cases.
const TOLERANCE_OF_ALL: u64 = 48 << 20;

#[tokio::test]
async fn a_thousand_runs_leave_nothing_behind() {
    let _alone = super::alone().await;
    let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
    let options = RuntimeOptions { compiler, ..RuntimeOptions::default() };
    let runtime = Runtime::new(&options).unwrap();
    let load = |case: &Case| {
        let prepared = runtime.load(&(case.file)(case.name), "{}", Trust::Stranger);
        prepared.unwrap_or_else(|error| panic!("{}: {error}", case.name))
    };
    let cases: Vec<_> = cases::all().into_iter().filter_map(runs_as).collect();
    // What is made once is not what is looked for: what compiling took, say.
    for (case, _, deadline) in &cases {
        run(&load(case), 2, *deadline);
    }
    let first = super::resident();
    for (case, outcome, deadline) in &cases {
        let prepared = load(case);
        run(&prepared, 20, *deadline);
        let before = super::resident();
        let begun = Instant::now();
        for ended in run(&prepared, RUNS, *deadline) {
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

/// How the runtime ends a case that goes live, and the deadline to run it with.
fn runs_as(case: Case) -> Option<(Case, Outcome, Duration)> {
    let plenty = Duration::from_millis(50);
    match case.expect {
        // Its own deadline would make a minute of it.
        Expect::Fails(Outcome::Deadline, _) => {
            Some((case, Outcome::Deadline, Duration::from_millis(1)))
        }
        // Checked by the engine, which is above this.
        Expect::Fails(Outcome::Invalid, _) | Expect::Refused(_) => None,
        Expect::Fails(outcome, _) => Some((case, outcome, plenty)),
        Expect::Says(..) => Some((case, Outcome::Ok, plenty)),
    }
}

/// Runs it so often on several threads, and says how each run ended.
fn run(prepared: &Prepared, runs: usize, deadline: Duration) -> Vec<Outcome> {
    let some = || {
        let inputs = [Value::Text(CONTENT)];
        let call = Call { id: "event-1", kind: "message.sent", time_ms: 0, inputs: &inputs };
        (0..runs / THREADS).map(|_| prepared.evaluate(&call, deadline).outcome).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(some)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no run panics")).collect()
    })
}
