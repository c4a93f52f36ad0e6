//! Alerts that rules of a policy ask for: in the same list, told by the same channels, acknowledged and resolved
//! as those of rates.

use databases::{Home, on_both};
use picket::config::Config;
use serde_json::json;

use super::receiver::{Does, Receiver};
use super::server::{self, POLICY, Server};
use super::{HIGHS, alerts, calm, look, post};

on_both!(threaded:
    what_a_rule_of_a_policy_asks_for_is_an_alert_like_any_other
);

async fn what_a_rule_of_a_policy_asks_for_is_an_alert_like_any_other(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    // A rule of the configuration that has the same name is another one.
    let tables = format!(
        "{}[destinations.market]\nurl = \"{}\"\nallow_private = true\nalerts = true\n\
         actions = [\"nudge\"]\n",
        HIGHS.replace("alerts.highs", "alerts.seen").replace("count_above = 2", "count_above = 0"),
        receiver.url()
    );
    let told = Config::parse("picket.toml", &tables, []).unwrap();
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    let policy = POLICY.replace("NAME", "market");
    let rule = "\n[[rules]]\nname = \"any\"\nwhen = 'score >= 0.0'\nalert = \"seen\"\n";
    server::write(&dir.path().join("policies/market.toml"), format!("{policy}{rule}").as_bytes());
    let server = Server::start_in(&home, dir, |config| config.destinations = told.destinations);
    let server = server.await;
    let asked = async || {
        let all = alerts(&server).await.into_iter();
        all.filter(|one| one["kind"] == "rule.alert").collect::<Vec<_>>()
    };
    let first = server.event("e-0", "silent").await.json();
    assert_eq!(first["alerts"], json!(["seen"]), "{first}");
    post(&server, 3, "again", "silent").await;

    // One, though several asked; told where alerts are told, when the decision is durable.
    let all = asked().await;
    let alert = &all[0];
    assert_eq!((all.len(), &alert["state"], &alert["count"]), (1, &json!("open"), &json!(1)));
    assert_eq!((&alert["source"], &alert["object"]), (&json!("market"), &json!("seen")));
    let text = alert["text"].as_str().unwrap();
    assert!(text.contains(first["id"].as_str().unwrap()), "{text}");
    let hook = receiver.until_count(1).await.remove(0);
    assert_eq!((hook.text("type"), &hook.body["alert"]["text"]), ("alert.raised", &alert["text"]));
    assert_eq!(hook.body["alert"]["kind"], "rule.alert");

    let id = alert["id"].as_str().unwrap().to_owned();
    let why = json!({"why": "a campaign"}).to_string();
    let path = format!("/v1/alerts/{id}/acknowledge");
    assert_eq!(server.post("reviewer", &path, "application/json", why).await.status, 200);
    post(&server, 1, "more", "silent").await;
    assert_eq!(asked().await.len(), 1);
    let log = server.get("auditor", &format!("/v1/audit?object={id}&limit=50")).await.text;
    for said in ["alert.raised", "alert.acknowledged"] {
        assert_eq!(log.matches(said).count(), 1, "{said}: {log}");
    }

    // After an hour without, it is over: not before.
    calm(&server, &tables, 58).await;
    assert_eq!(asked().await[0]["state"], "acknowledged");
    calm(&server, &tables, 61).await;
    assert_eq!(asked().await[0]["state"], "resolved");
    let hook = receiver.until_count(2).await.remove(1);
    assert_eq!((hook.text("type"), hook.id()), ("alert.resolved", &*format!("{id}.resolved")));
    // What asks now is another, and the rule of the configuration stands beside it.
    post(&server, 1, "anew", "silent").await;
    look(&server, &tables.replace("tier = \"high\"", "tier = \"low\""), 0).await;
    let mut open: Vec<String> =
        alerts(&server).await.iter().map(|one| one["kind"].to_string()).collect();
    open.sort();
    assert_eq!(open, ["\"rate.tier\"", "\"rule.alert\"", "\"rule.alert\""]);
    server.app.stop().await;
}
