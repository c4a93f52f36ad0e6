//! The record, as whoever runs the database may reach it.

use sqlx::{AnyConnection, Connection as _, Row as _};

/// A connection that nothing keeps from changing the log.
pub async fn database(url: &str) -> AnyConnection {
    sqlx::any::install_default_drivers();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    // What refuses to change the log is no more than a trigger to them.
    let is_sqlite = url.starts_with("sqlite:");
    for (trigger, table) in [
        ("audit_never_changes", "audit"),
        ("audit_never_shrinks", "audit"),
        ("audit_head_only_grows", "audit_head"),
    ] {
        let drop = match is_sqlite {
            true => format!("DROP TRIGGER IF EXISTS {trigger}"),
            false => format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"),
        };
        sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
    }
    connection
}

/// The head of the log, to be put in its place again.
pub struct Head {
    pub size: i64,
    frontier: Vec<u8>,
}

impl Head {
    pub async fn read(database: &mut AnyConnection) -> Self {
        let head = sqlx::query("SELECT size, frontier FROM audit_head");
        let head = head.fetch_one(database).await.unwrap();
        Self { size: head.get("size"), frontier: head.get("frontier") }
    }

    /// Takes the entries away that came since.
    pub async fn cut(&self, database: &mut AnyConnection) {
        let cut = sqlx::query("DELETE FROM audit WHERE seq > $1").bind(self.size);
        cut.execute(database).await.unwrap();
    }

    pub async fn restore(self, database: &mut AnyConnection) {
        let head = sqlx::query("UPDATE audit_head SET size = $1, frontier = $2");
        head.bind(self.size).bind(self.frontier).execute(database).await.unwrap();
    }
}
