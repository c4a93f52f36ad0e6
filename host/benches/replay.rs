//! How many decisions are made again in a second on one core, and how many of them come out the same.
//! Prints figures of one run; never fails on a time.
//!
//! `cargo bench -p picket --bench replay -- --decisions 2000`

use std::time::Duration;

use picket::app::App;
use picket::config::Config;
use picket::model::{Event, Timestamp};
use picket::replay::{Range, RangeLine, Sameness};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

const TEXTS: [&str; 6] = [
    "Hi! The fence is 12x14 ft, I can come Tuesday at 9 for $180, is ok?",
    "Call me on 415-555-0142 and we arrange the rest",
    "write to dana at example dot com, or find me on the ghost app",
    "four one five, five five five, zero one four two",
    "Pode fechar por fora? Transferência bancária direto",
    "https://example.com/pay?id=17 is where you can see the photos",
];

fn main() {
    let decisions = decisions();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(run(decisions));
}

/// `--decisions N`; whatever else cargo says is of no concern.
fn decisions() -> usize {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--decisions");
    arguments.nth(1).map_or(2_000, |number| number.parse().expect("--decisions wants a number"))
}

async fn run(decisions: usize) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir: dir.path().join("data"),
        detectors_dir: dir.path().join("detectors"),
        policies_dir: dir.path().join("policies"),
        watch: false,
        // What the clock cut off would be taken as recorded, and not made again.
        event_deadline_ms: 2_000,
        ..Config::default()
    };
    let app = App::start(config).await.expect("Picket starts");
    let begun = Timestamp::now();
    let before = processor_time();
    decide(&app, decisions).await;
    let deciding = processor_time() - before;

    let range = Range {
        source: None,
        since: begun,
        until: Timestamp::now().plus_millis(1_000),
        sample: 1.0,
        seed: 0,
    };
    let before = processor_time();
    let mut lines = app.replayer.range(range).expect("nobody else replays");
    let mut sums = None;
    let (mut others, mut as_recorded) = (0, 0);
    while let Some(line) = lines.recv().await {
        match line {
            RangeLine::Replayed { replay, .. } => {
                as_recorded += replay.as_recorded.len();
                if replay.result != Sameness::Identical && others < 10 {
                    others += 1;
                    println!("{replay:?}");
                }
            }
            RangeLine::Ended(ended) => sums = Some(ended),
            RangeLine::Broken { detail } => panic!("{detail}"),
            RangeLine::Begun { .. } => {}
        }
    }
    let replaying = processor_time() - before;
    let sums = sums.expect("it came to an end");
    println!(
        "{} decisions of {} detectors each, made again: {} identical, {} different, {} cannot be told",
        sums.replayed,
        picket_bundle::DETECTORS.len(),
        sums.identical,
        sums.different,
        sums.cannot_tell
    );
    println!("{as_recorded} findings were decided by time and taken as recorded");
    for (what, took) in [("decided", deciding), ("made again", replaying)] {
        let rate = sums.replayed as f64 / took.as_secs_f64();
        println!("{what:>12}: {rate:>8.0} decisions/s/core of processor time");
    }
    app.stop().await;
}

async fn decide(app: &App, decisions: usize) {
    let bounds = app.config.event_bounds();
    let sources = ["qwickservices", "fairtradeworker"];
    let numbers: Vec<usize> = (0..decisions).collect();
    for numbers in numbers.chunks(64) {
        let submitted = numbers.iter().map(|number| {
            let envelope = json!({
                "specversion": "1.0", "id": format!("e-{number}"), "type": "message.sent",
                "source": sources[number % 2],
                "subject": format!("user-{}", number % 997),
                "data": {"content": format!("{} {number}", TEXTS[number % TEXTS.len()])},
            });
            let event = Event::parse(envelope, &bounds, Timestamp::now());
            app.ingest.submit(event.expect("the event is valid"))
        });
        for submitted in futures::future::join_all(submitted).await {
            submitted.expect("it is decided");
        }
    }
}

/// Of the whole process.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(now.tv_sec).expect("time is positive"),
        u32::try_from(now.tv_nsec).expect("nanoseconds fit"),
    )
}
