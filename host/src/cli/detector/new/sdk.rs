//! The SDK that goes along with a detector in Rust: this program carries it, so that what an author
//! compiles against is what this release of the host was tested with, and no registry has to have it.

use anyhow::Context;
use toml::{Table, Value};

/// A workspace of its own, as the SDK's crates expect one above them.
pub(super) const PARENT: &str = "vendor";
pub(super) const FOLDER: &str = "vendor/sdk";

/// The versions that this release was tested with; cargo drops what a detector does not use.
pub(super) const LOCK: &str = include_str!("../../../../../Cargo.lock");

const WORKSPACE: &str = include_str!("../../../../../Cargo.toml");

macro_rules! carried {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../../", $file)))),*]
    };
}

/// All of `sdk/` and `wit/`.
const FILES: &[(&str, &str)] = carried![
    "sdk/Cargo.toml",
    "sdk/derive/Cargo.toml",
    "sdk/derive/src/declaration.rs",
    "sdk/derive/src/lib.rs",
    "sdk/src/declaration.rs",
    "sdk/src/detector.rs",
    "sdk/src/golden.rs",
    "sdk/src/guest.rs",
    "sdk/src/harness.rs",
    "sdk/src/harness/golden.rs",
    "sdk/src/harness/known.rs",
    "sdk/src/input.rs",
    "sdk/src/lib.rs",
    "sdk/src/manifest.rs",
    "sdk/src/signal.rs",
    "sdk/src/text.rs",
    "sdk/src/text/fold.rs",
    "sdk/src/text/fold/builder.rs",
    "sdk/src/text/fold/character.rs",
    "sdk/src/text/fold/tables.rs",
    "sdk/src/text/fold/tests.rs",
    "sdk/src/text/fold/word.rs",
    "sdk/src/text/numbers.rs",
    "sdk/src/text/numbers/compose.rs",
    "sdk/src/text/numbers/leet.rs",
    "sdk/src/text/numbers/reader.rs",
    "sdk/src/text/numbers/tests.rs",
    "sdk/src/text/numbers/words.rs",
    "sdk/src/text/patterns.rs",
    "sdk/src/text/phrases.rs",
    "sdk/src/text/phrases/context.rs",
    "sdk/src/text/phrases/letters.rs",
    "sdk/src/text/phrases/lexicon.rs",
    "sdk/src/text/phrases/pieces.rs",
    "sdk/src/text/phrases/reader.rs",
    "sdk/src/text/phrases/rules.rs",
    "sdk/src/text/phrases/small_words.rs",
    "wit/detector.wit",
    "wit/manifest.schema.json",
];

/// The SDK's files, below the detector's folder.
pub(super) fn files() -> anyhow::Result<Vec<(String, String)>> {
    let mut files: Vec<(String, String)> =
        FILES.iter().map(|(file, text)| (format!("{PARENT}/{file}"), (*text).to_owned())).collect();
    files.push((format!("{PARENT}/Cargo.toml"), workspace()?));
    Ok(files)
}

/// What the SDK's crates inherit of this workspace.
fn workspace() -> anyhow::Result<String> {
    let mut whole: Table = WORKSPACE.parse()?;
    let ours = whole.get_mut("workspace").and_then(Value::as_table_mut);
    let ours = ours.context("this workspace's manifest has a [workspace]")?;
    ours.insert("members".to_owned(), Value::from(vec!["sdk", "sdk/derive"]));
    if let Some(dependencies) = ours.get_mut("dependencies").and_then(Value::as_table_mut) {
        dependencies.remove("picket-bundle");
    }
    whole.retain(|section, _| section == "workspace");
    Ok(toml::to_string(&whole)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files_of(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn the_whole_sdk_goes_along() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut there: Vec<String> = ["sdk", "wit"]
            .iter()
            .flat_map(|dir| files_of(&root.join(dir)))
            .map(|file| file.strip_prefix(root).unwrap().display().to_string())
            .collect();
        there.sort();
        let carried: Vec<&str> = FILES.iter().map(|(file, _)| *file).collect();
        assert_eq!(carried, there);
    }
}
