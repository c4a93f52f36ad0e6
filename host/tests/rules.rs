//! Rules that ask about the past on a real server: features of the policy, how the account stood, and how many
//! accounts had what a signal carries; the same again in a replay, each source for itself, and nothing of who
//! was erased.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::process::Command;

use databases::{Home, on_both};
use picket::model::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use server::{POLICY, Server};

on_both!(threaded:
    a_policy_counts_what_was_before,
    how_an_account_stood_is_known,
    what_several_accounts_had_is_found_within_one_source,
    an_alert_is_raised_once_for_its_rule_and_source,
    what_rules_were_told_is_told_again_in_a_replay,
    of_who_is_erased_no_account_is_left,
    what_was_before_a_rule_is_counted_too
);

const COUNTED: &str = r#"
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "cooldown"
for_h = 24
[[features]]
name = "messages_1h"
function = "count"
by = "subject"
window_s = 3600
[[features]]
name = "mean_amount"
function = "mean"
of = "data.amount"
by = "subject"
window_s = 3600
[[rules]]
name = "busy"
when = "features.messages_1h >= 2"
tag = "busy"
[[rules]]
name = "large"
when = "has(features.mean_amount) && features.mean_amount > 100.5"
tag = "large"
[[rules]]
name = "struck"
when = '!degraded && subject.strikes >= 1 && "cooldown" in subject.restrictions'
tag = "struck"
[[rules]]
name = "risky"
when = 'subject.score > 0.4 && subject.tier == "high" && subject.trust < 0.5'
tag = "risky"
"#;

const MET: &str = r#"
[[rules]]
name = "shared"
when = 'accounts("safety.probe", 30) >= 3'
tag = "shared"
alert = "shared-phone"
"#;

const CLEAN: &str = "silent";
/// What the probe finds a telephone number in.
const PHONE: &str = "entity";
const HOUR_MICROS: i64 = 3_600 * 1_000_000;

