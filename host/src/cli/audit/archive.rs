//! Where a log is looked through: a folder that was exported, or a server that is not trusted.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::super::client::Server;
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
                let text = fs::read_to_string(&file).with_context(|| {
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

    /// A tile or bundle; `None` where the log has none.
    pub async fn read(&self, tile: Tile) -> anyhow::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => {
                in_folder(folder, tile).with_context(|| format!("{}", folder.display()))
            }
            Self::Server(server) => match server.fetch(&format!("/v1/audit/{tile}")).await? {
                Ok(bytes) => Ok(Some(bytes)),
                Err(answer) if answer.status == reqwest::StatusCode::NOT_FOUND => Ok(None),
                Err(answer) => answer.good().map(|_| None),
            },
        }
    }
}

fn in_folder(folder: &Path, tile: Tile) -> std::io::Result<Option<Vec<u8>>> {
    if let Some(bytes) = read(&folder.join(tile.to_string()))? {
        return Ok(Some(bytes));
    }
    // What was not full when somebody else looked may be now.
    let full = Tile { width: TILE_WIDTH, ..tile };
    let Some(bytes) = read(&folder.join(full.to_string()))? else { return Ok(None) };
    let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
    Ok(Some(match tile.kind {
        Kind::Entries => bundle(unbundle(&bytes).into_iter().take(width)),
        Kind::Hashes(_) => bytes.into_iter().take(width * 32).collect(),
    }))
}

fn read(path: &PathBuf) -> std::io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            Ok(None)
        }
        read => read.map(Some),
    }
}
