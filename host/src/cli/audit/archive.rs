//! Where a log is looked through: a folder that was exported, or a server that is not trusted.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::super::client::Server;
use super::text_of;
use crate::audit::{Kind, TILE_WIDTH, Tile, bundle, unbundle};

/// A log as others see it.
pub(super) enum Archive<'a> {
    Folder(&'a Path),
    Server(&'a Server),
}

/// A checkpoint, or why there is none.
pub(super) enum Signed {
    Note(String),
    /// The server finds that its log is not the continuation of what it signed.
    Refused(String),
}

impl Archive<'_> {
    /// The newest checkpoint, which is yet to be verified.
    pub async fn checkpoint(&self) -> anyhow::Result<Signed> {
        match self {
            Self::Folder(folder) => {
                let file = folder.join("checkpoint");
                let text = text_of(&file).with_context(|| {
                    format!("no checkpoint at {}: is it the folder of an export?", file.display())
                })?;
                Ok(Signed::Note(text))
            }
            Self::Server(server) => match server.fetch("/v1/audit/checkpoint").await? {
                Ok(bytes) => Ok(Signed::Note(String::from_utf8_lossy(&bytes).into_owned())),
                Err(answer) if answer.problem() == "audit-forked" => {
                    Ok(Signed::Refused(answer.detail().to_owned()))
                }
                Err(answer) => {
                    answer.good()?;
                    bail!("no checkpoint in the server's answer")
                }
            },
        }
    }

    /// A tile or bundle; `None` where the log has none, and what there is of it where that is less.
    pub async fn read(&self, tile: Tile) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => {
                in_folder(folder, tile).with_context(|| format!("{}", folder.display()))
            }
            Self::Server(server) => match fetch(server, tile).await? {
                None if tile.kind == Kind::Entries => shorter(server, tile).await,
                bytes => Ok(bytes),
            },
        }
    }
}

async fn fetch(server: &Server, tile: Tile) -> anyhow::Result<Option<Vec<u8>>> {
    match server.fetch(&format!("/v1/audit/{tile}")).await? {
        Ok(bytes) => Ok(Some(bytes)),
        Err(answer) if answer.status == reqwest::StatusCode::NOT_FOUND => Ok(None),
        Err(answer) => answer.good().map(|_| None),
    }
}

/// What a log has of a bundle that it does not reach, so that the place is known where it ends.
async fn shorter(server: &Server, tile: Tile) -> anyhow::Result<Option<Vec<u8>>> {
    let (mut found, mut there, mut absent) = (None, 0, tile.width);
    while absent - there > 1 {
        let width = there.midpoint(absent);
        match fetch(server, Tile { width, ..tile }).await? {
            Some(bytes) => (found, there) = (Some(bytes), width),
            None => absent = width,
        }
    }
    Ok(found)
}

fn in_folder(folder: &Path, tile: Tile) -> std::io::Result<Option<Vec<u8>>> {
    let Some(there) = width_in(folder, tile)? else { return Ok(None) };
    let Some(bytes) = read(&folder.join(Tile { width: there, ..tile }.to_string()))? else {
        return Ok(None);
    };
    if there <= tile.width {
        return Ok(Some(bytes));
    }
    let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
    Ok(Some(match tile.kind {
        Kind::Entries => bundle(unbundle(&bytes).into_iter().take(width)),
        Kind::Hashes(_) => bytes.into_iter().take(width * 32).collect(),
    }))
}

/// How much of a tile lies in a folder: what was not full when somebody else looked may be now, or hold
/// more than it did, and somebody may have taken some of it away.
fn width_in(folder: &Path, tile: Tile) -> std::io::Result<Option<u64>> {
    let is_there = |width: u64| folder.join(Tile { width, ..tile }.to_string()).is_file();
    if is_there(tile.width) {
        return Ok(Some(tile.width));
    }
    if is_there(TILE_WIDTH) {
        return Ok(Some(TILE_WIDTH));
    }
    let partial = folder.join(Tile { width: 1, ..tile }.to_string());
    let entries = match partial.parent().map(fs::read_dir) {
        Some(Err(error)) if is_absence(&error) => return Ok(None),
        Some(entries) => entries?,
        None => return Ok(None),
    };
    let width = |name: String| name.parse().ok().filter(|width| (1..TILE_WIDTH).contains(width));
    let widths: Vec<u64> = entries
        .flatten()
        .filter_map(|entry| width(entry.file_name().into_string().ok()?))
        .collect();
    let enough = widths.iter().copied().filter(|width| *width >= tile.width).min();
    Ok(enough.or(widths.into_iter().max()))
}

fn read(path: &PathBuf) -> std::io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if is_absence(&error) => Ok(None),
        read => read.map(Some),
    }
}

fn is_absence(error: &std::io::Error) -> bool {
    [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind())
}
