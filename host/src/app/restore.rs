//! Putting a backup in the place of the record. The backup is looked through first; a copy of it is made
//! ready beside the record, where whoever was erased since is erased again; only when all that is on the
//! disk does it take the record's place, and what was there is moved aside, not deleted.
//!
//! Invariant: wherever a restore breaks off, what serves next is the old record as it was, or the new one
//! with every erasure that is known of.

mod known;
mod swap;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::backup::{self, Backup, Manifest};
use super::{DataLock, create_private, store_options};
use crate::config::Config;
use crate::model::{AuditEntry, Erasure};
use crate::store::{ErasureList, Options, Store};
use known::Known;
use swap::Places;

pub(super) use swap::{is_cut_off, recover};

/// What to restore, and what is known of the time since.
#[derive(Debug, Clone, Default)]
pub struct Restore {
    pub from: PathBuf,
    /// Where the backup was made without it.
    pub host_key: Option<PathBuf>,
    /// Lists of who was erased, as `picket subject erasures` writes them.
    pub erasures: Vec<PathBuf>,
    /// The operator's word that there is no such list: nobody was erased since.
    pub nobody_erased: bool,
    /// Whether what is there now may be moved aside.
    pub replace: bool,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    pub manifest: Manifest,
    /// How many subjects were erased again.
    pub erased: u64,
    /// The folders in which what was there before is now.
    pub aside: Vec<PathBuf>,
    /// Entries that the audit log had before and has no more.
    pub audit_lost: u64,
    /// What somebody should know of it.
    pub remarks: Vec<String>,
}

/// Restores the record of a configuration. One that was cut off is finished first.
///
/// # Errors
/// A server that runs, a backup that is not whole, a record that is there and may not be replaced,
/// erasures that nobody speaks of, a disk that is full. Nothing is changed then.
pub async fn restore(config: &Config, restore: &Restore) -> anyhow::Result<Restored> {
    let places = Places::new(config, &place(config)?)?;
    create_private(&config.data_dir)?;
    let _alone = DataLock::alone(&config.data_dir)?;
    let finished = swap::finish(&config.data_dir)?;
    swap::clean(config)?;
    let found = backup::check(&restore.from, restore.host_key.as_deref()).await?;
    if let Some(finished) = finished.filter(|finished| finished.manifest == found.manifest) {
        return Ok(finished);
    }
    ensure!(
        !places.database.exists() || restore.replace,
        "there is a record at {}: --replace moves it aside",
        places.database.display()
    );
    let known = known::gather(config, &places, &found, restore).await?;
    let ready = async {
        let restored = make_ready(config, &places, &found, known).await?;
        swap::begin(&config.data_dir, &places, restored)
    };
    if let Err(error) = ready.await {
        // Whoever was erased is still in the copy, so it does not lie about.
        swap::clean(config).context("what was copied so far is left over")?;
        return Err(error.context(match is_cut_off(&config.data_dir) {
            false => "nothing was replaced",
            true => "the restore is decided and not done: run it again",
        }));
    }
    swap::finish(&config.data_dir)?.context("the restore was finished by somebody else")
}

/// Makes a copy of the backup that can serve, beside the record.
async fn make_ready(
    config: &Config,
    places: &Places,
    found: &Backup,
    known: Known,
) -> anyhow::Result<Restored> {
    let Known { erasures, audit_size, remarks } = known;
    swap::copy(found, places)?;
    let database = swap::made_ready(&places.database);
    let options = Options {
        database_url: format!("sqlite://{}", database.display()),
        // An erasure wants the tables of this release; the record that is replaced lacks what it lacked.
        migrate: true,
        erasures: Some(swap::made_ready(&places.erasures)),
        ..store_options(config, found.host_key)
    };
    let store = Store::open(&options).await?;
    let facts = json!({
        "backup": found.manifest.database.digest, "created_at": found.manifest.created_at,
        "audit_size": found.manifest.audit_size, "audit_size_before": audit_size,
    });
    let done = async {
        let erased = store.replay_erasures(&erasures).await?;
        store.note(AuditEntry::new(None, "record.restored", "record", facts)).await?;
        Ok::<_, anyhow::Error>(erased)
    };
    let erased = done.await;
    store.close().await?;
    Ok(Restored {
        manifest: found.manifest.clone(),
        erased: erased?,
        aside: Vec::new(),
        audit_lost: audit_size.saturating_sub(found.manifest.audit_size),
        remarks,
    })
}

/// Where the database of the configuration lies.
fn place(config: &Config) -> anyhow::Result<PathBuf> {
    match database_file(config) {
        Some(path) => Ok(path),
        None => bail!(
            "the record is in PostgreSQL: restore it with its own tools (pg_restore, pg_basebackup), put host.key and erasures.jsonl of data_dir back, then run `picket migrate`, `picket subject erase-listed` with the list of erasures, and `picket doctor`"
        ),
    }
}

/// The file of a SQLite record.
fn database_file(config: &Config) -> Option<PathBuf> {
    let url = config.database_url();
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:"));
    path.map(PathBuf::from)
}

/// A list of erasures that somebody kept: one JSON object on a line.
///
/// # Errors
/// A file that cannot be read, is too long, is cut off, or is no such list.
pub fn read_erasures(file: &Path) -> anyhow::Result<Vec<Erasure>> {
    ErasureList::at(file).read_whole().with_context(|| {
        format!("{} is no list that `picket subject erasures` wrote", file.display())
    })
}
