//! Merging: from the strongest evidence for each label to one number. Arithmetic only.
//!
//! Invariant: 64-bit floats with `+ - * /` in the order of the labels, so that every machine gets
//! the same bits; any other operation would change `SEMANTICS`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the labels of one event make one number. With `w` the weight of a label and `e` its
/// strongest evidence, each of the three lies in 0..=1 and never falls when evidence is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Merge {
    /// The greatest `w * e`: the worst label decides alone.
    Max,
    /// `1 - product(1 - w * e)`: labels confirm each other (Pearl 1988, noisy-or).
    NoisyOr,
    /// `sum(w * e) / sum(w)`, the lower sum over all labels of the policy, fired or not.
    Weighted,
}

impl Merge {
    pub const ALL: [Self; 3] = [Self::Max, Self::NoisyOr, Self::Weighted];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::NoisyOr => "noisy-or",
            Self::Weighted => "weighted",
        }
    }
}

impl fmt::Display for Merge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One label's part in a score. The steps of a verdict are in the order of the arithmetic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub label: String,
    /// The strongest `score * confidence` of the signals with this label, 0..=1.
    pub evidence: f64,
    /// The label's weight in the policy, 0..=1.
    pub weight: f64,
    /// `weight * evidence`, 0..=1.
    pub contribution: f64,
    /// The merged number of this label and those before it, 0..=1. That of the last step, rounded
    /// to millionths, is the score.
    pub total: f64,
}

/// A merge that is under way.
pub(super) struct Merging {
    merge: Merge,
    /// The greatest, the product, or the sum so far.
    so_far: f64,
    /// Of all weights of the policy.
    weight_sum: f64,
}

impl Merging {
    /// `weights`: all of the policy's, in the order of their labels.
    pub(super) fn new(merge: Merge, weights: impl Iterator<Item = f64>) -> Self {
        let so_far = match merge {
            Merge::Max | Merge::Weighted => 0.0,
            Merge::NoisyOr => 1.0,
        };
        Self { merge, so_far, weight_sum: weights.sum() }
    }

    /// Adds the next label; the labels must come in their order, each once.
    pub(super) fn add(&mut self, label: &str, weight: f64, evidence: f64) -> Step {
        let contribution = weight * evidence;
        let total = match self.merge {
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
        };
        Step { label: label.to_owned(), evidence, weight, contribution, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(merge: Merge, weights: &[f64], fired: &[(f64, f64)]) -> f64 {
        let mut merging = Merging::new(merge, weights.iter().copied());
        fired
            .iter()
            .map(|&(weight, evidence)| merging.add("x.y", weight, evidence).total)
            .last()
            .unwrap()
    }

    #[test]
    fn each_merge_is_its_formula() {
        let weights = [0.5, 0.8, 0.2];
        let fired = [(0.5, 1.0), (0.8, 0.5)];
        assert_eq!(total(Merge::Max, &weights, &fired), 0.5);
        assert_eq!(total(Merge::NoisyOr, &weights, &fired), 1.0 - 0.5 * (1.0 - 0.4));
        assert_eq!(total(Merge::Weighted, &weights, &fired), (0.5 + 0.4) / (0.5 + 0.8 + 0.2));
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
