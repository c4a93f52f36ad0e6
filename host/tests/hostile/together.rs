//! Every case at once in one folder, beside detectors that behave, while clients post.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::cases::{self, Expect};
use super::world::{World, finding, percentile, refusal, standing};

const CLIENTS: usize = 4;
/// One file is compiled at a time, and what loops there takes all its time: a minute in all, where
/// nobody else wants the processor.
const PATIENCE: Duration = Duration::from_secs(480);

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
    let begun = Instant::now();
    loop {
        let catalogue = world.catalogue().await;
        let waits = cases.iter().find(|case| match case.expect {
            Expect::Refused(says) => refusal(&catalogue, &format!("detectors/{}.wasm", case.name))
                .is_none_or(|error| !error.contains(says)),
            Expect::Fails(..) | Expect::Says(..) => standing(&catalogue, case.name).is_none(),
        });
        let Some(waits) = waits else { break };
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {}", waits.name);
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
