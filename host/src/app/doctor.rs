//! What may be wrong with an installation, looked at one after the other. Nothing is changed, and a
//! server may run meanwhile.

mod destinations;

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use super::{open_host_key, runtime_options, store_options};
use crate::config::Config;
use crate::model::Timestamp;
use crate::runtime::Runtime;
use crate::store::{Store, StoreError};

/// Free room on the disk below which somebody should look, and below which writes soon fail.
const ROOM_LOW_BYTES: u64 = 2 << 30;
const ROOM_GONE_BYTES: u64 = 128 << 20;
/// How far the clocks of this machine and of the database may be apart, and how far in the future a
/// decision may lie.
const CLOCK_OFF_MICROS: i64 = 1_000_000;

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Good,
    /// It works, and somebody should look.
    Warning,
    /// It does not work, or not for long.
    Bad,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: &'static str,
    pub health: Health,
    /// What was found and, where it is not good, what to do.
    pub text: String,
}

impl Finding {
    fn good(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, health: Health::Good, text: text.into() }
    }

    fn warning(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, health: Health::Warning, text: text.into() }
    }

    fn bad(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, health: Health::Bad, text: text.into() }
    }
}

/// Looks at everything that an installation needs. With `thorough` also at every page of the database
/// and every entry of its audit log, which takes a second for each hundred megabytes or so.
pub async fn examine(config: &Config, thorough: bool) -> Vec<Finding> {
    let mut findings = vec![room(&config.data_dir)];
    findings.extend(permissions(config));
    findings.extend(destinations::configured(config));
    if super::is_cut_off(&config.data_dir) {
        let text =
            "one was cut off: start the server or run `picket restore` again, and it is finished";
        findings.push(Finding::bad("restore", text));
        return findings;
    }
    // A key that is not there is not made: looking changes nothing.
    if !config.data_dir.join("host.key").exists() {
        findings.push(Finding::warning(
            "host key",
            format!(
                "there is none in {} yet: the first start makes one, and a record that was made under another needs that one",
                config.data_dir.display()
            ),
        ));
        return findings;
    }
    let host_key = match open_host_key(&config.data_dir) {
        Ok(key) => key,
        Err(error) => {
            findings.push(Finding::bad("host key", format!("{error:#}")));
            return findings;
        }
    };
    findings.extend(database(config, host_key, thorough).await);
    findings.push(cache(config, host_key));
    findings
}

/// How much room is left where the record is kept.
fn room(data_dir: &Path) -> Finding {
    const WHAT: &str = "disk";
    let there = data_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let found = match rustix::fs::statvfs(there) {
        Ok(found) => found,
        Err(error) => return Finding::bad(WHAT, format!("{}: {error}", there.display())),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let text = format!("{} free at {}", indicatif::BinaryBytes(free), there.display());
    match free {
        free if free < ROOM_GONE_BYTES => {
            Finding::bad(WHAT, format!("{text}: events will be refused soon, make room"))
        }
        free if free < ROOM_LOW_BYTES => Finding::warning(WHAT, format!("{text}: make room")),
        _ => Finding::good(WHAT, text),
    }
}

/// Who may read what is secret, and who may drop detectors.
fn permissions(config: &Config) -> Vec<Finding> {
    const WHAT: &str = "permissions";
    let data_dir = &config.data_dir;
    let mut secret = vec![data_dir.clone()];
    secret.extend(
        ["host.key", "picket.db", "picket.db-wal", "erasures.jsonl", "cache"]
            .map(|it| data_dir.join(it)),
    );
    let mut faults = Vec::new();
    for path in secret {
        if let Some(metadata) = look(&path, &mut faults).filter(|it| it.mode() & 0o077 != 0) {
            faults.push(Finding::bad(
                WHAT,
                format!(
                    "others may read or change {} ({:03o}): chmod go-rwx {0}",
                    path.display(),
                    metadata.mode() & 0o777
                ),
            ));
        }
    }
    for folder in [&config.detectors_dir, &config.policies_dir] {
        if let Some(metadata) = look(folder, &mut faults).filter(|it| it.mode() & 0o022 != 0) {
            faults.push(Finding::warning(
                WHAT,
                format!(
                    "others may put files into {} ({:03o}), which go live: chmod go-w {0}",
                    folder.display(),
                    metadata.mode() & 0o777
                ),
            ));
        }
    }
    if faults.is_empty() {
        let text = format!("only their owner reads {} and fills the folders", data_dir.display());
        faults.push(Finding::good(WHAT, text));
    }
    faults
}

/// What is at a path, if anything is.
fn look(path: &Path, faults: &mut Vec<Finding>) -> Option<Metadata> {
    match fs::metadata(path) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            faults.push(Finding::bad("permissions", format!("{}: {error}", path.display())));
            None
        }
    }
}

