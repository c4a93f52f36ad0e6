//! What others notice of a hostile file. The bounds are those that a busy machine keeps; the bench
//! `hostile` prints how near to nothing it is.

use std::sync::Arc;
use std::time::Duration;

use super::cases;
use super::world::{World, percentile, standing};

const CLIENTS: usize = 4;
const USUAL: Duration = Duration::from_secs(3);
/// What a machine that does other things adds to any time.
const NOISE: Duration = Duration::from_millis(500);

async fn usual(world: &Arc<World>) -> Duration {
    let mut times = world.times_during(CLIENTS, tokio::time::sleep(USUAL)).await;
    percentile(&mut times, 99)
}

fn file_of(name: &str) -> Vec<u8> {
    let case = cases::all().into_iter().find(|case| case.name == name).expect("it is in the table");
    (case.file)(case.name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compile_bomb_holds_up_no_event() {
    let _alone = super::alone().await;
    let world = Arc::new(World::start(|_| {}).await);
    let before = usual(&world).await;
    world.put("bomb.wasm", &file_of("blocks-200-thousand-deep"));
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
    world.put("infinite-loop.wasm", &file_of("infinite-loop"));
    let is_live = || async { standing(&world.catalogue().await, "infinite-loop").is_some() };
    world.server.until("the loop is live", is_live).await;
    let during = usual(&world).await;
    println!("p99 {before:.1?}, beside a detector that hangs {during:.1?}");
    // Each client may find the events of the others before its own, a deadline of 10 ms each.
    let deadlines = Duration::from_millis(10) * u32::try_from(CLIENTS).expect("few");
    assert!(during < 4 * before + deadlines + NOISE, "p99 {during:?}, was {before:?}");
    Arc::into_inner(world).expect("every client is done").stop().await;
}
