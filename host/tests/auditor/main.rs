//! `picket audit` as an auditor has it, against a real server and without one: what it says, and as which
//! exit code.
#![allow(clippy::unwrap_used, reason = "what `on_both!` lists is a test")]

#[path = "../fixture/mod.rs"]
mod fixture;
#[path = "../receiver/mod.rs"]
mod receiver;
#[path = "../server/mod.rs"]
mod server;

mod database;
mod signing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use database::{Head, database};
use databases::{Home, on_both};
use picket::audit::{Checkpoint, host_signer};
use reqwest::Method;
use serde_json::{Value, json};
use server::Server;
use sqlx::Row as _;
use tempfile::TempDir;

on_both!(threaded:
    an_export_is_verified_without_the_server,
    a_proof_is_checked_without_the_server,
    one_day_is_held_to_another,
    who_changes_the_database_is_found,
    who_shortens_the_log_is_found,
    what_the_log_cannot_prove_is_exported_without_a_proof,
    who_was_erased_leaves_a_log_that_verifies,
    who_changes_what_is_stored_is_found,
);

/// An auditor's machine: an empty folder with the log's key, and no way to the server unless asked for.
struct Auditor {
    dir: TempDir,
}

impl Auditor {
    fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Fetches the key where the server runs.
    fn of(server: &Server) -> Self {
        let auditor = Self::empty();
        let mut key = auditor.command();
        key.env("PICKET_DATA_DIR", &server.app.config.data_dir).args(["audit", "key"]);
        let key = key.output().unwrap();
        assert_eq!(key.status.code(), Some(0), "{}", said(&key));
        fs::write(auditor.path("picket.vkey"), key.stdout).unwrap();
        auditor
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
        command.current_dir(self.dir.path()).env_remove("PICKET_KEY").env_remove("PICKET_SERVER");
        command
    }

    fn run(&self, server: Option<&Server>, words: &str) -> (Option<i32>, String) {
        let mut command = self.command();
        if let Some(server) = server {
            command.env("PICKET_SERVER", format!("http://{}", server.app.address));
            command.env("PICKET_KEY", server.key("auditor"));
        }
        command.arg("audit").args(words.split_whitespace());
        let output = command.output().unwrap();
        (output.status.code(), said(&output))
    }

    /// Without a server.
    fn alone(&self, words: &str) -> (Option<i32>, String) {
        self.run(None, &format!("{words} --vkey picket.vkey"))
    }

    fn with(&self, server: &Server, words: &str) -> (Option<i32>, String) {
        self.run(Some(server), &format!("{words} --vkey picket.vkey"))
    }

    /// Keeps a checkpoint of the log as it is now.
    fn keep(&self, server: &Server, file: &str) {
        let words = format!("checkpoint --out {file}");
        assert_found(&words, &self.run(Some(server), &words), 0, "");
    }

    /// Asserts the exit code, and that this is said.
    fn finds(&self, server: &Server, words: &str, code: i32, says: &str) {
        assert_found(words, &self.with(server, words), code, says);
    }

    fn finds_alone(&self, words: &str, code: i32, says: &str) {
        assert_found(words, &self.alone(words), code, says);
    }
}

