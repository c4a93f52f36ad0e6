//! `picket detector watch`: builds, checks and tests whenever a file is saved, and hands a good component
//! to a server's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use picket_sdk::golden::File;

use super::component;
use super::language::Language;
use super::{build, check, test};
use crate::cli::sandbox::Sandbox;
use crate::cli::table::plain;
use crate::model::Digest;

/// Build, check and test a detector whenever it is saved. Ctrl-C ends it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Watch {
    /// The detector's folder
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// A server's detectors_dir: what passes is put there, and is live at once
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

pub(super) const AFTER_HELP: &str = "\
  picket detector watch parking --into detectors

A version is its bytes for ever. With --into, one in Rust is therefore built as the next version in the
making, such as 1.0.1-dev.1795651200000. In another language raise its version with every save: a server
refuses other bytes under a version that it knows, and the watch warns of that.

What does not build, would be refused or fails a test is said and goes nowhere; the next save is waited
for. A server keeps what it has until something better comes.";

/// A folder must have been quiet for so long: a save is often several writes.
const QUIET: Duration = Duration::from_millis(60);
/// But no stream of writes puts it off for longer.
const QUIET_MAX: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Watch) -> anyhow::Result<ExitCode> {
    let language = Language::of(&args.dir)?;
    if let Some(into) = args.into.as_deref().filter(|into| !into.is_dir()) {
        bail!("{}: no such folder; it is the server's detectors_dir", into.display());
    }
    let (changes, mut watcher) = changes()?;
    attach(&mut watcher, &args.dir);
    let sandbox = Sandbox::start()?;
    println!("watching {}; Ctrl-C ends it", args.dir.display());
    let (mut begun, mut put) = (Instant::now(), Put::default());
    loop {
        if let Err(error) = round(args, language, &sandbox, &mut put) {
            println!("{}", plain_lines(&format!("{error:#}")));
        } else {
            println!("done {:.1} s after the save", begun.elapsed().as_secs_f64());
        }
        // A folder may be new, and one that was made anew has lost its watch.
        attach(&mut watcher, &args.dir);
        let changed = wait(&changes)?;
        begun = changed.since;
        println!("\n-- {}", changed.names());
    }
}

/// From the sources to a file that passes, and into the server's folder.
fn round(args: &Watch, language: Language, sandbox: &Sandbox, put: &mut Put) -> anyhow::Result<()> {
    let version = args.into.as_ref().and_then(|_| version_of_now(&args.dir));
    let built = build::build(&args.dir, None, version.as_deref())?;
    println!("{}", built.line());
    let bytes = fs::read(&built.file).with_context(|| built.file.display().to_string())?;
    let begun = Instant::now();
    let prepared = sandbox.load(&bytes, "{}").context("a server would refuse it")?;
    println!("{}", check::line(&prepared, begun.elapsed()));
    match test::cases_of(&args.dir) {
        None => println!("no golden cases"),
        Some(cases) => {
            let files = File::read(&cases).map_err(|error| anyhow!(error))?;
            let report = test::run_cases(sandbox, &bytes, &files)?;
            print!("{}", report.render(std::io::stdout().is_terminal()));
            if !report.is_good() {
                bail!("nothing goes live while a case fails");
            }
        }
    }
    if let Some(into) = &args.into {
        let file = into.join(built.file.file_name().unwrap_or_default());
        build::replace(&file, &bytes)?;
        println!("put {}", file.display());
        let manifest = prepared.manifest();
        if let Some(taken) = put.note(&manifest.version, prepared.digest()) {
            println!("warning: {}: {taken}, in {}", plain(&manifest.name), language.version_in());
        }
    }
    Ok(())
}

/// What this watch has put into the server's folder.
#[derive(Default)]
struct Put(BTreeMap<semver::Version, Digest>);

impl Put {
    /// Notes a file that is put there. Returns why a server will not take it, where that is so.
    fn note(&mut self, version: &semver::Version, digest: Digest) -> Option<String> {
        let first = *self.0.entry(version.clone()).or_insert(digest);
        (first != digest).then(|| {
            format!(
                "{version} was put there with other bytes before, and a version is its bytes for \
                 ever, so a server refuses this file and keeps what it has. Raise the version"
            )
        })
    }
}

/// A version is its bytes for ever, so each save has one of its own: between the version that is
/// written and the next, and above that of the save before. `None`: it is not told from the folder.
fn version_of_now(dir: &Path) -> Option<String> {
    let text = fs::read_to_string(dir.join("Cargo.toml")).ok()?;
    let manifest: toml::Table = text.parse().ok()?;
    let written = manifest.get("package")?.get("version")?.as_str()?;
    let next = semver::Version::parse(written).ok()?;
    let next = match next.pre.is_empty() {
        true => semver::Version::new(next.major, next.minor, next.patch + 1),
        false => semver::Version::new(next.major, next.minor, next.patch),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{next}-dev.{}", now.as_millis()))
}

/// What was saved, and when the first of it was.
struct Changed {
    since: Instant,
    files: BTreeSet<PathBuf>,
}

impl Changed {
    fn names(&self) -> String {
        let names = self.files.iter().filter_map(|file| file.file_name());
        let names: Vec<String> = names.map(|name| plain(&name.to_string_lossy())).collect();
        match names.len() {
            0..=3 => format!("{} changed", names.join(" ")),
            many => format!("{many} files changed"),
        }
    }
}

fn changes() -> anyhow::Result<(Receiver<PathBuf>, RecommendedWatcher)> {
    let (hint, changes) = mpsc::channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        for path in event.into_iter().filter(matters).flat_map(|event| event.paths) {
            if component::is_source(&path) {
                // Nobody listens any more: the program ends.
                let _ = hint.send(path);
            }
        }
    });
    Ok((changes, watcher.context("files cannot be watched here")?))
}

/// Whether a file is complete and new: not while it is written, nor when it is read.
fn matters(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            false
        }
        _ => true,
    }
}

/// Watches each folder that is written in, and no other: tools write more than anybody can look at.
fn attach(watcher: &mut RecommendedWatcher, dir: &Path) {
    for folder in component::folders(dir) {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive) {
            println!("{}: not watched: {error}", folder.display());
        }
    }
}

/// The next change, once it is quiet.
fn wait(changes: &Receiver<PathBuf>) -> anyhow::Result<Changed> {
    let first = changes.recv().context("the watcher has ended")?;
    let since = Instant::now();
    let mut changed = Changed { since, files: BTreeSet::from([first]) };
    while since.elapsed() < QUIET_MAX
        && let Ok(next) = changes.recv_timeout(QUIET)
    {
        changed.files.insert(next);
    }
    Ok(changed)
}

fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_under_a_version_that_was_put_are_noticed() {
        let (one, two) = (semver::Version::new(1, 0, 0), semver::Version::new(1, 0, 1));
        let (first, other) = (Digest::of(b"first"), Digest::of(b"other"));
        let mut put = Put::default();
        assert_eq!(put.note(&one, first), None);
        assert_eq!(put.note(&one, first), None, "saved, and nothing was different");
        for _ in 0..2 {
            let said = put.note(&one, other).unwrap();
            assert!(said.starts_with("1.0.0 was put there with other bytes"), "{said}");
            assert!(said.ends_with("Raise the version"), "{said}");
        }
        assert_eq!(put.note(&one, first), None, "and back");
        assert_eq!(put.note(&two, other), None);
    }
}
