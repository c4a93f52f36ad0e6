//! Where checkpoints go: the history in the data directory, a file, an address, standard output. One
//! that fails is told and tried again with the next; it holds up no other.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{CheckpointError, Checkpoints};
use crate::audit::{Checkpoint, NoteVerifier, checkpoints};
use crate::model::Timestamp;

/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The newest note that each outlet has.
#[derive(Debug, Default)]
pub(super) struct Sent {
    history: Option<String>,
    file: Option<String>,
    url: Option<String>,
    stdout: Option<String>,
}

impl Checkpoints {
    /// Remembers what is signed, over a crash too.
    pub(super) async fn keep(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let (history, note) = (self.history.clone(), checkpoint.note.clone());
        let folder = self.outlets.history.clone();
        aside(move || history.remember(&note))
            .await
            .map_err(|error| CheckpointError::Unkept { folder, source: Arc::new(error) })
    }

    /// Sends a checkpoint to every outlet that has not had it.
    pub(super) async fn send(&self, checkpoint: &Checkpoint, sent: &mut Sent) {
        let note = &checkpoint.note;
        let news = |slot: &Option<String>| slot.as_ref() != Some(note);
        if news(&sent.history) {
            let (history, text) = (self.history.clone(), note.clone());
            let done = aside(move || history.add(&text, Timestamp::now())).await;
            self.told("history", done, &mut sent.history, note);
        }
        if let Some(file) = self.outlets.file.clone().filter(|_| news(&sent.file)) {
            let text = note.clone();
            let done = aside(move || replace(&file, &text)).await;
            self.told("file", done, &mut sent.file, note);
        }
        if self.outlets.stdout && news(&sent.stdout) {
            let done = writeln!(io::stdout(), "{note}");
            self.told("stdout", done, &mut sent.stdout, note);
        }
        if let Some(witness) = self.outlets.witness.as_ref().filter(|_| news(&sent.url)) {
            let done = witness.post(note, PATIENCE).await.map_err(io::Error::other);
            self.told("url", done, &mut sent.url, note);
        }
    }

    fn told(
        &self,
        outlet: &'static str,
        done: io::Result<()>,
        sent: &mut Option<String>,
        note: &str,
    ) {
        self.metrics.checkpoint(outlet, done.is_ok());
        match done {
            Ok(()) => *sent = Some(note.to_owned()),
            Err(error) => tracing::warn!(outlet, "a checkpoint was not sent on: {error}"),
        }
    }
}

/// Waits for the disk without holding up what else runs here.
async fn aside(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Puts a file in the place of another, whole or not at all, so that a power cut does not undo it.
fn replace(file: &Path, note: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(note.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// In the history's folder: the newest that was signed, whoever asked for it.
const NEWEST: &str = "newest";

/// The checkpoints that the server made by itself in the last days, a file for each day; and the newest
/// of all that was signed, of which there is one, however often somebody asks.
#[derive(Clone)]
pub(super) struct History {
    folder: PathBuf,
    days_max: u32,
}

impl History {
    pub fn new(folder: PathBuf, days_max: u32) -> Self {
        Self { folder, days_max }
    }

    /// The newest checkpoint that this key signed. What was cut off by a crash is passed over.
    pub fn newest(&self, verifier: &NoteVerifier) -> io::Result<Option<Checkpoint>> {
        let newest_in = |file: &PathBuf| -> io::Result<Option<Checkpoint>> {
            let text = match fs::read(file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                bytes => String::from_utf8_lossy(&bytes?).into_owned(),
            };
            let good = |note: &String| Checkpoint::open(note, verifier).ok();
            Ok(checkpoints(&text).iter().rev().find_map(good))
        };
        let mut newest = newest_in(&self.folder.join(NEWEST))?;
        for file in self.files()?.iter().rev() {
            if let Some(of_day) = newest_in(file)? {
                let is_newer = |than: &Checkpoint| of_day.head.size > than.head.size;
                if newest.as_ref().is_none_or(is_newer) {
                    newest = Some(of_day);
                }
                break;
            }
        }
        Ok(newest)
    }

    /// Keeps the newest in the place of the one before.
    fn remember(&self, note: &str) -> io::Result<()> {
        self.create()?;
        replace(&self.folder.join(NEWEST), note)
    }

    fn create(&self) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }

    fn add(&self, note: &str, now: Timestamp) -> io::Result<()> {
        self.create()?;
        let day = now.to_string().chars().take(10).collect::<String>();
        let path = self.folder.join(day);
        let is_new = !path.exists();
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        // Apart from what a crash may have cut off.
        let gap = if is_new { "" } else { "\n\n" };
        file.write_all(format!("{gap}{note}").as_bytes())?;
        file.sync_all()?;
        if is_new {
            let files = self.files()?;
            for old in files.iter().rev().skip(self.days_max as usize) {
                fs::remove_file(old)?;
            }
        }
        Ok(())
    }

    /// By day.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let named = |name: &str| name.len() == 10 && name.starts_with("20");
        let mut files: Vec<PathBuf> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(named))
            .collect();
        files.sort();
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Head, NoteSigner};

    fn signed(size: u64, seed: u8) -> Checkpoint {
        let signer = NoteSigner::from_seed("log.example", &[seed; 32]).unwrap();
        Checkpoint::sign(Head { size, root: [1; 32] }, &signer)
    }

    #[test]
    fn the_history_has_the_newest_of_the_key_and_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path().join("checkpoints"), 3);
        let signer = NoteSigner::from_seed("log.example", &[7; 32]).unwrap();
        let newest = || history.newest(signer.verifier()).unwrap().map(|newest| newest.head.size);
        assert_eq!(newest(), None);
        let day = |day: i64| Timestamp::from_micros(1_790_000_000_000_000 + day * 86_400_000_000);
        for (at, size) in [(0, 5), (0, 6), (1, 7), (2, 9), (4, 12)] {
            history.add(&signed(size, 7).note, day(at)).unwrap();
            assert_eq!(newest(), Some(size));
        }
        assert_eq!(history.files().unwrap().len(), 3);
        // Of another key, and half of one.
        history.add(&signed(99, 8).note, day(4)).unwrap();
        history.add(&signed(77, 7).note[..60], day(5)).unwrap();
        assert_eq!(newest(), Some(12));
        // What somebody asked for is remembered too, and takes no more room for that.
        for size in [13, 14] {
            history.remember(&signed(size, 7).note).unwrap();
            assert_eq!(newest(), Some(size));
        }
        history.add(&signed(15, 7).note, day(5)).unwrap();
        assert_eq!(newest(), Some(15));
        assert_eq!(fs::read_dir(folder.path().join("checkpoints")).unwrap().count(), 4);
        fs::write(folder.path().join("checkpoints").join(NEWEST), b"\xff").unwrap();
        assert_eq!(newest(), Some(15));
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("checkpoint");
        for size in [5, 6] {
            replace(&file, &signed(size, 7).note).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), signed(size, 7).note);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("none/checkpoint"), "x").is_err());
    }
}
