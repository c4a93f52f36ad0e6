//! Deliveries to endpoints that fail in every way, through a whole Picket. Waits are for what is
//! waited for; the schedules are short.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod receiver;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use databases::{Home, on_both};
use picket::config::{Config, Destination};
use receiver::{Does, Received, Receiver};
use serde_json::{Value, json};
use server::{Server, event};

on_both!(threaded:
    an_action_reaches_its_platform_with_all_that_it_needs,
    each_subject_has_its_order_however_often_tries_fail,
    what_is_about_one_account_follows_without_a_turn_for_each,
    what_nobody_takes_is_kept_until_somebody_does,
    a_restart_goes_on_where_it_stopped,
    two_servers_on_one_record_send_each_thing_once,
    a_dead_letter_is_seen_told_of_and_replayed,
    deliveries_are_shown_to_who_may_see_them_and_moved_by_who_may
);

const CLOUDEVENT: &str = "application/cloudevents+json";

fn destination(url: String) -> Destination {
    let headers = BTreeMap::from([("X-Own".to_owned(), "a secret".to_owned())]);
    Destination { headers, ..Destination::plain(url, None) }
}

/// A configuration in which what failed is tried again at once.
fn sending(url: &str) -> impl FnOnce(&mut Config) + use<> {
    let destination = destination(url.to_owned());
    move |config| {
        config.destinations.insert("market".to_owned(), destination);
        config.delivery_retry_ms = vec![1, 2, 5];
        config.delivery_attempts_max = 100;
    }
}

