//! Opening: settings, migrations, addresses.

use super::*;

on_both!(
    migrating_twice_is_migrating_once,
    many_programs_may_migrate_at_once,
    a_newer_or_changed_database_is_refused,
);

async fn migrating_twice_is_migrating_once(home: Home) {
    let mut place = Place::new(home);
    place.options.migrate = false;
    assert_eq!(Store::migrate(&place.options).await.unwrap(), migrations());
    assert_eq!(Store::pending(&place.options).await.unwrap(), [""; 0]);
    assert_eq!(Store::migrate(&place.options).await.unwrap(), [""; 0]);
    let store = place.open().await;
    assert_eq!(done(&store).await, [""; 0]);
    assert_eq!(store.audit_entries(0, 9).await.unwrap()[0].what, "schema.migrated");
    assert_eq!(store.generation().await.unwrap(), 0);
}

async fn many_programs_may_migrate_at_once(home: Home) {
    let mut place = Place::new(home);
    place.options.busy_timeout_ms = 60_000;
    let opening = (0..4).map(|_| Store::open(&place.options));
    for store in futures::future::join_all(opening).await {
        store.unwrap();
    }
}

async fn a_newer_or_changed_database_is_refused(home: Home) {
    let place = Place::new(home);
    place.open().await.close().await.unwrap();
    let change = async |statement: &'static str| {
        let mut connection = place.connect().await;
        run(&mut connection, statement).await.unwrap();
        connection.close().await.unwrap();
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
        ("postgres://picket:hun@ter2@db/picket", "%40 for an @ in the password"),
        ("postgres://picket:hun#ter2@db/picket", "%40 for an @ in the password"),
        ("postgres://picket:hunter2/@db/picket", "%40 for an @ in the password"),
        ("postgres:picket:hunter2@db/picket", "postgres://<user>"),
        ("postgresql://picket:hunter2@db/picket?sslmod=verify-full", "parameter `sslmod`"),
        ("postgres://picket:hunter2@db/picket?sslmode=hunter2", "postgres://<user>"),
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
