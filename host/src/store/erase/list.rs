//! The list of who was erased, in a file beside the record: what the record says of it is lost with the
//! record, and a copy that takes its place is older. A line for each erasure, as `picket subject erasures`
//! writes it: keyed hashes, nobody's name.
//!
//! Invariant: an erasure is in the record first, then here, and only then acknowledged. So where a crash
//! comes between, [`Store::list_erasures`] makes up for it, and what a crash left of a line was promised to
//! nobody.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::model::{Erasure, Timestamp};
use crate::store::{PAGE_ROWS_MAX, Store, StoreError};

/// A list that is longer is none.
const BYTES_MAX: u64 = 1 << 30;
/// A line that is longer is none.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// A file of erasures.
#[derive(Debug, Clone)]
pub struct ErasureList {
    path: PathBuf,
}

/// The list of a record.
#[derive(Debug)]
pub(in crate::store) struct Listing {
    list: ErasureList,
    /// How many of the record's erasures are on it; `None`: nobody has looked yet.
    known: Mutex<Option<u64>>,
}

impl Listing {
    pub fn new(path: PathBuf) -> Self {
        Self { list: ErasureList::at(path), known: Mutex::new(None) }
    }
}

impl ErasureList {
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Everybody on the list of a record; `None` where there is no such file.
    ///
    /// # Errors
    /// [`StoreError::Unread`]: the file cannot be read, or a line of it is none of a list.
    pub fn read(&self) -> Result<Option<Vec<Erasure>>, StoreError> {
        match read(&self.path, Cut::WasNeverPromised) {
            Ok(erasures) => Ok(Some(erasures)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(StoreError::Unread { path: self.path.clone(), source: Arc::new(error) })
            }
        }
    }

    /// Everybody on a list that somebody kept.
    ///
    /// # Errors
    /// As [`ErasureList::read`], also where its last line is cut off.
    pub fn read_whole(&self) -> io::Result<Vec<Erasure>> {
        read(&self.path, Cut::IsAFault)
    }

    /// Writes erasures at its end, durably, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError::Unlisted`].
    fn add(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        add(&self.path, erasures).map_err(|error| StoreError::Unlisted {
            path: self.path.clone(),
            source: Arc::new(error),
        })
    }
}

impl Store {
    /// Sees that record and list agree, as a server does before it serves: whom the list names and the
    /// record does not is erased again, for then the record is an older copy. Returns how many that were.
    ///
    /// # Errors
    /// A list that cannot be read, or where the database does not answer; who was erased by then stays so.
    pub async fn settle_erasures(&self) -> Result<u64, StoreError> {
        let Some(listing) = &self.inner.listing else { return Ok(0) };
        let list = listing.list.clone();
        let mut missing = aside(move || list.read()).await?.unwrap_or_default();
        if !missing.is_empty() {
            let recorded = self.all_erasures().await?;
            missing.retain(|erasure| !recorded.contains(&which(erasure)));
        }
        let again = match missing.is_empty() {
            true => 0,
            false => self.replay_erasures(&missing).await?,
        };
        self.list_erasures().await?;
        Ok(again)
    }

    /// Writes into the list whom the record says to be erased and the list does not.
    ///
    /// # Errors
    /// [`StoreError::Unlisted`], [`StoreError::Unread`], or where the database does not answer.
    pub async fn list_erasures(&self) -> Result<(), StoreError> {
        let Some(listing) = &self.inner.listing else { return Ok(()) };
        let mut known = listing.known.lock().await;
        let (mut number, listed) = match *known {
            Some(number) => (number, HashSet::new()),
            None => {
                let list = listing.list.clone();
                let listed = aside(move || list.read()).await?;
                // An empty list says that nobody was erased, which none does not.
                if listed.is_none() {
                    let list = listing.list.clone();
                    aside(move || list.add(&[])).await?;
                }
                (0, listed.iter().flatten().map(which).collect())
            }
        };
        loop {
            let mut page = self.erasures(number, PAGE_ROWS_MAX).await?;
            if page.is_empty() {
                break;
            }
            let rows = page.len() as u64;
            page.retain(|erasure| !listed.contains(&which(erasure)));
            if !page.is_empty() {
                let list = listing.list.clone();
                aside(move || list.add(&page)).await?;
            }
            number += rows;
        }
        *known = Some(number);
        Ok(())
    }

    async fn all_erasures(&self) -> Result<HashSet<Which>, StoreError> {
        let mut all = HashSet::new();
        let mut number = 0;
        loop {
            let page = self.erasures(number, PAGE_ROWS_MAX).await?;
            if page.is_empty() {
                return Ok(all);
            }
            number += page.len() as u64;
            all.extend(page.iter().map(which));
        }
    }
}

