//! Putting a backup in the place of the record. The backup is looked through first; what is there now is
//! moved aside, not deleted; and who was erased since the backup is erased again before anything serves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::backup::{self, Backup, Manifest};
use super::{DataLock, create_private, store_options};
use crate::config::Config;
use crate::model::{AuditEntry, Erasure, Timestamp};
use crate::store::{PAGE_ROWS_MAX, Store};

/// Lines of a list of erasures that are read.
const ERASURES_BYTES_MAX: u64 = 1 << 30;

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
#[derive(Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// How many subjects were erased again.
    pub erased: u64,
    /// Where what was there before is now.
    pub aside: Option<PathBuf>,
    /// Entries that the audit log had before and has no more.
    pub audit_lost: u64,
}

/// Restores the record of a configuration.
///
/// # Errors
/// A server that runs, a backup that is not whole, a record that is there and may not be replaced,
/// erasures that nobody speaks of. Nothing is changed then.
pub async fn restore(config: &Config, restore: &Restore) -> anyhow::Result<Restored> {
    let database = place(config)?;
    create_private(&config.data_dir)?;
    let _alone = DataLock::alone(&config.data_dir)?;
    let found = backup::check(&restore.from, restore.host_key.as_deref()).await?;
    let host_key_file = config.data_dir.join("host.key");
    let before = before(config, &database, &found).await?;
    ensure!(
        before.is_none() || restore.replace,
        "there is a record at {}: --replace moves it aside",
        database.display()
    );
    let mut erasures = Vec::new();
    for list in &restore.erasures {
        erasures.extend(read_erasures(list)?);
    }
    erasures.extend(before.iter().flat_map(|before| before.erasures.iter().cloned()));
    ensure!(
        before.is_some() || !restore.erasures.is_empty() || restore.nobody_erased,
        "who was erased since {} is in no list here, and a restore would bring them back: name the list with --erasures, or say --nobody-erased",
        found.manifest.created_at
    );
    let aside = before.is_some().then(|| move_aside(&config.data_dir, &database)).transpose()?;
    put(&found, &database, &host_key_file)?;
    let store = Store::open(&store_options(config, found.host_key)).await?;
    let erased = store.replay_erasures(&erasures).await;
    let audit_before = before.as_ref().map_or(0, |before| before.audit_size);
    let audit_lost = audit_before.saturating_sub(found.manifest.audit_size);
    let facts = json!({
        "backup": found.manifest.database.digest, "created_at": found.manifest.created_at,
        "audit_size": found.manifest.audit_size, "audit_size_before": audit_before,
    });
    let noted = store.note(AuditEntry::new(None, "record.restored", "record", facts)).await;
    store.close().await?;
    noted?;
    Ok(Restored { manifest: found.manifest, erased: erased?, aside, audit_lost })
}

/// What is known of the record that is there.
struct Before {
    erasures: Vec<Erasure>,
    audit_size: u64,
}

/// Reads of the record that is there who was erased in it. One that is damaged says nothing.
async fn before(
    config: &Config,
    database: &Path,
    found: &Backup,
) -> anyhow::Result<Option<Before>> {
    if !database.exists() {
        return Ok(None);
    }
    let options = store_options(config, found.host_key);
    match read_before(&options).await {
        Ok(before) => Ok(Some(before)),
        Err(error) => {
            tracing::warn!("the record at {} cannot be read: {error:#}", database.display());
            Ok(Some(Before { erasures: Vec::new(), audit_size: 0 }))
        }
    }
}

async fn read_before(options: &crate::store::Options) -> anyhow::Result<Before> {
    let store = Store::open(options).await?;
    let mut erasures = Vec::new();
    loop {
        let page = store.erasures(erasures.len() as u64, PAGE_ROWS_MAX).await?;
        if page.is_empty() {
            break;
        }
        erasures.extend(page);
    }
    let audit_size = store.audit_size().await?;
    store.close().await?;
    Ok(Before { erasures, audit_size })
}

/// Where the database of the configuration lies.
fn place(config: &Config) -> anyhow::Result<PathBuf> {
    let url = config.database_url();
    match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
        Some(path) => Ok(path.into()),
        None => bail!(
            "the record is in PostgreSQL: restore it with its own tools (pg_restore, pg_basebackup), put host.key back, then run `picket migrate`, `picket subject erase-listed` with the list of erasures, and `picket doctor`"
        ),
    }
}

/// A list of erasures: one JSON object on a line.
///
/// # Errors
/// A file that cannot be read, is too long, or is no such list.
pub fn read_erasures(file: &Path) -> anyhow::Result<Vec<Erasure>> {
    let context = || format!("cannot read {}", file.display());
    let bytes = fs::metadata(file).with_context(context)?.len();
    ensure!(bytes <= ERASURES_BYTES_MAX, "{} is no list of erasures", file.display());
    let text = fs::read_to_string(file).with_context(context)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let erasure = |(line, number): (&str, u32)| {
        serde_json::from_str(line).with_context(|| {
            format!("{}:{number} is no line of `picket subject erasures`", file.display())
        })
    };
    lines.map(erasure).collect()
}

/// Moves the database with its logs, and the host key, into a folder of their own.
fn move_aside(data_dir: &Path, database: &Path) -> anyhow::Result<PathBuf> {
    let now = Timestamp::now().to_string().replace(':', "-");
    let aside = data_dir.join(format!("replaced-{now}"));
    create_private(&aside)?;
    let logs = ["-wal", "-shm", "-journal"].map(|end| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    // The database first: without it, its logs are of no use to anybody.
    for file in [database.to_owned()].into_iter().chain(logs) {
        if file.exists() {
            let name = file.file_name().unwrap_or_default().to_owned();
            fs::rename(&file, aside.join(name))
                .with_context(|| format!("cannot move {} aside", file.display()))?;
        }
    }
    Ok(aside)
}

/// Puts the files of a backup in their places, whole or not at all.
fn put(found: &Backup, database: &Path, host_key_file: &Path) -> anyhow::Result<()> {
    let named = |file: &Path| {
        let mut name = file.as_os_str().to_owned();
        name.push(".restoring");
        PathBuf::from(name)
    };
    let (new_database, new_key) = (named(database), named(host_key_file));
    for left in [&new_database, &new_key] {
        if left.exists() {
            fs::remove_file(left).with_context(|| format!("cannot remove {}", left.display()))?;
        }
    }
    let mut source = fs::File::open(&found.database)?;
    std::io::copy(&mut source, &mut backup::new_file(&new_database)?)
        .with_context(|| format!("cannot write {}", new_database.display()))?;
    std::io::Write::write_all(&mut backup::new_file(&new_key)?, &found.host_key)?;
    backup::sync(&new_database)?;
    backup::sync(&new_key)?;
    // The key first: a record under another one is refused, and the next try mends it.
    fs::rename(&new_key, host_key_file)?;
    fs::rename(&new_database, database)?;
    for file in [database, host_key_file] {
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            backup::sync(folder)?;
        }
    }
    Ok(())
}
