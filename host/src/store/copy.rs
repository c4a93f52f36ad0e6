//! Copies of a SQLite database: made while others write to it, and looked through before they are
//! trusted. PostgreSQL has tools of its own for both.

use std::path::Path;

use sqlx::Row as _;

use super::audit::{self, Leaves};
use super::dialect::{self, Address, Connection, unsigned};
use super::{Options, PAGE_ROWS_MAX, Store, StoreError, erase, host_key};
use crate::audit::{Frontier, Head, leaf_hash};
use crate::model::{AuditEntry, Erasure, Timestamp};

/// Faults of a damaged database that are named.
const FAULTS_MAX: usize = 5;

/// The times that a database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Now, by the clock of the database's machine.
    pub database: Timestamp,
    pub last_decided: Option<Timestamp>,
}

/// What a database was found to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The number of the last migration that it has.
    pub schema_version: i64,
    pub decisions: u64,
    /// How many subjects were erased.
    pub erasures: u64,
    /// The tree over its audit log, as it follows from the entries.
    pub audit: Head,
}

/// What is asked of a database before another one takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// Who was erased in it.
    pub erasures: Vec<Erasure>,
    /// How many entries its audit log has.
    pub audit_size: u64,
}

impl Store {
    /// Whether a database can be copied at all.
    ///
    /// # Errors
    /// [`StoreError::NoCopies`] of PostgreSQL, which has its own means.
    pub fn may_copy(options: &Options) -> Result<(), StoreError> {
        match Address::parse(options)? {
            Address::Sqlite(_) => Ok(()),
            Address::Postgres(_) => Err(StoreError::NoCopies),
        }
    }

    /// Writes the database, as it is at this moment, into a file that is not there yet. Others may
    /// write meanwhile; what they write is not in the copy. Nothing that was deleted is in it either.
    ///
    /// # Errors
    /// [`StoreError::NoCopies`] of PostgreSQL; a database that is absent; a disk that is full.
    pub async fn copy(options: &Options, to: &Path) -> Result<(), StoreError> {
        let mut connection = sqlite(options).await?;
        let file = to.to_string_lossy().into_owned();
        let copied = sqlx::query("VACUUM INTO $1").bind(file).execute(&mut connection).await;
        connection.close().await?;
        copied?;
        Ok(())
    }

    /// Looks through a whole database: every page, every index, every audit entry.
    ///
    /// # Errors
    /// As [`Store::copy`]; [`StoreError::Damaged`] with the first things that are wrong.
    pub async fn examine(options: &Options) -> Result<Contents, StoreError> {
        let mut connection = sqlite(options).await?;
        let contents = examine(&mut connection).await;
        connection.close().await?;
        contents
    }

    /// Who was erased in a database, also one that lacks migrations, which it goes on to lack.
    ///
    /// # Errors
    /// As [`Store::copy`]; [`StoreError::HostKey`]; [`StoreError::Damaged`] where the list in it may not
    /// be all of it.
    pub async fn remains(options: &Options) -> Result<Remains, StoreError> {
        let mut connection = sqlite(options).await?;
        let remains = remains(&mut connection, options).await;
        connection.close().await?;
        remains
    }

    /// What time it is for the database, and what it saw last.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn times(&self) -> Result<Times, StoreError> {
        let mut tx = self.inner.writer.begin().await?;
        let now = dialect::now(tx.connection()?).await?;
        tx.roll_back().await;
        let last = sqlx::query("SELECT decided_at FROM decisions ORDER BY seq DESC LIMIT 1")
            .fetch_optional(self.readers())
            .await?;
        let last = last.map(|row| row.try_get("decided_at")).transpose()?;
        Ok(Times {
            database: Timestamp::from_micros(now),
            last_decided: last.map(Timestamp::from_micros),
        })
    }

    /// How many entries the audit log has.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn audit_size(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT coalesce(max(seq), 0) AS size FROM audit")
            .fetch_one(self.readers())
            .await?;
        Ok(unsigned(&row, "size")?)
    }

    /// Writes into the audit log what was done to the record as a whole.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn note(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.inner.writer.begin().await?.commit(Leaves::of(entry)?).await
    }
}

