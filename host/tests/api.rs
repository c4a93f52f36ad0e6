//! The HTTP API through a real socket.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

mod fixture;
mod server;

use databases::{Home, on_both};
use picket::api::routes;
use reqwest::Method;
use serde_json::{Value, json};
use server::{Answer, Server, event};

on_both!(threaded:
    nothing_but_health_answers_without_a_key,
    every_role_gets_in_where_it_may_and_nowhere_else,
    an_event_gets_its_decision_in_every_mode_of_cloudevents,
    the_same_id_has_one_decision_and_another_body_is_a_conflict,
    a_batch_is_answered_line_by_line_in_order,
    bad_input_is_answered_clearly_and_the_next_request_is_fine,
    a_platform_sees_nothing_of_another,
    a_key_that_is_bound_to_a_source_has_no_part_in_what_is_global,
    a_dry_run_decides_and_records_nothing,
    in_shadow_everything_is_decided_and_nothing_enforced,
    an_event_may_be_decided_later,
    pages_are_stable_while_decisions_come,
    a_key_is_limited_in_rate_and_told_so,
    a_full_server_says_so_and_health_still_answers,
    a_client_that_dawdles_with_its_head_is_cut_off,
    a_revoked_key_works_no_longer_than_a_second,
    answers_carry_a_request_id_and_the_headers_that_keep_browsers_safe
);

const CLOUDEVENT: &str = "application/cloudevents+json";
const NDJSON: &str = "application/x-ndjson";

/// A path of this shape.
fn somewhere(path: &str) -> String {
    let names = ["{id}", "{name}", "{source}", "{version}", "{digest}"];
    names.iter().fold(path.to_owned(), |path, name| path.replace(name, "x"))
}

async fn nothing_but_health_answers_without_a_key(home: Home) {
    let server = Server::start(&home).await;
    for route in routes() {
        let path = somewhere(route.path);
        let method: Method = route.method.parse().unwrap();
        for wrong in [None, Some("picket_0000"), Some("")] {
            let request = server.request("anon", method.clone(), &path);
            let request = wrong.into_iter().fold(request, |request, key| request.bearer_auth(key));
            let answer = Answer::of(request.send().await.unwrap()).await;
            match route.access {
                None => assert_eq!(answer.status, 200, "{path}"),
                Some(_) => {
                    assert_eq!(
                        (answer.status, answer.problem().as_str()),
                        (401, "unauthenticated"),
                        "{path}"
                    );
                    assert!(answer.header("www-authenticate").starts_with("Bearer"));
                }
            }
        }
    }
    server.app.stop().await;
}

/// The golden matrix: who gets in where. A new route shows up here.
async fn every_role_gets_in_where_it_may_and_nowhere_else(home: Home) {
    let server = Server::start(&home).await;
    let roles = ["platform", "engineer", "reviewer", "auditor", "admin"];
    let mut matrix = format!("{:<54}{}\n", "", roles.join(" "));
    for route in routes() {
        let path = somewhere(route.path);
        matrix.push_str(&format!("{:<54}", format!("{} {}", route.method, route.path)));
        for role in roles {
            let request = server.request(role, route.method.parse().unwrap(), &path);
            let body = request
                .header("content-type", CLOUDEVENT)
                .body(event("market", "m", "silent").to_string());
            let status = body.send().await.unwrap().status().as_u16();
            let width = role.len();
            matrix.push_str(&format!("{:<width$} ", if status == 403 { "-" } else { "yes" }));
        }
        matrix.truncate(matrix.trim_end().len());
        matrix.push('\n');
    }
    insta::assert_snapshot!("every_role_gets_in_where_it_may_and_nowhere_else", matrix);
    server.app.stop().await;
}

