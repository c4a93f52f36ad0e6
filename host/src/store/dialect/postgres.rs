//! PostgreSQL: a server that others use as well, beyond a network that fails in its own ways.

use std::fmt;
use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSeverity};
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection};

use super::{Connection, Kind, scheme_of};
use crate::store::{Options, StoreError};

/// The lock makes writers wait for each other, those of other servers too, as SQLite's does. Each
/// statement after it sees what the last writer committed. 0x7069636b6574 is "picket".
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
     SELECT pg_advisory_xact_lock(x'7069636b6574'::bigint)";
pub(super) const TAKE_TIME: &str = "SET LOCAL statement_timeout = 0";
/// Takes away the versions of keys that are no more. Their bytes may stay in the server's files until it
/// writes over them.
pub(super) const VACUUM_KEYS: &str = "VACUUM subject_keys";
pub(super) const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
pub(super) const COUNT_TABLES: &str =
    "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1";

/// The oldest release that is supported.
const VERSION_MIN: i32 = 15;
/// Room for every multi-row statement in each of its sizes.
const STATEMENTS_CACHED_MAX: usize = 256;
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// By how much our patience outlasts the server's own limit for a statement: where the server
/// answers at all, it is the one to say so.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a writer may hold the lock without saying anything: its server may be gone.
const SILENCE_MS: u64 = 10_000;

/// What an address may set besides. Names as in libpq.
const PARAMETERS: [&str; 11] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "options",
];

#[derive(Clone)]
pub struct Address {
    options: PgConnectOptions,
    lock_timeout: Duration,
    statement_timeout: Duration,
    allow_unsafe: bool,
}

impl Address {
    /// Reads `postgres://<user>:<password>@<host>:<port>/<database>?sslmode=<mode>`. What is left
    /// out comes from `PGHOST`, `PGPASSWORD` and so on, and from `~/.pgpass`.
    pub fn parse(url: &str, options: &Options) -> Result<Self, StoreError> {
        let unclear = || StoreError::Address { scheme: scheme_of(url) };
        let (_, rest) = url.split_once("://").ok_or_else(unclear)?;
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        // With a password whose `@` or `/` is not written as %40 or %2F, a part of it would be taken
        // for the host or the database, and shown.
        if place.matches('@').count() > 1 || place.contains('#') {
            return Err(unclear());
        }
        let names = parameters.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        // The driver would only warn, and with `sslmod=verify-full` there would be no TLS.
        if let Some(name) = names.filter(|name| !name.is_empty()).find(|name| !is_parameter(name)) {
            return Err(StoreError::Parameter { name: name.to_owned() });
        }
        let connect: PgConnectOptions = url.parse().map_err(|_| unclear())?;
        Ok(Self {
            options: connect
                .application_name("picket")
                .statement_cache_capacity(STATEMENTS_CACHED_MAX)
                .disable_statement_logging(),
            // 0 would be: for ever.
            lock_timeout: Duration::from_millis(options.busy_timeout_ms.max(1)),
            statement_timeout: Duration::from_millis(options.statement_timeout_ms.max(1)),
            allow_unsafe: options.allow_unsafe,
        })
    }

    pub async fn writer(&self) -> Result<Connection, StoreError> {
        let unopened = |error| StoreError::unopened(self, error);
        let mut connection = self.connect().await.map_err(unopened)?;
        self.check(&mut connection).await?;
        // A commit waits for what this session was found to wait for, whatever is set later.
        let session = format!(
            "{}; SET idle_in_transaction_session_timeout = {SILENCE_MS}; \
             SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false)",
            self.session()
        );
        sqlx::raw_sql(AssertSqlSafe(session)).execute(&mut connection).await.map_err(unopened)?;
        Ok(self.kept(connection))
    }

    pub async fn reader(&self) -> Result<Connection, sqlx::Error> {
        let mut connection = self.connect().await?;
        // Handing a statement out to workers costs more than any page of a list.
        let session = format!(
            "{}; SET default_transaction_read_only = on; SET max_parallel_workers_per_gather = 0",
            self.session()
        );
        sqlx::raw_sql(AssertSqlSafe(session)).execute(&mut connection).await?;
        Ok(self.kept(connection))
    }

