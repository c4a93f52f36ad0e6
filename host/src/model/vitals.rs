//! How a version of a detector fares where it runs: counts, costs, and its last lines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Outcome, Timestamp};

/// How a version fares on this server since it went live here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Vitals {
    /// Runs on events. Those that were skipped, probes and purity checks are not among them.
    pub calls: u64,
    /// How often each outcome was recorded, `skipped` included; those that never were are left out.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Runs that found something.
    pub fired: u64,
    pub cost: Cost,
    /// The most linear memory that a run held.
    pub memory_bytes_max: usize,
    /// The most that the signals of a run held, strings and lists together.
    pub output_bytes_max: usize,
    pub purity: PurityChecks,
    /// Why it is not run, while its breaker is open.
    pub quarantine: Option<Quarantine>,
}

/// Processor time of a run, in microseconds, to within 1%.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cost {
    pub p50_micros: u64,
    pub p99_micros: u64,
    pub max_micros: u64,
}

/// Runs that were done twice and compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurityChecks {
    pub compared: u64,
    pub differed: u64,
}

/// A breaker that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quarantine {
    pub why: String,
    /// Probes in a row that went well.
    pub probes_passed: u32,
    /// Until the next event may be a probe.
    pub next_probe_ms: u64,
}

/// Something that a detector wrote, or how a run of it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Greater than that of every earlier line of the version, also across restarts.
    pub number: u64,
    pub time: Timestamp,
    /// The event's source and id.
    pub source: String,
    pub event: String,
    pub level: LogLevel,
    /// Without what a terminal obeys, and without the texts that the detector was given.
    pub line: String,
}

/// How grave a line is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}
