//! One person: exported, erased, come back.

use std::process::Command;

use databases::{Home, on_both};
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::{Answer, Server, event, furnish, write};

on_both!(threaded:
    all_that_is_held_is_exported,
    only_an_admin_who_reaches_the_source_exports_and_erases,
    who_was_erased_is_gone_and_may_come_back,
    holds_come_in_pages,
);

const ERASE: &str = "/v1/subjects/market/user-17/erase";
pub const EXPORT: &str = "/v1/subjects/market/user-17/export";

pub async fn send(server: &Server, who: &str, method: Method, path: &str, body: Value) -> Answer {
    let request = server.request(who, method, path).json(&body);
    Answer::of(request.send().await.expect("an answer")).await
}

async fn erase(server: &Server, who: &str, path: &str, why: &str) -> Answer {
    send(server, who, Method::POST, path, json!({ "why": why })).await
}

/// The program, as somebody who may do everything on a server.
pub fn picket(server: &Server) -> Command {
    let mut picket = Command::new(env!("CARGO_BIN_EXE_picket"));
    picket.env("PICKET_SERVER", format!("http://{}", server.app.address));
    picket.env("PICKET_KEY", server.key("admin"));
    picket
}

async fn all_that_is_held_is_exported(home: Home) {
    let server = Server::start(&home).await;
    // More than a page of them, another person, and one that is not decided yet.
    for number in 0..103 {
        assert_eq!(server.event(&format!("e-{number}"), "entity hello").await.status, 200);
    }
    let mut other = event("market", "other", "hello");
    other["subject"] = json!("user-18");
    server.post("platform", "/v1/events", "application/json", other.to_string()).await;
    let decision = server.event("ruled", "quote hello").await.json();
    let ruling = format!("/v1/decisions/{}/ruling", decision["id"].as_str().unwrap());
    let said = json!({"ruling": "overturned", "why": "it was a quote"});
    assert_eq!(send(&server, "reviewer", Method::PUT, &ruling, said).await.status, 200);

    let answer = server.get("admin", EXPORT).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let export = answer.json();
    assert_eq!((&export["source"], &export["subject"]), (&json!("market"), &json!("user-17")));
    let events = export["events"].as_array().unwrap();
    assert_eq!(events.len(), 104);
    assert_eq!(events[0]["event"]["data"]["content"], "entity hello");
    assert_eq!(events[0]["decision"]["signals"][0]["entities"][0]["kind"], "phone");
    assert!(events[0]["made_from"].is_object());
    let ruled = events.iter().find(|event| event["event"]["id"] == "ruled").unwrap();
    assert_eq!(ruled["ruling"]["why"], "it was a quote");
    assert_eq!(ruled["decision"], decision);
    assert!(export["key"]["id"].as_str().is_some_and(|id| id.len() == 16));
    assert!(!answer.text.contains("user-18"));
    let log = server.get("auditor", "/v1/audit?limit=200&after=100").await.json();
    let exported = log.as_array().unwrap().iter().find(|line| line["what"] == "subject.exported");
    assert_eq!(exported.unwrap()["object"], export["name"]);

    // The same by hand, into a file that nobody else may read.
    let file = server.path("user-17.json");
    let mut command = picket(&server);
    let output = command.args(["subject", "export", "market", "user-17", "--out"]).arg(&file);
    let output = output.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["events"], export["events"]);
    assert_eq!(written["key"], export["key"]);

    let nobody = server.get("admin", "/v1/subjects/market/nobody/export").await.json();
    assert_eq!((&nobody["events"], &nobody["key"]), (&json!([]), &json!(null)));
    server.app.stop().await;
}

