//! What goes out, as the other side sees it: whether it can tell whose it is, and what becomes of a
//! receiver that wants no more. Through a whole Picket.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod receiver;
mod server;

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use databases::{Home, on_both};
use ed25519_dalek::{Signature, VerifyingKey};
use picket::app::Health;
use picket::config::{Config, Destination};
use picket::model::{Action, Timestamp};
use receiver::{Does, Received, Receiver};
use reqwest::Method;
use serde_json::{Value, json};
use server::{Server, event};

on_both!(threaded:
    a_platform_is_told_what_people_say_of_what_it_was_told,
    a_destination_that_wants_no_more_is_told_no_more_until_somebody_says_so,
    what_waits_for_a_destination_waits_over_a_restart_and_on_every_server,
    each_of_several_endpoints_is_told_what_it_wants_and_waits_for_no_other
);

/// A secret that both sides hold, and the one after it.
const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A configuration in which what failed is tried again at once, and these keys sign.
fn sending(url: &str, secrets: &[&str], files: &[&Path]) -> impl FnOnce(&mut Config) + use<> {
    let destination = Destination {
        secrets: secrets.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().into(),
        secret_files: files.iter().map(|file| file.to_path_buf()).collect(),
        ..Destination::plain(url.to_owned(), None)
    };
    move |config| {
        config.destinations.insert("market".to_owned(), destination);
        config.delivery_retry_ms = vec![1, 2, 5];
        config.delivery_attempts_max = 100;
    }
}

/// Posts an event about a subject, which is held back, and returns the id of what is sent for it.
async fn post(server: &Server, id: &str, subject: &str) -> String {
    let mut event = event("market", id, "hello");
    event["subject"] = json!(subject);
    let media_type = "application/cloudevents+json";
    let answer = server.post("platform", "/v1/events", media_type, event.to_string()).await;
    assert_eq!((answer.status, &answer.json()["action"]), (200, &json!("soft_block")));
    format!("{}.message", answer.json()["id"].as_str().unwrap())
}

/// The example for platforms: says what was sent, or that it is forged.
async fn verify(
    one: &Received,
    key: &str,
    body: &[u8],
    now_s: Option<i64>,
) -> Result<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/webhooks/verify.py");
    let mut command = Command::new("python3");
    command.arg(script).args(["--key", key]);
    for name in ["id", "timestamp", "signature"] {
        command.args([&format!("--{name}"), &one.headers[&format!("webhook-{name}")]]);
    }
    command.args(now_s.map(|now| format!("--now={now}")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let body = body.to_vec();
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("python3 is there");
        child.stdin.take().expect("it is piped").write_all(&body).expect("it reads");
        child.wait_with_output().expect("it ends")
    });
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("plain text").trim().to_owned();
    match output.status.success() {
        true => Ok(text(output.stdout)),
        false => Err(text(output.stderr)),
    }
}

/// Verifies a pair's signature from what the specification says alone.
fn verify_pair(one: &Received, public: &str, body: &[u8]) -> bool {
    let public = STANDARD.decode(public.strip_prefix("whpk_").expect("a public key")).unwrap();
    let public = VerifyingKey::from_bytes(&public.try_into().expect("32 bytes")).unwrap();
    let (id, at) = (&one.headers["webhook-id"], &one.headers["webhook-timestamp"]);
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
    let mut signatures =
        one.headers["webhook-signature"].split(' ').filter_map(|text| text.strip_prefix("v1a,"));
    signatures.any(|text| {
        let signature = Signature::from_slice(&STANDARD.decode(text).unwrap()).unwrap();
        public.verify_strict(&signed, &signature).is_ok()
    })
}

