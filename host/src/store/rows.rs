//! Statements over many rows: inserts, and what begins with a list of values. Rows go in chunks whose sizes are powers
//! of two, so that a handful of statement texts serves batches of every size and each stays prepared.

use std::sync::{Arc, OnceLock};

use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, AssertSqlSafe};

use super::dialect::{Arguments, Connection, Kind, Pool, Row};

/// Sizes of chunks: 1, 2, 4 ... 1,024.
const SIZES: usize = 11;
/// Those that are used where rows have many columns: to 128.
const NARROW: usize = 8;

/// `INSERT INTO t (a, b) VALUES (..), (..) <tail>` for any number of rows.
pub(super) struct Insert {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    sizes: usize,
    sqlite: [OnceLock<Arc<str>>; SIZES],
    postgres: [OnceLock<Arc<str>>; SIZES],
}

impl Insert {
    /// `head` ends before `VALUES`; `columns` is how many it names; `tail` follows the rows.
    pub const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self::sized(head, columns, tail, NARROW)
    }

    /// The same for rows of few columns, of which a thousand go at once. Each `?` in `tail` is a value that all rows
    /// share.
    pub const fn wide(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self::sized(head, columns, tail, SIZES)
    }

    const fn sized(head: &'static str, columns: usize, tail: &'static str, sizes: usize) -> Self {
        Self {
            head,
            columns,
            tail,
            sizes,
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
            let (text, arguments) = self.next(connection.kind(), &mut rest, &bind, |_| Ok(()))?;
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
        self.read_with(pool, rows, bind, |_| Ok(())).await
    }

    /// The same; `shared` adds the values of the tail.
    pub async fn read_with<T>(
        &self,
        pool: &Pool,
        rows: &[T],
        bind: impl Fn(&mut Arguments, &T) -> Result<(), BoxDynError>,
        shared: impl Fn(&mut Arguments) -> Result<(), BoxDynError>,
    ) -> Result<Vec<Row>, sqlx::Error> {
        let mut returned = Vec::new();
        let mut rest = rows;
        while !rest.is_empty() {
            let (text, arguments) = self.next(pool.kind(), &mut rest, &bind, &shared)?;
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
        shared: impl Fn(&mut Arguments) -> Result<(), BoxDynError>,
    ) -> Result<(AssertSqlSafe<Arc<str>>, Arguments), sqlx::Error> {
        let size = (rest.len().ilog2() as usize).min(self.sizes - 1);
        let (chunk, after) = rest.split_at(1 << size);
        *rest = after;
        let mut arguments = Arguments::default();
        arguments.reserve(chunk.len() * self.columns, 0);
        for row in chunk {
            bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
        }
        shared(&mut arguments).map_err(sqlx::Error::Encode)?;
        debug_assert_eq!(
            arguments.len(),
            chunk.len() * self.columns + self.tail.matches('?').count()
        );
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
            let mut text = format!("{} VALUES {rows} ", self.head);
            for (at, part) in self.tail.split('?').enumerate() {
                match (at, numbered) {
                    (0, _) => {}
                    (_, true) => text += &format!("${}", (self.columns << size) + at),
                    (_, false) => text.push('?'),
                }
                text += part;
            }
            text.into()
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

    #[test]
    fn what_all_rows_share_follows_them() {
        let wide = Insert::wide("WITH w (a) AS (", 1, ") SELECT a FROM w WHERE a > ? AND a < ?");
        for (kind, text) in [
            (
                Kind::Sqlite,
                "WITH w (a) AS ( VALUES (?), (?) ) SELECT a FROM w WHERE a > ? AND a < ?",
            ),
            (
                Kind::Postgres,
                "WITH w (a) AS ( VALUES ($1), ($2) ) SELECT a FROM w WHERE a > $3 AND a < $4",
            ),
        ] {
            assert_eq!(*wide.text(kind, 1), *text);
        }
    }
}
