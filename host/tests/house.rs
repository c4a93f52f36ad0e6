//! The house rules, read off the source as text: which module may use which, where a foreign crate
//! may be named, how files are called and how long they are, and that the tests which
//! `ARCHITECTURE.md` names exist. A breach is told as `file:line: what`.

use std::fs;
use std::path::{Path, PathBuf};

/// A module at the root of the crate: it may use itself, and what lies in the layers below.
struct Room {
    name: &'static str,
    layer: u8,
    /// What lies below and is out of bounds all the same.
    never: &'static [&'static str],
}

const fn room(name: &'static str, layer: u8, never: &'static [&'static str]) -> Room {
    Room { name, layer, never }
}

/// Every room, those that are still to be built included: whoever builds one finds its place here.
const ROOMS: [Room; 23] = [
    room("model", 0, &[]),
    room("config", 0, &[]),
    room("policy", 1, &[]),
    room("runtime", 1, &[]),
    room("signing", 1, &[]),
    room("store", 1, &[]),
    room("audit", 1, &[]),
    room("telemetry", 1, &[]),
    room("registry", 2, &[]),
    room("auth", 2, &["policy", "runtime"]),
    room("features", 2, &["policy", "runtime"]),
    room("engine", 3, &["store"]),
    room("review", 3, &[]),
    room("ingest", 4, &[]),
    room("replay", 4, &[]),
    room("reverse", 4, &[]),
    room("simulate", 4, &[]),
    room("deliver", 4, &[]),
    room("keeper", 4, &[]),
    room("api", 5, &[]),
    room("console", 5, &[]),
    room("app", 5, &[]),
    room("cli", 5, &[]),
];

/// Who may use whom within a layer. No pair is there both ways round.
const PEERS: [(&str, &str); 13] = [
    ("config", "model"),
    ("store", "audit"),
    ("store", "telemetry"),
    ("runtime", "telemetry"),
    ("replay", "ingest"),
    ("reverse", "replay"),
    ("simulate", "ingest"),
    ("keeper", "deliver"),
    ("console", "api"),
    ("app", "api"),
    ("app", "console"),
    ("cli", "api"),
    ("cli", "app"),
];

/// Foreign crates, by the beginning of their names, and the rooms that may name them.
const HOMES: [(&str, &[&str]); 12] = [
    ("wasmtime", &["runtime"]),
    ("wasm_encoder", &["runtime"]),
    ("wasmparser", &["runtime"]),
    ("ed25519", &["signing", "audit"]),
    ("sqlx", &["store"]),
    ("axum", &["api", "console"]),
    ("utoipa_axum", &["api", "console"]),
    ("hyper", &["api", "console", "deliver"]),
    ("rustls", &["deliver"]),
    ("lettre", &["deliver"]),
    ("anyhow", &["app", "cli"]),
    ("cel", &["policy"]),
];

const LINES_MAX: usize = 400;
/// What the head of a longer file says, with the reason.
const LONGER: &str = "400 lines";
const DRAWERS: [&str; 10] = [
    "common", "data", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils",
];

#[test]
fn modules_use_only_what_lies_below_them() {
    let src = root().join("host/src");
    let files = rust_files(&src);
    assert!(files.len() > 50, "{} holds the source", src.display());
    let breaches = files.iter().flat_map(|file| {
        let name = file.strip_prefix(&src).expect("a file of the folder").to_string_lossy();
        check_uses(&name, &read(file))
    });
    assert_none(breaches);
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    let root = root();
    let mut folders =
        vec![root.join("host/src"), root.join("sdk/src"), root.join("sdk/derive/src")];
    let detectors = fs::read_dir(root.join("detectors")).expect("the detectors are there");
    folders.extend(detectors.flatten().map(|entry| entry.path().join("src")));
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    let breaches = files.flat_map(|file| {
        let name =
            file.strip_prefix(&root).expect("a file of the folder").to_string_lossy().into_owned();
        check_file(&name, &read(&file))
    });
    assert_none(breaches);
}

/// Of an invariant: `- What holds. Test: `file` `name` `name`, `file` `name`.`
#[test]
fn the_tests_that_the_architecture_names_exist() {
    let root = root();
    let text = read(&root.join("host/ARCHITECTURE.md"));
    let (_, rest) = text.split_once("\n## Invariants\n").expect("a section on invariants");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let tests = section.split("\n- ").filter_map(|invariant| invariant.split_once("Test: "));
    let mut breaches = Vec::new();
    let mut seen = 0;
    for (_, named) in tests {
        let mut source = String::new();
        for name in named.split('`').skip(1).step_by(2) {
            if name.ends_with(".rs") {
                source = fs::read_to_string(root.join(name)).unwrap_or_default();
            } else if !source.contains(&format!("fn {name}(")) {
                breaches
                    .push(format!("host/ARCHITECTURE.md: no test `{name}` where it is said to be"));
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "the invariants name their tests");
    assert_none(breaches);
}

/// What a file of `host/src` uses and may not.
fn check_uses(file: &str, text: &str) -> Vec<String> {
    let mut module: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    let tokens = tokens(text);
    if let ["lib" | "main"] = module[..] {
        // The crate's root names every room.
        module.clear();
    }
    let home = module.first().copied();
    let mut breaches = Vec::new();
    let mut say =
        |line: usize, what: String| breaches.push(format!("host/src/{file}:{line}: {what}"));
    let room = home.map(|home| ROOMS.iter().find(|room| room.name == home));
    if let Some(None) = room {
        say(1, format!("`{}` is no room of the house: give it a layer", module[0]));
    }
    for (line, used) in used_rooms(&tokens, &module) {
        let Some(Some(room)) = room else { continue };
        match ROOMS.iter().find(|other| other.name == used) {
            None => say(line, format!("`crate::{used}` is no room of the house")),
            Some(other) => {
                if let Some(why) = forbidden(room, other) {
                    say(line, format!("`{}` uses `{used}`: {why}", room.name));
                }
            }
        }
    }
    for (name, homes) in HOMES {
        let named = tokens.iter().filter(|token| {
            token
                .text
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        });
        for token in named.filter(|_| !home.is_some_and(|home| homes.contains(&home))) {
            say(
                token.line,
                format!("`{}` is named outside of {}", token.text, homes.join(" and ")),
            );
        }
    }
    breaches
}

fn forbidden(room: &Room, other: &Room) -> Option<String> {
    if room.name == other.name || PEERS.contains(&(room.name, other.name)) {
        return None;
    }
    if room.never.contains(&other.name) {
        return Some("out of bounds, though it lies below".to_owned());
    }
    match other.layer < room.layer {
        true => None,
        false => Some(format!(
            "layer {} may use what lies below it, not layer {}",
            room.layer, other.layer
        )),
    }
}

/// The rooms that a file names, by any path from the crate's root, with their lines.
fn used_rooms<'t>(tokens: &[Token<'t>], module: &[&str]) -> Vec<(usize, &'t str)> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut used = Vec::new();
    // The depths in braces at which inline modules began: `super` leads out of these first.
    let (mut depth, mut inline) = (0_usize, Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "mod" if text(at + 2) == "{" => inline.push(depth),
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inline.pop_if(|began| *began == depth);
            }
            "crate" if text(at + 1) == "::" => used.extend(rooms_at(tokens, at + 2)),
            "super" => {
                let mut levels = 1;
                while (text(at + 1), text(at + 2)) == ("::", "super") {
                    (levels, at) = (levels + 1, at + 2);
                }
                if levels >= module.len() + inline.len() && text(at + 1) == "::" {
                    used.extend(rooms_at(tokens, at + 2));
                }
            }
            _ => {}
        }
        at += 1;
    }
    used
}

