//! C: clang and lld against wasi-libc, of which only what needs no system is linked, and bindings made
//! from the contract.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use wit_bindgen_core::Files;

use super::tool::Tool;
use super::wit;

const CLANG: Tool = Tool {
    program: "clang",
    get: "get clang, lld and a libc for WebAssembly, such as `apt-get install clang lld wasi-libc`",
};

pub(super) fn build(dir: &Path) -> anyhow::Result<Vec<u8>> {
    let bindings = dir.join("target/bindings");
    generate(dir, &bindings)?;
    let module = dir.join("target/module.wasm");
    let mut clang = Command::new(CLANG.program);
    clang
        .current_dir(dir)
        .args(["--target=wasm32-wasi", "-O2", "-Wall", "-Wextra"])
        // No start, no main and nothing of the compiler's own: a detector is a library.
        .args(["-nostartfiles", "-nodefaultlibs", "-Wl,--no-entry", "-Wl,--strip-all"])
        .arg("-I")
        .arg(&bindings)
        .args(sources(dir)?)
        .arg(bindings.join("component.c"))
        .arg(bindings.join("component_component_type.o"))
        .args(["-lc", "-o"])
        .arg(&module);
    CLANG.run(&mut clang, "compiling")?;
    let module = fs::read(&module).with_context(|| module.display().to_string())?;
    super::componentise(&module)
}

/// Writes `component.h` and what belongs to it.
fn generate(dir: &Path, bindings: &Path) -> anyhow::Result<()> {
    let (mut resolve, world) = wit::world(dir)?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    fs::create_dir_all(bindings).with_context(|| bindings.display().to_string())?;
    for (name, bytes) in files.iter() {
        let file = bindings.join(name);
        fs::write(&file, bytes).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn sources(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut sources: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "c")).collect();
    sources.sort();
    Ok(sources)
}
