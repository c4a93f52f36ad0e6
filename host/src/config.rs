//! The configuration: as written in `picket.toml` and `PICKET_*`, validated once.
//!
//! Every key of the file is also a variable: `listen` is `PICKET_LISTEN`. The variable wins. A key
//! that nobody knows is an error, in either place. Where a key is a table, its variable holds the
//! whole of it as TOML writes it in one line.

mod alert;
mod check;
mod destination;
mod each;
mod email;
mod reach;
mod secrets;
mod sms;
mod telling;
#[cfg(test)]
mod tests;
mod written;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{DetectorRules, EventBounds, Landing, SignatureMode};

pub use alert::WrittenAlert;
pub use destination::Destination;
pub use email::{Email, MailServer, Security};
pub use reach::{Barred, Reach};
pub use secrets::Secrets;
pub use sms::{CALL_PLACES, Sms};
pub use telling::{NoticeText, PLACES, Quiet, Telling, Words};

use written::{OTHER_VARIABLES, at_line, check_keys, known_keys, unknown, variable};

/// Everything that an operator may set. Field names are the keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where the server listens. Loopback unless told otherwise: there is no TLS here.
    pub listen: SocketAddr,
    /// `sqlite://PATH`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`; empty
    /// for `picket.db` in `data_dir`.
    pub database_url: String,
    /// Whether a PostgreSQL is used that may lose what it acknowledged, with `fsync`,
    /// `full_page_writes` or `synchronous_commit` off.
    pub allow_unsafe_database: bool,
    /// What the server keeps: the database, the host key, compiled detectors.
    pub data_dir: PathBuf,
    /// The folder into which detectors are dropped.
    pub detectors_dir: PathBuf,
    /// The folder into which policies are dropped.
    pub policies_dir: PathBuf,
    /// Whether the shipped detectors and policies serve where the folders hold none of that name.
    pub bundled: bool,
    /// Whether a start applies pending migrations.
    pub migrate: bool,
    /// Whether a file of `detectors_dir` or `policies_dir` goes live as it appears.
    pub watch: bool,

    /// Whether a detector needs a good signature to go live. Those that the program carries do not.
    pub signatures: SignatureMode,
    /// Whose signatures count: public keys by a name of the operator's choice.
    pub trusted_keys: BTreeMap<String, String>,
    /// Whose count no longer, also where they are trusted: the reason by the key's id.
    pub revoked_keys: BTreeMap<String, String>,

    pub body_bytes_max: usize,
    pub json_depth_max: usize,
    pub batch_events_max: usize,
    /// Decisions on one page.
    pub page_max: u32,
    /// Time for a client to send the head of a request.
    pub header_timeout_ms: u64,
    /// Time for a request to be answered; an accepted event is finished all the same.
    pub request_timeout_ms: u64,
    /// Time for what was accepted to finish when the server stops.
    pub shutdown_timeout_ms: u64,
    pub connections_max: usize,
    /// Requests in flight, all routes together.
    pub concurrent_requests_max: usize,
    /// Requests that one key may make in a second, and at once.
    pub rate_per_second: u32,
    pub rate_burst: u32,
    /// How far in the future an event's time may lie.
    pub event_ahead_ms_max: i64,

    /// Wall time of all detectors together on one event; and, before that, of reading what they are told
    /// of its past.
    pub event_deadline_ms: u64,
    /// Processor time of one detector on one event: the ceiling of what a manifest may ask for.
    pub detector_deadline_ms: u64,
    /// Memory of one detector: the ceiling of what a manifest may ask for.
    pub detector_memory_bytes: usize,
    /// What one answer of a detector may hold, how many signals it may have, and what may be logged
    /// about one event: the ceilings of what a manifest may ask for.
    pub detector_output_bytes: usize,
    pub detector_signals: usize,
    pub detector_log_bytes: usize,
    pub detector_log_lines: usize,
    pub detector_file_bytes_max: u64,
    /// One run in so many is done again and compared, to find detectors that are no functions; those
    /// that are granted warm instances ten times as often. 0: none.
    pub purity_check_every: u64,
    /// Processor time for compiling one detector that is not bundled; rounded up to whole seconds.
    pub compile_cpu_ms: u64,
    /// Memory that compiling one may use.
    pub compile_memory_bytes: u64,
    /// Wall time for compiling one.
    pub compile_wall_ms: u64,
    /// Compiled detectors on disk, in `data_dir`; what was not used for longest goes first.
    pub cache_bytes_max: u64,
    /// How long an upload of a detector may stand still.
    pub upload_idle_timeout_ms: u64,
    /// How long one request of an upload may take, however steadily it comes.
    pub upload_timeout_ms: u64,
    /// Uploads that have begun and are not whole: all together, and how long each is kept.
    pub uploads_bytes_max: u64,
    pub uploads_age_ms_max: u64,
    /// Events that wait for an evaluation thread.
    pub evaluation_queue_max: usize,
    /// Connections to the database that read, besides the one that writes.
    pub database_readers_max: u32,
    /// How long one statement may take on PostgreSQL.
    pub database_timeout_ms: u64,
    /// Decisions that wait for the disk.
    pub commit_queue_max: usize,
    /// Decisions that share one flush.
    pub commit_batch_max: usize,

    /// Where the actions of a source are sent, by source: one, or a list of them with names. A source without
    /// one has nothing sent.
    #[serde(deserialize_with = "destination::by_source")]
    pub destinations: BTreeMap<String, Destination>,
    /// Whom a source writes e-mails to, by source: one, or a list of them.
    #[serde(deserialize_with = "email::by_source")]
    pub email: BTreeMap<String, Vec<Email>>,
    /// Whom it writes short messages to, likewise.
    #[serde(deserialize_with = "sms::by_source")]
    pub sms: BTreeMap<String, Vec<Sms>>,
    /// The rules that raise alerts, by name.
    pub alerts: BTreeMap<String, WrittenAlert>,
    /// Time for a destination to answer.
    pub delivery_timeout_ms: u64,
    /// Requests in flight to one destination.
    pub delivery_concurrent_max: usize,
    /// Tries before a delivery is dead.
    pub delivery_attempts_max: u32,
    /// How long until the second try, the third, and so on; the last one holds for all that follow. By
    /// chance it is up to half as long again, or up to half shorter.
    pub delivery_retry_ms: Vec<u64>,

    /// Days for which decisions are kept with their events, where nothing was enforced and where
    /// something was; 0: for ever. What is held (`picket hold`) stays. The ids of events that went stay spent,
    /// some 35 bytes each.
    pub retention_allowed_days: u32,
    pub retention_enforced_days: u32,

    /// What the audit log is called in its checkpoints; empty: after the host key.
    pub audit_origin: String,
    /// How often a checkpoint of the audit log is signed and sent on; 0: only when asked for.
    pub checkpoint_every_s: u64,
    /// A file that always holds the newest checkpoint; empty: none.
    pub checkpoint_file: PathBuf,
    /// Where each checkpoint is posted to; empty: nowhere.
    pub checkpoint_url: String,
    /// A file with the certificates (PEM) of those who may vouch for `checkpoint_url`; empty: those that
    /// the system trusts.
    pub checkpoint_ca_file: PathBuf,
    /// Whether each checkpoint is written to standard output.
    pub checkpoint_stdout: bool,
    /// How many days checkpoints stay in `data_dir/checkpoints`.
    pub checkpoint_days_max: u32,

    /// Where a file of `detectors_dir` lands, and of `policies_dir` where its source has had a policy:
    /// `active`, for development, or `shadow`. With `two_person` always `shadow`.
    pub folder_stage: Landing,
    /// Whether a version of a detector or a policy is promoted by another key than the one that published
    /// it, and none lands active.
    pub two_person: bool,
    /// Where an uploaded file lands, by source, `*` for the others; `shadow` unless written.
    pub upload_stage: BTreeMap<String, Landing>,
    /// What detectors may read, say and use: a table for each, `*` for the others.
    pub detectors: DetectorRules,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database_url: String::new(),
            allow_unsafe_database: false,
            data_dir: "picket-data".into(),
            detectors_dir: "detectors".into(),
            policies_dir: "policies".into(),
            bundled: true,
            migrate: true,
            watch: true,
            signatures: SignatureMode::Off,
            trusted_keys: BTreeMap::new(),
            revoked_keys: BTreeMap::new(),
            body_bytes_max: 1 << 20,
            json_depth_max: 32,
            batch_events_max: 1_000,
            page_max: 200,
            header_timeout_ms: 10_000,
            request_timeout_ms: 10_000,
            shutdown_timeout_ms: 30_000,
            connections_max: 4_096,
            concurrent_requests_max: 1_024,
            rate_per_second: 10_000,
            rate_burst: 20_000,
            event_ahead_ms_max: 300_000,
            event_deadline_ms: 50,
            detector_deadline_ms: 10,
            detector_memory_bytes: 64 << 20,
            detector_output_bytes: 256 << 10,
            detector_signals: 64,
            detector_log_bytes: 4 << 10,
            detector_log_lines: 16,
            detector_file_bytes_max: 64 << 20,
            purity_check_every: 1_000,
            compile_cpu_ms: 60_000,
            compile_memory_bytes: 1536 << 20,
            compile_wall_ms: 120_000,
            cache_bytes_max: 2 << 30,
            upload_idle_timeout_ms: 30_000,
            upload_timeout_ms: 30 * 60_000,
            uploads_bytes_max: 1 << 30,
            uploads_age_ms_max: 24 * 3_600_000,
            evaluation_queue_max: 2_048,
            database_readers_max: 4,
            database_timeout_ms: 10_000,
            commit_queue_max: 4_096,
            commit_batch_max: 256,
            destinations: BTreeMap::new(),
            email: BTreeMap::new(),
            sms: BTreeMap::new(),
            alerts: BTreeMap::new(),
            delivery_timeout_ms: 15_000,
            delivery_concurrent_max: 32,
            delivery_attempts_max: 10,
            delivery_retry_ms: delivery_retry_ms(),
            retention_allowed_days: 0,
            retention_enforced_days: 0,
            audit_origin: String::new(),
            checkpoint_every_s: 60,
            checkpoint_file: PathBuf::new(),
            checkpoint_url: String::new(),
            checkpoint_ca_file: PathBuf::new(),
            checkpoint_stdout: false,
            checkpoint_days_max: 400,
            folder_stage: Landing::Active,
            two_person: false,
            upload_stage: BTreeMap::new(),
            detectors: DetectorRules::default(),
        }
    }
}

