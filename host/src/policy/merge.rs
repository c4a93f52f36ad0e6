//! Merging: from the strongest evidence for each label to one number. Arithmetic only.
//!
//! Invariant: 64-bit floats with `+ - * /` in the order of the labels, so that every machine gets
//! the same bits; any other operation would change `SEMANTICS`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How labels make one number. With `w` the weight of a label and `e` its strongest evidence, each
/// of the four lies in 0..=1 and never falls when evidence is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// The greatest `w * e`: the worst label decides alone.
    Max,
    /// `1 - product(1 - w * e)`: labels confirm each other (Pearl 1988, noisy-or).
    NoisyOr,
    /// `sum(w * e) / sum(w)`, the lower sum over all labels that are merged, fired or not.
    Weighted,
    /// `sum(w * e)`, at most 1: each label adds what it weighs.
    SumCapped,
}

impl Merge {
    pub const ALL: [Self; 4] = [Self::Max, Self::NoisyOr, Self::Weighted, Self::SumCapped];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::NoisyOr => "noisy-or",
            Self::Weighted => "weighted",
            Self::SumCapped => "sum-capped",
        }
    }
}

impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A merge that is under way.
pub(super) struct Merging {
    merge: Merge,
    /// The greatest, the product, or the sum so far.
    so_far: f64,
    /// Of the weights of all labels that are merged.
    weight_sum: f64,
}

impl Merging {
    /// `weights`: of all labels that are merged, in their order.
    pub(super) fn new(merge: Merge, weights: impl Iterator<Item = f64>) -> Self {
        let so_far = match merge {
            Merge::Max | Merge::Weighted | Merge::SumCapped => 0.0,
            Merge::NoisyOr => 1.0,
        };
        Self { merge, so_far, weight_sum: weights.sum() }
    }

    /// Adds what the next label contributes, its weight times its evidence, and returns the number
    /// so far. The labels must come in their order, each once, and have weight.
    pub(super) fn add(&mut self, contribution: f64) -> f64 {
        match self.merge {
            Merge::Max => {
                self.so_far = self.so_far.max(contribution);
                self.so_far
            }
            Merge::NoisyOr => {
                self.so_far *= 1.0 - contribution;
                1.0 - self.so_far
            }
            Merge::Weighted => {
                self.so_far += contribution;
                // A label that is added has weight, so the sum is not 0.
                self.so_far / self.weight_sum
            }
            Merge::SumCapped => {
                self.so_far += contribution;
                self.so_far.min(1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(merge: Merge, weights: &[f64], fired: &[(f64, f64)]) -> f64 {
        let mut merging = Merging::new(merge, weights.iter().copied());
        fired.iter().map(|(weight, evidence)| merging.add(weight * evidence)).last().unwrap()
    }

    #[test]
    fn each_merge_is_its_formula() {
        let weights = [0.5, 0.8, 0.2];
        let fired = [(0.5, 1.0), (0.8, 0.5)];
        assert_eq!(total(Merge::Max, &weights, &fired), 0.5);
        assert_eq!(total(Merge::NoisyOr, &weights, &fired), 1.0 - 0.5 * (1.0 - 0.4));
        assert_eq!(total(Merge::Weighted, &weights, &fired), (0.5 + 0.4) / (0.5 + 0.8 + 0.2));
        assert_eq!(total(Merge::SumCapped, &weights, &fired), 0.5 + 0.4);
    }

    #[test]
    fn full_evidence_for_everything_is_at_most_one() {
        let weights = [1.0, 0.1, 0.2, 0.7, 0.3];
        let fired: Vec<(f64, f64)> = weights.iter().map(|&weight| (weight, 1.0)).collect();
        for merge in Merge::ALL {
            assert_eq!(total(merge, &weights, &fired), 1.0, "{merge}");
        }
    }
}
