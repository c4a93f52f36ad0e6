//! Which language a detector's folder is written in, told by its files.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use clap::ValueEnum;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    Rust,
    Js,
    Python,
    C,
}

impl Language {
    /// The language of the detector in `dir`.
    pub fn of(dir: &Path) -> anyhow::Result<Self> {
        let entries = fs::read_dir(dir).with_context(|| {
            format!(
                "{}: no folder of a detector; begin one with `picket detector new`",
                dir.display()
            )
        })?;
        let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        let holds = |name: &str| names.iter().any(|found| found == name);
        let holds_c =
            || names.iter().any(|name| Path::new(name).extension().is_some_and(|e| e == "c"));
        if holds("Cargo.toml") {
            return Ok(Self::Rust);
        }
        if holds("package.json") {
            return Ok(Self::Js);
        }
        if holds("detector.py") {
            return Ok(Self::Python);
        }
        if holds_c() {
            return Ok(Self::C);
        }
        bail!(
            "{}: no detector in a language known here: it would have a Cargo.toml (Rust), a package.json (JavaScript), a detector.py (Python) or a .c file (C)",
            dir.display()
        )
    }

    /// The file in which an author writes the version.
    pub fn version_in(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Js => "detector.js",
            Self::Python => "detector.py",
            Self::C => "the .c file",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_known_by_its_files() {
        let cases = [
            (&["Cargo.toml", "build.c"][..], Ok(Language::Rust)),
            (&["package.json"], Ok(Language::Js)),
            (&["detector.py", "requirements.txt"], Ok(Language::Python)),
            (&["parking.c"], Ok(Language::C)),
            (&["README.md"], Err("Cargo.toml (Rust)")),
        ];
        for (files, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            for file in files {
                fs::write(dir.path().join(file), "").unwrap();
            }
            match (Language::of(dir.path()), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(error), Err(says)) => assert!(error.to_string().contains(says), "{error}"),
                (found, expected) => panic!("{files:?}: {found:?}, not {expected:?}"),
            }
        }
    }
}
