//! The ways in: versions are shipped over HTTP and from the command line, looked at, promoted, taken
//! back and given back to the byte.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod command;
#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../server/mod.rs"]
mod server;

use std::collections::BTreeMap;

use databases::{Home, on_both};
use picket::config::Config;
use picket::model::{Digest, Landing};
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, Server, event};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

on_both!(threaded:
    a_version_goes_from_shadow_through_a_canary_to_active_and_back,
    a_version_is_its_bytes_for_ever_and_they_come_back,
    what_is_sent_is_refused_like_a_file_of_the_folder_and_audited_once,
    an_upload_goes_on_where_it_broke_off,
    only_who_may_ships_and_two_persons_promote,
    a_bound_key_sees_what_serves_its_source_and_no_more
);

const VERSIONS: &str = "/v1/detectors/probe/versions";
/// The probe of 1.1.0, told to score below the upper tier.
const MILD: &str = "settings=%7B%22score%22%3A0.2%7D";

async fn quiet(home: &Home, change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(home, |config| {
        config.watch = false;
        change(config);
    })
    .await
}

/// One part of an upload.
async fn part(server: &Server, digest: Digest, at: usize, last: bool, bytes: &[u8]) -> Answer {
    let request = server
        .request("engineer", Method::PUT, &format!("{VERSIONS}?digest={digest}"))
        .header("upload-offset", at)
        .header("upload-complete", if last { "?1" } else { "?0" })
        .body(bytes.to_vec());
    Answer::of(request.send().await.expect("an answer")).await
}

async fn arrived(server: &Server, digest: Digest) -> Value {
    server.get("engineer", &format!("/v1/detectors/probe/uploads/{digest}")).await.json()
}

/// What was decided about each of 40 accounts, by account.
async fn actions(server: &Server, round: &str) -> BTreeMap<String, String> {
    let mut actions = BTreeMap::new();
    for number in 0..40 {
        let mut event = event("market", &format!("{round}-{number}"), "hello");
        event["subject"] = json!(format!("user-{number}"));
        let posted = server.post("platform", "/v1/events", "application/json", event.to_string());
        let decision = posted.await.json();
        let action = decision["action"].as_str().expect("a decision").to_owned();
        actions.insert(decision["subject"].as_str().expect("a decision").to_owned(), action);
    }
    actions
}

fn held(actions: &BTreeMap<String, String>) -> usize {
    actions.values().filter(|action| *action == "soft_block").count()
}

async fn key_of(server: &Server, who: &str) -> Value {
    let keys = server.get("admin", "/v1/keys").await.json();
    let mut keys = keys.as_array().expect("keys").iter();
    keys.find(|key| key["name"] == who).expect("a key of this name")["id"].clone()
}