/// Runs `picket key webhook new` in a folder.
fn make_key(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(["key", "webhook", "new"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("picket runs");
    let text = |bytes| String::from_utf8(bytes).expect("plain text");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_key_is_made_for_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let (good, shared, said) = make_key(folder.path(), &[]);
    assert!(good && shared.starts_with("whsec_") && shared.lines().count() == 1, "{said}");
    let file = folder.path().join("webhook.whsec");
    let held = std::fs::read_to_string(&file).unwrap();
    assert!(held.contains(shared.trim()) && said.contains("webhook.whsec"), "{said}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let (good, _, said) = make_key(folder.path(), &[]);
    assert!(!good && said.contains("is there already"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), held);

    let (good, public, said) = make_key(folder.path(), &["--ed25519", "--out", "market.whsk"]);
    assert!(good && public.starts_with("whpk_"), "{said}");
    let held = std::fs::read_to_string(folder.path().join("market.whsk")).unwrap();
    assert!(held.lines().any(|line| line.starts_with("whsk_")) && held.contains(public.trim()));
    assert!(!public.contains("whsk_") && !said.contains("whsk_"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_try_can_be_verified_and_nothing_that_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (good, public, _) = make_key(folder.path(), &["--ed25519"]);
    let (public, file) = (public.trim(), folder.path().join("webhook.whsk"));
    assert!(good);
    let receiver =
        Receiver::start(|one| if one.before < 2 { Does::Answer(500) } else { Does::Answer(200) });
    let receiver = receiver.await;
    let signing = sending(&receiver.url(), &[OLD], &[&file]);
    let server = Server::start_with(&Home::Sqlite, signing).await;
    let id = post(&server, "e-1", "ann").await;
    let received = receiver.until_count(3).await;
    let path = format!("/v1/deliveries/{id}");
    let state = async || server.get("admin", &path).await.json()["state"].clone();
    server.until("it is delivered", async || state().await == "delivered").await;
    let tries = server.get("admin", &path).await.json()["tries"].clone();
    assert_eq!(tries.as_array().unwrap().len(), 3);
    for (number, one) in received.iter().enumerate() {
        // The id stays, also for those who know it by its other name; the time is that of the try.
        assert_eq!((&one.headers["webhook-id"], one.id()), (&id, id.as_str()));
        let at = Timestamp::parse(tries[number]["at"].as_str().unwrap()).unwrap();
        let at_s: i64 = one.headers["webhook-timestamp"].parse().unwrap();
        assert_eq!(at.millis() / 1_000, at_s);
        assert_eq!(one.headers["webhook-signature"].split(' ').count(), 2);
        for key in [OLD, public] {
            let said = verify(one, key, &one.bytes, None).await;
            assert_eq!(said, Ok("action.soft_block ann message".to_owned()));
        }
        assert!(verify_pair(one, public, &one.bytes));
    }
    let one = &received[0];
    let mut tampered = one.bytes.clone();
    let place = one.bytes.windows(3).position(|three| three == b"ann").unwrap();
    tampered[place..place + 3].copy_from_slice(b"bob");
    let renamed = |name: &str, value: String| {
        let mut other = one.clone();
        other.headers.insert(name.to_owned(), value);
        other
    };
    let at_s: i64 = one.headers["webhook-timestamp"].parse().unwrap();
    let later = renamed("webhook-timestamp", (at_s + 1).to_string());
    let other_id = renamed("webhook-id", id.replace(".message", ".account"));
    for key in [OLD, public] {
        for (one, body) in [(one, &tampered), (&later, &one.bytes), (&other_id, &one.bytes)] {
            let said = verify(one, key, body, None).await.unwrap_err();
            assert!(said.contains("none of its signatures"), "{said}");
        }
        // Sent again by somebody who kept it.
        let said = verify(one, key, &one.bytes, Some(at_s + 301)).await.unwrap_err();
        assert!(said.contains("too long ago"), "{said}");
    }
    assert!(!verify_pair(one, public, &tampered) && !verify_pair(&later, public, &one.bytes));
    assert!(verify(one, NEW, &one.bytes, None).await.is_err(), "a key that did not sign");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_go_over_without_a_gap() {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    let mut dir = Some(dir);
    for (number, (secrets, good, bad)) in [
        (vec![OLD], vec![OLD], vec![NEW]),
        (vec![OLD, NEW], vec![OLD, NEW], vec![]),
        (vec![NEW], vec![NEW], vec![OLD]),
    ]
    .into_iter()
    .enumerate()
    {
        let signing = sending(&receiver.url(), &secrets, &[]);
        let server = Server::start_in(&Home::Sqlite, dir.take().unwrap(), signing).await;
        post(&server, &format!("e-{number}"), "ann").await;
        let received = receiver.until_count(number + 1).await;
        let one = received.last().unwrap();
        for (key, verifies) in
            good.iter().map(|key| (key, true)).chain(bad.iter().map(|key| (key, false)))
        {
            assert_eq!(verify(one, key, &one.bytes, None).await.is_ok(), verifies);
        }
        let Server { app, dir: kept, .. } = server;
        app.stop().await;
        dir = Some(kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_told_the_actions_that_it_asks_for() {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let asking = |actions: &[Action]| {
        let send = sending(&receiver.url(), &[], &[]);
        let actions: BTreeSet<Action> = actions.iter().copied().collect();
        move |config: &mut Config| {
            send(config);
            config.destinations.get_mut("market").unwrap().actions = actions;
        }
    };
    let others = asking(&[Action::Nudge, Action::HardBlock]);
    let server = Server::start_with(&Home::Sqlite, others).await;
    let id = post(&server, "e-1", "ann").await;
    assert_eq!(server.get("admin", &format!("/v1/deliveries/{id}")).await.status, 404);
    let Server { app, dir, .. } = server;
    app.stop().await;
    let server = Server::start_in(&Home::Sqlite, dir, asking(&[Action::SoftBlock])).await;
    let id = post(&server, "e-2", "ann").await;
    assert_eq!(receiver.until_count(1).await[0].id(), id);
    server.app.stop().await;
}

async fn rule(server: &Server, decision: &str, word: &str) {
    let path = format!("/v1/decisions/{decision}/ruling");
    let say = json!({"ruling": word, "why": "looked at again by ann's friend"});
    let said = server.request("reviewer", Method::PUT, &path).json(&say).send().await.unwrap();
    assert_eq!(said.status(), 200);
}

async fn a_platform_is_told_what_people_say_of_what_it_was_told(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let server = Server::start_with(&home, sending(&receiver.url(), &[OLD], &[])).await;
    let id = post(&server, "e-1", "ann").await;
    let decision = id.strip_suffix(".message").unwrap();
    // What is said twice is told once, and that it was right is no news, whether the platform has heard of it
    // or is about to.
    let words = ["upheld", "overturned", "overturned", "upheld", "upheld", "overturned"];
    for (word, heard) in words.into_iter().zip(["", ".1", ".1", "", "", ".3"]) {
        rule(&server, decision, word).await;
        if !heard.is_empty() {
            delivered(&server, &format!("{id}{heard}")).await;
        }
    }
    let received = receiver.until_count(4).await;
    let told: Vec<_> = received.iter().map(|one| (one.id().to_owned(), one.text("type"))).collect();
    let expected = ["action.soft_block", "lift.soft_block", "action.soft_block", "lift.soft_block"];
    let expected = expected.into_iter().enumerate().map(|(number, kind)| match number {
        0 => (id.clone(), kind),
        number => (format!("{id}.{number}"), kind),
    });
    assert_eq!(told, expected.collect::<Vec<_>>());
    for (number, one) in received.iter().enumerate() {
        assert_eq!((one.text("subject"), one.text("scope")), ("ann", "message"));
        assert_eq!(one.text("decision_id"), decision);
        let said_of_it = number > 0;
        assert_eq!(one.body.get("ruled_at").is_some(), said_of_it, "{}", one.body);
        if said_of_it {
            assert_eq!(one.body["ruled_at"], one.body["timestamp"]);
            assert!(one.text("reason").starts_with("a person ") && one.body["message"].is_null());
        }
        assert!(verify(one, OLD, &one.bytes, None).await.is_ok());
    }
    let path = format!("/v1/deliveries/{id}.1");
    assert_eq!(server.get("admin", &path).await.json()["kind"], "lift");
    server.app.stop().await;
}

async fn delivered(server: &Server, id: &str) {
    let path = format!("/v1/deliveries/{id}");
    server
        .until("it is delivered", async || {
            server.get("admin", &path).await.json()["state"] == "delivered"
        })
        .await;
}

/// A destination as somebody sees it.
async fn destination(server: &Server, who: &str) -> Value {
    let list = server.get(who, "/v1/destinations").await.json();
    list.as_array()
        .unwrap()
        .iter()
        .find(|one| one["source"] == "market")
        .cloned()
        .unwrap_or_default()
}

async fn enable(server: &Server, who: &str, source: &str, why: &str) -> (u16, Value) {
    let path = format!("/v1/destinations/{source}/enable");
    let request = server.request(who, Method::POST, &path).json(&json!({ "why": why }));
    let answer = server::Answer::of(request.send().await.expect("an answer")).await;
    (answer.status, answer.json())
}

/// A receiver that wants no more until it is told to, and the switch.
async fn fickle() -> (Receiver, Arc<AtomicBool>) {
    let wants = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&wants);
    let receiver = Receiver::start(move |_| match wants.load(Ordering::SeqCst) {
        true => Does::Answer(200),
        false => Does::Answer(410),
    });
    (receiver.await, switch)
}

/// However much was claimed ahead for a destination that was quick, no more is sent to it than was under way.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_ahead_is_not_sent_to_a_destination_that_wants_no_more() {
    const WANTED: usize = 60;
    const BACKLOG: usize = 160;
    let (switched_on, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (on, count) = (Arc::clone(&switched_on), Arc::clone(&asked));
    let receiver = Receiver::start(move |_| {
        if !on.load(Ordering::SeqCst) {
            return Does::Answer(410);
        }
        match count.fetch_add(1, Ordering::SeqCst) < WANTED {
            true => Does::Answer(200),
            false => Does::Answer(410),
        }
    })
    .await;
    let server = Server::start_with(&Home::Sqlite, |config| {
        sending(&receiver.url(), &[OLD], &[])(config);
        config.delivery_concurrent_max = 4;
    })
    .await;
    post(&server, "first", "ann").await;
    let disabled = async || !destination(&server, "admin").await["disabled_at"].is_null();
    server.until("it is disabled", disabled).await;
    for number in 0..BACKLOG {
        post(&server, &format!("e-{number}"), &format!("user-{number}")).await;
    }
    switched_on.store(true, Ordering::SeqCst);
    let enable = json!({"why": "they are back"});
    let path = "/v1/destinations/market/enable";
    let enabled = server.request("admin", Method::POST, path).json(&enable).send().await.unwrap();
    assert_eq!(enabled.status(), 200);
    server.until("it wants no more", async || asked.load(Ordering::SeqCst) > WANTED).await;
    server.until("it is disabled again", disabled).await;
    let pending = destination(&server, "admin").await["pending"].as_u64().unwrap();
    assert_eq!(pending, (1 + BACKLOG - WANTED) as u64);
    server.app.stop().await;
    let beyond = asked.load(Ordering::SeqCst) - WANTED;
    assert!((1..=4).contains(&beyond), "{beyond} were sent beyond");
}

async fn a_destination_that_wants_no_more_is_told_no_more_until_somebody_says_so(home: Home) {
    let (receiver, wants) = fickle().await;
    let server = Server::start_with(&home, |config| {
        sending(&receiver.url(), &[OLD], &[])(config);
        config.delivery_concurrent_max = 1;
        config.delivery_attempts_max = 1;
    })
    .await;
    let first = post(&server, "e-0", "ann").await;
    let disabled = async || !destination(&server, "admin").await["disabled_at"].is_null();
    server.until("it is disabled", disabled).await;
    let mut ids = vec![first.clone()];
    for (number, subject) in (1..).zip(["ann", "bob", "ann"]) {
        ids.push(post(&server, &format!("e-{number}"), subject).await);
    }
    let seen = destination(&server, "platform").await;
    let origin = format!("http://{}", receiver.address);
    assert_eq!((&seen["origin"], &seen["signed"]), (&json!(origin), &json!(true)));
    assert_eq!((&seen["disabled_by"], &seen["pending"]), (&json!(first), &json!(4)));
    assert_eq!(destination(&server, "other").await, Value::Null, "another platform's");
    // The one that it was said to waits like the others, though it was tried as often as it may be.
    let shown = server.get("admin", &format!("/v1/deliveries/{first}")).await.json();
    assert_eq!(
        (&shown["state"], &shown["tries"][0]["outcome"]),
        (&json!("pending"), &json!("gone"))
    );
    assert_eq!(shown["tries"][0]["status"], 410);
    let alerts = server.get("admin", "/v1/alerts").await.json();
    assert_eq!(
        (alerts.as_array().unwrap().len(), &alerts[0]["kind"]),
        (1, &json!("destination.disabled"))
    );
    assert!(alerts[0]["text"].as_str().unwrap().contains("picket destination enable market"));
    let metrics = server.get("admin", "/metrics").await.text;
    assert!(metrics.contains("picket_destination_disabled{source=\"market\"} 1\n"), "{metrics}");
    let (good, said) = picket(&server, &["destination", "list"]).await;
    assert!(good && said.contains("disabled 20") && said.contains(&origin), "{said}");
    let findings = picket::app::examine(&server.app.config, false).await;
    let found = findings.iter().find(|found| found.text.contains("answered 410"));
    assert!(found.is_some_and(|found| found.text.contains("4 deliveries wait")), "{findings:?}");

    for who in ["platform", "reviewer", "auditor", "engineer"] {
        assert_eq!(enable(&server, who, "market", "mine").await.0, 403, "{who}");
    }
    assert_eq!(enable(&server, "admin", "market", " ").await.0, 422);
    assert_eq!(enable(&server, "admin", "nobody", "a test").await.0, 404);
    assert_eq!(receiver.received().len(), 1, "it was told no more");
    // It still wants no more: then it is disabled again, and that is told again.
    let (status, seen) = enable(&server, "bound-admin", "market", "another try").await;
    assert_eq!((status, &seen["disabled_at"]), (200, &json!(null)));
    receiver.until_count(2).await;
    server.until("it is disabled again", disabled).await;
    let told = async || server.get("admin", "/v1/alerts").await.json().as_array().unwrap().len();
    assert_eq!(told().await, 2);

    wants.store(true, Ordering::SeqCst);
    let (good, said) = picket(&server, &["destination", "enable", "market", "--why", "back"]).await;
    assert!(good && said.contains("market is told again; pending: 4"), "{said}");
    let received = receiver.until_count(6).await;
    let of_ann = |one: &&Received| one.text("subject") == "ann";
    let came: Vec<&str> = received[2..].iter().filter(of_ann).map(Received::id).collect();
    assert_eq!(came, [&ids[0], &ids[1], &ids[3]], "in its order");
    let pending = async || destination(&server, "admin").await["pending"].clone();
    server.until("nothing waits", async || pending().await == 0).await;
    let (status, problem) = enable(&server, "admin", "market", "once more").await;
    assert_eq!((status, &problem["type"]), (409, &json!("urn:picket:problem:not-disabled")));
    assert_eq!(
        audited(&server).await,
        [
            "destination.disabled null",
            "destination.enabled another try",
            "destination.disabled null",
            "destination.enabled back",
        ]
    );
    server.app.stop().await;
}

/// What the audit log says of destinations, with why.
async fn audited(server: &Server) -> Vec<String> {
    let log = server.get("auditor", "/v1/audit?limit=200").await.json();
    let entries = log.as_array().unwrap().iter();
    let ours = entries.filter(|one| one["what"].as_str().unwrap().starts_with("destination."));
    ours.map(|one| {
        assert_eq!(one["object"], "market");
        let why = one["facts"]["why"].as_str().unwrap_or("null");
        format!("{} {why}", one["what"].as_str().unwrap())
    })
    .collect()
}

/// The command line against a server.
async fn picket(server: &Server, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.args(arguments);
    server.run("admin", command).await
}

async fn what_waits_for_a_destination_waits_over_a_restart_and_on_every_server(home: Home) {
    let (receiver, wants) = fickle().await;
    let server = Server::start_with(&home, sending(&receiver.url(), &[], &[])).await;
    post(&server, "e-0", "ann").await;
    let disabled =
        async |server: &Server| !destination(server, "admin").await["disabled_at"].is_null();
    server.until("it is disabled", async || disabled(&server).await).await;
    wants.store(true, Ordering::SeqCst);
    let server = server.again(async |_| {}).await;
    let other = server.beside(|_| {}).await;
    for (number, server) in [&server, &other].into_iter().enumerate() {
        assert!(disabled(server).await);
        post(server, &format!("e-{}", number + 1), &format!("user-{number}")).await;
    }
    assert_eq!(destination(&other, "admin").await["pending"], 3);
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(enable(&other, "admin", "market", "it is back").await.0, 200);
    let received = receiver.until_count(4).await;
    assert_eq!(received[1..].iter().filter(|one| one.text("event_id") == "e-0").count(), 1);
    let pending = async || destination(&server, "admin").await["pending"].clone();
    server.until("nothing waits", async || pending().await == 0).await;
    other.app.stop().await;
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_and_tls_vouches_for_it() {
    let (authority, secure) = receiver::vouched_for();
    let good = Receiver::start_at(([127, 0, 0, 1], 0).into(), Some(secure), |_| Does::Answer(200));
    let good = good.await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    // Somebody vouches for the number, and nobody for the name that leads to it.
    for (host, outcome) in [("127.0.0.1", "delivered"), ("localhost", "unreachable")] {
        let server = Server::start_with(&Home::Sqlite, |config| {
            let url = format!("https://{host}:{}/actions", good.address.port());
            sending(&url, &[], &[])(config);
            for destination in config.destinations.values_mut() {
                destination.ca_file = Some(file.path().to_owned());
                destination.allow_private = false;
                destination.allow_networks = vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()];
            }
        })
        .await;
        let id = post(&server, "e-1", "ann").await;
        let path = format!("/v1/deliveries/{id}");
        let outcomes = async || {
            let tries = server.get("admin", &path).await.json()["tries"].clone();
            tries.as_array().is_some_and(|tries| tries.iter().any(|one| one["outcome"] == outcome))
        };
        server.until(outcome, outcomes).await;
        server.app.stop().await;
    }
    assert_eq!(good.received().len(), 1);
}

/// Lets the destination lie on the internet only, as a configuration does that says nothing else.
fn strictly(config: &mut Config) {
    let destination = config.destinations.get_mut("market").expect("there is one");
    (destination.allow_private, destination.allow_networks) = (false, Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_safely_is_refused_at_the_start() {
    let cases = [
        ("http://10.0.0.7/x", OLD, "`destinations.market`: `url`: 10.0.0.7 is a private address"),
        ("https://market.example/x", "whsec_hunter2", "`secrets`: number 1 is "),
    ];
    for (url, secret, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: dir.path().join("data"),
            ..Config::default()
        };
        sending(url, &[secret], &[])(&mut config);
        strictly(&mut config);
        let refused = picket::app::App::start(config).await.err().expect("it is refused");
        let said = format!("{refused:#}");
        assert!(said.contains(says) && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn the_doctor_says_what_is_wrong_with_a_destination() {
    let dir = tempfile::tempdir().unwrap();
    let url = "https://market.example/x";
    let cases = [
        (sending(url, &[OLD], &[]), Health::Good, "1, whose keys and certificates can be read"),
        (sending(url, &[], &[]), Health::Warning, "what is sent for market is not signed"),
        (
            sending(url, &["hunter2"], &[]),
            Health::Bad,
            "`destinations.market`: `secrets`: number 1",
        ),
        (sending(url, &[], &[Path::new("/nowhere/x.whsk")]), Health::Bad, "/nowhere/x.whsk"),
        (sending("https://0.0.0.0/", &[OLD], &[]), Health::Bad, "no host's address"),
    ];
    for (change, health, says) in cases {
        let mut config = Config { data_dir: dir.path().join("data"), ..Config::default() };
        change(&mut config);
        strictly(&mut config);
        let findings = picket::app::examine(&config, false).await;
        let found: Vec<_> = findings.iter().filter(|found| found.what == "destinations").collect();
        assert_eq!((found.len(), found[0].health), (1, health), "{found:?}");
        assert!(found[0].text.contains(says) && !found[0].text.contains("hunter2"), "{found:?}");
    }
}

async fn each_of_several_endpoints_is_told_what_it_wants_and_waits_for_no_other(home: Home) {
    let first = Receiver::start(|_| Does::Answer(200)).await;
    let audit = Receiver::start(|_| Does::Answer(410)).await;
    let nudges = Receiver::start(|_| Does::Answer(200)).await;
    let tables = format!(
        "[[destinations.market]]\nurl = \"{}\"\nallow_private = true\nsecrets = \"{OLD}\"\n\
         [[destinations.market]]\nname = \"audit\"\nurl = \"{}\"\nallow_private = true\n\
         secrets = [\"{NEW}\"]\n\
         [[destinations.market]]\nname = \"nudges\"\nurl = \"{}\"\nallow_private = true\n\
         actions = [\"nudge\"]\n",
        first.url(),
        audit.url(),
        nudges.url()
    );
    let told = Config::parse("picket.toml", &tables, []).unwrap().destinations;
    let server = Server::start_with(&home, |config| {
        config.destinations = told;
        config.delivery_retry_ms = vec![1, 2, 5];
    })
    .await;
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(post(&server, &format!("e-{number}"), "ann").await);
    }
    let received = first.until_count(3).await;
    assert_eq!(received.iter().map(Received::id).collect::<Vec<_>>(), ids, "in their order");
    assert!(received.iter().all(|one| one.body.get("destination").is_none()));
    let wanted = audit.until_count(1).await.remove(0);
    let (decision, scope) = ids[0].split_once('.').unwrap();
    let named = |number: usize| format!("{}.audit", ids[number]);
    assert_eq!((wanted.id(), wanted.text("destination")), (&*named(0), "audit"));
    assert_eq!((wanted.text("decision_id"), scope), (decision, "message"));
    assert_eq!(wanted.text("type"), "action.soft_block");
    for (one, own, other) in [(&received[0], OLD, NEW), (&wanted, NEW, OLD)] {
        assert!(verify(one, own, &one.bytes, None).await.is_ok());
        assert!(verify(one, other, &one.bytes, None).await.is_err());
    }
    // The one that wants no more holds up nothing, and is enabled by its name.
    let audit_now = || async {
        let list = server.get("admin", "/v1/destinations").await.json();
        let list = list.as_array().unwrap().clone();
        let names: Vec<_> = list.iter().map(|one| one["name"].clone()).collect();
        assert_eq!(names, ["", "audit", "nudges"]);
        list[1].clone()
    };
    let begun = Instant::now();
    while audit_now().await["disabled_at"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let shown = audit_now().await;
    assert_eq!((&shown["pending"], &shown["channel"]), (&json!(3), &json!("webhook")));
    assert_eq!(shown["disabled_by"], named(0));
    let path = "/v1/destinations/market/enable";
    let enable = |name: &str| json!({"why": "a test", "name": name}).to_string();
    let json = "application/json";
    assert_eq!(server.post("admin", path, json, enable("")).await.status, 409);
    assert_eq!(server.post("admin", path, json, enable("nobody")).await.status, 404);
    assert_eq!(server.post("admin", path, json, enable("audit")).await.status, 200);
    audit.until_count(2).await;
    // What people overturn is told to whoever was told.
    let path = format!("/v1/decisions/{decision}/ruling");
    let ruling = json!({"ruling": "overturned", "why": "a mistake"}).to_string();
    let request = server.request("reviewer", Method::PUT, &path).header("content-type", json);
    assert_eq!(request.body(ruling).send().await.unwrap().status(), 200);
    let waits = server.get("admin", &format!("/v1/deliveries/{}.1", named(0))).await;
    assert_eq!((waits.status, &waits.json()["state"]), (200, &json!("pending")));
    let lift = first.until_count(4).await.remove(3);
    assert_eq!((lift.text("type"), lift.id()), ("lift.soft_block", &*format!("{}.1", ids[0])));
    assert!(lift.body.get("destination").is_none());
    assert!(nudges.received().is_empty());
    server.app.stop().await;
}
