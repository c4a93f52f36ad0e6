//! The hostile table: what becomes of each file that strangers may send, how soon it is stopped, and
//! what a thousand runs leave in memory; then what the others notice of a detector that hangs and of
//! a file that is made to be compiled for ever, by turns with windows in which there is none. Prints
//! figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench hostile`, or of it only `-- table`, `-- hangs` or `-- bomb`

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/hostile"]
mod hostile {
    pub mod cases;
    pub mod component;
    #[path = "../fixture/mod.rs"]
    pub mod fixture;
    #[path = "../server/mod.rs"]
    pub mod server;
    #[path = "../wasm/mod.rs"]
    pub mod wasm;
    pub mod world;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hostile::cases::{self, CONTENT, Expect};
use hostile::wasm::section;
use hostile::world::{GOOD_ONES, World, bomb, finding, percentile};
use picket::runtime::{Call, CompilerOptions, Prepared, Runtime, RuntimeOptions, Trust, Value};

const RUNS: usize = 1_000;
const TIMED: usize = 50;
const CLIENTS: usize = 8;
const WINDOW: Duration = Duration::from_secs(8);
/// Of windows with and without, by turns: what else the machine does falls on both.
const ROUNDS: usize = 5;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_asked = |what: &str| asked.is_empty() || asked.iter().any(|it| it == what);
    if is_asked("table") {
        table();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    if is_asked("hangs") {
        runtime.block_on(beside_a_loop());
    }
    if is_asked("bomb") {
        runtime.block_on(beside_a_bomb());
    }
}

/// Of what runs: the processor time of one run at most, and what a thousand left. Of what is refused:
/// the time until it was.
fn table() {
    let compiler = CompilerOptions::of(env!("CARGO_BIN_EXE_picket"));
    let options = RuntimeOptions { compiler, ..RuntimeOptions::default() };
    let runtime = Runtime::new(&options).expect("the sandbox starts");
    println!("{:<30} {:<10} {:>12} {:>12}  why", "case", "outcome", "stopped in", "left");
    let mut overshoots = Vec::new();
    for case in cases::all() {
        let file = (case.file)(case.name);
        let begun = Instant::now();
        let prepared = match runtime.load(&file, "{}", Trust::Stranger) {
            Ok(prepared) => prepared,
            Err(why) => {
                let took = begun.elapsed();
                println!("{:<30} {:<10} {took:>12.1?} {:>12}  {why}", case.name, "refused", "-");
                continue;
            }
        };
        let deadline = prepared.limits().deadline;
        let (mut outcome, mut why, mut longest) = (String::new(), None, Duration::ZERO);
        for _ in 0..TIMED {
            let run = evaluate(&prepared, deadline);
            longest = longest.max(run.time);
            if matches!(case.expect, Expect::Fails(picket::model::Outcome::Deadline, _)) {
                overshoots.push(run.time.saturating_sub(deadline));
            }
            (outcome, why) = (run.outcome.to_string(), run.error);
        }
        let before = resident();
        for _ in 0..RUNS {
            evaluate(&prepared, Duration::from_millis(1));
        }
        let left = format!("{} KiB", resident().saturating_sub(before) >> 10);
        let why = why.unwrap_or_default();
        println!("{:<30} {outcome:<10} {longest:>12.1?} {left:>12}  {why}", case.name);
    }
    let [p50, p99, max] = [50, 99, 100].map(|percent| percentile(&mut overshoots, percent));
    println!("\nbeyond the deadline: p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?}");
}

fn evaluate(prepared: &Prepared, deadline: Duration) -> picket::runtime::Run {
    let inputs = [Value::Text(CONTENT)];
    let call = Call { id: "event-1", kind: "message.sent", time_ms: 0, inputs: &inputs };
    prepared.evaluate(&call, deadline)
}

/// What goes on in a window: how long each event took, and how long each run of the detectors that
/// behave.
#[derive(Default)]
struct Window {
    events: Vec<Duration>,
    runs: Vec<Duration>,
}

/// Each round has a hanging detector of its own: the one before is in quarantine.
async fn beside_a_loop() {
    let world = Arc::new(World::start(|_| {}).await);
    println!("\nbeside a detector that hangs (aim: others and events within 1.1 of their p99):");
    let mut pair = Pair::default();
    for round in 0..ROUNDS {
        let without = during(&world, tokio::time::sleep(WINDOW)).await;
        let name = format!("loops-{round}");
        let file = format!("{name}.wasm");
        let with = during(&world, async {
            let begun = Instant::now();
            world.put(&file, &(file_of("infinite-loop"))(&name));
            world.until_told(&name, Duration::from_secs(60)).await;
            tokio::time::sleep(WINDOW.saturating_sub(begun.elapsed())).await;
        });
        let with = with.await;
        pair.add(round, without, with);
        world.remove(&file);
        world.scan().await;
    }
    pair.conclude();
    Arc::into_inner(world).expect("every client is done").stop().await;
}

/// Each round has a bomb with bytes of its own, which dies of the processor time that it may use.
async fn beside_a_bomb() {
    let world = Arc::new(World::start(|config| config.compile_cpu_ms = 10_000).await);
    println!("\nwhile a bomb compiles (aim: events within 2 of their p99):");
    let mut pair = Pair::default();
    for round in 0..ROUNDS {
        let without = during(&world, tokio::time::sleep(WINDOW)).await;
        let bytes = [bomb(), section(0, &[1, b'n', round as u8])].concat();
        let with = during(&world, async {
            world.put("bomb.wasm", &bytes);
            world.until_told("bomb", Duration::from_secs(300)).await;
        });
        let with = with.await;
        pair.add(round, without, with);
        world.remove("bomb.wasm");
        world.scan().await;
    }
    pair.conclude();
    Arc::into_inner(world).expect("every client is done").stop().await;
}

/// Windows without and with, and all of them together.
#[derive(Default)]
struct Pair {
    without: Window,
    with: Window,
}

impl Pair {
    fn add(&mut self, round: usize, mut without: Window, mut with: Window) {
        show(&format!("round {}", round + 1), &mut without, &mut with);
        for (all, one) in [(&mut self.without, without), (&mut self.with, with)] {
            all.events.extend(one.events);
            all.runs.extend(one.runs);
        }
    }

