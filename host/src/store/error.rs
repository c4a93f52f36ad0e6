//! What can go wrong with the store, and what to do about it.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::dialect;
use crate::model::{Digest, Stage};

/// Use [`StoreError::is_passing`] to tell what a caller should try again.
///
/// Cheap to clone: one failed transaction answers many callers.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    #[error(
        "database_url (`{scheme}:...`) is not the address of a database: write sqlite://<path>, such as sqlite:///var/lib/picket/picket.db, or postgres://<user>:<password>@<host>:<port>/<database>, with %40 for an @ in the password and %2F for a /"
    )]
    Address { scheme: String },
    #[error(
        "database_url has an unknown parameter `{name}`: use sslmode, sslrootcert, sslcert, sslkey, host, hostaddr, port, dbname, user, password or options"
    )]
    Parameter { name: String },
    #[error("there is no database at {path}: create it with `picket migrate`")]
    Absent { path: PathBuf },
    #[error("cannot create the database {path}: {source}")]
    Create {
        path: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
    #[error(
        "cannot open the database {place}: {source}; is it there, is it a database, and may it be written?"
    )]
    Open {
        place: String,
        #[source]
        source: Arc<sqlx::Error>,
    },
    #[error("the database {place} cannot hold the record: {problem}")]
    Unfit { place: String, problem: String },
    #[error(
        "the database {place} may lose what was acknowledged: {risks}; or, where loss does not matter, set allow_unsafe_database = true"
    )]
    Unsafe { place: String, risks: String },
    #[error("the database lacks the migrations {}: run `picket migrate`", names.join(", "))]
    Pending { names: Vec<String> },
    #[error(
        "the database has schema version {database} and this program knows {program}: run the newer program that migrated it, or restore the backup from before"
    )]
    Newer { database: i64, program: i64 },
    #[error(
        "migration {name} was applied to the database with another text than this program holds: run the release that applied it, or restore a backup"
    )]
    Checksum { name: String },
    #[error(
        "the record was written under another host key: put the host.key of its own data_dir back (it is in every backup), or name the database that belongs to this one"
    )]
    HostKey,
    #[error("{limit} commits are waiting, which is the limit (commit_queue): try again shortly")]
    Busy { limit: usize },
    #[error("the database cannot be used now: {0}; try again, and check its disk if that persists")]
    Unavailable(#[source] Arc<sqlx::Error>),
    #[error(
        "the database went away while this was being committed, and whether it was is not known yet ({0}): send it again, for the same event has one decision"
    )]
    Unsettled(#[source] Arc<sqlx::Error>),
    #[error("a statement of a transaction had failed, so that nothing of it was kept")]
    Failed,
    #[error(
        "the record is in PostgreSQL, which is copied and looked through with its own tools: pg_dump or pg_basebackup, pg_amcheck; keep host.key of data_dir beside the backup"
    )]
    NoCopies,
    #[error("a text holds a NUL character, which the record cannot keep: leave it out")]
    Nul,
    #[error("the store is closed, for the server is stopping: try again when it is back")]
    Closed,
    #[error("the key of the event's subject kept changing: try again")]
    Rekeyed,
    #[error(
        "it is erased, and somebody who reads keeps the write-ahead log with a copy of it: erase again to have that gone"
    )]
    Traces,
    #[error(
        "it is erased, but the list of erasures at {path} could not be written: {source}; make room or mend the file and erase again, for an older copy of the record would bring it back"
    )]
    Unlisted {
        path: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
    #[error(
        "the list of erasures at {path} cannot be read: {source}; mend it, or, where the record is the one that it was, move it away, and the next start writes it anew"
    )]
    Unread {
        path: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
    #[error("what the record held of {what} `{id}` was erased")]
    Erased { what: &'static str, id: String },
    #[error(
        "the event of this id was removed because of its age, and its decision with it: an id is decided once"
    )]
    Spent,
    #[error(
        "the subject is held (hold {id}), so nothing of it may go: release the hold first, with `picket hold release {id}`"
    )]
    Held { id: String },
    #[error("there is no {what} `{id}`")]
    Absence { what: &'static str, id: String },
    #[error(
        "it names the subject, and goes into the audit log, which is never erased: name a ticket instead"
    )]
    Named,
    #[error(
        "the stored {what} `{id}` is not as it was written: {detail}; keep a copy of it for whoever looks into that, and restore it from a backup"
    )]
    Damaged { what: &'static str, id: String, detail: String },
    #[error("{what} cannot be stored: {detail}")]
    Unstorable { what: &'static str, detail: String },
    #[error("a write to `{table}` needs an audit entry: it is not one of the exempt tables")]
    NotExempt { table: String },
    #[error(
        "{name} {version} is {digest} already, and a version is its bytes for ever: raise the version"
    )]
    VersionTaken { name: String, version: String, digest: Digest },
    #[error(
        "{name} {version} is older than {live}, which is {stage}: go back to a version that served with `picket detector rollback {name}`, or push it with --allow-downgrade; in a folder, remove the newer file first"
    )]
    Downgrade { name: String, version: String, live: String, stage: Stage },
    #[error(
        "the policy `{name}` is another source's, and a name belongs to one source: give this one another"
    )]
    PolicyName { name: String },
    #[error(
        "{limit} policies are in shadow for `{source_name}` already, which is the limit, for each judges every event: retire one of them (`picket policy list`)"
    )]
    ShadowsFull { source_name: String, limit: usize },
    #[error("{what} has moved on meanwhile: it is {stage} now; look again")]
    Moved { what: String, stage: Stage },
    #[error("the delivery `{id}` is {state}: only what is dead is tried again")]
    NotDead { id: String, state: String },
    #[error("the alert `{id}` was acknowledged, or is resolved: there is nothing left to say")]
    Seen { id: String },
    #[error("the destination of `{source_name}` is not disabled: it is told already")]
    NotDisabled { source_name: String },
    #[error("the database refused a statement: {0}")]
    Refused(#[source] Arc<sqlx::Error>),
}

impl StoreError {
    /// Whether the same call may succeed later: it is the database that is not as it should be.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. }
                | Self::Unavailable(_)
                | Self::Unsettled(_)
                | Self::Closed
                | Self::Open { .. }
                | Self::Unfit { .. }
                | Self::Unsafe { .. }
                | Self::Rekeyed
                | Self::Traces
                | Self::Unlisted { .. }
        )
    }

    /// A database at this place that does not open.
    pub(super) fn unopened(place: &dyn Display, source: sqlx::Error) -> Self {
        Self::Open { place: place.to_string(), source: Arc::new(source) }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => Self::Closed,
            error if dialect::is_nul(&error) => Self::Nul,
            error if dialect::is_passing(&error) => Self::Unavailable(Arc::new(error)),
            error => Self::Refused(Arc::new(error)),
        }
    }
}
