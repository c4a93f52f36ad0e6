//! Backups: made while a server writes, looked through, restored, and refused where they are not whole.

mod fixture;
mod server;

use std::fs;
use std::path::{Path, PathBuf};

use databases::Home;
use picket::app::{App, Carried, Health, Restore, back_up, examine, restore};
use picket::config::Config;
use picket::model::{Identity, KeyId, Role};
use picket::registry::Bundle;
use server::Server;

fn carried() -> Carried {
    Carried { bundle: Bundle::default(), program: env!("CARGO_BIN_EXE_picket").into() }
}

/// A configuration like the server's, with a data directory of its own.
fn elsewhere(server: &Server, name: &str) -> Config {
    Config { data_dir: server.path(name), ..(*server.app.config).clone() }
}

fn from(folder: &Path) -> Restore {
    Restore { from: folder.to_owned(), nobody_erased: true, ..Restore::default() }
}

fn admin() -> Identity {
    Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "dpo".into() }
}

async fn is_erased(app: &App, event_id: &str) -> bool {
    let claimed = app.store.claim("market", event_id).await.expect("an answer");
    claimed.expect("it is there").erased
}

/// Names of what lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("a folder");
    files.map(|it| it.expect("a file").file_name().to_string_lossy().into_owned()).collect()
}

