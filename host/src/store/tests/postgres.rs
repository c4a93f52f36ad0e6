//! What is PostgreSQL's own: its settings, and the ways in which a server that others use fails.

use databases::Server;

use super::super::Committed;
use super::*;

#[tokio::test]
async fn the_tables_and_columns_are_those_of_sqlite() {
    let columns = async |home: Home, query: &'static str| {
        let (_place, store) = fresh(home).await;
        let rows: Vec<(String, String, String, i64, i64)> =
            sqlx::query_as(query).fetch_all(store.readers()).await.unwrap();
        rows
    };
    let sqlite = columns(
        Home::Sqlite,
        "SELECT m.name, c.name, c.type, \
         CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN 1 ELSE 0 END, c.pk \
         FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' \
         ORDER BY 1, 2",
    );
    let postgres = columns(
        Home::postgres(),
        "SELECT c.table_name::text, c.column_name::text, CASE c.data_type \
         WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' WHEN 'text' THEN 'TEXT' \
         WHEN 'double precision' THEN 'REAL' END, \
         CASE c.is_nullable WHEN 'NO' THEN 1::bigint ELSE 0 END, \
         coalesce((SELECT k.ordinal_position::bigint FROM information_schema.key_column_usage AS k \
         JOIN information_schema.table_constraints AS t USING (constraint_schema, constraint_name) \
         WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_name = c.table_name \
         AND k.column_name = c.column_name), 0) \
         FROM information_schema.columns AS c WHERE c.table_schema = 'public' \
         ORDER BY c.table_name COLLATE \"C\", c.column_name COLLATE \"C\"",
    );
    let (sqlite, postgres) = (sqlite.await, postgres.await);
    let of_type = |mut row: (String, String, String, i64, i64)| {
        // That one is made by one text for both.
        row.2 = row.2.replace("BIGINT", "INTEGER");
        row
    };
    let sqlite: Vec<_> = sqlite.into_iter().map(of_type).collect();
    assert_eq!(postgres, sqlite);
}

#[tokio::test]
async fn text_is_compared_byte_by_byte() {
    let home = Home::postgres();
    let (_place, _store) = fresh(home.clone()).await;
    let Home::Postgres(database) = home else { unreachable!() };
    assert_eq!(database.run("SELECT 'a' < 'B'"), "t", "the server's own order is a language's");
    let other = database.run(
        "SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name <> 'schema_migrations' \
         AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'",
    );
    assert_eq!(other, "");
}

/// What a place says on being opened, with a server that has these settings.
async fn refusal(server: &Server, allow_unsafe: bool) -> Result<Store, StoreError> {
    let options =
        Options { migrate: true, allow_unsafe, ..Options::new(server.url("postgres"), HOST_KEY) };
    Store::open(&options).await
}

#[tokio::test]
async fn a_server_that_could_lose_decisions_is_refused() {
    let server = Server::start(&[("fsync", "off"), ("full_page_writes", "off")]);
    let says = message(refusal(&server, false).await.unwrap_err());
    for part in ["`fsync` is off", "`full_page_writes` is off", "ALTER SYSTEM SET fsync = on"] {
        assert!(says.contains(part), "{says}");
    }
    assert!(says.contains("allow_unsafe_database = true"), "{says}");
    assert!(!says.contains("synchronous_commit"), "{says}");
    refusal(&server, true).await.unwrap().close().await.unwrap();
}

#[tokio::test]
async fn a_role_or_a_database_that_does_not_wait_for_the_disk_is_refused() {
    let place = Place::new(Home::postgres());
    let Home::Postgres(database) = &place.home else { unreachable!() };
    let name = database.run("SELECT current_database()");
    database.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    let says = message(Store::open(&place.options).await.unwrap_err());
    assert!(says.contains("`synchronous_commit` is off"), "{says}");
    database.run(&format!("ALTER DATABASE {name} SET synchronous_commit = local"));
    let store = place.open().await;
    // What a session found when it began holds for it.
    database.run(&format!("ALTER DATABASE {name} RESET synchronous_commit"));
    let mut tx = store.inner.writer.begin().await.unwrap();
    let found: String = sqlx::query_scalar("SELECT current_setting('synchronous_commit')")
        .fetch_one(tx.connection().unwrap())
        .await
        .unwrap();
    assert_eq!(found, "local");
}

