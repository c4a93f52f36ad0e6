//! What rules and detectors are told of the past in a simulation is what they would have been told then: on the
//! record of a server, and on a file of the same events, where nothing is recorded.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;
mod simulation;

use databases::{Home, on_both};
use picket::model::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use server::{POLICY, Server};
use simulation::{LONG_AGO, STRIKES, err, run, started};

on_both!(threaded:
    what_was_decided_comes_out_again_with_all_that_rules_ask,
    what_is_not_recorded_follows_from_the_events_before,
    the_candidates_own_strikes_are_what_its_rules_are_told,
    a_candidate_detector_is_told_of_the_past,
    what_begins_later_begins_when_it_did
);

/// WINDOW is an hour, in seconds, and DAYS are 30.
const ASKS: &str = r#"
[[features]]
name = "messages_1h"
function = "count"
by = "subject"
window_s = WINDOW
events = ["message.*"]
[[features]]
name = "mean_amount"
function = "mean"
of = "data.amount"
by = "subject"
window_s = WINDOW
[[features]]
name = "logins_1h"
function = "count"
by = "subject"
window_s = WINDOW
events = ["login.*"]
[[features]]
name = "writers"
function = "distinct"
of = "subject"
by = "data.thread"
window_s = WINDOW
[[features]]
name = "last"
function = "last_seen"
by = "subject"
window_s = WINDOW
[[rules]]
name = "busy"
when = "features.messages_1h >= 3"
action = "nudge"
[[rules]]
name = "large"
when = "has(features.mean_amount) && features.mean_amount > 100.5"
case = "large"
[[rules]]
name = "logins"
when = "has(features.logins_1h) && features.logins_1h >= 2"
floor = "high"
[[rules]]
name = "crowd"
when = "has(features.writers) && features.writers >= 2"
case = "crowd"
[[rules]]
name = "first"
when = "!has(features.last)"
tag = "first"
[[rules]]
name = "struck"
when = "subject.strikes >= 2"
action = "hard_block"
[[rules]]
name = "limited"
when = '"cooldown" in subject.restrictions'
review = true
[[rules]]
name = "risky"
when = 'subject.score > 0.4 && subject.trust < 0.04'
tag = "risky"
[[rules]]
name = "trusted"
when = 'subject.trust >= 0.2 && subject.tier == "low"'
tag = "trusted"
[[rules]]
name = "shared"
when = 'accounts("safety.probe", DAYS) >= 3'
case = "shared"
"#;

const RULES: [&str; 10] = [
    "busy", "crowd", "first", "large", "limited", "logins", "risky", "shared", "struck", "trusted",
];
const CLEAN: &str = "silent";
const VIOLATION: &str = "hello";
const PHONE: &str = "entity";
const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn policy(window_s: u32, days: u32) -> String {
    let asks = ASKS.replace("WINDOW", &window_s.to_string()).replace("DAYS", &days.to_string());
    format!("{}{STRIKES}{asks}", POLICY.replace("NAME", "market"))
}

fn message(id: &str, subject: &str, at: i64, text: &str) -> Value {
    let mut event = server::event("market", id, text);
    event["subject"] = json!(subject);
    event["time"] = json!(Timestamp::from_micros(at));
    event
}

