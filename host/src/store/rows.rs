//! Statements over many rows: inserts, and whatever else takes `VALUES`. Rows go in chunks whose sizes are powers of two, so that a handful of
//! statement texts serves batches of every size and each stays prepared.

use std::sync::{Arc, OnceLock};

use sqlx::error::BoxDynError;
use sqlx::{Arguments as _, AssertSqlSafe};

use super::dialect::{Arguments, Connection, Row};

/// Sizes of chunks: 1, 2, 4 ... 128.
const SIZES: usize = 8;

/// `INSERT INTO t (a, b) VALUES (..), (..) <tail>` for any number of rows.
pub(super) struct Insert {
    head: &'static str,
    columns: usize,
    tail: &'static str,
    texts: [OnceLock<Arc<str>>; SIZES],
}

impl Insert {
    /// `head` ends before `VALUES`; `columns` is how many it names; `tail` follows the rows.
    pub const fn new(head: &'static str, columns: usize, tail: &'static str) -> Self {
        Self { head, columns, tail, texts: [const { OnceLock::new() }; SIZES] }
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
            let size = (rest.len().ilog2() as usize).min(SIZES - 1);
            let (chunk, after) = rest.split_at(1 << size);
            rest = after;
            let mut arguments = Arguments::default();
            arguments.reserve(chunk.len() * self.columns, 0);
            for row in chunk {
                bind(&mut arguments, row).map_err(sqlx::Error::Encode)?;
            }
            debug_assert_eq!(arguments.len(), chunk.len() * self.columns);
            let text = AssertSqlSafe(self.text(size));
            returned.extend(sqlx::query_with(text, arguments).fetch_all(&mut *connection).await?);
        }
        Ok(returned)
    }

    /// The statement for `1 << size` rows. The driver writes the placeholders: SQLite looks a
    /// numbered one up by walking all of them, which for thousands costs more than the insert.
    pub fn text(&self, size: usize) -> Arc<str> {
        let text = self.texts[size].get_or_init(|| {
            let mut text = format!("{} VALUES ", self.head);
            let mut arguments = Arguments::default();
            for row in 0..1 << size {
                text.push_str(if row == 0 { "(" } else { ", (" });
                for column in 0..self.columns {
                    text.push_str(if column == 0 { "" } else { ", " });
                    // A driver that numbers placeholders counts what was added.
                    let added = arguments.add(0_i64);
                    debug_assert!(added.is_ok());
                    let written = arguments.format_placeholder(&mut text);
                    debug_assert!(written.is_ok());
                }
                text.push(')');
            }
            format!("{text} {}", self.tail).into()
        });
        Arc::clone(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Insert;

    #[test]
    fn a_text_has_a_group_per_row() {
        let insert = Insert::new("INSERT INTO t (a, b)", 2, "RETURNING a");
        assert_eq!(&*insert.text(0), "INSERT INTO t (a, b) VALUES (?, ?) RETURNING a");
        assert_eq!(&*insert.text(1), "INSERT INTO t (a, b) VALUES (?, ?), (?, ?) RETURNING a");
    }
}
