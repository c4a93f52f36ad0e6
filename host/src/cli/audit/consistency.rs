//! `picket audit consistency`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;

use super::archive::{Archive, Signed};
use super::trust::{Kept, Trust, checkpoint_in};
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

/// What there is to compare.
enum Heads {
    Both {
        old: Head,
        new: Head,
    },
    /// Why there are none that could be believed.
    None(String),
}

pub(super) async fn run(args: &Consistency) -> anyhow::Result<Finding> {
    let archive = match &args.export {
        Some(folder) => Archive::Folder(folder),
        None => Archive::Server(&args.server),
    };
    let (finding, words, json) = match heads(args, &archive).await? {
        Heads::None(why) => {
            (Finding::Tampered, why.clone(), json!({ "result": "tampered", "what": why }))
        }
        Heads::Both { old, new } => {
            let proof = proof(&archive, &old, &new).await?;
            let consistent = proof.is_some_and(|proof| extends(&new, &old, &proof));
            let finding = if consistent { Finding::Intact } else { Finding::Tampered };
            let begins = if consistent { "begins" } else { "does not begin" };
            let words =
                format!("the log of {} entries {begins} with that of {}", new.size, old.size);
            let json = json!({
                "result": finding.as_str(), "what": words, "old": old.size, "new": new.size,
                "old_root": base64(&old.root), "new_root": base64(&new.root),
            });
            (finding, words, json)
        }
    };
    match args.server.json {
        true => println!("{}", serde_json::to_string_pretty(&json)?),
        false => println!("{}  {words}", finding.as_str()),
    }
    Ok(finding)
}

async fn heads(args: &Consistency, archive: &Archive<'_>) -> anyhow::Result<Heads> {
    let verifier = args.trust.known()?.verifier;
    let old = match checkpoint_in(&args.old, &verifier)? {
        Kept::Good(checkpoint) => checkpoint.head,
        Kept::Changed(why) => return Ok(Heads::None(why)),
    };
    let new = match &args.new {
        Some(file) => checkpoint_in(file, &verifier)?,
        None => match archive.checkpoint().await? {
            Signed::Note(note) => match Checkpoint::open(&note, &verifier) {
                Ok(checkpoint) => Kept::Good(checkpoint),
                Err(error) => Kept::Changed(format!("the checkpoint of the log: {error}")),
            },
            Signed::Refused(why) => Kept::Changed(why),
        },
    };
    Ok(match new {
        Kept::Changed(why) => Heads::None(why),
        // A log only grows.
        Kept::Good(Checkpoint { head: new, .. }) if new.size < old.size => Heads::None(format!(
            "the later one is of {} entries and the earlier one of {}: the log was cut short, or \
             the two are the wrong way round",
            new.size, old.size
        )),
        Kept::Good(Checkpoint { head: new, .. }) => Heads::Both { old, new },
    })
}

/// The hashes that prove it; `None` where those that are there are none.
async fn proof(archive: &Archive<'_>, old: &Head, new: &Head) -> anyhow::Result<Option<Vec<Hash>>> {
    // Then nothing is to be proved: the roots are equal or not.
    if old.size == new.size || old.size == 0 {
        return Ok(Some(Vec::new()));
    }
    if let Archive::Server(server) = archive {
        let path = format!("/v1/audit/consistency?old={}&new={}", old.size, new.size);
        let served: api::Consistency = server.get(&path).await?;
        let hash = |text: &String| STANDARD.decode(text).ok()?.try_into().ok();
        return Ok(served.hashes.iter().map(hash).collect());
    }
    let plan = Plan::consistency(old.size, new.size).context("sizes ascend")?;
    let mut tiles = BTreeMap::new();
    for tile in plan.tiles() {
        let Some(bytes) = archive.read(tile).await? else {
            bail!("the export has no {tile}: it is older than the checkpoint of {}", new.size);
        };
        tiles.insert(tile, hashes(&bytes).to_vec());
    }
    // `None`: some tile is cut off.
    Ok(plan.prove(&tiles))
}
