//! What the comparison is made of: the texts, and each program as its own tools build it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Those of the golden cases to which all four detectors are held.
pub fn texts() -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    for file in ["digits.jsonl", "innocent.jsonl"] {
        let path = root().join("examples/detectors/golden").join(file);
        let cases = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        for case in cases.lines() {
            let case: serde_json::Value =
                serde_json::from_str(case).with_context(|| path.display().to_string())?;
            texts.extend(case["text"].as_str().map(str::to_owned));
        }
    }
    ensure!(!texts.is_empty(), "the golden cases hold no text");
    Ok(texts)
}

/// A detector, as `picket detector build` makes it.
pub fn detector(language: &str) -> anyhow::Result<Vec<u8>> {
    let dir = root().join("examples/detectors").join(language);
    let out = Path::new(HERE).join("target").join(format!("{language}.wasm"));
    fs::create_dir_all(Path::new(HERE).join("target"))?;
    let mut build = Command::new(std::env::current_exe()?);
    build.args(["detector", "build"]).arg(dir).arg("--out").arg(&out);
    made(build, &out)
}

/// The same as a plugin, as Extism's guide builds it.
pub fn plugin() -> anyhow::Result<Vec<u8>> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let target = Path::new(HERE).join("target/plugin");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(Path::new(HERE).join("plugin"));
    build.args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(&target);
    made(build, &target.join(TARGET).join("release/digits_plugin.wasm"))
}

fn root() -> PathBuf {
    Path::new(HERE).join("../../..")
}

fn made(mut build: Command, file: &Path) -> anyhow::Result<Vec<u8>> {
    let status = build.status().with_context(|| format!("{build:?}"))?;
    if !status.success() {
        bail!("{build:?} failed ({status}): what it says is above");
    }
    fs::read(file).with_context(|| file.display().to_string())
}
