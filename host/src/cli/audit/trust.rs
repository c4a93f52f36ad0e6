//! What an auditor knows of a log that nobody who changes it can change: the key that it is signed with,
//! and checkpoints that were kept elsewhere.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;

use super::super::ConfigFile;
use super::text_of;
use crate::app::{checkpoint_history, log_signer, open_host_key};
use crate::audit::{Checkpoint, Head, NoteVerifier, checkpoints};

pub(super) const AFTER_HELP: &str = "\
Run it where the server runs: the key follows from host.key in its data directory, as does the name of
the log unless `audit_origin` gives it another. Keep the line where auditors find it, not beside the log:

  picket audit key > picket.vkey";

#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(flatten)]
    config: ConfigFile,
}

/// Whose word counts.
#[derive(Debug, Args)]
pub(super) struct Trust {
    /// The log's public key, or a file with it; unless given, that of the host key and the checkpoints
    /// that lie here, where the server runs
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// Checkpoints that were kept elsewhere: a file of one or more, or a folder of such files
    #[arg(long = "anchor", value_name = "PATH")]
    anchors: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
}

/// What is known of the log.
pub(super) struct Known {
    pub verifier: NoteVerifier,
    pub anchors: Vec<Head>,
}

impl Trust {
    /// # Errors
    /// What is missing, or cannot be used.
    pub fn known(&self) -> anyhow::Result<Known> {
        let (verifier, mut anchors) = match &self.vkey {
            Some(vkey) => (log_key(vkey)?, Vec::new()),
            None => self.of_this_host()?,
        };
        for path in &self.anchors {
            anchors.extend(anchors_of(path, &verifier)?);
        }
        Ok(Known { verifier, anchors })
    }

    /// The key of the host that runs here, and what it signed before.
    fn of_this_host(&self) -> anyhow::Result<(NoteVerifier, Vec<Head>)> {
        let config = self.config.load()?;
        let file = config.data_dir.join("host.key");
        if !file.exists() {
            bail!(
                "no key of the log: give --vkey with what `picket audit key` prints where the server runs ({} is not here)",
                file.display()
            );
        }
        let signer = log_signer(&config, &open_host_key(&config.data_dir)?)?;
        let history = checkpoint_history(&config);
        let notes = match notes_of(&history) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            notes => notes.with_context(|| format!("the checkpoints in {}", history.display()))?,
        };
        let mut anchors = Vec::new();
        for note in notes {
            // Those of an earlier key or name of the log say nothing of this one.
            anchors.extend(Checkpoint::open(&note, signer.verifier()).ok().map(|note| note.head));
        }
        // The newest is there by itself, too.
        anchors.sort_unstable_by_key(|anchor| (anchor.size, anchor.root));
        anchors.dedup();
        Ok((signer.verifier().clone(), anchors))
    }
}

/// A key as it is, or a file that holds it.
pub(in crate::cli) fn log_key(vkey: &str) -> anyhow::Result<NoteVerifier> {
    let text = match vkey.contains('+') {
        true => vkey.to_owned(),
        false => fs::read_to_string(vkey).with_context(|| format!("the log's key {vkey}"))?,
    };
    text.parse().map_err(|error: String| anyhow!("`{}` {error}", text.trim()))
}

/// The heads of checkpoints that somebody kept: one that is not good could anchor nothing.
fn anchors_of(path: &Path, verifier: &NoteVerifier) -> anyhow::Result<Vec<Head>> {
    let place = path.display();
    let notes = notes_of(path).with_context(|| format!("the anchor {place}"))?;
    if notes.is_empty() {
        bail!("the anchor {place} holds no checkpoint");
    }
    let open = |note: &String| Checkpoint::open(note, verifier).map(|checkpoint| checkpoint.head);
    notes.iter().map(open).collect::<Result<_, _>>().with_context(|| format!("the anchor {place}"))
}

/// The checkpoints in a file, or in the files of a folder.
fn notes_of(path: &Path) -> std::io::Result<Vec<String>> {
    if !path.is_dir() {
        return Ok(checkpoints(&text_of(path)?));
    }
    let mut notes = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.is_file() {
            notes.extend(checkpoints(&text_of(&path)?));
        }
    }
    Ok(notes)
}

/// A checkpoint that was kept.
pub(super) enum Kept {
    Good(Checkpoint),
    /// It is one of this log, and not what was signed.
    Changed(String),
}

/// The checkpoint of a file that holds one.
///
/// # Errors
/// Where there is none of this log.
pub(super) fn checkpoint_in(path: &Path, verifier: &NoteVerifier) -> anyhow::Result<Kept> {
    let place = path.display();
    let text = text_of(path).with_context(|| format!("the checkpoint {place}"))?;
    let notes = checkpoints(&text);
    if notes.len() > 1 {
        bail!("{place} holds {} checkpoints: name a file with one", notes.len());
    }
    match Checkpoint::open(notes.first().unwrap_or(&text), verifier) {
        Ok(checkpoint) => Ok(Kept::Good(checkpoint)),
        // It names the log twice, and both are not changed by chance.
        Err(error) if text.contains(verifier.name()) => {
            Ok(Kept::Changed(format!("the checkpoint {place}: {error}")))
        }
        Err(error) => Err(error).with_context(|| format!("the checkpoint {place}")),
    }
}

pub(super) fn run(key: &Key) -> anyhow::Result<()> {
    let config = key.config.load()?;
    crate::app::create_private(&config.data_dir)?;
    println!("{}", log_signer(&config, &open_host_key(&config.data_dir)?)?.verifier());
    Ok(())
}