async fn a_version_goes_from_shadow_through_a_canary_to_active_and_back(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let shipped =
        server.ship("engineer", &format!("{MILD}&why=gentler"), fixture::probe_next()).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text);
    let uploaded = shipped.json();
    assert_eq!((&uploaded["stage"], &uploaded["version"]), (&json!("shadow"), &json!("1.1.0")));
    assert!(uploaded["warnings"][0].as_str().unwrap().contains("other settings"), "{uploaded}");
    let again = server.ship("engineer", MILD, fixture::probe_next()).await;
    assert_eq!((again.status, again.json()["changed"].clone()), (200, json!(false)));

    // In shadow it is recorded and has no say.
    assert_eq!(held(&actions(&server, "shadow").await), 40);
    let diff = server.get("reviewer", &format!("{VERSIONS}/1.1.0/diff?limit=3")).await.json();
    let trial = &diff["trials"][0];
    assert_eq!((&trial["events"], &trial["milder"]), (&json!(40), &json!(40)), "{diff}");
    assert_eq!((&trial["counted"], &trial["fire_rate"]), (&json!(0), &json!(1.0)));
    assert_eq!((&diff["subjects"], &diff["active"]), (&json!(40), &json!("1.0.0")));
    assert_eq!(diff["differences"].as_array().unwrap().len(), 3);
    assert_eq!(diff["differences"][0]["without"], "soft_block");
    assert!(diff["summary"].as_str().unwrap().contains("40 decisions differ of 40 accounts"));

    // As a canary it counts for a share, always the same accounts.
    let half = json!({"stage": "canary", "why": "a week in shadow", "canary": {"share": 0.5}});
    let stood = server.put_stage("engineer", "1.1.0", half).await;
    assert_eq!((stood.status, stood.json()["from"].clone()), (200, json!("shadow")));
    let first = actions(&server, "canary").await;
    assert!((8..=32).contains(&held(&first)), "{first:?}");
    assert_eq!(actions(&server, "sticky").await, first);
    let more = json!({"stage": "canary", "why": "no complaint", "canary": {"share": 0.8}});
    assert_eq!(server.put_stage("engineer", "1.1.0", more).await.status, 200);
    let second = actions(&server, "more").await;
    assert!(held(&second) < held(&first));
    let left = second
        .iter()
        .filter(|(who, action)| *action == "soft_block" && first[*who] != "soft_block");
    assert_eq!(left.count(), 0, "who is in stays in");

    // Active: for all. And back.
    let whole = json!({"stage": "active", "why": "it is right"});
    assert_eq!(server.put_stage("engineer", "1.1.0", whole.clone()).await.status, 200);
    assert_eq!(held(&actions(&server, "active").await), 0);
    assert_eq!(server.put_stage("engineer", "1.1.0", whole).await.problem(), "detector-refused");
    let rollback = server.request("engineer", Method::POST, "/v1/detectors/probe/rollback");
    let rolled = Answer::of(rollback.json(&json!({"why": "too mild"})).send().await.unwrap()).await;
    assert_eq!((rolled.status, rolled.json()["version"].clone()), (200, json!("1.0.0")));
    assert_eq!(held(&actions(&server, "back").await), 40);

    // Each step with who and why.
    let engineer = key_of(&server, "engineer").await;
    let steps = server.audited().await.into_iter().filter(|line| line["actor"] == engineer);
    let told: Vec<(Value, Value)> =
        steps.map(|line| (line["what"].clone(), line["facts"]["why"].clone())).collect();
    let expected = [
        ("detector.published", "gentler"),
        ("detector.promoted", "a week in shadow"),
        ("detector.canary_changed", "no complaint"),
        ("detector.promoted", "it is right"),
        ("detector.rolled_back", "too mild"),
    ];
    assert_eq!(told, expected.map(|(what, why)| (json!(what), json!(why))));
    server.app.stop().await;
}

