//! Alerts that rules raise, on a real server: one for each rule and source, told where somebody wants to hear of
//! it, acknowledged by people, and resolved by itself; whether the rule is the configuration's or a policy's.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod asked;
#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../receiver/mod.rs"]
mod receiver;
#[path = "../server/mod.rs"]
mod server;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use databases::{Home, on_both};
use picket::config::Config;
use picket::keeper::Alerts;
use picket::model::Timestamp;
use picket::store::Found;
use receiver::{Does, Receiver};
use reqwest::Method;
use serde_json::{Value, json};
use server::Server;
use tokio::sync::Notify;

on_both!(threaded:
    a_rate_beyond_its_bound_is_one_alert_until_it_is_back,
    people_say_that_they_have_seen_one_and_why,
    each_kind_of_rate_is_watched,
    two_servers_raise_one_alert_and_a_rate_that_hovers_no_other,
    what_could_not_be_told_of_an_alert_is_told_when_somebody_says_so
);

const HIGHS: &str = "[alerts.highs]\nsource = \"market\"\nwatch = \"tier\"\ntier = \"high\"\n\
                     window_minutes = 5\ncount_above = 2\nleast = 1\n";

/// A server whose configuration has these tables besides.
async fn watching(home: &Home, tables: &str) -> Server {
    let told = Config::parse("picket.toml", tables, []).unwrap();
    Server::start_with(home, move |config| {
        config.alerts = told.alerts;
        config.destinations = told.destinations;
        config.email = told.email;
        (config.delivery_retry_ms, config.delivery_attempts_max) = (vec![1, 2], 2);
    })
    .await
}

async fn alerts(server: &Server) -> Vec<Value> {
    let list = server.get("reviewer", "/v1/alerts").await;
    assert_eq!(list.status, 200, "{}", list.text);
    list.json().as_array().unwrap().clone()
}

