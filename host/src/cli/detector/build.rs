//! `picket detector build`: one .wasm file of a detector's folder, by the tools of its language.

mod c;
mod js;
mod python;
mod rust;
mod tool;
mod wit;

pub(super) use wit::CONTRACT;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::component;
use super::language::Language;

/// Build the detector of a folder. The language is told by its files.
#[derive(Debug, Args)]
pub(in crate::cli) struct Build {
    /// The detector's folder
    #[arg(default_value = ".", value_name = "DIR")]
    dir: PathBuf,
    /// Where the component goes; DIR/NAME.wasm with the folder's name unless given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON, for a program
    #[arg(long)]
    json: bool,
}

pub(super) const AFTER_HELP: &str = "\
What each language needs, from its registry alone:
  Rust        cargo; the target wasm32-unknown-unknown is added with rustup where it is missing
  JavaScript  node 20 and npm; package.json pins @bytecodealliance/componentize-js
  Python      python3 with venv; requirements.txt pins componentize-py
  C           clang, lld and wasi-libc; the bindings are made in DIR/target/bindings

In JavaScript, Python and C the contract is DIR/wit where there is one, and else this program's own.";

/// A component that was built.
pub(super) struct Built {
    pub file: PathBuf,
    pub bytes: usize,
    pub took: Duration,
}

pub(super) fn run(args: &Build) -> anyhow::Result<ExitCode> {
    let built = build(&args.dir, args.out.as_deref(), None)?;
    if args.json {
        let millis = built.took.as_millis() as u64;
        let built = json!({"file": built.file, "bytes": built.bytes, "millis": millis});
        println!("{}", serde_json::to_string_pretty(&built)?);
    } else {
        println!("{}", built.line());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the detector in `dir` to `out`, or to where the rest of the bench looks for it; one in Rust
/// under another version than it has written, where one is given.
pub(super) fn build(
    dir: &Path,
    out: Option<&Path>,
    version: Option<&str>,
) -> anyhow::Result<Built> {
    let begun = Instant::now();
    let language = Language::of(dir)?;
    let dir = dir.canonicalize().with_context(|| dir.display().to_string())?;
    let component = match language {
        Language::Rust => rust::build(&dir, version),
        Language::Js => js::build(&dir),
        Language::Python => python::build(&dir),
        Language::C => c::build(&dir),
    }?;
    let file = match out {
        Some(out) => out.to_owned(),
        None => component::component_of(&dir)?,
    };
    // Nobody who looks meanwhile, such as a server, may see half of it.
    replace(&file, &component)?;
    Ok(Built { file, bytes: component.len(), took: begun.elapsed() })
}

impl Built {
    pub fn line(&self) -> String {
        let size = indicatif::BinaryBytes(self.bytes as u64);
        format!("built {} ({size}) in {:.1} s", self.file.display(), self.took.as_secs_f64())
    }
}

/// Puts a file in place at once: beside it under a name that nobody takes for a detector, then renamed.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let context = || file.display().to_string();
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let new = tempfile::Builder::new().prefix(".picket-").tempfile_in(dir).with_context(context)?;
    fs::write(new.path(), bytes).with_context(context)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(new.path(), readable).with_context(context)?;
    new.persist(file).map(drop).with_context(context)
}

/// A component of a core module that carries its types, as bindings generators leave them.
fn componentise(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let encode =
        || wit_component::ComponentEncoder::default().validate(true).module(module)?.encode();
    match encode() {
        Ok(component) => Ok(component),
        Err(error) => {
            let error = format!("{error:#}");
            let hint = match error.contains("wasi_snapshot_preview1") {
                true => {
                    "\n  something in it wants an operating system (to print, read a file or a clock); a detector has none: use `log`"
                }
                false => "",
            };
            bail!("the module does not become a component: {error}{hint}")
        }
    }
}
