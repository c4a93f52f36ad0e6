//! What lies in the folder and what the program carries, beside what is sent.

use databases::{Home, on_both};
use picket::model::Landing;
use picket::registry::{Bundle, BundledPolicy};
use serde_json::{Value, json};

use crate::server::{POLICY, Server, furnish, write};
use crate::{acting, put_stage, quiet, roll_back, sent};

on_both!(threaded:
    what_lies_in_the_folder_lands_as_configured,
    a_file_for_which_there_is_no_room_is_taken_when_there_is,
    a_folder_that_is_away_for_a_moment_takes_no_source_out_of_service,
    what_a_file_held_in_between_is_withdrawn,
    what_a_person_chose_stays_whatever_the_folder_holds,
    the_bundle_decides_where_nobody_else_does,
);

/// Where each version of `market` stands, from the first.
async fn stages(server: &Server) -> Vec<Value> {
    let page = server.get("engineer", "/v1/policies/market").await.json();
    let mut versions = page["versions"].as_array().expect("versions").clone();
    versions.reverse();
    versions.into_iter().map(|version| version["stage"].clone()).collect()
}

async fn save(server: &Server, text: &str) {
    write(&server.path("policies/market.toml"), text.as_bytes());
    server.app.registry.scan().await.expect("the store answers");
}

async fn version(server: &Server, id: &str) -> Value {
    server.event(id, "hello").await.json()["policy"]["version"].clone()
}

async fn what_lies_in_the_folder_lands_as_configured(home: Home) {
    let server = quiet(&home, |config| config.folder_stage = Landing::Shadow).await;
    // The first of a source has nothing beside which it could be looked at.
    assert_eq!(stages(&server).await, ["active"]);
    for action in ["nudge", "warning"] {
        save(&server, &acting(action)).await;
    }
    assert_eq!(stages(&server).await, ["active", "retired", "shadow"]);
    assert_eq!(version(&server, "shadow").await, 1);
    let promote = json!({"stage": "active", "why": "right in shadow"});
    assert_eq!(put_stage(&server, "admin", 3, promote).await.status, 200);
    assert_eq!(version(&server, "promoted").await, 3);
    server.app.stop().await;

    let server = quiet(&home.another(), |_| {}).await;
    save(&server, &acting("nudge")).await;
    assert_eq!(stages(&server).await, ["retired", "active"]);
    assert_eq!(server.get("admin", "/v1/policies").await.json()["landing"], "active");
    server.app.stop().await;
}

async fn a_file_for_which_there_is_no_room_is_taken_when_there_is(home: Home) {
    let server = quiet(&home, |config| config.folder_stage = Landing::Shadow).await;
    let numbered = |number: usize| format!("{}# {number}\n", acting("nudge"));
    for number in 0..8 {
        sent(&server, &numbered(number)).await;
    }
    save(&server, &numbered(8)).await;
    assert_eq!(stages(&server).await.len(), 1 + 8);
    let inbox = server.app.store.inbox().await.unwrap();
    let said = inbox.iter().find_map(|row| row.error.as_deref()).unwrap();
    assert!(said.contains("8 policies are in shadow") && said.contains("tried again"), "{said}");
    let retire = json!({"stage": "retired", "why": "it says nothing"});
    assert_eq!(put_stage(&server, "engineer", 5, retire).await.status, 200);
    server.app.registry.scan().await.unwrap();
    assert_eq!(stages(&server).await.last(), Some(&json!("shadow")));
    assert_eq!(stages(&server).await.len(), 1 + 9);
    server.app.stop().await;
}

async fn a_folder_that_is_away_for_a_moment_takes_no_source_out_of_service(home: Home) {
    let server = quiet(&home, |config| config.folder_stage = Landing::Shadow).await;
    let text = std::fs::read_to_string(server.path("policies/market.toml")).unwrap();
    std::fs::remove_file(server.path("policies/market.toml")).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(stages(&server).await, ["retired"]);
    // Another text is no reason to have it decide.
    save(&server, &acting("nudge")).await;
    assert_eq!(stages(&server).await, ["retired", "shadow"]);
    save(&server, &text).await;
    assert_eq!(stages(&server).await[0], "active");
    assert_eq!(version(&server, "back").await, 1);
    server.app.stop().await;
}

async fn what_a_file_held_in_between_is_withdrawn(home: Home) {
    let server = quiet(&home, |config| config.folder_stage = Landing::Shadow).await;
    let text = std::fs::read_to_string(server.path("policies/market.toml")).unwrap();
    save(&server, &acting("nudge")).await;
    assert_eq!(stages(&server).await, ["active", "shadow"]);
    save(&server, &text).await;
    assert_eq!(stages(&server).await, ["active", "retired"]);
    server.app.stop().await;
}

async fn what_a_person_chose_stays_whatever_the_folder_holds(home: Home) {
    let server = quiet(&home, |_| {}).await;
    save(&server, &acting("nudge")).await;
    let back = roll_back(&server, "admin").await;
    assert_eq!(back.json()["version"], 1, "{}", back.text);
    server.app.registry.scan().await.unwrap();
    // The file holds 2 still, and so it does after a restart.
    assert_eq!(stages(&server).await, ["active", "retired"]);
    let server = server.again(async |_| {}).await;
    server.app.registry.scan().await.unwrap();
    assert_eq!(version(&server, "restarted").await, 1);
    // What is sent stays when the file goes, and what came from the file does not.
    let three = sent(&server, &acting("hard_block")).await;
    std::fs::remove_file(server.path("policies/market.toml")).unwrap();
    let promote = json!({"stage": "active", "why": "better"});
    assert_eq!(put_stage(&server, "admin", three, promote).await.status, 200);
    server.app.registry.scan().await.unwrap();
    assert_eq!(stages(&server).await, ["retired", "retired", "active"]);
    assert_eq!(version(&server, "sent").await, three);
    server.app.stop().await;
}

async fn the_bundle_decides_where_nobody_else_does(home: Home) {
    let carried: &str = Box::leak(acting("warning").into_boxed_str());
    let policies = vec![BundledPolicy { source: "market", text: carried }];
    let dir = tempfile::tempdir().unwrap();
    furnish(dir.path());
    std::fs::remove_file(dir.path().join("policies/market.toml")).unwrap();
    let bundle = Bundle { policies, ..Bundle::default() };
    let server = Server::start_carrying(&home, bundle, dir, |config| config.watch = false).await;
    assert_eq!(version(&server, "bundle").await, 1);
    save(&server, &POLICY.replace("NAME", "market")).await;
    assert_eq!(version(&server, "folder").await, 2);
    std::fs::remove_file(server.path("policies/market.toml")).unwrap();
    server.app.registry.scan().await.unwrap();
    assert_eq!(version(&server, "again").await, 1);
    // What a person put in its place is left, though the program carries it still.
    let three = sent(&server, &acting("nudge")).await;
    let promote = json!({"stage": "active", "why": "better"});
    assert_eq!(put_stage(&server, "admin", three, promote).await.status, 200);
    server.app.registry.scan().await.unwrap();
    assert_eq!(version(&server, "chosen").await, three);
    server.app.stop().await;
}
