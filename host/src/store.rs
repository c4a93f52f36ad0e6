//! The record: everything that is kept, in one database, behind one type. The only module that
//! names sqlx. It keeps and finds; what a row means is for those who call.
//!
//! One connection writes, a few read. Events and decisions go through a queue to one task that
//! writes many of them in one transaction (`writer`); everything else writes by itself, on the same
//! connection, in a transaction that cannot end without an audit entry (`tx`).
//!
//! Invariant: what a call has acknowledged is on the disk.

mod alerts;
mod audit;
mod cases;
mod copy;
mod decisions;
mod delayed;
mod deliveries;
mod deployments;
mod destinations;
mod detectors;
mod dialect;
mod erase;
mod error;
mod events;
mod export;
mod features;
mod history;
mod holds;
mod host_key;
mod inbox;
mod keyring;
mod keys;
mod migrate;
mod names;
mod observations;
mod outbox;
mod policies;
mod policy_deployments;
mod policy_standing;
mod policy_trials;
mod rates;
mod reason;
mod retention;
mod reversals;
mod rows;
mod rulings;
mod salt;
mod sealed;
mod search;
mod sources;
mod standing;
mod strikes;
mod subject_key;
mod trials;
mod turn;
mod tx;
mod withheld;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use alerts::{Acknowledged, AlertRow, Found};
pub use audit::{AuditRow, DamagedRow};
pub use cases::{CaseFilter, CasePage};
pub use copy::{Contents, Remains, Times};
pub use decisions::{Document, Entry, Replayable, SealedEntry};
pub use deliveries::{Backlog, DeliveryFilter, DeliveryPage, Replayed};
pub use deployments::{Deployment, Move, Publish, Published};
pub use destinations::DisabledDestination;
pub use detectors::Version;
pub use erase::ErasureList;
pub use error::StoreError;
pub use events::{Accepted, Committed, Recorded};
pub use export::HeldAfter;
pub use features::FeatureRow;
pub use history::{Counts, History, PastConduct, PastDecision, PastPolicy, PastRow, PastStanding};
pub use holds::{HoldCursor, HoldPage};
pub use inbox::{InboxRow, Origin, SENT, SENT_POLICY};
pub use keyring::Sealing;
pub use keys::KeyRow;
pub use observations::{Asked, OBSERVATIONS_MAX, Referred};
pub use policies::{PublishPolicy, PublishedPolicy};
pub use policy_deployments::{MovePolicy, PolicyDeployment};
pub use policy_standing::{POLICY_ROLLED_BACK, SHADOW_POLICIES_MAX};
pub use rates::minute_of;
pub use reversals::ReversalStep;
pub use salt::Salt;
pub use search::{Cursor, Filter, Page, Span};
pub use sources::SourceRow;
pub use strikes::Escalates;
pub use turn::{Claimed, Next, Tried, Turn, Wanted};

use dialect::{Address, Pool};
use erase::Listing;
use keyring::Keyring;
use tx::Writer;
use writer::Queue;

/// The most rows that one call returns of what has no end.
pub const PAGE_ROWS_MAX: usize = 500;
/// The source of a deployment that serves every source.
pub const EVERY_SOURCE: &str = "*";

/// How to open the store.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://<path>` or `postgres://<user>:<password>@<host>:<port>/<database>`.
    pub database_url: String,
    /// What everything personal is sealed under.
    pub host_key: Zeroizing<[u8; 32]>,
    /// Whether to create the database and apply pending migrations. Otherwise both are errors.
    pub migrate: bool,
    /// How many commits may wait; the next one is [`StoreError::Busy`].
    pub commit_queue: usize,
    /// How many commits share one transaction at most.
    pub commit_batch_max: usize,
    /// How many connections read.
    pub readers: u32,
    /// How long to wait for another program that has locked the database.
    pub busy_timeout_ms: u64,
    /// How long one statement may take on PostgreSQL; a change of the schema may take longer.
    pub statement_timeout_ms: u64,
    /// Whether a PostgreSQL may be used that could lose what it acknowledged.
    pub allow_unsafe: bool,
    /// Where who was erased is listed besides, for whoever restores an older copy; `None`: nowhere.
    pub erasures: Option<PathBuf>,
}