async fn a_version_is_its_bytes_for_ever_and_they_come_back(home: Home) {
    let server = quiet(&home, |_| {}).await;
    assert_eq!(server.ship("engineer", "", fixture::probe_next()).await.status, 201);
    let digest = Digest::of(fixture::probe_next());
    for version in ["1.1.0", &digest.to_string()] {
        let path = format!("{VERSIONS}/{version}/file");
        let request = server.request("auditor", Method::GET, &path);
        let response = request.send().await.unwrap();
        let headers = response.headers().clone();
        assert_eq!(response.bytes().await.unwrap(), fixture::probe_next());
        assert_eq!(headers["content-type"], "application/wasm");
        assert_eq!(headers["content-disposition"], "attachment; filename=\"probe-1.1.0.wasm\"");
        assert_eq!(headers["etag"], format!("\"{digest}\""));
        assert!(headers["repr-digest"].to_str().unwrap().starts_with("sha-256=:"));
        let known =
            server.request("auditor", Method::GET, &path).header("if-none-match", &headers["etag"]);
        assert_eq!(known.send().await.unwrap().status(), 304);
    }
    let versions = server.get("reviewer", VERSIONS).await.json();
    let stands: Vec<_> =
        versions.as_array().unwrap().iter().map(|it| &it["stands"][0]["stage"]).collect();
    assert_eq!(stands, ["active", "shadow"]);
    let detail = server.get("reviewer", &format!("{VERSIONS}/1.1.0")).await.json();
    assert_eq!(detail["manifest"]["events"], json!(["message.*"]));
    assert_eq!(detail["trials"][0]["stage"], "shadow");
    assert_eq!(server.get("reviewer", &format!("{VERSIONS}/9.9.9")).await.problem(), "not-found");

    // The same version with an empty custom section: other bytes.
    let other = [fixture::probe_next(), &[0, 2, 1, b'x']].concat();
    let taken = server.ship("engineer", "", other).await;
    assert_eq!((taken.status, taken.problem().as_str()), (409, "version-taken"), "{}", taken.text);
    let older = server.ship("engineer", "source=market", fixture::probe_next()).await;
    assert_eq!(older.status, 201);
    let older = server.ship("engineer", "source=market", fixture::probe()).await;
    assert_eq!((older.status, older.problem().as_str()), (409, "downgrade"), "{}", older.text);
    let allowed =
        server.ship("engineer", "source=market&allow_downgrade=true", fixture::probe()).await;
    assert_eq!((allowed.status, allowed.json()["stage"].clone()), (201, json!("shadow")));
    server.app.stop().await;
}

async fn what_is_sent_is_refused_like_a_file_of_the_folder_and_audited_once(home: Home) {
    let rules = "[probe]\nfields = ['subject']";
    let server = quiet(&home, |config| config.detectors = toml::from_str(rules).unwrap()).await;
    let broken = &fixture::probe()[..5_000];
    server::write(&server.path("detectors/broken.wasm"), broken);
    server.app.registry.scan().await.unwrap();
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    let said = |file: &str| {
        let refused = catalogue["refused"].as_array().unwrap().iter();
        refused.filter(|it| it["file"] == file).map(|it| it["error"].clone()).next().unwrap()
    };
    for (file, bytes) in
        [("detectors/broken.wasm", broken), ("detectors/probe.wasm", fixture::probe())]
    {
        for _ in 0..2 {
            let refused = server.ship("engineer", "", bytes).await;
            assert_eq!((refused.status, refused.problem().as_str()), (422, "detector-refused"));
            assert_eq!(refused.json()["detail"], said(file));
        }
    }
    let grant = "add \"data.content\" to `fields` under [detectors.probe]";
    assert!(said("detectors/probe.wasm").as_str().unwrap().contains(grant));
    let named = server.request("engineer", Method::PUT, "/v1/detectors/other/versions");
    let named = Answer::of(named.body(fixture::probe()).send().await.unwrap()).await;
    assert!(
        !named.text.contains("was sent as"),
        "what it may not read is said first: {}",
        named.text
    );
    // Once each, and a scan of the folders does not forget them.
    server.app.registry.scan().await.unwrap();
    let engineer = key_of(&server, "engineer").await;
    let sent = server.audited().await.into_iter().filter(|line| line["actor"] == engineer);
    let objects: Vec<Value> = sent.map(|line| line["object"].clone()).collect();
    assert_eq!(objects, ["api/probe", "api/probe", "api/other"]);
    let catalogue = server.get("engineer", "/v1/detectors").await;
    assert!(catalogue.text.contains("api/probe"), "{}", catalogue.text);
    server.app.stop().await;
}