async fn an_event_gets_its_decision_in_every_mode_of_cloudevents(home: Home) {
    let server = Server::start(&home).await;
    let structured = server.event("s", "hello").await;
    assert_eq!(structured.status, 200, "{}", structured.text);
    let binary = server
        .request("platform", Method::POST, "/v1/events")
        .header("content-type", "application/json; charset=utf-8")
        .header("ce-specversion", "1.0")
        .header("ce-id", "b")
        .header("ce-source", "market")
        .header("ce-type", "message.sent")
        .header("ce-subject", "ren%C3%A9")
        .body(r#"{"content":"hello"}"#);
    let binary = Answer::of(binary.send().await.unwrap()).await;
    assert_eq!(binary.status, 200, "{}", binary.text);
    assert_eq!(binary.json()["subject"], "rené");
    for answer in [structured, binary] {
        let decision = answer.json();
        assert_eq!(
            (&decision["tier"], &decision["action"]),
            (&json!("high"), &json!("soft_block"))
        );
        assert_eq!(decision["score"], 0.5);
        assert_eq!(decision["findings"][0]["detector"], "probe");
        assert_eq!(decision["findings"][0]["outcome"], "ok");
        assert_eq!(decision["signals"][0]["counted"], true);
        assert_eq!(decision["policy"]["version"], 1);
        assert_eq!(decision["message"], "Held back.");
        let id = decision["id"].as_str().unwrap();
        assert_eq!(server.get("platform", &format!("/v1/decisions/{id}")).await.json(), decision);
    }
    server.app.stop().await;
}

async fn the_same_id_has_one_decision_and_another_body_is_a_conflict(home: Home) {
    let server = Server::start(&home).await;
    let first = server.event("one", "hello").await.json();
    assert_eq!(server.event("one", "hello").await.json(), first);
    let other = server.event("one", "another").await;
    assert_eq!((other.status, other.problem().as_str()), (409, "id-conflict"));
    let posts = (0..32).map(|_| server.event("many", "hello"));
    let answers = futures::future::join_all(posts).await;
    let decision = answers[0].json();
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json() == decision));
    server.app.stop().await;
}

async fn a_batch_is_answered_line_by_line_in_order(home: Home) {
    let server = Server::start(&home).await;
    let lines = [
        event("market", "1", "hello").to_string(),
        "{broken".to_owned(),
        event("other", "2", "hello").to_string(),
        String::new(),
        event("market", "3", "silent").to_string(),
        json!({"specversion": "1.0", "id": "4", "source": "market"}).to_string(),
    ];
    let answer = server.post("platform", "/v1/events/batch", NDJSON, lines.join("\n")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, NDJSON));
    let said: Vec<Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let event_ids: Vec<&str> =
        said.iter().map(|line| line["event_id"].as_str().unwrap_or("-")).collect();
    assert_eq!(event_ids, ["1", "-", "-", "3", "-"]);
    let statuses: Vec<u64> =
        said.iter().map(|line| line["status"].as_u64().unwrap_or(200)).collect();
    assert_eq!(statuses, [200, 400, 403, 200, 422]);
    let pointers: Vec<&Value> =
        said[4]["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, ["/type", "/subject", "/data"]);
    let list = json!([event("market", "5", "hello"), 7]).to_string();
    let answer = server
        .post("platform", "/v1/events/batch", "application/cloudevents-batch+json", list)
        .await;
    assert_eq!(answer.text.lines().count(), 2);
    server.app.stop().await;
}

