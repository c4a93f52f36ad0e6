//! One immutable set of detectors, policies and modes. An event sees exactly one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cohort::Cohort;
use super::judges::{Judges, LivePolicy};
use crate::model::{Definition, Event, Input, Isolation, Mode, Stage, TypePattern};
use crate::policy::Reads;
use crate::runtime::Prepared;
use crate::store::{EVERY_SOURCE, Origin};

/// A version of a detector that runs.
#[derive(Clone)]
pub struct LiveDetector {
    /// The row that it stands for.
    pub deployment: i64,
    pub prepared: Prepared,
    /// The only source that it serves, or every one.
    pub source: String,
    pub origin: Origin,
    pub stage: Stage,
    /// Of a quarantined one: the stage that it had.
    pub before: Option<Stage>,
    /// Of a canary: for which subjects it counts.
    pub cohort: Option<Cohort>,
    pub isolation: Isolation,
}

/// A detector that sees an event.
#[derive(Clone, Copy)]
pub struct Subscribed<'a> {
    pub live: &'a LiveDetector,
    /// Whether what it finds has a say in this event: of each name at most one has.
    pub counted: bool,
}

/// What is live, under one generation number.
pub struct Snapshot {
    generation: u64,
    /// Of the snapshots of one generation, which: code that was not at hand may come later.
    turn: u32,
    /// Invariant: sorted by name, then stage, so that findings are.
    detectors: Vec<LiveDetector>,
    /// Which detectors want a pattern of event types: few patterns, many detectors.
    wants: Vec<(TypePattern, Vec<usize>)>,
    /// What they and the policies declare about the past, by the source that they declare it for; each once, and
    /// only where there is something.
    definitions: BTreeMap<String, Vec<Definition>>,
    /// Whether one of them asks about a list.
    lists: bool,
    policies: BTreeMap<String, Judges>,
    modes: BTreeMap<String, Mode>,
    /// Rows that should run and do not, with the reason.
    unloaded: BTreeMap<i64, String>,
}

impl Snapshot {
    pub(super) fn empty() -> Self {
        Self::new(0, Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new())
    }

    /// A set of its own; the one that is live is built from the rows by the registry.
    pub fn new(
        generation: u64,
        mut detectors: Vec<LiveDetector>,
        policies: BTreeMap<String, Judges>,
        modes: BTreeMap<String, Mode>,
        unloaded: BTreeMap<i64, String>,
    ) -> Self {
        detectors.sort_by(|a, b| {
            let key = |live: &'_ LiveDetector| (live.stage, live.deployment);
            name(a).cmp(name(b)).then_with(|| key(a).cmp(&key(b)))
        });
        let mut wants: BTreeMap<TypePattern, Vec<usize>> = BTreeMap::new();
        for (index, live) in detectors.iter().enumerate() {
            for pattern in &live.prepared.manifest().events {
                wants.entry(pattern.clone()).or_default().push(index);
            }
        }
        let definitions = policies.iter().filter_map(|(source, judges)| {
            let serving = detectors.iter().filter(|live| serves(live, source));
            let inputs = serving.flat_map(|live| &live.prepared.manifest().inputs);
            let inputs = inputs.chain(judges.all().flat_map(|live| live.policy.asks()));
            let mut declared: Vec<_> =
                inputs.filter_map(|input| Definition::of(source, input)).collect();
            declared.sort_by_key(|definition| definition.id);
            declared.dedup();
            (!declared.is_empty()).then(|| (source.clone(), declared))
        });
        let definitions = definitions.collect();
        let mut inputs = detectors.iter().flat_map(|live| &live.prepared.manifest().inputs);
        let lists = inputs.any(|input| matches!(input, Input::List { .. }));
        Self {
            generation,
            turn: 0,
            detectors,
            definitions,
            lists,
            wants: wants.into_iter().collect(),
            policies,
            modes,
            unloaded,
        }
    }

    /// The same, after another one in this process.
    pub(super) fn following(self, before: &Self) -> Self {
        let turn = if self.generation == before.generation { before.turn + 1 } else { 0 };
        Self { turn, ..self }
    }

