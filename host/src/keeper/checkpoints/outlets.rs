//! Where checkpoints go: the history in the data directory, a file, an address, standard output. One
//! that fails is told and tried again with the next; it holds up no other.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Checkpoints;
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
        if let Some(url) = self.outlets.url.as_ref().filter(|_| news(&sent.url)) {
            self.told("url", post(url, note).await, &mut sent.url, note);
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

/// Posts a note to an address.
///
/// # Errors
/// Where nobody answers, or not with a success.
async fn post(url: &str, note: &str) -> io::Result<()> {
    let send = async {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let request = client.post(url).header("content-type", "text/plain; charset=utf-8");
        request.body(note.to_owned()).send().await?.error_for_status()
    };
    send.await.map(drop).map_err(|error| io::Error::other(error.without_url()))
}

/// Puts a file in the place of another, whole or not at all.
fn replace(file: &Path, note: &str) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    new.write_all(note.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(file).map(drop).map_err(|error| error.error)
}

/// Every checkpoint of the last days, a file for each day.
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
        for file in self.files()?.iter().rev() {
            let text = fs::read_to_string(file)?;
            let good = |note: &String| Checkpoint::open(note, verifier).ok();
            if let Some(newest) = checkpoints(&text).iter().rev().find_map(good) {
                return Ok(Some(newest));
            }
        }
        Ok(None)
    }

    fn add(&self, note: &str, now: Timestamp) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
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