    fn conclude(mut self) {
        show("together", &mut self.without, &mut self.with);
    }
}

fn show(what: &str, without: &mut Window, with: &mut Window) {
    let events = (&mut without.events, &mut with.events);
    for (of, (without, with)) in
        [("events", events), ("others' runs", (&mut without.runs, &mut with.runs))]
    {
        let counts = (without.len(), with.len());
        let [usual, beside] = [without, with].map(|times| [50, 99].map(|it| percentile(times, it)));
        let ratios = [0, 1].map(|at| beside[at].as_secs_f64() / usual[at].as_secs_f64());
        println!(
            "{what:<9} {of:<13} without {:>6}: p50 {:>8.1?} p99 {:>8.1?}   with {:>6}: p50 {:>8.1?} p99 {:>8.1?}   ratio p50 {:.2} p99 {:.2}",
            counts.0, usual[0], usual[1], counts.1, beside[0], beside[1], ratios[0], ratios[1]
        );
    }
}

async fn during(world: &Arc<World>, goes_on: impl Future<Output = ()>) -> Window {
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (world, stop) = (Arc::clone(world), Arc::clone(&stop));
        async move { world.load(CLIENTS, &stop).await }
    });
    goes_on.await;
    stop.store(true, Ordering::Relaxed);
    let mut window = Window::default();
    for (time, decision) in load.await.expect("clients are content") {
        window.events.push(time);
        let findings = GOOD_ONES.iter().filter_map(|name| finding(&decision, name));
        let micros = findings.filter_map(|finding| finding["micros"].as_u64());
        window.runs.extend(micros.map(Duration::from_micros));
    }
    window
}

fn file_of(name: &str) -> fn(&str) -> Vec<u8> {
    let case = cases::all().into_iter().find(|case| case.name == name);
    case.expect("it is in the table").file
}

/// Of the whole process, from the kernel, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is there");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("VmRSS is a number");
    kib << 10
}