async fn only_an_admin_who_reaches_the_source_exports_and_erases(home: Home) {
    let server = Server::start(&home).await;
    let elsewhere = |path: &str| path.replace("market", "other");
    for (who, path, status) in [
        ("reviewer", ERASE.to_owned(), 403),
        ("platform", ERASE.to_owned(), 403),
        ("bound-admin", elsewhere(ERASE), 403),
        ("bound-admin", ERASE.to_owned(), 200),
        ("admin", elsewhere(ERASE), 200),
    ] {
        let answer = erase(&server, who, &path, "ticket 4711").await;
        assert_eq!(answer.status, status, "{who} {path}: {}", answer.text);
        let export = server.get(who, &path.replace("erase", "export")).await;
        assert_eq!(export.status, status, "{who} {path}");
    }
    for (body, says) in [
        (json!({ "why": "" }), "say why"),
        (json!({ "why": "user-17 asked for it" }), "name a ticket"),
        (json!({ "reason": "x" }), "unknown field"),
    ] {
        let answer = send(&server, "admin", Method::POST, ERASE, body).await;
        assert_eq!(answer.status, 422);
        assert!(answer.text.contains(says), "{}", answer.text);
    }
    server.app.stop().await;
}

async fn who_was_erased_is_gone_and_may_come_back(home: Home) {
    let server = Server::start(&home).await;
    let before = server.event("e-1", "blurt 555-0100").await.json();
    let (id, path) = (&before["id"], format!("/v1/decisions/{}", before["id"].as_str().unwrap()));
    let log = "/v1/detectors/probe/versions/1.0.0/log";
    assert!(server.get("engineer", log).await.text.contains("555-0100"));

    let erased = erase(&server, "admin", ERASE, "ticket 4711").await.json();
    assert_eq!((&erased["events"], &erased["decisions"]), (&json!(1), &json!(1)));

    let again = server.event("e-1", "blurt 555-0100").await;
    assert_eq!((again.status, again.problem().as_str()), (410, "erased"));
    let other_body = server.event("e-1", "another").await;
    assert_eq!(other_body.problem(), "erased", "whatever it says");
    let line = server
        .post(
            "platform",
            "/v1/events/batch",
            "application/x-ndjson",
            event("market", "e-1", "x").to_string(),
        )
        .await;
    assert_eq!(line.json()["status"], 410);
    let left = server.get("reviewer", &path).await;
    let tombstone = left.json();
    assert_eq!((left.status, &tombstone["id"]), (200, id));
    assert_eq!((&tombstone["tier"], &tombstone["score"]), (&before["tier"], &before["score"]));
    assert_eq!(tombstone["erased_at"], erased["erased_at"]);
    assert!(!left.text.contains("user-17") && !left.text.contains("e-1\""));
    let ruling = format!("{path}/ruling");
    let said = json!({"ruling": "upheld", "why": "x"});
    assert_eq!(send(&server, "reviewer", Method::PUT, &ruling, said).await.problem(), "erased");
    assert!(!server.get("engineer", log).await.text.contains("555-0100"));

    let replay = server.post("auditor", &format!("{path}/replay"), "application/json", "").await;
    assert_eq!(replay.json()["result"], "cannot_tell");
    assert_eq!(replay.json()["missing"][0]["what"], "erased");
    let output = picket(&server).args(["replay", id.as_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("missing erased"));

    // A new life, which is held and let go, and ended by hand.
    assert_eq!(server.event("e-2", "hello").await.status, 200);
    let hold = json!({"source": "market", "subject": "user-17", "why": "lawsuit of user-17"});
    let hold = send(&server, "admin", Method::POST, "/v1/holds", hold).await.json();
    assert_eq!(erase(&server, "admin", ERASE, "ticket 4712").await.status, 409);
    let release = format!("/v1/holds/{}/release", hold["id"].as_str().unwrap());
    // What is said of a person stays with what is personal: the log has the digest.
    let named = json!({"why": "user-17 gave up"});
    assert_eq!(send(&server, "admin", Method::POST, &release, named).await.status, 200);
    let log = server.get("auditor", "/v1/audit?limit=200").await.text;
    assert!(log.contains("hold.released") && !log.contains("gave up"));
    let export = server.get("admin", EXPORT).await.json();
    assert_eq!(export["holds"][0]["why"], "lawsuit of user-17");
    assert_eq!(export["holds"][0]["released_why"], "user-17 gave up");
    let mut command = picket(&server);
    let asks = command.args(["subject", "erase", "market", "user-17", "--why", "ticket 4712"]);
    let output = asks.output().unwrap();
    assert!(!output.status.success() && server.event("e-2", "hello").await.status == 200);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--yes"));
    let output = asks.arg("--yes").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("user-17 of market is erased: 1 events"), "{said}");
    let output = asks.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("nothing is held on user-17"), "{said}");
    // The list names nobody, is kept apart, and says nothing new to the record that it is of.
    let output = picket(&server).args(["subject", "erasures"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("user-17"));
    let list = server.path("erasures.jsonl");
    std::fs::write(&list, &output.stdout).unwrap();
    let mut command = picket(&server);
    command.env("PICKET_DATA_DIR", server.path("data")).args(["subject", "erase-listed"]);
    command.env("PICKET_DATABASE_URL", home.url().unwrap_or_default());
    let output = command.arg(&list).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "0 of 2 that are listed are erased now\n", "{output:?}");
    let holds = server.get("admin", "/v1/holds").await;
    assert!(holds.status == 200 && !holds.text.contains("user-17"), "{}", holds.text);
    assert_eq!(holds.json()[0]["released_why"], json!(null));
    server.app.stop().await;
}

