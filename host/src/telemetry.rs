//! What the operator sees: logs and metrics. No globals: the registry is built by `app`.

mod deliveries;
mod features;
mod labels;

use std::io::IsTerminal;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tracing_subscriber::EnvFilter;

use crate::model::{Decision, Finding, Outcome, Stage};
use labels::{
    CheckpointLabels, CostLabels, DecisionLabels, DetectorLabels, EvaluationLabels, EventLabels,
    IncidentLabels, LoadLabels, PurityLabels, QueueLabels, RequestLabels, SignatureLabels,
};

pub use deliveries::Deliveries;
pub use features::Features;

/// Starts logging to standard error: pretty on a terminal, JSON otherwise. `PICKET_LOG` sets the
/// filter, `info` unless set.
pub fn start_logging(default: &str) {
    let filter = EnvFilter::try_from_env("PICKET_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_target(false).init();
    } else {
        logs.json().flatten_event(true).with_ansi(false).init();
    }
}

/// Every number that `/metrics` shows. Labels are bounded: names of sources, tiers and detectors
/// that were loaded, never text of an event.
pub struct Metrics {
    registry: Registry,
    events: Family<EventLabels, Counter>,
    decisions: Family<DecisionLabels, Counter>,
    evaluations: Family<EvaluationLabels, Counter>,
    cost: Family<CostLabels, Histogram>,
    breakers: Family<DetectorLabels, Gauge>,
    purity_checks: Family<PurityLabels, Counter>,
    incidents: Family<IncidentLabels, Counter>,
    event_seconds: Histogram,
    checkpoints: Family<CheckpointLabels, Counter>,
    loads: Family<LoadLabels, Counter>,
    signatures: Family<SignatureLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    queues: Family<QueueLabels, Gauge>,
    pub deliveries: Deliveries,
    pub features: Features,
    generation: Gauge,
}

/// Seconds: from 4 us, a cheap detector, to 65 ms, beyond any deadline.
const COST_BUCKETS: [f64; 8] = [4e-6, 16e-6, 64e-6, 256e-6, 1e-3, 4e-3, 16e-3, 65e-3];
/// Seconds: from 1 ms to 4 s.
const CALL_BUCKETS: [f64; 8] = [1e-3, 2e-3, 5e-3, 10e-3, 30e-3, 100e-3, 500e-3, 4.0];

/// What became of an event that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    Decided,
    Accepted,
    Duplicate,
    Conflict,
    /// Its id is of an event that was erased.
    Erased,
    Shed,
    Failed,
    /// Not a valid event; under no source, for none can be believed.
    Invalid,
}

/// What came of a run that was done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    Same,
    Differs,
    /// One of the two did not come to an end that can be compared.
    Not,
}

/// A share in a gauge: one while it is raised. Lowered when it is dropped.
#[derive(Debug)]
pub struct Raised {
    gauge: Gauge,
    up: bool,
}