async fn bad_input_is_answered_clearly_and_the_next_request_is_fine(home: Home) {
    let server = Server::start(&home).await;
    let with = |pointer: &str, value: Value| {
        let mut event = event("market", "bad", "hello");
        *event.pointer_mut(pointer).unwrap() = value;
        event.to_string().into_bytes()
    };
    let mut missing = event("market", "bad", "hello");
    missing.as_object_mut().unwrap().remove("subject");
    let deep = format!("{{\"data\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let cases: Vec<(&str, Vec<u8>, u16, &str, &str)> = vec![
        (CLOUDEVENT, b"".to_vec(), 400, "malformed", "empty"),
        (CLOUDEVENT, b"{\"id\":".to_vec(), 400, "malformed", "not JSON"),
        (CLOUDEVENT, b"\xff\xfe{}".to_vec(), 400, "malformed", "not JSON"),
        (CLOUDEVENT, b"[]".to_vec(), 422, "invalid", "JSON object"),
        (CLOUDEVENT, deep.into_bytes(), 422, "invalid", "nested too deeply"),
        (CLOUDEVENT, with("/data", json!([])), 422, "invalid", "/data"),
        (CLOUDEVENT, with("/id", json!(7)), 422, "invalid", "/id"),
        (CLOUDEVENT, with("/time", json!("2999-01-01T00:00:00Z")), 422, "invalid", "future"),
        (CLOUDEVENT, with("/source", json!("elsewhere")), 403, "forbidden", "another source"),
        (CLOUDEVENT, missing.to_string().into_bytes(), 422, "invalid", "/subject: missing"),
        ("text/plain", with("/id", json!("x")), 415, "media-type", "application/cloudevents+json"),
        (
            "application/cloudevents-batch+json",
            b"[]".to_vec(),
            415,
            "media-type",
            "/v1/events/batch",
        ),
        (CLOUDEVENT, vec![b' '; (1 << 20) + 1], 413, "too-large", "1048576 bytes"),
    ];
    for (number, (media_type, body, status, problem, says)) in cases.into_iter().enumerate() {
        let answer = server.post("platform", "/v1/events", media_type, body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (status, problem),
            "{number}: {}",
            answer.text
        );
        assert!(
            answer.json()["detail"].as_str().unwrap().contains(says),
            "{number}: {}",
            answer.text
        );
        assert_eq!(server.event(&format!("next-{number}"), "silent").await.status, 200);
    }
    let metrics = server.get("admin", "/metrics").await.text;
    let counted = metrics.lines().find(|line| line.contains("result=\"invalid\"")).unwrap();
    assert_eq!(counted, "picket_events_total{source=\"\",result=\"invalid\"} 11");
    let unknown = event("elsewhere", "u", "hello").to_string();
    let answer = server.post("admin", "/v1/events", CLOUDEVENT, unknown).await;
    assert_eq!(answer.status, 422);
    assert!(
        answer.json()["errors"][0]["detail"].as_str().unwrap().contains("known are: market, other")
    );
    for (path, says) in [
        ("/v1/decisions?sorce=market", "sorce"),
        ("/v1/decisions?limit=201", "1..=200"),
        ("/v1/decisions?after=nonsense", "not a cursor"),
    ] {
        let answer = server.get("platform", path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "malformed"), "{path}");
        assert!(answer.text.contains(says), "{}", answer.text);
    }
    assert_eq!(server.get("admin", "/v1/nothing").await.problem(), "not-found");
    let wrong = server.request("admin", Method::DELETE, "/v1/events").send().await.unwrap();
    assert_eq!(Answer::of(wrong).await.problem(), "method-not-allowed");
    server.app.stop().await;
}

async fn a_platform_sees_nothing_of_another(home: Home) {
    let server = Server::start(&home).await;
    let mine = server.event("mine", "hello").await.json();
    let path = format!("/v1/decisions/{}", mine["id"].as_str().unwrap());
    assert_eq!(server.get("platform", &path).await.status, 200);
    let hidden = server.get("other", &path).await;
    assert_eq!((hidden.status, hidden.problem().as_str()), (404, "not-found"));
    assert_eq!(server.get("other", "/v1/decisions").await.json()["decisions"], json!([]));
    assert_eq!(server.get("other", "/v1/decisions?source=market").await.status, 403);
    // The id is free in another source: it is not the same event.
    let body = event("other", "mine", "different").to_string();
    assert_eq!(server.post("other", "/v1/events", CLOUDEVENT, body).await.status, 200);
    server.app.stop().await;
}

async fn a_key_that_is_bound_to_a_source_has_no_part_in_what_is_global(home: Home) {
    let server = Server::start(&home).await;
    for path in ["/v1/keys", "/v1/audit", "/metrics"] {
        assert_eq!(server.get("admin", path).await.status, 200, "{path}");
        let answer = server.get("bound-admin", path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "forbidden"), "{path}");
    }
    let keys = server.get("admin", "/v1/keys").await.json();
    let path = format!("/v1/keys/{}", keys[0]["id"].as_str().unwrap());
    let revoke = server.request("bound-admin", Method::DELETE, &path).send().await.unwrap();
    assert_eq!(revoke.status(), 403);
    assert_eq!(server.get("bound-admin", "/v1/policies/other").await.status, 404);
    assert_eq!(server.get("bound-admin", "/v1/policies/market").await.status, 200);
    let policies = server.get("bound-admin", "/v1/policies").await.json();
    assert_eq!(policies["policies"].as_array().unwrap().len(), 1);
    let change = json!({"mode": "active", "why": "not mine"});
    let set = server.request("bound-admin", Method::PUT, "/v1/sources/other/mode").json(&change);
    assert_eq!(set.send().await.unwrap().status(), 404);
    server.app.stop().await;
}