async fn backed_up(server: &Server, name: &str) -> PathBuf {
    let folder = server.path(name);
    back_up(&server.app.config, &folder, true).await.expect("a backup");
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_server_that_runs_serves_elsewhere() {
    let server = Server::start(&Home::Sqlite).await;
    let before = server.event("e-1", "probe this").await;
    assert_eq!(before.status, 200, "{}", before.text);
    let folder = backed_up(&server, "backup").await;
    assert_eq!(server.event("e-2", "probe this too").await.status, 200);

    let config = elsewhere(&server, "restored");
    let restored = restore(&config, &from(&folder)).await.expect("it is whole");
    assert_eq!((restored.manifest.decisions, restored.erased, restored.aside), (1, 0, vec![]));
    let app = App::start_with(config, carried()).await.expect("it serves");
    let id = before.json()["id"].as_str().expect("an id").parse().expect("an id");
    let recorded = app.store.decision(id).await.expect("an answer").expect("it is there");
    assert_eq!(recorded.decision.expect("it is decided").event_id, "e-1");
    let entries = app.store.audit_entries(0, 500).await.expect("an answer");
    assert!(entries.iter().any(|entry| entry.what == "record.restored"));
    app.stop().await;
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_erased_since_stays_erased() {
    let server = Server::start(&Home::Sqlite).await;
    assert_eq!(server.event("e-1", "probe of user-17").await.status, 200);
    let folder = backed_up(&server, "backup").await;
    server.app.store.erase("market", "user-17", "asked for", &admin()).await.expect("erased");
    let list = server.app.store.erasures(0, 9).await.expect("a list");
    let config = (*server.app.config).clone();
    let Server { app, dir, .. } = server;

    let error = restore(&config, &from(&folder)).await.expect_err("a server runs").to_string();
    assert!(error.contains("stop it first"), "{error}");
    app.stop().await;
    let error = restore(&config, &from(&folder)).await.expect_err("a record is there").to_string();
    assert!(error.contains("--replace"), "{error}");
    let wanted = Restore { replace: true, nobody_erased: false, ..from(&folder) };
    let restored = restore(&config, &wanted).await.expect("the list is in the record");
    assert_eq!(restored.erased, 1);
    assert!(restored.aside[0].join("picket.db").exists(), "what was there is kept");
    assert!(restored.aside[0].join("host.key").exists());
    let app = App::start_with(config.clone(), carried()).await.expect("it serves");
    assert!(is_erased(&app, "e-1").await);
    app.stop().await;

    // On a new machine the list is a file, and without one nothing is restored.
    let fresh = Config { data_dir: dir.path().join("fresh"), ..config };
    let silent = Restore { nobody_erased: false, ..from(&folder) };
    let error = restore(&fresh, &silent).await.expect_err("nobody speaks of it").to_string();
    assert!(error.contains("--erasures"), "{error}");
    let file = dir.path().join("erasures.jsonl");
    let lines: Vec<String> =
        list.iter().map(|it| serde_json::to_string(it).expect("JSON")).collect();
    fs::write(&file, lines.join("\n")).expect("a file");
    let told = Restore { erasures: vec![file], ..silent };
    assert_eq!(restore(&fresh, &told).await.expect("it is listed").erased, 1);
}

/// A damaged record is the usual reason to restore, and it says of nobody that he was erased.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_brings_nobody_back() {
    let server = Server::start(&Home::Sqlite).await;
    assert_eq!(server.event("e-1", "probe of user-17").await.status, 200);
    let folder = backed_up(&server, "backup").await;
    server.app.store.erase("market", "user-17", "asked for", &admin()).await.expect("erased");
    let config = (*server.app.config).clone();
    let Server { app, dir: _dir, .. } = server;
    app.stop().await;
    let (database, list) =
        (config.data_dir.join("picket.db"), config.data_dir.join("erasures.jsonl"));
    let kept = fs::read_to_string(&list).expect("a list");
    assert_eq!(kept.lines().count(), 1);
    assert!(!kept.contains("user-17"), "it names nobody: {kept}");
    let wanted = Restore { replace: true, nobody_erased: false, ..from(&folder) };
    let refused = async |why: &str| {
        let there = fs::read(&database).expect("a record");
        let error = restore(&config, &wanted).await.expect_err(why).to_string();
        for part in [why, "--erasures", "--nobody-erased"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(fs::read(&database).expect("a record"), there, "{why}");
        assert!(!names(&config.data_dir).iter().any(|name| name.contains("restor")), "{why}");
    };
    fs::write(&database, "no database any more").expect("a file");

    // Nothing says who was erased: there is no list, a damaged one, or one of another host.
    fs::remove_file(&list).expect("a list");
    refused("could not be read").await;
    fs::write(&list, "{}\n").expect("a list");
    refused("line 1").await;
    fs::write(&list, &kept).expect("a list");
    let key = fs::read(config.data_dir.join("host.key")).expect("a key");
    fs::write(config.data_dir.join("host.key"), [7; 32]).expect("a key");
    refused("under another host key").await;
    fs::write(config.data_dir.join("host.key"), key).expect("a key");

    let restored = restore(&config, &wanted).await.expect("the list beside the record is read");
    assert_eq!(restored.erased, 1);
    assert!(restored.remarks[0].contains("could not be read"), "{:?}", restored.remarks);
    assert!(restored.remarks[0].contains("erasures.jsonl"), "{:?}", restored.remarks);
    assert_eq!(fs::read_to_string(&list).expect("a list"), kept);
    let app = App::start_with(config, carried()).await.expect("it serves");
    assert!(is_erased(&app, "e-1").await);
    app.stop().await;
}

/// As where a folder is copied back by hand, or PostgreSQL by its own tools.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_erases_whom_the_list_names_and_the_record_does_not() {
    let server = Server::start(&Home::Sqlite).await;
    assert_eq!(server.event("e-1", "probe of user-17").await.status, 200);
    let folder = backed_up(&server, "backup").await;
    server.app.store.erase("market", "user-17", "asked for", &admin()).await.expect("erased");
    let list = server.path("data/erasures.jsonl");
    let kept = fs::read_to_string(&list).expect("a list");

    let server = server.again(async |config: &Config| {
        let database = config.data_dir.join("picket.db");
        fs::copy(folder.join("picket.db"), database).expect("a copy");
    });
    let server = server.await;
    assert!(is_erased(&server.app, "e-1").await);
    assert_eq!(fs::read_to_string(&list).expect("a list"), kept, "it is on the list already");

    // What a crash kept from the list follows; a list that cannot be read is no list of nobody.
    let server = server.again(async |_: &Config| fs::remove_file(&list).expect("a list")).await;
    assert_eq!(fs::read_to_string(&list).expect("a list"), kept);
    let config = (*server.app.config).clone();
    let Server { app, dir: _dir, .. } = server;
    app.stop().await;
    fs::write(&list, "half a li\n").expect("a list");
    let error = App::start_with(config, carried()).await.err().expect("it cannot be read");
    assert!(format!("{error:#}").contains("mend it"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_cannot_be_listed_is_not_acknowledged() {
    let server = Server::start(&Home::Sqlite).await;
    assert_eq!(server.event("e-1", "probe of user-17").await.status, 200);
    let list = server.path("data/erasures.jsonl");
    fs::remove_file(&list).expect("a list");
    fs::create_dir(&list).expect("something in its place");
    let erase = || {
        let why = r#"{"why": "ticket 4711"}"#;
        server.post("admin", "/v1/subjects/market/user-17/erase", "application/json", why)
    };
    assert_eq!(erase().await.problem(), "unavailable");
    fs::remove_dir(&list).expect("it is empty");
    assert_eq!(erase().await.status, 200, "once more");
    assert_eq!(fs::read_to_string(&list).expect("a list").lines().count(), 1);
    server.app.stop().await;
}

/// Between copying and taking the place: here by a list that names no name.
#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_fails_halfway_changes_nothing() {
    let server = Server::start(&Home::Sqlite).await;
    let folder = backed_up(&server, "backup").await;
    assert_eq!(server.event("e-1", "probe this").await.status, 200);
    let list = server.path("list.jsonl");
    let line =
        r#"{"source":"market","subject":"nobody","key_id":"0","erased_at":"2026-09-01T09:00:00Z"}"#;
    fs::write(&list, line).expect("a list");
    let left = server.path("data/picket.db.restoring");
    let server = server.again(async |config: &Config| {
        let wanted = Restore { replace: true, erasures: vec![list.clone()], ..from(&folder) };
        let error = restore(config, &wanted).await.expect_err("nobody is called so");
        assert!(format!("{error:#}").contains("nothing was replaced"), "{error:#}");
        assert!(!names(&config.data_dir).iter().any(|name| name.contains("restor")));
        assert!(!names(&config.data_dir).iter().any(|name| name.contains("replaced")));
        // As a kill would have left it.
        fs::write(&left, "half a record").expect("a file");
    });
    let server = server.await;
    assert!(!is_erased(&server.app, "e-1").await, "the record is as it was");
    assert!(!left.exists(), "whoever was erased may be in it");
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_the_log_is_signed_anew() {
    let signing = |config: &mut Config| config.checkpoint_every_s = 1;
    let server = Server::start_with(&Home::Sqlite, signing).await;
    let folder = backed_up(&server, "backup").await;
    assert_eq!(server.event("e-1", "probe this").await.status, 200);
    let signed = server.get("auditor", "/v1/audit/checkpoint").await.text;
    let sizes = |notes: &str| notes.lines().filter_map(|line| line.parse::<u64>().ok()).max();
    let (checkpoints, size) = (server.path("data/checkpoints"), sizes(&signed));
    let has = |folder: &Path| {
        let files = names(folder).into_iter().map(|name| folder.join(name));
        files.map(|file| fs::read_to_string(file).expect("notes")).any(|it| sizes(&it) >= size)
    };
    server.until("what is signed is kept", || async { has(&checkpoints) }).await;

    let server = server.again(async |config: &Config| {
        let wanted = Restore { replace: true, ..from(&folder) };
        let restored = restore(config, &wanted).await.expect("it is whole");
        assert!(has(&restored.aside[0].join("checkpoints")), "they are kept");
        assert!(restored.remarks.iter().any(|it| it.contains("checkpoints")), "and it is told");
    });
    let server = server.await;
    let again = server.get("auditor", "/v1/audit/checkpoint").await;
    assert_eq!(again.status, 200, "{}", again.text);
    let decided = server.event("e-1", "probe this").await.json();
    let path = format!("/v1/audit/proof/{}", decided["id"].as_str().expect("an id"));
    let proof = server.get("auditor", &path).await;
    assert_eq!(proof.status, 200, "{}", proof.text);
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_changed_is_refused() {
    let server = Server::start(&Home::Sqlite).await;
    assert_eq!(server.event("e-1", "probe this").await.status, 200);
    let again = back_up(&server.app.config, &backed_up(&server, "full").await, true).await;
    assert!(again.expect_err("a folder that is full").to_string().contains("not empty"));
    let refused = async |name: &str, change: &dyn Fn(&Path)| {
        let folder = backed_up(&server, name).await;
        change(&folder);
        let config = elsewhere(&server, &format!("{name}-restored"));
        let error = restore(&config, &from(&folder)).await.expect_err(name);
        assert!(!config.data_dir.join("picket.db").exists(), "{name}");
        format!("{error:#}")
    };
    let flipped = refused("flipped", &|folder| {
        let file = folder.join("picket.db");
        let mut bytes = fs::read(&file).expect("a copy");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).expect("a copy");
    });
    assert!(flipped.await.contains("not the file that was written"));
    let cut = refused("cut", &|folder| {
        fs::remove_file(folder.join("backup.json")).expect("a list");
    });
    assert!(cut.await.contains("not a whole one"));
    let other_log = refused("other-log", &|folder| {
        let file = folder.join("backup.json");
        let text = fs::read_to_string(&file).expect("a list");
        let mut list: serde_json::Value = serde_json::from_str(&text).expect("a list");
        list["audit_root"] = "00".repeat(32).into();
        fs::write(&file, list.to_string()).expect("a list");
    });
    assert!(other_log.await.contains("it was changed"));
    let keyless = refused("keyless", &|folder| {
        let file = folder.join("backup.json");
        let text = fs::read_to_string(&file).expect("a list");
        let mut list: serde_json::Value = serde_json::from_str(&text).expect("a list");
        list["host_key"] = serde_json::Value::Null;
        fs::write(&file, list.to_string()).expect("a list");
    });
    assert!(keyless.await.contains("--host-key"));
    server.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_wrong_and_changes_nothing() {
    let server = Server::start(&Home::Sqlite).await;
    assert_eq!(server.event("e-1", "probe this").await.status, 200);
    let config = (*server.app.config).clone();
    let found = examine(&config, true).await;
    assert!(found.iter().all(|it| it.health < Health::Bad), "{found:?}");
    let text = |what: &str, found: &[picket::app::Finding]| {
        let it = found.iter().find(|it| it.what == what && it.health > Health::Good);
        it.map(|it| it.text.clone()).unwrap_or_else(|| panic!("{what}: {found:?}"))
    };
    let integrity = found.iter().find(|it| it.what == "integrity").expect("it is looked at");
    assert!(integrity.text.contains("1 decisions"), "{integrity:?}");
    server.app.stop().await;

    let open = |path: PathBuf, mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open(config.data_dir.join("host.key"), 0o644);
    let entry = fs::read_dir(config.data_dir.join("cache")).expect("a cache").next();
    let entry = entry.expect("an entry").expect("an entry").path();
    fs::write(&entry, b"another's").expect("an entry");
    let found = examine(&config, true).await;
    assert!(text("permissions", &found).contains("chmod go-rwx"));
    assert!(text("cache", &found).contains("1 of"));
    assert!(entry.exists(), "looking changes nothing");

    fs::write(config.data_dir.join("picket.db"), b"no database at all, and longer than a header")
        .expect("a file");
    let found = examine(&config, true).await;
    assert!(text("database", &found).contains("database"), "{found:?}");
    let plan = config.data_dir.join("restore.json");
    fs::write(&plan, "{}").expect("a file");
    assert!(text("restore", &examine(&config, true).await).contains("cut off"));
    assert!(plan.exists());
    let missing = Config { data_dir: config.data_dir.join("nowhere"), ..config };
    assert!(text("host key", &examine(&missing, true).await).contains("first start"));
    assert!(!missing.data_dir.exists());
}
