//! Every case at once in one folder, beside detectors that behave, while clients post.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::cases::{self, Case, Expect};
use super::world::{World, finding, percentile, refusal, standing};

const CLIENTS: usize = 4;
/// One file is compiled at a time, and what loops there takes all its time: a minute in all, where
/// nobody else wants the processor.
const PATIENCE: Duration = Duration::from_secs(480);

/// What is no plain file, with what is said of it.
fn odd_ones(folder: &Path) -> Vec<(&'static str, &'static str)> {
    let huge = File::create(folder.join("huge.wasm")).and_then(|file| file.set_len(500 << 20));
    huge.expect("a file with a hole");
    for (to, link) in [(folder.join("a-good.wasm"), "link.wasm"), ("/dev/zero".into(), "zero.wasm")]
    {
        symlink(to, folder.join(link)).expect("a link");
    }
    let made = Command::new("mkfifo").arg(folder.join("pipe.wasm")).status().expect("mkfifo runs");
    assert!(made.success());
    vec![
        ("detectors/huge.wasm", "67108864 bytes (detector_file_bytes_max)"),
        ("detectors/link.wasm", "symbolic link"),
        ("detectors/zero.wasm", "symbolic link"),
        ("detectors/pipe.wasm", "not a regular file"),
    ]
}

/// The file, where the entry is about one that was refused.
fn is_refusal((what, object): (String, String)) -> Option<String> {
    (what == "detector.refused").then_some(object)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_them_at_once_and_no_event_fails() {
    let _alone = super::alone().await;
    let world = World::start(|config| {
        // What is tested is not how many hostile detectors fit into the time of one event.
        config.event_deadline_ms = 10_000;
        config.request_timeout_ms = 60_000;
    });
    let world = Arc::new(world.await);
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        async move { world.load(CLIENTS, &stop).await }
    });
    let cases = cases::all();
    for case in &cases {
        world.put(&format!("{}.wasm", case.name), &(case.file)(case.name));
    }
    let odd = odd_ones(&world.server.path("detectors"));
    let begun = Instant::now();
    loop {
        let catalogue = world.catalogue().await;
        let is_refused = |file: &str, says: &str| {
            refusal(&catalogue, file).is_some_and(|error| error.contains(says))
        };
        let settled = |case: &&Case| match case.expect {
            Expect::Refused(says) => is_refused(&format!("detectors/{}.wasm", case.name), says),
            Expect::Fails(..) | Expect::Says(..) => standing(&catalogue, case.name).is_some(),
        };
        let waits = cases.iter().find(|case| !settled(case)).map(|case| case.name);
        let odd = odd.iter().find(|(file, says)| !is_refused(file, says)).map(|(file, _)| *file);
        let Some(waits) = waits.or(odd) else { break };
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {waits}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let loaded = begun.elapsed();
    let decision = world.decide().await;
    for case in &cases {
        let finding = finding(&decision, case.name);
        let expected = match case.expect {
            Expect::Refused(_) => None,
            Expect::Fails(outcome, _) => Some(outcome.as_str()),
            Expect::Says(..) => Some("ok"),
        };
        let outcome = finding.map(|finding| finding["outcome"].as_str().expect("an outcome"));
        // What fails whenever it is called is not called for long.
        let stopped = outcome == Some("skipped") && matches!(case.expect, Expect::Fails(..));
        assert!(outcome == expected || stopped, "{}: {finding:?}", case.name);
    }
    assert!(world.is_ready().await);
    stop.store(true, Ordering::Relaxed);
    let decisions = load.await.unwrap();
    let refused = cases.iter().filter(|case| matches!(case.expect, Expect::Refused(_))).count();
    let mut told: Vec<String> = world.news().await.into_iter().filter_map(is_refusal).collect();
    assert_eq!(told.len(), refused + odd.len(), "an entry for each: {told:?}");
    told.sort();
    told.dedup();
    assert_eq!(told.len(), refused + odd.len(), "and each its own");
    let mut times: Vec<Duration> = decisions.iter().map(|(time, _)| *time).collect();
    let p99 = percentile(&mut times, 99);
    assert!(p99 < Duration::from_secs(10), "p99 {p99:?}");
    println!(
        "{} cases settled in {loaded:.1?}; {} events meanwhile, p50 {:.1?}, p99 {p99:.1?}",
        cases.len(),
        decisions.len(),
        percentile(&mut times, 50),
    );
    Arc::into_inner(world).expect("every client is done").stop().await;
}