/// Posts an event about a subject, which is held back, and returns the decision.
async fn post(server: &Server, id: &str, subject: &str) -> Value {
    let mut event = event("market", id, "hello");
    event["subject"] = json!(subject);
    let answer = server.post("platform", "/v1/events", CLOUDEVENT, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let decision = answer.json();
    assert_eq!(decision["action"], "soft_block", "{decision}");
    decision
}

/// How often the metrics have counted an outcome.
async fn counted(server: &Server, outcome: &str) -> u64 {
    let metrics = server.get("admin", "/metrics").await.text;
    let name =
        format!("picket_delivery_attempts_total{{source=\"market\",outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.map_or(0, |count| count.parse().expect("a count"))
}

/// Whether no two of one subject were under way at once, and each subject's came in this order.
fn assert_in_order(received: &[Received], subjects: &[&str], events: usize) {
    for subject in subjects {
        let own: Vec<_> = received.iter().filter(|one| one.text("subject") == *subject).collect();
        for pair in own.windows(2) {
            assert!(pair[0].answered_at.is_some_and(|answered| answered < pair[1].at), "{pair:#?}");
        }
        let mut ids: Vec<&str> = own.iter().map(|one| one.text("event_id")).collect();
        ids.dedup();
        let expected: Vec<String> = (0..events).map(|n| format!("{subject}-{n}")).collect();
        assert_eq!(ids, expected);
    }
}

async fn an_action_reaches_its_platform_with_all_that_it_needs(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(204)).await;
    let server = Server::start_with(&home, sending(&receiver.url())).await;
    let decision = post(&server, "e-1", "user-17").await;
    let received = receiver.until_count(1).await;
    let one = &received[0];
    let id = format!("{}.message", decision["id"].as_str().unwrap());
    assert_eq!((one.path.as_str(), one.id()), ("/actions", id.as_str()));
    assert_eq!(one.headers["content-type"], "application/json");
    assert_eq!(one.headers["x-own"], "a secret");
    assert!(one.headers["user-agent"].starts_with("picket/"));
    assert_eq!(
        one.body,
        json!({
            "type": "action.soft_block", "timestamp": decision["decided_at"],
            "id": id, "kind": "action", "source": "market", "subject": "user-17",
            "event_id": "e-1", "decision_id": decision["id"],
            "decided_at": decision["decided_at"], "mode": "active", "action": "soft_block",
            "scope": "message", "expires_at": null, "reason": decision["reason"],
            "message": "Held back.", "policy": decision["policy"],
        })
    );
    // The same event again is no second action; what allows and what is only watched is none.
    post(&server, "e-1", "user-17").await;
    server.event("e-2", "silent").await;
    let other = event("other", "e-3", "hello").to_string();
    assert_eq!(server.post("other", "/v1/events", CLOUDEVENT, other).await.status, 200);
    post(&server, "e-4", "user-17").await;
    let received = receiver.until_count(2).await;
    assert_eq!((received.len(), received[1].text("event_id")), (2, "e-4"));
    server.until("both are recorded", async || counted(&server, "delivered").await == 2).await;
    server.app.stop().await;
}

async fn each_subject_has_its_order_however_often_tries_fail(home: Home) {
    // Each comes through at its third try; Bob's never.
    let receiver = Receiver::start(|one| match one.text("subject") {
        "bob" => Does::Answer(500),
        _ if one.before < 2 => Does::Answer(503),
        _ => Does::Answer(200),
    })
    .await;
    let server = Server::start_with(&home, sending(&receiver.url())).await;
    let subjects = ["ann", "cy", "dee"];
    for number in 0..4 {
        for subject in subjects.iter().chain(&["bob"]) {
            post(&server, &format!("{subject}-{number}"), subject).await;
        }
    }
    let done = |received: &[Received]| {
        let done = received.iter().filter(|one| one.before == 2 && one.text("subject") != "bob");
        done.count() == 12
    };
    let received = receiver.until("all but Bob's are delivered", done).await;
    assert_in_order(&received, &subjects, 4);
    let bob: BTreeSet<&str> =
        received.iter().filter(|one| one.text("subject") == "bob").map(Received::id).collect();
    assert_eq!(bob.len(), 1, "the first holds back those behind it");
    // What is sent again is the same to the byte.
    for one in &received {
        let first = received.iter().find(|first| first.id() == one.id()).unwrap();
        assert_eq!(first.bytes, one.bytes);
    }
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_fail_is_one_failed_try() {
    let elsewhere = Receiver::start(|_| Does::Answer(200)).await;
    let ways = [
        (Does::Answer(500), "refused"),
        (Does::Answer(404), "refused"),
        (Does::AskToWait(429, "0"), "refused"),
        (Does::AskToWait(503, "Sun, 06 Nov 1994 08:49:37 GMT"), "refused"),
        (Does::Redirect(elsewhere.url()), "refused"),
        (Does::Hang, "timed_out"),
        (Does::Drip, "timed_out"),
        (Does::Close, "broke_off"),
        (Does::Reset, "broke_off"),
        (Does::CloseMidBody, "broke_off"),
        (Does::Babble, "broke_off"),
        // More than is read of an answer: it was said whole that all is well.
        (Does::Flood, "delivered"),
        (Does::Answer(202), "delivered"),
    ];
    let does: Vec<Does> = ways.iter().map(|(does, _)| does.clone()).collect();
    let receiver = Receiver::start(move |one| {
        let way: usize = one.text("event_id").parse().unwrap();
        if one.before == 0 { does[way].clone() } else { Does::Answer(200) }
    })
    .await;
    let server = Server::start_with(&Home::Sqlite, |config| {
        sending(&receiver.url())(config);
        config.delivery_timeout_ms = 500;
    })
    .await;
    for way in 0..ways.len() {
        post(&server, &way.to_string(), &format!("user-{way}")).await;
    }
    let failing = ways.iter().filter(|(_, outcome)| *outcome != "delivered").count();
    receiver.until_count(ways.len() + failing).await;
    for outcome in ["refused", "timed_out", "broke_off", "delivered"] {
        let failed = ways.iter().filter(|(_, other)| *other == outcome).count();
        let expected = if outcome == "delivered" { ways.len() } else { failed } as u64;
        server
            .until(&format!("{expected} {outcome}"), async || {
                counted(&server, outcome).await == expected
            })
            .await;
    }
    assert_eq!(elsewhere.received().len(), 0, "a redirect is not followed");
    let received = receiver.received();
    assert_eq!(received.len(), ways.len() + failing, "what was delivered is not sent again");
    server.app.stop().await;
}

async fn what_is_about_one_account_follows_without_a_turn_for_each(home: Home) {
    const EVENTS: usize = 100;
    // A server takes turns 50 ms apart at least.
    const A_TURN_EACH: Duration = Duration::from_millis(50 * EVENTS as u64);
    let open = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&open);
    // One in ten fails at first, so that runs end in the middle.
    let receiver = Receiver::start(move |one| match opened.load(Ordering::Relaxed) {
        false => Does::Answer(503),
        true if one.text("event_id").ends_with('7') && one.before == 0 => Does::Answer(500),
        true => Does::Answer(204),
    })
    .await;
    let sending = sending(&receiver.url());
    let server = Server::start_with(&home, |config| {
        sending(config);
        config.delivery_attempts_max = 100_000;
    })
    .await;
    for n in 0..EVENTS {
        post(&server, &format!("ann-{n}"), "ann").await;
    }
    open.store(true, Ordering::Relaxed);
    let took = server
        .until("all are delivered", async || counted(&server, "delivered").await == EVENTS as u64)
        .await;
    assert!(took < A_TURN_EACH, "{took:?}");
    assert_in_order(&receiver.received(), &["ann"], EVENTS);
    server.app.stop().await;
}

async fn what_nobody_takes_is_kept_until_somebody_does(home: Home) {
    let address: SocketAddr = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let server = Server::start_with(&home, sending(&format!("http://{address}/actions"))).await;
    let decision = post(&server, "e-1", "user-17").await;
    server.until("it was tried", async || counted(&server, "unreachable").await >= 2).await;
    let receiver = Receiver::start_at(address, None, |_| Does::Answer(200)).await;
    let received = receiver.until_count(1).await;
    assert_eq!(received[0].text("decision_id"), decision["id"]);
    server.app.stop().await;
}

async fn a_restart_goes_on_where_it_stopped(home: Home) {
    // Of each subject the first is taken and never answered.
    let receiver = Receiver::start(|one| match one.before {
        0 if one.text("event_id").ends_with("-0") => Does::Hang,
        _ => Does::Answer(200),
    })
    .await;
    let server = Server::start_with(&home, sending(&receiver.url())).await;
    let subjects = ["ann", "bob"];
    for number in 0..3 {
        for subject in subjects {
            post(&server, &format!("{subject}-{number}"), subject).await;
        }
    }
    receiver.until_count(2).await;
    let Server { app, dir, .. } = server;
    app.stop().await;
    assert_eq!(receiver.received().len(), 2, "nothing overtakes");
    let server = Server::start_in(&home, dir, sending(&receiver.url())).await;
    let received = receiver.until_count(8).await;
    let ids: Vec<&str> = received[..2].iter().map(Received::id).collect();
    let again = received[2..].iter().filter(|one| ids.contains(&one.id()));
    assert_eq!(again.count(), 2, "the same ids again");
    assert_in_order(&received[2..], &subjects, 3);
    server.app.stop().await;
}

/// Copies a folder as it is now.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("an entry");
        match path.is_dir() {
            true => copy(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).expect("a file")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_a_kill_and_not_recorded_is_sent_again() {
    let receiver = Receiver::start(|one| match one.headers["x-own"].as_str() {
        "killed" => Does::Hang,
        _ => Does::Answer(200),
    })
    .await;
    let named = |name: &'static str| {
        let send = sending(&receiver.url());
        move |config: &mut Config| {
            send(config);
            config.delivery_timeout_ms = 2_000;
            for destination in config.destinations.values_mut() {
                destination.headers.insert("X-Own".to_owned(), name.to_owned());
            }
        }
    };
    let server = Server::start_with(&Home::Sqlite, named("killed")).await;
    let subjects = ["ann", "bob"];
    for number in 0..2 {
        for subject in subjects {
            post(&server, &format!("{subject}-{number}"), subject).await;
        }
    }
    let sent = receiver.until_count(2).await;
    // What a kill at this moment would leave: what was sent is claimed and not ended.
    let left = tempfile::tempdir().unwrap();
    for name in ["data", "detectors", "policies"] {
        copy(&server.path(name), &left.path().join(name));
    }
    let restarted = Server::start_in(&Home::Sqlite, left, named("restarted")).await;
    let again = |received: &[Received]| -> Vec<Received> {
        received.iter().filter(|one| one.headers["x-own"] == "restarted").cloned().collect()
    };
    let received = receiver.until("all come again", |received| again(received).len() == 4).await;
    let again = again(&received);
    for one in &sent {
        assert_eq!(again.iter().filter(|other| other.bytes == one.bytes).count(), 1);
    }
    assert_in_order(&again, &subjects, 2);
    restarted.app.stop().await;
    server.app.stop().await;
}

async fn two_servers_on_one_record_send_each_thing_once(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let one = Server::start_with(&home, sending(&receiver.url())).await;
    let two = one.beside(sending(&receiver.url())).await;
    let subjects = ["ann", "bob", "cy", "dee", "eve"];
    for number in 0..8 {
        for (nth, subject) in subjects.iter().enumerate() {
            let server = if (number + nth) % 2 == 0 { &one } else { &two };
            post(server, &format!("{subject}-{number}"), subject).await;
        }
    }
    let received = receiver.until_count(40).await;
    assert_in_order(&received, &subjects, 8);
    let ids: BTreeSet<&str> = received.iter().map(Received::id).collect();
    assert_eq!((ids.len(), received.len()), (40, 40));
    let both = async || counted(&one, "delivered").await + counted(&two, "delivered").await;
    one.until("all are recorded", async || both().await == 40).await;
    for server in [&one, &two] {
        assert!(counted(server, "delivered").await > 0, "both had a part");
    }
    two.app.stop().await;
    one.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_hangs_holds_up_no_other_destination() {
    let hanging = Receiver::start(|_| Does::Hang).await;
    let good = Receiver::start(|_| Does::Answer(200)).await;
    let server = Server::start_with(&Home::Sqlite, |config| {
        sending(&good.url())(config);
        config.destinations.insert("other".to_owned(), destination(hanging.url()));
        config.delivery_concurrent_max = 4;
    })
    .await;
    let mode = json!({"mode": "active", "why": "a test"});
    let set = server.request("admin", reqwest::Method::PUT, "/v1/sources/other/mode").json(&mode);
    assert_eq!(set.send().await.unwrap().status(), 200);
    for number in 0..20 {
        let mut event = event("other", &format!("o-{number}"), "hello");
        event["subject"] = json!(format!("user-{number}"));
        let answer = server.post("other", "/v1/events", CLOUDEVENT, event.to_string()).await;
        assert_eq!(answer.json()["action"], "soft_block");
    }
    let waiting = hanging.until_count(4).await;
    for number in 0..20 {
        post(&server, &format!("e-{number}"), &format!("user-{number}")).await;
    }
    good.until_count(20).await;
    assert_eq!(hanging.received().len(), waiting.len(), "no more than its share is under way");
    let begun = std::time::Instant::now();
    server.app.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(8), "stopping waits for no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_nobody_vouches_for_is_told_nothing() {
    let (authority, secure) = receiver::vouched_for();
    let start = |secure: receiver::Secure| {
        Receiver::start_at(([127, 0, 0, 1], 0).into(), Some(secure), |_| Does::Answer(200))
    };
    let (good, stranger) = (start(secure).await, start(receiver::vouched_for().1).await);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), authority).unwrap();
    for (receiver, ca_file) in
        [(&good, Some(file.path())), (&stranger, Some(file.path())), (&good, None)]
    {
        let url = receiver.url().replace("http:", "https:");
        let ca_file = ca_file.map(std::path::Path::to_owned);
        let vouched = ca_file.is_some() && receiver.address == good.address;
        let before = receiver.received().len();
        let server = Server::start_with(&Home::Sqlite, |config| {
            sending(&url)(config);
            for destination in config.destinations.values_mut() {
                destination.ca_file.clone_from(&ca_file);
            }
        })
        .await;
        post(&server, "e-1", "user-17").await;
        let outcome = if vouched { "delivered" } else { "unreachable" };
        server.until("it was tried", async || counted(&server, outcome).await >= 1).await;
        assert_eq!(receiver.received().len() - before, usize::from(vouched));
        server.app.stop().await;
    }
}

