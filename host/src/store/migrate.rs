//! Migrations: which there are, which the database has, and applying the rest. Each is applied in
//! one transaction together with its row in `schema_migrations` and its audit entry.

use serde_json::json;
use sqlx::Row as _;

use super::audit::Leaves;
use super::dialect::{self, Connection, MIGRATIONS, Migration};
use super::error::StoreError;
use super::tx::Writer;
use crate::model::{AuditEntry, Timestamp};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version    BIGINT PRIMARY KEY,
    name       TEXT   NOT NULL,
    checksum   TEXT   NOT NULL,
    applied_at BIGINT NOT NULL
)";

/// The names of the migrations that the database lacks, in order.
///
/// # Errors
/// A database that is newer than the program, or that was migrated with other texts.
pub(super) async fn pending(writer: &Writer) -> Result<Vec<String>, StoreError> {
    let mut tx = writer.begin().await?;
    let missing = missing(tx.connection()?).await;
    tx.roll_back().await;
    Ok(missing?.iter().map(|migration| migration.title.to_owned()).collect())
}

/// Applies what the database lacks and returns the names. Where it lacks nothing, nothing happens.
///
/// # Errors
/// As [`pending`]; a migration that fails leaves the database as the one before it did.
pub(super) async fn migrate(writer: &Writer) -> Result<Vec<String>, StoreError> {
    let mut applied = Vec::new();
    // What is missing is read again in each transaction: another program may be migrating as well.
    loop {
        let mut tx = writer.begin().await?;
        let Some(next) = missing(tx.connection()?).await?.into_iter().next() else {
            tx.roll_back().await;
            return Ok(applied);
        };
        let connection = tx.connection()?;
        dialect::take_time(connection).await?;
        let kind = connection.kind();
        sqlx::raw_sql(TABLE).execute(&mut *connection).await?;
        sqlx::raw_sql(next.text(kind)).execute(&mut *connection).await?;
        let checksum = next.checksum(kind).to_string();
        sqlx::query(
            "INSERT INTO schema_migrations (version, name, checksum, applied_at) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(next.version)
        .bind(next.title)
        .bind(checksum.as_str())
        .bind(Timestamp::now().micros())
        .execute(tx.connection()?)
        .await?;
        let facts = json!({ "checksum": checksum });
        let entry = AuditEntry::new(None, "schema.migrated", next.title, facts);
        tx.commit(Leaves::of(entry)?).await?;
        applied.push(next.title.to_owned());
    }
}

/// What the database lacks, oldest first, once it is known that what it has is what we know.
async fn missing(connection: &mut Connection) -> Result<Vec<Migration>, StoreError> {
    let kind = connection.kind();
    if !dialect::has_table(connection, "schema_migrations").await? {
        return Ok(MIGRATIONS.to_vec());
    }
    let rows = sqlx::query("SELECT version, checksum FROM schema_migrations ORDER BY version")
        .fetch_all(connection)
        .await?;
    let mut applied = Vec::new();
    for row in rows {
        applied.push((row.try_get::<i64, _>("version")?, row.try_get::<String, _>("checksum")?));
    }
    let program = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if let Some(&(database, _)) = applied.last().filter(|(version, _)| *version > program) {
        return Err(StoreError::Newer { database, program });
    }
    let mut missing = Vec::new();
    for migration in MIGRATIONS {
        match applied.iter().find(|(version, _)| *version == migration.version) {
            None => missing.push(*migration),
            Some((_, checksum)) if *checksum == migration.checksum(kind).to_string() => {}
            Some(_) => return Err(StoreError::Checksum { name: migration.title.to_owned() }),
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn versions_count_from_one_and_titles_begin_with_them() {
        for (migration, version) in MIGRATIONS.iter().zip(1..) {
            assert_eq!(migration.version, version);
            assert!(migration.title.starts_with(&format!("{version:04}_")), "{}", migration.title);
        }
    }
}
