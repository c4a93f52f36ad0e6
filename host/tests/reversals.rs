//! All that a version caused, overturned in one act: what is due to it and no more, once, also over a restart.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod receiver;
mod server;

use databases::{Home, on_both};
use picket::config::{Config, Destination};
use picket::model::Timestamp;
use receiver::{Does, Receiver};
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, POLICY, Server};

on_both!(threaded:
    what_is_due_to_a_version_is_overturned_and_no_more,
    a_reversal_goes_on_after_a_restart
);

const STRIKES: &str = "\n[strikes]\ntiers = [\"high\"]\nwindow_days = 30\n\
    [[strikes.steps]]\naction = \"cooldown\"\nfor_h = 24\n";

async fn started(home: &Home, change: impl FnOnce(&mut Config)) -> Server {
    let dir = tempfile::tempdir().unwrap();
    server::furnish(dir.path());
    let email = picket_bundle::DETECTORS.iter().find(|own| own.name == "contact-email").unwrap();
    server::write(&dir.path().join("detectors/contact-email.wasm"), email.component);
    let policy = POLICY
        .replace("NAME", "market")
        .replace("\"safety.next\" = 1.0", "\"safety.next\" = 1.0\n\"contact.email\" = 1.0");
    server::write(&dir.path().join("policies/market.toml"), (policy + STRIKES).as_bytes());
    Server::start_in(home, dir, change).await
}