    /// Whether it is of other rows, or another part of them runs.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        (self.generation, &self.unloaded) != (other.generation, &other.unloaded)
    }

    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Ascends from one snapshot of this process to the next.
    pub fn edition(&self) -> (u64, u32) {
        (self.generation, self.turn)
    }

    /// Every detector, sorted by name.
    pub fn detectors(&self) -> &[LiveDetector] {
        &self.detectors
    }

    /// What live detectors and policies declare about the past of every source, whatever their stage.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.definitions.values().flatten()
    }

    /// What they declare about the past of one.
    pub fn definitions_of(&self, source: &str) -> &[Definition] {
        self.definitions.get(source).map_or(&[], Vec::as_slice)
    }

    /// Whether a live detector asks about a list.
    pub fn asks_about_lists(&self) -> bool {
        self.lists
    }

    /// Of the definitions, what the detectors want that see this event, and the policies that judge it, as far
    /// as that is known before there are findings; first what those want that count.
    pub fn definitions_for(&self, event: &Event) -> Vec<&Definition> {
        let declared = self.definitions_of(&event.source);
        // Most sets have none.
        if declared.is_empty() {
            return Vec::new();
        }
        let seen = self.subscribed(event);
        let decides = self.judges(&event.source).map(|it| it.of(&event.subject).deployment);
        let wants = |inputs: &[Input], definition: &Definition| inputs.contains(&definition.input);
        let counts = |definition: &Definition| {
            let seen = seen
                .iter()
                .filter(|it| wants(&it.live.prepared.manifest().inputs, definition))
                .map(|it| it.counted);
            let asking = self
                .judging(event)
                .filter(|live| wants(live.policy.asks(), definition))
                .map(|live| Some(live.deployment) == decides);
            seen.chain(asking).max()
        };
        let wanted = declared.iter().filter(|it| it.input.entities().is_none());
        let wanted = wanted.filter_map(|it| counts(it).map(|counts| (it, counts)));
        let (first, then): (Vec<_>, Vec<_>) = wanted.partition(|(_, counts)| *counts);
        first.into_iter().chain(then).map(|(definition, _)| definition).collect()
    }

    /// Of the definitions, what the policies that judge this event want to know of what its signals carry.
    pub fn definitions_of_entities(&self, event: &Event) -> Vec<&Definition> {
        let declared = self.definitions_of(&event.source).iter();
        // Most sets have none.
        let mut wanted: Vec<_> = declared.filter(|it| it.input.entities().is_some()).collect();
        wanted.retain(|it| self.judging(event).any(|live| live.policy.asks().contains(&it.input)));
        wanted
    }

    /// What the policies that judge this event ask about its account.
    pub fn reads(&self, event: &Event) -> Reads {
        let asked = self.judging(event).map(|live| live.policy.reads());
        asked.fold(Reads::default(), Reads::and)
    }

    /// The policies that judge an event, those on trial as well.
    fn judging(&self, event: &Event) -> impl Iterator<Item = &Arc<LivePolicy>> {
        let judges = self.judges(&event.source).into_iter().flat_map(Judges::all);
        judges.filter(|live| live.policy.judges(&event.kind))
    }

    /// Deployments that should run and do not, with the reason.
    pub fn unloaded(&self) -> &BTreeMap<i64, String> {
        &self.unloaded
    }

    /// The detectors that see this event, sorted by name and stage. Of each name and stage the one
    /// that is deployed for the source outranks the one that serves every source.
    pub fn subscribed(&self, event: &Event) -> Vec<Subscribed<'_>> {
        let wanting = self.wants.iter().filter(|(pattern, _)| pattern.matches(&event.kind));
        let mut indices: Vec<usize> = wanting.flat_map(|(_, indices)| indices).copied().collect();
        indices.sort_unstable();
        indices.dedup();
        let detectors = indices.into_iter().map(|index| &self.detectors[index]);
        let serving: Vec<_> = detectors.filter(|live| serves(live, &event.source)).collect();
        let mut seen = Vec::with_capacity(serving.len());
        for group in serving.chunk_by(|a, b| name(a) == name(b)) {
            let first = seen.len();
            for &live in group {
                let outranked = live.source == EVERY_SOURCE
                    && live.stage != Stage::Quarantined
                    && group.iter().any(|it| it.stage == live.stage && it.source != EVERY_SOURCE);
                if !outranked {
                    seen.push(Subscribed { live, counted: false });
                }
            }
            if let Some(counts) = counts(&seen[first..], &event.subject) {
                seen[first + counts].counted = true;
            }
        }
        seen
    }

    /// Whether a detector of this name is to be heard about the source, whatever events it wants:
    /// one in shadow is not, one in quarantine is and is missed.
    pub fn has(&self, source: &str, detector: &str) -> bool {
        let heard = |live: &LiveDetector| live.before.unwrap_or(live.stage) != Stage::Shadow;
        let named = self.detectors.iter().filter(|live| name(live) == detector);
        named.filter(|live| heard(live)).any(|live| serves(live, source))
    }

    /// The policies that judge a source.
    pub fn judges(&self, source: &str) -> Option<&Judges> {
        self.policies.get(source)
    }

    /// The policy that speaks for a source: the active one.
    pub fn policy(&self, source: &str) -> Option<Arc<LivePolicy>> {
        self.judges(source).map(Judges::active).cloned()
    }

    /// The active policy of each source.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<LivePolicy>> {
        self.policies.values().map(Judges::active)
    }

    /// The sources for which a policy speaks, sorted.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.policies.keys().map(String::as_str)
    }

    pub fn mode(&self, source: &str) -> Mode {
        self.modes.get(source).copied().unwrap_or_default()
    }
}

/// Which of the versions of one detector has a say about this subject: the canary if the subject is
/// in its share, otherwise the active one, otherwise one that was active until it was quarantined,
/// so that it is missed.
fn counts(versions: &[Subscribed<'_>], subject: &str) -> Option<usize> {
    let find = |is: &dyn Fn(&LiveDetector) -> bool| versions.iter().position(|it| is(it.live));
    // A source that chose a version for itself is not in the share of what is for every source.
    let own = |live: &LiveDetector| live.stage == Stage::Active && live.source != EVERY_SOURCE;
    let chosen = versions.iter().any(|it| own(it.live));
    find(&|live| {
        let counted = live.cohort.as_ref().is_some_and(|cohort| cohort.holds(subject));
        counted && !(chosen && live.source == EVERY_SOURCE)
    })
    .or_else(|| find(&|live| live.stage == Stage::Active))
    .or_else(|| find(&|live| live.before == Some(Stage::Active)))
}

fn name(live: &LiveDetector) -> &str {
    &live.prepared.manifest().name
}

fn serves(live: &LiveDetector, source: &str) -> bool {
    live.source == EVERY_SOURCE || live.source == source
}
