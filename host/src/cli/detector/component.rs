//! Where the component of a detector is on its author's bench, and what the author writes there.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail};

use super::super::configured;

/// Where the bench puts and looks for the component of the detector in `dir`: `DIR/NAME.wasm`, with the
/// name of the folder.
pub(super) fn component_of(dir: &Path) -> anyhow::Result<PathBuf> {
    let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
    let name = dir.file_name().context("the root folder is no detector's")?;
    Ok(dir.join(name).with_extension("wasm"))
}

/// The component at `path`: a file, or the one that was built in a folder.
pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let file = match path.is_dir() {
        false => path.to_owned(),
        true => built(path)?,
    };
    let length = plain_file(&file)?;
    let length_max = configured()?.detector_file_bytes_max;
    if length > length_max {
        bail!("{}: {length} bytes; a server takes {length_max} at most", file.display());
    }
    let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
    Ok((file, bytes))
}

/// The length of a file that is none of those that a server refuses unread, or that never end.
pub(super) fn plain_file(file: &Path) -> anyhow::Result<u64> {
    let found = fs::symlink_metadata(file).with_context(|| file.display().to_string())?;
    if found.is_symlink() {
        bail!("{}: a symbolic link, which no server follows: name the file itself", file.display());
    }
    if !found.is_file() {
        bail!("{}: no plain file", file.display());
    }
    Ok(found.len())
}

fn built(dir: &Path) -> anyhow::Result<PathBuf> {
    let file = component_of(dir)?;
    let Ok(made) = fs::metadata(&file).and_then(|found| found.modified()) else {
        bail!("{}: nothing is built yet: run `picket detector build {0}`", dir.display());
    };
    if let Some(source) = newest_source(dir).filter(|(_, changed)| *changed > made) {
        eprintln!(
            "note: {} has changed since {} was built",
            source.0.display(),
            file.file_name().unwrap_or_default().display()
        );
    }
    Ok(file)
}

fn newest_source(dir: &Path) -> Option<(PathBuf, SystemTime)> {
    let files = folders(dir).into_iter().flat_map(|dir| fs::read_dir(dir).into_iter().flatten());
    let files = files.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    let sources = files.filter(|path| is_source(path) && !is_case(path));
    sources
        .filter_map(|path| Some((path.clone(), fs::metadata(path).ok()?.modified().ok()?)))
        .max_by_key(|(_, changed)| *changed)
}

/// The folders that an author writes in: not what tools make.
pub(super) fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let mut at = 0;
    while let Some(next) = found.get(at) {
        let entries = fs::read_dir(next).into_iter().flatten().flatten();
        let inner =
            entries.map(|entry| entry.path()).filter(|path| path.is_dir() && is_source(path));
        found.extend(inner.collect::<Vec<_>>());
        at += 1;
    }
    found
}

/// Whether an author writes this, told by its name.
pub(super) fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let made = name.starts_with('.')
        || name.ends_with('~')
        || ["target", "node_modules", "__pycache__", "Cargo.lock", "package-lock.json"]
            .contains(&&*name);
    !made && path.extension().is_none_or(|extension| extension != "wasm")
}

fn is_case(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "jsonl" || extension == "json" || extension == "md")
}