/// A delivery as the API shows it.
async fn delivery(server: &Server, id: &str) -> Value {
    server.get("admin", &format!("/v1/deliveries/{id}")).await.json()
}

async fn a_dead_letter_is_seen_told_of_and_replayed(home: Home) {
    let good = Arc::new(AtomicBool::new(false));
    let is_good = Arc::clone(&good);
    let receiver = Receiver::start(move |_| match is_good.load(Ordering::SeqCst) {
        true => Does::Answer(200),
        false => Does::Answer(500),
    })
    .await;
    let server = Server::start_with(&home, |config| {
        sending(&receiver.url())(config);
        config.delivery_attempts_max = 3;
    })
    .await;
    let mut ids = Vec::new();
    for number in 0..4 {
        let decision = post(&server, &format!("e-{number}"), "ann").await;
        ids.push(format!("{}.message", decision["id"].as_str().unwrap()));
    }
    let dead = async || {
        let page = server.get("reviewer", "/v1/deliveries?state=dead&source=market").await.json();
        page["deliveries"].as_array().unwrap().len()
    };
    server.until("all are dead", async || dead().await == 4).await;
    let shown = delivery(&server, &ids[0]).await;
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("dead"), &json!(3)));
    let tries = shown["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 3);
    for one in tries {
        assert_eq!((&one["outcome"], &one["status"]), (&json!("refused"), &json!(500)));
        assert_eq!(one["error"], "it answered 500");
    }
    // One alert for all of them, and a number for whoever watches.
    let alerts = server.get("admin", "/v1/alerts").await.json();
    let told: Vec<&Value> = alerts.as_array().unwrap().iter().collect();
    assert_eq!((told.len(), &told[0]["kind"]), (1, &json!("delivery.dead")));
    assert!(told[0]["text"].as_str().unwrap().contains("picket delivery replay --source market"));
    let metrics = server.get("admin", "/metrics").await.text;
    assert!(metrics.contains("picket_deliveries_dead{source=\"market\"} 4\n"), "{metrics}");
    assert!(metrics.contains("picket_deliveries_pending{source=\"market\"} 0\n"), "{metrics}");

    good.store(true, Ordering::SeqCst);
    let why = json!({"why": "the endpoint is back"}).to_string();
    let path = format!("/v1/deliveries/{}/replay", ids[1]);
    let replayed = server.post("admin", &path, "application/json", why.clone()).await;
    assert_eq!((replayed.status, &replayed.json()["state"]), (200, &json!("pending")));
    let state = async |id: &str| delivery(&server, id).await["state"].clone();
    server.until("it is delivered", async || state(&ids[1]).await == "delivered").await;
    let again = server.post("admin", &path, "application/json", why).await;
    assert_eq!((again.status, again.problem().as_str()), (409, "not-dead"));
    let all = json!({"source": "market", "why": "the endpoint is back"}).to_string();
    let replayed = server.post("admin", "/v1/deliveries/replay", "application/json", all).await;
    assert_eq!(replayed.json(), json!({"replayed": 3, "next": null}));
    server.until("all are delivered", async || dead().await == 0).await;
    let received = receiver.until_count(16).await;
    let last: Vec<&str> = received[12..].iter().map(Received::id).collect();
    assert_eq!(last, [&ids[1], &ids[0], &ids[2], &ids[3]]);
    server.app.stop().await;
}

