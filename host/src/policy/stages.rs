//! Stages of evidence: labels that belong together make one number, and the score is the weighted
//! sum of these numbers. A stage that is strong enough lifts the score, so that silence of the other
//! stages does not hide it.

use std::collections::HashMap;
use std::fmt;

use toml::Spanned;

use super::Merge;
use super::diagnostic::{Report, code};
use super::document::{Document, WrittenStage};
use super::weights::Weights;
use super::words::{name, quote, word};
use crate::model::Score;

/// Stages that one policy may have.
const STAGES_MAX: usize = 16;

/// How a policy makes its score. None of the ways ever lowers it when evidence is added.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheme {
    /// All labels at once.
    Labels(Merge),
    /// The sum of `weight * number` over the stages, or what a stage lifts it to if that is more.
    Stages { stages: Vec<EvidenceStage>, lift: Option<Lift> },
}

/// Labels that make one number.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceStage {
    /// Lower-case words joined by `-`.
    pub name: String,
    /// What the number weighs in the score. Invariant: those of all stages add up to at most 1.
    pub weight: Score,
    /// How the labels make the number.
    pub merge: Merge,
    /// Their places among the policy's weights, ascending.
    pub(super) labels: Vec<usize>,
}

/// When a single stage decides, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lift {
    /// The least number of a stage that lifts the score, compared in whole millionths as tiers are.
    pub from: Score,
    /// The score is then at least this part of the number.
    pub share: Score,
}

impl Scheme {
    /// The `merge` of the document.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Labels(merge) => merge.as_str(),
            Self::Stages { .. } => MergeWord::Stages.as_str(),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `merge` of a document can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MergeWord {
    Labels(Merge),
    Stages,
}

impl MergeWord {
    const ALL: [Self; 5] = [
        Self::Labels(Merge::Max),
        Self::Labels(Merge::NoisyOr),
        Self::Labels(Merge::Weighted),
        Self::Labels(Merge::SumCapped),
        Self::Stages,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Labels(merge) => merge.as_str(),
            Self::Stages => "stage-weighted",
        }
    }
}

/// The scheme, if nothing is wrong with it.
pub(super) fn check(
    document: &Document<'_>,
    weights: Option<&Weights<'_>>,
    report: &mut Report<'_>,
) -> Option<Scheme> {
    let all = MergeWord::ALL;
    let merge = word(document.merge.as_ref(), "merge", all, MergeWord::as_str, report);
    let stages = document.stages.as_ref().map(|stages| check_all(stages, weights, report));
    let lift = document.lift.as_ref().map(|lift| {
        let lift = lift.get_ref();
        Some(Lift { from: *lift.from.as_ref()?.get_ref(), share: *lift.share.as_ref()?.get_ref() })
    });
    match (merge?, stages) {
        (MergeWord::Labels(merge), _) => {
            let stages = document.stages.as_ref().map(Spanned::span);
            let lift = document.lift.as_ref().map(Spanned::span);
            for (key, span) in [("stages", stages), ("lift", lift)] {
                let Some(span) = span else { continue };
                let message = format!("`{key}` means nothing with `merge = \"{merge}\"`");
                let hint = format!("write `merge = \"stage-weighted\"`, or leave `{key}` out");
                report.error(code::STAGES, span, message, hint);
            }
            Some(Scheme::Labels(merge))
        }
        (MergeWord::Stages, Some(stages)) => Some(Scheme::Stages {
            stages: stages?,
            lift: lift.map_or(Some(None), |it| it.map(Some))?,
        }),
        (MergeWord::Stages, None) => {
            let at = document.merge.as_ref().map_or(0..0, Spanned::span);
            let hint = "say which labels belong together: a `[[stages]]` with `name`, `weight`, \
                        `merge` and `labels` for each";
            report.error(code::STAGES, at, "`stage-weighted` needs stages", hint.to_owned());
            None
        }
    }
}