async fn an_upload_goes_on_where_it_broke_off(home: Home) {
    let file = fixture::probe_next();
    let server = quiet(&home, |config| {
        config.detector_file_bytes_max =
            fixture::probe_next().len().max(fixture::probe().len()) as u64;
        config.upload_idle_timeout_ms = 300;
    })
    .await;
    let digest = Digest::of(file);
    assert_eq!(arrived(&server, digest).await, json!({"received": 0, "complete": false}));
    let third = file.len() / 3;
    let first = part(&server, digest, 0, false, &file[..third]).await;
    assert_eq!((first.status, first.json()["received"].clone()), (202, json!(third)));
    // Not where it stopped.
    let wrong = part(&server, digest, third + 1, false, &file[third + 1..]).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (409, "upload-offset"));
    assert_eq!(wrong.header("upload-offset"), third.to_string());
    // Broken off in the middle of the second part: what came is kept.
    let mut stream = TcpStream::connect(server.app.address).await.unwrap();
    let head = format!(
        "PUT {VERSIONS}?digest={digest} HTTP/1.1\r\nhost: picket\r\nauthorization: Bearer {}\r\nupload-offset: {third}\r\ncontent-length: {}\r\n\r\n",
        server.key("engineer"),
        file.len() - third
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&file[third..2 * third]).await.unwrap();
    let all_came = || async { arrived(&server, digest).await["received"] == json!(2 * third) };
    server.until("the second part is there", all_came).await;
    let busy = part(&server, digest, 2 * third, true, &file[2 * third..]).await;
    assert_eq!((busy.status, busy.problem().as_str()), (409, "in-progress"));
    // It stands still for too long and is given up; the next one goes on.
    let free = || async { part(&server, digest, 2 * third, false, b"").await.status == 202 };
    server.until("it may go on", free).await;
    drop(stream);
    let last = part(&server, digest, 2 * third, true, &file[2 * third..]).await;
    assert_eq!(
        (last.status, last.json()["stage"].clone()),
        (201, json!("shadow")),
        "{}",
        last.text
    );
    assert_eq!(arrived(&server, digest).await, json!({"received": file.len(), "complete": true}));
    assert_eq!(std::fs::read_dir(server.path("data/uploads")).unwrap().count(), 0);
    // The bytes are there: they are published anew without being sent.
    let anew = server
        .request("engineer", Method::PUT, &format!("{VERSIONS}?digest={digest}&source=market"))
        .header("upload-offset", file.len());
    assert_eq!(anew.send().await.unwrap().status(), 201);

    // Other bytes than the digest says, and more than a file may have.
    let digest = Digest::of(b"something else");
    let mismatch = part(&server, digest, 0, true, file).await;
    assert_eq!((mismatch.status, mismatch.problem().as_str()), (422, "digest-mismatch"));
    assert_eq!(arrived(&server, digest).await["received"], 0);
    let max = server.app.config.detector_file_bytes_max as usize;
    assert_eq!(part(&server, digest, 0, false, &vec![0; max]).await.status, 202);
    let large = part(&server, digest, max, true, b"x").await;
    assert_eq!((large.status, large.problem().as_str()), (413, "too-large"));
    let nameless = server.request("engineer", Method::PUT, VERSIONS).header("upload-offset", 5);
    let nameless = Answer::of(nameless.body("x").send().await.unwrap()).await;
    assert_eq!((nameless.status, nameless.problem().as_str()), (422, "invalid"));
    server.app.stop().await;
}