fn assert_found(words: &str, (code, said): &(Option<i32>, String), expected: i32, says: &str) {
    assert_eq!(*code, Some(expected), "{words}: {said}");
    assert!(said.contains(says), "{words}: {said}");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

fn be_quiet(config: &mut picket::config::Config) {
    config.watch = false;
    config.checkpoint_every_s = 0;
}

async fn quiet(home: &Home) -> Server {
    Server::start_with(home, be_quiet).await
}

/// On a folder that is there already.
async fn quiet_in(home: &Home, dir: TempDir) -> Server {
    Server::start_in(home, dir, be_quiet).await
}

async fn decided(server: &Server, id: &str) -> String {
    let decision = server.event(id, "quote me 555-0199").await.json();
    decision["id"].as_str().unwrap().to_owned()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn bundle_of(folder: &Path) -> PathBuf {
    let partial = fs::read_dir(folder.join("tile/entries/000.p")).unwrap().next().unwrap();
    partial.unwrap().path()
}

async fn an_export_is_verified_without_the_server(home: Home) {
    let server = quiet(&home).await;
    decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    auditor.finds(&server, "verify", 0, "intact");
    auditor.finds(&server, "export log", 0, "log");
    server.app.stop().await;

    let (code, json) = auditor.alone("verify log --json");
    let verdict: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &verdict["result"]), (Some(0), &json!("intact")), "{json}");
    let entries = verdict["entries"].as_u64().unwrap();
    assert!(entries > 10);
    // Nothing personal is in it.
    let bundle = bundle_of(&auditor.path("log"));
    let text = String::from_utf8_lossy(&fs::read(&bundle).unwrap()).into_owned();
    assert!(text.contains(r#""what":"decision""#) && !text.contains("user-17"));
    // The third entry follows on two with two bytes of length each.
    let bytes = fs::read(&bundle).unwrap();
    let length = |at: usize| 2 + usize::from(bytes[at]) * 256 + usize::from(bytes[at + 1]);
    let third = length(0) + length(length(0));
    flip(&bundle, third + 10);
    auditor.finds_alone("verify log", 1, "first bad entry: index 2 ");
    let (_, json) = auditor.alone("verify log --json");
    let verdict: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&verdict["result"], &verdict["first_bad"]), (&json!("tampered"), &json!(2)));
    flip(&bundle, third + 10);
    auditor.finds_alone("verify log", 0, "intact");
    flip(&auditor.path("log/checkpoint"), 3);
    auditor.finds_alone("verify log", 1, "not to be believed");
    fs::remove_file(auditor.path("log/checkpoint")).unwrap();
    auditor.finds_alone("verify log", 2, "no checkpoint");
    auditor.finds_alone("verify nothing", 2, "nothing");
    let (nobody, key) = ("--server http://127.0.0.1:1", "--key nobodys");
    auditor.finds_alone(&format!("verify {nobody} {key}"), 2, "is the server running");
    assert_found("verify", &auditor.run(None, "verify log"), 2, "--vkey");
}

async fn a_proof_is_checked_without_the_server(home: Home) {
    let server = quiet(&home).await;
    let id = decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    auditor.finds(&server, &format!("prove {id} --out shut"), 0, "as logged");
    auditor.finds(&server, &format!("prove {id} --open --out open"), 0, "as logged");
    auditor.finds(&server, "prove 1 --out first", 0, "schema.migrated");
    auditor.finds(&server, "prove 99999 --out none", 2, "99999");
    server.app.stop().await;

    auditor.finds_alone("check shut", 0, &id);
    auditor.finds_alone("check first", 0, "schema.migrated");
    let (code, json) = auditor.alone("check open --json");
    let proven: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &proven["entry"]["object"]), (Some(0), &json!(id)));
    assert_eq!(proven["opened"]["event"]["data"]["content"], "quote me 555-0199");
    let text = fs::read_to_string(auditor.path("shut")).unwrap();
    let index = text.lines().find_map(|line| line.strip_prefix("index ")).unwrap();
    let before = index.parse::<u64>().unwrap() - 1;
    let moved = text.replacen(&format!("\nindex {index}"), &format!("\nindex {before}"), 1);
    fs::write(auditor.path("moved"), moved).unwrap();
    auditor.finds_alone("check moved", 1, "not in the log");
    fs::write(auditor.path("cut"), &text[..text.len() - 9]).unwrap();
    auditor.finds_alone("check cut", 1, "checkpoint");
    fs::write(auditor.path("foreign"), "hello").unwrap();
    auditor.finds_alone("check foreign", 2, "no proof");
    auditor.finds_alone("check absent", 2, "absent");
    // Another host's key proves nothing of this one.
    let other = host_signer(&[9; 32], "").unwrap();
    fs::write(auditor.path("picket.vkey"), other.verifier().to_string()).unwrap();
    auditor.finds_alone("check shut", 1, "not signed by");
}

