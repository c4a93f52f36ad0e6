//! Where the record is, and what is done to it behind the server's back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use databases::Server;
use picket::audit::Hash;
use picket::store::Options;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

/// Tables with fewer rows than this may be read as a whole.
const LONG: u64 = 10_000;

pub enum Place {
    Sqlite(PathBuf),
    Postgres(Server),
}

impl Place {
    pub fn sqlite(file: PathBuf) -> Self {
        Self::Sqlite(file)
    }

    pub fn postgres() -> Self {
        Self::Postgres(Server::start(&[("shared_buffers", "512MB"), ("max_wal_size", "4GB")]))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgres(server) => server.url("postgres"),
        }
    }

    pub fn options(&self, host_key: [u8; 32]) -> Options {
        Options { migrate: true, ..Options::new(self.url(), host_key) }
    }

    /// The type of bytes.
    pub fn bytes_type(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "BLOB",
            Self::Postgres(_) => "BYTEA",
        }
    }

    /// Bytes as a statement has them.
    pub fn blob(&self, bytes: &[u8]) -> String {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sqlite(_) => format!("x'{digits}'"),
            Self::Postgres(_) => format!("'\\x{digits}'::bytea"),
        }
    }

    pub async fn run(&self, statements: &str) {
        match self {
            Self::Sqlite(file) => {
                let mut connection = open(file).await;
                let text = format!("PRAGMA synchronous = OFF; {statements}");
                let ran = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut connection).await;
                ran.expect("the statements are good");
                connection.close().await.expect("the file closes");
            }
            Self::Postgres(server) => {
                server.run("postgres", statements);
            }
        }
    }

    /// The hash of each entry of the audit log.
    pub async fn leaves(&self) -> Vec<Hash> {
        let all = "SELECT lower(hex(leaf_hash)) FROM audit ORDER BY seq";
        let digits: Vec<String> = match self {
            Self::Sqlite(file) => {
                let mut connection = open(file).await;
                sqlx::query_scalar(all).fetch_all(&mut connection).await.expect("rows")
            }
            Self::Postgres(server) => {
                let all = "SELECT encode(leaf_hash, 'hex') FROM audit ORDER BY seq";
                server.run("postgres", all).lines().map(str::to_owned).collect()
            }
        };
        let byte = |digits: &str, at: usize| u8::from_str_radix(&digits[at..at + 2], 16);
        let hash = |digits: &String| {
            let bytes = (0..64).step_by(2).map(|at| byte(digits, at).expect("two digits"));
            Hash::try_from(bytes.collect::<Vec<u8>>()).expect("32 bytes")
        };
        digits.iter().map(hash).collect()
    }

    /// What all of it takes on the disk, with nothing left that waits to be written.
    pub async fn bytes(&self) -> u64 {
        match self {
            Self::Sqlite(file) => {
                let mut connection = open(file).await;
                let full = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
                full.execute(&mut connection).await.expect("a checkpoint");
                std::fs::metadata(file).expect("it is there").len()
            }
            Self::Postgres(server) => {
                let size = "SELECT pg_database_size(current_database())";
                server.run("postgres", size).parse().expect("a number")
            }
        }
    }

    /// As it is when a server has run on it for long.
    pub async fn settle(&self) {
        match self {
            Self::Sqlite(_) => drop(self.bytes().await),
            Self::Postgres(server) => {
                server.run("postgres", "VACUUM ANALYZE");
                server.run("postgres", "CHECKPOINT");
            }
        }
    }

    /// How often each long table was read as a whole. SQLite does not count that: what its statements would
    /// read is tested beside them.
    pub async fn scans(&self) -> BTreeMap<String, u64> {
        let Self::Postgres(server) = self else { return BTreeMap::new() };
        // Those of a connection are counted when it ends, or after a while.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let scans = format!(
            "SELECT relname || ' ' || seq_scan FROM pg_stat_user_tables WHERE n_live_tup >= {LONG}"
        );
        let lines = server.run("postgres", &scans);
        let counted = lines.lines().filter_map(|line| line.split_once(' '));
        counted.map(|(table, count)| (table.to_owned(), count.parse().expect("a number"))).collect()
    }
}

async fn open(file: &Path) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    options.connect().await.expect("the file opens")
}
