//! What detectors are told beyond the event, on a real server: earlier events, counted to the microsecond and
//! for their own source alone, their texts, and lists; the same again in a replay, and nothing of who was
//! erased.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::process::Command;
use std::time::{Duration, Instant};

use databases::{Home, on_both};
use picket::config::Config;
use picket::model::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use server::{POLICY, Server};

on_both!(threaded:
    what_counts_is_exact_to_the_microsecond,
    a_number_that_was_split_over_three_messages_is_found,
    what_was_told_is_told_again_in_a_replay,
    of_who_was_erased_no_text_is_told_again,
    what_was_before_a_detector_is_counted_too,
    the_lines_of_a_batch_see_those_before_them,
    what_is_not_looked_through_yet_is_asked_of_nobody,
    what_is_not_granted_is_refused_with_the_line_to_write
);

const KNOWN: &str = r#"
[[lists]]
name = "known"
kind = "deny"
field = "data.phone"
entries = [{ value = "5550100", until = "2999-01-01T00:00:00Z" }]
"#;

const HOUR_MICROS: i64 = 3_600 * 1_000_000;
const MINUTE_MICROS: i64 = 60 * 1_000_000;

/// With the detector, unless it comes later; only `market` has a list.
async fn started(home: &Home, with_detector: bool) -> Server {
    started_with(home, with_detector, |_| {}).await
}

async fn started_with(
    home: &Home,
    with_detector: bool,
    change: impl FnOnce(&mut Config),
) -> Server {
    let dir = tempfile::tempdir().unwrap();
    for (source, more) in [("market", KNOWN), ("other", "")] {
        let text = POLICY.replace("NAME", source).replace("requires = [\"probe\"]", "");
        let text = text.replace("\"safety.probe\" = 1.0", "");
        let text = text.replace("\"safety.next\" = 1.0", "\"contact.phone\" = 1.0");
        let text = format!("{text}{more}");
        server::write(&dir.path().join(format!("policies/{source}.toml")), text.as_bytes());
    }
    if with_detector {
        server::write(&dir.path().join("detectors/past.wasm"), fixture::past());
    }
    Server::start_in(home, dir, |config| {
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
        change(config);
    })
    .await
}

/// Some time ago, so that what comes after it has happened, too.
fn begin() -> i64 {
    Timestamp::now().micros() - 3 * HOUR_MICROS
}

struct Sent<'a> {
    source: &'a str,
    id: &'a str,
    subject: &'a str,
    at: i64,
    data: Value,
}

fn message<'a>(id: &'a str, subject: &'a str, at: i64, data: Value) -> Sent<'a> {
    Sent { source: "market", id, subject, at, data }
}

