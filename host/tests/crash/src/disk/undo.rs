//! What a power cut leaves of what was written: everything that a flush covered, and of the rest nothing,
//! all, or some sectors, in no order. A name is durable when its folder was flushed after it was given, and
//! that of something new also when the thing itself was, which POSIX does not promise and PostgreSQL relies
//! on. Of the names that are not, the first ones may be kept, as journaling file systems do it.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::log::{Action, What};

/// What a disk writes at once, and what the kernel does.
const SECTOR: u64 = 512;
const PAGE: u64 = 4096;

/// What becomes of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// All of it is lost.
    Nothing,
    /// Each write is kept, lost or torn, as chance has it.
    Some,
}

/// How much was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Undone {
    /// Writes and truncations that were taken back, wholly or in part.
    pub writes: usize,
    /// Files that were made, renamed or removed, and are not.
    pub names: usize,
}

/// Takes back what a power cut would.
pub(super) fn undo(
    actions: &[Action],
    folders: &[&Path],
    keeping: Keeping,
    seed: u64,
) -> io::Result<Undone> {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut undone = Undone::default();
    let paths = paths_by_inode(folders)?;
    let lost = lost(actions);
    for (action, lost) in actions.iter().zip(&lost).rev() {
        let inode = match (&action.what, lost) {
            (_, Lost::Nothing) => continue,
            (What::Write { inode, .. } | What::Truncate { inode, .. }, _) => inode,
            _ => continue,
        };
        // A file that is gone for good, such as one made and removed by calls that are not seen.
        let Some(path) = paths.get(inode) else { continue };
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let keep = match keeping {
            Keeping::Nothing => Keep::Nothing,
            Keeping::Some => [Keep::Nothing, Keep::All, Keep::Sectors(chance.random())]
                [chance.random_range(0..3)],
        };
        if undo_content(&file, &action.what, lost, keep)? {
            undone.writes += 1;
        }
    }
    let unnamed: Vec<&What> = actions
        .iter()
        .zip(&lost)
        .filter(|(action, lost)| **lost != Lost::Nothing && is_of_names(&action.what))
        .map(|(action, _)| &action.what)
        .collect();
    let kept = match keeping {
        Keeping::Nothing => 0,
        Keeping::Some => chance.random_range(0..=unnamed.len()),
    };
    for what in unnamed.iter().skip(kept).rev() {
        undo_name(what)?;
        undone.names += 1;
    }
    Ok(undone)
}

/// How much of an action may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lost {
    Nothing,
    All,
    /// After a flush that failed: these pages, which were not written since.
    Pages(BTreeSet<u64>),
}

#[derive(Debug, Clone, Copy)]
enum Keep {
    Nothing,
    All,
    /// Those whose number mixed with this is odd.
    Sectors(u64),
}

impl Keep {
    fn keeps(self, sector: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Sectors(salt) => ((sector ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63) == 1,
        }
    }
}

/// For each action what of it no flush has covered.
fn lost(actions: &[Action]) -> Vec<Lost> {
    let mut lost = vec![Lost::Nothing; actions.len()];
    // By inode: actions that wait for a flush, and such that one has failed for.
    let mut waiting: HashMap<u64, Vec<usize>> = HashMap::new();
    let mut failed: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, Action { what, .. }) in actions.iter().enumerate() {
        match what {
            What::Write { inode, .. } | What::Truncate { inode, .. } => {
                waiting.entry(*inode).or_default().push(index);
                lost[index] = Lost::All;
            }
            What::Create { folder, inode, .. } => {
                // Another file than that which had this inode before.
                let before = [waiting.remove(inode), failed.remove(inode)];
                for index in before.into_iter().flatten().flatten() {
                    if !is_of_names(&actions[index].what) {
                        lost[index] = Lost::Nothing;
                    }
                }
                waiting.entry(*folder).or_default().push(index);
                waiting.entry(*inode).or_default().push(index);
                lost[index] = Lost::All;
            }
            What::Folder { folder, inode, .. } => {
                waiting.entry(*folder).or_default().push(index);
                waiting.insert(*inode, vec![index]);
                lost[index] = Lost::All;
            }
            What::Rename { folder, .. } | What::Remove { folder, .. } => {
                waiting.entry(*folder).or_default().push(index);
                lost[index] = Lost::All;
            }
            What::Sync { inode, began } => {
                let waiting = waiting.entry(*inode).or_default();
                for index in waiting.extract_if(.., |index| actions[*index].at < *began) {
                    lost[index] = Lost::Nothing;
                    let rewritten = pages(&actions[index].what);
                    let failed = failed.entry(*inode).or_default();
                    // Whatever lies on a page that was written since went along with it.
                    failed.retain(|index| match &mut lost[*index] {
                        Lost::Pages(pages) => {
                            pages.retain(|page| !rewritten.contains(page));
                            !pages.is_empty()
                        }
                        Lost::Nothing | Lost::All => false,
                    });
                }
            }
            What::Unsynced { inode, began } => {
                let waiting = waiting.entry(*inode).or_default();
                for index in waiting.extract_if(.., |index| {
                    actions[*index].at < *began
                        && matches!(actions[*index].what, What::Write { .. })
                }) {
                    lost[index] = Lost::Pages(pages(&actions[index].what).collect());
                    failed.entry(*inode).or_default().push(index);
                }
            }
        }
    }
    for lost in &mut lost {
        if matches!(lost, Lost::Pages(pages) if pages.is_empty()) {
            *lost = Lost::Nothing;
        }
    }
    lost
}

