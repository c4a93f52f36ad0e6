//! The hostile table: what becomes of each file that strangers may send, how soon it is stopped, and
//! what a thousand runs leave in memory; then what the others notice of a detector that hangs and of
//! a file that is made to be compiled for ever. Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench hostile`

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/hostile"]
mod hostile {
    pub mod cases;
    pub mod component;
    #[path = "../fixture/mod.rs"]
    pub mod fixture;
    #[path = "../server/mod.rs"]
    pub mod server;
    pub mod world;
}

use std::sync::Arc;
use std::time::{Duration, Instant};

use hostile::cases::{self, CONTENT, Expect};
use hostile::world::{World, percentile, standing};
use picket::runtime::{Call, CompilerOptions, Prepared, Runtime, RuntimeOptions, Trust, Value};

const RUNS: usize = 1_000;
const TIMED: usize = 50;
const CLIENTS: usize = 8;
const WINDOW: Duration = Duration::from_secs(8);

fn main() {
    table();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        beside_a_loop().await;
        beside_a_bomb().await;
    });
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

async fn beside_a_loop() {
    let world = Arc::new(World::start(|_| {}).await);
    window(&world, "\nevents, usually").await;
    world.put("infinite-loop.wasm", &file_of("infinite-loop"));
    let is_live = || async { standing(&world.catalogue().await, "infinite-loop").is_some() };
    world.server.until("the loop is live", is_live).await;
    for when in ["first", "then"] {
        window(&world, &format!("beside a detector that hangs, {when}")).await;
    }
    Arc::into_inner(world).expect("every client is done").stop().await;
}

async fn beside_a_bomb() {
    let world = Arc::new(World::start(|_| {}).await);
    window(&world, "\nevents, usually").await;
    world.put("bomb.wasm", &file_of("blocks-200-thousand-deep"));
    let begun = Instant::now();
    let times = world
        .times_during(CLIENTS, async {
            world.until_refused("detectors/bomb.wasm", Duration::from_secs(300)).await;
        })
        .await;
    show(&format!("while a bomb compiles, {:.0?}", begun.elapsed()), times);
    Arc::into_inner(world).expect("every client is done").stop().await;
}

async fn window(world: &Arc<World>, what: &str) {
    show(what, world.times_during(CLIENTS, tokio::time::sleep(WINDOW)).await);
}

fn show(what: &str, mut times: Vec<Duration>) {
    let [p50, p99] = [50, 99].map(|percent| percentile(&mut times, percent));
    println!("{what}: {} events, p50 {p50:.1?}, p99 {p99:.1?}", times.len());
}

fn file_of(name: &str) -> Vec<u8> {
    let case = cases::all().into_iter().find(|case| case.name == name).expect("it is in the table");
    (case.file)(case.name)
}

/// Of the whole process, from the kernel, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS is there");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("VmRSS is a number");
    kib << 10
}
