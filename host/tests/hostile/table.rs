//! One case after the other, each alone with the detectors that behave.

use super::cases::{self, CONTENT, Case, Expect};
use super::world::{World, finding, good, refusal, signals, standing};

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_file_ends_as_the_table_says() {
    let _alone = super::alone().await;
    let world = World::start(|config| config.watch = false).await;
    let victim = good("victim").build();
    for case in cases::all() {
        let file = (case.file)(case.name);
        match case.expect {
            Expect::Refused(says) => {
                is_refused(&world, case.name, &file, says).await;
                world.put("victim.wasm", &victim);
                world.scan().await;
                let catalogue = world.catalogue().await;
                assert!(standing(&catalogue, "victim").expect("it serves")["last_error"].is_null());
                world.news().await;
            }
            Expect::Fails(..) | Expect::Says(..) => runs(&world, &case, &file).await,
        }
        assert!(world.is_ready().await, "{}: ready", case.name);
    }
    world.stop().await;
}

/// The file comes in the place of one that serves, which serves on.
async fn is_refused(world: &World, name: &str, file: &[u8], says: &str) {
    world.put("victim.wasm", file);
    world.scan().await;
    world.scan().await;
    let entry = ("detector.refused".to_owned(), "detectors/victim.wasm".to_owned());
    assert_eq!(world.news().await, [entry], "{name}: one entry, and none for looking again");
    let catalogue = world.catalogue().await;
    let error = refusal(&catalogue, "victim.wasm").unwrap_or_default();
    assert!(error.contains(says), "{name}: {error}");
    is_readable(name, &error);
    let victim = standing(&catalogue, "victim").expect("what served before serves on");
    assert_eq!(victim["last_error"]["error"], error.as_str(), "{name}");
    let decision = world.decide().await;
    assert_eq!(decision["degraded"], false, "{name}: {decision:#}");
}

async fn runs(world: &World, case: &Case, file: &[u8]) {
    let name = case.name;
    let path = format!("{name}.wasm");
    world.put(&path, file);
    world.scan().await;
    let entry = |what: &str| vec![(what.to_owned(), name.to_owned())];
    let error = refusal(&world.catalogue().await, &path);
    assert_eq!((world.news().await, error), (entry("detector.published"), None), "{name}");
    for _ in 0..2 {
        let decision = world.decide().await;
        let finding = finding(&decision, name).expect("it is live");
        let error = finding["error"].as_str().unwrap_or_default();
        assert!(!decision.to_string().contains(&CONTENT[12..]), "{name} quotes: {decision:#}");
        match case.expect {
            Expect::Fails(outcome, says) => {
                assert_eq!(finding["outcome"], outcome.as_str(), "{name}: {error}");
                assert!(error.contains(says), "{name}: {error}");
                is_readable(name, error);
                assert!(
                    signals(&decision, name).is_empty(),
                    "{name}: believed whole or not at all"
                );
                assert_eq!(decision["degraded"], true, "{name}");
            }
            Expect::Says(score, says) => {
                assert_eq!(finding["outcome"], "ok", "{name}: {error}");
                let signal = signals(&decision, name)[0];
                assert_eq!(signal["score"], score, "{name}");
                let reason = signal["reason"].as_str().expect("a reason");
                assert!(reason.contains(says), "{name}: {reason}");
                is_readable(name, reason);
                assert_eq!(decision["degraded"], false, "{name}");
            }
            Expect::Refused(_) => unreachable!("it is live"),
        }
    }
    world.remove(&path);
    world.scan().await;
    assert_eq!(world.news().await, entry("detector.retired"), "{name}");
    let decision = world.decide().await;
    assert_eq!((finding(&decision, name), &decision["degraded"]), (None, &false.into()), "{name}");
}

/// One line of a bounded length without what a terminal obeys.
fn is_readable(name: &str, text: &str) {
    assert!(!text.contains(char::is_control), "{name}: {text:?}");
    assert!((3..1_200).contains(&text.len()), "{name}: {text:?}");
}