/// The first segments at a place of a path: one, or those of a group.
fn rooms_at<'t>(tokens: &[Token<'t>], start: usize) -> Vec<(usize, &'t str)> {
    let one = |token: &Token<'t>| (token.line, token.text);
    let mut rest = tokens[start.min(tokens.len())..].iter();
    let Some(first) = rest.next() else { return Vec::new() };
    if first.text != "{" {
        return vec![one(first)];
    }
    let (mut depth, mut begins, mut rooms) = (1, true, Vec::new());
    for token in rest {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => {
                begins = true;
                continue;
            }
            _ if begins => rooms.push(one(token)),
            _ => {}
        }
        begins = false;
    }
    rooms
}

/// What is wrong with a file as a file.
fn check_file(file: &str, text: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    let (_, inside) = file.split_once("src/").unwrap_or(("", file));
    let words: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    if words.last() == Some(&"mod") {
        breaches.push(format!("{file}:1: write foo.rs beside foo/, not foo/mod.rs"));
    }
    for drawer in words.iter().filter(|word| DRAWERS.contains(word)) {
        breaches.push(format!("{file}:1: `{drawer}` says nothing about what is in it"));
    }
    let tests = text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..tests].lines().count();
    let mut head = text.lines().take_while(|line| line.starts_with("//!"));
    if lines > LINES_MAX && !words.contains(&"tests") && !head.any(|line| line.contains(LONGER)) {
        let what =
            format!("{lines} lines: split it, or say in its head why it is longer than {LONGER}");
        breaches.push(format!("{file}:{LINES_MAX}: {what}"));
    }
    breaches
}

