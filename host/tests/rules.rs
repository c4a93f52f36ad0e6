//! Rules that ask about the past on a real server: features of the policy, how the account stood, and how many
//! accounts had what a signal carries; the same again in a replay, each source for itself, and nothing of who
//! was erased.
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
    a_policy_counts_what_was_before,
    how_an_account_stood_is_known,
    what_several_accounts_had_is_found_within_one_source,
    an_alert_is_raised_once_for_its_rule_and_source,
    what_rules_were_told_is_told_again_in_a_replay,
    of_who_is_erased_no_account_is_left,
    what_was_before_a_rule_is_counted_too,
    the_lines_of_a_batch_see_the_strikes_before_them,
    what_is_not_looked_through_yet_is_no_answer,
    what_one_version_alone_carried_is_due_to_it
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
    started_with(home, rules, |_| {}).await
}

async fn started_with(home: &Home, rules: &str, change: impl FnOnce(&mut Config)) -> Server {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    for source in ["market", "other"] {
        let text = format!("{}{rules}", POLICY.replace("NAME", source));
        server::write(&dir.path().join(format!("policies/{source}.toml")), text.as_bytes());
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
    let mut raised: Vec<(&str, &str)> = alerts
        .as_array()
        .unwrap()
        .iter()
        .filter(|alert| alert["kind"] == "rule.alert")
        .map(|alert| (alert["source"].as_str().unwrap(), alert["object"].as_str().unwrap()))
        .collect();
    raised.sort_unstable();
    assert_eq!(raised, [("market", "shared-phone"), ("other", "shared-phone")], "{alerts}");
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
    let tried = || async {
        let mut event = server::event("market", "tried", PHONE);
        event["subject"] = json!("c");
        event["time"] = json!(Timestamp::from_micros(begin + 2));
        let (path, kind) = ("/v1/events?dry_run=true", "application/cloudevents+json");
        let answer = server.post("platform", path, kind, event.to_string()).await;
        tags(&answer.json()) == ["shared"]
    };
    server.until("what was before is counted", tried).await;
    assert_eq!(tags(&said(&server, "third", "c", begin + 2, PHONE).await), ["shared"]);
    server.app.stop().await;
}

async fn the_lines_of_a_batch_see_the_strikes_before_them(home: Home) {
    let rule = "[[rules]]\nname = \"struck\"\nwhen = 'subject.strikes >= 1'\ntag = \"struck\"\n";
    let strikes = COUNTED.split_once("[[features]]").unwrap().0;
    let server = started(&home, &format!("{strikes}{rule}")).await;
    let begin = begin();
    let lines: Vec<String> = (0..30)
        .map(|number: i64| {
            let mut event = server::event("market", &format!("line-{number}"), "hello");
            event["subject"] = json!(["u", "v", "w"][number as usize % 3]);
            event["time"] = json!(Timestamp::from_micros(begin + number));
            event.to_string()
        })
        .collect();
    let decisions = batch(&server, &lines).await;
    for (number, decision) in decisions.iter().enumerate() {
        assert_eq!(tags(decision).len(), usize::from(number >= 3), "{number}: {decision}");
    }
    server.app.stop().await;
}

async fn batch(server: &Server, lines: &[String]) -> Vec<Value> {
    let kind = "application/x-ndjson";
    let answer = server.post("platform", "/v1/events/batch", kind, lines.join("\n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A record that lies far behind is no reason to take an account for one without a past.
async fn what_is_not_looked_through_yet_is_no_answer(home: Home) {
    let server = started_with(&home, "", |config| config.event_deadline_ms = 100).await;
    let begin = begin();
    let lines: Vec<String> = (0..1_500)
        .map(|number: i64| {
            let mut event = server::event("market", &format!("line-{number}"), PHONE);
            event["time"] = json!(Timestamp::from_micros(begin + number));
            event.to_string()
        })
        .collect();
    for lines in lines.chunks(500) {
        batch(&server, lines).await;
    }
    let asks = r#"
[[features]]
name = "messages_1d"
function = "count"
by = "subject"
window_s = 86400
[[rules]]
name = "new"
when = "!has(features.messages_1d) || features.messages_1d < 1500"
tag = "new"
[[rules]]
name = "alone"
when = 'accounts("safety.probe", 30) < 2'
tag = "alone"
"#;
    let text = format!("{}{asks}", POLICY.replace("NAME", "market"));
    server::write(&server.path("policies/market.toml"), text.as_bytes());
    server.app.registry.scan().await.unwrap();
    let (mut unknown, begun) = (0, Instant::now());
    let decision = loop {
        let id = format!("after-{unknown}");
        let at = begin + HOUR_MICROS + unknown;
        let decision = said(&server, &id, "user-17", at, PHONE).await;
        if decision["degraded"] == false {
            break decision;
        }
        assert!(!tags(&decision).contains(&"new") && decision["review"] == true, "{decision}");
        if unknown == 0 {
            let reason = decision["reason"].as_str().unwrap();
            for rule in ["new (`count by subject", "alone (`distinct subject by entities"] {
                assert!(reason.contains(&format!("the rule {rule}")), "{reason}");
            }
            assert!(reason.contains("is not looked through yet"), "{reason}");
            assert_eq!(replay(&server, &decision).await["result"], "identical");
        }
        unknown += 1;
        assert!(begun.elapsed() < Duration::from_secs(60), "it is looked through in the end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(unknown > 0, "so much is not looked through in a tenth of a second");
    assert_eq!(tags(&decision), ["alone"], "none is missing, and only this one had it");
    assert_eq!(replay(&server, &decision).await["result"], "identical");
    server.app.stop().await;
}

/// The rule asks for nothing by what the version found, but by what that carried.
async fn what_one_version_alone_carried_is_due_to_it(home: Home) {
    let shared = r#"
[[rules]]
name = "shared"
when = 'accounts("safety.probe", 30) >= 2'
action = "cooldown"
scope = "account"
for_h = 24
"#;
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    let text =
        POLICY.replace("NAME", "market").replace("safety.probe\" = 1.0", "safety.probe\" = 0.1");
    let text = format!("{text}{shared}");
    server::write(&dir.path().join("policies/market.toml"), text.as_bytes());
    let server = Server::start_in(&home, dir, |_| {}).await;
    let now = Timestamp::now().micros();
    assert_eq!(said(&server, "e-1", "a", now, PHONE).await["action"], "allow");
    assert_eq!(said(&server, "e-2", "b", now, PHONE).await["action"], "cooldown");
    let wrong = json!({
        "source": "market", "cause": {"kind": "detector", "name": "probe", "version": "1.0.0"},
        "since": Timestamp::from_micros(now - HOUR_MICROS),
    });
    let path = "/v1/reversals/preview";
    let answer = server.post("engineer", path, "application/json", wrong.to_string()).await.json();
    assert_eq!((&answer["overturned"], &answer["unclear"]), (&json!(1), &json!(0)), "{answer}");
    server.app.stop().await;
}
