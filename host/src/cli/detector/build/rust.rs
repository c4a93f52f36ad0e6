//! Rust: cargo for the target that needs no WASI, which instantiates in half the time.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde_json::Value;

use super::tool::Tool;

const TARGET: &str = "wasm32-unknown-unknown";

const CARGO: Tool = Tool { program: "cargo", get: "get Rust from https://rustup.rs" };
const RUSTC: Tool = Tool { program: "rustc", ..CARGO };
const RUSTUP: Tool = Tool {
    program: "rustup",
    get: "get it from https://rustup.rs, or the target wasm32-unknown-unknown from where your Rust is from",
};

/// Under the version of its `Cargo.toml` unless another is given.
pub(super) fn build(dir: &Path, version: Option<&str>) -> anyhow::Result<Vec<u8>> {
    ensure_target(dir)?;
    let mut cargo = Command::new(CARGO.program);
    cargo
        .current_dir(dir)
        .args(["build", "--lib", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        // Cargo shows its own progress, and the compiler's errors as they come.
        .stderr(Stdio::inherit());
    if !std::io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    if let Some(version) = version {
        cargo.env("PICKET_DETECTOR_VERSION", version);
    }
    let output = CARGO.found(cargo.output())?;
    if !output.status.success() {
        bail!("{} does not build: cargo says above why", dir.display());
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let Some(module) = messages.lines().filter_map(module_of).next_back() else {
        bail!(
            "{}: cargo made no .wasm file; Cargo.toml wants\n  [lib]\n  crate-type = [\"cdylib\", \"rlib\"]",
            dir.join("Cargo.toml").display()
        );
    };
    let module = fs::read(&module).with_context(|| module.display().to_string())?;
    super::componentise(&module)
}

/// The .wasm file of a message of cargo's, where it tells of one. The package itself comes last.
fn module_of(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    let mut wasm =
        files.map(PathBuf::from).filter(|file| file.extension().is_some_and(|e| e == "wasm"));
    wasm.next()
}

/// Adds the target's standard library where it is missing. The compiler is asked, not rustup: it may
/// come from elsewhere.
fn ensure_target(dir: &Path) -> anyhow::Result<()> {
    let mut rustc = Command::new(RUSTC.program);
    rustc.current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]);
    let libdir = RUSTC.run(&mut rustc, "asking for the compiler's targets")?;
    let libdir = PathBuf::from(String::from_utf8_lossy(&libdir.stdout).trim());
    if fs::read_dir(libdir).is_ok_and(|mut files| files.next().is_some()) {
        return Ok(());
    }
    let mut rustup = Command::new(RUSTUP.program);
    rustup.current_dir(dir).args(["target", "add", TARGET]);
    RUSTUP.run(&mut rustup, "adding the target wasm32-unknown-unknown").map(drop)
}
