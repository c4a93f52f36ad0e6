//! Taking the place of a record. What is made ready lies beside its place, as `NAME.restoring`. When all of
//! it is on the disk, `restore.json` says what is moved where; from then on the restore is decided, and
//! whoever comes next carries it out: each move may be done again.
//!
//! Without `restore.json` what is made ready is a leftover, and is deleted.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{Backup, Restored, database_file};
use crate::app::backup::{new_file, sync};
use crate::app::{DataLock, create_private, erasure_list};
use crate::config::Config;
use crate::model::Timestamp;

const PLAN: &str = "restore.json";
const NEW_PLAN: &str = "restore.json.new";
const MADE_READY: &str = ".restoring";
/// What SQLite writes beside a database.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Where the parts of a record lie, whatever the working directory.
#[derive(Debug)]
pub(super) struct Places {
    pub database: PathBuf,
    pub host_key: PathBuf,
    pub erasures: PathBuf,
    checkpoints: PathBuf,
}

/// What is moved where.
#[derive(Debug, Serialize, Deserialize)]
struct Plan {
    restored: Restored,
    /// What is there, into folders beside it.
    aside: Vec<Move>,
    /// What was made ready, into its place.
    place: Vec<Move>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Move {
    from: PathBuf,
    to: PathBuf,
}

impl Places {
    pub fn new(config: &Config, database: &Path) -> anyhow::Result<Self> {
        let absolute = |path: &Path| {
            std::path::absolute(path).with_context(|| format!("cannot tell where {path:?} is"))
        };
        Ok(Self {
            database: absolute(database)?,
            host_key: absolute(&config.data_dir.join("host.key"))?,
            erasures: absolute(&erasure_list(config))?,
            checkpoints: absolute(&crate::app::checkpoint_history(config))?,
        })
    }

