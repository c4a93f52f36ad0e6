//! The shim's log: what a program did to its files, in order, with what was there before. The format is
//! `struct head` in `shim/disk.h`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, bail};

/// The length of a record's head.
const HEAD: usize = 40;

/// A record and where in the log it began: a flush covers what began before it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Action {
    pub at: u64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Write { inode: u64, offset: u64, count: u64, size: u64, before: Vec<u8> },
    Truncate { inode: u64, to: u64, size: u64, before: Vec<u8> },
    Sync { inode: u64, began: u64 },
    Unsynced { inode: u64, began: u64 },
    Create { folder: u64, inode: u64, path: PathBuf },
    Rename { folder: u64, from: PathBuf, to: PathBuf, replaced: Option<PathBuf> },
    Remove { folder: u64, path: PathBuf, kept: PathBuf },
    Folder { folder: u64, inode: u64, path: PathBuf },
}

/// Reads a log. A record that was not finished when the program was killed is of a call that had not
/// begun.
///
/// # Errors
/// Where it is no log.
pub(super) fn read(log: &[u8]) -> anyhow::Result<Vec<Action>> {
    let mut actions = Vec::new();
    let mut at = 0;
    while let Some(head) = log.get(at..at + HEAD) {
        let length = number(&head[4..8])? as usize;
        let Some(body) = log.get(at + HEAD..at + HEAD + length) else { break };
        actions.push(Action { at: at as u64, what: what(head, body)? });
        at += HEAD + length;
    }
    Ok(actions)
}

fn what(head: &[u8], body: &[u8]) -> anyhow::Result<What> {
    let inode = number(&head[8..16])?;
    let offset = number(&head[16..24])?;
    let count = number(&head[24..32])?;
    let size = number(&head[32..40])?;
    let mut paths =
        body.split(|byte| *byte == 0).map(|path| PathBuf::from(OsStr::from_bytes(path)));
    let mut path = || paths.next().context("a path is missing");
    let before = body.to_vec();
    Ok(match number(&head[0..4])? {
        1 => What::Write { inode, offset, count, size, before },
        2 => What::Truncate { inode, to: offset, size, before },
        3 => What::Sync { inode, began: offset },
        4 => What::Unsynced { inode, began: offset },
        5 => What::Create { folder: inode, inode: offset, path: path()? },
        6 => What::Rename {
            folder: inode,
            from: path()?,
            to: path()?,
            replaced: Some(path()?).filter(|kept| !kept.as_os_str().is_empty()),
        },
        7 => What::Remove { folder: inode, path: path()?, kept: path()? },
        8 => What::Folder { folder: inode, inode: offset, path: path()? },
        kind => bail!("a record of the kind {kind}: the shim and this reader differ"),
    })
}

fn number(bytes: &[u8]) -> anyhow::Result<u64> {
    Ok(match bytes.len() {
        4 => u32::from_ne_bytes(bytes.try_into()?).into(),
        _ => u64::from_ne_bytes(bytes.try_into()?),
    })
}
