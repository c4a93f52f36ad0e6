//! Scoring: from the strongest evidence for each label to the score, step by step. Which labels
//! count and what they weigh is the document's.
//!
//! Invariant: no step lowers a number because there is more evidence.

#[cfg(test)]
mod tests;

use super::merge::Merging;
use super::modifiers::Modifier;
use super::stages::{EvidenceStage, Lift, Scheme};
use super::trace::{LabelStep, LiftStep, ModifierStep, StageStep, Step};
use super::{Merge, Policy};
use crate::model::Score;

/// A score under way.
pub(super) struct Scoring<'a> {
    policy: &'a Policy,
    /// For each of the policy's weights, the strongest evidence that counts, if any.
    strongest: &'a [Option<f64>],
    steps: Vec<Step>,
}

impl<'a> Scoring<'a> {
    /// The steps from what was found to the score.
    pub(super) fn run(policy: &'a Policy, strongest: &'a [Option<f64>]) -> Vec<Step> {
        let mut scoring = Self { policy, strongest, steps: Vec::new() };
        let total = match &policy.scheme {
            Scheme::Labels(merge) => scoring.labels(*merge, 0..policy.weights.len(), None),
            Scheme::Stages { stages, lift } => scoring.stages(stages, *lift),
        };
        scoring.modify(total, None, None);
        scoring.steps
    }

    /// Merges the labels at these places.
    fn labels(
        &mut self,
        merge: Merge,
        places: impl Iterator<Item = usize> + Clone,
        stage: Option<&EvidenceStage>,
    ) -> f64 {
        let weights = &self.policy.weights;
        let weight_of = |place: usize| weights[place].1.as_f64();
        let mut merging = Merging::new(merge, places.clone().map(weight_of));
        let mut total = 0.0;
        for place in places.filter(|&place| weights[place].1 > Score::ZERO) {
            let Some(evidence) = self.strongest[place] else { continue };
            let weight = weight_of(place);
            let contribution = weight * evidence;
            total = merging.add(contribution);
            self.steps.push(Step::Label(LabelStep {
                stage: stage.map(|stage| stage.name.clone()),
                label: weights[place].0.clone(),
                evidence,
                weight,
                contribution,
                total,
            }));
        }
        total
    }

    /// Adds what the modifiers of a stage, or those of none, add to a number.
    fn modify(&mut self, number: f64, place: Option<usize>, stage: Option<&EvidenceStage>) -> f64 {
        let is_found = |place: usize| self.strongest[place].is_some_and(|evidence| evidence > 0.0);
        let of_this = |modifier: &&Modifier| modifier.stage == place;
        let mut total = number;
        for modifier in self.policy.modifiers.iter().filter(of_this) {
            let Some((add, because)) = modifier.applies(is_found) else { continue };
            let add = add.as_f64();
            total = (total + add).min(1.0);
            self.steps.push(Step::Modifier(ModifierStep {
                stage: stage.map(|stage| stage.name.clone()),
                modifier: modifier.name.clone(),
                because: because.iter().map(|&at| self.policy.weights[at].0.clone()).collect(),
                add,
                total,
            }));
        }
        total
    }

    /// The weighted sum of the stages in which something was found, or what one lifts it to.
    fn stages(&mut self, stages: &[EvidenceStage], lift: Option<Lift>) -> f64 {
        let mut total: f64 = 0.0;
        let mut strongest: Option<(&EvidenceStage, f64)> = None;
        for (place, stage) in stages.iter().enumerate() {
            let before = self.steps.len();
            let number = self.labels(stage.merge, stage.labels.iter().copied(), Some(stage));
            let number = self.modify(number, Some(place), Some(stage));
            if self.steps.len() == before {
                continue;
            }
            let weight = stage.weight.as_f64();
            let contribution = weight * number;
            // The weights add up to 1 at most in millionths, but their floats may round above it.
            total = (total + contribution).min(1.0);
            let name = stage.name.clone();
            let step = StageStep { stage: name, number, weight, contribution, total };
            self.steps.push(Step::Stage(step));
            if strongest.is_none_or(|(_, most)| number > most) {
                strongest = Some((stage, number));
            }
        }
        match (lift, strongest) {
            (Some(lift), Some((stage, number))) if Score::from_unit(number) >= lift.from => {
                self.lift(total, stage, number, lift.share.as_f64())
            }
            _ => total,
        }
    }

    fn lift(&mut self, total: f64, stage: &EvidenceStage, number: f64, share: f64) -> f64 {
        let lifted = share * number;
        if lifted <= total {
            return total;
        }
        let lifted_by = stage.name.clone();
        self.steps.push(Step::Lift(LiftStep { lifted_by, number, share, total: lifted }));
        lifted
    }
}