    fn kept(&self, connection: PgConnection) -> Connection {
        let patience = self.statement_timeout + ANSWER_TIMEOUT;
        Connection::new(connection, Kind::Postgres, Some(patience))
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, self.options.connect());
        connecting.await.unwrap_or_else(|_| {
            let text = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
            Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)))
        })
    }

    /// The limits of time, in the server's own words. And how statements are planned: plans are kept, also
    /// the one of a time when a table was so small that reading all of it was best. So it never is, where
    /// an index leads to what is wanted. Compiling a statement costs more than any of them.
    fn session(&self) -> String {
        format!(
            "SET lock_timeout = {}; SET statement_timeout = {}; SET enable_seqscan = off; SET jit = off",
            self.lock_timeout.as_millis(),
            self.statement_timeout.as_millis()
        )
    }

    /// Whether a record can be trusted to this server.
    async fn check(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let found: Settings = sqlx::query_as(
            "SELECT current_setting('server_version_num')::int / 10000, \
             current_setting('server_encoding'), pg_is_in_recovery(), current_setting('fsync'), \
             current_setting('full_page_writes'), current_setting('synchronous_commit')",
        )
        .fetch_one(connection)
        .await
        .map_err(|error| StoreError::unopened(self, error))?;
        let (version, encoding, standby, fsync, full_pages, commit) = found;
        let unfit = |problem: String| StoreError::Unfit { place: self.to_string(), problem };
        if version < VERSION_MIN {
            return Err(unfit(format!(
                "it is PostgreSQL {version}, and {VERSION_MIN} is the oldest that is supported"
            )));
        }
        if encoding != "UTF8" {
            return Err(unfit(format!(
                "its encoding is {encoding}: create the database with ENCODING 'UTF8'"
            )));
        }
        if standby {
            return Err(unfit("it is a standby, which takes no writes: name the primary".into()));
        }
        let risks = [
            (fsync == "off", FSYNC),
            (full_pages == "off", FULL_PAGE_WRITES),
            (commit == "off", SYNCHRONOUS_COMMIT),
        ];
        let risks: Vec<&str> =
            risks.into_iter().filter_map(|(is, risk)| is.then_some(risk)).collect();
        match (risks.is_empty(), self.allow_unsafe) {
            (true, _) => Ok(()),
            (false, true) => {
                tracing::warn!("the database may lose decisions: {}", risks.join("; "));
                Ok(())
            }
            (false, false) => {
                Err(StoreError::Unsafe { place: self.to_string(), risks: risks.join("; ") })
            }
        }
    }
}

/// Version, encoding, whether it is a standby, then the three settings in the order of the risks.
type Settings = (i32, String, bool, String, String, String);

const FSYNC: &str = "`fsync` is off, so a crash of its machine may destroy the database (mend it \
     with ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf())";
const FULL_PAGE_WRITES: &str = "`full_page_writes` is off, so a crash of its machine may leave \
     half-written pages (mend it with ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf())";
const SYNCHRONOUS_COMMIT: &str = "`synchronous_commit` is off, so a crash loses what was \
     acknowledged last (mend it with ALTER SYSTEM SET synchronous_commit = on; SELECT \
     pg_reload_conf(), or where the role or the database has it: ALTER ROLE ... RESET \
     synchronous_commit)";

impl fmt::Display for Address {
    /// Where it is. Never the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { options, .. } = self;
        match options.get_socket() {
            Some(folder) => write!(f, "postgres in {}", folder.display())?,
            None => write!(f, "postgres://{}:{}", options.get_host(), options.get_port())?,
        }
        write!(f, "/{}", options.get_database().unwrap_or(options.get_username()))
    }
}

impl fmt::Debug for Address {
    /// As it is shown: sqlx would print the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_parameter(name: &str) -> bool {
    PARAMETERS.contains(&name) || name.starts_with("options[")
}

/// Codes: postgresql.org/docs/current/errcodes-appendix.html. By class: 08 the connection, 53 no
/// room, 58 the disk, 57P its operator or a crash; 57014 a timeout, 25006 a standby after a change
/// of roles, 25P03 a writer that was silent for too long.
pub(super) fn is_passing(error: &sqlx::Error) -> bool {
    let Some(error) = database_error(error) else { return false };
    let code = error.code();
    is_lock_code(code)
        || ["08", "53", "58", "57P"].iter().any(|class| code.starts_with(class))
        || ["57014", "25006", "25P03"].contains(&code)
        || is_fatal_severity(error.severity())
}

pub(super) fn is_lock(error: &sqlx::Error) -> bool {
    database_error(error).is_some_and(|error| is_lock_code(error.code()))
}

/// Whether the server has ended the connection with this error.
pub(super) fn is_fatal(error: &sqlx::Error) -> bool {
    database_error(error).is_some_and(|error| is_fatal_severity(error.severity()))
}

/// A lock that was not to be had in time; two that waited for each other.
fn is_lock_code(code: &str) -> bool {
    ["55P03", "40P01", "40001"].contains(&code)
}

fn is_fatal_severity(severity: PgSeverity) -> bool {
    matches!(severity, PgSeverity::Fatal | PgSeverity::Panic)
}

fn database_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}