async fn started(home: &Home, rules: &str) -> Server {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    for source in ["market", "other"] {
        let text = format!("{}{rules}", POLICY.replace("NAME", source));
        server::write(&dir.path().join(format!("policies/{source}.toml")), text.as_bytes());
    }
    Server::start_in(home, dir, |config| {
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
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
    text: &'a str,
}

async fn send(server: &Server, sent: Sent<'_>) -> Value {
    let Sent { source, id, subject, at, text } = sent;
    let mut event = server::event(source, id, text);
    event["subject"] = json!(subject);
    event["time"] = json!(Timestamp::from_micros(at));
    event["data"]["amount"] = json!(201);
    let who = if source == "market" { "platform" } else { "other" };
    let kind = "application/cloudevents+json";
    let answer = server.post(who, "/v1/events", kind, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn said(server: &Server, id: &str, subject: &str, at: i64, text: &str) -> Value {
    send(server, Sent { source: "market", id, subject, at, text }).await
}

fn tags(decision: &Value) -> Vec<&str> {
    let tags = decision["tags"].as_array();
    tags.into_iter().flatten().map(|tag| tag.as_str().unwrap()).collect()
}

async fn replay(server: &Server, decision: &Value) -> Value {
    let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().unwrap());
    let answer = server.post("auditor", &path, "application/json", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn a_policy_counts_what_was_before(home: Home) {
    let server = started(&home, COUNTED).await;
    let begin = begin();
    let first = said(&server, "e-1", "u", begin, CLEAN).await;
    assert_eq!((tags(&first), &first["degraded"]), (vec![], &json!(false)), "{first}");
    let second = said(&server, "e-2", "u", begin + 1, CLEAN).await;
    assert_eq!(tags(&second), ["large"]);
    assert_eq!(tags(&said(&server, "e-3", "u", begin + 2, CLEAN).await), ["busy", "large"]);
    assert_eq!(tags(&said(&server, "e-4", "v", begin + 3, CLEAN).await), [""; 0]);
    // To the microsecond: two are left within the hour, then one.
    let later = begin + HOUR_MICROS;
    assert_eq!(tags(&said(&server, "e-5", "u", later, CLEAN).await), ["busy", "large"]);
    assert_eq!(tags(&said(&server, "e-6", "w", later, CLEAN).await), [""; 0]);
    let elsewhere = Sent { source: "other", id: "e-1", subject: "u", at: later, text: CLEAN };
    assert_eq!(tags(&send(&server, elsewhere).await), [""; 0], "another source has another past");
    server.app.stop().await;
}

async fn how_an_account_stood_is_known(home: Home) {
    let server = started(&home, COUNTED).await;
    let at = Timestamp::now().micros() - HOUR_MICROS;
    assert_eq!(tags(&said(&server, "e-1", "u", at, "hello").await), [""; 0]);
    let second = said(&server, "e-2", "u", at + 1, CLEAN).await;
    assert_eq!(tags(&second), ["large", "risky", "struck"]);
    assert_eq!(tags(&said(&server, "e-3", "v", at + 1, CLEAN).await), [""; 0]);
    // What comes late is judged as of when it happened.
    let late = said(&server, "e-4", "u", at - 1, CLEAN).await;
    assert!(!tags(&late).contains(&"struck"), "{late}");
    assert_eq!(replay(&server, &second).await["result"], "identical");
    server.app.stop().await;
}

async fn what_several_accounts_had_is_found_within_one_source(home: Home) {
    let server = started(&home, MET).await;
    let begin = begin();
    // So long ago, it does not count.
    let month = 30 * 24 * HOUR_MICROS;
    said(&server, "old", "old", begin - month, PHONE).await;
    for (number, subject) in ["a", "a", "b"].into_iter().enumerate() {
        let id = format!("e-{number}");
        let decision = said(&server, &id, subject, begin + number as i64, PHONE).await;
        assert_eq!(tags(&decision), [""; 0], "{decision}");
    }
    // The third of another source is the first there.
    let elsewhere = Sent { source: "other", id: "e", subject: "c", at: begin + 5, text: PHONE };
    assert_eq!(tags(&send(&server, elsewhere).await), [""; 0]);
    assert_eq!(tags(&said(&server, "without", "c", begin + 5, "hello").await), [""; 0]);
    let third = said(&server, "third", "c", begin + 6, PHONE).await;
    assert_eq!((tags(&third), &third["alerts"]), (vec!["shared"], &json!(["shared-phone"])));
    // One who was there already is one of the three as well.
    assert_eq!(tags(&said(&server, "again", "a", begin + 7, PHONE).await), ["shared"]);
    server.app.stop().await;
}

async fn an_alert_is_raised_once_for_its_rule_and_source(home: Home) {
    let rules = MET.replace(">= 3", ">= 1");
    let server = started(&home, &rules).await;
    let begin = begin();
    for (number, source) in ["market", "market", "other"].into_iter().enumerate() {
        let id = format!("e-{number}");
        let sent = Sent { source, id: &id, subject: "a", at: begin, text: PHONE };
        assert_eq!(send(&server, sent).await["alerts"], json!(["shared-phone"]));
    }
    let alerts = server.get("auditor", "/v1/alerts").await.json();
    let mut objects: Vec<&str> = alerts
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["kind"] == "rule.alert")
        .map(|alert| alert["object"].as_str().unwrap())
        .collect();
    objects.sort_unstable();
    assert_eq!(objects, ["market: shared-phone", "other: shared-phone"], "{alerts}");
    server.app.stop().await;
}

async fn what_rules_were_told_is_told_again_in_a_replay(home: Home) {
    let server = started(&home, &format!("{COUNTED}{MET}")).await;
    let begin = begin();
    let mut decisions = Vec::new();
    for (number, subject) in ["a", "b", "c", "c", "c"].into_iter().enumerate() {
        let id = format!("e-{number}");
        decisions.push(said(&server, &id, subject, begin + number as i64, PHONE).await);
    }
    assert_eq!(tags(&decisions[4]), ["busy", "large", "risky", "shared", "struck"]);
    for decision in &decisions {
        let replay = replay(&server, decision).await;
        assert_eq!(replay["result"], "identical", "{replay}");
    }
    // Nor does it need a record.
    let path = format!("/v1/decisions/{}/capsule", decisions[4]["id"].as_str().unwrap());
    let capsule = server.request("auditor", Method::GET, &path).send().await.unwrap();
    let file = server.path("rules.capsule");
    std::fs::write(&file, capsule.bytes().await.unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command.current_dir(server.dir.path()).arg("replay").arg(&file);
    let (good, said) = server.run("auditor", command).await;
    assert!(good && said.contains("identical"), "{said}");
    server.app.stop().await;
}

async fn of_who_is_erased_no_account_is_left(home: Home) {
    let server = started(&home, MET).await;
    let begin = begin();
    said(&server, "e-1", "gone", begin, PHONE).await;
    said(&server, "e-2", "stays", begin + 1, PHONE).await;
    let path = "/v1/subjects/market/gone/erase";
    let why = json!({"why": "asked for"}).to_string();
    let erased = server.post("admin", path, "application/json", why).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    assert_eq!(tags(&said(&server, "e-3", "new", begin + 2, PHONE).await), [""; 0]);
    assert_eq!(tags(&said(&server, "e-4", "newer", begin + 3, PHONE).await), ["shared"]);
    server.app.stop().await;
}

async fn what_was_before_a_rule_is_counted_too(home: Home) {
    let server = started(&home, "").await;
    let begin = begin();
    for (number, subject) in ["a", "b"].into_iter().enumerate() {
        said(&server, &format!("e-{number}"), subject, begin + number as i64, PHONE).await;
    }
    let text = format!("{}{MET}", POLICY.replace("NAME", "market"));
    server::write(&server.path("policies/market.toml"), text.as_bytes());
    server.app.registry.scan().await.unwrap();
    let filled = || async {
        let metrics = server.get("auditor", "/metrics").await.text;
        let name = "distinct subject by entities.safety.probe over 2592000 s";
        metrics.contains(&format!("picket_feature_filled{{feature=\"{name}\"}} 1.0"))
    };
    server.until("what was before is counted", filled).await;
    assert_eq!(tags(&said(&server, "third", "c", begin + 2, PHONE).await), ["shared"]);
    server.app.stop().await;
}
