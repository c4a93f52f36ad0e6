//! `picket audit export`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::archive::{Archive, Signed};
use super::trust::Trust;
use super::verify::Progress;
use super::{Finding, base64, refused};
use crate::audit::{Checkpoint, Kind, Tile};
use crate::cli::client::Server;

pub(super) const AFTER_HELP: &str = "\
  picket audit export export
  picket audit verify export --vkey picket.vkey

The folder is a log as https://c2sp.org/tlog-tiles describes it: `checkpoint`, entries in bundles under
tile/entries, hashes under tile/0, tile/1 ... Other tools read it, too, and any web server serves it.
An entry holds ids and digests, and nothing personal. A newer export may go into the same folder.

Exit code: 0 written; 1 the server finds its log tampered with; 2 anything else that kept it from that.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// The folder, made where there is none
    folder: PathBuf,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: &Export) -> anyhow::Result<Finding> {
    let known = args.trust.known()?;
    let archive = Archive::Server(&args.server);
    let note = match archive.checkpoint().await? {
        Signed::Note(note) => note,
        Signed::Refused(why) => return Ok(refused(&why)),
    };
    let head = Checkpoint::open(&note, &known.verifier).context("the server's checkpoint")?.head;
    let mut progress = Progress::new(head.size);
    for tile in Tile::all(head.size) {
        let bytes = archive.read(tile).await?;
        let bytes =
            bytes.with_context(|| format!("the server has no {tile}: its log was changed"))?;
        write(&args.folder.join(tile.to_string()), &bytes)?;
        if tile.kind == Kind::Entries {
            progress.at(tile.start() + tile.width);
        }
    }
    progress.end();
    // Last, so that a folder with a checkpoint is whole.
    write(&args.folder.join("checkpoint"), note.as_bytes())?;
    let (folder, entries) = (args.folder.display(), head.size);
    match args.server.json {
        true => println!(
            "{}",
            json!({
                "folder": args.folder, "entries": entries, "root": base64(&head.root),
                "log": known.verifier.name(),
            })
        ),
        false => println!("{entries} entries of {} in {folder}", known.verifier.name()),
    }
    Ok(Finding::Intact)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes)),
        None => fs::write(path, bytes),
    };
    written.with_context(|| format!("cannot write {}", path.display()))
}
