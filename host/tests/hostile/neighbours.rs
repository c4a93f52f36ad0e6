//! What others notice of a hostile file. The bounds are those that a busy machine keeps; the bench
//! `hostile` prints how near to nothing it is.

use std::sync::Arc;
use std::time::Duration;

use super::cases;
use super::world::{World, bomb, finding, percentile, standing};

const CLIENTS: usize = 4;
const USUAL: Duration = Duration::from_secs(3);
/// What a machine that does other things adds to any time.
const NOISE: Duration = Duration::from_millis(500);

async fn usual(world: &Arc<World>) -> Duration {
    let mut times = world.times_during(CLIENTS, tokio::time::sleep(USUAL)).await;
    percentile(&mut times, 99)
}

/// A case of the table, under a name of its own.
fn file_of(case: &str, name: &str) -> Vec<u8> {
    let case = cases::all().into_iter().find(|it| it.name == case).expect("it is in the table");
    (case.file)(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_holds_up_no_event() {
    let _alone = super::alone().await;
    let world = Arc::new(World::start(|config| config.compile_cpu_ms = 4_000).await);
    let before = usual(&world).await;
    world.put("bomb.wasm", &bomb());
    let mut times = world
        .times_during(CLIENTS, async {
            let error = world.until_refused("detectors/bomb.wasm", Duration::from_secs(120)).await;
            assert!(error.contains("processor time"), "{error}");
        })
        .await;
    let during = percentile(&mut times, 99);
    println!("p99 {before:.1?}, while the bomb compiles {during:.1?}, {} events", times.len());
    assert!(during < 4 * before + NOISE, "p99 {during:?}, was {before:?}");
    Arc::into_inner(world).expect("every client is done").stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_hangs_costs_the_others_no_more_than_its_deadline() {
    let _alone = super::alone().await;
    let world = Arc::new(World::start(|_| {}).await);
    let before = usual(&world).await;
    world.put("infinite-loop.wasm", &file_of("infinite-loop", "infinite-loop"));
    let is_live = || async { standing(&world.catalogue().await, "infinite-loop").is_some() };
    world.server.until("the loop is live", is_live).await;
    let during = usual(&world).await;
    println!("p99 {before:.1?}, beside a detector that hangs {during:.1?}");
    // Each client may find the events of the others before its own, a deadline of 10 ms each.
    let deadlines = Duration::from_millis(10) * u32::try_from(CLIENTS).expect("few");
    assert!(during < 4 * before + deadlines + NOISE, "p99 {during:?}, was {before:?}");
    Arc::into_inner(world).expect("every client is done").stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_trial_takes_no_time_away_from_what_counts() {
    let _alone = super::alone().await;
    let world = World::start(|config| {
        config.event_deadline_ms = 2_000;
        config.detector_deadline_ms = 600;
    });
    let world = world.await;
    // Their names come first, and their deadlines together are more than an event's time.
    let hanging = ["a-loop-1", "a-loop-2", "a-loop-3", "a-loop-4"];
    for name in hanging {
        let shipped = world.ship(name, &file_of("infinite-loop", name)).await;
        assert_eq!(shipped.json()["stage"], "shadow", "{}", shipped.text);
    }
    for _ in 0..3 {
        // Which says that everything that counts has found what it finds.
        let decision = world.decide().await;
        assert_eq!(decision["degraded"], false, "{decision:#}");
        let names: Vec<&str> = decision["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .filter_map(|finding| finding["detector"].as_str())
            .collect();
        assert!(names.is_sorted(), "{names:?}");
        let outcomes =
            hanging.map(|name| finding(&decision, name).expect("it is live")["outcome"].clone());
        assert_eq!(outcomes, ["deadline", "deadline", "deadline", "skipped"], "{decision:#}");
    }
    world.stop().await;
}
