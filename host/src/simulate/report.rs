//! What a simulation came to, for programs: the JSON, and all that the page shows. Two sides stand in it:
//! `before` is what was decided, or the policy that the candidate is held against; `after` is the candidate.
//! What is personal is not in it: accounts are hashes, and nothing is quoted of events but the ids of a file's.

use serde::Serialize;

use super::past::Said;
use super::plan::DetectorSaid;
use crate::model::{Action, Digest, Direction, Score, Timestamp};

/// Grows where the meaning of a field changes.
pub const FORMAT: u32 = 1;
/// Bins of the histogram of scores, of the same width.
pub const BINS: usize = 40;

/// What came of a simulation. The same for the same input, to the byte.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub format: u32,
    pub candidate: PolicySaid,
    /// Detectors that were run. What the others had found is taken as it is recorded.
    pub detectors: Vec<DetectorLine>,
    pub against: Against,
    pub history: HistorySaid,
    /// Of what the candidate's rules ask about the past, and the detectors that were run.
    pub told: Vec<ToldLine>,
    /// `null` where the candidate is held against nothing.
    pub before: Option<Sums>,
    pub after: Sums,
    /// Events by score, 40 bins from 0 to 1; what lies on a bound is of the higher bin.
    pub scores: Vec<Bin>,
    /// Events by tier, for each day (UTC) that has any.
    pub days: Vec<Day>,
    /// How many events each pair of actions has, before and after.
    pub actions: Vec<Pair>,
    pub flips: Flips,
    pub subjects: Subjects,
    /// Events in which a label counted.
    pub labels: Vec<LabelLine>,
    /// Events on which a rule fired.
    pub rules: Vec<RuleLine>,
    pub spoken: SpokenLine,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicySaid {
    pub name: String,
    pub source: String,
    pub digest: Digest,
}

/// A policy that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecidedBy {
    pub name: String,
    pub version: u32,
    pub digest: Digest,
    pub events: u64,
}

/// What the candidate is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Against {
    Nothing,
    /// What was decided, and by which policies.
    Decided {
        policies: Vec<DecidedBy>,
    },
    Policy(PolicySaid),
}

/// A detector that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetectorLine {
    #[serde(flatten)]
    pub detector: DetectorSaid,
    pub runs: u64,
    /// Runs that found something.
    pub found: u64,
    /// Runs that did not end well.
    pub failed: u64,
}

/// Where the events are from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OriginSaid {
    Record {
        source: String,
        since: Timestamp,
        until: Timestamp,
        share: f64,
        /// Since when earlier events were read, for what is declared about the past; `null` where nothing is.
        looked_back_to: Option<Timestamp>,
    },
    File {
        source: String,
    },
}

/// Which events there were.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistorySaid {
    pub origin: OriginSaid,
    /// That were simulated.
    pub events: u64,
    /// When the first of them happened, and the last.
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub passed_over: PassedOverSums,
    /// Events from before, that count for what is declared about the past alone.
    pub remembered: u64,
}

/// What is declared about the past: how many events were told it, by where that is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldLine {
    /// Such as `count by subject over 3600 s`.
    pub input: String,
    /// It was read when the event was decided.
    pub recorded: u64,
    /// It follows from the events before it.
    pub worked_out: u64,
    /// It could not be read when the event was decided, so it is known as little now.
    pub unknown: u64,
}

/// How many were not simulated, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PassedOverSums {
    pub other_source: u64,
    pub other_type: u64,
    pub repeated: u64,
    pub erased: u64,
    pub not_sampled: u64,
}

impl PassedOverSums {
    /// Those that are not zero, each with what they were.
    pub fn each(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let each = [
            (self.other_source, "of another source"),
            (self.other_type, "of types that no policy judges"),
            (self.repeated, "whose id was there before"),
            (self.erased, "erased"),
            (self.not_sampled, "not in the sample"),
        ];
        each.into_iter().filter(|(count, _)| *count > 0)
    }
}

/// What one side came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Sums {
    /// From the mildest to the most severe.
    pub tiers: Vec<TierLine>,
    /// One for each tier but the first: how well this tier and those above it meet what people say.
    pub quality: Vec<Quality>,
    pub reviews: u64,
    pub degraded: u64,
    pub strikes: u64,
    /// By their number: how many were the first of their account, the second and so on; the last is that and beyond.
    pub strikes_by_number: Vec<u64>,
    pub restrictions: Vec<RestrictionLine>,
}

/// A tier's name and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub name: String,
    pub from: Score,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TierLine {
    pub tier: String,
    /// `null` where no policy that is known says where it begins.
    pub from: Option<Score>,
    pub events: u64,
    /// Of these, that are violations by the word of people.
    pub violations: u64,
    /// That are none.
    pub clean: u64,
}

/// How well a tier and those above it meet what people say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quality {
    pub tier: String,
    pub true_positives: u64,
    pub false_positives: u64,
    pub false_negatives: u64,
    pub true_negatives: u64,
    pub precision: Option<Rate>,
    pub recall: Option<Rate>,
    pub f1: Option<f64>,
}