/// Waits until there are so many alerts.
async fn until(server: &Server, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let all = alerts(server).await;
        if all.len() == count {
            return all;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{all:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn post(server: &Server, count: usize, what: &str, text: &str) {
    for number in 0..count {
        assert_eq!(server.event(&format!("{what}-{number}"), text).await.status, 200);
    }
}

/// Holds the rules of a server to what was counted, as if it were later by so many minutes.
async fn look(server: &Server, tables: &str, minutes: i64) {
    keeper(server, tables).look(in_minutes(minutes)).await.unwrap();
}

/// Resolves what no rule of a policy has asked for since, as if it were later by so many minutes.
async fn calm(server: &Server, tables: &str, minutes: i64) {
    keeper(server, tables).calm(in_minutes(minutes)).await.unwrap();
}

fn keeper(server: &Server, tables: &str) -> Alerts {
    let told = Config::parse("picket.toml", tables, []).unwrap();
    Alerts {
        rules: told.alert_rules(),
        told: told.wants().collect(),
        store: server.app.store.clone(),
        written: Arc::new(Notify::new()),
    }
}

fn in_minutes(minutes: i64) -> Timestamp {
    Timestamp::now().plus_millis(minutes * 60_000)
}

async fn a_rate_beyond_its_bound_is_one_alert_until_it_is_back(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let tables = format!(
        "{HIGHS}[destinations.market]\nurl = \"{}\"\nallow_private = true\nalerts = true\n\
         actions = [\"nudge\"]\n",
        receiver.url()
    );
    let server = watching(&home, &tables).await;
    post(&server, 2, "few", "hello").await;
    look(&server, &tables, 0).await;
    assert_eq!(alerts(&server).await, Vec::<Value>::new());
    post(&server, 1, "more", "hello").await;
    let alert = until(&server, 1).await.remove(0);
    assert_eq!((&alert["kind"], &alert["object"]), (&json!("rate.tier"), &json!("highs")));
    assert_eq!((&alert["state"], &alert["count"]), (&json!("open"), &json!(1)));
    assert_eq!((&alert["source"], &alert["resolved_at"]), (&json!("market"), &Value::Null));
    let text = alert["text"].as_str().unwrap();
    assert!(text.contains("3 decisions of the tier high of 3 in 5 minutes: more than 2"), "{text}");
    let told = receiver.until_count(1).await.remove(0);
    assert_eq!((told.text("type"), &told.body["alert"]["text"]), ("alert.raised", &alert["text"]));
    assert_eq!(told.id(), format!("{}.alert", alert["id"].as_str().unwrap()));

    // It stays one, and says how often it was found so.
    post(&server, 5, "again", "hello").await;
    for minutes in [2, 2, 4] {
        look(&server, &tables, minutes).await;
    }
    let alert = until(&server, 1).await.remove(0);
    assert_eq!(alert["count"], 3, "{alert}");
    assert!(alert["last_at"].as_str() > alert["at"].as_str());

    look(&server, &tables, 6).await;
    let told = receiver.until_count(2).await.remove(1);
    assert_eq!(told.text("type"), "alert.resolved");
    assert_eq!(told.id(), format!("{}.resolved", alert["id"].as_str().unwrap()));
    // By the clock it is still so: that is another alert.
    let both = until(&server, 2).await;
    assert_eq!((&both[1]["state"], &both[0]["state"]), (&json!("resolved"), &json!("open")));
    server.app.stop().await;
}

async fn people_say_that_they_have_seen_one_and_why(home: Home) {
    let server = watching(&home, HIGHS).await;
    post(&server, 3, "e", "hello").await;
    let alert = until(&server, 1).await.remove(0);
    let id = alert["id"].as_str().unwrap();
    let path = format!("/v1/alerts/{id}/acknowledge");
    let say = |why: &str| json!({ "why": why }).to_string();
    for (who, path, why, status) in [
        ("platform", &*path, "seen", 403),
        ("auditor", &*path, "seen", 403),
        ("reviewer", &*path, " ", 422),
        ("reviewer", "/v1/alerts/nobody/acknowledge", "seen", 404),
        ("reviewer", &*path, "a campaign, they know", 200),
        ("admin", &*path, "seen as well", 409),
    ] {
        let answer = server.post(who, path, "application/json", say(why)).await;
        assert_eq!(answer.status, status, "{who}: {}", answer.text);
    }
    let alert = alerts(&server).await.remove(0);
    assert_eq!(alert["state"], "acknowledged");
    assert_eq!(alert["acknowledged"]["why"], "a campaign, they know");
    // It is still the one of its rule.
    look(&server, HIGHS, 2).await;
    assert_eq!(alerts(&server).await.len(), 1);
    let log = server.get("auditor", "/v1/audit?limit=200").await.text;
    for said in ["alert.raised", "alert.acknowledged", "a campaign, they know"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    look(&server, HIGHS, 60).await;
    assert_eq!(alerts(&server).await.pop().unwrap()["state"], "resolved");
    server.app.stop().await;
}

async fn each_kind_of_rate_is_watched(home: Home) {
    let tables = "\
        [alerts.label]\nwatch = \"label\"\nlabel = \"safety.probe\"\nshare_above = 0.5\nleast = 1\n\
        [alerts.failures]\nwatch = \"failures\"\nshare_above = 0.3\nleast = 1\n\
        [alerts.overturned]\nwatch = \"overturned\"\nshare_above = 0.0\nleast = 1\n\
        [alerts.times]\nwatch = \"tier\"\ntier = \"high\"\ntimes_above = 2\nleast = 1\n\
        [alerts.silence]\nsource = \"market\"\nwatch = \"silence\"\n\
        [alerts.never]\nsource = \"other\"\nwatch = \"silence\"\n";
    let server = watching(&home, "").await;
    let raised = async || {
        let open = alerts(&server).await.into_iter().filter(|one| one["state"] == "open");
        let mut names: Vec<String> =
            open.map(|one| one["object"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    post(&server, 2, "calm", "silent").await;
    look(&server, tables, 0).await;
    assert_eq!(raised().await, [""; 0]);
    post(&server, 3, "high", "hello").await;
    look(&server, tables, 0).await;
    // Of a source that has just begun nothing is usual.
    assert_eq!(raised().await, ["label"]);
    post(&server, 3, "broken", "panic").await;
    let decision = server.event("ruled", "hello").await.json();
    let path = format!("/v1/decisions/{}/ruling", decision["id"].as_str().unwrap());
    let say = json!({"ruling": "overturned", "why": "a mistake"});
    let said = server.request("reviewer", Method::PUT, &path).json(&say).send().await.unwrap();
    assert_eq!(said.status(), 200);
    look(&server, tables, 0).await;
    assert_eq!(raised().await, ["failures", "label", "overturned"]);
    // Later nothing came for longer than the rule looks back; `other` has not begun.
    look(&server, tables, 20).await;
    assert_eq!(raised().await, ["silence"]);
    server.app.stop().await;
}

async fn two_servers_raise_one_alert_and_a_rate_that_hovers_no_other(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let tables = format!(
        "{HIGHS}[destinations.market]\nurl = \"{}\"\nallow_private = true\nalerts = true\n\
         actions = [\"nudge\"]\n",
        receiver.url()
    );
    let server = watching(&home, &tables).await;
    let other = server.beside(|_| {}).await;
    post(&server, 3, "e", "hello").await;
    let looks =
        (0..8).map(|number| look(if number % 2 == 0 { &server } else { &other }, &tables, 0));
    futures::future::join_all(looks).await;
    let open = until(&server, 1).await.remove(0);
    receiver.until_count(1).await;
    // One whose clock is ahead finds nothing, and one whose clock is right finds it again.
    let told = Config::parse("picket.toml", HIGHS, []).unwrap();
    let rule = told.alert_rules().remove(0);
    for (breach, minutes, resolved) in
        [(None, 1, false), (Some("so"), 1, false), (None, 2, false), (None, 3, true)]
    {
        let at = Timestamp::now().plus_millis(minutes * 60_000 + 10);
        let found = Found { rule: &rule, source: "market", breach, told: &[], at };
        assert_eq!(other.app.store.find_alert(&found).await.unwrap(), resolved, "{minutes}");
    }
    let first = alerts(&server).await.pop().unwrap();
    assert_eq!((&first["id"], &first["state"]), (&open["id"], &json!("resolved")));
    let raised = receiver.received().iter().filter(|one| one.id().ends_with(".alert")).count();
    assert!(raised <= 2, "by its own clock a server raises another at most");
    other.app.stop().await;
    server.app.stop().await;
}

async fn what_could_not_be_told_of_an_alert_is_told_when_somebody_says_so(home: Home) {
    let receiver = Receiver::start(|one| match one.before {
        0 | 1 | 3 | 4 => Does::Answer(500),
        _ => Does::Answer(200),
    })
    .await;
    let tables = format!(
        "{HIGHS}[destinations.market]\nurl = \"{}\"\nallow_private = true\nalerts = true\n\
         actions = [\"nudge\"]\n",
        receiver.url()
    );
    let server = watching(&home, &tables).await;
    post(&server, 3, "e", "hello").await;
    receiver.until_count(2).await;
    let begun = Instant::now();
    let dead = loop {
        let dead = server.get("admin", "/v1/deliveries?state=dead").await.json();
        if let Some(dead) = dead["deliveries"].as_array().unwrap().first() {
            break dead["id"].as_str().unwrap().to_owned();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{dead}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let path = format!("/v1/deliveries/{dead}/replay");
    let why = json!({"why": "they are back"}).to_string();
    let replayed = server.post("admin", &path, "application/json", why).await;
    assert_eq!(replayed.status, 200, "{}", replayed.text);
    receiver.until_count(3).await;
    let shown = server.get("admin", &format!("/v1/deliveries/{dead}")).await;
    assert_eq!(shown.json()["replayed_why"], "they are back", "{}", shown.text);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_usual_is_more_than_it_was_in_seven_windows() {
    let home = Home::postgres();
    let Home::Postgres(database) = &home else { panic!("it was asked for") };
    let tables = "[alerts.times]\nsource = \"market\"\nwatch = \"tier\"\ntier = \"high\"\n\
                  window_minutes = 10\ntimes_above = 3\nleast = 4\n";
    let server = watching(&home, "").await;
    post(&server, 4, "e", "hello").await;
    // Seven windows with fourteen: two are usual. Then with ten.
    let minute = Timestamp::now().millis() / 60_000;
    for (what, ago, count) in [("decided", 90, 1), ("tier:high", 30, 14)] {
        database.run(&format!(
            "INSERT INTO rates (source, what, minute, count) VALUES ('market', '{what}', {}, {count})",
            minute - ago
        ));
    }
    look(&server, tables, 0).await;
    assert_eq!(alerts(&server).await, Vec::<Value>::new());
    database.run("UPDATE rates SET count = 7 WHERE count = 14");
    look(&server, tables, 0).await;
    let text = alerts(&server).await.remove(0)["text"].as_str().unwrap().to_owned();
    assert!(text.ends_with("more than 3 times the 1.0 that are usual"), "{text}");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_lists_and_acknowledges() {
    let server = watching(&Home::Sqlite, HIGHS).await;
    post(&server, 3, "e", "hello").await;
    let id = until(&server, 1).await[0]["id"].as_str().unwrap().to_owned();
    let picket = |args: &[&str]| {
        let run = Command::new(env!("CARGO_BIN_EXE_picket"))
            .args(args)
            .env("PICKET_SERVER", format!("http://{}", server.app.address))
            .env("PICKET_KEY", server.key("admin"))
            .output()
            .unwrap();
        let said = [run.stdout, run.stderr].concat();
        (run.status.success(), String::from_utf8(said).unwrap())
    };
    let (good, said) = picket(&["alert", "list"]);
    assert!(good && said.contains("rate.tier") && said.contains("open"), "{said}");
    assert!(picket(&["alert", "ack", &id, "--why", "seen"]).0);
    assert!(!picket(&["alert", "ack", &id, "--why", "seen"]).0);
    let (_, said) = picket(&["alert", "list", "--json"]);
    let all: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(all[0]["state"], "acknowledged");
    server.app.stop().await;
}

#[test]
fn mistakes_in_rules_say_how_to_mend_them() {
    let parse = |text: &str| {
        Config::parse("picket.toml", text, []).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(parse(HIGHS), Ok(()));
    for (from, to, says) in [
        ("tier = \"high\"\n", "", "name it: `tier = "),
        ("count_above = 2", "count_above = 2\nshare_above = 0.2", "write one bound"),
        ("count_above = 2", "", "write one bound"),
        ("count_above = 2", "share_above = 1.0", "from 0 to below 1"),
        ("count_above = 2", "times_above = 0.5", "at least 1"),
        ("= 5", "= 0", "`window_minutes` lies in 1..=1440"),
        ("\"tier\"\ntier = \"high\"", "\"silence\"", "silence has no bound"),
        ("\"tier\"", "\"teir\"", "unknown variant `teir`"),
        ("least", "laest", "unknown field `laest`"),
        ("alerts.highs", "alerts.Highs", "its name is lower-case"),
        ("tier = \"high\"", "tier = \"high\"\nlabel = \"a.b\"", "`label` says nothing here"),
    ] {
        let text = HIGHS.replacen(from, to, 1);
        assert_ne!(text, HIGHS, "{from}");
        let error = parse(&text).unwrap_err();
        assert!(error.contains(says), "{to}: {error}");
    }
}
