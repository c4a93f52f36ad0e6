//! What the server does about a version by itself: one that leaves its bounds, keeps failing or answers
//! one event in two ways is held back, and everybody who asks is told why. And none uses more than the
//! operator lets it.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use std::collections::BTreeMap;

use databases::{Home, on_both};
use picket::config::Config;
use picket::model::Landing;
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, Server};

on_both!(threaded:
    a_canary_that_leaves_its_bounds_goes_back_to_shadow_and_says_why,
    what_keeps_failing_goes_into_quarantine_and_the_last_good_version_serves,
    what_answers_one_event_in_two_ways_is_told_and_may_not_be_promoted
);

/// Puts 1.1.0 on trial for everybody, within these bounds.
async fn try_within(server: &Server, bounds: Value) {
    let canary = json!({"share": 1.0, "bounds": bounds});
    let body = json!({"stage": "canary", "why": "a test", "canary": canary});
    let moved = server.put_stage("engineer", "1.1.0", body).await;
    assert_eq!(moved.status, 200, "{}", moved.text);
}

/// Posts so many messages, each with the next of these texts, and returns the decisions.
async fn post(server: &Server, round: &str, count: usize, texts: &[&str]) -> Vec<Value> {
    let mut decisions = Vec::new();
    for number in 0..count {
        let id = format!("{round}-{number}");
        let answer = server.event(&id, texts[number % texts.len()]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        decisions.push(answer.json());
    }
    decisions
}

async fn standing(server: &Server) -> (Value, String) {
    let detail = server.get("engineer", "/v1/detectors/probe").await.json();
    let rows = detail["deployments"].as_array().expect("rows").clone();
    let row = rows.into_iter().find(|row| row["version"] == "1.1.0").expect("it was shipped");
    (row["stage"].clone(), row["why"].as_str().expect("a reason").to_owned())
}

/// Waits until it is back in shadow, and looks at all that is said of it.
async fn ended(server: &Server, round: usize, says: &str) {
    let back = || async { standing(server).await.0 == "shadow" };
    server.until("the canary has ended", back).await;
    let (_, why) = standing(server).await;
    assert!(why.contains(says), "{says}: {why}");
    let alerts = server.get("reviewer", "/v1/alerts").await.json();
    assert_eq!(alerts.as_array().expect("alerts").len(), round, "one each: {alerts}");
    let alert = &alerts[0];
    assert_eq!(
        (&alert["kind"], &alert["object"]),
        (&"detector.canary_ended".into(), &"probe 1.1.0".into())
    );
    assert_eq!(alert["text"], why);
    let audit = server.audited().await;
    let entry = audit.last().expect("an entry");
    assert_eq!(
        (&entry["what"], &entry["facts"]["why"]),
        (&"detector.canary_ended".into(), &why.into())
    );
    assert_eq!(
        (&entry["facts"]["from"], &entry["facts"]["to"]),
        (&"canary".into(), &"shadow".into())
    );
    assert_eq!(entry["actor"], "system", "nobody did it by hand: {entry}");
    let metrics = server.get("engineer", "/metrics").await.text;
    let counted = format!("picket_incidents_total{{kind=\"canary_ended\"}} {round}");
    assert!(metrics.contains(&counted), "{metrics}");
    // It has no say any more, and what served before has it again.
    let decision = server.event(&format!("after-{round}"), "hello").await.json();
    let counted = |it: &&Value| it["counted"] == true;
    let findings = decision["findings"].as_array().expect("findings").iter();
    let versions: Vec<_> = findings.filter(counted).map(|it| &it["version"]).collect();
    assert_eq!(versions, ["1.0.0"]);
}

async fn a_canary_that_leaves_its_bounds_goes_back_to_shadow_and_says_why(home: Home) {
    let server = Server::start_with(&home, |config| config.watch = false).await;
    let shipped = server.ship("engineer", "", fixture::probe_next()).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text);

    // Within its bounds it stays: one failure of 40 is what is allowed.
    try_within(&server, json!({"events_min": 20, "failure_rate_max": 0.025})).await;
    post(&server, "good", 39, &["hello", "silent"]).await;
    post(&server, "one-failure", 1, &["error"]).await;
    // Far fewer failures than would stop it altogether.
    let texts = ["hello", "hello", "hello", "hello", "error"];
    let within = |round: &'static str| post(&server, round, 10, &texts);
    assert_eq!(standing(&server).await.0, "canary");
    within("failures").await;
    // It is looked at now and then, perhaps before all of them are there: how many failed is its word.
    ended(&server, 1, "events, and 2.50 % are allowed").await;

    try_within(&server, json!({"events_min": 20, "fire_rate_max": 0.4})).await;
    post(&server, "fires", 20, &["hello", "silent"]).await;
    ended(&server, 2, "it found something in 50.00 % of 20 events, and 40.00 % are allowed").await;

    try_within(&server, json!({"events_min": 20, "fire_rate_min": 0.6})).await;
    post(&server, "silent", 20, &["hello", "silent"]).await;
    ended(&server, 3, "at least 60.00 % are expected").await;

    try_within(&server, json!({"events_min": 20, "mean_micros_max": 0})).await;
    post(&server, "costs", 20, &["hello"]).await;
    ended(&server, 4, "and 0 us are allowed").await;

    // People overturn what it had a say in.
    try_within(&server, json!({"events_min": 20, "overturn_rate_max": 0.5})).await;
    let decisions = post(&server, "ruled", 20, &["hello"]).await;
    for (number, word) in
        ["upheld", "upheld", "overturned", "overturned", "overturned"].iter().enumerate()
    {
        assert_eq!(standing(&server).await.0, "canary", "after {number} rulings");
        let path =
            format!("/v1/decisions/{}/ruling", decisions[number]["id"].as_str().expect("an id"));
        let say = json!({"ruling": word, "why": "a test"});
        let request = server.request("reviewer", Method::PUT, &path).json(&say);
        let ruled = Answer::of(request.send().await.expect("an answer")).await;
        assert_eq!(ruled.status, 200, "{}", ruled.text);
    }
    ended(&server, 5, "of 5 of its decisions that a person looked at 60.00 % were overturned")
        .await;
    server.app.stop().await;
}

