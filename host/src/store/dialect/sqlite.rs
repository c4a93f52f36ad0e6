//! SQLite: one file, one connection that writes, a few that read.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteError, SqliteJournalMode, SqliteSynchronous};
use tokio::time::sleep;

use super::{Connection, Kind, scheme_of};
use crate::store::{Options, StoreError};

pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
pub(super) const NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
pub(super) const COUNT_TABLES: &str =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1";
/// Moves the write-ahead log into the database and cuts it to nothing; waits for readers. Says first
/// whether it could not.
pub(super) const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

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

#[derive(Debug, Clone)]
pub struct Address {
    path: PathBuf,
    busy_timeout: Duration,
}

impl Address {
    /// Reads `sqlite://<path>`.
    pub fn parse(url: &str, options: &Options) -> Result<Self, StoreError> {
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

    /// Makes an empty database where there is none. It holds what people wrote to each other, so
    /// only its owner may read it; its log files inherit that.
    pub fn create(&self) -> Result<(), StoreError> {
        let refused = |error: io::Error| StoreError::Create {
            path: self.path.clone(),
            source: Arc::new(error),
        };
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(refused)?;
        }
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(refused(error)),
            _ => Ok(()),
        }
    }

    /// Looks whether there is one: connecting would make it.
    pub fn find(&self) -> Result<(), StoreError> {
        match self.path.exists() {
            true => Ok(()),
            false => Err(StoreError::Absent { path: self.path.clone() }),
        }
    }

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
                connected => return connected.map(kept),
            }
        }
    }

    pub async fn reader(&self) -> Result<Connection, sqlx::Error> {
        let options = self.options().read_only(true).pragma("cache_size", READER_CACHE);
        options.connect().await.map(kept)
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .foreign_keys(true)
            // What is deleted, overwritten or moved is wiped from its page: erasing a key relies on it. Also
            // of who only reads, for a copy that it makes is written like that, and without it would hold
            // keys a second time, where a page was split and nothing overwrites them.
            .pragma("secure_delete", "ON")
            .busy_timeout(self.busy_timeout)
            .statement_cache_capacity(STATEMENTS_CACHED_MAX)
            .row_buffer_size(ROWS_BUFFERED_MAX)
            .thread_name(|n| format!("picket-store-{n}"))
            .disable_statement_logging()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

/// A statement takes as long as the disk does: given up here, it would still run to its end.
fn kept(connection: sqlx::SqliteConnection) -> Connection {
    Connection::new(connection, Kind::Sqlite, None)
}

/// Codes: sqlite.org/rescode.html.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    const NOMEM: i32 = 7;
    const READONLY: i32 = 8;
    const IOERR: i32 = 10;
    const FULL: i32 = 13;
    const CANTOPEN: i32 = 14;
    is_lock(error) || matches!(code(error), Some(NOMEM | READONLY | IOERR | FULL | CANTOPEN))
}

pub(super) fn is_lock(error: &sqlx::Error) -> bool {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    matches!(code(error), Some(BUSY | LOCKED))
}

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<i32> {
    let error = error.as_database_error()?.try_downcast_ref::<SqliteError>()?;
    let extended: i32 = sqlx::error::DatabaseError::code(error)?.parse().ok()?;
    Some(extended & 0xff)
}