#[tokio::test]
async fn another_encoding_is_refused() {
    let Home::Postgres(database) = Home::postgres() else { unreachable!() };
    let name = format!("latin_{}", std::process::id());
    database.run(&format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
    ));
    let options = Options::new(databases::shared().url(&name), HOST_KEY);
    let says = message(Store::open(&options).await.unwrap_err());
    assert!(says.contains("its encoding is LATIN1"), "{says}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_without_its_password() {
    let socket = tempfile::tempdir().unwrap();
    let folder = socket.path().display();
    for (url, names) in [
        ("postgres://picket:hunter2@127.0.0.1:1/decisions".to_owned(), "127.0.0.1:1/decisions"),
        (format!("postgres://picket:hunter2@localhost/decisions?host={folder}"), "/decisions"),
    ] {
        let options = Options { migrate: true, ..Options::new(url, HOST_KEY) };
        let error = Store::open(&options).await.unwrap_err();
        let debug = format!("{error:?} {options:?} {:?}", Address::parse(&options).unwrap());
        assert!(!debug.contains("hunter2"), "{debug}");
        let says = message(error);
        assert!(says.contains(names) && !says.contains("hunter2"), "{says}");
    }
    let absent = databases::shared().url("nowhere");
    let says = message(Store::open(&Options::new(absent, HOST_KEY)).await.unwrap_err());
    assert!(says.contains("\"nowhere\" does not exist"), "{says}");
}

#[tokio::test]
async fn a_database_that_is_bare_is_refused() {
    let mut place = Place::new(Home::postgres());
    place.options.migrate = false;
    let error = Store::open(&place.options).await.unwrap_err();
    assert!(matches!(&error, StoreError::Pending { names } if *names == migrations()));
    let Home::Postgres(database) = &place.home else { unreachable!() };
    assert_eq!(database.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_place, store) = fresh(Home::postgres()).await;
    let error = sqlx::query("DELETE FROM sources").execute(store.readers()).await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[tokio::test]
async fn connections_that_died_are_replaced_unnoticed() {
    let (place, store) = fresh(Home::postgres()).await;
    let Home::Postgres(database) = &place.home else { unreachable!() };
    let entries: Vec<Entry> = (0..3).map(|n| entry(&format!("e-{n}"))).collect();
    for entry in &entries {
        assert_eq!(store.commit(entry).await.unwrap(), Committed::New);
        assert_eq!(store.sources().await.unwrap(), []);
        database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
    }
    assert!(store.claim(SOURCE, "e-2").await.unwrap().is_some());
}

#[tokio::test]
async fn tls_is_as_strict_as_the_address_says() {
    let (server, authority) = Server::start_with_tls();
    let (_other, stranger) = Server::start_with_tls();
    let (authority, stranger) = (authority.display(), stranger.display());
    let open = async |host: &str, parameters: String| {
        let url = format!("{}?{parameters}", server.tcp_url(host, "postgres"));
        Store::open(&Options { migrate: true, ..Options::new(url, HOST_KEY) }).await
    };
    let store = open("localhost", format!("sslmode=verify-full&sslrootcert={authority}")).await;
    let encrypted: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl")
            .fetch_one(store.unwrap().readers())
            .await
            .unwrap();
    assert_eq!(encrypted, 1);
    for (host, parameters) in [
        // Signed by somebody else; signed for another name; by nobody that the system knows.
        ("localhost", format!("sslmode=verify-full&sslrootcert={stranger}")),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={authority}")),
        ("localhost", "sslmode=verify-full".to_owned()),
    ] {
        let says = message(open(host, parameters).await.unwrap_err());
        assert!(says.contains("certificate") && says.contains("/postgres"), "{says}");
    }
}