/// Which erasure it is. An older copy may have held another key of its subject, or none.
type Which = (String, String, Timestamp);

fn which(erasure: &Erasure) -> Which {
    let Erasure { source, subject, erased_at, .. } = erasure;
    (source.clone(), subject.clone(), *erased_at)
}

/// Waits for the disk without holding up what else runs here.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

/// What it means that the last line is not whole.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// Its writer was cut off, and had not said that it was done.
    WasNeverPromised,
    /// Somebody is missing.
    IsAFault,
}

fn read(path: &Path, cut: Cut) -> io::Result<Vec<Erasure>> {
    let file = File::open(path)?;
    let mut text = String::new();
    if file.take(BYTES_MAX + 1).read_to_string(&mut text)? as u64 > BYTES_MAX {
        return Err(refused(format!("it has more than {BYTES_MAX} bytes")));
    }
    let lines = text.split_inclusive('\n').zip(1..);
    let mut erasures = Vec::new();
    for (line, number) in lines.filter(|(line, _)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(erasure) => erasures.push(erasure),
            Err(_) if cut == Cut::WasNeverPromised && !line.ends_with('\n') => {}
            Err(error) => return Err(refused(format!("line {number}: {error}"))),
        }
    }
    Ok(erasures)
}

fn add(path: &Path, erasures: &[Erasure]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    // Servers may share a data directory; some network file systems have no locks.
    match file.lock() {
        Err(error) if error.kind() != ErrorKind::Unsupported => return Err(error),
        _ => {}
    }
    let mut lines = String::from(end_line(&mut file)?);
    for erasure in erasures {
        lines += &serde_json::to_string(erasure)?;
        lines += "\n";
    }
    file.write_all(lines.as_bytes())?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Sees that what is written next begins a line: what a crash left of one is cut off. Returns what has to
/// be written before it.
fn end_line(file: &mut File) -> io::Result<&'static str> {
    let bytes = file.metadata()?.len();
    let begin = bytes.saturating_sub(LINE_BYTES_MAX);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    Read::by_ref(file).take(LINE_BYTES_MAX).read_to_end(&mut tail)?;
    if tail.last().is_none_or(|last| *last == b'\n') {
        return Ok("");
    }
    let whole = match tail.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => at + 1,
        None if begin == 0 => 0,
        None => return Err(refused(format!("its last line has more than {LINE_BYTES_MAX} bytes"))),
    };
    if serde_json::from_slice::<Erasure>(&tail[whole..]).is_ok() {
        return Ok("\n");
    }
    file.set_len(begin + whole as u64)?;
    Ok("")
}

fn refused(why: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erasure(number: i64) -> Erasure {
        Erasure {
            source: "market".to_owned(),
            subject: format!("{number:032x}"),
            key_id: "0123456789abcdef".to_owned(),
            erased_at: Timestamp::from_micros(1_790_000_000_000_001 + number),
        }
    }

    #[test]
    fn what_is_added_is_read_again_whatever_a_crash_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erasures.jsonl");
        let list = ErasureList::at(&path);
        assert_eq!(list.read().unwrap(), None);
        list.add(&[]).unwrap();
        assert_eq!(list.read().unwrap(), Some(Vec::new()), "nobody was erased");
        list.add(&[erasure(1), erasure(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let line = serde_json::to_string(&erasure(3)).unwrap();
        for cut in 1..=line.len() {
            std::fs::write(&path, [&whole, &line.as_bytes()[..cut]].concat()).unwrap();
            let mut expected = vec![erasure(1), erasure(2)];
            // Without the end of its line it may still be all of it.
            expected.extend((cut == line.len()).then(|| erasure(3)));
            assert_eq!(list.read().unwrap().as_ref(), Some(&expected), "{cut}");
            assert_eq!(list.read_whole().is_ok(), cut == line.len(), "{cut}");
            list.add(&[erasure(4)]).unwrap();
            expected.push(erasure(4));
            assert_eq!(list.read().unwrap(), Some(expected), "{cut}");
        }
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("erasures.jsonl");
        let line = serde_json::to_string(&erasure(1)).unwrap();
        for damaged in [format!("{line}\n{{\"source\":\n{line}\n"), format!("{line}\nx\n")] {
            std::fs::write(&path, damaged).unwrap();
            let error = ErasureList::at(&path).read().unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains("mend it"), "{error}");
        }
    }
}
