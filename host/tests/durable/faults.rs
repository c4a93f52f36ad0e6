//! A disk that fails, is full, or does not answer: nothing is acknowledged that is not kept, nothing grows
//! without bound, and when the disk is well again, so is the program.

use std::time::{Duration, Instant};

use picket_crash::disk::{ALWAYS, Disk, EIO, Keeping};
use picket_crash::fault::Fault;
use picket_crash::ground::CACHE;

use crate::world::World;

/// Refusals after which a fault has been met often enough.
pub const REFUSED: u64 = 40;
/// How soon the program must decide again when what failed is well. PostgreSQL lets go of a writer that fell
/// silent after ten seconds.
const RECOVERED_WITHIN: Duration = Duration::from_secs(15);
/// How long clients go on while nothing is written at all, and how much memory that may cost.
const STALL: Duration = Duration::from_secs(3);
/// How long answers to what was written before may still be on their way: longer than a request may take.
const ON_THE_WAY: Duration = Duration::from_secs(2);
const STALL_BYTES_MAX: u64 = 48 << 20;

/// A program on a disk of its own, with these keys of the configuration.
async fn on_disk(settings: &[(&str, &str)]) -> (World, Disk) {
    let mut disk = None;
    let world = World::start(|program| {
        let own = Disk::over(&program.data_dir(), &program.place.join("disk")).expect("a shim");
        program.variables.extend(own.variables(Some(CACHE)));
        program.variables.extend(settings.iter().map(|(name, value)| (name.into(), value.into())));
        disk = Some(own);
    });
    (world.await, disk.expect("it was made"))
}

/// Puts the disk through something under load, and has it well again.
async fn survives(trouble: impl Fn(&Disk)) {
    let (mut world, disk) = on_disk(&[]).await;
    world.load(8);
    world.until("it works", async |world| world.acknowledged().await > 50).await;
    trouble(&disk);
    world.until("requests are refused", async |world| world.refused() > REFUSED).await;
    assert!(disk.faults() > 0);
    disk.mend();
    recovers(&mut world).await;
    assert_eq!(after_power_cut(world, &disk).await, []);
}

/// Under load, what the record is kept on stands still for a while: nothing is acknowledged, and no memory
/// fills up.
pub async fn stands_still(world: &mut World, stop: impl AsyncFnOnce(&mut World)) {
    world.load(32);
    world.until("it works", async |world| world.acknowledged().await > 500).await;
    world.take_resident_max();
    world.until("a while has gone by", async |world| world.acknowledged().await > 1_000).await;
    let before = world.take_resident_max();
    stop(world).await;
    let stopped = Instant::now();
    world.until("what was on its way is there", async |_| stopped.elapsed() > ON_THE_WAY).await;
    let (acknowledged, begun) = (world.acknowledged().await, Instant::now());
    world.until("the time is over", async |_| begun.elapsed() > STALL).await;
    assert_eq!(world.acknowledged().await, acknowledged);
    let refused = world.refused();
    assert!(refused > REFUSED, "{refused} were refused");
    let grown = world.take_resident_max().saturating_sub(before);
    assert!(grown < STALL_BYTES_MAX, "{} MiB more", grown >> 20);
}

/// It decides again by itself, and load is served.
pub async fn recovers(world: &mut World) {
    let recovered = world.until("it decides again", World::decides).await;
    assert!(recovered < RECOVERED_WITHIN, "{recovered:?}");
    let before = world.acknowledged().await;
    let served = async |world: &World| world.acknowledged().await > before + 50;
    world.until("load is served again", served).await;
}

/// What is wrong when all that was not flushed is gone.
async fn after_power_cut(world: World, disk: &Disk) -> Vec<Fault> {
    disk.cut();
    let lose = || {
        disk.lose_unflushed(Keeping::Nothing, 1).expect("the log can be read");
    };
    world.killed(lose).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_that_fails_acknowledges_nothing() {
    survives(|disk| disk.fail_syncs(EIO, ALWAYS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_acknowledges_nothing() {
    survives(|disk| disk.fail_writes(EIO, ALWAYS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_and_flushes_that_fail_now_and_then_lose_nothing() {
    survives(|disk| {
        disk.fail_syncs(EIO, ALWAYS / 5);
        disk.fail_writes(EIO, ALWAYS / 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_acknowledges_nothing() {
    survives(Disk::fill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stands_still_acknowledges_nothing_and_fills_no_memory() {
    let (mut world, disk) = on_disk(&[("PICKET_REQUEST_TIMEOUT_MS", "1000")]).await;
    stands_still(&mut world, async |world| {
        disk.stall(Duration::from_secs(600));
        world.until("a flush waits", async |_| disk.stalled() > 0).await;
    })
    .await;
    disk.mend();
    recovers(&mut world).await;
    assert_eq!(after_power_cut(world, &disk).await, []);
}
