//! How far what is declared about the past is filled.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// One number for each definition that live detectors declare.
#[derive(Default)]
pub struct Features {
    filled: Family<FeatureLabels, Gauge<f64, AtomicU64>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FeatureLabels {
    source: String,
    feature: String,
}

impl Features {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "feature_filled",
            "How much of the events from before it was declared a feature has, from 0 to 1",
            self.filled.clone(),
        );
    }

    /// Sets them all; of others nothing is shown any more.
    pub fn set(&self, shares: impl Iterator<Item = (String, String, f64)>) {
        self.filled.clear();
        for (source, feature, share) in shares {
            self.filled.get_or_create(&FeatureLabels { source, feature }).set(share);
        }
    }
}