impl Raised {
    pub fn set(&mut self, up: bool) {
        match (self.up, up) {
            (false, true) => _ = self.gauge.inc(),
            (true, false) => _ = self.gauge.dec(),
            _ => {}
        }
        self.up = up;
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// What became of a detector's or policy's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    Published,
    Refused,
    Retired,
}

/// What was found of the signature of a detector's file, where signatures are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vouched {
    Signed,
    Unsigned,
    /// There is one, and it is not good.
    Untrusted,
}

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("picket");
        let metrics = Self {
            events: Family::default(),
            decisions: Family::default(),
            evaluations: Family::default(),
            cost: Family::new_with_constructor(|| Histogram::new(COST_BUCKETS)),
            breakers: Family::default(),
            purity_checks: Family::default(),
            incidents: Family::default(),
            event_seconds: Histogram::new(CALL_BUCKETS),
            checkpoints: Family::default(),
            loads: Family::default(),
            signatures: Family::default(),
            requests: Family::default(),
            queues: Family::default(),
            deliveries: Deliveries::default(),
            features: Features::default(),
            generation: Gauge::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register("events", "Events received, by what became of them", metrics.events.clone());
        r.register(
            "decisions",
            "Decisions recorded, by what they enforce",
            metrics.decisions.clone(),
        );
        r.register(
            "evaluations",
            "Runs of a detector on an event, by outcome",
            metrics.evaluations.clone(),
        );
        r.register_with_unit(
            "evaluation",
            "Processor time of one run of a detector",
            Unit::Seconds,
            metrics.cost.clone(),
        );
        r.register(
            "breaker_open",
            "Versions of a detector that are not run, for they failed too often",
            metrics.breakers.clone(),
        );
        r.register(
            "purity_checks",
            "Runs that were done again and compared",
            metrics.purity_checks.clone(),
        );
        r.register(
            "incidents",
            "What happened to detectors while events ran; `dropped` were too many at once",
            metrics.incidents.clone(),
        );
        r.register_with_unit(
            "event",
            "Wall time from a valid event to its durable decision",
            Unit::Seconds,
            metrics.event_seconds.clone(),
        );
        r.register(
            "checkpoints",
            "Checkpoints of the audit log, by where they went and whether they got there",
            metrics.checkpoints.clone(),
        );
        r.register(
            "loads",
            "Files offered as detectors or policies, by result",
            metrics.loads.clone(),
        );
        r.register(
            "signatures",
            "Detectors that were let in while signatures are looked at, by what theirs is worth",
            metrics.signatures.clone(),
        );
        r.register(
            "http_requests",
            "Requests answered, by route and status",
            metrics.requests.clone(),
        );
        r.register(
            "queue_depth",
            "What waits: events for a thread, decisions for the disk",
            metrics.queues.clone(),
        );
        metrics.deliveries.register(r);
        metrics.features.register(r);
        r.register(
            "generation",
            "The set of detectors and policies that is live",
            metrics.generation.clone(),
        );
        Self { registry, ..metrics }
    }

    pub fn event(&self, source: &str, received: Received) {
        let result = match received {
            Received::Decided => "decided",
            Received::Accepted => "accepted",
            Received::Duplicate => "duplicate",
            Received::Conflict => "conflict",
            Received::Erased => "erased",
            Received::Shed => "shed",
            Received::Failed => "failed",
            Received::Invalid => "invalid",
        };
        self.events.get_or_create(&EventLabels { source: source.to_owned(), result }).inc();
    }

    pub fn decision(&self, decision: &Decision, took: Duration) {
        let labels = DecisionLabels {
            source: decision.source.clone(),
            mode: decision.mode.as_str(),
            tier: decision.tier.clone(),
            action: decision.action.as_str(),
        };
        self.decisions.get_or_create(&labels).inc();
        self.event_seconds.observe(took.as_secs_f64());
    }

    pub fn findings(&self, findings: &[Finding]) {
        for finding in findings {
            let detector = finding.detector.clone();
            let stage = finding.stage.map_or("absent", Stage::as_str);
            let outcome = finding.outcome.as_str();
            self.evaluations
                .get_or_create(&EvaluationLabels { detector: detector.clone(), stage, outcome })
                .inc();
            // What did not run cost nothing, and would hide what those cost that did.
            if finding.outcome == Outcome::Skipped {
                continue;
            }
            let cost = Duration::from_micros(finding.micros);
            self.cost.get_or_create(&CostLabels { detector, stage }).observe(cost.as_secs_f64());
        }
    }

    /// The share of one version of a detector in the open breakers.
    pub fn breaker(&self, detector: &str) -> Raised {
        let labels = DetectorLabels { detector: detector.to_owned() };
        Raised { gauge: self.breakers.get_or_create(&labels).clone(), up: false }
    }

    pub fn purity_check(&self, detector: &str, compared: Compared) {
        let result = match compared {
            Compared::Same => "same",
            Compared::Differs => "differs",
            Compared::Not => "not_compared",
        };
        let labels = PurityLabels { detector: detector.to_owned(), result };
        self.purity_checks.get_or_create(&labels).inc();
    }

    /// What came of sending a checkpoint on, or, at `signing`, of making one.
    pub fn checkpoint(&self, outlet: &'static str, is_done: bool) {
        let result = if is_done { "done" } else { "failed" };
        self.checkpoints.get_or_create(&CheckpointLabels { outlet, result }).inc();
    }

    pub fn incident(&self, kind: &'static str) {
        self.incidents.get_or_create(&IncidentLabels { kind }).inc();
    }

    pub fn load(&self, kind: &'static str, loaded: Loaded) {
        let result = match loaded {
            Loaded::Published => "published",
            Loaded::Refused => "refused",
            Loaded::Retired => "retired",
        };
        self.loads.get_or_create(&LoadLabels { kind, result }).inc();
    }

    pub fn signature(&self, vouched: Vouched) {
        let result = match vouched {
            Vouched::Signed => "signed",
            Vouched::Unsigned => "unsigned",
            Vouched::Untrusted => "untrusted",
        };
        self.signatures.get_or_create(&SignatureLabels { result }).inc();
    }

    pub fn request(&self, route: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// Sets what is read off at the moment of asking.
    pub fn set_depths(&self, evaluation: usize, commit: usize, generation: u64) {
        let set = |queue, depth| {
            let depth = i64::try_from(depth).unwrap_or(i64::MAX);
            self.queues.get_or_create(&QueueLabels { queue }).set(depth);
        };
        set("evaluation", evaluation);
        set("commit", commit);
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        text::encode(&mut out, &self.registry).expect("writing to a string does not fail");
        out
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
