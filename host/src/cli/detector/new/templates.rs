//! The files that a detector begins with: those of `examples/detectors`, under another name.

use super::Language;

macro_rules! example {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../../examples/detectors/", $file)))),*]
    };
}

const RUST: &[(&str, &str)] = example!["rust/Cargo.toml", "rust/README.md", "rust/src/lib.rs"];
const JS: &[(&str, &str)] = example!["js/README.md", "js/detector.js", "js/package.json"];
const PYTHON: &[(&str, &str)] =
    example!["python/README.md", "python/detector.py", "python/requirements.txt"];
const C: &[(&str, &str)] = example!["c/README.md", "c/detector.c"];
const GOLDEN: &[(&str, &str)] = example!["golden/digits.jsonl", "golden/innocent.jsonl"];

/// What tools make.
const GITIGNORE: &str = "/*.wasm\n/target\n/node_modules\n/.venv\n__pycache__\n";

/// Small, and without what a detector cannot do: unwind, or print where it panicked.
const PROFILE: &str = "
[profile.release]
opt-level = 3
lto = true
codegen-units = 1
panic = \"abort\"
strip = true
";

/// The files of a detector with this name.
pub(super) fn of(language: Language, name: &str) -> Vec<(String, String)> {
    let (files, folder) = match language {
        Language::Rust => (RUST, "rust"),
        Language::Js => (JS, "js"),
        Language::Python => (PYTHON, "python"),
        Language::C => (C, "c"),
    };
    let example = format!("digits-{folder}");
    let named = files.iter().map(|(file, text)| {
        let file = file.trim_start_matches(folder).trim_start_matches('/');
        (file.to_owned(), text.replace(&example, name))
    });
    let golden = GOLDEN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned()));
    let ignored = (".gitignore".to_owned(), GITIGNORE.to_owned());
    named.chain(golden).chain([ignored]).collect()
}

/// The example is part of a workspace; an author's crate is its own, and finds the SDK at `sdk`.
pub(super) fn own_workspace(manifest: &str, sdk: &str) -> String {
    let manifest = manifest.replace("\"../../../sdk\"", &format!("{sdk:?}"));
    format!("{manifest}{PROFILE}\n[workspace]\nexclude = [\"{}\"]\n", super::sdk::PARENT)
}