    /// What takes the place of something.
    fn parts(&self) -> [&Path; 3] {
        // The key first: a record under another one is refused.
        [&self.host_key, &self.erasures, &self.database]
    }
}

/// Where a part is made ready.
pub(super) fn made_ready(part: &Path) -> PathBuf {
    with_end(part, MADE_READY)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    PathBuf::from(name)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Copies database and host key of a backup to where they are made ready.
pub(super) fn copy(found: &Backup, places: &Places) -> anyhow::Result<()> {
    let database = made_ready(&places.database);
    let mut source = File::open(&found.database)?;
    io::copy(&mut source, &mut new_file(&database)?)
        .with_context(|| format!("cannot write {}", database.display()))?;
    new_file(&made_ready(&places.host_key))?.write_all(&found.host_key)?;
    Ok(())
}

/// Decides a restore: all that was made ready is on the disk, and so is what is moved where.
pub(super) fn begin(data_dir: &Path, places: &Places, restored: Restored) -> anyhow::Result<()> {
    for part in places.parts() {
        let part = made_ready(part);
        // A database that has closed well has no log.
        let log = with_end(&part, "-wal");
        let rest = fs::metadata(&log).map_or(0, |metadata| metadata.len());
        ensure!(rest == 0, "{} was not taken in: try again", log.display());
        File::open(&part)
            .and_then(|file| file.sync_all())
            .with_context(|| format!("cannot flush {}", part.display()))?;
    }
    let plan = plan(places, restored)?;
    for Move { from, to } in &plan.aside {
        create_private(folder_of(to))?;
        sync(folder_of(from))?;
    }
    sync(folder_of(&places.database))?;
    let (new, place) = (data_dir.join(NEW_PLAN), data_dir.join(PLAN));
    let mut file = new_file(&new)?;
    serde_json::to_writer_pretty(&mut file, &plan)?;
    file.sync_all().with_context(|| format!("cannot flush {}", new.display()))?;
    fs::rename(&new, &place).with_context(|| format!("cannot write {}", place.display()))?;
    sync(data_dir)
}

fn plan(places: &Places, restored: Restored) -> anyhow::Result<Plan> {
    let now = Timestamp::now().to_string().replace(':', "-");
    let mut aside: Vec<Move> = Vec::new();
    let mut there = vec![places.database.clone()];
    there.extend(LOGS.map(|end| with_end(&places.database, end)));
    there.extend([&places.host_key, &places.erasures, &places.checkpoints].map(Clone::clone));
    for from in there.into_iter().filter(|file| file.exists()) {
        let name = from.file_name().context("a part of the record has no name")?;
        let to = folder_of(&from).join(format!("replaced-{now}")).join(name);
        aside.push(Move { to, from });
    }
    let mut folders: Vec<PathBuf> = aside.iter().map(|it| folder_of(&it.to).to_owned()).collect();
    folders.dedup();
    let mut restored = Restored { aside: folders, ..restored };
    if let Some(it) = aside.iter().find(|it| it.from == places.checkpoints) {
        restored.remarks.push(format!(
            "checkpoints that were signed of the log that is replaced are in {}: whoever kept one of them elsewhere sees that a backup was restored",
            it.to.display()
        ));
    }
    let ready = |to: &Path| Move { from: made_ready(to), to: to.to_owned() };
    Ok(Plan { restored, aside, place: places.parts().map(ready).into() })
}

/// Whether a restore is decided and not carried out.
pub fn is_cut_off(data_dir: &Path) -> bool {
    data_dir.join(PLAN).exists()
}

/// Carries out what was decided, if anything was. Whoever calls it has the data directory alone.
pub(super) fn finish(data_dir: &Path) -> anyhow::Result<Option<Restored>> {
    let path = data_dir.join(PLAN);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let plan: Plan = serde_json::from_str(&text)
        .with_context(|| format!("{} is no plan of a restore", path.display()))?;
    for it in &plan.aside {
        it.aside()?;
    }
    // What is moved aside is there before something takes its place, whatever the power does.
    flush(&plan.aside)?;
    for it in &plan.place {
        it.place()?;
    }
    flush(&plan.place)?;
    fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    sync(data_dir)?;
    Ok(Some(plan.restored))
}

impl Move {
    /// Once: what lies there later is what took the place.
    fn aside(&self) -> anyhow::Result<()> {
        if self.from.exists() && !self.to.exists() {
            create_private(folder_of(&self.to))?;
            self.rename()?;
        }
        Ok(())
    }

    fn place(&self) -> anyhow::Result<()> {
        match (self.from.exists(), self.to.exists()) {
            (true, _) => self.rename(),
            (false, true) => Ok(()),
            (false, false) => bail!(
                "neither {} nor {} is there: the restore cannot be finished; remove {PLAN} and restore again",
                self.from.display(),
                self.to.display()
            ),
        }
    }

    fn rename(&self) -> anyhow::Result<()> {
        fs::rename(&self.from, &self.to).with_context(|| {
            format!("cannot move {} to {}", self.from.display(), self.to.display())
        })
    }
}

fn flush(moves: &[Move]) -> anyhow::Result<()> {
    for Move { from, to } in moves {
        sync(folder_of(from))?;
        sync(folder_of(to))?;
    }
    Ok(())
}

/// Deletes what was made ready and not decided.
pub(super) fn clean(config: &Config) -> anyhow::Result<()> {
    if is_cut_off(&config.data_dir) {
        return Ok(());
    }
    let mut left = vec![config.data_dir.join(NEW_PLAN)];
    left.push(made_ready(&config.data_dir.join("host.key")));
    left.push(made_ready(&erasure_list(config)));
    if let Some(database) = database_file(config).map(|file| made_ready(&file)) {
        left.extend(LOGS.map(|end| with_end(&database, end)));
        left.push(database);
    }
    for file in left {
        match fs::remove_file(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            done => done.with_context(|| format!("cannot remove {}", file.display()))?,
        }
    }
    Ok(())
}

/// Before anything opens the record: finishes a restore that was cut off, or takes away what it left.
///
/// # Errors
/// Where that cannot be done, or another program is at it.
pub fn recover(config: &Config) -> anyhow::Result<()> {
    if is_cut_off(&config.data_dir) {
        let _alone = DataLock::alone(&config.data_dir)?;
        if let Some(restored) = finish(&config.data_dir)? {
            let created_at = restored.manifest.created_at;
            tracing::warn!(%created_at, "finished a restore that was cut off");
        }
    }
    // Nobody restores meanwhile.
    let _shared = DataLock::share(&config.data_dir)?;
    clean(config)
}

#[cfg(test)]
mod tests;
