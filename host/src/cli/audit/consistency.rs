//! `picket audit consistency`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;

use super::archive::{Archive, Signed};
use super::trust::{Trust, checkpoint_in};
use super::{Finding, base64};
use crate::api;
use crate::audit::{Checkpoint, Hash, Head, Plan, extends, hashes};
use crate::cli::client::Server;

pub(super) const AFTER_HELP: &str = "\
  picket audit consistency anchors/monday anchors/friday
  picket audit consistency anchors/monday                 and the log as it is now

Whether the first entries of the log are those that it had before: a few hashes prove it, without
looking through the log. They come from the server, or from an export with --export.

Exit code: 0 it is; 1 it is not; 2 cannot tell, with what is missing.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Consistency {
    /// A file with a checkpoint
    old: PathBuf,
    /// A file with a later one; the log as it is now unless given
    new: Option<PathBuf>,
    /// Take the proof from an export
    #[arg(long, value_name = "FOLDER")]
    export: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    server: Server,
}

pub(super) async fn run(args: &Consistency) -> anyhow::Result<Finding> {
    let verifier = args.trust.known()?.verifier;
    let archive = match &args.export {
        Some(folder) => Archive::Folder(folder),
        None => Archive::Server(&args.server),
    };
    let old = checkpoint_in(&args.old, &verifier)?.head;
    let (new, refused) = match &args.new {
        Some(file) => (checkpoint_in(file, &verifier)?.head, None),
        None => match archive.checkpoint().await? {
            Signed::Note(note) => (Checkpoint::open(&note, &verifier)?.head, None),
            Signed::Refused(why) => (old, Some(why)),
        },
    };
    let (old, new) = if old.size <= new.size { (old, new) } else { (new, old) };
    let consistent = refused.is_none() && extends(&new, &old, &proof(args, &old, &new).await?);
    let finding = if consistent { Finding::Intact } else { Finding::Tampered };
    let words = match refused {
        Some(why) => why,
        None if consistent => {
            format!("the log of {} entries begins with that of {}", new.size, old.size)
        }
        None => format!("the log of {} entries does not begin with that of {}", new.size, old.size),
    };
    let json = json!({
        "result": finding.as_str(), "what": words, "old": old.size, "new": new.size,
        "old_root": base64(&old.root), "new_root": base64(&new.root),
    });
    match args.server.json {
        true => println!("{}", serde_json::to_string_pretty(&json)?),
        false => println!("{}  {words}", finding.as_str()),
    }
    Ok(finding)
}

async fn proof(args: &Consistency, old: &Head, new: &Head) -> anyhow::Result<Vec<Hash>> {
    // Then nothing is to be proved: the roots are equal or not.
    if old.size == new.size || old.size == 0 {
        return Ok(Vec::new());
    }
    let Some(folder) = &args.export else {
        let path = format!("/v1/audit/consistency?old={}&new={}", old.size, new.size);
        let served: api::Consistency = args.server.get(&path).await?;
        let hash = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
        let hashes: Option<Vec<Hash>> = served.hashes.iter().map(hash).collect();
        return hashes.context("what the server proves with are no hashes");
    };
    let archive = Archive::Folder(folder);
    let plan = Plan::consistency(old.size, new.size).context("sizes ascend")?;
    let mut tiles = BTreeMap::new();
    for tile in plan.tiles() {
        let Some(bytes) = archive.read(tile).await? else {
            bail!("the export has no {tile}: it is older than the checkpoint of {}", new.size);
        };
        tiles.insert(tile, hashes(&bytes).to_vec());
    }
    plan.prove(&tiles).context("tiles of the export are cut off")
}