impl Options {
    /// The defaults, on this database.
    pub fn new(database_url: impl Into<String>, host_key: [u8; 32]) -> Self {
        Self {
            database_url: database_url.into(),
            host_key: host_key.into(),
            migrate: false,
            commit_queue: 4_096,
            commit_batch_max: 256,
            readers: 4,
            busy_timeout_ms: 5_000,
            statement_timeout_ms: 10_000,
            allow_unsafe: false,
            erasures: None,
        }
    }
}

impl fmt::Debug for Options {
    /// Without the key, and the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("migrate", &self.migrate).finish_non_exhaustive()
    }
}

/// The store. Cheap to clone; the clones are one.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    readers: Pool,
    writer: Writer,
    queue: Queue,
    keyring: Keyring,
    listing: Option<Listing>,
}

impl Store {
    /// Opens the database and starts the task that writes decisions. Needs a Tokio runtime.
    ///
    /// # Errors
    /// An address that is not understood, a database that is absent, cannot be opened, lacks
    /// migrations where `migrate` is off, is newer than the program, or is under another host key.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let (address, writer) = connect(options).await?;
        if let Err(error) = check(options, &writer).await {
            writer.close().await?;
            return Err(error);
        }
        let readers = address.readers(options);
        let queue = Queue::start(writer.clone(), options);
        let keyring = Keyring::new(&options.host_key);
        let listing = options.erasures.clone().map(Listing::new);
        Ok(Self { inner: Arc::new(Inner { readers, writer, queue, keyring, listing }) })
    }

    /// The names of the migrations that the database lacks.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn pending(options: &Options) -> Result<Vec<String>, StoreError> {
        let (_, writer) = connect(&Options { migrate: false, ..options.clone() }).await?;
        let names = migrate::pending(&writer).await;
        writer.close().await?;
        names
    }

    /// Creates the database where there is none, applies what it lacks and returns the names.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn migrate(options: &Options) -> Result<Vec<String>, StoreError> {
        let (_, writer) = connect(&Options { migrate: true, ..options.clone() }).await?;
        let names = migrate::migrate(&writer).await;
        writer.close().await?;
        names
    }

    /// Whether the store answers and takes commits. Writes nothing.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn ready(&self) -> Result<(), StoreError> {
        if self.inner.queue.is_closed() {
            return Err(StoreError::Closed);
        }
        self.generation().await.map(drop)
    }

    /// The number of the live set of detectors, policies and modes.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn generation(&self) -> Result<u64, StoreError> {
        let row =
            sqlx::query("SELECT number FROM generation WHERE id = 1").fetch_one(self.readers());
        Ok(dialect::unsigned(&row.await?, "number")?)
    }

    /// How many commits wait.
    pub fn queue_depth(&self) -> usize {
        self.inner.queue.depth()
    }

    /// Refuses further commits, writes those that wait and closes the database.
    ///
    /// # Errors
    /// Where the database does not close well; what was acknowledged is durable all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.queue.close().await;
        self.inner.readers.close().await;
        self.inner.writer.close().await
    }

    fn readers(&self) -> &Pool {
        &self.inner.readers
    }
}

/// Raises the generation inside a transaction and returns it.
async fn next_generation(tx: &mut tx::Tx) -> Result<u64, StoreError> {
    let row =
        sqlx::query("UPDATE generation SET number = number + 1 WHERE id = 1 RETURNING number")
            .fetch_one(tx.connection()?)
            .await?;
    Ok(dialect::unsigned(&row, "number")?)
}

/// Whether the database is one of this program and host; a new one is made so.
async fn check(options: &Options, writer: &Writer) -> Result<(), StoreError> {
    match options.migrate {
        true => drop(migrate::migrate(writer).await?),
        false => match migrate::pending(writer).await? {
            names if names.is_empty() => {}
            names => return Err(StoreError::Pending { names }),
        },
    }
    host_key::prove(writer, &options.host_key).await
}

async fn connect(options: &Options) -> Result<(Address, Writer), StoreError> {
    let address = Address::parse(options)?;
    address.prepare(options.migrate)?;
    let connection = address.writer().await?;
    Ok((address.clone(), Writer::new(address, connection)))
}
