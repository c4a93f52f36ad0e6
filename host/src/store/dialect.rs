//! Which database is spoken: this module alone names a driver. The statements of the other files
//! serve SQLite and PostgreSQL alike; what differs between the two is a line here, or in `sqlite`
//! and `postgres`, which connect.

mod connection;
mod pool;
mod postgres;
mod sqlite;

use std::fmt;
use std::time::Duration;

use sqlx::Row as _;

pub(super) use connection::Connection;
pub(super) use pool::Pool;

use super::{Options, StoreError};
use crate::model::Digest;

pub(super) type Row = sqlx::any::AnyRow;
pub(super) type Arguments = sqlx::any::AnyArguments;

/// The two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

/// A numbered change of the schema, in the words of each database.
#[derive(Debug, Clone, Copy)]
pub(super) struct Migration {
    pub version: i64,
    /// As its files are called.
    pub title: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Migration {
    pub fn text(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Sqlite => self.sqlite,
            Kind::Postgres => self.postgres,
        }
    }

    pub fn checksum(&self, kind: Kind) -> Digest {
        Digest::of(self.text(kind).as_bytes())
    }
}

macro_rules! migration {
    ($version:literal, $title:literal) => {
        Migration {
            version: $version,
            title: $title,
            sqlite: include_str!(concat!("../../../migrations/sqlite/", $title, ".sql")),
            postgres: include_str!(concat!("../../../migrations/postgres/", $title, ".sql")),
        }
    };
}

/// All there are, ascending.
pub(super) const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_spine"),
    migration!(2, "0002_life"),
    migration!(3, "0003_seal"),
    migration!(4, "0004_keep"),
    migration!(5, "0005_log"),
    migration!(6, "0006_outbox"),
    migration!(7, "0007_strikes"),
    migration!(8, "0008_hooks"),
    migration!(9, "0009_policy_life"),
    migration!(10, "0010_pages"),
    migration!(11, "0011_differences"),
    migration!(12, "0012_features"),
    migration!(13, "0013_reversals"),
    migration!(14, "0014_destinations"),
    migration!(15, "0015_alerts"),
    migration!(16, "0016_cases"),
    migration!(17, "0017_onset"),
];

/// The one that gives the audit log its tree.
pub(super) const TREE: i64 = 5;

/// Where a database is, and how to connect to it.
#[derive(Debug, Clone)]
pub(super) enum Address {
    Sqlite(sqlite::Address),
    Postgres(Box<postgres::Address>),
}

impl Address {
    /// Reads `sqlite://<path>` or `postgres://<user>:<password>@<host>:<port>/<database>`.
    pub fn parse(options: &Options) -> Result<Self, StoreError> {
        let url = options.database_url.as_str();
        match url.split_once(':') {
            Some(("sqlite", _)) => sqlite::Address::parse(url, options).map(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => {
                postgres::Address::parse(url, options).map(|address| Self::Postgres(address.into()))
            }
            _ => Err(StoreError::Address { scheme: scheme_of(url) }),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Sees that there is a database to connect to, where that is ours to see to.
    pub fn prepare(&self, create: bool) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(address) if create => address.create(),
            Self::Sqlite(address) => address.find(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// The one connection that writes.
    ///
    /// # Errors
    /// Where the database cannot be reached, or is not one to trust a record to.
    pub async fn writer(&self) -> Result<Connection, StoreError> {
        match self {
            Self::Sqlite(address) => {
                address.writer().await.map_err(|error| StoreError::unopened(self, error))
            }
            Self::Postgres(address) => address.writer().await,
        }
    }

    /// A few connections that only read.
    pub fn readers(&self, options: &Options) -> Pool {
        let patience = Duration::from_millis(options.busy_timeout_ms.max(1_000));
        Pool::new(self.clone(), options.readers, patience)
    }

    /// One connection that only reads.
    pub async fn reader(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Self::Sqlite(address) => address.reader().await,
            Self::Postgres(address) => address.reader().await,
        }
    }
}

impl fmt::Display for Address {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(address) => address.fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// Has the database forget what was overwritten or deleted, as far as it can be told to; outside of a
/// transaction. Returns whether somebody who reads is in the way.
pub(super) async fn leave_no_trace(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    match connection.kind() {
        Kind::Sqlite => {
            let busy: i64 = sqlx::query_scalar(sqlite::EMPTY_LOG).fetch_one(connection).await?;
            Ok(busy != 0)
        }
        Kind::Postgres => {
            sqlx::raw_sql(postgres::VACUUM_KEYS).execute(connection).await.map(|_| false)
        }
    }
}

/// Lifts the limits of time, for a change of the schema takes as long as the tables are long.
pub(super) async fn take_time(connection: &mut Connection) -> Result<(), sqlx::Error> {
    connection.lift_patience();
    match connection.kind() {
        Kind::Sqlite => Ok(()),
        Kind::Postgres => sqlx::raw_sql(postgres::TAKE_TIME).execute(connection).await.map(drop),
    }
}

/// Whether a table exists.
pub(super) async fn has_table(
    connection: &mut Connection,
    name: &str,
) -> Result<bool, sqlx::Error> {
    let text = match connection.kind() {
        Kind::Sqlite => sqlite::COUNT_TABLES,
        Kind::Postgres => postgres::COUNT_TABLES,
    };
    let tables: i64 = sqlx::query_scalar(text).bind(name).fetch_one(connection).await?;
    Ok(tables > 0)
}

/// What time it is for the database, in microseconds since 1970.
pub(super) async fn now(connection: &mut Connection) -> Result<i64, sqlx::Error> {
    let text = match connection.kind() {
        Kind::Sqlite => sqlite::NOW,
        Kind::Postgres => postgres::NOW,
    };
    sqlx::query_scalar(text).fetch_one(connection).await
}

/// Of an address: what may be shown, for the rest may hold a password.
fn scheme_of(url: &str) -> String {
    url.split_once(':').map_or("", |(scheme, _)| scheme).chars().take(32).collect()
}

/// Whether an error says that the database cannot answer now and may do so later: it is locked or
/// starting, its disk is full or fails, or the way to it is gone.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => sqlite::is_passing(error) || postgres::is_passing(error),
        sqlx::Error::PoolTimedOut => true,
        _ => is_broken(error),
    }
}

/// Whether an error says that somebody else holds the write lock.
pub(super) fn is_lock(error: &sqlx::Error) -> bool {
    sqlite::is_lock(error) || postgres::is_lock(error)
}

/// Whether an error says that its connection is of no use any more.
fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed => true,
        _ => postgres::is_fatal(error),
    }
}

/// Whether an error says that a text was to be kept that no database could give back.
pub(super) fn is_nul(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Encode(source) if source.is::<connection::Nul>())
}

/// An unsigned number of the model, which the database keeps as a signed one.
pub(super) fn unsigned(row: &Row, column: &str) -> Result<u64, sqlx::Error> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}