async fn one_day_is_held_to_another(home: Home) {
    let server = quiet(&home).await;
    decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    auditor.keep(&server, "monday");
    decided(&server, "e-2").await;
    auditor.keep(&server, "friday");
    auditor.finds(&server, "consistency monday friday", 0, "begins with");
    auditor.finds(&server, "consistency monday", 0, "begins with");
    auditor.finds(&server, "verify --anchor monday --anchor friday", 0, "2 anchors agree");
    auditor.finds(&server, "export log", 0, "");
    auditor.finds_alone("consistency monday friday --export log", 0, "begins with");
    auditor.finds_alone("consistency friday monday --export log", 1, "was cut short, or");

    // Signed with the stolen key: another log, as long as that of Monday.
    let key: [u8; 32] = fs::read(server.path("data/host.key")).unwrap().try_into().unwrap();
    let signer = host_signer(&key, "").unwrap();
    let monday = fs::read_to_string(auditor.path("monday")).unwrap();
    let size = Checkpoint::open(&monday, signer.verifier()).unwrap().head.size;
    let forged = Checkpoint::sign(picket::audit::Head { size, root: [1; 32] }, &signer);
    fs::write(auditor.path("forged"), &forged.note).unwrap();
    auditor.finds(&server, "consistency forged friday", 1, "does not begin with");
    let words = "verify log --anchor forged";
    auditor.finds_alone(words, 1, "not those that were anchored");
    fs::write(auditor.path("log/checkpoint"), &forged.note).unwrap();
    auditor.finds_alone("verify log --anchor monday", 1, "root that was signed");
    auditor.finds_alone("consistency absent friday --export log", 2, "absent");
    server.app.stop().await;
}

async fn who_changes_the_database_is_found(home: Home) {
    let server = quiet(&home).await;
    decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    auditor.finds(&server, "verify", 0, "intact");
    let mut database = database(&server.app.config.database_url()).await;
    let row = sqlx::query("SELECT seq, leaf FROM audit WHERE seq = 5");
    let row = row.fetch_one(&mut database).await.unwrap();
    let leaf: Vec<u8> = row.get("leaf");
    let mut changed = leaf.clone();
    *changed.iter_mut().find(|byte| byte.is_ascii_digit()).unwrap() ^= 1;
    for (leaf, code, says) in [
        (changed, 1, "first bad entry: index 4 "),
        (leaf.clone(), 0, "intact"),
        (vec![], 1, "index 4 "),
        // Neither JSON nor text.
        ([b"\xff", &leaf[1..]].concat(), 1, "index 4 "),
    ] {
        let update = sqlx::query("UPDATE audit SET leaf = $1 WHERE seq = 5").bind(leaf);
        update.execute(&mut database).await.unwrap();
        auditor.finds(&server, "verify", code, says);
        auditor.finds(&server, "prove 5 --out proof", code, "");
    }
    // What cannot be read is said of that line, and the others are shown.
    let page = server.get("auditor", "/v1/audit?after=3&limit=3").await.json();
    assert_eq!(
        (&page[0]["seq"], &page[1]["seq"], &page[2]["seq"]),
        (&json!(4), &json!(5), &json!(6))
    );
    assert!(page[1]["damaged"].is_string() && page[1]["what"].is_null(), "{page}");
    assert!(page[0]["damaged"].is_null() && page[2]["what"].is_string(), "{page}");
    server.app.stop().await;
}

/// Has a decision exported into a file, which replays, and returns what was said of that.
fn exported(auditor: &Auditor, server: &Server, id: &str, file: &str) -> String {
    let mut export = auditor.command();
    export.env("PICKET_SERVER", format!("http://{}", server.app.address));
    export.env("PICKET_KEY", server.key("auditor"));
    let export = export.args(["decision", "export", id, "--out", file]).output().unwrap();
    assert_eq!(export.status.code(), Some(0), "{file}: {}", said(&export));
    let replay = auditor.command().args(["replay", &format!("./{file}")]).output().unwrap();
    assert_eq!(replay.status.code(), Some(0), "{file}: {}", said(&replay));
    said(&export)
}