/// The pages that a write touches.
fn pages(what: &What) -> std::ops::Range<u64> {
    match what {
        What::Write { offset, count, .. } => offset / PAGE..(offset + count).div_ceil(PAGE),
        _ => 0..0,
    }
}

/// Puts back what was there; whether anything was.
fn undo_content(file: &File, what: &What, lost: &Lost, keep: Keep) -> io::Result<bool> {
    match what {
        What::Write { offset, count, size, before, .. } => {
            let end = offset + count;
            let mut at = *offset;
            let mut all = true;
            while at < end {
                let next = ((at / SECTOR + 1) * SECTOR).min(end);
                let on_lost_page = match lost {
                    Lost::Pages(pages) => pages.contains(&(at / PAGE)),
                    Lost::All | Lost::Nothing => true,
                };
                if on_lost_page && !keep.keeps(at / SECTOR) {
                    put_back(file, at..next, *offset, before)?;
                } else {
                    all = false;
                }
                at = next;
            }
            if all && end == file.metadata()?.len() && *size < end {
                file.set_len(*size)?;
            }
            Ok(!matches!(keep, Keep::All))
        }
        // It is of the file's own description, which is written whole.
        What::Truncate { to, size, before, .. } if !matches!(keep, Keep::All) => {
            match to < size {
                true => file.write_all_at(before, *to)?,
                false if file.metadata()?.len() == *to => file.set_len(*size)?,
                false => {}
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Writes what was in a range before, zeros where the file did not reach.
fn put_back(
    file: &File,
    range: std::ops::Range<u64>,
    offset: u64,
    before: &[u8],
) -> io::Result<()> {
    let len = file.metadata()?.len();
    let end = range.end.min(len);
    if range.start >= end {
        return Ok(());
    }
    let mut bytes = vec![0; (end - range.start) as usize];
    let from = (range.start - offset) as usize;
    let there = before.get(from..).unwrap_or_default();
    let there = &there[..there.len().min(bytes.len())];
    bytes[..there.len()].copy_from_slice(there);
    file.write_all_at(&bytes, range.start)
}

fn is_of_names(what: &What) -> bool {
    matches!(
        what,
        What::Create { .. } | What::Rename { .. } | What::Remove { .. } | What::Folder { .. }
    )
}

/// Takes a name back. What is not there any more was moved on by a call that is not seen, and stays.
fn undo_name(what: &What) -> io::Result<()> {
    let undone = match what {
        What::Create { path, .. } => fs::remove_file(path),
        What::Rename { from, to, replaced, .. } => {
            fs::rename(to, from).and_then(|()| match replaced {
                Some(kept) => fs::rename(kept, to),
                None => Ok(()),
            })
        }
        What::Remove { path, kept, .. } => fs::rename(kept, path),
        What::Folder { path, .. } => fs::remove_dir_all(path),
        _ => Ok(()),
    };
    match undone {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        undone => undone,
    }
}

/// Where each file lies now.
fn paths_by_inode(folders: &[&Path]) -> io::Result<HashMap<u64, PathBuf>> {
    let mut paths = HashMap::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let is = entry.metadata()?;
            if is.is_dir() {
                folders.push(entry.path());
            } else if is.is_file() {
                paths.insert(is.ino(), entry.path());
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
#[path = "undo/tests.rs"]
mod tests;
