//! One immutable set of detectors, policies and modes. An event sees exactly one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Mode, PolicyRef, TypePattern};
use crate::policy::Policy;
use crate::runtime::Prepared;
use crate::store::{EVERY_SOURCE, Origin};

/// A detector that runs.
pub struct LiveDetector {
    pub prepared: Prepared,
    /// The only source that it serves, or every one.
    pub source: String,
    pub origin: Origin,
}

/// A policy that judges.
pub struct LivePolicy {
    pub policy: Policy,
    /// Numbered by the store.
    pub version: u32,
    pub origin: Origin,
}

/// What is live, under one generation number.
pub struct Snapshot {
    generation: u64,
    /// Invariant: sorted by name, so that findings are.
    detectors: Vec<LiveDetector>,
    /// Which detectors want a pattern of event types: few patterns, many detectors.
    wants: Vec<(TypePattern, Vec<usize>)>,
    policies: BTreeMap<String, Arc<LivePolicy>>,
    modes: BTreeMap<String, Mode>,
}

impl LivePolicy {
    pub fn reference(&self) -> PolicyRef {
        PolicyRef {
            name: self.policy.name().to_owned(),
            version: self.version,
            digest: self.policy.digest(),
        }
    }
}

impl Snapshot {
    pub(super) fn empty() -> Self {
        Self::new(0, Vec::new(), BTreeMap::new(), BTreeMap::new())
    }

    pub(super) fn new(
        generation: u64,
        mut detectors: Vec<LiveDetector>,
        policies: BTreeMap<String, Arc<LivePolicy>>,
        modes: BTreeMap<String, Mode>,
    ) -> Self {
        detectors.sort_by(|a, b| {
            let name = |live: &LiveDetector| live.prepared.manifest().name.clone();
            (name(a), &a.source).cmp(&(name(b), &b.source))
        });
        let mut wants: BTreeMap<TypePattern, Vec<usize>> = BTreeMap::new();
        for (index, live) in detectors.iter().enumerate() {
            for pattern in &live.prepared.manifest().events {
                wants.entry(pattern.clone()).or_default().push(index);
            }
        }
        Self { generation, detectors, wants: wants.into_iter().collect(), policies, modes }
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Every detector, sorted by name.
    pub fn detectors(&self) -> &[LiveDetector] {
        &self.detectors
    }

    /// The detectors that want events of this type from this source, sorted by name.
    pub fn subscribed(&self, source: &str, event_type: &str) -> Vec<&LiveDetector> {
        let wanting = self.wants.iter().filter(|(pattern, _)| pattern.matches(event_type));
        let mut indices: Vec<usize> = wanting.flat_map(|(_, indices)| indices).copied().collect();
        indices.sort_unstable();
        indices.dedup();
        let detectors = indices.into_iter().map(|index| &self.detectors[index]);
        detectors.filter(|live| serves(live, source)).collect()
    }

    /// Whether a detector of this name serves the source, whatever events it wants.
    pub fn has(&self, source: &str, name: &str) -> bool {
        let named = |live: &&LiveDetector| live.prepared.manifest().name == name;
        self.detectors.iter().filter(named).any(|live| serves(live, source))
    }

    /// The policy that speaks for a source.
    pub fn policy(&self, source: &str) -> Option<Arc<LivePolicy>> {
        self.policies.get(source).cloned()
    }

    pub fn policies(&self) -> impl Iterator<Item = &Arc<LivePolicy>> {
        self.policies.values()
    }

    /// The sources for which a policy speaks, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    pub fn mode(&self, source: &str) -> Mode {
        self.modes.get(source).copied().unwrap_or_default()
    }
}

fn serves(live: &LiveDetector, source: &str) -> bool {
    live.source == EVERY_SOURCE || live.source == source
}