async fn sqlite(options: &Options) -> Result<Connection, StoreError> {
    let address = Address::parse(options)?;
    match &address {
        Address::Sqlite(_) => {}
        Address::Postgres(_) => return Err(StoreError::NoCopies),
    }
    address.prepare(false)?;
    address.reader().await.map_err(|error| StoreError::unopened(&address, error))
}

async fn remains(connection: &mut Connection, options: &Options) -> Result<Remains, StoreError> {
    check_pages(connection, "PRAGMA integrity_check(erasures)").await?;
    host_key::look(connection, &options.host_key).await?;
    let rows = sqlx::query(erase::ALL).fetch_all(&mut *connection).await?;
    let size = sqlx::query("SELECT coalesce(max(seq), 0) AS size FROM audit");
    let size = size.fetch_one(&mut *connection).await?;
    Ok(Remains {
        erasures: rows.iter().map(erase::erasure).collect::<Result<_, _>>()?,
        audit_size: unsigned(&size, "size")?,
    })
}

/// Has SQLite look at its pages, of which a file that is no database has none.
async fn check_pages(connection: &mut Connection, text: &'static str) -> Result<(), StoreError> {
    let integrity = sqlx::query(text).fetch_all(&mut *connection).await?;
    let mut faults = Vec::new();
    for row in &integrity {
        let line: String = row.try_get(0)?;
        if line != "ok" {
            faults.push(line);
        }
    }
    if !faults.is_empty() {
        let more = faults.len().saturating_sub(FAULTS_MAX);
        faults.truncate(FAULTS_MAX);
        let detail = match more {
            0 => faults.join("; "),
            more => format!("{}; and {more} more", faults.join("; ")),
        };
        return Err(damaged(detail));
    }
    Ok(())
}

async fn examine(connection: &mut Connection) -> Result<Contents, StoreError> {
    check_pages(connection, "PRAGMA integrity_check").await?;
    let numbers = sqlx::query(
        "SELECT (SELECT coalesce(max(version), 0) FROM schema_migrations) AS schema_version, \
         (SELECT count(*) FROM decisions) AS decisions, \
         (SELECT count(*) FROM erasures) AS erasures",
    )
    .fetch_one(&mut *connection)
    .await?;
    Ok(Contents {
        schema_version: numbers.try_get("schema_version")?,
        decisions: unsigned(&numbers, "decisions")?,
        erasures: unsigned(&numbers, "erasures")?,
        audit: audit(connection).await?,
    })
}

/// Goes through the audit log. Every entry must be the one that was hashed, and numbered in turn.
async fn audit(connection: &mut Connection) -> Result<Head, StoreError> {
    let mut tree = Frontier::default();
    loop {
        let rows = sqlx::query(
            "SELECT seq, leaf_hash, leaf FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(i64::try_from(tree.size()).unwrap_or(i64::MAX))
        .bind(PAGE_ROWS_MAX as i64)
        .fetch_all(&mut *connection)
        .await?;
        if rows.is_empty() {
            // A copy of an older release has no head.
            if dialect::has_table(connection, "audit_head").await?
                && audit::tree::frontier(&mut *connection).await? != tree
            {
                let detail = "the head of the audit log is not that of its entries".to_owned();
                return Err(damaged(detail));
            }
            return Ok(tree.head());
        }
        for row in &rows {
            let seq = unsigned(row, "seq")?;
            let hash = leaf_hash(row.try_get("leaf")?);
            if seq != tree.size() + 1 || hash.as_slice() != row.try_get::<&[u8], _>("leaf_hash")? {
                let detail =
                    format!("entry {} of the audit log is not what it was", tree.size() + 1);
                return Err(damaged(detail));
            }
            tree.push(hash);
        }
    }
}

fn damaged(detail: String) -> StoreError {
    StoreError::Damaged { what: "database", id: "sqlite".to_owned(), detail }
}
