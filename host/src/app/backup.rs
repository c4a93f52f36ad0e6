//! Backups of a SQLite record: a folder with a copy of the database, the host key unless it is kept
//! elsewhere, and `backup.json`, which says what they are and is written last. A backup without it is
//! not whole.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{create_private, open_host_key, store_options};
use crate::config::Config;
use crate::model::{Digest, Timestamp};
use crate::store::{Contents, Options, Store};

/// The name of the list.
const MANIFEST: &str = "backup.json";
const DATABASE: &str = "picket.db";
const HOST_KEY: &str = "host.key";
/// The format that this program writes, and the only one so far.
const FORMAT: u32 = 1;
/// A list is a few hundred bytes long.
const MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub created_at: Timestamp,
    /// The release that made it.
    pub picket: String,
    pub database: Part,
    /// `null`: it is kept elsewhere, and a restore asks for it.
    pub host_key: Option<Part>,
    pub schema_version: i64,
    pub decisions: u64,
    /// How many subjects were erased before it was made.
    pub erasures: u64,
    pub audit_size: u64,
    /// The root of the tree over the audit log, in hexadecimal digits.
    pub audit_root: String,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub file: String,
    pub bytes: u64,
    pub digest: Digest,
}

/// Makes a backup in a folder that is not there or empty, and looks through it. A server may run.
///
/// # Errors
/// A database that is none of SQLite's, a folder that holds something, a disk that is full, a copy that
/// is not whole. What was written stays, without a list.
pub async fn back_up(config: &Config, to: &Path, with_key: bool) -> anyhow::Result<Manifest> {
    let host_key = open_host_key(&config.data_dir)?;
    let options = store_options(config, host_key);
    // Before there is a folder that would be in the way of the next try.
    Store::may_copy(&options)?;
    create_private(to)?;
    let mut held = fs::read_dir(to).with_context(|| format!("cannot read {}", to.display()))?;
    ensure!(held.next().is_none(), "{} is not empty: name a new folder", to.display());
    let copy = to.join(DATABASE);
    // The copy is private before there is anything in it; SQLite takes a file that is empty.
    new_file(&copy)?;
    Store::copy(&options, &copy).await?;
    let contents = Store::examine(&at(&copy, host_key)).await.with_context(|| {
        format!("the copy is not whole, and {} is no backup: delete it", to.display())
    })?;
    let key = match with_key {
        true => {
            new_file(&to.join(HOST_KEY))?.write_all(&host_key)?;
            Some(part(to, HOST_KEY)?)
        }
        false => None,
    };
    let manifest = Manifest {
        format: FORMAT,
        created_at: Timestamp::now(),
        picket: env!("CARGO_PKG_VERSION").to_owned(),
        database: part(to, DATABASE)?,
        host_key: key,
        schema_version: contents.schema_version,
        decisions: contents.decisions,
        erasures: contents.erasures,
        audit_size: contents.audit.size,
        audit_root: hex::encode(contents.audit.root),
    };
    for file in [DATABASE, HOST_KEY] {
        sync(&to.join(file))?;
    }
    let mut file = new_file(&to.join(MANIFEST))?;
    serde_json::to_writer_pretty(&mut file, &manifest)?;
    file.write_all(b"\n")?;
    sync(&to.join(MANIFEST))?;
    sync(to)?;
    Ok(manifest)
}

/// A backup that was found whole.
#[derive(Debug)]
pub struct Backup {
    pub manifest: Manifest,
    pub database: PathBuf,
    pub host_key: [u8; 32],
}

/// Looks through a backup: its files against their digests, every page, every audit entry.
///
/// # Errors
/// What is missing or not as the list says.
pub async fn check(from: &Path, key_file: Option<&Path>) -> anyhow::Result<Backup> {
    let manifest = manifest(from)?;
    verify(from, &manifest.database)?;
    let key_file = match (key_file, &manifest.host_key) {
        (Some(file), _) => file.to_owned(),
        (None, Some(part)) => {
            verify(from, part)?;
            from.join(HOST_KEY)
        }
        (None, None) => bail!(
            "this backup was made without the host key, and nothing in it can be read without: name the file with --host-key"
        ),
    };
    let host_key = read_key(&key_file)?;
    let database = from.join(DATABASE);
    let contents = Store::examine(&at(&database, host_key)).await?;
    compare(&manifest, &contents)?;
    Ok(Backup { manifest, database, host_key })
}

fn manifest(from: &Path) -> anyhow::Result<Manifest> {
    let path = from.join(MANIFEST);
    let file = File::open(&path).with_context(|| {
        format!("{} is no backup, or not a whole one: {MANIFEST}", from.display())
    })?;
    let mut text = String::new();
    file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text)?;
    let manifest: Manifest = serde_json::from_str(&text)
        .with_context(|| format!("{} is not the list of a backup", path.display()))?;
    ensure!(
        manifest.format == FORMAT,
        "the backup is of format {}, and this program knows {FORMAT}: restore it with the release {} that made it",
        manifest.format,
        manifest.picket
    );
    Ok(manifest)
}

/// What is in the copy against what the list says.
fn compare(manifest: &Manifest, contents: &Contents) -> anyhow::Result<()> {
    let listed = (manifest.audit_size, manifest.audit_root.as_str());
    let found = (contents.audit.size, &*hex::encode(contents.audit.root));
    ensure!(
        listed == found,
        "the audit log of the backup has {} entries with the root {}, and the list says {} and {}: it was changed",
        found.0,
        found.1,
        listed.0,
        listed.1
    );
    Ok(())
}

/// A database at a place, not the one of the configuration.
pub(super) fn at(database: &Path, host_key: [u8; 32]) -> Options {
    Options::new(format!("sqlite://{}", database.display()), host_key)
}

fn part(dir: &Path, file: &str) -> anyhow::Result<Part> {
    let (bytes, digest) = digest(&dir.join(file))?;
    Ok(Part { file: file.to_owned(), bytes, digest })
}

fn verify(dir: &Path, part: &Part) -> anyhow::Result<()> {
    // The list may be a stranger's: no file is taken from elsewhere.
    ensure!(
        [DATABASE, HOST_KEY].contains(&part.file.as_str()),
        "`{}` is no file of a backup",
        part.file
    );
    let found = digest(&dir.join(&part.file))?;
    ensure!(
        found == (part.bytes, part.digest),
        "{} of the backup is not the file that was written: it has {} bytes and the digest {}, and the list says {} and {}",
        part.file,
        found.0,
        found.1,
        part.bytes,
        part.digest
    );
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<(u64, Digest)> {
    let context = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(context)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).with_context(context)?;
        if read == 0 {
            return Ok((bytes, Digest::from(<[u8; 32]>::from(hash.finalize()))));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

fn read_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let length = bytes.len();
    <[u8; 32]>::try_from(bytes).map_err(|_| {
        anyhow::anyhow!("{} is {length} bytes long, and a host key is 32", path.display())
    })
}

/// A file that is not there yet, for its owner alone.
pub(super) fn new_file(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot create {}", path.display()))
}

/// Sees a file, or the names in a folder, onto the disk. One that is not there needs none.
pub(super) fn sync(path: &Path) -> anyhow::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_all().with_context(|| format!("cannot flush {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}
