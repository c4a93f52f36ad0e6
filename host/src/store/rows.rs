//! Statements over many rows: inserts, and what begins with a list of values. Rows go in chunks whose sizes are powers of two, so that a handful of
//! statement texts serves batches of every size and each stays prepared.

use std::sync::{Arc, OnceLock};

use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, AssertSqlSafe};

use super::dialect::{Arguments, Connection, Kind, Pool, Row};

/// Sizes of chunks: 1, 2, 4 ... 128.
const SIZES: usize = 8;

/// `INSERT INTO t (a, b) VALUES (..), (..) <tail>` for any number of rows.
pub(super) struct Insert {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    sqlite: [OnceLock<Arc<str>>; SIZES],
    postgres: [OnceLock<Arc<str>>; SIZES],
}

impl Insert {
    /// `head` ends before `VALUES`; `columns` is how many it names; `tail` follows the rows.
    pub const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self {
            head,
            columns,
            tail,
            sqlite: [const { OnceLock::new() }; SIZES],
            postgres: [const { OnceLock::new() }; SIZES],
        }
    }

    /// Inserts every row; `bind` adds the values of one, in the order of the columns. Returns what
    /// the tail returns.
    pub async fn run<T>(
        &self,
        connection: &mut Connection,
        rows: &[T],
        bind: impl Fn(&mut Arguments, &T) -> Result<(), BoxDynError>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let mut returned = Vec::new();
        let mut rest = rows;
        while !rest.is_empty() {
            let (text, arguments) = self.next(connection.kind(), &mut rest, &bind)?;
            returned.extend(sqlx::query_with(text, arguments).fetch_all(&mut *connection).await?);
        }
        Ok(returned)
    }

    /// Of a statement that only reads: the same, on any connection of a pool.
    pub async fn read<T>(
        &self,
        pool: &Pool,
        rows: &[T],
        bind: impl Fn(&mut Arguments, &T) -> Result<(), BoxDynError>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let mut returned = Vec::new();
        let mut rest = rows;
        while !rest.is_empty() {
            let (text, arguments) = self.next(pool.kind(), &mut rest, &bind)?;
            returned.extend(sqlx::query_with(text, arguments).fetch_all(pool).await?);
        }
        Ok(returned)
    }

    /// The statement for the next chunk of rows, which it takes, with their values.
    fn next<T>(
        &self,
        kind: Kind,
        rest: &mut &[T],
        bind: impl Fn(&mut Arguments, &T) -> Result<(), BoxDynError>,
    ) -> Result<(AssertSqlSafe<Arc<str>>, Arguments), sqlx::Error> {
        let size = (rest.len().ilog2() as usize).min(SIZES - 1);
        let (chunk, after) = rest.split_at(1 << size);
        *rest = after;
        let mut arguments = Arguments::default();
        arguments.reserve(chunk.len() * self.columns, 0);
        for row in chunk {
            bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
        }
        debug_assert_eq!(arguments.len(), chunk.len() * self.columns);
        Ok((AssertSqlSafe(self.text(kind, size)), arguments))
    }

    /// The statement for `1 << size` rows. PostgreSQL wants its placeholders numbered; SQLite looks
    /// a numbered one up by walking all of them, which for thousands costs more than the insert.
    pub(super) fn text(&self, kind: Kind, size: usize) -> Arc<str> {
        let (texts, numbered) = match kind {
            Kind::Sqlite => (&self.sqlite, false),
            Kind::Postgres => (&self.postgres, true),
        };
        let text = texts[size].get_or_init(|| {
            let rows = (0..1_usize << size).map(|row| {
                let columns = (1..=self.columns).map(|column| match numbered {
                    true => format!("${}", row * self.columns + column),
                    false => "?".to_owned(),
                });
                format!("({})", columns.collect::<Vec<_>>().join(", "))
            });
            let rows = rows.collect::<Vec<_>>().join(", ");
            format!("{} VALUES {rows} {}", self.head, self.tail).into()
        });
        Arc::clone(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Insert, Kind};

    #[test]
    fn a_text_has_a_group_per_row() {
        let insert = Insert::new("INSERT INTO t (a, b)", 2, "RETURNING a");
        for (kind, size, groups) in [
            (Kind::Sqlite, 0, "(?, ?)"),
            (Kind::Sqlite, 1, "(?, ?), (?, ?)"),
            (Kind::Postgres, 0, "($1, $2)"),
            (Kind::Postgres, 1, "($1, $2), ($3, $4)"),
        ] {
            let text = format!("INSERT INTO t (a, b) VALUES {groups} RETURNING a");
            assert_eq!(*insert.text(kind, size), *text);
        }
    }
}
