//! Opening: settings, migrations, addresses.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// What a database without any lacks.
fn migrations() -> Vec<String> {
    let known = super::super::dialect::MIGRATIONS.iter();
    known.map(|(version, name, _)| format!("{version:04}_{name}")).collect()
}

#[tokio::test]
async fn commits_are_flushed_to_the_disk() {
    let (_place, store) = fresh().await;
    assert_eq!(count(&store, "PRAGMA synchronous").await, 2, "2 is FULL");
    assert_eq!(count(&store, "PRAGMA foreign_keys").await, 1);
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(store.readers()).await.unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn readers_cannot_write() {
    let place = Place::new();
    let store = place.open().await;
    let error = sqlx::query("DELETE FROM sources").execute(store.readers()).await.unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_absent_or_bare_is_refused() {
    let mut place = Place::new();
    place.options.migrate = false;
    let says = message(Store::open(&place.options).await.unwrap_err());
    assert!(says.contains("picket migrate"), "{says}");
    assert!(!place.file().exists(), "a look must not create it");

    std::fs::write(place.file(), "").unwrap();
    let error = Store::open(&place.options).await.unwrap_err();
    assert!(matches!(&error, StoreError::Pending { names } if *names == migrations()));
    assert!(message(error).contains("picket migrate"));
}

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    let mut place = Place::new();
    place.options.migrate = false;
    assert_eq!(Store::migrate(&place.options).await.unwrap(), migrations());
    assert_eq!(Store::pending(&place.options).await.unwrap(), [""; 0]);
    assert_eq!(Store::migrate(&place.options).await.unwrap(), [""; 0]);
    let store = place.open().await;
    assert_eq!(done(&store).await, [""; 0]);
    assert_eq!(store.audit_entries(0, 9).await.unwrap()[0].what, "schema.migrated");
    assert_eq!(store.generation().await.unwrap(), 0);
}

#[tokio::test]
async fn many_programs_may_migrate_at_once() {
    let mut place = Place::new();
    place.options.busy_timeout_ms = 60_000;
    let opening = (0..4).map(|_| Store::open(&place.options));
    for store in futures::future::join_all(opening).await {
        store.unwrap();
    }
}

#[tokio::test]
async fn a_newer_or_changed_database_is_refused() {
    let place = Place::new();
    place.open().await.close().await.unwrap();
    let change = async |statement: &'static str| {
        let address = super::super::Address::parse(&place.options).unwrap();
        let mut connection = address.writer().await.unwrap();
        sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
        sqlx::Connection::close(connection).await.unwrap();
    };

    change("INSERT INTO schema_migrations VALUES (99, 'later', '', 0)").await;
    let error = Store::open(&place.options).await.unwrap_err();
    let known = migrations().len() as i64;
    assert!(
        matches!(error, StoreError::Newer { database: 99, program } if program == known),
        "{error}"
    );
    assert!(message(error).contains(&format!("version 99 and this program knows {known}")));

    change("DELETE FROM schema_migrations WHERE version = 99").await;
    change("UPDATE schema_migrations SET checksum = 'sha256:00'").await;
    let error = Store::open(&place.options).await.unwrap_err();
    assert!(matches!(error, StoreError::Checksum { .. }), "{error}");
}

#[tokio::test]
async fn other_databases_are_refused_without_telling_their_passwords() {
    for (url, says) in [
        ("postgres://picket:hunter2@db/picket", "`postgres:` databases are not supported"),
        ("postgresql://picket:hunter2@db/picket", "not supported"),
        ("mysql://picket:hunter2@db/picket", "sqlite://<path>"),
        ("sqlite://", "sqlite://<path>"),
        ("sqlite::memory:", "sqlite://<path>"),
        ("sqlite://picket.db?mode=ro", "sqlite://<path>"),
        ("/var/lib/picket.db", "sqlite://<path>"),
    ] {
        let options = Options { migrate: true, ..Options::new(url, HOST_KEY) };
        let error = message(Store::open(&options).await.unwrap_err());
        assert!(error.contains(says) && !error.contains("hunter2"), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let place = Place::new();
    std::fs::write(
        place.file(),
        "a letter, not a database, of more than a hundred bytes".repeat(9),
    )
    .unwrap();
    let error = message(Store::open(&place.options).await.unwrap_err());
    assert!(error.contains("picket.db"), "{error}");
}

#[tokio::test]
async fn only_its_owner_may_read_the_database() {
    let place = Place::new();
    let store = place.open().await;
    store.commit(&entry("e-1")).await.unwrap();
    for ending in ["", "-wal", "-shm"] {
        let path = place.folder.path().join(format!("picket.db{ending}"));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}
