//! `picket audit verify`.

use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::archive::{Archive, Signed};
use super::documents::Documents;
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

Entries say of what is personal salted digests alone. With --documents a running server shows what it has
stored, decision by decision, and that is hashed as well. What was erased, is too old or was replaced is counted, and is no
fault: the log stays whole without it.

Exit code: 0 intact; 1 tampered, with the first bad entry, counted from 0, or the first and last that it
can be; 2 cannot tell, with what is missing.";

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// The folder of an export; the running server's log unless given
    export: Option<PathBuf>,
    /// Also compare what the running server has stored with what was logged
    #[arg(long, conflicts_with = "export")]
    documents: bool,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    server: Server,
}

/// How many documents were what was logged, and how many are gone.
#[derive(Debug, Clone, Copy)]
struct Stored {
    held: u64,
    gone: u64,
}

/// What is told in the end.
#[derive(Debug)]
enum Told {
    Intact { head: Head, anchors: usize, documents: Option<Stored> },
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
            Ok(checkpoint) => {
                let documents = args.documents.then(|| Documents::new(&args.server));
                inspect(&archive, checkpoint.head, &known.anchors, documents).await?
            }
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
    match inspect(archive, *newest, &known.anchors, None).await {
        // It is the server that finds its own record damaged: that much is known.
        Ok(Told::Intact { .. }) | Err(_) => Ok(tampered(why)),
        Ok(told) => Ok(told),
    }
}

/// Looks through the log up to this head.
async fn inspect(
    archive: &Archive<'_>,
    head: Head,
    anchors: &[Head],
    mut documents: Option<Documents<'_>>,
) -> anyhow::Result<Told> {
    let mut inspection = Inspection::new(head, anchors.iter().copied());
    let mut progress = Progress::new(head.size);
    while let Some(tile) = inspection.wants() {
        let bytes = archive.read(tile).await?;
        inspection.give(bytes.as_deref());
        if let Some(documents) = &mut documents {
            documents.compare(tile, bytes.as_deref().unwrap_or_default()).await?;
        }
        progress.at(inspection.seen());
    }
    progress.end();
    // Documents are held to entries, so the entries come first.
    Ok(match (inspection.verdict(), documents) {
        (Verdict::Tampered(fault), _) => {
            // Where an anchor holds all of them, it is the checkpoint that is wrong.
            let entries = Some(fault.entries).filter(|entries| !entries.is_empty());
            Told::Tampered { entries, what: fault.what }
        }
        (Verdict::Intact { .. }, Some(Documents { fault: Some((index, what)), .. })) => {
            Told::Tampered { entries: Some(index..index + 1), what }
        }
        (Verdict::Intact { head, anchors }, documents) => {
            let stored = documents.map(|it| Stored { held: it.held, gone: it.gone });
            Told::Intact { head, anchors, documents: stored }
        }
    })
}

fn print(args: &Verify, known: &Known, told: &Told) -> anyhow::Result<Finding> {
    let (finding, json, words) = match told {
        Told::Intact { head: Head { size, root }, anchors, documents } => (
            Finding::Intact,
            json!({
                "result": "intact", "entries": size, "root": base64(root),
                "log": known.verifier.name(), "anchors": anchors,
                "documents": documents.map(|stored| stored.held),
                "documents_gone": documents.map(|stored| stored.gone),
            }),
            format!(
                "intact  {size} entries of {}, root {}; {}{}",
                known.verifier.name(),
                base64(root),
                match anchors {
                    0 => "no anchor was given: what was changed before it was signed shows only by one".to_owned(),
                    1 => "1 anchor agrees".to_owned(),
                    many => format!("{many} anchors agree"),
                },
                documents.map_or_else(String::new, |Stored { held, gone }| format!(
                    "; {held} documents are what was logged, {gone} are gone: erased, too old or replaced"
                ))
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
