//! The flow under stress: clients that leave, servers that stop, detectors that hang.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use databases::{Home, on_both};
use picket::ingest::FingerprintKey;
use picket::model::{DecisionId, Event, RetentionClass, Timestamp};
use reqwest::Method;
use serde_json::json;
use server::{Server, event};
use tokio::io::AsyncWriteExt;

on_both!(threaded:
    a_client_that_leaves_does_not_take_its_event_along,
    half_a_body_is_no_event,
    a_hanging_detector_costs_its_deadline_and_marks_the_decision,
    contacts_are_kept_as_hashes_alone,
    stopping_finishes_what_was_taken,
    what_was_accepted_is_decided_after_a_restart,
    what_the_policy_requires_and_is_absent_degrades,
    an_id_stays_spent_when_its_event_has_gone
);

async fn a_client_that_leaves_does_not_take_its_event_along(home: Home) {
    let server = Server::start(&home).await;
    for number in 0..20 {
        let body = event("market", &format!("gone-{number}"), "loop").to_string();
        let request = format!(
            "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n{body}",
            server.key("platform"),
            body.len()
        );
        // What is recorded may still hold its permit for a moment, and is not this one.
        let idle = || async {
            let free = server.app.ingest.parts().permits.available_permits();
            free == server.app.config.evaluation_queue_max
        };
        server.until("nothing is in flight", idle).await;
        let mut stream = tokio::net::TcpStream::connect(server.app.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // Taken by the server, which is not answered yet: the detector loops for its 10 ms.
        let taken = || async {
            let metrics = server.app.metrics.encode();
            let in_flight = server.app.ingest.parts().permits.available_permits();
            in_flight < server.app.config.evaluation_queue_max
                || metrics.contains(&format!("result=\"decided\"}} {}", number + 1))
        };
        server.until("the event is taken", taken).await;
        drop(stream);
        let recorded = || async {
            server.app.store.claim("market", &format!("gone-{number}")).await.unwrap().is_some()
        };
        server.until("it is recorded all the same", recorded).await;
    }
    assert_eq!(server.event("after", "silent").await.status, 200);
    server.app.stop().await;
}

/// Or what a platform sends again a year later would be done again.
async fn an_id_stays_spent_when_its_event_has_gone(home: Home) {
    let server = Server::start(&home).await;
    assert_eq!(server.event("e-1", "probe this").await.status, 200);
    let later = Timestamp::now().plus_millis(3_600_000);
    let mut gone = 0;
    for class in RetentionClass::ALL {
        gone += server.app.store.prune(class, later).await.unwrap();
    }
    assert_eq!(gone, 1);
    let body = || event("market", "e-1", "probe this").to_string();
    let again = server.event("e-1", "probe this").await;
    assert_eq!((again.status, again.problem().as_str()), (410, "spent"));
    let request = server.request("platform", Method::POST, "/v1/events").body(body());
    let request = request.header("content-type", "application/cloudevents+json");
    let accepted = request.header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(accepted.status(), 410);
    let batch = "/v1/events/batch";
    let line = server.post("platform", batch, "application/x-ndjson", body()).await;
    assert_eq!(line.json()["status"], 410, "{}", line.text);
    let decided = server.get("reviewer", "/v1/decisions").await.json();
    assert_eq!(decided["decisions"], json!([]));
    assert_eq!(server.event("e-2", "probe this").await.status, 200);
    server.app.stop().await;
}

async fn half_a_body_is_no_event(home: Home) {
    let server = Server::start(&home).await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/cloudevents+json\r\ncontent-length: 1000\r\n\r\n{{\"specversion\":",
        server.key("platform")
    );
    let mut stream = tokio::net::TcpStream::connect(server.app.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(server.event("after", "silent").await.status, 200);
    let page = server.get("admin", "/v1/decisions").await.json();
    assert_eq!(page["decisions"].as_array().unwrap().len(), 1);
    server.app.stop().await;
}

async fn a_hanging_detector_costs_its_deadline_and_marks_the_decision(home: Home) {
    let server = Server::start(&home).await;
    let decision = server.event("hang", "loop").await.json();
    assert_eq!(decision["findings"][0]["outcome"], "deadline");
    assert_eq!((&decision["degraded"], &decision["review"]), (&json!(true), &json!(true)));
    let micros = decision["findings"][0]["micros"].as_u64().unwrap();
    assert!((10_000..30_000).contains(&micros), "{micros}");
    let decision = server.event("panic", "panic now").await.json();
    assert_eq!(decision["findings"][0]["outcome"], "trap");
    assert!(decision["findings"][0]["error"].as_str().unwrap().contains("told to panic"));
    let decision = server.event("nan", "nan").await.json();
    assert_eq!(decision["findings"][0]["outcome"], "invalid");
    assert_eq!(server.event("good", "hello").await.json()["degraded"], false);
    server.app.stop().await;
}

async fn contacts_are_kept_as_hashes_alone(home: Home) {
    let server = Server::start(&home).await;
    let decision = server.event("entity", "entity").await;
    assert!(decision.text.contains("\"kind\":\"phone\"") && !decision.text.contains("5550100"));
    let quote = server.event("quote", "quote me 555-0199").await.json();
    assert_eq!(quote["signals"][0]["reason"], "it said •••");
    server.app.stop().await;
}

async fn stopping_finishes_what_was_taken(home: Home) {
    let server = Server::start(&home).await;
    let Server { app, client, .. } = &server;
    let url = format!("http://{}/v1/events", app.address);
    let posts: Vec<_> = (0..32)
        .map(|number| {
            let body = event("market", &format!("stop-{number}"), "loop").to_string();
            let request = client.post(&url).bearer_auth(server.key("platform"));
            let request = request.header("content-type", "application/cloudevents+json").body(body);
            tokio::spawn(async move { request.send().await })
        })
        .collect();
    let permits = app.config.evaluation_queue_max;
    server
        .until("some are in flight", || async {
            app.ingest.parts().permits.available_permits() < permits
        })
        .await;
    let Server { app, dir, .. } = server;
    app.stop().await;
    let mut acknowledged = Vec::new();
    for (number, post) in posts.into_iter().enumerate() {
        // A connection that was never accepted is no promise.
        if let Ok(response) = post.await.unwrap() {
            assert_eq!(response.status(), 200);
            acknowledged.push(number);
        }
    }
    assert!(!acknowledged.is_empty());
    let server = Server::start_in(&home, dir, |_| {}).await;
    for number in acknowledged {
        let kept = server.app.store.claim("market", &format!("stop-{number}")).await.unwrap();
        assert!(kept.is_some_and(|kept| kept.decision.is_some()), "stop-{number} was acknowledged");
    }
    server.app.stop().await;
}

async fn what_was_accepted_is_decided_after_a_restart(home: Home) {
    let server = Server::start(&home).await;
    let bounds = server.app.config.event_bounds();
    let envelope = event("market", "accepted", "hello");
    let accepted = Event::parse(envelope, &bounds, Timestamp::now()).unwrap();
    let key = std::fs::read(server.path("data/host.key")).unwrap();
    let fingerprint = FingerprintKey::new(&key.try_into().unwrap()).of(&accepted);
    let id = DecisionId::new();
    // As if the server had died between the promise and the decision.
    server.app.store.accept(&accepted, Timestamp::now(), fingerprint, id).await.unwrap();
    let Server { app, dir, .. } = server;
    app.stop().await;
    let server = Server::start_in(&home, dir, |_| {}).await;
    let path = format!("/v1/decisions/{id}");
    server
        .until("it is decided", || async { server.get("admin", &path).await.status == 200 })
        .await;
    assert_eq!(server.event("accepted", "hello").await.json()["id"], id.to_string());
    server.app.stop().await;
}

async fn what_the_policy_requires_and_is_absent_degrades(home: Home) {
    let server = Server::start(&home).await;
    std::fs::remove_file(server.path("detectors/probe.wasm")).unwrap();
    server.until("the probe is retired", || async { server.probe_version().is_none() }).await;
    let decision = server.event("without", "hello").await.json();
    assert_eq!(decision["findings"][0]["outcome"], "skipped");
    assert_eq!(decision["findings"][0]["version"], json!(null));
    assert_eq!((&decision["degraded"], &decision["review"]), (&json!(true), &json!(true)));
    server.app.stop().await;
}