/// The schedule that the Standard Webhooks specification gives as its example: three days in all.
fn delivery_retry_ms() -> Vec<u64> {
    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    let hours = [2, 5, 10, 14, 20, 24].map(|hours| hours * HOUR);
    [[5_000, 5 * MINUTE, 30 * MINUTE].as_slice(), &hours].concat()
}

/// What is wrong with the configuration, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    /// `picket.toml:3` or `PICKET_LISTEN`.
    pub place: String,
    pub problem: String,
}

impl Config {
    /// Reads a file, where one is named or `picket.toml` is here, and the environment.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an unknown key, a value of another type or out of range.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let named = file.is_some();
        let path = file.unwrap_or(Path::new("picket.toml"));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if !named && error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                let place = path.display().to_string();
                return Err(ConfigError { place, problem: format!("cannot be read: {error}") });
            }
        };
        let variables = std::env::vars().filter(|(name, _)| name.starts_with("PICKET_"));
        Self::parse(&path.display().to_string(), &text, variables)
    }

    /// Puts together the text of a file and variables.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(
        file: &str,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let known = known_keys();
        check_keys(file, text, &known)?;
        let mut table: toml::Table = text.parse().map_err(|error| at_line(file, text, &error))?;
        for (name, value) in variables {
            let key = name.trim_start_matches("PICKET_").to_ascii_lowercase();
            if OTHER_VARIABLES.contains(&key.as_str()) {
                continue;
            }
            let Some(kind) = known.get(&key) else {
                return Err(ConfigError {
                    place: name,
                    problem: unknown(&key, &known, &|key| {
                        format!("PICKET_{}", key.to_ascii_uppercase())
                    }),
                });
            };
            let value = variable(&value, kind)
                .map_err(|problem| ConfigError { place: name.clone(), problem })?;
            table.insert(key.clone(), value.clone());
            // Each by itself, so that an error names the variable and not the file.
            let alone = toml::Table::from_iter([(key, value)]);
            alone.try_into::<Self>().map_err(|error| ConfigError {
                place: name,
                problem: error.message().to_owned(),
            })?;
        }
        // With the file's own text first, so that an error can name its line.
        toml::from_str::<Self>(text).map_err(|error| at_line(file, text, &error))?;
        let config: Self = table.try_into().map_err(|error: toml::de::Error| ConfigError {
            place: file.to_owned(),
            problem: error.message().to_owned(),
        })?;
        config.check(file)?;
        Ok(config)
    }

    /// Where the database is.
    pub fn database_url(&self) -> String {
        match self.database_url.is_empty() {
            true => format!("sqlite://{}", self.data_dir.join("picket.db").display()),
            false => self.database_url.clone(),
        }
    }

    pub fn event_bounds(&self) -> EventBounds {
        EventBounds { json_depth_max: self.json_depth_max, ahead_ms_max: self.event_ahead_ms_max }
    }

    /// How many rows a page has that is asked for with this `limit`, or with none.
    ///
    /// # Errors
    /// What a limit may be.
    pub fn page_size(&self, limit: Option<u32>, default: u32) -> Result<usize, String> {
        let limit = limit.unwrap_or(self.page_max.min(default));
        match (1..=self.page_max).contains(&limit) {
            true => Ok(limit as usize),
            false => Err(format!("the query: `limit` lies in 1..={} (page_max)", self.page_max)),
        }
    }

    pub fn event_deadline(&self) -> Duration {
        Duration::from_millis(self.event_deadline_ms)
    }

    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}
