//! The numbers of what leaves.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::model::AttemptOutcome;

/// What waits, what is given up, and what came of tries. Sources are those of the record.
#[derive(Default)]
pub struct Deliveries {
    attempts: Family<AttemptLabels, Counter>,
    pending: Family<SourceLabels, Gauge>,
    dead: Family<SourceLabels, Gauge>,
    oldest: Family<SourceLabels, Gauge>,
    disabled: Family<SourceLabels, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    source: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

impl Deliveries {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "delivery_attempts",
            "Tries to tell a platform what to do, by what came of them",
            self.attempts.clone(),
        );
        registry.register(
            "deliveries_pending",
            "What is still to be delivered; 100000 stands for that and more",
            self.pending.clone(),
        );
        registry.register(
            "deliveries_dead",
            "What was given up and not replayed; 100000 stands for that and more",
            self.dead.clone(),
        );
        registry.register_with_unit(
            "delivery_oldest",
            "Age of the oldest that is still to be delivered",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "destination_disabled",
            "1 where a destination wants no more, so that nothing is sent there until it is enabled",
            self.disabled.clone(),
        );
    }

    pub fn attempt(&self, source: &str, outcome: AttemptOutcome) {
        let labels = AttemptLabels { source: source.to_owned(), outcome: outcome.as_str() };
        self.attempts.get_or_create(&labels).inc();
    }

    /// Sets what is read off at the moment of asking.
    pub fn set_backlog(
        &self,
        source: &str,
        pending: u64,
        dead: u64,
        oldest_s: i64,
        disabled: bool,
    ) {
        let labels = SourceLabels { source: source.to_owned() };
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.pending.get_or_create(&labels).set(signed(pending));
        self.dead.get_or_create(&labels).set(signed(dead));
        self.oldest.get_or_create(&labels).set(oldest_s);
        self.disabled.get_or_create(&labels).set(i64::from(disabled));
    }
}
