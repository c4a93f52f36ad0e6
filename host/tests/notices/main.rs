//! Notices on a real server: e-mail over SMTP and short messages over HTTP, against receivers that fail in
//! every way.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

#[path = "../fixture/mod.rs"]
mod fixture;
mod mail;
mod postbox;
#[path = "../receiver/mod.rs"]
mod receiver;
#[path = "../server/mod.rs"]
mod server;
mod sms;
mod trouble;

use std::time::{Duration, Instant};

use databases::Home;
use picket::config::Config;
use serde_json::{Value, json};
use server::Server;

/// A server with these tables in its configuration, on which what failed is tried again at once.
async fn telling(home: &Home, tables: &str) -> Server {
    let told = Config::parse("picket.toml", tables, []).unwrap();
    Server::start_with(home, move |config| {
        (config.email, config.sms) = (told.email, told.sms);
        config.destinations = told.destinations;
        config.delivery_retry_ms = vec![1, 2, 5];
        config.delivery_attempts_max = 4;
        config.delivery_timeout_ms = 1_500;
    })
    .await
}

/// Posts an event that is held back, with these data besides, and returns the decision.
async fn post(server: &Server, id: &str, subject: &str, data: Value) -> Value {
    let mut event = server::event("market", id, "hello");
    event["subject"] = json!(subject);
    for (key, value) in data.as_object().unwrap() {
        event["data"][key] = value.clone();
    }
    if let Some(kind) = data.get("type") {
        event["type"] = kind.clone();
    }
    let media_type = "application/cloudevents+json";
    let answer = server.post("platform", "/v1/events", media_type, event.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Waits until a delivery stands so, and returns it.
async fn until(server: &Server, id: &str, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let found = server.get("admin", &format!("/v1/deliveries/{id}")).await;
        if found.status == 200 && found.json()["state"] == state {
            return found.json();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{id} is not {state}: {}", found.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Says something of a decision as a reviewer, and returns the status.
async fn rule(server: &Server, decision: &Value, word: &str) -> u16 {
    let path = format!("/v1/decisions/{}/ruling", decision["id"].as_str().unwrap());
    let ruling = json!({"ruling": word, "why": "a mistake"});
    let request = server.request("reviewer", reqwest::Method::PUT, &path).json(&ruling);
    request.send().await.unwrap().status().as_u16()
}

/// What came of each try of a delivery.
fn outcomes(delivery: &Value) -> Vec<String> {
    let tries = delivery["tries"].as_array().unwrap().iter();
    tries.map(|one| one["outcome"].as_str().unwrap().to_owned()).collect()
}