async fn a_dry_run_decides_and_records_nothing(home: Home) {
    let server = Server::start(&home).await;
    let body = || event("market", "dry", "hello").to_string();
    let tried = server.post("engineer", "/v1/events?dry_run=true", CLOUDEVENT, body()).await;
    assert_eq!(tried.status, 200, "{}", tried.text);
    assert_eq!(
        (&tried.json()["action"], &tried.json()["dry_run"]),
        (&json!("soft_block"), &json!(true))
    );
    let id = tried.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(server.get("admin", &format!("/v1/decisions/{id}")).await.status, 404);
    assert_eq!(server.get("admin", "/v1/decisions").await.json()["decisions"], json!([]));
    let refused = server.post("engineer", "/v1/events", CLOUDEVENT, body()).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "forbidden"));
    // Nor was the id claimed: another event may have it.
    assert_eq!(server.event("dry", "another").await.status, 200);
    server.app.stop().await;
}

async fn in_shadow_everything_is_decided_and_nothing_enforced(home: Home) {
    let server = Server::start(&home).await;
    let body = event("other", "1", "hello").to_string();
    let decision = server.post("other", "/v1/events", CLOUDEVENT, body).await.json();
    assert_eq!((&decision["mode"], &decision["action"]), (&json!("shadow"), &json!("allow")));
    assert_eq!(
        (&decision["tier"], &decision["would"]["action"]),
        (&json!("high"), &json!("soft_block"))
    );
    assert_eq!(decision["message"], Value::Null);
    let change = json!({"mode": "active", "why": "it was right for a week"});
    let set = server.request("admin", Method::PUT, "/v1/sources/other/mode").json(&change);
    assert_eq!(set.send().await.unwrap().status(), 200);
    let body = event("other", "2", "hello").to_string();
    let decision = server.post("other", "/v1/events", CLOUDEVENT, body).await.json();
    assert_eq!((&decision["action"], &decision["would"]), (&json!("soft_block"), &Value::Null));
    let audit = server.get("auditor", "/v1/audit").await.json();
    let modes: Vec<&Value> =
        audit.as_array().unwrap().iter().filter(|line| line["what"] == "source.mode").collect();
    assert_eq!(modes.last().unwrap()["facts"]["why"], "it was right for a week");
    for wrong in
        [json!({"mode": "on", "why": "x"}), json!({"mode": "active", "why": " "}), json!({})]
    {
        let set = server.request("admin", Method::PUT, "/v1/sources/other/mode").json(&wrong);
        assert_eq!(Answer::of(set.send().await.unwrap()).await.problem(), "invalid");
    }
    server.app.stop().await;
}

async fn an_event_may_be_decided_later(home: Home) {
    let server = Server::start(&home).await;
    let post = || {
        server
            .request("platform", Method::POST, "/v1/events")
            .header("content-type", CLOUDEVENT)
            .header("prefer", "respond-async, wait=1")
            .body(event("market", "later", "hello").to_string())
    };
    let accepted = Answer::of(post().send().await.unwrap()).await;
    assert_eq!((accepted.status, accepted.header("preference-applied")), (202, "respond-async"));
    let place = accepted.header("location").to_owned();
    server
        .until("it is decided", || async { server.get("platform", &place).await.status == 200 })
        .await;
    let decision = server.get("platform", &place).await.json();
    assert_eq!(decision["id"], accepted.json()["id"]);
    assert_eq!(
        Answer::of(post().send().await.unwrap()).await.json(),
        decision,
        "asked again, it is there"
    );
    server.app.stop().await;
}

