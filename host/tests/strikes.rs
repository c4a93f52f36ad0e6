//! Strikes and restrictions on a real server: they escalate, count exactly, end to the moment, survive a
//! restart, and are each of one event alone, however many come at once and to however many servers.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use databases::{Home, on_both};
use picket::model::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use server::{POLICY, Server};

on_both!(threaded:
    violations_escalate_and_a_clean_event_is_not_punished,
    a_strike_is_gone_at_exactly_thirty_days,
    what_comes_late_is_answered_as_of_when_it_happened,
    who_is_exempt_may_do_what_they_want,
    an_event_gives_one_strike_however_often_it_is_sent,
    concurrent_violations_are_numbered_without_gaps_or_doubles,
    strikes_and_restrictions_outlive_a_restart,
    shadow_mode_counts_for_itself,
    an_overturned_decision_gives_its_strike_back,
    every_escalation_replays_to_the_same_bits,
    everybody_is_told_in_their_language_and_a_replay_says_the_same,
    what_is_held_on_a_subject_is_exported_and_erased,
    what_begins_later_restricts_nobody_before
);

const STRIKES: &str = r#"
[strikes]
tiers = ["high"]
window_days = 30
[[strikes.steps]]
action = "warning"
[[strikes.steps]]
action = "cooldown"
for_h = 24
[[strikes.steps]]
action = "restriction"
for_h = 72
message = "Restricted."
[[strikes.steps]]
action = "suspension_candidate"
for_h = 72
"#;

const VIOLATION: &str = "hello";
const CLEAN: &str = "silent";
const DAY_MS: i64 = 24 * 3_600 * 1_000;

async fn started(home: &Home) -> Server {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    for source in ["market", "other"] {
        let text = format!("{}{STRIKES}", POLICY.replace("NAME", source));
        server::write(&dir.path().join(format!("policies/{source}.toml")), text.as_bytes());
    }
    Server::start_in(home, dir, |config| {
        (config.rate_per_second, config.rate_burst) = (1_000_000, 1_000_000);
    })
    .await
}