/// Posts a message and returns the decision's id.
async fn said(server: &Server, id: &str, subject: &str, content: &str) -> String {
    let mut event = server::event("market", id, content);
    event["subject"] = json!(subject);
    event["time"] = json!(Timestamp::now().to_string());
    let media_type = "application/cloudevents+json";
    let answer = server.post("platform", "/v1/events", media_type, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn asked(server: &Server, who: &str, path: &str, body: &Value) -> Answer {
    Answer::of(server.request(who, Method::POST, path).json(body).send().await.unwrap()).await
}

fn wrong(kind: &str, name: &str, version: &str) -> Value {
    let since = Timestamp::now().plus_millis(-3_600_000).to_string();
    json!({
        "source": "market", "cause": {"kind": kind, "name": name, "version": version}, "since": since,
    })
}

/// Has it overturned, and returns what was done when it is through.
async fn reversed(server: &Server, mut wrong: Value) -> Value {
    wrong["why"] = json!("it was wrong");
    let begun = asked(server, "admin", "/v1/reversals", &wrong).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    through(server, begun.json()["id"].as_str().unwrap()).await
}

async fn through(server: &Server, id: &str) -> Value {
    let path = format!("/v1/reversals/{id}");
    server
        .until("it is through", async || {
            !server.get("admin", &path).await.json()["ended_at"].is_null()
        })
        .await;
    server.get("reviewer", &path).await.json()
}

async fn ruling(server: &Server, decision: &str) -> Option<String> {
    let answer = server.get("reviewer", &format!("/v1/decisions/{decision}/ruling")).await;
    (answer.status == 200).then(|| answer.json()["ruling"].as_str().unwrap().to_owned())
}

async fn what_is_due_to_a_version_is_overturned_and_no_more(home: Home) {
    let receiver = Receiver::start(|_| Does::Answer(200)).await;
    let to = Destination::plain(receiver.url(), None);
    let server = started(&home, |config| {
        config.destinations.insert("market".to_owned(), to);
    })
    .await;
    let ann = said(&server, "e-1", "ann", "hello").await;
    let bob = said(&server, "e-2", "bob", "hello").await;
    // Another detector would have had it held back as well.
    let both = said(&server, "e-3", "cid", "hello write to cid@example.com").await;
    said(&server, "e-4", "ann", "silent").await;
    let upheld = said(&server, "e-5", "dan", "hello").await;
    let rule = json!({"ruling": "upheld", "why": "it was right"});
    let path = format!("/v1/decisions/{upheld}/ruling");
    server.request("reviewer", Method::PUT, &path).json(&rule).send().await.unwrap();

    let probe = wrong("detector", "probe", "1.0.0");
    let preview = asked(&server, "engineer", "/v1/reversals/preview", &probe).await.json();
    let counts = |of: &Value| {
        ["overturned", "strikes", "restrictions", "told", "ruled", "unclear"]
            .map(|name| of[name].as_u64().unwrap())
    };
    assert_eq!(counts(&preview), [2, 2, 2, 4, 1, 0], "{preview}");
    assert_eq!((&preview["subjects"], &preview["more"]), (&json!(2), &json!(false)));
    assert_eq!(preview["actions"], json!([{"action": "cooldown", "decisions": 2}]));
    assert_eq!(ruling(&server, &ann).await, None, "a preview changes nothing");
    for other in [wrong("detector", "probe", "9.9.9"), wrong("policy", "market", "7")] {
        let preview = asked(&server, "engineer", "/v1/reversals/preview", &other).await.json();
        assert_eq!(counts(&preview), [0, 0, 0, 0, 0, 0], "{preview}");
    }

    let mut explained = probe.clone();
    explained["why"] = json!("it was wrong");
    for who in ["reviewer", "engineer", "platform"] {
        assert_eq!(asked(&server, who, "/v1/reversals", &explained).await.status, 403, "{who}");
    }
    explained["source"] = json!("nowhere");
    assert_eq!(asked(&server, "admin", "/v1/reversals", &explained).await.status, 404);
    let done = reversed(&server, probe.clone()).await;
    assert_eq!(counts(&done), counts(&preview), "{done}");
    for (decision, word) in [
        (&ann, Some("overturned")),
        (&bob, Some("overturned")),
        (&both, None),
        (&upheld, Some("upheld")),
    ] {
        assert_eq!(ruling(&server, decision).await.as_deref(), word);
    }
    // Their platform is told, and nothing counts against them any more.
    let received = receiver.until_count(8 + 4).await;
    let lifted: Vec<_> = received
        .iter()
        .filter(|one| one.text("type").starts_with("lift."))
        .map(|one| (one.text("subject"), one.text("type")))
        .collect();
    for subject in ["ann", "bob"] {
        for kind in ["lift.cooldown", "lift.soft_block"] {
            assert!(lifted.contains(&(subject, kind)), "{subject} {kind}: {lifted:?}");
        }
    }
    assert_eq!(lifted.len(), 4);
    let check =
        json!({"source": "market", "subjects": ["ann", "cid", "dan"], "type": "message.sent"});
    let check = asked(&server, "platform", "/v1/restrictions/check", &check).await.json();
    let allowed: Vec<_> =
        check["results"].as_array().unwrap().iter().map(|one| one["allowed"].clone()).collect();
    assert_eq!(allowed, [json!(true), json!(false), json!(false)]);
    // Once more changes nothing.
    let again = reversed(&server, probe).await;
    assert_eq!(counts(&again), [0, 0, 0, 0, 3, 0], "{again}");
    // Who, what and how far is in the log, and each decision's entry names the act.
    let log = server.get("auditor", &format!("/v1/audit?object={ann}")).await.json();
    let ruled = log.as_array().unwrap().iter().find(|it| it["what"] == "decision.ruled");
    assert_eq!(ruled.unwrap()["facts"]["reversal"], done["id"], "{log}");
    let id = done["id"].as_str().unwrap();
    let log = server.get("auditor", &format!("/v1/audit?object={id}")).await.json();
    let whats: Vec<_> = log.as_array().unwrap().iter().map(|it| it["what"].clone()).collect();
    assert_eq!(whats.first(), Some(&json!("reversal.begun")));
    assert_eq!(whats.last(), Some(&json!("reversal.ended")));
    server.app.stop().await;
}

async fn a_reversal_goes_on_after_a_restart(home: Home) {
    const EVENTS: usize = 130;
    let server = started(&home, |_| {}).await;
    for number in 0..EVENTS {
        said(&server, &format!("e-{number}"), &format!("user-{number}"), "hello").await;
    }
    let mut policy = wrong("policy", "market", "1");
    policy["why"] = json!("it was wrong");
    let begun = asked(&server, "admin", "/v1/reversals", &policy).await.json();
    let Server { app, dir, .. } = server;
    app.stop().await;
    let server = Server::start_in(&home, dir, |_| {}).await;
    let done = through(&server, begun["id"].as_str().unwrap()).await;
    let sums = ["seen", "overturned", "strikes"].map(|name| done[name].as_u64().unwrap());
    assert_eq!(sums, [EVENTS as u64; 3], "{done}");
    assert_eq!(done["why"], "it was wrong");
    server.app.stop().await;
}