#[derive(Debug)]
struct Token<'t> {
    line: usize,
    /// A word, `::`, or another character.
    text: &'t str,
}

/// The code without comments, texts and lifetimes: as much of Rust's grammar as paths need.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let word = word(rest);
        let raw = ["r", "br", "cr"].contains(&&rest[..word]).then(|| raw(&rest[word..])).flatten();
        let (length, is_code) = match (first, raw) {
            (_, Some(body)) => (word + body, false),
            ('/', _) if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            ('/', _) if rest.starts_with("/*") => (block_comment(rest), false),
            ('"', _) => (quoted(rest, '"'), false),
            ('\'', _) => (character(rest), false),
            (':', _) if rest.starts_with("::") => (2, true),
            _ if word > 0 => (word, true),
            _ => (first.len_utf8(), !first.is_whitespace()),
        };
        let text = &rest[..length];
        if is_code {
            tokens.push(Token { line, text });
        }
        line += text.matches('\n').count();
        at += length;
    }
    tokens
}

/// The length of the word that a text begins with.
fn word(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The length of a comment that may hold comments.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let pair = text.as_bytes().get(at..at + 2).unwrap_or_default();
        (depth, at) = match pair {
            b"/*" => (depth + 1, at + 2),
            b"*/" => (depth - 1, at + 2),
            _ => (depth, at + 1),
        };
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a text between these marks, escapes included.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|&(_, c)| {
        let ends = c == mark && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, c)| at + c.len_utf8())
}

/// The length of a character, or of a lifetime with its word.
fn character(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) | (_, Some('\'')) => quoted(text, '\''),
        _ => 1 + word(&text[1..]),
    }
}

/// The length of a raw text after its letters, if this is one.
fn raw(text: &str) -> Option<usize> {
    let hashes = text.find(|c| c != '#')?;
    let body = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host lies in the workspace").to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    files
}

