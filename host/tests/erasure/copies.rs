//! PostgreSQL, restored by its own tools as it was before somebody was erased.

use std::process::Command;

use databases::Home;
use picket::config::Config;
use reqwest::Method;
use serde_json::json;

use crate::life::{EXPORT, picket, send};
use crate::server::{Server, event, furnish, write};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_postgresql_is_erased_again_by_the_list() {
    let postgres = databases::Server::start(&[]);
    let record = |name: &str| {
        let url = postgres.url(name);
        move |config: &mut Config| config.database_url = url
    };
    postgres.create("record");
    let server = Server::start_with(&Home::Sqlite, record("record")).await;
    assert_eq!(server.event("e-1", "hello").await.status, 200);
    let mut other = event("market", "e-2", "hello");
    other["subject"] = json!("user-18");
    server.post("platform", "/v1/events", "application/json", other.to_string()).await;
    let server = server.again(async |_| {
        for copy in ["by_hand", "by_itself"] {
            postgres.run("postgres", &format!("CREATE DATABASE {copy} TEMPLATE record"));
        }
    });
    let server = server.await;
    let path = "/v1/subjects/market/user-17/erase";
    let erased = send(&server, "admin", Method::POST, path, json!({"why": "ticket 4711"})).await;
    assert_eq!(erased.json()["events"], 1, "{}", erased.text);
    let list = picket(&server).args(["subject", "erasures"]).output().unwrap().stdout;
    let Server { app, dir, .. } = server;
    app.stop().await;

    // On another machine, with the list that was kept apart.
    let elsewhere = tempfile::tempdir().unwrap();
    furnish(elsewhere.path());
    write(&elsewhere.path().join("erasures.jsonl"), &list);
    let key = std::fs::read(dir.path().join("data/host.key")).unwrap();
    write(&elsewhere.path().join("data/host.key"), &key);
    for erased in ["1 of 1", "0 of 1"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
        command.env("PICKET_DATA_DIR", elsewhere.path().join("data"));
        command.env("PICKET_DATABASE_URL", postgres.url("by_hand"));
        command.args(["subject", "erase-listed"]).arg(elsewhere.path().join("erasures.jsonl"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, format!("{erased} that are listed are erased now\n"), "{output:?}");
    }
    check(Server::start_in(&Home::Sqlite, elsewhere, record("by_hand")).await).await;
    // On this one, where the server has kept a list.
    check(Server::start_in(&Home::Sqlite, dir, record("by_itself")).await).await;
}

async fn check(server: Server) {
    assert_eq!(server.event("e-1", "hello").await.problem(), "erased");
    let export = server.get("admin", EXPORT).await.json();
    assert_eq!((&export["events"], &export["key"]), (&json!([]), &json!(null)));
    let other = server.get("admin", &EXPORT.replace("user-17", "user-18")).await.json();
    assert_eq!(other["events"][0]["event"]["data"]["content"], "hello");
    let list = std::fs::read_to_string(server.path("data/erasures.jsonl")).unwrap();
    assert_eq!(list.lines().count(), 1, "{list}");
    server.app.stop().await;
}
