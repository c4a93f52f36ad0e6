//! Which database is spoken: the only file that names a driver. The statements of the other files
//! serve SQLite and PostgreSQL alike; what differs between the two is a line here.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Row as _};
use tokio::time::sleep;

use super::{Options, StoreError};

pub(super) type Connection = sqlx::SqliteConnection;
pub(super) type Pool = sqlx::SqlitePool;
pub(super) type Row = sqlx::sqlite::SqliteRow;
pub(super) type Arguments = sqlx::sqlite::SqliteArguments;

/// The migrations, as (version, name, text), ascending.
pub(super) const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "spine", include_str!("../../../migrations/sqlite/0001_spine.sql")),
    (2, "life", include_str!("../../../migrations/sqlite/0002_life.sql")),
    (3, "outbox", include_str!("../../../migrations/sqlite/0003_outbox.sql")),
];

/// Takes the write lock at once: a transaction that became a writer later could be refused halfway.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Whether a table exists.
pub(super) const TABLE_EXISTS: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1";

/// How many pages the write-ahead log may hold before they are moved into the database (32 MiB).
/// A page that many commits change is then moved once, not once per commit.
const WAL_PAGES: &str = "8192";
/// Page caches in KiB, as SQLite wants them: negative.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-16384";
/// Room for every multi-row statement in each of its sizes.
const STATEMENTS_CACHED_MAX: usize = 256;
/// How long to wait before trying again to connect to a database that is locked.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(5);
/// Rows that travel between the database's thread and ours without either waiting.
const ROWS_BUFFERED_MAX: usize = 512;

/// Where a database is, and how to connect to it.
#[derive(Debug, Clone)]
pub(super) struct Address {
    path: PathBuf,
    busy_timeout: Duration,
}

impl Address {
    /// Reads `sqlite://<path>`.
    pub fn parse(options: &Options) -> Result<Self, StoreError> {
        let url = options.database_url.as_str();
        if let Some((scheme @ ("postgres" | "postgresql"), _)) = url.split_once(':') {
            return Err(StoreError::Unsupported { scheme: scheme.to_owned() });
        }
        let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
        match path {
            Some(path) if !path.is_empty() && !path.starts_with(':') && !path.contains('?') => {
                Ok(Self {
                    path: PathBuf::from(path),
                    busy_timeout: Duration::from_millis(options.busy_timeout_ms),
                })
            }
            _ => Err(StoreError::Address { scheme: scheme_of(url) }),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes an empty database where there is none. It holds what people wrote to each other, so
    /// only its owner may read it; its log files inherit that.
    pub fn create(&self) -> Result<(), StoreError> {
        let refused = |source| StoreError::Create { path: self.path.clone(), source };
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| refused(error.into()))?;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(refused(error.into()))
            }
            _ => Ok(()),
        }
    }

    /// The one connection that writes.
    pub async fn writer(&self) -> Result<Connection, sqlx::Error> {
        let options = self
            .options()
            .journal_mode(SqliteJournalMode::Wal)
            // Invariant: nothing is acknowledged before it is durable. NORMAL does not flush the
            // log at a commit.
            .synchronous(SqliteSynchronous::Full)
            // On macOS a plain flush stops at the disk's own cache.
            .pragma("fullfsync", "ON")
            .pragma("wal_autocheckpoint", WAL_PAGES)
            .pragma("cache_size", WRITER_CACHE);
        let deadline = Instant::now() + self.busy_timeout;
        loop {
            match options.connect().await {
                // SQLite does not wait where two programs turn the write-ahead log on at once.
                Err(error) if is_lock(&error) && Instant::now() < deadline => {
                    sleep(CONNECT_AGAIN_AFTER).await;
                }
                connected => return connected,
            }
        }
    }

    /// A few connections that only read.
    pub async fn readers(&self, count: u32) -> Result<Pool, sqlx::Error> {
        SqlitePoolOptions::new()
            .max_connections(count.max(1))
            .acquire_timeout(self.busy_timeout.max(Duration::from_secs(1)))
            .test_before_acquire(false)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(self.options().read_only(true).pragma("cache_size", READER_CACHE))
            .await
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            .statement_cache_capacity(STATEMENTS_CACHED_MAX)
            .row_buffer_size(ROWS_BUFFERED_MAX)
            .thread_name(|n| format!("picket-store-{n}"))
            .disable_statement_logging()
    }
}

/// Of an address: what may be shown, for the rest may hold a password.
fn scheme_of(url: &str) -> String {
    url.split(':').next().unwrap_or_default().chars().take(32).collect()
}

/// Whether an error says that the database cannot answer now and may do so later: it is locked, its
/// disk is full or fails, or its thread is gone. Codes: sqlite.org/rescode.html.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    match error {
        sqlx::Error::Database(_) => {
            is_lock(error)
                || matches!(code(error), Some(NOMEM | READONLY | IOERR | FULL | CANTOPEN))
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// Whether an error says that somebody else holds the write lock.
pub(super) fn is_lock(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    matches!(code(error), Some(BUSY | LOCKED))
}

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// An unsigned number of the model, which the database keeps as a signed one.
pub(super) fn unsigned(row: &Row, column: &str) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}
