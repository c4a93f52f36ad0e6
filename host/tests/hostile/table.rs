//! One case after the other, each alone with the detectors that behave.

use std::collections::BTreeMap;

use picket::model::Landing;
use serde_json::Value;

use super::cases::{self, CONTENT, Case, Expect};
use super::world::{World, finding, good, refusal, signals, standing};

/// How a file comes to the server.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Folder,
    Put,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_file_ends_as_the_table_says() {
    let _alone = super::alone().await;
    let world = World::start(|config| {
        config.watch = false;
        config.request_timeout_ms = 300_000;
        config.upload_stage = BTreeMap::from([("*".to_owned(), Landing::Active)]);
    });
    let world = world.await;
    for case in cases::all() {
        let file = (case.file)(case.name);
        match case.expect {
            // Seconds each: the folder has them in `together`.
            Expect::Refused(says) if says.contains(SLOW) => {
                is_refused(&world, case.name, &file, says, Way::Put).await;
            }
            Expect::Refused(says) => {
                is_refused(&world, case.name, &file, says, Way::Folder).await;
                is_refused(&world, case.name, &file, says, Way::Put).await;
            }
            Expect::Fails(..) | Expect::Says(..) => {
                runs(&world, &case, &file, Way::Folder).await;
                runs(&world, &case, &file, Way::Put).await;
            }
        }
        assert!(world.is_ready().await, "{}: ready", case.name);
    }
    world.stop().await;
}

const SLOW: &str = "processor time";

/// The file comes in the place of one that serves, which serves on.
async fn is_refused(world: &World, name: &str, file: &[u8], says: &str, way: Way) {
    let (object, error) = match way {
        Way::Folder => {
            world.put("victim.wasm", file);
            world.scan().await;
            world.scan().await;
            let catalogue = world.catalogue().await;
            let victim = standing(&catalogue, "victim").expect("what served before serves on");
            let error = victim["last_error"]["error"].as_str().unwrap_or_default().to_owned();
            ("detectors/victim.wasm", error)
        }
        Way::Put => {
            let answer = world.ship("victim", file).await;
            assert_eq!((answer.status, &*answer.problem()), (422, "detector-refused"), "{name}");
            let error = answer.json()["detail"].as_str().expect("a reason").to_owned();
            ("api/victim", error)
        }
    };
    assert!(error.contains(says), "{name} by {way:?}: {error}");
    is_readable(name, &error);
    let entry = ("detector.refused".to_owned(), object.to_owned());
    assert_eq!(
        world.news().await,
        [entry],
        "{name} by {way:?}: one entry, however often looked at"
    );
    let catalogue = world.catalogue().await;
    assert_eq!(refusal(&catalogue, object), Some(error), "{name} by {way:?}");
    assert_eq!(standing(&catalogue, "victim").expect("it serves")["version"], "1.0.0");
    let decision = world.decide().await;
    assert_eq!(decision["degraded"], false, "{name}: {decision:#}");
    if way == Way::Folder {
        world.put("victim.wasm", &good("victim").build());
        world.scan().await;
        let catalogue = world.catalogue().await;
        assert!(refusal(&catalogue, object).is_none(), "{name}: mended");
        world.news().await;
    }
}

async fn runs(world: &World, case: &Case, file: &[u8], way: Way) {
    let name = case.name;
    let path = format!("{name}.wasm");
    match way {
        Way::Folder => {
            world.put(&path, file);
            world.scan().await;
        }
        Way::Put => {
            let answer = world.ship(name, file).await;
            assert!([200, 201].contains(&answer.status), "{name}: {}", answer.text);
        }
    }
    let entry = |what: &str| vec![(what.to_owned(), name.to_owned())];
    let error = refusal(&world.catalogue().await, &format!("detectors/{path}"));
    assert_eq!(
        (world.news().await, error),
        (entry("detector.published"), None),
        "{name} by {way:?}"
    );
    for _ in 0..2 {
        ends_as_expected(case, &world.decide().await);
    }
    match way {
        Way::Folder => {
            world.remove(&path);
            world.scan().await;
        }
        Way::Put => world.retire(name).await,
    }
    assert_eq!(world.news().await, entry("detector.retired"), "{name} by {way:?}");
    let decision = world.decide().await;
    assert_eq!((finding(&decision, name), &decision["degraded"]), (None, &false.into()), "{name}");
}

fn ends_as_expected(case: &Case, decision: &Value) {
    let name = case.name;
    let finding = finding(decision, name).expect("it is live");
    let error = finding["error"].as_str().unwrap_or_default();
    assert!(!decision.to_string().contains(&CONTENT[12..]), "{name} quotes: {decision:#}");
    match case.expect {
        Expect::Fails(outcome, says) => {
            assert_eq!(finding["outcome"], outcome.as_str(), "{name}: {error}");
            assert!(error.contains(says), "{name}: {error}");
            is_readable(name, error);
            assert!(signals(decision, name).is_empty(), "{name}: believed whole or not at all");
            assert_eq!(decision["degraded"], true, "{name}");
        }
        Expect::Says(score, says) => {
            assert_eq!(finding["outcome"], "ok", "{name}: {error}");
            let signal = signals(decision, name)[0];
            assert_eq!(signal["score"], score, "{name}");
            let reason = signal["reason"].as_str().expect("a reason");
            assert!(reason.contains(says), "{name}: {reason}");
            is_readable(name, reason);
            assert_eq!(decision["degraded"], false, "{name}");
        }
        Expect::Refused(_) => unreachable!("it is live"),
    }
}

/// One line of a bounded length without what a terminal obeys.
fn is_readable(name: &str, text: &str) {
    assert!(!text.contains(char::is_control), "{name}: {text:?}");
    assert!((3..1_200).contains(&text.len()), "{name}: {text:?}");
}