async fn send_to(server: &Server, path: &str, sent: Sent<'_>) -> Value {
    let Sent { source, id, subject, at, data } = sent;
    let mut event = server::event(source, id, "hello");
    event["subject"] = json!(subject);
    event["time"] = json!(Timestamp::from_micros(at));
    for (name, value) in data.as_object().unwrap() {
        event["data"][name] = value.clone();
    }
    let who = match source {
        _ if path.contains("dry_run") => "engineer",
        "market" => "platform",
        _ => "other",
    };
    let kind = "application/cloudevents+json";
    let answer = server.post(who, path, kind, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn send(server: &Server, sent: Sent<'_>) -> Value {
    send_to(server, "/v1/events", sent).await
}

/// What the detector says that it was told.
fn told(decision: &Value) -> String {
    let signals = decision["signals"].as_array().unwrap();
    let told = signals.iter().find(|signal| signal["label"] == "safety.past");
    told.expect("it says so of every event")["reason"].as_str().unwrap().to_owned()
}

fn phone(decision: &Value) -> Option<&Value> {
    decision["signals"].as_array().unwrap().iter().find(|it| it["label"] == "contact.phone")
}

async fn replay(server: &Server, decision: &Value) -> Value {
    let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().unwrap());
    let answer = server.post("auditor", &path, "application/json", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn what_counts_is_exact_to_the_microsecond(home: Home) {
    let server = started(&home, true).await;
    let begin = begin();
    // How long after another event, and whether that is seen.
    let cases =
        [(-1, 0), (0, 1), (1, 1), (HOUR_MICROS - 1, 1), (HOUR_MICROS, 0), (HOUR_MICROS + 1, 0)];
    for (number, (later, count)) in cases.into_iter().enumerate() {
        let subject = format!("edge-{number}");
        let first = format!("{subject}-first");
        let seen = told(&send(&server, message(&first, &subject, begin, json!({}))).await);
        assert!(seen.contains(" count 0 "), "an event does not see itself: {seen}");
        let second = message(&subject, &subject, begin + later, json!({}));
        let seen = told(&send(&server, second).await);
        assert!(seen.contains(&format!(" count {count} ")), "{later} later: {seen}");
    }
    let [one, two, three] = [0, 1, 2].map(|number| begin + number * MINUTE_MICROS);
    let data = |amount: f64, to: &str| json!({"amount": amount, "to": to});
    send(&server, message("v-1", "v", one, data(1.5, "x"))).await;
    send(&server, message("v-2", "v", two, data(2.5, "y"))).await;
    // Of another account, to the same recipient.
    send(&server, message("w-1", "w", two, data(4.0, "x"))).await;
    let third = send(&server, message("v-3", "v", three, data(8.0, "x"))).await;
    let (first, last) = (one / 1_000, two / 1_000);
    assert_eq!(
        told(&third),
        format!(
            "known false count 2 sum 4 mean 2 distinct 2 senders 2 first {first} last {last} recent 0"
        )
    );
    // Another source has another past, and its policy has no such list.
    let elsewhere = Sent { source: "other", ..message("v-3", "v", three, data(8.0, "x")) };
    assert_eq!(
        told(&send(&server, elsewhere).await),
        "known none count 0 sum 0 mean none distinct 0 senders 0 first none last none recent 0"
    );
    // Without a recipient nothing is said of one; on the list it is.
    let without = message("v-4", "v", three + 1, json!({"phone": "5550100"}));
    let without = told(&send(&server, without).await);
    assert!(
        without.starts_with("known true count 3 sum 12 mean 4 distinct 2 senders none"),
        "{without}"
    );
    server.app.stop().await;
}

/// Three messages in a thread, of which the last completes a number.
async fn split(server: &Server, begin: i64, subjects: [&str; 3]) -> [Value; 3] {
    let mut decisions = Vec::new();
    for (number, content) in ["it is 206", "then 555", "0142"].into_iter().enumerate() {
        let id = format!("part-{number}");
        let data = json!({"content": content, "thread": "t-1"});
        let at = begin + number as i64 * MINUTE_MICROS;
        decisions.push(send(server, message(&id, subjects[number], at, data)).await);
    }
    decisions.try_into().unwrap()
}

async fn a_number_that_was_split_over_three_messages_is_found(home: Home) {
    let server = started(&home, true).await;
    let begin = begin();
    let [first, second, third] = split(&server, begin, ["u", "u", "u"]).await;
    assert!(phone(&first).is_none() && phone(&second).is_none());
    let signal = phone(&third).expect("it is joined");
    let events: Vec<&Value> =
        signal["spans"].as_array().unwrap().iter().map(|span| &span["event_id"]).collect();
    assert_eq!(events, [&json!("part-0"), &json!("part-1"), &Value::Null]);
    assert_eq!(signal["spans"][1]["field"], "data.content");
    assert_eq!(signal["reason"], "a number in parts, the last in \"•••\"");
    // What is tried is told the same, and counts for nobody.
    for _ in 0..2 {
        let data = json!({"content": "so?", "thread": "t-1"});
        let tried = message("tried", "u", begin + 3 * MINUTE_MICROS, data);
        let tried = told(&send_to(&server, "/v1/events?dry_run=true", tried).await);
        assert!(tried.contains(" count 3 ") && tried.ends_with(" recent 3"), "{tried}");
    }
    server.app.stop().await;
}

async fn what_was_told_is_told_again_in_a_replay(home: Home) {
    let server = started(&home, true).await;
    let begin = begin();
    let mut decisions = Vec::from(split(&server, begin, ["u", "u", "u"]).await);
    let server = server.again(async |_| {}).await;
    let data = json!({"content": "well?", "thread": "t-1", "phone": "5550100"});
    let after = send(&server, message("after", "u", begin + 5 * MINUTE_MICROS, data)).await;
    let said = told(&after);
    assert!(said.starts_with("known true count 3 ") && said.ends_with(" recent 3"), "{said}");
    decisions.push(after);
    for decision in &decisions {
        let replay = replay(&server, decision).await;
        assert_eq!(
            (&replay["result"], &replay["ran"]),
            (&json!("identical"), &json!(1)),
            "{replay}"
        );
    }
    // Nor does it need a record.
    let path = format!("/v1/decisions/{}/capsule", decisions[2]["id"].as_str().unwrap());
    let capsule = server.request("auditor", Method::GET, &path).send().await.unwrap();
    assert_eq!(capsule.status(), 200);
    let file = server.path("split.capsule");
    std::fs::write(&file, capsule.bytes().await.unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.current_dir(server.dir.path()).arg("replay").arg(&file);
    let (good, said) = server.run("auditor", command).await;
    assert!(good && said.contains("identical"), "{said}");
    server.app.stop().await;
}

async fn of_who_was_erased_no_text_is_told_again(home: Home) {
    let server = started(&home, true).await;
    let begin = begin();
    let to = json!({"to": "recipient"});
    send(&server, message("gone-to", "gone", begin, to.clone())).await;
    let [_, _, third] = split(&server, begin, ["gone", "stays", "stays"]).await;
    // What one account wrote is in no decision about another, so none has to be changed.
    assert!(phone(&third).is_none() && told(&third).ends_with(" recent 1"), "{third}");
    assert!(!third.to_string().contains("part-0"), "{third}");
    assert_eq!(replay(&server, &third).await["result"], "identical");
    let path = "/v1/subjects/market/gone/erase";
    let why = json!({"why": "asked for"}).to_string();
    let erased = server.post("admin", path, "application/json", why).await;
    assert_eq!(erased.status, 200, "{}", erased.text);

    assert_eq!(replay(&server, &third).await["result"], "identical");
    let data = json!({"content": "so?", "thread": "t-1", "to": "recipient"});
    let after = send(&server, message("after", "stays", begin + 5 * MINUTE_MICROS, data)).await;
    let said = told(&after);
    // That somebody wrote to this recipient stays, and the text does not.
    assert!(said.contains(" senders 1 ") && said.ends_with(" recent 2"), "{said}");
    // Whoever comes back begins anew.
    let back = message("back", "gone", begin + 6 * MINUTE_MICROS, to);
    let back = told(&send(&server, back).await);
    assert!(back.contains(" count 0 ") && back.contains(" senders 2 "), "{back}");
    server.app.stop().await;
}

async fn what_was_before_a_detector_is_counted_too(home: Home) {
    let server = started(&home, false).await;
    let begin = begin();
    split(&server, begin, ["u", "u", "u"]).await;
    server::write(&server.path("detectors/past.wasm"), fixture::past());
    server.app.registry.scan().await.unwrap();
    let data = || json!({"content": "so?", "thread": "t-1"});
    let all = || async {
        let tried = message("tried", "u", begin + 5 * MINUTE_MICROS, data());
        let said = told(&send_to(&server, "/v1/events?dry_run=true", tried).await);
        said.contains(" count 3 ") && said.ends_with(" recent 3")
    };
    server.until("what was before is counted", all).await;
    let shown = || async {
        let metrics = server.get("auditor", "/metrics").await.text;
        metrics.contains(
            "picket_feature_filled{source=\"market\",feature=\"count by subject over 3600 s of message.*\"} 1.0",
        )
    };
    server.until("it is shown to be complete", shown).await;
    // Nothing is counted twice, and a restart changes nothing.
    let server = server.again(async |_| {}).await;
    let after = send(&server, message("after", "u", begin + 5 * MINUTE_MICROS, data())).await;
    let said = told(&after);
    assert!(said.contains(" count 3 ") && said.ends_with(" recent 3"), "{said}");
    server.app.stop().await;
}

async fn the_lines_of_a_batch_see_those_before_them(home: Home) {
    let server = started(&home, true).await;
    let begin = begin();
    let lines = (0..90).map(|number: i64| {
        let subject = ["u", "v", "w"][number as usize % 3];
        let mut event = server::event("market", &format!("line-{number}"), "hello");
        event["subject"] = json!(subject);
        event["time"] = json!(Timestamp::from_micros(begin + number * 1_000));
        event.to_string()
    });
    let body = lines.collect::<Vec<_>>().join("\n");
    let kind = "application/x-ndjson";
    let answer = server.post("platform", "/v1/events/batch", kind, body).await;
    let decisions: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(decisions.len(), 90, "{}", answer.text);
    for (number, decision) in decisions.iter().enumerate() {
        let said = told(decision);
        assert!(said.contains(&format!(" count {} ", number / 3)), "{number}: {said}");
    }
    server.app.stop().await;
}

/// A record that lies far behind is no reason to say that nothing happened.
async fn what_is_not_looked_through_yet_is_asked_of_nobody(home: Home) {
    let server = started_with(&home, false, |config| config.event_deadline_ms = 100).await;
    let begin = begin();
    let before = begin;
    let lines: Vec<String> = (0..1_500)
        .map(|number: i64| {
            let mut event = server::event("market", &format!("line-{number}"), "hello");
            event["time"] = json!(Timestamp::from_micros(before + number));
            event.to_string()
        })
        .collect();
    for lines in lines.chunks(500) {
        let kind = "application/x-ndjson";
        let answer = server.post("platform", "/v1/events/batch", kind, lines.join("\n")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    server::write(&server.path("detectors/past.wasm"), fixture::past());
    server.app.registry.scan().await.unwrap();
    let (mut skipped, mut number, begun) = (0, 0, Instant::now());
    let count = loop {
        number += 1;
        let id = format!("after-{number}");
        let mut event = server::event("market", &id, "hello");
        event["time"] = json!(Timestamp::from_micros(begin + MINUTE_MICROS));
        let decision = server
            .post("platform", "/v1/events", "application/cloudevents+json", event.to_string())
            .await
            .json();
        let finding = decision["findings"].as_array().unwrap();
        let finding = finding.iter().find(|it| it["detector"] == "past").unwrap();
        if finding["outcome"] == "ok" {
            break told(&decision);
        }
        assert_eq!(finding["outcome"], "skipped", "{finding}");
        assert_eq!(decision["degraded"], true, "{decision}");
        if skipped == 0 {
            let why = finding["error"].as_str().unwrap();
            assert!(why.contains("is not looked through yet"), "{why}");
            assert_eq!(replay(&server, &decision).await["result"], "identical");
        }
        skipped += 1;
        assert!(begun.elapsed() < Duration::from_secs(60), "it is looked through in the end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(skipped > 0, "so much is not looked through in a tenth of a second");
    let seen = 1_500 + skipped;
    assert!(count.contains(&format!(" count {seen} ")), "{seen}: {count}");
    // Nothing that the detector did, so it stands as before.
    let versions = server.get("engineer", "/v1/detectors/past").await.json();
    assert_eq!(versions["deployments"][0]["stage"], "active", "{versions}");
    server.app.stop().await;
}

async fn what_is_not_granted_is_refused_with_the_line_to_write(home: Home) {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    server::write(&dir.path().join("detectors/past.wasm"), fixture::past());
    let server = Server::start_in(&home, dir, |config| {
        config.detectors = toml::from_str("[past]\nfeatures = ['count *', 'sum *']").unwrap();
    })
    .await;
    let catalogue = server.get("engineer", "/v1/detectors").await.text;
    let line = "add \\\"mean data.amount by subject\\\" to `features` under [detectors.past]";
    assert!(catalogue.contains(line), "{catalogue}");
    server.app.stop().await;
}
