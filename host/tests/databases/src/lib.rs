//! Where tests and benchmarks keep their record: SQLite, or a throw-away PostgreSQL. That one is a
//! server of their own in a temporary folder, reached by a socket in it, and ends with the program
//! that started it, however that ends.
//!
//! What is missing is an error that says what to install. Nothing here is skipped.

mod binaries;
mod database;
mod proxy;
mod server;

use std::sync::Arc;

pub use database::{Database, shared};
pub use proxy::{Fault, Proxy};
pub use server::Server;

/// What one test keeps its record in.
#[derive(Debug, Clone)]
pub enum Home {
    /// A file in a folder of the test's own.
    Sqlite,
    /// A database of the test's own.
    Postgres(Arc<Database>),
}

impl Home {
    /// An empty database of the server that the tests of this process share.
    pub fn postgres() -> Self {
        Self::Postgres(Arc::new(Database::take()))
    }

    /// An empty one of the same kind.
    pub fn another(&self) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(_) => Self::postgres(),
        }
    }

    /// The address of the database; `None` for SQLite, where it follows from a folder.
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(database) => Some(database.url()),
        }
    }
}

/// Makes two tests of each function that takes a [`Home`]: `sqlite::name` and `postgres::name`.
/// Those after `threaded:` run on several threads.
#[macro_export]
macro_rules! on_both {
    (threaded: $($name:ident),* $(,)?) => {
        $crate::on_both!(; threaded: $($name),*);
    };
    ($($name:ident),* $(,)? $(; threaded: $($threaded:ident),* $(,)?)?) => {
        mod sqlite {
            $($crate::on_both!(@ $name $crate::Home::Sqlite; flavor = "current_thread");)*
            $($($crate::on_both!(@ $threaded $crate::Home::Sqlite; flavor = "multi_thread");)*)?
        }
        mod postgres {
            $($crate::on_both!(@ $name $crate::Home::postgres(); flavor = "current_thread");)*
            $($($crate::on_both!(@ $threaded $crate::Home::postgres(); flavor = "multi_thread");)*)?
        }
    };
    (@ $name:ident $home:expr; $($runtime:tt)*) => {
        #[tokio::test($($runtime)*)]
        async fn $name() {
            super::$name($home).await;
        }
    };
}
