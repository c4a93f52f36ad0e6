//! Where PostgreSQL is, and as whom it runs: it refuses to run as root.

use std::path::{Path, PathBuf};
use std::process::Command;

const OLDEST: u32 = 15;

/// The folder that holds `initdb`, `postgres` and `psql`.
pub(crate) fn folder() -> PathBuf {
    let named = std::env::var_os("POSTGRES_BIN").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = match named {
        Some(named) => vec![named],
        None => installed().into_iter().chain(std::env::split_paths(&path)).collect(),
    };
    let found = candidates.into_iter().find(|folder| {
        ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file())
            && version(folder).is_some_and(|version| version >= OLDEST)
    });
    found.unwrap_or_else(|| {
        panic!(
            "these tests need PostgreSQL {OLDEST} or later. Install it (on Debian or Ubuntu: \
             apt-get install postgresql) or set POSTGRES_BIN to the folder that holds its initdb, \
             postgres and psql. They start a server of their own and touch no other."
        )
    })
}

/// Where distributions put it, the newest first: seldom in `PATH`.
fn installed() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (base, prefix) in
        [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/opt/homebrew/opt", "postgresql@")]
    {
        let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
        found.extend(entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version: u32 = name.strip_prefix(prefix)?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        }));
    }
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`: 15.
fn version(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let number = text.split_whitespace().nth(2)?;
    number.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()
}

/// The user and group that the server runs as; `None`: as we do.
pub(crate) fn user() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("a system with users");
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let fields: Vec<&str> = line.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    let found = of("postgres").or_else(|| of("nobody"));
    Some(found.expect("PostgreSQL does not run as root: there is a user `postgres` or `nobody`"))
}