async fn deliveries_are_shown_to_who_may_see_them_and_moved_by_who_may(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(500)).await;
    let server = Server::start_with(&home, |config| {
        sending(&receiver.url())(config);
        config.delivery_attempts_max = 1;
    })
    .await;
    let decision = post(&server, "e-1", "ann").await;
    let id = format!("{}.message", decision["id"].as_str().unwrap());
    let path = format!("/v1/deliveries/{id}");
    let state = async || delivery(&server, &id).await["state"].clone();
    server.until("it is dead", async || state().await == "dead").await;
    for (who, status) in [
        ("platform", 200),
        ("reviewer", 200),
        ("auditor", 200),
        ("bound-admin", 200),
        ("other", 404),
        ("engineer", 403),
    ] {
        assert_eq!(server.get(who, &path).await.status, status, "{who}");
    }
    for (who, status, rows) in [("platform", 200, 1), ("other", 200, 0), ("reviewer", 200, 1)] {
        let page = server.get(who, "/v1/deliveries").await;
        let found = page.json()["deliveries"].as_array().unwrap().len();
        assert_eq!((page.status, found), (status, rows), "{who}");
    }
    assert_eq!(server.get("platform", "/v1/deliveries?source=other").await.status, 403);
    assert_eq!(server.get("admin", "/v1/deliveries?state=lost").await.status, 400);
    assert_eq!(server.get("admin", "/v1/deliveries?after=x").await.status, 400);
    assert_eq!(server.get("admin", "/v1/deliveries/x").await.status, 404);
    let replay = async |who: &str, path: &str, body: Value| {
        server.post(who, path, "application/json", body.to_string()).await.status
    };
    let (one, all) = (format!("{path}/replay"), "/v1/deliveries/replay");
    for who in ["platform", "reviewer", "auditor", "engineer"] {
        assert_eq!(replay(who, &one, json!({"why": "mine"})).await, 403, "{who}");
        assert_eq!(
            replay(who, all, json!({"source": "market", "why": "mine"})).await,
            403,
            "{who}"
        );
    }
    assert_eq!(replay("admin", &one, json!({"why": " "})).await, 422);
    assert_eq!(replay("admin", all, json!({"why": "no source"})).await, 422);
    assert_eq!(
        replay("bound-admin", all, json!({"source": "other", "why": "not mine"})).await,
        403
    );
    assert_eq!(replay("bound-admin", all, json!({"source": "market", "why": "mine"})).await, 200);
    server.app.stop().await;
}

