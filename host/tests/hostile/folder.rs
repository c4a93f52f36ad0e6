//! What lies in the folder and is no plain, finished file.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::component::Detector;
use super::world::{World, good, refusal, standing};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plain_file_is_refused_unread() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let folder = world.server.path("detectors");
    let path = |name: &str| folder.join(name);
    File::create(path("huge.wasm")).unwrap().set_len(500 << 20).unwrap();
    symlink(world.server.path("detectors/a-good.wasm"), path("link.wasm")).unwrap();
    symlink("/dev/zero", path("link-to-zero.wasm")).unwrap();
    symlink(path("ring.wasm"), path("ring.wasm")).unwrap();
    assert!(Command::new("mkfifo").arg(path("pipe.wasm")).status().unwrap().success());
    let _socket = UnixListener::bind(path("socket.wasm")).unwrap();
    fs::create_dir(path("folder.wasm")).unwrap();
    let mut refused = vec![
        ("huge.wasm", "67108864 bytes (detector_file_bytes_max)"),
        ("link.wasm", "symbolic link"),
        ("link-to-zero.wasm", "symbolic link"),
        ("ring.wasm", "symbolic link"),
        ("pipe.wasm", "not a regular file"),
        ("socket.wasm", "No such device"),
        ("folder.wasm", "not a regular file"),
    ];
    // Only root may make a device.
    let zero = Command::new("mknod").arg(path("zero.wasm")).args(["c", "1", "5"]).output().unwrap();
    if zero.status.success() {
        refused.push(("zero.wasm", "not a regular file"));
    }
    let (before, begun) = (super::resident(), Instant::now());
    world.scan().await;
    assert!(super::resident().saturating_sub(before) < 64 << 20, "500 MB were not read");
    assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for a pipe");
    world.scan().await;
    let catalogue = world.catalogue().await;
    for (file, says) in &refused {
        let error = refusal(&catalogue, &format!("detectors/{file}")).unwrap_or_default();
        assert!(error.contains(says), "{file}: {error}");
    }
    assert_eq!(world.news().await.len(), refused.len(), "one entry for each");
    world.decide().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_is_refused_and_the_whole_of_it_taken() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let whole = good("late").build();
    world.put("late.wasm", &whole[..whole.len() / 2]);
    world.scan().await;
    let error = refusal(&world.catalogue().await, "detectors/late.wasm").unwrap_or_default();
    assert!(error.contains("unexpected end-of-file"), "{error}");
    world.put("late.wasm", &whole);
    world.scan().await;
    let catalogue = world.catalogue().await;
    assert_eq!(refusal(&catalogue, "detectors/late.wasm"), None);
    assert!(standing(&catalogue, "late").is_some());
    world.stop().await;
}

/// What is hashed is what is compiled, whatever becomes of the file meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_swapped_while_it_is_read_is_one_of_the_two() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let folder = world.server.path("detectors");
    let versions =
        ["1.0.0", "1.1.0"].map(|version| Detector { version, ..good("swapped") }.build());
    let digests = versions.each_ref().map(|file| picket::model::Digest::of(file).to_string());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                // By another file in its place, and in place.
                let aside = folder.join(".aside");
                fs::write(&aside, &versions[number % 2]).expect("a file");
                fs::rename(&aside, folder.join("swapped.wasm")).expect("a file");
                fs::write(folder.join("swapped.wasm"), &versions[(number + 1) % 2])
                    .expect("a file");
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for _ in 0..50 {
                    world.scan().await;
                    world.decide().await;
                }
                stop.store(true, Ordering::Relaxed);
            });
        });
    });
    let detail = world.server.get("engineer", "/v1/detectors/swapped").await.json();
    let kept = detail["versions"].as_array().unwrap();
    assert!(!kept.is_empty());
    for version in kept {
        let digest = version["digest"].as_str().unwrap();
        assert!(digests.iter().any(|known| known == digest), "{version:#}");
    }
    world.stop().await;
}

/// A file without a trace in the folder's listing must not keep its detector.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_whose_place_a_link_comes_serves_on_and_says_so() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let file = world.server.path("detectors/victim.wasm");
    fs::remove_file(&file).unwrap();
    symlink("/etc/passwd", &file).unwrap();
    world.scan().await;
    let catalogue = world.catalogue().await;
    let victim: &Value = standing(&catalogue, "victim").unwrap();
    let error = victim["last_error"]["error"].as_str().unwrap();
    assert!(error.contains("symbolic link"), "{error}");
    world.decide().await;
    world.stop().await;
}