fn check_all(
    written: &Spanned<Vec<WrittenStage<'_>>>,
    weights: Option<&Weights<'_>>,
    report: &mut Report<'_>,
) -> Option<Vec<EvidenceStage>> {
    let stages = written.get_ref();
    if stages.is_empty() {
        let hint = "begin with a `[[stages]]`".to_owned();
        report.error(code::EMPTY, written.span(), "`stages` is empty", hint);
    }
    if let Some(beyond) = stages.get(STAGES_MAX) {
        let message = format!("{} stages; {STAGES_MAX} are allowed", stages.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
    }
    check_names(stages, report);
    check_sum(stages, report);
    let checked: Vec<Option<EvidenceStage>> =
        stages.iter().map(|stage| check_one(stage, weights, report)).collect();
    if let Some(weights) = weights
        && stages.iter().all(WrittenStage::names_labels)
    {
        check_members(stages, weights, report);
    }
    checked.into_iter().collect()
}

fn check_one(
    written: &WrittenStage<'_>,
    weights: Option<&Weights<'_>>,
    report: &mut Report<'_>,
) -> Option<EvidenceStage> {
    let name = name(written.name.as_ref(), "a stage", report);
    let merge = word(written.merge.as_ref(), "merge", Merge::ALL, Merge::as_str, report);
    if let Some(labels) = written.labels.as_ref().filter(|labels| labels.get_ref().is_empty()) {
        let hint = "name the labels that make its number".to_owned();
        report.error(code::EMPTY, labels.span(), "a stage without labels finds nothing", hint);
    }
    let labels = written.labels.as_ref().zip(weights);
    let labels = labels.and_then(|(labels, weights)| weights.places(labels.get_ref(), report));
    Some(EvidenceStage {
        name: name?,
        weight: *written.weight.as_ref()?.get_ref(),
        merge: merge?,
        labels: labels?,
    })
}

fn check_names(stages: &[WrittenStage<'_>], report: &mut Report<'_>) {
    let mut seen = HashMap::new();
    for name in stages.iter().filter_map(|stage| stage.name.as_ref()) {
        if let Some(first) = seen.insert(*name.get_ref(), name.span().start) {
            let line = report.line(first);
            let message = format!("the stage {} is already on line {line}", quote(name.get_ref()));
            let hint = "a stage is known by its name: give each its own".to_owned();
            report.error(code::DUPLICATE, name.span(), message, hint);
        }
    }
}

/// The fault is told at the stage that brings the sum above 1.
fn check_sum(stages: &[WrittenStage<'_>], report: &mut Report<'_>) {
    let mut sum: u64 = 0;
    for weight in stages.iter().filter_map(|stage| stage.weight.as_ref()) {
        sum += u64::from(weight.get_ref().millionths());
        if sum > u64::from(Score::ONE.millionths()) {
            let message =
                format!("with this, the weights of the stages add up to {}", sum as f64 / 1e6);
            let hint = "the score is their sum: let them add up to 1 at most".to_owned();
            return report.error(code::STAGE_WEIGHTS, weight.span(), message, hint);
        }
    }
}

/// Every label that weighs something belongs to one stage.
fn check_members(stages: &[WrittenStage<'_>], weights: &Weights<'_>, report: &mut Report<'_>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for stage in stages {
        for label in stage.labels.iter().flat_map(|labels| labels.get_ref()) {
            if let Some(first) = seen.insert(label.get_ref(), label.span().start) {
                let line = report.line(first);
                let message =
                    format!("{} is already in a stage, on line {line}", quote(label.get_ref()));
                let hint = "evidence counts once: leave it in one of them".to_owned();
                report.error(code::DUPLICATE, label.span(), message, hint);
            }
        }
    }
    for label in weights.weighing().filter(|label| !seen.contains_key(*label.get_ref())) {
        let message = format!("{} belongs to no stage", quote(label.get_ref()));
        let hint = "add it to the `labels` of a stage, or give it the weight 0".to_owned();
        report.error(code::STAGELESS, label.span(), message, hint);
    }
}