/// A share with its Wilson score interval at 95% (Wilson 1927).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestrictionLine {
    pub action: Action,
    pub imposed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Bin {
    pub before: u64,
    pub after: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    pub day: String,
    /// In the order of the tiers of each side.
    pub before: Vec<u64>,
    pub after: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    pub before: Action,
    pub after: Action,
    pub events: u64,
}

/// Events about which the two sides differ.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Flips {
    pub stricter: u64,
    pub milder: u64,
    pub retiered: u64,
    /// Same action, tier and person from another score.
    pub rescored: u64,
    /// Of the flips, those of the same score and tier: strikes, restrictions or rules alone differ.
    pub same_score: u64,
    /// Stricter ones first, then what is most severe.
    pub kinds: Vec<FlipKind>,
}

/// Flips from one action to another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlipKind {
    pub direction: Direction,
    pub before: Action,
    pub after: Action,
    pub events: u64,
    /// Of these, that are violations by the word of people.
    pub violations: u64,
    /// That are none.
    pub clean: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One event about which the two sides differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// The id of its decision; of a file, of the event.
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub time: Timestamp,
    /// A hash.
    pub subject: String,
    /// By the word of people.
    pub violation: Option<bool>,
    pub before: Said,
    pub after: Said,
}

/// How many accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Subjects {
    pub seen: u64,
    /// With an event that is answered more severely.
    pub stricter: u64,
    pub milder: u64,
    /// That were given a strike, or restricted.
    pub struck_before: u64,
    pub struck_after: u64,
    pub restricted_before: u64,
    pub restricted_after: u64,
    /// Restricted by the candidate alone.
    pub newly_restricted: u64,
    /// Restricted before alone.
    pub spared: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabelLine {
    pub label: String,
    pub before: u64,
    pub after: u64,
    /// Of those after, that are violations by the word of people.
    pub violations: u64,
    /// That are none.
    pub clean: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    pub rule: String,
    pub before: u64,
    pub after: u64,
}

/// About how many events people spoke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SpokenLine {
    pub labels: u64,
    pub rulings: u64,
    pub violations: u64,
    pub clean: u64,
}

/// z of a two-sided interval at 95%.
const Z: f64 = 1.959_963_984_540_054;

impl Rate {
    /// `None` of nothing.
    pub(super) fn of(hits: u64, of: u64) -> Option<Self> {
        if of == 0 {
            return None;
        }
        let (count, value) = (of as f64, hits as f64 / of as f64);
        let scale = 1.0 + Z * Z / count;
        let middle = value + Z * Z / (2.0 * count);
        let spread = Z * (value * (1.0 - value) / count + Z * Z / (4.0 * count * count)).sqrt();
        let [low, high] = [middle - spread, middle + spread].map(|it| (it / scale).clamp(0.0, 1.0));
        Some(Self { value, low: low.min(value), high: high.max(value) })
    }
}

impl Quality {
    /// Of a threshold, above which `positive` of what people spoke about lies, as (violations, clean).
    pub(super) fn of(tier: &str, positive: (u64, u64), all: (u64, u64)) -> Self {
        let (hits, alarms) = positive;
        let (misses, quiet) = (all.0.saturating_sub(hits), all.1.saturating_sub(alarms));
        let found = 2 * hits + alarms + misses;
        Self {
            tier: tier.to_owned(),
            true_positives: hits,
            false_positives: alarms,
            false_negatives: misses,
            true_negatives: quiet,
            precision: Rate::of(hits, hits + alarms),
            recall: Rate::of(hits, hits + misses),
            f1: (found > 0).then(|| 2.0 * hits as f64 / found as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_wilson() {
        assert_eq!(Rate::of(0, 0), None);
        // Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662; 15 of 148 is 0.0624 to 0.1605.
        for (hits, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let rate = Rate::of(hits, of).unwrap();
            let rounded = [rate.low, rate.high].map(|it| (it * 10_000.0).round() / 10_000.0);
            assert_eq!(rounded, [low, high], "{hits} of {of}");
        }
        let all = Rate::of(5, 5).unwrap();
        assert_eq!((all.value, all.high), (1.0, 1.0));
    }

    #[test]
    fn quality_is_counted_as_it_is_defined() {
        let quality = Quality::of("high", (3, 1), (5, 5));
        assert_eq!((quality.false_negatives, quality.true_negatives), (2, 4));
        let value = |rate: Option<Rate>| rate.map(|rate| rate.value);
        assert_eq!((value(quality.precision), value(quality.recall)), (Some(0.75), Some(0.6)));
        assert_eq!(quality.f1, Some(6.0 / 9.0));
        let nothing = Quality::of("high", (0, 0), (0, 4));
        assert_eq!((nothing.precision, nothing.recall, nothing.f1), (None, None, None));
    }
}
