//! What is seen before a source is enforced, and whom it is about.

use databases::{Home, on_both};
use reqwest::Method;
use serde_json::json;

use crate::server::{Answer, Server, event};
use crate::{acting, decisions, quiet, sent, trial};

on_both!(threaded:
    before_a_source_is_enforced_it_is_known_what_that_would_have_meant,
    what_policies_would_have_decided_about_a_person_is_exported_and_erased,
);

async fn post(server: &Server, who: &str, path: &str) -> Answer {
    let request = server.request(who, Method::POST, path).json(&json!({"why": "ticket 4711"}));
    Answer::of(request.send().await.expect("an answer")).await
}

async fn before_a_source_is_enforced_it_is_known_what_that_would_have_meant(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let path = "/v1/sources/other/mode/preview";
    let empty = server.get("engineer", path).await.json();
    assert_eq!((&empty["decisions"], &empty["actions"]), (&json!(0), &json!([])));
    for number in 0..10 {
        // Five accounts; of their messages every other one would be held back, and one misses a finding.
        let content = match number {
            3 => "error",
            number if number % 2 == 0 => "hello",
            _ => "silent",
        };
        let mut event = event("other", &format!("e-{number}"), content);
        event["subject"] = json!(format!("user-{}", number % 5));
        let body = event.to_string();
        let posted = server.post("other", "/v1/events", "application/json", body).await;
        assert_eq!((posted.status, &posted.json()["action"]), (200, &json!("allow")));
    }
    // What is enforced is nothing that would have been, and a dry run is nothing at all.
    decisions(&server, "enforced").await;
    let dry = event("other", "dry", "hello").to_string();
    server.post("engineer", "/v1/events?dry_run=true", "application/json", dry).await;
    let preview = server.get("engineer", path).await.json();
    assert_eq!((&preview["mode"], &preview["days"]), (&json!("shadow"), &json!(7)));
    assert_eq!((&preview["decisions"], &preview["reviews"]), (&json!(10), &json!(1)));
    assert_eq!(
        preview["actions"],
        json!([{"action": "soft_block", "decisions": 5, "subjects": 5}])
    );
    assert_eq!(preview["subjects"], 5);
    assert_eq!(preview["newest"].as_array().unwrap().len(), 5);
    let newest = preview["newest"][0]["decision"].as_str().unwrap();
    let decision = server.get("engineer", &format!("/v1/decisions/{newest}")).await.json();
    assert_eq!(decision["would"]["action"], preview["newest"][0]["action"]);
    let market = server.get("bound-admin", "/v1/sources/market/mode/preview?days=30").await.json();
    assert_eq!((&market["mode"], &market["decisions"]), (&json!("active"), &json!(0)));
    for (who, path, status) in [
        ("bound-admin", path.to_owned(), 404),
        ("platform", path.to_owned(), 403),
        ("admin", format!("{path}?days=91"), 400),
        ("admin", format!("{path}?days=0"), 400),
        ("admin", "/v1/sources/nobody/mode/preview".to_owned(), 404),
    ] {
        assert_eq!(server.get(who, &path).await.status, status, "{who} {path}");
    }
    server.app.stop().await;
}

async fn what_policies_would_have_decided_about_a_person_is_exported_and_erased(home: Home) {
    let server = quiet(&home, |_| {}).await;
    let two = sent(&server, &acting("hard_block")).await;
    decisions(&server, "seen").await;
    let path = "/v1/subjects/market/user-7";
    let export = server.get("admin", &format!("{path}/export")).await.json();
    let difference = &export["events"][0]["policy_differences"][0];
    assert_eq!(
        (&difference["direction"], &difference["subject"]),
        (&json!("stricter"), &json!("user-7"))
    );
    assert_eq!(difference["with"]["action"], "hard_block");
    let erased = post(&server, "admin", &format!("{path}/erase")).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    let compared = trial(&server, two).await;
    assert_eq!(
        (&compared["trials"][0]["stricter"], &compared["subjects"]),
        (&json!(40), &json!(40))
    );
    let all = server.get("reviewer", "/v1/policies/market/2/trial?limit=40").await;
    let named = all.json()["differences"].as_array().unwrap().clone();
    let of = |subject: &str| named.iter().filter(|it| it["subject"] == subject).count();
    assert_eq!((named.len(), of("user-7"), of("user-8")), (40, 0, 1));
    let pseudonyms =
        named.iter().filter(|it| it["subject"].as_str().unwrap().starts_with("erased-"));
    assert_eq!(pseudonyms.count(), 1);
    let export = server.get("admin", &format!("{path}/export")).await.json();
    assert_eq!(export["events"], json!([]));
    server.app.stop().await;
}
