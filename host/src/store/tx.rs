//! Transactions. There is one connection that writes, and [`Writer::begin`] is the only way to it.
//! Invariant: no write without an audit entry, for [`Tx::commit`] demands them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::audit::{self, Leaves};
use super::dialect::{self, Address, Connection};
use super::error::StoreError;

/// The tables whose writes need no audit entry: what is derived, or concerns delivery alone.
pub(super) const EXEMPT: &[&str] = &[
    "features",
    "observations",
    "sessions",
    "delayed_deliveries",
    "delivery_claims",
    "delivery_attempts",
    "caches",
    "rates",
    "alert_counts",
];

/// How long to wait after a connection could not be made; twice as long after each that follows, up
/// to 3.2 s.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(50);
const CONNECT_DOUBLINGS_MAX: u32 = 6;

/// The connection that writes, and whose turn it is. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    address: Address,
    slot: Arc<Mutex<Slot>>,
}

#[derive(Debug)]
struct Slot {
    /// Absent before the first use and after an error that it may not have survived.
    connection: Option<Connection>,
    /// Whether a transaction was begun and not ended.
    unfinished: bool,
    closed: bool,
    /// Of the connections that could not be made since the last one that could.
    attempts: Attempts,
}

/// What came of connecting, and when it may be tried again.
#[derive(Debug, Default)]
struct Attempts {
    failed: u32,
    last: Option<(StoreError, Instant)>,
}

impl Writer {
    pub fn new(address: Address, connection: Connection) -> Self {
        let slot = Slot {
            connection: Some(connection),
            unfinished: false,
            closed: false,
            attempts: Attempts::default(),
        };
        Self { address, slot: Arc::new(Mutex::new(slot)) }
    }

    /// Waits for its turn and begins a transaction, on a new connection where the last one broke.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        let mut slot = Arc::clone(&self.slot).lock_owned().await;
        slot.roll_back().await;
        if slot.closed {
            return Err(StoreError::Closed);
        }
        // A connection that lay here may have died unnoticed; a new one has not.
        let used = slot.connection.is_some();
        let mut begun = slot.begin(&self.address).await;
        if used && begun.is_err() && slot.connection.is_none() {
            begun = slot.begin(&self.address).await;
        }
        begun?;
        Ok(Tx { slot: Some(slot) })
    }

    /// Has the database forget what was overwritten or deleted.
    pub async fn leave_no_trace(&self) -> Result<(), StoreError> {
        let mut slot = self.slot.lock().await;
        slot.roll_back().await;
        if slot.closed {
            return Err(StoreError::Closed);
        }
        let Slot { connection, attempts, .. } = &mut *slot;
        let connection = match connection {
            Some(connection) => connection,
            none => none.insert(attempts.connect(&self.address).await?),
        };
        match dialect::leave_no_trace(connection).await? {
            true => Err(StoreError::Traces),
            false => Ok(()),
        }
    }

    /// Ends the connection. What begins later is refused.
    pub async fn close(&self) -> Result<(), StoreError> {
        let mut slot = self.slot.lock().await;
        slot.roll_back().await;
        slot.closed = true;
        match slot.connection.take() {
            Some(connection) => Ok(connection.close().await?),
            None => Ok(()),
        }
    }

    /// Runs a statement outside of a transaction and returns its first number.
    #[cfg(test)]
    pub async fn number(&self, text: &'static str) -> Result<i64, sqlx::Error> {
        let mut slot = self.slot.lock().await;
        let connection = slot.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        sqlx::query_scalar(text).fetch_one(connection).await
    }
}

impl Slot {
    async fn begin(&mut self, address: &Address) -> Result<(), StoreError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            slot => slot.insert(self.attempts.connect(address).await?),
        };
        self.unfinished = true;
        let begun = connection.begin().await;
        if let Err(error) = &begun {
            self.roll_back().await;
            if !dialect::is_lock(error)
                && let Some(connection) = self.connection.take()
            {
                // Seen out: what it may still hold would be in the way of the next one.
                connection.close().await.ok();
            }
        }
        Ok(begun?)
    }

    /// Ends a transaction that was left, and drops a connection that broke. Where the database has
    /// ended the transaction already, as it does when the disk is full, there is nothing to roll
    /// back and the error says no more than that.
    async fn roll_back(&mut self) {
        if let (true, Some(connection)) = (self.unfinished, &mut self.connection)
            && !connection.is_broken()
        {
            sqlx::raw_sql("ROLLBACK").execute(connection).await.ok();
        }
        self.unfinished = false;
        self.connection.take_if(|connection| connection.is_broken());
    }
}

impl Attempts {
    /// Connects, unless that was tried a moment ago: then it says what came of it.
    async fn connect(&mut self, address: &Address) -> Result<Connection, StoreError> {
        if let Some((error, again)) = &self.last
            && Instant::now() < *again
        {
            return Err(error.clone());
        }
        let connected = address.writer().await;
        match &connected {
            Ok(_) => *self = Self::default(),
            Err(error) => {
                let wait = CONNECT_AGAIN_AFTER * 2_u32.pow(self.failed.min(CONNECT_DOUBLINGS_MAX));
                self.failed += 1;
                // Half of it by chance: servers that lost a database together do not come back together.
                let wait = wait.mul_f64(rand::random_range(0.5..1.0));
                self.last = Some((error.clone(), Instant::now() + wait));
            }
        }
        connected
    }
}

/// A transaction. Dropped, it is rolled back.
#[derive(Debug)]
pub(super) struct Tx {
    slot: Option<OwnedMutexGuard<Slot>>,
}

impl Tx {
    /// What statements run on.
    pub fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        let slot = self.slot.as_mut().ok_or(StoreError::Closed)?;
        slot.connection.as_mut().ok_or(StoreError::Closed)
    }

    /// Writes the audit entries, last of all, and commits. When it returns, all is durable.
    pub async fn commit(mut self, leaves: Leaves) -> Result<(), StoreError> {
        audit::append(self.connection()?, &leaves).await?;
        self.end().await
    }

    /// Commits writes to an exempt table.
    pub async fn commit_exempt(self, table: &str) -> Result<(), StoreError> {
        if !EXEMPT.contains(&table) {
            return Err(StoreError::NotExempt { table: table.to_owned() });
        }
        self.end().await
    }

    /// Forgets what was written.
    pub async fn roll_back(mut self) {
        if let Some(mut slot) = self.slot.take() {
            slot.roll_back().await;
        }
    }

    async fn end(mut self) -> Result<(), StoreError> {
        let connection = self.connection()?;
        // PostgreSQL would roll back, and answer COMMIT as if all were well.
        if connection.has_failed() {
            self.roll_back().await;
            return Err(StoreError::Failed);
        }
        match sqlx::raw_sql("COMMIT").execute(&mut *connection).await {
            Ok(_) => {}
            Err(error) if connection.is_broken() => {
                return Err(StoreError::Unsettled(Arc::new(error)));
            }
            Err(error) => return Err(error.into()),
        }
        if let Some(slot) = &mut self.slot {
            slot.unfinished = false;
        }
        Ok(())
    }
}

impl Drop for Tx {
    /// Frees the database's write lock now, not when the next transaction begins.
    fn drop(&mut self) {
        let Some(mut slot) = self.slot.take_if(|slot| slot.unfinished) else { return };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move { slot.roll_back().await });
        }
    }
}