async fn holds_come_in_pages(home: Home) {
    let server = Server::start(&home).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let (id, subject) = (format!("e-{number}"), format!("user-{number}"));
        let mut event = event("market", &id, "hello");
        event["subject"] = json!(subject);
        server.post("platform", "/v1/events", "application/json", event.to_string()).await;
        let hold = json!({"source": "market", "subject": subject, "why": "case 118"});
        let hold = send(&server, "admin", Method::POST, "/v1/holds", hold).await.json();
        ids.insert(0, hold["id"].as_str().unwrap().to_owned());
    }
    let release = format!("/v1/holds/{}/release", ids[0]);
    let released = send(&server, "admin", Method::POST, &release, json!({"why": "over"})).await;
    assert_eq!(released.status, 200, "{}", released.text);
    ids.rotate_left(1);
    for who in ["admin", "bound-admin"] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let page = server.get(who, &format!("/v1/holds?limit=1{after}")).await.json();
            let [hold] = page["holds"].as_array().unwrap().as_slice() else { panic!("{page}") };
            seen.push(hold["id"].as_str().unwrap().to_owned());
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen, ids, "{who}: those in force first, of these the newest");
    }
    assert_eq!(server.get("admin", "/v1/holds?after=x").await.status, 400);
    let list = |more: &[&str]| {
        let output = picket(&server).args(["hold", "list", "--limit", "2"]).args(more).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let first = list(&[]);
    let (_, next) = first.split_once("more: --after ").unwrap_or_else(|| panic!("{first}"));
    assert!(first.contains(&ids[0]) && first.contains(&ids[1]), "{first}");
    let last = list(&["--after", next.trim()]);
    assert!(last.contains(&ids[2]) && !last.contains("more:"), "{last}");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_forgets_whom_this_one_erased() {
    let home = Home::postgres();
    let one = Server::start(&home).await;
    let host_key = std::fs::read(one.path("data/host.key")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    furnish(dir.path());
    write(&dir.path().join("data/host.key"), &host_key);
    let two = Server::start_in(&home, dir, |_| {}).await;
    let log = "/v1/detectors/probe/versions/1.0.0/log";
    let event = event("market", "e-1", "blurt 555-0100").to_string();
    let posted = two.post("platform", "/v1/events", "application/json", event).await;
    assert_eq!(posted.status, 200, "{}", posted.text);
    assert!(two.get("engineer", log).await.text.contains("555-0100"));
    assert_eq!(erase(&one, "admin", ERASE, "ticket 4711").await.json()["events"], 1);
    let gone = || async { !two.get("engineer", log).await.text.contains("555-0100") };
    two.until("the other server has forgotten", gone).await;
    // Whichever of the two machines is lost, the other one's list names whom this one erased.
    let lists = [one.path("data/erasures.jsonl"), two.path("data/erasures.jsonl")];
    let listed = || async {
        let [one, two] = lists.each_ref().map(|list| std::fs::read_to_string(list).unwrap());
        one.lines().count() == 1 && one == two
    };
    two.until("both have a list of it", listed).await;
    // It has the key no more, and what comes to it begins a new life.
    assert_eq!(two.event("e-2", "hello").await.status, 200);
    assert_eq!(one.get("admin", EXPORT).await.json()["events"].as_array().unwrap().len(), 1);
    two.app.stop().await;
    one.app.stop().await;
}
