//! The contract of a detector, as the tools of other languages read it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wit_bindgen_core::wit_parser::{Resolve, WorldId};

/// The contract that this program was built with.
pub(in super::super) const CONTRACT: &str = include_str!("../../../../../wit/detector.wit");
pub(super) const WORLD: &str = "component";

/// A detector's own copy of the contract, or this program's, written where tools find it.
pub(super) fn of(dir: &Path) -> anyhow::Result<PathBuf> {
    let own = dir.join("wit");
    if own.is_dir() {
        return Ok(own);
    }
    let ours = dir.join("target/wit");
    fs::create_dir_all(&ours).with_context(|| ours.display().to_string())?;
    fs::write(ours.join("detector.wit"), CONTRACT).with_context(|| ours.display().to_string())?;
    Ok(ours)
}

/// The contract, parsed.
pub(super) fn world(dir: &Path) -> anyhow::Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(of(dir)?)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    Ok((resolve, world))
}
