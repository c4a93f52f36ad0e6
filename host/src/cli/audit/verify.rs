//! `picket audit verify`.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::archive::{Archive, Signed};
use super::trust::{Known, Trust};
use super::{Finding, base64};
use crate::audit::{Checkpoint, Head, Inspection, NoteError, Verdict};
use crate::cli::client::Server;

pub(super) const AFTER_HELP: &str = "\
  picket audit verify                                         the running server's log
  picket audit verify export --vkey picket.vkey               an export, anywhere
  picket audit verify export --vkey picket.vkey --anchor 2026-11-25

Every entry is hashed again, and the root over all of them compared with the signed one, so whoever
changes an entry must also sign anew. Whoever has the host's key, too, can do that: but not change what
was signed before and kept elsewhere. So keep checkpoints (`picket audit checkpoint`, `checkpoint_url`)
and give them as --anchor.

Exit code: 0 intact; 1 tampered, with the first bad entry, counted from 0, or the first and last that it
can be; 2 cannot tell, with what is missing.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The folder of an export; the running server's log unless given
    export: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    server: Server,
}

/// What is told in the end.
#[derive(Debug)]
enum Told {
    Intact { head: Head, anchors: usize },
    Tampered { entries: Option<Range<u64>>, what: String },
}

pub(super) async fn run(args: &Verify) -> anyhow::Result<Finding> {
    let known = args.trust.known()?;
    let archive = match &args.export {
        Some(folder) => Archive::Folder(folder),
        None => Archive::Server(&args.server),
    };
    let told = match archive.checkpoint().await? {
        Signed::Note(note) => match Checkpoint::open(&note, &known.verifier) {
            Ok(checkpoint) => inspect(&archive, checkpoint.head, &known.anchors).await?,
            Err(error @ NoteError::Unsigned(_)) => tampered(format!(
                "its checkpoint is not to be believed: {error}, or that is not its key"
            )),
            Err(error) => tampered(format!("its checkpoint is not to be believed: {error}")),
        },
        // Then what was signed before says which entries are not what they were.
        Signed::Refused(why) => refused(&archive, &known, why).await?,
    };
    print(args, &known, &told)
}

fn tampered(what: String) -> Told {
    Told::Tampered { entries: None, what }
}

async fn refused(archive: &Archive<'_>, known: &Known, why: String) -> anyhow::Result<Told> {
    let Some(newest) = known.anchors.iter().max_by_key(|anchor| anchor.size) else {
        return Ok(tampered(why));
    };
    match inspect(archive, *newest, &known.anchors).await? {
        Told::Intact { .. } => Ok(tampered(why)),
        told => Ok(told),
    }
}

/// Looks through the log up to this head.
async fn inspect(archive: &Archive<'_>, head: Head, anchors: &[Head]) -> anyhow::Result<Told> {
    let mut inspection = Inspection::new(head, anchors.iter().copied());
    let mut progress = Progress::new(head.size);
    while let Some(tile) = inspection.wants() {
        let bytes = archive.read(tile).await?;
        inspection.give(bytes.as_deref());
        progress.at(inspection.seen());
    }
    progress.end();
    Ok(match inspection.verdict() {
        Verdict::Intact { head, anchors } => Told::Intact { head, anchors },
        Verdict::Tampered(fault) => {
            Told::Tampered { entries: Some(fault.entries), what: fault.what }
        }
    })
}

fn print(args: &Verify, known: &Known, told: &Told) -> anyhow::Result<Finding> {
    let (finding, json, words) = match told {
        Told::Intact { head: Head { size, root }, anchors } => (
            Finding::Intact,
            json!({
                "result": "intact", "entries": size, "root": base64(root),
                "log": known.verifier.name(), "anchors": anchors,
            }),
            format!(
                "intact  {size} entries of {}, root {}; {}",
                known.verifier.name(),
                base64(root),
                match anchors {
                    0 => "no anchor was given: what was changed before it was signed shows only by one".to_owned(),
                    1 => "1 anchor agrees".to_owned(),
                    many => format!("{many} anchors agree"),
                }
            ),
        ),
        Told::Tampered { entries, what } => (
            Finding::Tampered,
            json!({
                "result": "tampered", "what": what, "log": known.verifier.name(),
                "first_bad": entries.as_ref().map(|entries| entries.start),
                "last_possible": entries.as_ref().map(|entries| entries.end.saturating_sub(1)),
            }),
            match entries {
                Some(entries) if entries.end <= entries.start + 1 => format!(
                    "tampered  first bad entry: index {} (number {}): {what}",
                    entries.start,
                    entries.start + 1
                ),
                Some(entries) => format!(
                    "tampered  first bad entry: one of index {} to {}: {what}",
                    entries.start,
                    entries.end - 1
                ),
                None => format!("tampered  {what}"),
            },
        ),
    };
    match args.server.json {
        true => println!("{}", serde_json::to_string_pretty(&json)?),
        false => println!("{words}"),
    }
    Ok(finding)
}

/// A bar for whoever waits longer than two seconds.
pub(super) struct Progress {
    begun: Instant,
    bar: ProgressBar,
    shown: bool,
}

impl Progress {
    const PATIENCE: Duration = Duration::from_secs(2);

    pub fn new(entries: u64) -> Self {
        // Drawn when there is something to wait for, and on a terminal alone.
        let style = "{elapsed_precise} {bar:40} {human_pos} of {human_len} entries, {eta} left";
        let style =
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar =
            ProgressBar::with_draw_target(Some(entries), indicatif::ProgressDrawTarget::hidden());
        Self { begun: Instant::now(), bar: bar.with_style(style), shown: false }
    }

    pub fn at(&mut self, entry: u64) {
        if !self.shown && self.begun.elapsed() > Self::PATIENCE {
            self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            self.shown = true;
        }
        self.bar.set_position(entry);
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