/// Posts events that every version of the probe fails on until the breaker has opened.
async fn fail(server: &Server, from: usize) {
    for number in from..from + 25 {
        let answer = server.event(&format!("fail-{number}"), "panic").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

async fn what_keeps_failing_goes_into_quarantine_and_the_last_good_version_serves(home: Home) {
    let server = Server::start_with(&home, |config| config.watch = false).await;
    server::write(&server.path("detectors/probe.wasm"), fixture::probe_next());
    server.app.registry.scan().await.unwrap();
    fail(&server, 0).await;
    let standing = || async {
        let detail = server.get("engineer", "/v1/detectors/probe").await.json();
        let rows = detail["deployments"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| format!("{} {}", row["version"], row["stage"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    let fallen = || async { standing().await == ["1.0.0 active", "1.1.0 quarantined"] };
    server.until("1.0.0 serves again", fallen).await;
    let alerts = server.get("engineer", "/v1/alerts").await.json();
    let kinds: Vec<_> = alerts.as_array().unwrap().iter().map(|alert| &alert["kind"]).collect();
    assert_eq!(kinds, ["detector.fell_back", "detector.quarantined"]);
    let audit = server.get("auditor", "/v1/audit?after=0").await.text;
    assert!(audit.contains("detector.quarantined") && audit.contains("detector.fell_back"));
    // With nothing left to fall back to, it is missed and the decision says so.
    fail(&server, 100).await;
    let gone = || async {
        standing().await == ["1.0.0 quarantined", "1.1.0 quarantined"]
            || standing().await == ["1.1.0 quarantined", "1.0.0 quarantined"]
    };
    server.until("1.0.0 is in quarantine too", gone).await;
    let decision = server.event("after", "words").await.json();
    assert_eq!(decision["degraded"], true, "{decision:#}");
    // What answers again comes back to where it stood, for nobody took its place.
    let rows = server.app.registry.standings().await.unwrap();
    let good = rows.iter().find(|(row, _)| row.manifest.version.to_string() == "1.1.0").unwrap();
    server.app.registry.recover(good.1).await.unwrap();
    assert_eq!(standing().await, ["1.1.0 active", "1.0.0 quarantined"]);
    server.app.stop().await;
}

/// Settings that are those of no other row: the same file becomes another one that asks to go live.
const OTHER: &str = "settings=%7B%22score%22%3A0.3%7D";

/// A server whose operator says this of the probe, in the words of the configuration.
async fn ruled(home: &Home, rules: &str, change: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(home, |config| {
        config.watch = false;
        config.detectors = toml::from_str(rules).expect("rules");
        config.upload_stage = BTreeMap::from([("*".to_owned(), Landing::Active)]);
        change(config);
    })
    .await
}

/// The probe of 1.0.0 as the catalogue has it.
async fn status(server: &Server) -> Value {
    let catalogue = server.get("engineer", "/v1/detectors").await.json();
    let rows = catalogue["detectors"].as_array().expect("detectors").clone();
    rows.into_iter().find(|row| row["version"] == "1.0.0").expect("it was shipped")
}

/// Posts five events about which the probe says how often this instance of it was called, and waits
/// until each run was done again.
async fn count(server: &Server) -> Vec<String> {
    let decisions = post(server, "state", 5, &["state"]).await;
    let done = || async { status(server).await["vitals"]["purity"]["compared"] == 5 };
    server.until("each run was compared with a second one", done).await;
    let said = decisions.iter().map(|it| it["signals"][0]["reason"].as_str().expect("a reason"));
    said.map(|reason| reason.split(" of ").next().unwrap_or_default().to_owned()).collect()
}

async fn what_answers_one_event_in_two_ways_is_told_and_may_not_be_promoted(home: Home) {
    const WHY: &str = "signal 1: other reason of safety.probe each time";
    // A tenth of the runs would be done again, and ten times as many of a kept instance: each.
    let warm = "[probe]\nisolation = 'warm'";
    let server = ruled(&home, warm, |config| config.purity_check_every = 10).await;
    assert_eq!(count(&server).await, ["call 1", "call 2", "call 3", "call 4", "call 5"]);
    let marked = || async { status(&server).await["impure"] == WHY };
    server.until("it is marked", marked).await;
    let found = status(&server).await;
    assert_eq!((&found["isolation"], &found["stage"]), (&json!("warm"), &json!("active")));
    // All but the first call of a fresh instance.
    assert_eq!(found["vitals"]["purity"]["differed"], 4);
    let alerts = server.get("reviewer", "/v1/alerts").await.json();
    let told: Vec<_> = alerts.as_array().unwrap().iter().collect();
    assert_eq!(told.len(), 1, "told once: {alerts}");
    assert_eq!(
        (&told[0]["kind"], &told[0]["object"], &told[0]["text"]),
        (&json!("detector.impure"), &json!("probe 1.0.0"), &json!(WHY))
    );
    let entry = server.audited().await.pop().expect("an entry");
    assert_eq!((&entry["what"], &entry["facts"]["why"]), (&json!("detector.impure"), &json!(WHY)));
    assert_eq!(entry["actor"], "system");
    let metrics = server.get("engineer", "/metrics").await.text;
    assert!(metrics.contains("picket_incidents_total{kind=\"impure\"} 1"), "{metrics}");
    let run = async |args: &[&str]| server.picket("engineer", args).await;
    for args in [&["list"][..], &["show", "probe"], &["show", "probe@1.0.0"]] {
        let (good, said) = run(args).await;
        assert!(good && said.contains("warm: an instance is kept"), "{args:?}: {said}");
        assert!(said.contains("impure"), "{args:?}: {said}");
    }
    assert!(
        run(&["list"]).await.1.contains(WHY) && run(&["show", "probe@1.0.0"]).await.1.contains(WHY)
    );

    // The same bytes do not go live by another way, and what serves serves on.
    let sent = server.ship("engineer", OTHER, fixture::probe()).await;
    assert_eq!((sent.status, &*sent.problem()), (422, "detector-refused"), "{}", sent.text);
    let refusal = format!("probe 1.0.0 is not pure: {WHY}");
    assert_eq!(sent.json()["detail"], refusal);
    server::write(&server.path("detectors/probe.toml"), b"score = 0.2");
    server.app.registry.scan().await.unwrap();
    assert_eq!(status(&server).await["last_error"]["error"], refusal);
    assert_eq!(server.event("meanwhile", "hello").await.json()["signals"][0]["score"], 0.5);
    // In shadow they harm nobody.
    let sent = server.ship("engineer", &format!("{OTHER}&stage=shadow"), fixture::probe()).await;
    assert_eq!((sent.status, &sent.json()["stage"]), (201, &json!("shadow")), "{}", sent.text);

    // It comes back by nobody's word once another serves.
    let next = server.ship("engineer", "", fixture::probe_next()).await;
    assert_eq!((next.status, &next.json()["stage"]), (201, &json!("active")), "{}", next.text);
    let said = format!("probe 1.0.0 is not pure, so no decision of it could be replayed: {WHY}");
    for body in [
        json!({"stage": "active", "why": "a test"}),
        json!({"stage": "canary", "why": "a test", "canary": {"share": 0.1}}),
    ] {
        let moved = server.put_stage("engineer", "1.0.0", body).await;
        assert_eq!((moved.status, &*moved.problem()), (422, "detector-refused"));
        assert_eq!(moved.json()["detail"], said);
    }
    let (good, told) = run(&["promote", "probe@1.0.0", "--why", "a test", "--yes"]).await;
    assert!(!good && told.contains(&said), "{told}");
    let (good, told) = run(&["rollback", "probe"]).await;
    assert!(
        !good && told.contains("probe 1.0.0, which served every source before, is not pure"),
        "{told}"
    );
    assert_eq!(server.probe_version().as_deref(), Some("1.1.0"));
    server.app.stop().await;

    // Nobody granted it: each event has a fresh instance, and the state is gone.
    let server = ruled(&home.another(), "", |config| config.purity_check_every = 1).await;
    assert_eq!(count(&server).await, ["call 1"; 5]);
    let found = status(&server).await;
    assert_eq!((&found["isolation"], &found["impure"]), (&json!("fresh"), &Value::Null));
    assert_eq!(found["vitals"]["purity"]["differed"], 0);
    assert_eq!(server.get("reviewer", "/v1/alerts").await.json(), json!([]));
    server.app.stop().await;
}

/// The time of a run that ends like this.
async fn failed(server: &Server, id: &str, text: &str, outcome: &str) -> u64 {
    let decision = server.event(id, text).await.json();
    let finding = decision["findings"][0].clone();
    assert_eq!(finding["outcome"], outcome, "{finding:#}");
    // What is missing is missed: the policy's word for that.
    assert_eq!((&decision["degraded"], &decision["review"]), (&json!(true), &json!(true)));
    finding["micros"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_uses_no_more_than_the_operator_lets_it() {
    let rules = "[probe.budget]\ndeadline_ms = 1\nmemory_bytes = 4194304";
    let server = ruled(&Home::Sqlite, rules, |_| {}).await;
    let budget = status(&server).await["budget"].clone();
    assert_eq!((&budget["deadline_ms"], &budget["memory_bytes"]), (&json!(1), &json!(4_194_304)));
    // What nobody lowered is what its manifest and the ceiling say.
    assert_eq!((&budget["signals"], &budget["log_lines"]), (&json!(64), &json!(16)));
    let (good, said) = server.picket("engineer", &["show", "probe@1.0.0"]).await;
    assert!(good && said.contains("for one event at most 1 ms, 4.00 MiB of memory"), "{said}");
    let mut shortest = u64::MAX;
    for number in 0..5 {
        shortest =
            shortest.min(failed(&server, &format!("loop-{number}"), "loop", "deadline").await);
    }
    // Never so little where it has ten milliseconds, as it asks for; seldom as much as that where it has one.
    assert!((1_000..10_000).contains(&shortest), "{shortest} us");
    server.app.stop().await;

    // With more time it comes to its limit of memory.
    let rules = "[probe.budget]\nmemory_bytes = 4194304";
    let server = ruled(&Home::Sqlite, rules, |_| {}).await;
    failed(&server, "memory", "memory", "memory").await;
    let vitals = status(&server).await["vitals"].clone();
    let held = vitals["memory_bytes_max"].as_u64().expect("a number");
    assert!((1 << 20..=4 << 20).contains(&held), "{vitals:#}");
    server.app.stop().await;
}
