//! `picket detector new`: a folder that builds and passes its tests at once. It is the example of its
//! language under the author's name, so what authors begin with is what is tested here.

mod sdk;
mod templates;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use super::build::CONTRACT;
use super::language::Language;
use crate::model::manifest::is_name;

/// Begin a detector in a new folder.
#[derive(Debug, Args)]
pub(in crate::cli) struct New {
    /// The detector's name, lower-case words joined by `-`; a path of which it is the last part
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// The language to write it in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// Rust: where picket-sdk is; the checkout that NAME is in, or a copy within NAME, unless given
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

pub(super) const AFTER_HELP: &str = "\
  picket detector new parking
  picket detector build parking
  picket detector check parking
  picket detector test parking
  picket detector try 'is there parking?' --detector parking

Rust is the first-class road: small, quick to build and quick to run.";

pub(super) fn run(args: &New) -> anyhow::Result<ExitCode> {
    let name = args.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !is_name(&name) {
        bail!(
            "`{name}` is no name of a detector: lower-case words joined by `-`, such as parking-fees"
        );
    }
    if args.sdk.is_some() && args.lang != Language::Rust {
        bail!("--sdk is for Rust: the other languages need the contract alone, which goes along");
    }
    if args.path.exists() {
        bail!("{}: there is something already; name a new folder", args.path.display());
    }
    let files = match args.lang {
        Language::Rust => rust(args, &name)?,
        other => {
            let mut files = templates::of(other, &name);
            files.push(("wit/detector.wit".to_owned(), CONTRACT.to_owned()));
            files
        }
    };
    for (file, text) in &files {
        let file = args.path.join(file);
        let written = fs::create_dir_all(file.parent().unwrap_or(&args.path))
            .and_then(|()| fs::write(&file, text));
        written.with_context(|| file.display().to_string())?;
    }
    let shown = args.path.display();
    println!("{shown} begins as a detector that finds digits. Next:");
    println!("  picket detector build {shown}\n  picket detector test {shown}");
    println!("  picket detector watch {shown}");
    Ok(ExitCode::SUCCESS)
}

fn rust(args: &New, name: &str) -> anyhow::Result<Vec<(String, String)>> {
    let sdk = match &args.sdk {
        Some(sdk) if !is_sdk(sdk) => {
            bail!(
                "{}: no picket-sdk; it is the folder `sdk` of a checkout of Picket",
                sdk.display()
            )
        }
        Some(sdk) => Some(sdk.canonicalize().with_context(|| sdk.display().to_string())?),
        None => checkout_above(&args.path)?,
    };
    let mut files = templates::of(Language::Rust, name);
    let at = match &sdk {
        Some(sdk) => sdk.to_str().context("the path of the SDK is not UTF-8")?,
        None => sdk::FOLDER,
    };
    for (_, text) in files.iter_mut().filter(|(file, _)| file == "Cargo.toml") {
        *text = templates::own_workspace(text, at);
    }
    if sdk.is_none() {
        files.extend(sdk::files()?);
    }
    files.push(("Cargo.lock".to_owned(), sdk::LOCK.to_owned()));
    Ok(files)
}

/// The SDK of the checkout that the new folder will be in, if it is in one.
fn checkout_above(path: &Path) -> anyhow::Result<Option<PathBuf>> {
    let path = env::current_dir()?.join(path);
    let parent = path.ancestors().skip(1).find_map(|dir| dir.canonicalize().ok());
    let sdks = parent.iter().flat_map(|dir| dir.ancestors()).map(|dir| dir.join("sdk"));
    Ok(sdks.into_iter().find(|sdk| is_sdk(sdk)))
}

fn is_sdk(dir: &Path) -> bool {
    fs::read_to_string(dir.join("Cargo.toml"))
        .is_ok_and(|text| text.contains("name = \"picket-sdk\""))
}