async fn what_the_log_cannot_prove_is_exported_without_a_proof(home: Home) {
    let server = quiet(&home).await;
    let first = decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    let mut database = database(&server.app.config.database_url()).await;
    let head = Head::read(&mut database).await;
    let second = decided(&server, "e-2").await;
    assert!(!exported(&auditor, &server, &second, "proved.capsule").contains("note:"));

    // An entry that cannot be read, no entry at all, and a log that is shorter than what was signed.
    let leaf = sqlx::query("SELECT leaf FROM audit WHERE object = $1").bind(&first);
    let leaf: Vec<u8> = leaf.fetch_one(&mut database).await.unwrap().get("leaf");
    for (leaf, noted) in [(b"x".to_vec(), true), (leaf, false)] {
        let change = sqlx::query("UPDATE audit SET leaf = $1 WHERE object = $2").bind(leaf);
        change.bind(&first).execute(&mut database).await.unwrap();
        let said = exported(&auditor, &server, &first, &format!("{noted}.capsule"));
        assert_eq!(said.contains("note: "), noted, "{said}");
    }
    head.cut(&mut database).await;
    assert!(exported(&auditor, &server, &second, "absent.capsule").contains("note: "));
    head.restore(&mut database).await;
    assert!(exported(&auditor, &server, &first, "forked.capsule").contains("note: "));
    let absent = server.get("auditor", "/v1/decisions/nothing/capsule").await;
    assert_eq!(absent.problem(), "not-found");
    server.app.stop().await;
}

async fn who_shortens_the_log_is_found(home: Home) {
    let server = quiet(&home).await;
    decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    let mut database = database(&server.app.config.database_url()).await;
    let head = Head::read(&mut database).await;
    let size = head.size;
    decided(&server, "e-2").await;
    auditor.keep(&server, "anchor");
    auditor.finds(&server, "verify --anchor anchor", 0, "1 anchor agrees");
    head.cut(&mut database).await;
    // A head that is not that of the rows, and then one that is.
    auditor.finds(&server, "verify", 1, "first bad entry");
    head.restore(&mut database).await;
    // The server itself signs nothing that does not continue what it signed.
    auditor.finds(&server, "verify", 1, "not the continuation");
    auditor.finds(&server, "verify --anchor anchor", 1, &format!("index {size} "));
    auditor.finds(&server, "consistency anchor", 1, "not the continuation");
    auditor.finds(&server, "export log", 1, "not the continuation");
    let refused = server.get("auditor", "/v1/audit/checkpoint").await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "audit-forked"));
    server.app.stop().await;
}

async fn who_was_erased_leaves_a_log_that_verifies(home: Home) {
    let server = quiet(&home).await;
    let id = decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    auditor.finds(&server, "verify --documents", 0, " 0 are gone");
    auditor.finds(&server, &format!("prove {id} --open --out before"), 0, "as logged");
    let path = "/v1/subjects/market/user-17/erase";
    let erase = server.request("admin", Method::POST, path).json(&json!({"why": "asked for"}));
    assert_eq!(erase.send().await.unwrap().status(), 200);
    auditor.finds(&server, "verify --documents", 0, " 2 are gone: erased, too old or replaced");
    auditor.finds(
        &server,
        &format!("prove {id} --open --out after"),
        0,
        "gone: erased, too old or replaced",
    );
    auditor.finds_alone("check after", 0, &id);
    let (_, json) = auditor.alone("check after --json");
    assert!(!json.contains("555-0199") && !json.contains("user-17"), "{json}");
    server.app.stop().await;
}

async fn who_changes_what_is_stored_is_found(home: Home) {
    let server = quiet(&home).await;
    let id = decided(&server, "e-1").await;
    let auditor = Auditor::of(&server);
    let log = server.get("auditor", &format!("/v1/audit?object={id}")).await.json();
    let index = log[0]["seq"].as_u64().unwrap() - 1;
    let mut database = database(&server.app.config.database_url()).await;
    for (table, column) in [("decisions", "id"), ("events", "decision_id")] {
        let select = format!("SELECT sealed FROM {table} WHERE {column} = $1");
        let row = sqlx::query(sqlx::AssertSqlSafe(select)).bind(&id);
        let sealed: Vec<u8> = row.fetch_one(&mut database).await.unwrap().get("sealed");
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        let update = format!("UPDATE {table} SET sealed = $1 WHERE {column} = $2");
        for (sealed, code) in [(changed, 1), (sealed, 0)] {
            let update = sqlx::query(sqlx::AssertSqlSafe(update.clone())).bind(sealed).bind(&id);
            update.execute(&mut database).await.unwrap();
            let says = if code == 1 { format!("index {index} ") } else { "intact".to_owned() };
            auditor.finds(&server, "verify --documents", code, &says);
            auditor.finds(&server, &format!("prove {id} --out proof"), code, "");
        }
    }
    server.app.stop().await;
}
