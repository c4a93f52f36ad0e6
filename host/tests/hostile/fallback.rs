//! What loads and then fails comes as the next version of something good, which serves again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::cases::{self, Case, Expect};
use super::world::{World, finding, good, signals, standing};

/// No more than the evaluation threads of a small machine: twenty calls of each are to fail within
/// ten seconds.
const CLIENTS: usize = 2;

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_version_of_each_that_fails_serves_again() {
    let _alone = super::alone().await;
    let world = World::start(|config| {
        config.watch = false;
        // What is tested is not how many hostile detectors fit into the time of one event.
        config.event_deadline_ms = 10_000;
        config.detector_deadline_ms = 3;
    });
    let world = Arc::new(world.await);
    let fails = |case: &Case| matches!(case.expect, Expect::Fails(..));
    let cases: Vec<Case> = cases::all().into_iter().filter(fails).collect();
    for case in &cases {
        world.put(&format!("{}.wasm", case.name), &good(case.name).build());
    }
    world.scan().await;
    let decision = world.decide().await;
    for case in &cases {
        assert_eq!(serves(&decision, case.name), Some(("ok", "1.0.0")), "{}", case.name);
    }
    assert_eq!(decision["degraded"], false);

    for case in &cases {
        let next = next((case.file)(case.name));
        world.put(&format!("{}.wasm", case.name), &next);
    }
    world.scan().await;
    let catalogue = world.catalogue().await;
    for case in &cases {
        let stands = standing(&catalogue, case.name).expect("it is live");
        assert_eq!((&stands["version"], &stands["stage"]), (&"1.1.0".into(), &"active".into()));
    }
    // Nobody does anything but to post.
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        async move { world.load(CLIENTS, &stop).await }
    });
    let fallen = || async {
        let catalogue = world.catalogue().await;
        let fallen = |case: &Case| {
            let rows = rows(&catalogue, case.name);
            rows == [("1.0.0", "active"), ("1.1.0", "quarantined")]
        };
        cases.iter().all(fallen)
    };
    world.server.until("the good version of each serves again", fallen).await;
    stop.store(true, Ordering::Relaxed);
    let decisions = load.await.expect("clients are content");
    for case in &cases {
        let failed = |decision: &&(_, Value)| {
            serves(&decision.1, case.name).is_some_and(|(outcome, version)| {
                version == "1.1.0" && outcome != "ok" && decision.1["degraded"] == true
            })
        };
        assert!(decisions.iter().filter(failed).count() >= 20, "{}", case.name);
    }

    let decision = world.decide().await;
    assert_eq!(decision["degraded"], false, "nothing is missed");
    let audited = world.server.audited().await;
    let alerts = world.server.get("reviewer", "/v1/alerts?limit=200").await.json();
    let alerts = alerts.as_array().expect("alerts");
    for case in &cases {
        let name = case.name;
        assert_eq!(serves(&decision, name), Some(("ok", "1.0.0")), "{name}");
        assert_eq!(signals(&decision, name).len(), 1, "{name}");
        let steps: Vec<_> = audited
            .iter()
            .filter(|entry| entry["object"] == name)
            .map(|entry| (text(entry, "what"), text(&entry["facts"], "version")))
            .collect();
        let expected = [
            ("detector.published", "1.0.0"),
            ("detector.published", "1.1.0"),
            ("detector.quarantined", "1.1.0"),
            ("detector.fell_back", "1.0.0"),
        ];
        assert_eq!(steps, expected, "{name}");
        for (kind, version) in &expected[2..] {
            let object = format!("{name} {version}");
            let told = alerts.iter().filter(|it| it["kind"] == *kind && it["object"] == *object);
            assert_eq!(told.count(), 1, "{name}: {kind}");
        }
    }
    println!("{} cases failed and fell back within {} events", cases.len(), decisions.len());
    Arc::into_inner(world).expect("every client is done").stop().await;
}

/// The same file as version 1.1.0.
fn next(mut file: Vec<u8>) -> Vec<u8> {
    let written = br#""version":"1.0.0""#;
    let at = file.windows(written.len()).position(|window| window == written);
    let at = at.expect("the manifest is in the file") + written.len() - 4;
    file[at] = b'1';
    file
}

/// How the run ended that counted, and of which version it was.
fn serves<'a>(decision: &'a Value, name: &str) -> Option<(&'a str, &'a str)> {
    let finding = finding(decision, name)?;
    Some((finding["outcome"].as_str()?, finding["version"].as_str()?))
}

fn rows<'a>(catalogue: &'a Value, name: &str) -> Vec<(&'a str, &'a str)> {
    let rows = catalogue["detectors"].as_array().expect("a list").iter();
    rows.filter(|row| row["name"] == name)
        .map(|row| (text(row, "version"), text(row, "stage")))
        .collect()
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().expect("a text")
}