/// Posts an event of a subject, at a time where there is one, and returns the decision.
async fn said(
    server: &Server,
    id: &str,
    subject: &str,
    text: &str,
    time: Option<Timestamp>,
) -> Value {
    let mut event = server::event("market", id, text);
    event["subject"] = json!(subject);
    match time {
        Some(time) => event["time"] = json!(time),
        None => drop(event.as_object_mut().unwrap().remove("time")),
    }
    let kind = "application/cloudevents+json";
    let answer = server.post("platform", "/v1/events", kind, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn profile(server: &Server, subject: &str) -> Value {
    let answer = server.get("reviewer", &format!("/v1/subjects/market/{subject}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn replay_to_the_same_bits(server: &Server, decisions: &[Value]) {
    for decision in decisions {
        let path = format!("/v1/decisions/{}/replay", decision["id"].as_str().unwrap());
        let replay = server.request("engineer", Method::POST, &path).send().await.unwrap();
        let replay: Value = replay.json().await.unwrap();
        assert_eq!(replay["result"], "identical", "{replay}");
    }
}

async fn everybody_is_told_in_their_language_and_a_replay_says_the_same(home: Home) {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    let strikes = STRIKES.replace(
        "message = \"Restricted.\"",
        "message = { en = \"{count}: {action} until {until}\", es = \"{count}: hasta {until}\" }",
    );
    let languages = "default_language = \"en\"\nlanguage_field = \"data.language\"\n";
    let text = format!("{languages}{}{strikes}", POLICY.replace("NAME", "market"));
    server::write(&dir.path().join("policies/market.toml"), text.as_bytes());
    let server = Server::start_in(&home, dir, |_| {}).await;
    let mut decisions = Vec::new();
    for (subject, language, says) in
        [("u", "es-MX", "3: hasta "), ("v", "fr", "3: restriction until ")]
    {
        for number in 1..=3 {
            let mut event = server::event("market", &format!("{subject}-{number}"), VIOLATION);
            event["subject"] = json!(subject);
            event["data"]["language"] = json!(language);
            let kind = "application/cloudevents+json";
            let answer = server.post("platform", "/v1/events", kind, event.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            decisions.push(answer.json());
        }
        let message = decisions.last().unwrap()["message"].as_str().unwrap();
        assert!(message.starts_with(says) && message.ends_with(" UTC"), "{message}");
    }
    replay_to_the_same_bits(&server, &decisions).await;
    server.app.stop().await;
}

async fn allowed(server: &Server, subjects: &[&str]) -> Vec<bool> {
    let body = json!({"source": "market", "subjects": subjects, "type": "message.sent"});
    let path = "/v1/restrictions/check";
    let answer = server.post("platform", path, "application/json", body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let results = answer.json()["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), subjects.len());
    results.iter().map(|result| result["allowed"].as_bool().unwrap()).collect()
}

fn actions(decision: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let actions = decision["actions"].as_array().unwrap().iter();
    actions.map(|own| (text(&own["action"]), text(&own["scope"]))).collect()
}

async fn violations_escalate_and_a_clean_event_is_not_punished(home: Home) {
    let server = started(&home).await;
    assert_eq!(allowed(&server, &["u", "v"]).await, [true, true]);
    for (number, account, review) in [
        (1, "warning", false),
        (2, "cooldown", false),
        (3, "restriction", false),
        (4, "suspension_candidate", true),
        (5, "suspension_candidate", true),
    ] {
        let decision = said(&server, &format!("e-{number}"), "u", VIOLATION, None).await;
        assert_eq!(decision["strike"]["number"], number, "{decision}");
        let both = [("soft_block", "message"), (account, "account")];
        let both = both.map(|(action, scope)| (action.to_owned(), scope.to_owned()));
        assert_eq!(actions(&decision), both);
        assert_eq!(decision["review"], review);
        let clean = said(&server, &format!("c-{number}"), "u", CLEAN, None).await;
        assert_eq!(clean["strike"], Value::Null);
        match number {
            1 => assert_eq!(clean["action"], "allow", "a clean event is not punished"),
            // What is in force is answered, and not imposed again.
            _ => {
                assert_eq!(
                    (&clean["action"], &clean["scope"]),
                    (&json!(account), &json!("account"))
                );
                let own = &clean["actions"][1];
                assert!(
                    own["in_force_since"].is_string() && own["expires_at"].is_string(),
                    "{own}"
                );
            }
        }
        assert_eq!(allowed(&server, &["v", "u"]).await, [true, number == 1]);
    }
    let profile = profile(&server, "u").await;
    assert_eq!(profile["strikes"].as_array().unwrap().len(), 5);
    assert_eq!(profile["restrictions"].as_array().unwrap().len(), 3, "{profile}");
    assert_eq!(profile["risk"]["tier"], "high");
    assert_eq!(profile["history"].as_array().unwrap().len(), 10);
    let login = json!({"source": "market", "subjects": ["u"], "type": "login.succeeded"});
    let path = "/v1/restrictions/check";
    let answer = server.post("platform", path, "application/json", login.to_string()).await;
    assert_eq!(answer.json()["results"][0]["allowed"], true, "the policy does not judge logins");
    // Each gets its own, also who is asked for twice.
    let many = json!({"source": "market", "subjects": ["v", "u", "w", "u", "x"]});
    let answer = server.post("platform", path, "application/json", many.to_string()).await.json();
    let named = ["action", "expires_at"];
    let in_force = |of: &Value| -> Vec<[Value; 2]> {
        let each = of["restrictions"].as_array().unwrap().iter();
        each.map(|own| named.map(|name| own[name].clone())).collect()
    };
    let asked = ["v", "u", "w", "u", "x"];
    for (result, subject) in answer["results"].as_array().unwrap().iter().zip(asked) {
        assert_eq!(result["subject"], subject);
        let own = if subject == "u" { in_force(&profile) } else { Vec::new() };
        assert_eq!((in_force(result), &result["allowed"]), (own, &json!(subject != "u")));
    }
    server.app.stop().await;
}

async fn a_strike_is_gone_at_exactly_thirty_days(home: Home) {
    let server = started(&home).await;
    let first = Timestamp::now().plus_millis(-30 * DAY_MS - 60_000);
    let number = async |id: &str, subject: &str, time: Timestamp| {
        said(&server, id, subject, VIOLATION, Some(time)).await["strike"]["number"].clone()
    };
    for (subject, later, counted) in [("a", -1, 2), ("b", 0, 1), ("c", 1, 1)] {
        assert_eq!(number(&format!("{subject}-1"), subject, first).await, 1);
        let then = Timestamp::from_micros(first.micros() + 30 * DAY_MS * 1_000 + later);
        assert_eq!(number(&format!("{subject}-2"), subject, then).await, counted, "{later} us");
    }
    // What would begin in the future began when it was told of.
    let ahead = Timestamp::now().plus_millis(200_000);
    let decision = said(&server, "ahead", "d", VIOLATION, Some(ahead)).await;
    let end = Timestamp::parse(decision["strike"]["expires_at"].as_str().unwrap()).unwrap();
    assert!(end <= Timestamp::now().plus_millis(30 * DAY_MS), "{end}");
    server.app.stop().await;
}

async fn what_comes_late_is_answered_as_of_when_it_happened(home: Home) {
    let server = started(&home).await;
    for number in 1..=2 {
        said(&server, &format!("e-{number}"), "u", VIOLATION, None).await;
    }
    let ago = |hours: i64| Some(Timestamp::now().plus_millis(-hours * 3_600_000));
    let clean = said(&server, "late", "u", CLEAN, ago(1)).await;
    assert_eq!(clean["action"], "allow", "the cooldown came after it");
    let clean = said(&server, "now", "u", CLEAN, None).await;
    assert_eq!(clean["action"], "cooldown");
    // Its strike counts no more: nothing follows from it now.
    let stale = said(&server, "stale", "u", VIOLATION, ago(24 * 60)).await;
    assert_eq!(stale["strike"]["number"], 3, "it is counted with those that came before it did");
    let late = said(&server, "e-3", "u", VIOLATION, ago(2)).await;
    assert_eq!(late["strike"]["number"], 3, "the one of long ago counts no more");
    replay_to_the_same_bits(&server, &[clean, stale, late]).await;
    server.app.stop().await;
}

async fn who_is_exempt_may_do_what_they_want(home: Home) {
    let server = started(&home).await;
    for number in 1..=2 {
        said(&server, &format!("e-{number}"), "u", VIOLATION, None).await;
    }
    assert_eq!(allowed(&server, &["u"]).await, [false]);
    let exemption =
        "[[exemptions]]\nsubjects = [\"u\"]\nuntil = 2100-01-01T00:00:00Z\nwhy = \"a test\"\n";
    let text = format!("{}{STRIKES}{exemption}", POLICY.replace("NAME", "market"));
    server::write(&server.path("policies/market.toml"), text.as_bytes());
    server.app.registry.scan().await.unwrap();
    assert_eq!(allowed(&server, &["u"]).await, [true]);
    let violation = said(&server, "e-3", "u", VIOLATION, None).await;
    assert_eq!((&violation["action"], &violation["strike"]), (&json!("allow"), &Value::Null));
    server.app.stop().await;
}

async fn an_event_gives_one_strike_however_often_it_is_sent(home: Home) {
    let server = started(&home).await;
    let once = said(&server, "e-1", "u", VIOLATION, None).await;
    let again =
        futures::future::join_all((0..8).map(|_| said(&server, "e-1", "u", VIOLATION, None)));
    for again in again.await {
        assert_eq!(again, once);
    }
    assert_eq!(profile(&server, "u").await["strikes"].as_array().unwrap().len(), 1);
    assert_eq!(said(&server, "e-2", "u", VIOLATION, None).await["strike"]["number"], 2);
    server.app.stop().await;
}

async fn concurrent_violations_are_numbered_without_gaps_or_doubles(home: Home) {
    let one = started(&home).await;
    let servers = match &home {
        Home::Sqlite => vec![one],
        Home::Postgres(_) => vec![one.beside(|_| {}).await, one],
    };
    let servers = Arc::new(servers);
    let violations = (0..64).map(|number| {
        let servers = Arc::clone(&servers);
        tokio::spawn(async move {
            let server = &servers[number % servers.len()];
            said(server, &format!("e-{number}"), "hot", VIOLATION, None).await
        })
    });
    let decisions = futures::future::join_all(violations).await;
    let decisions: Vec<Value> = decisions.into_iter().map(Result::unwrap).collect();
    let numbers: BTreeSet<u64> =
        decisions.iter().map(|one| one["strike"]["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=64).collect());
    for decision in decisions {
        let id = decision["id"].as_str().unwrap();
        let recorded = servers[0].get("reviewer", &format!("/v1/decisions/{id}")).await.json();
        assert_eq!(recorded, decision, "what was answered is what is recorded");
    }
    for server in Arc::into_inner(servers).unwrap() {
        server.app.stop().await;
    }
}

async fn strikes_and_restrictions_outlive_a_restart(home: Home) {
    let server = started(&home).await;
    for number in 1..=2 {
        said(&server, &format!("e-{number}"), "u", VIOLATION, None).await;
    }
    let server = server.again(async |_| {}).await.settled().await;
    assert_eq!(allowed(&server, &["u"]).await, [false]);
    assert_eq!(said(&server, "e-3", "u", VIOLATION, None).await["strike"]["number"], 3);
    server.app.stop().await;
}

async fn shadow_mode_counts_for_itself(home: Home) {
    let server = started(&home).await;
    let mode = async |mode: &str| {
        let body = json!({"mode": mode, "why": "a test"});
        let set = server.request("admin", Method::PUT, "/v1/sources/market/mode").json(&body);
        assert_eq!(set.send().await.unwrap().status(), 200);
    };
    mode("shadow").await;
    for number in 1..=3 {
        let decision = said(&server, &format!("s-{number}"), "u", VIOLATION, None).await;
        assert_eq!((&decision["action"], &decision["strike"]), (&json!("allow"), &Value::Null));
        assert_eq!(decision["would"]["strike"]["number"], number, "{decision}");
    }
    let would = said(&server, "s-4", "u", VIOLATION, None).await["would"].clone();
    assert_eq!(would["action"], "suspension_candidate");
    assert_eq!(allowed(&server, &["u"]).await, [true], "nothing is enforced");
    mode("active").await;
    assert_eq!(allowed(&server, &["u"]).await, [true], "nor does it become so");
    let decision = said(&server, "a-1", "u", VIOLATION, None).await;
    assert_eq!(decision["strike"]["number"], 1, "{decision}");
    mode("shadow").await;
    let decision = said(&server, "s-5", "u", VIOLATION, None).await;
    assert_eq!(decision["would"]["strike"]["number"], 5, "{decision}");
    server.app.stop().await;
}

async fn an_overturned_decision_gives_its_strike_back(home: Home) {
    let server = started(&home).await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        let decision = said(&server, &format!("e-{number}"), "u", VIOLATION, None).await;
        ids.push(decision["id"].as_str().unwrap().to_owned());
    }
    let rule = async |id: &str, word: &str| {
        let body = json!({"ruling": word, "why": "looked at it"});
        let path = format!("/v1/decisions/{id}/ruling");
        let ruled =
            server.request("reviewer", Method::PUT, &path).json(&body).send().await.unwrap();
        assert_eq!(ruled.status(), 200);
    };
    let counts = async || {
        let strikes = profile(&server, "u").await["strikes"].as_array().unwrap().clone();
        strikes.iter().map(|own| own["counts_as"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(counts().await, [Some(3), Some(2), Some(1)]);
    rule(&ids[2], "overturned").await;
    assert_eq!(counts().await, [None, Some(2), Some(1)]);
    assert_eq!(allowed(&server, &["u"]).await, [false], "the cooldown of the second stands");
    rule(&ids[1], "overturned").await;
    assert_eq!(counts().await, [None, None, Some(1)]);
    assert_eq!(allowed(&server, &["u"]).await, [true]);
    assert_eq!(said(&server, "e-4", "u", VIOLATION, None).await["strike"]["number"], 2);
    rule(&ids[1], "upheld").await;
    assert_eq!(counts().await, [Some(3), None, Some(2), Some(1)]);
    assert_eq!(said(&server, "e-5", "u", VIOLATION, None).await["strike"]["number"], 4);
    server.app.stop().await;
}

async fn every_escalation_replays_to_the_same_bits(home: Home) {
    let server = started(&home).await;
    let violations = (0..8).map(|number| {
        let server = &server;
        async move { said(server, &format!("e-{number}"), "u", VIOLATION, None).await }
    });
    let mut decisions = futures::future::join_all(violations).await;
    decisions.push(said(&server, "clean", "u", CLEAN, None).await);
    replay_to_the_same_bits(&server, &decisions).await;
    server.app.stop().await;
}

async fn what_is_held_on_a_subject_is_exported_and_erased(home: Home) {
    let server = started(&home).await;
    for number in 1..=2 {
        said(&server, &format!("e-{number}"), "u", VIOLATION, None).await;
    }
    let export = server.get("admin", "/v1/subjects/market/u/export").await.json();
    assert_eq!(export["strikes"]["active"].as_array().unwrap().len(), 2, "{export}");
    assert_eq!(export["restrictions"]["active"][0]["action"], "cooldown");
    let path = "/v1/subjects/market/u/erase";
    let why = json!({"why": "ticket 4711"}).to_string();
    assert_eq!(server.post("admin", path, "application/json", why).await.status, 200);
    assert_eq!(profile(&server, "u").await["strikes"], json!([]));
    assert_eq!(allowed(&server, &["u"]).await, [true], "it is a new life");
    assert_eq!(said(&server, "e-3", "u", VIOLATION, None).await["strike"]["number"], 1);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_whom_it_refuses_and_what_is_wrong_with_a_question() {
    let server = started(&Home::Sqlite).await;
    let ask = async |who: &str, body: Value| {
        let path = "/v1/restrictions/check";
        server.post(who, path, "application/json", body.to_string()).await
    };
    let many: Vec<String> = (0..1_001).map(|number| format!("u-{number}")).collect();
    for (body, status) in [
        (json!({"source": "market", "subjects": []}), 422),
        (json!({"source": "market", "subjects": many}), 422),
        (json!({"source": "market"}), 422),
        (json!({"source": "market", "subjects": ["u"], "kind": "x"}), 422),
        (json!({"source": "other", "subjects": ["u"]}), 403),
        (json!({"source": "market", "subjects": many[..1_000]}), 200),
    ] {
        assert_eq!(ask("platform", body).await.status, status);
    }
    let nobody = ask("admin", json!({"source": "nowhere", "subjects": ["u"]})).await;
    assert_eq!(nobody.status, 404, "{}", nobody.text);
    let other = server.get("platform", "/v1/subjects/other/u").await;
    assert_eq!(other.status, 403);
    let begun = Instant::now();
    ask("platform", json!({"source": "market", "subjects": many[..1_000]})).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "a thousand are answered at once");
    server.app.stop().await;
}

async fn what_begins_later_restricts_nobody_before(home: Home) {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    let enforcement = "[enforcement]\njitter_minutes = 1440\n";
    let text = format!("{}{STRIKES}{enforcement}", POLICY.replace("NAME", "market"));
    server::write(&dir.path().join("policies/market.toml"), text.as_bytes());
    let server = Server::start_in(&home, dir, |_| ()).await;
    let day = |days: i64| Timestamp::now().plus_millis(days * DAY_MS);
    let account = |decision: &Value| -> Value {
        let actions = decision["actions"].as_array().unwrap().iter();
        actions.filter(|own| own["scope"] == "account").cloned().collect()
    };
    let mut all = vec![said(&server, "e-1", "user-17", VIOLATION, None).await];
    let second = said(&server, "e-2", "user-17", VIOLATION, None).await;
    let own = account(&second)[0].clone();
    let [begins, ends] = ["begins_at", "expires_at"]
        .map(|key| Timestamp::parse(own[key].as_str().unwrap()).unwrap());
    assert_eq!(own["action"], "cooldown", "{second}");
    assert!(begins > day(0) && begins < day(1), "{second}");
    assert_eq!(ends.micros() - begins.micros(), DAY_MS * 1_000, "it lasts as long: {second}");
    // The message itself is held back at once, and the end user reads of nothing else.
    assert_eq!(second["actions"][0]["action"], "soft_block");
    assert_eq!(second["message"], "Held back.");
    assert_eq!(allowed(&server, &["user-17"]).await, [true]);
    assert_eq!(profile(&server, "user-17").await["restrictions"], json!([]));
    let clean = said(&server, "e-3", "user-17", CLEAN, None).await;
    assert_eq!(clean["action"], "allow", "{clean}");
    all.extend([second, clean]);
    // What comes late begins late of when it happened: this one has begun and holds.
    all.push(said(&server, "e-4", "user-18", VIOLATION, Some(day(-2))).await);
    let late = said(&server, "e-5", "user-18", VIOLATION, Some(day(-2))).await;
    assert!(account(&late)[0]["begins_at"].is_string(), "{late}");
    all.push(late);
    let third = said(&server, "e-6", "user-19", VIOLATION, None).await;
    all.push(third);
    replay_to_the_same_bits(&server, &all).await;
    server.app.stop().await;
}