/// Whether the database answers, is of this release, holds together and agrees about the time.
async fn database(config: &Config, host_key: [u8; 32], thorough: bool) -> Vec<Finding> {
    let mut options = store_options(config, host_key);
    options.migrate = false;
    let mut findings = match Store::pending(&options).await {
        Ok(names) if names.is_empty() => vec![Finding::good("migrations", "none are pending")],
        Ok(names) => {
            let text = format!("pending: {}; run `picket migrate`", names.join(", "));
            return vec![Finding::bad("migrations", text)];
        }
        Err(StoreError::Absent { path }) => {
            let text = format!(
                "there is none at {} yet: `picket migrate` or the first start makes it",
                path.display()
            );
            return vec![Finding::warning("database", text)];
        }
        Err(error) => return vec![Finding::bad("database", error.to_string())],
    };
    let store = match Store::open(&options).await {
        Ok(store) => store,
        Err(error) => {
            findings.push(Finding::bad("database", error.to_string()));
            return findings;
        }
    };
    findings.push(clock(&store).await);
    findings.extend(destinations::disabled(&store).await);
    if let Err(error) = store.close().await {
        findings.push(Finding::bad("database", error.to_string()));
    }
    findings.push(integrity(&options, thorough).await);
    findings
}

async fn integrity(options: &crate::store::Options, thorough: bool) -> Finding {
    const WHAT: &str = "integrity";
    if !thorough {
        return Finding::good("database", "it answers, and is under this host key");
    }
    match Store::examine(options).await {
        Ok(contents) => Finding::good(
            WHAT,
            format!(
                "every page is whole; {} decisions; {} audit entries follow one another",
                contents.decisions, contents.audit.size
            ),
        ),
        Err(StoreError::NoCopies) => Finding::good(
            WHAT,
            "PostgreSQL looks after its pages (pg_amcheck); `picket audit verify` looks through the log",
        ),
        Err(error) => Finding::bad(WHAT, error.to_string()),
    }
}

/// Whether this machine's clock agrees with the database's, and with what was decided before.
async fn clock(store: &Store) -> Finding {
    const WHAT: &str = "clock";
    let times = match store.times().await {
        Ok(times) => times,
        Err(error) => return Finding::bad(WHAT, error.to_string()),
    };
    let now = Timestamp::now().micros();
    let apart = now - times.database.micros();
    if apart.abs() > CLOCK_OFF_MICROS {
        let text = format!(
            "this machine and the database are {} ms apart: set both by NTP",
            apart / 1_000
        );
        return Finding::warning(WHAT, text);
    }
    match times.last_decided {
        Some(last) if last.micros() > now + CLOCK_OFF_MICROS => Finding::warning(
            WHAT,
            format!("the last decision is of {last}, which is still to come: the clock went back"),
        ),
        _ => Finding::good(WHAT, format!("it is {}", Timestamp::now())),
    }
}

/// Whether what is compiled was written by this host.
fn cache(config: &Config, host_key: [u8; 32]) -> Finding {
    const WHAT: &str = "cache";
    let Some(options) = runtime_options(config, host_key).cache else {
        return Finding::good(WHAT, "there is none");
    };
    match Runtime::examine_cache(&options) {
        Ok(found) if found.foreign == 0 => Finding::good(
            WHAT,
            format!("{} compiled files, {}", found.entries, indicatif::BinaryBytes(found.bytes)),
        ),
        Ok(found) => Finding::warning(
            WHAT,
            format!(
                "{} of {} files in {} were not written by this host, or were changed: they are not used, delete them",
                found.foreign,
                found.entries,
                options.dir.display()
            ),
        ),
        Err(error) => Finding::bad(WHAT, error.to_string()),
    }
}
