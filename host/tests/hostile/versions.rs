//! Two that claim to be one, and old ones that come back.

use super::component::{Answer, Detector};
use super::world::{World, good, refusal, standing};

#[tokio::test(flavor = "multi_thread")]
async fn two_files_that_claim_one_name_are_told_apart() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    // With the same bytes, with other bytes of the same version, and with a newer version.
    let other = Detector { answer: Answer::default(), ..good("victim") };
    let newer = Detector { version: "2.0.0", ..good("victim") };
    for (file, bytes) in [
        ("victim-again.wasm", good("victim").build()),
        ("victim-other.wasm", other.build()),
        ("victim-newer.wasm", newer.build()),
    ] {
        world.put(file, &bytes);
        world.scan().await;
        let error =
            refusal(&world.catalogue().await, &format!("detectors/{file}")).unwrap_or_default();
        assert!(error.contains("detectors/victim.wasm"), "{file}: {error}");
        let entry = ("detector.refused".to_owned(), format!("detectors/{file}"));
        assert_eq!(world.news().await, [entry]);
    }
    world.decide().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_with_other_bytes_and_an_older_version_are_refused() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let other = Detector { answer: Answer::default(), ..good("victim") };
    let older = Detector { version: "0.9.0", ..good("victim") };
    let prerelease = Detector { version: "1.0.0-rc.1", ..good("victim") };
    for (bytes, says) in
        [(other.build(), "1.0.0"), (older.build(), "0.9.0"), (prerelease.build(), "1.0.0-rc.1")]
    {
        world.put("victim.wasm", &bytes);
        world.scan().await;
        let catalogue = world.catalogue().await;
        let error = refusal(&catalogue, "detectors/victim.wasm").unwrap_or_default();
        assert!(error.contains(says), "{says}: {error}");
        assert_eq!(standing(&catalogue, "victim").unwrap()["version"], "1.0.0");
        assert_eq!(world.news().await.len(), 1);
        world.decide().await;
    }
    world.stop().await;
}