/// The command line against a server.
fn picket(server: &Server, arguments: &[&str]) -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_picket"))
        .args(arguments)
        .env("PICKET_SERVER", format!("http://{}", server.app.address))
        .env("PICKET_KEY", server.key("admin"))
        .output()
        .expect("picket runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).expect("plain text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_and_replays() {
    let receiver = Receiver::start(|_| Does::Answer(500)).await;
    let server = Server::start_with(&Home::Sqlite, |config| {
        sending(&receiver.url())(config);
        config.delivery_attempts_max = 2;
    })
    .await;
    let decision = post(&server, "e-1", "ann").await;
    let id = format!("{}.message", decision["id"].as_str().unwrap());
    let state = async || delivery(&server, &id).await["state"].clone();
    server.until("it is dead", async || state().await == "dead").await;
    let (good, said) = picket(&server, &["delivery", "list", "--state", "dead"]);
    assert!(good && said.contains(&id) && said.contains("soft_block"), "{said}");
    let (good, said) = picket(&server, &["delivery", "show", &id]);
    assert!(good && said.contains("dead at") && said.contains("it answered 500"), "{said}");
    let (good, said) = picket(&server, &["delivery", "replay", &id, "--why", "a test"]);
    assert!(good && said.contains("is pending again"), "{said}");
    server.until("it is dead again", async || state().await == "dead").await;
    let all = ["delivery", "replay", "--source", "market", "--why", "a test", "--json"];
    assert_eq!(picket(&server, &all), (true, "{\"replayed\":1}\n".to_owned()));
    let (good, said) = picket(&server, &["delivery", "show", "x"]);
    assert!(!good && said.contains("there is no delivery `x`"), "{said}");
    server.app.stop().await;
}
