//! `picket migrate`.

use clap::Args;

use super::ConfigFile;
use crate::app::{create_private, open_host_key, store_options};
use crate::store::Store;

/// Create the database or apply the migrations that it lacks
///
/// `picket serve` does so at its start unless `migrate = false`. A database that a newer release has
/// migrated is refused.
#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// Only say what is pending
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) async fn run(migrate: &Migrate) -> anyhow::Result<()> {
    let config = migrate.config.load()?;
    create_private(&config.data_dir)?;
    let options = store_options(&config, open_host_key(&config.data_dir)?);
    let (names, done) = match migrate.dry_run {
        true => (Store::pending(&options).await?, "pending"),
        false => (Store::migrate(&options).await?, "applied"),
    };
    if names.is_empty() {
        println!("the database is up to date");
    }
    for name in names {
        println!("{done} {name}");
    }
    Ok(())
}
