//! A connection to either database, on which sqlx's statements run as they are written.
//!
//! Values and rows are those of sqlx's `Any`, which reads them alike from both. Its own connections
//! are made from an address alone and take none of a driver's options; so a connection is made by
//! its driver, and kept here as the `Any` that it can be. This is also where no statement waits for
//! ever: the network may swallow an answer, and the one who waits would not learn of it.

use std::fmt::{self, Debug};
use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use sqlx::any::{Any, AnyArguments, AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::{Either, Error, Execute, Executor, SqlStr};
use sqlx_core::any::{AnyArgumentBuffer, AnyConnectionBackend, AnyValueKind};

use super::{Kind, is_broken, postgres, sqlite};

/// A row, or how many rows a statement changed.
pub type Step = Either<AnyQueryResult, AnyRow>;

/// A connection, for one caller at a time.
pub struct Connection {
    backend: Box<dyn AnyConnectionBackend>,
    kind: Kind,
    /// How long one statement may take; `None`: as long as it takes.
    patience: Option<Duration>,
    broken: bool,
    failed: bool,
}

impl Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(
        backend: impl AnyConnectionBackend,
        kind: Kind,
        patience: Option<Duration>,
    ) -> Self {
        Self { backend: Box::new(backend), kind, patience, broken: false, failed: false }
    }

    pub(in crate::store) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the database or the way to it is gone: nothing more can be said on this one.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether a statement has failed since the last [`Connection::begin`].
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Begins a transaction as the only writer: one that became a writer later could be refused
    /// halfway.
    pub async fn begin(&mut self) -> Result<(), Error> {
        self.failed = false;
        let text = match self.kind {
            Kind::Sqlite => sqlite::BEGIN,
            Kind::Postgres => postgres::BEGIN,
        };
        sqlx::raw_sql(text).execute(self).await.map(drop)
    }

    /// From now on a statement takes as long as it takes.
    pub(super) fn lift_patience(&mut self) {
        self.patience = None;
    }

    /// Says goodbye.
    pub async fn close(self) -> Result<(), Error> {
        within(self.patience, self.backend.close()).await
    }

    /// Runs a statement and reads all that it gives: every list has a limit.
    pub(super) async fn run(&mut self, statement: Statement) -> Result<Vec<Step>, Error> {
        let Statement { text, persistent, .. } = statement;
        let arguments = statement.arguments.map(arguments_of);
        let work = self.backend.fetch_many(text, persistent, arguments).try_collect();
        let outcome = within(self.patience, work).await;
        self.broken |= outcome.as_ref().is_err_and(is_broken);
        self.failed |= outcome.is_err();
        outcome
    }
}

/// What takes longer than `patience` is given up as a broken connection.
async fn within<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(patience) = patience else { return work.await };
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
        let text = format!("it did not answer within {} ms", patience.as_millis());
        Err(Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)))
    })
}

/// A statement, taken apart, so that it can be run again on another connection.
#[derive(Clone)]
pub struct Statement {
    text: SqlStr,
    persistent: bool,
    arguments: Option<Vec<AnyValueKind>>,
}

impl Statement {
    pub fn of<'q>(mut query: impl Execute<'q, Any>) -> Result<Self, Error> {
        let arguments = query.take_arguments().map_err(Error::Encode)?;
        let arguments = arguments.map(|arguments| arguments.values.0);
        Ok(Self { persistent: query.persistent(), text: query.sql(), arguments })
    }

    #[cfg(test)]
    pub fn text(&self) -> &str {
        self.text.as_str()
    }
}

fn arguments_of(values: Vec<AnyValueKind>) -> AnyArguments {
    AnyArguments { values: AnyArgumentBuffer(values) }
}

/// What was read whole, as the stream that sqlx asks for.
pub fn stream_of<'e>(
    work: impl Future<Output = Result<Vec<Step>, Error>> + Send + 'e,
) -> BoxStream<'e, Result<Step, Error>> {
    let steps = work.map(|outcome| match outcome {
        Ok(steps) => stream::iter(steps.into_iter().map(Ok)).left_stream(),
        Err(error) => stream::iter([Err(error)]).right_stream(),
    });
    steps.flatten_stream().boxed()
}

/// The first row of what was read whole: an error may come after it.
pub fn first_of<'e>(
    work: impl Future<Output = Result<Vec<Step>, Error>> + Send + 'e,
) -> BoxFuture<'e, Result<Option<AnyRow>, Error>> {
    work.map_ok(|steps| steps.into_iter().find_map(Either::right)).boxed()
}

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Step, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let statement = Statement::of(query);
        stream_of(async move { self.run(statement?).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let statement = Statement::of(query);
        first_of(async move { self.run(statement?).await })
    }

    fn prepare_with<'e>(
        self,
        text: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, Error>>
    where
        'c: 'e,
    {
        self.backend.prepare_with(text, parameters)
    }
}