fn assert_none(breaches: impl IntoIterator<Item = String>) {
    let breaches: Vec<String> = breaches.into_iter().collect();
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn a_breach_of_the_layers_is_found() {
    let cases = [
        ("engine/check.rs", "use crate::store::Store;", "engine/check.rs:1: `engine` uses `store`"),
        (
            "engine.rs",
            "use crate::{\n    model::{self, Event},\n    store::Tx,\n};",
            "engine.rs:3: `engine` uses `store`",
        ),
        (
            "engine.rs",
            "\nfn f() { $crate::store::f::<'a'>() }",
            "engine.rs:2: `engine` uses `store`",
        ),
        ("engine/check.rs", "use super::super::store;", "`engine` uses `store`"),
        ("engine.rs", "use super::store;", "`engine` uses `store`"),
        (
            "engine.rs",
            "mod tests {\n fn f() {}\n use super::super::store;\n}",
            "engine.rs:3: `engine` uses `store`",
        ),
        ("engine.rs", "mod a { }\nuse super::store;", "engine.rs:2: `engine` uses `store`"),
        ("engine.rs", r##"const A: &str = r#"""#; use crate::api::A;"##, "`engine` uses `api`"),
        (
            "engine.rs",
            "/* /* */ */ fn f(c: char) { c == '\"'; crate::api::f() }",
            "`engine` uses `api`",
        ),
        ("model/id.rs", "use crate::config::Config;", "`model` uses `config`"),
        ("policy.rs", "use crate::runtime::Run;", "`policy` uses `runtime`"),
        ("policy.rs", "use crate::telemetry::Metrics;", "`policy` uses `telemetry`"),
        ("runtime.rs", "use crate::store::Store;", "`runtime` uses `store`"),
        ("store.rs", "use crate::policy::Policy;", "`store` uses `policy`"),
        ("signing.rs", "use crate::store::Store;", "`signing` uses `store`"),
        ("registry.rs", "use crate::auth::Auth;", "`registry` uses `auth`"),
        ("auth.rs", "use crate::policy::Policy;", "`auth` uses `policy`"),
        ("review.rs", "use crate::engine::Pool;", "`review` uses `engine`"),
        ("ingest.rs", "use crate::api::Problem;", "`ingest` uses `api`"),
        ("api.rs", "use crate::app::App;", "`api` uses `app`"),
        ("api.rs", "use crate::drawer::A;", "`crate::drawer` is no room"),
        ("api.rs", "use crate::*;", "`crate::*` is no room"),
        ("drawer/a.rs", "", "drawer/a.rs:1: `drawer` is no room"),
        ("ingest.rs", "fn f() -> sqlx::Error {}", "ingest.rs:1: `sqlx` is named outside of store"),
        ("engine.rs", "use wasmtime_wasi::p2;", "`wasmtime_wasi` is named outside of runtime"),
        ("registry.rs", "wasmparser::validate(b)", "`wasmparser` is named outside of runtime"),
        (
            "app.rs",
            "use {hyper_util::rt, axum::serve};",
            "`axum` is named outside of api and console",
        ),
        ("app.rs", "use {hyper_util::rt, axum::serve};", "`hyper_util` is named outside"),
        ("ingest.rs", "use cel::Program;", "`cel` is named outside of policy"),
        ("lib.rs", "pub use sqlx::Error;", "lib.rs:1: `sqlx` is named outside of store"),
    ];
    for (file, text, says) in cases {
        let breaches = check_uses(file, text);
        assert!(breaches.iter().any(|breach| breach.contains(says)), "{file} {text}: {breaches:?}");
    }
}

#[test]
fn what_is_allowed_is_no_breach() {
    let cases = [
        ("lib.rs", "pub mod store; pub use crate::store::Store;"),
        (
            "engine/check.rs",
            "use crate::{model::Event, registry, runtime::{store, Call}}; use super::store;",
        ),
        (
            "engine.rs",
            "//! See crate::store and sqlx.\n/// [`crate::store`]\nconst A: &str = \"crate::store \\\" sqlx\";",
        ),
        ("engine.rs", "mod a { mod b { use super::store; } use super::store; }"),
        (
            "runtime/abi/v1.rs",
            "use super::super::store; pub(in super::super) use wasmtime::Result;",
        ),
        ("store/tx.rs", "use sqlx::Row; use crate::audit::leaf; use crate::model::Event;"),
        ("config.rs", "use crate::model::EventBounds; type A<'store> = &'store str;"),
        ("app.rs", "use crate::{api, console, ingest::Ingest, store::Store};"),
        ("registry.rs", "use crate::{policy, runtime, store, telemetry};"),
    ];
    for (file, text) in cases {
        assert_eq!(check_uses(file, text), [""; 0], "{text}");
    }
    let pairs = PEERS.iter().filter(|(a, b)| PEERS.contains(&(b, a)));
    assert_eq!(pairs.count(), 0, "two rooms that use each other are one");
}

#[test]
fn a_file_that_is_long_or_ill_named_is_found() {
    let long = |head: &str, lines: usize| format!("{head}\n{}", "fn f() {}\n".repeat(lines));
    let tests = "\n#[cfg(test)]\nmod tests {\n";
    let cases = [
        ("host/src/a.rs", long("//! A.", 400), "host/src/a.rs:400: 401 lines"),
        ("host/src/a/mod.rs", long("", 1), "not foo/mod.rs"),
        ("host/src/a/utils.rs", long("", 1), "`utils` says nothing"),
        ("sdk/src/misc/a.rs", long("", 1), "`misc` says nothing"),
    ];
    for (file, text, says) in cases {
        let breaches = check_file(file, &text);
        assert!(breaches.len() == 1 && breaches[0].contains(says), "{file}: {breaches:?}");
    }
    let good = [
        ("host/src/a.rs", long("//! A.", 399)),
        ("host/src/a.rs", long("//! A table, so longer than 400 lines.", 900)),
        ("host/src/a.rs", long("//! A.", 300) + tests + &long("", 300)),
        ("host/src/a/tests.rs", long("", 900)),
        ("host/src/a/tests/b.rs", long("", 900)),
    ];
    for (file, text) in good {
        assert_eq!(check_file(file, &text), [""; 0], "{file}");
    }
}