async fn decide(server: &Server, event: &Value) -> Value {
    let kind = "application/cloudevents+json";
    let answer = server.post("platform", "/v1/events", kind, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Events in the order in which they come: strikes of thirty days to the microsecond, many of an account within an
/// hour, others of types that no policy judges, late ones, and some about which several accounts meet.
fn stream(now: i64) -> Vec<Value> {
    let mut events = Vec::new();
    let mut send = |subject: &str, at: i64, text: &str, data: Value| {
        let mut event = message(&format!("e-{}", events.len()), subject, at, text);
        for (name, value) in data.as_object().unwrap() {
            event["data"][name] = value.clone();
        }
        events.push(event);
    };
    let first = now - 30 * DAY - 10 * MINUTE;
    for (subject, later) in [("a", -1), ("b", 0), ("c", 1)] {
        send(subject, first, VIOLATION, json!({}));
        send(subject, first + 30 * DAY + later, VIOLATION, json!({}));
    }
    let begin = now - 150 * MINUTE;
    for number in 0..8 {
        send("busy", begin + number * MINUTE, CLEAN, json!({"amount": 50 * number}));
    }
    send("busy", begin + 2 * MINUTE + 1, CLEAN, json!({"amount": 900, "thread": "t"}));
    for (number, subject) in ["p", "q", "p", "r", "s"].into_iter().enumerate() {
        let at = begin + number as i64;
        send(subject, at, PHONE, json!({"thread": if subject == "s" { "u" } else { "t" }}));
    }
    for number in 0..5 {
        send("worse", begin + number * 20 * MINUTE, VIOLATION, json!({}));
        send("worse", begin + number * 20 * MINUTE + 1, CLEAN, json!({}));
    }
    send("worse", begin + 20 * MINUTE, CLEAN, json!({}));
    events
}

/// Of which a policy judges nothing.
fn logins(now: i64) -> Vec<Value> {
    let login = |number: i64| {
        let mut event = message(&format!("l-{number}"), "in", now - (9 - number) * MINUTE, "");
        event["type"] = json!("login.failed");
        event
    };
    vec![login(0), login(1), message("in", "in", now - MINUTE, CLEAN)]
}

async fn simulated(server: &Server, args: &[&str]) -> Value {
    let output = run(server, args).await;
    assert!(output.status.success(), "{}", err(&output));
    assert!(!err(&output).contains("could not be read"), "{}", err(&output));
    let json = std::fs::read_to_string(server.path("simulation/report.json")).unwrap();
    serde_json::from_str::<Value>(&json).unwrap()["result"].clone()
}

/// Nothing differs: no action, tier, score, strike, case or person, and no rule.
#[track_caller]
fn is_the_same(result: &Value) {
    let flips = &result["flips"];
    for kind in ["stricter", "milder", "retiered", "rescored"] {
        assert_eq!(flips[kind], 0, "{kind}: {flips:#}");
    }
    assert_eq!(result["before"], result["after"]);
    for line in result["rules"].as_array().unwrap() {
        assert_eq!(line["before"], line["after"], "{line}");
    }
}

fn fired(result: &Value) -> Vec<&str> {
    let rules = result["rules"].as_array().unwrap().iter();
    rules.map(|line| line["rule"].as_str().unwrap()).collect()
}

fn sum(result: &Value, from: &str) -> u64 {
    let lines = result["told"].as_array().unwrap().iter();
    lines.map(|line| line[from].as_u64().unwrap()).sum()
}

async fn what_was_decided_comes_out_again_with_all_that_rules_ask(home: Home) {
    let server = started(&home, &policy(3_600, 30)).await;
    let (now, mut wrong) = (Timestamp::now().micros(), Value::Null);
    for event in stream(now) {
        let decision = decide(&server, &event).await;
        if event["subject"] == "worse" && decision["strike"]["number"] == 3 {
            wrong = decision;
        }
    }
    let path = format!("/v1/decisions/{}/ruling", wrong["id"].as_str().unwrap());
    let body = json!({"ruling": "overturned", "why": "looked at it"});
    let ruled = server.request("reviewer", Method::PUT, &path).json(&body).send().await.unwrap();
    assert_eq!(ruled.status(), 200);
    let middle = Timestamp::now().to_string();
    let after = [
        ("a", VIOLATION),
        ("b", CLEAN),
        ("worse", CLEAN),
        ("worse", VIOLATION),
        ("busy", CLEAN),
        ("s", PHONE),
    ];
    for (number, (subject, text)) in after.into_iter().enumerate() {
        let at = Timestamp::now().micros();
        decide(&server, &message(&format!("m-{number}"), subject, at, text)).await;
    }
    for event in logins(Timestamp::now().micros()) {
        decide(&server, &event).await;
    }
    let all = ["--policy", "policies/market.toml", "--since", LONG_AGO];
    let result = simulated(&server, &all).await;
    is_the_same(&result);
    assert_eq!(fired(&result), RULES, "each has its say");
    assert_eq!(result["history"]["passed_over"]["other_type"], 2);
    assert_eq!(sum(&result, "worked_out"), 0, "all of it was read then: {:#}", result["told"]);
    assert!(sum(&result, "recorded") > 100);
    let numbers = &result["after"]["strikes_by_number"];
    assert!(numbers[4].as_u64() > Some(0), "{numbers}");
    // What was before the stretch counts in it: events, strikes, restrictions and conduct.
    let part = ["--policy", "policies/market.toml", "--since", &middle, "--threads", "2"];
    let result = simulated(&server, &part).await;
    is_the_same(&result);
    assert_eq!(result["history"]["events"], 7);
    assert!(result["history"]["remembered"].as_u64() > Some(20), "{}", result["history"]);
    for rule in ["limited", "logins", "risky", "shared", "struck", "trusted"] {
        assert!(fired(&result).contains(&rule), "{rule}: {}", result["rules"]);
    }
    // The same asked in other words was never read, and comes to the same.
    server::write(&server.path("other.toml"), policy(3_601, 31).as_bytes());
    for since in [LONG_AGO, &middle] {
        let result = simulated(&server, &["--policy", "other.toml", "--since", since]).await;
        is_the_same(&result);
        assert_eq!(sum(&result, "recorded"), 0, "{:#}", result["told"]);
        assert!(sum(&result, "worked_out") > 20);
    }
    let sample = ["--policy", "other.toml", "--since", LONG_AGO, "--sample", "50%"];
    let output = run(&server, &sample).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("leave --sample out"), "{}", err(&output));
    server.app.stop().await;
}

async fn what_is_not_recorded_follows_from_the_events_before(home: Home) {
    let server = started(&home, &policy(3_600, 30)).await;
    let now = Timestamp::now().micros();
    let mut file = String::new();
    for event in stream(now).into_iter().chain(logins(now)) {
        decide(&server, &event).await;
        file += &format!("{event}\n");
    }
    let all = ["--policy", "policies/market.toml", "--since", LONG_AGO];
    let record = simulated(&server, &all).await;
    is_the_same(&record);
    server::write(&server.path("events.ndjson"), file.as_bytes());
    server::write(&server.path("probe.wasm"), fixture::probe());
    let args = ["--policy", "policies/market.toml", "--events", "events.ndjson"];
    let args = [&args[..], &["--detector", "probe.wasm"]].concat();
    let result = simulated(&server, &args).await;
    assert_eq!(result["after"], record["before"], "of the file it is what was decided");
    // Of a file each event is decided when it happened, so three scores of thirty days ago have faded.
    let faded = |rule: &Value| if rule == "risky" { 3 } else { 0 };
    let lines = |result: &Value| result["rules"].as_array().unwrap().clone();
    for (own, of_record) in lines(&result).iter().zip(lines(&record)) {
        assert_eq!(own["rule"], of_record["rule"]);
        let after = own["after"].as_u64().unwrap() + faded(&own["rule"]);
        assert_eq!(after, of_record["before"].as_u64().unwrap(), "{own}");
    }
    assert_eq!(fired(&result), RULES);
    assert_eq!((sum(&result, "recorded"), sum(&result, "unknown")), (0, 0));
    let page = std::fs::read_to_string(server.path("simulation/report.html")).unwrap();
    assert!(page.contains("count by subject over 3600 s of message.*"));
    server.app.stop().await;
}

async fn the_candidates_own_strikes_are_what_its_rules_are_told(home: Home) {
    let asks = "[[rules]]\nname = \"struck\"\nwhen = \"subject.strikes >= 2\"\nreview = true\n";
    let lenient = POLICY.replace("NAME", "market").replace("0.4", "0.95");
    let server = started(&home, &format!("{lenient}{STRIKES}{asks}")).await;
    let now = Timestamp::now().micros();
    for number in 0..5 {
        let event = message(&format!("e-{number}"), "u", now - (9 - number) * MINUTE, VIOLATION);
        assert_eq!(decide(&server, &event).await["strike"], Value::Null);
    }
    let strict = format!("{}{STRIKES}{asks}", POLICY.replace("NAME", "market"));
    server::write(&server.path("strict.toml"), strict.as_bytes());
    let result = simulated(&server, &["--policy", "strict.toml", "--since", "1d"]).await;
    assert_eq!(result["after"]["strikes_by_number"], json!([1, 1, 1, 1, 1, 0]));
    // The third, fourth and fifth of them.
    assert_eq!(result["rules"], json!([{"rule": "struck", "before": 0, "after": 3}]));
    server.app.stop().await;
}

async fn a_candidate_detector_is_told_of_the_past(home: Home) {
    let server = started(&home, &POLICY.replace("NAME", "market")).await;
    let now = Timestamp::now().micros();
    let mut events = Vec::new();
    for (number, part) in ["206", "555", "0142"].into_iter().enumerate() {
        for subject in ["u", "v"] {
            let id = format!("{subject}-{number}");
            let at = now - (9 - number as i64) * MINUTE;
            let mut event = message(&id, subject, at, &format!("silent {part}"));
            event["data"]["thread"] = json!("t");
            decide(&server, &event).await;
            events.push(event.to_string());
        }
    }
    let draft = POLICY.replace("NAME", "market").replace("safety.next", "contact.phone");
    let shared = "[[rules]]\nname = \"shared\"\nwhen = 'accounts(\"contact.phone\", 1) >= 2'\n\
                  review = true\n";
    server::write(&server.path("draft.toml"), format!("{draft}{shared}").as_bytes());
    server::write(&server.path("past.wasm"), fixture::past());
    server::write(&server.path("events.ndjson"), events.join("\n").as_bytes());
    let args = ["--policy", "draft.toml", "--detector", "past.wasm"];
    for from in [["--since", "1d"], ["--events", "events.ndjson"]] {
        let result = simulated(&server, &[&args[..], &from].concat()).await;
        let flips = &result["flips"];
        assert_eq!(
            flips["stricter"], 2,
            "{from:?}: each number is whole in its third part: {flips:#}"
        );
        // Both are the same one, and the second who has it is one of two.
        assert_eq!(result["rules"], json!([{"rule": "shared", "before": 0, "after": 1}]));
        assert!(sum(&result, "worked_out") > 0);
    }
    server.app.stop().await;
}

async fn what_begins_later_begins_when_it_did(home: Home) {
    let later = "[enforcement]\njitter_minutes = 60\n";
    let server =
        started(&home, &format!("{}{STRIKES}{later}", POLICY.replace("NAME", "market"))).await;
    let begin = Timestamp::now().micros() - 120 * MINUTE;
    let mut in_force = Vec::new();
    for account in 0..8 {
        let subject = format!("u-{account}");
        for number in 0..2 {
            let id = format!("{subject}-{number}");
            decide(&server, &message(&id, &subject, begin + number, VIOLATION)).await;
        }
        // A cooldown begins within the hour, which each later event shows.
        let mut answered = 0;
        for minute in 0..=61 {
            let id = format!("{subject}-clean-{minute}");
            let event = message(&id, &subject, begin + 2 + minute * MINUTE, CLEAN);
            answered += u64::from(decide(&server, &event).await["action"] == "cooldown");
        }
        in_force.push(answered);
    }
    assert!(in_force.iter().all(|answered| (1..=62).contains(answered)), "{in_force:?}");
    assert!(in_force.iter().any(|answered| *answered != in_force[0]), "{in_force:?}");
    let result =
        simulated(&server, &["--policy", "policies/market.toml", "--since", LONG_AGO]).await;
    is_the_same(&result);
    server.app.stop().await;
}
