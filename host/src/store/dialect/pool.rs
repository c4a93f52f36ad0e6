//! A few connections that only read. A statement takes one for itself and gives it back. A pool of
//! sqlx's own has one driver, asks the database whether a connection still lives each time that one
//! comes back, and fails a statement whose connection died while it lay there; a read can simply be
//! said again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use sqlx::any::{Any, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Error, Execute, Executor, SqlStr};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::{Connection, Statement, Step, first_of, stream_of};
use super::{Address, Kind};

/// The pool. Cheap to clone; the clones are one.
#[derive(Debug, Clone)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    address: Address,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
    /// How long a statement waits for its turn.
    patience: Duration,
    /// Whatever was asked, for tests that look at how it is answered.
    #[cfg(test)]
    asked: Mutex<std::collections::BTreeSet<String>>,
}

/// A connection that is in use. Dropped in the middle of a statement, it does not come back.
struct Lent<'p> {
    connection: Connection,
    /// Whether it lay in the pool before, where it may have died unnoticed.
    used: bool,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    pub(super) fn new(address: Address, connections_max: u32, patience: Duration) -> Self {
        let permits = Semaphore::new(connections_max.max(1) as usize);
        let inner = Inner {
            address,
            idle: Mutex::default(),
            permits,
            patience,
            #[cfg(test)]
            asked: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    pub(in crate::store) fn kind(&self) -> Kind {
        match self.inner.address {
            Address::Sqlite(_) => Kind::Sqlite,
            Address::Postgres(_) => Kind::Postgres,
        }
    }

    /// The statements that were run so far.
    #[cfg(test)]
    pub fn asked(&self) -> Vec<String> {
        self.inner.asked.lock().unwrap().iter().cloned().collect()
    }

    /// Ends the connections. What is asked later is refused; what is being read is read to its end.
    pub async fn close(&self) {
        self.inner.permits.close();
        for connection in self.inner.take_idle() {
            connection.close().await.ok();
        }
    }
}

impl Inner {
    fn take_idle(&self) -> Vec<Connection> {
        self.idle.lock().map(|mut idle| std::mem::take(&mut *idle)).unwrap_or_default()
    }

    async fn lend(&self) -> Result<Lent<'_>, Error> {
        let permit = tokio::time::timeout(self.patience, self.permits.acquire()).await;
        let permit = permit.map_err(|_| Error::PoolTimedOut)?.map_err(|_| Error::PoolClosed)?;
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let used = idle.is_some();
        let connection = match idle {
            Some(connection) => connection,
            None => self.address.reader().await?,
        };
        Ok(Lent { connection, used, _permit: permit })
    }

    /// Takes a connection back. Where it died, those that lie here may have died with it. Returns
    /// whether what was said on it is to be said again.
    fn take_back(&self, lent: Lent<'_>) -> bool {
        if lent.connection.is_broken() {
            self.take_idle();
            return lent.used;
        }
        if let (false, Ok(mut idle)) = (self.permits.is_closed(), self.idle.lock()) {
            idle.push(lent.connection);
        }
        false
    }

    async fn run(&self, statement: Statement) -> Result<Vec<Step>, Error> {
        #[cfg(test)]
        self.asked.lock().unwrap().insert(statement.text().to_owned());
        loop {
            let mut lent = self.lend().await?;
            let outcome = lent.connection.run(statement.clone()).await;
            if !self.take_back(lent) {
                return outcome;
            }
        }
    }
}

impl<'p> Executor<'p> for &'p Pool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let statement = Statement::of(query);
        stream_of(async move { self.inner.run(statement?).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let statement = Statement::of(query);
        first_of(async move { self.inner.run(statement?).await })
    }

    fn prepare_with<'e>(
        self,
        text: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'p: 'e,
    {
        Box::pin(async move {
            let mut lent = self.inner.lend().await?;
            let outcome = (&mut lent.connection).prepare_with(text, parameters).await;
            self.inner.take_back(lent);
            outcome
        })
    }
}
