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
    assert_eq!((restored.manifest.decisions, restored.erased, restored.aside), (1, 0, None));
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
    let who = Identity { key: KeyId::new(), role: Role::Admin, source: None, name: "dpo".into() };
    server.app.store.erase("market", "user-17", "asked for", &who).await.expect("erased");
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
    let aside = restored.aside.expect("what was there is kept");
    assert!(aside.join("picket.db").exists());
    let app = App::start_with(config.clone(), carried()).await.expect("it serves");
    let claimed = app.store.claim("market", "e-1").await.expect("an answer").expect("it is there");
    assert!(claimed.erased);
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
    let missing = Config { data_dir: config.data_dir.join("nowhere"), ..config };
    assert!(text("host key", &examine(&missing, true).await).contains("first start"));
    assert!(!missing.data_dir.exists());
}
