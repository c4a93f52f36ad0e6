//! Counting one side: tiers in all and by day, what people say of them, strikes and restrictions.

use std::collections::BTreeMap;

use super::super::past::Said;
use super::super::report::{Bound, Quality, RestrictionLine, Sums, TierLine};
use crate::model::{Action, Score, Timestamp};

/// The last of these counts the strikes beyond it, too.
const STRIKES_SHOWN: usize = 6;
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

pub struct SideTally {
    bounds: Vec<Bound>,
    tiers: BTreeMap<String, Tier>,
    sums: Sums,
    restrictions: BTreeMap<Action, u64>,
}

#[derive(Default)]
struct Tier {
    events: u64,
    violations: u64,
    clean: u64,
    days: BTreeMap<i64, u64>,
}

impl SideTally {
    pub fn new(bounds: Vec<Bound>) -> Self {
        let sums = Sums { strikes_by_number: vec![0; STRIKES_SHOWN], ..Sums::default() };
        Self { bounds, tiers: BTreeMap::new(), sums, restrictions: BTreeMap::new() }
    }

    pub fn count(&mut self, said: &Said, time: Timestamp, violation: Option<bool>) {
        if !self.tiers.contains_key(&said.tier) {
            self.tiers.insert(said.tier.clone(), Tier::default());
        }
        if let Some(tier) = self.tiers.get_mut(&said.tier) {
            tier.events += 1;
            tier.violations += u64::from(violation == Some(true));
            tier.clean += u64::from(violation == Some(false));
            *tier.days.entry(time.micros().div_euclid(DAY_MICROS)).or_default() += 1;
        }
        self.sums.reviews += u64::from(said.review);
        self.sums.degraded += u64::from(said.degraded);
        if let Some(number) = said.strike {
            self.sums.strikes += 1;
            let place = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
            self.sums.strikes_by_number[place.min(STRIKES_SHOWN - 1)] += 1;
        }
        if let Some(action) = said.restriction {
            *self.restrictions.entry(action).or_default() += 1;
        }
    }

    /// The sums, and the events of each day in the order of the tiers.
    pub fn ended(mut self) -> (Sums, BTreeMap<i64, Vec<u64>>) {
        // What no known policy names comes last.
        let mut order: Vec<(String, Option<Score>)> =
            self.bounds.into_iter().map(|bound| (bound.name, Some(bound.from))).collect();
        for name in self.tiers.keys() {
            if order.iter().all(|(own, _)| own != name) {
                order.push((name.clone(), None));
            }
        }
        let mut days: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        let mut lines = Vec::with_capacity(order.len());
        for (place, (name, from)) in order.iter().enumerate() {
            let tier = self.tiers.remove(name).unwrap_or_default();
            for (day, events) in tier.days {
                days.entry(day).or_insert_with(|| vec![0; order.len()])[place] = events;
            }
            let Tier { events, violations, clean, .. } = tier;
            lines.push(TierLine { tier: name.clone(), from: *from, events, violations, clean });
        }
        let restrictions = self.restrictions.into_iter();
        let sums = Sums {
            quality: quality(&lines),
            tiers: lines,
            restrictions: restrictions
                .map(|(action, imposed)| RestrictionLine { action, imposed })
                .collect(),
            ..self.sums
        };
        (sums, days)
    }
}

/// Nothing where nobody spoke.
fn quality(tiers: &[TierLine]) -> Vec<Quality> {
    let sum = |tiers: &[TierLine]| {
        tiers.iter().fold((0, 0), |sum, tier| (sum.0 + tier.violations, sum.1 + tier.clean))
    };
    let all = sum(tiers);
    if all == (0, 0) {
        return Vec::new();
    }
    let above = (1..tiers.len()).map(|at| Quality::of(&tiers[at].tier, sum(&tiers[at..]), all));
    above.collect()
}