async fn pages_are_stable_while_decisions_come(home: Home) {
    let server = Server::start(&home).await;
    for number in 0..25 {
        assert_eq!(server.event(&format!("p{number}"), "hello").await.status, 200);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = server
            .get("platform", &format!("/v1/decisions?limit=10&detector=probe&tier=high{after}"))
            .await
            .json();
        seen.extend(
            page["decisions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|decision| decision["event_id"].as_str().unwrap().to_owned()),
        );
        assert_eq!(server.event(&format!("new{}", seen.len()), "hello").await.status, 200);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..25).rev().map(|number| format!("p{number}")).collect();
    assert_eq!(seen, expected);
    server.app.stop().await;
}

async fn a_key_is_limited_in_rate_and_told_so(home: Home) {
    let server =
        Server::start_with(&home, |config| (config.rate_per_second, config.rate_burst) = (1, 3))
            .await;
    let good = server.get("reviewer", "/v1/decisions").await;
    assert_eq!(good.header("ratelimit-policy"), "\"key\";q=3;w=3");
    assert!(good.header("ratelimit").starts_with("\"key\";r=2;t="), "{}", good.header("ratelimit"));
    let answers =
        futures::future::join_all((0..4).map(|_| server.get("reviewer", "/v1/decisions"))).await;
    let limited =
        answers.iter().find(|answer| answer.status == 429).expect("three at once are the limit");
    assert_eq!(limited.problem(), "rate-limited");
    assert!(limited.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(server.get("auditor", "/v1/decisions").await.status, 200, "another key has its own");
    server.app.stop().await;
}

async fn a_full_server_says_so_and_health_still_answers(home: Home) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start_with(&home, |config| config.concurrent_requests_max = 1).await;
    // A request whose body does not come holds the only place.
    let mut slow = tokio::net::TcpStream::connect(server.app.address).await.unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {CLOUDEVENT}\r\ncontent-length: 10\r\nexpect: 100-continue\r\n\r\n",
        server.key("platform")
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body only once the handler reads it.
    let mut begun = [0; 12];
    slow.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100");
    let answer = server.event("late", "hello").await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(server.get("anon", "/health/ready").await.status, 200);
    drop(slow);
    server
        .until("the place is free", || async { server.event("late", "hello").await.status == 200 })
        .await;
    server.app.stop().await;
}

async fn a_client_that_dawdles_with_its_head_is_cut_off(home: Home) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let server = Server::start_with(&home, |config| config.header_timeout_ms = 100).await;
    let mut slow = tokio::net::TcpStream::connect(server.app.address).await.unwrap();
    slow.write_all(b"GET /health/live HTTP/1.1\r\nho").await.unwrap();
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    server.app.stop().await;
}

async fn a_revoked_key_works_no_longer_than_a_second(home: Home) {
    let server = Server::start(&home).await;
    assert_eq!(server.get("reviewer", "/v1/decisions").await.status, 200);
    let keys = server.get("admin", "/v1/keys").await.json();
    let key = keys.as_array().unwrap().iter().find(|key| key["name"] == "reviewer").unwrap();
    let path = format!("/v1/keys/{}", key["id"].as_str().unwrap());
    let revoked = server.request("admin", Method::DELETE, &path).send().await.unwrap();
    assert_eq!(revoked.status(), 204);
    let took = server
        .until("it is refused", || async {
            server.get("reviewer", "/v1/decisions").await.status == 401
        })
        .await;
    assert!(took.as_millis() < 2_000, "{took:?}");
    assert!(!server.get("admin", "/v1/keys").await.text.contains(server.key("admin")));
    server.app.stop().await;
}

async fn answers_carry_a_request_id_and_the_headers_that_keep_browsers_safe(home: Home) {
    let server = Server::start(&home).await;
    let request = server.request("admin", Method::GET, "/").header("x-request-id", "trace-7");
    let page = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(page.header("x-request-id"), "trace-7");
    assert!(page.text.contains("POST /v1/events"));
    let odd = server.request("admin", Method::GET, "/").header("x-request-id", "a b<c>");
    assert_eq!(Answer::of(odd.send().await.unwrap()).await.header("x-request-id").len(), 36);
    for answer in
        [page, server.get("anon", "/health/live").await, server.get("anon", "/v1/keys").await]
    {
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    }
    // A person may read the page in a browser, with the key as password; nothing can be changed so.
    let basic =
        |method| server.request("anon", method, "/").basic_auth("me", Some(server.key("admin")));
    assert_eq!(basic(Method::GET).send().await.unwrap().status(), 200);
    let url = format!("http://{}/v1/events", server.app.address);
    let posted =
        server.client.post(url).basic_auth("me", Some(server.key("admin"))).send().await.unwrap();
    assert_eq!(posted.status(), 401);
    let document = server.get("reviewer", "/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let metrics = server.get("auditor", "/metrics").await;
    assert!(metrics.text.contains("picket_queue_depth{queue=\"commit\"} 0"));
    server.app.stop().await;
}
