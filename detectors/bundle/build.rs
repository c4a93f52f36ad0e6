//! Builds the shipped detectors to WebAssembly components, so that one binary runs with batteries
//! included. Uses a target directory of its own: the outer cargo holds the lock of its own.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use wit_component::ComponentEncoder;

const DETECTORS: [&str; 7] = [
    "contact-email",
    "contact-handle",
    "contact-intent",
    "contact-link",
    "contact-phone",
    "obfuscation",
    "payment-circumvention",
];

/// The demo starts with this detector one release behind, and drops the new one in.
const PREVIOUS: &str = "contact-handle";

/// A module without WASI instantiates in half the time; the second target is the one that authors
/// of detectors build for.
const TARGET: &str = "wasm32-unknown-unknown";
const AUTHORS_TARGET: &str = "wasm32-wasip2";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for path in ["Cargo.lock", "Cargo.toml", "wit", "sdk"] {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    for name in DETECTORS {
        println!("cargo:rerun-if-changed={}", root.join("detectors").join(name).display());
    }
    for target in [TARGET, AUTHORS_TARGET] {
        ensure_target(target)?;
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target_dir = target_dir(&out)?;
    build(&root, &target_dir, &DETECTORS, None)?;
    let mut listed =
        String::from("/// The shipped detectors, by name.\npub const DETECTORS: &[Bundled] = &[\n");
    for name in DETECTORS {
        let file = componentise(&target_dir, name, &out.join(format!("{name}.wasm")))?;
        listed.push_str(&entry(name, &file));
        listed.push_str(",\n");
    }
    listed.push_str("];\n");
    build(&root, &target_dir, &[PREVIOUS], Some("previous"))?;
    let file = componentise(&target_dir, PREVIOUS, &out.join(format!("{PREVIOUS}-previous.wasm")))?;
    listed.push_str("/// A shipped detector as it was one release ago.\n");
    listed.push_str(&format!("pub const PREVIOUS: Bundled = {};\n", entry(PREVIOUS, &file)));
    fs::write(out.join("bundle.rs"), listed)?;
    Ok(())
}

fn entry(name: &str, file: &Path) -> String {
    format!(
        "Bundled {{ name: {name:?}, component: include_bytes!({:?}) }}",
        file.display().to_string()
    )
}

/// `target/detectors`, shared by the profiles of the outer build.
fn target_dir(out: &Path) -> Result<PathBuf> {
    let profile = out.ancestors().find(|dir| dir.ends_with("build")).and_then(Path::parent);
    let target =
        profile.and_then(Path::parent).ok_or("OUT_DIR is not inside a target directory")?;
    Ok(target.join("detectors"))
}

/// Installs a target's standard library where it is missing; rustup may be told not to do so itself.
fn ensure_target(target: &str) -> Result<()> {
    let rustc = env::var("RUSTC")?;
    let libdir =
        Command::new(rustc).args(["--print", "target-libdir", "--target", target]).output()?;
    let libdir = PathBuf::from(String::from_utf8(libdir.stdout)?.trim());
    let holds_std = fs::read_dir(&libdir).is_ok_and(|mut files| files.next().is_some());
    if holds_std {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", target]).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "the detectors need the Rust target {target}: run `rustup target add {target}`"
        )
        .into()),
    }
}

fn build(root: &Path, target_dir: &Path, names: &[&str], feature: Option<&str>) -> Result<()> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo
        .current_dir(root)
        .args(["build", "--lib", "--profile", "detector", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir);
    for name in names {
        cargo.args(["--package", name]);
    }
    if let Some(feature) = feature {
        cargo.args(["--features", feature]);
    }
    // What the outer build was told (flags for its target, a wrapper of clippy) is not for this one.
    for (name, _) in env::vars() {
        let flags = name.ends_with("RUSTFLAGS")
            || name.ends_with("RUSTC_WRAPPER")
            || name.ends_with("RUSTC_WORKSPACE_WRAPPER");
        if flags
            || name.starts_with("CARGO_CFG_")
            || name.starts_with("CARGO_FEATURE_")
            || name.starts_with("CARGO_PROFILE_")
        {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output()?;
    if !output.status.success() {
        return Err(format!(
            "the detectors do not build:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(())
}

fn componentise(target_dir: &Path, name: &str, to: &Path) -> Result<PathBuf> {
    let module =
        target_dir.join(TARGET).join("detector").join(format!("{}.wasm", name.replace('-', "_")));
    let module = fs::read(&module).map_err(|error| format!("{}: {error}", module.display()))?;
    let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    fs::write(to, component)?;
    Ok(to.to_owned())
}
