//! Migrations: which there are, which the database has, and applying the rest. All that is missing is
//! applied in one transaction, each with its row in `schema_migrations` and its audit entry.

use serde_json::json;
use sqlx::Row as _;

use super::audit::{Leaf, Leaves, tree};
use super::dialect::{self, Connection, MIGRATIONS, Migration, TREE};
use super::error::StoreError;
use super::tx::Writer;
use crate::model::{AuditEntry, Digest, Timestamp};

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
/// As [`pending`]; where a migration fails, the database stays as it was.
pub(super) async fn migrate(writer: &Writer) -> Result<Vec<String>, StoreError> {
    let mut tx = writer.begin().await?;
    let missing = missing(tx.connection()?).await?;
    let mut leaves = Vec::new();
    if !missing.is_empty() {
        dialect::take_time(tx.connection()?).await?;
    }
    for migration in &missing {
        let checksum = apply(tx.connection()?, migration).await?.to_string();
        let facts = json!({ "checksum": checksum });
        leaves.push(Leaf::of(AuditEntry::new(None, "schema.migrated", migration.title, facts))?);
    }
    match Leaves::from_vec(leaves) {
        Some(leaves) => tx.commit(leaves).await?,
        None => tx.roll_back().await,
    }
    Ok(missing.iter().map(|migration| migration.title.to_owned()).collect())
}

async fn apply(connection: &mut Connection, migration: &Migration) -> Result<Digest, StoreError> {
    let kind = connection.kind();
    if !dialect::has_table(connection, "schema_migrations").await? {
        sqlx::raw_sql(TABLE).execute(&mut *connection).await?;
    }
    sqlx::raw_sql(migration.text(kind)).execute(&mut *connection).await?;
    if migration.version == TREE {
        tree::build(connection).await?;
    }
    let checksum = migration.checksum(kind);
    sqlx::query(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(migration.version)
    .bind(migration.title)
    .bind(checksum.to_string())
    .bind(Timestamp::now().micros())
    .execute(connection)
    .await?;
    Ok(checksum)
}

/// What the database lacks, oldest first, once it is known that what it has is what we know.
///
/// # Errors
/// As [`pending`].
pub(super) async fn missing(connection: &mut Connection) -> Result<Vec<Migration>, StoreError> {
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