async fn only_who_may_ships_and_two_persons_promote(home: Home) {
    let server = quiet(&home, |config| {
        config.two_person = true;
        config.upload_stage.insert("market".to_owned(), Landing::Active);
    })
    .await;
    for who in ["platform", "reviewer", "auditor"] {
        assert_eq!(server.ship(who, "", fixture::probe_next()).await.problem(), "forbidden");
        let retire = json!({"stage": "retired", "why": "x"});
        assert_eq!(server.put_stage(who, "1.0.0", retire).await.problem(), "forbidden");
    }
    // A bound key ships for its source alone, by default too; and not past the second person.
    for query in ["source=other", "source=*", "source=market&stage=active"] {
        let answer = server.ship("bound-admin", query, fixture::probe_next()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"), "{query}");
    }
    // A version is one file for all sources: it does not take a number from a name that others have.
    let taken = server.ship("bound-admin", "", fixture::probe_next()).await;
    assert_eq!((taken.status, taken.problem().as_str()), (422, "detector-refused"));
    assert!(taken.text.contains("under a name of your own"), "{}", taken.text);
    assert_eq!(server.ship("engineer", "", fixture::probe_next()).await.status, 201);
    let bound = server.ship("bound-admin", "", fixture::probe_next()).await.json();
    assert_eq!((&bound["source"], &bound["stage"]), (&json!("market"), &json!("shadow")));
    let everywhere = server.get("bound-admin", &format!("{VERSIONS}/1.0.0/diff?source=*")).await;
    assert_eq!(everywhere.status, 403);

    let active = |source: &str| json!({"stage": "active", "source": source, "why": "it is right"});
    let own = server.put_stage("bound-admin", "1.1.0", active("market")).await;
    assert_eq!((own.status, own.problem().as_str()), (422, "detector-refused"));
    assert!(own.text.contains("two_person"), "{}", own.text);
    assert_eq!(server.put_stage("admin", "1.1.0", active("market")).await.status, 200);
    let faults = server.put_stage("admin", "1.1.0", json!({"stage": "canary"})).await.json();
    let pointers: Vec<_> =
        faults["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    assert_eq!(pointers, ["/why", "/canary"]);
    let bad = "source=market&digest=sha1:0&settings=7";
    let faults = server.ship("engineer", bad, fixture::probe_next()).await.json();
    assert_eq!(faults["errors"].as_array().unwrap().len(), 2, "{faults}");
    assert_eq!(server.get("bound-admin", "/v1/alerts").await.problem(), "forbidden");
    assert_eq!(server.get("reviewer", "/v1/alerts").await.json(), json!([]));
    // Nor does a file of the folder go live by the hand of one.
    let phone = picket_bundle::DETECTORS.iter().find(|it| it.name == "contact-phone").unwrap();
    server::write(&server.path("detectors/contact-phone.wasm"), phone.component);
    server.app.registry.scan().await.unwrap();
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    assert_eq!(catalogue["landing"]["folder"], "shadow");
    let landed = catalogue["detectors"].as_array().unwrap().iter();
    let landed: Vec<_> = landed.filter(|it| it["name"] == "contact-phone").collect();
    assert_eq!((landed.len(), &landed[0]["stage"]), (1, &json!("shadow")), "{landed:?}");
    server.app.stop().await;

    // One person, and a configuration that says so: at once.
    let server = quiet(&home.another(), |config| {
        config.upload_stage.insert("market".to_owned(), Landing::Active);
    })
    .await;
    let shipped = server.ship("engineer", "source=market", fixture::probe_next()).await;
    assert_eq!(shipped.json()["stage"], "active");
    let decision = server.event("after", "hello").await.json();
    assert_eq!(decision["signals"][0]["label"], "safety.next");
    server.app.stop().await;
}

async fn a_bound_key_sees_what_serves_its_source_and_no_more(home: Home) {
    let server = quiet(&home, |_| ()).await;
    let shipped = server.ship("engineer", "source=other", fixture::probe_next()).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text);
    for path in ["/v1/detectors", "/v1/detectors/probe", VERSIONS] {
        let (all, own) = (server.get("admin", path).await, server.get("bound-admin", path).await);
        assert!(all.text.contains("1.1.0") && all.text.contains("other"), "{path}: {}", all.text);
        assert_eq!(own.status, 200, "{path}");
        assert!(!own.text.contains("1.1.0") && own.text.contains("1.0.0"), "{path}: {}", own.text);
    }
    for path in ["/1.1.0", "/1.1.0/file"] {
        let path = format!("{VERSIONS}{path}");
        assert_eq!(server.get("admin", &path).await.status, 200, "{path}");
        assert_eq!(server.get("bound-admin", &path).await.status, 404, "{path}");
    }
    server.app.stop().await;
}
