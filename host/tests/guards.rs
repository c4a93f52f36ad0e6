//! A canary that leaves its bounds goes back to shadow by itself, and says why to everybody who asks.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use databases::{Home, on_both};
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, Server};

on_both!(threaded:
    a_canary_that_leaves_its_bounds_goes_back_to_shadow_and_says_why
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
