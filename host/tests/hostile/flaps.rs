//! Files that come and go faster than anybody could load them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::world::{World, finding, good, standing};

/// Changes of the folder. Each is a hint, and the server acts on the truth when it is quiet.
const FLAPS: usize = 10_000;
/// Changes that are each looked at.
const RELOADS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_flaps_are_a_few_loads() {
    let _alone = super::alone().await;
    let world = Arc::new(World::start(|_| {}).await);
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        async move { world.load(4, &stop).await }
    });
    let folder = world.server.path("detectors");
    let (file, aside) = (folder.join("flapping.wasm"), folder.join(".aside"));
    let good_file = good("flapping").build();
    let flapping = tokio::task::spawn_blocking(move || {
        for number in 0..FLAPS {
            match number % 4 {
                0 => fs::write(&file, &good_file).expect("a file"),
                1 => fs::remove_file(&file).expect("a file"),
                2 => fs::write(&file, format!("garbage {number}")).expect("a file"),
                _ => {
                    fs::write(&aside, &good_file).expect("a file");
                    fs::rename(&aside, &file).expect("a file");
                }
            }
        }
    });
    flapping.await.unwrap();
    // The last flap was the good file.
    let is_live = || async { standing(&world.catalogue().await, "flapping").is_some() };
    world.server.until("the last flap is live", is_live).await;
    stop.store(true, Ordering::Relaxed);
    let decisions = load.await.unwrap();
    assert!(!decisions.is_empty());
    let news = world.news().await;
    assert!(news.len() < 200, "{FLAPS} flaps were {} changes", news.len());
    println!("{FLAPS} flaps: {} changes, {} events meanwhile", news.len(), decisions.len());
    Arc::into_inner(world).expect("every client is done").stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_leave_nothing_behind() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let good_file = good("flapping").build();
    let flap = async |number: usize| {
        world.put("flapping.wasm", &good_file);
        world.scan().await;
        assert!(finding(&world.decide().await, "flapping").is_some());
        world.put("flapping.wasm", format!("garbage {number}").as_bytes());
        world.scan().await;
        assert!(finding(&world.decide().await, "flapping").is_some(), "it serves on");
        world.remove("flapping.wasm");
        world.scan().await;
        assert!(finding(&world.decide().await, "flapping").is_none());
        assert_eq!(world.news().await.len(), 3, "published, refused, retired");
    };
    for number in 0..5 {
        flap(number).await;
    }
    let before = super::resident();
    for number in 0..RELOADS {
        flap(number).await;
    }
    let grown = super::resident().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more after {RELOADS} reloads");
    tokio::time::timeout(Duration::from_secs(30), world.stop()).await.unwrap();
}
