//! The trace: the arithmetic of a score, step by step, as a reviewer reads it and as it is stored
//! for a replay.

use serde::{Deserialize, Serialize};

use crate::model::{ScopedAction, Timestamp};

/// One step of the arithmetic. The steps of a verdict are in the order in which it was done, and the
/// total of the last one, rounded to millionths, is the score.
///
/// Each kind is told by its fields: the steps of decisions that were made before there were other
/// kinds than labels read back as they were written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    Label(LabelStep),
    Modifier(ModifierStep),
    Stage(StageStep),
    Lift(LiftStep),
    Rule(RuleStep),
    Bound(BoundStep),
    Exempt(ExemptStep),
}

/// A label's part in a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelStep {
    /// The stage whose number it goes into; `None` where all labels make one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    pub label: String,
    /// The strongest `score * confidence` of the signals with this label, 0..=1.
    pub evidence: f64,
    /// The label's weight in the policy, 0..=1.
    pub weight: f64,
    /// `weight * evidence`, 0..=1.
    pub contribution: f64,
    /// The merged number of this label and those before it, 0..=1.
    pub total: f64,
}

/// What a modifier adds, because of the labels that were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModifierStep {
    /// The stage to whose number it adds; `None` where it adds to the score itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    pub modifier: String,
    /// In the order of the alphabet.
    pub because: Vec<String>,
    /// 0..=1.
    pub add: f64,
    /// The number with this, at most 1.
    pub total: f64,
}

/// A stage's part in the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageStep {
    pub stage: String,
    /// What its labels and modifiers made, 0..=1.
    pub number: f64,
    /// The stage's weight in the policy, 0..=1.
    pub weight: f64,
    /// `weight * number`, 0..=1.
    pub contribution: f64,
    /// The sum of this stage and those before it, 0..=1.
    pub total: f64,
}

/// A stage that is so strong that the weights of the others must not hide it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiftStep {
    /// The stage.
    pub lifted_by: String,
    /// The stage's own number, 0..=1.
    pub number: f64,
    /// What part of it the score is at least, 0..=1.
    pub share: f64,
    /// `share * number`, 0..=1.
    pub total: f64,
}

/// A rule that fired, or that has no answer on this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleStep {
    pub rule: String,
    /// Why it has no answer: it did not fire, and the policy's `on_error` has a say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The name of the tier that it asks for at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<String>,
    /// The name of the tier that it asks for at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What it asks to enforce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks: Option<ScopedAction>,
    /// What it tells people of by an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// The matter of the case that it puts it into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// Whether it asks a person to look.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub review: bool,
    /// The merged number, as all rules saw it, 0..=1.
    pub total: f64,
}

/// What moved the score: the lowest ceiling, and after it the highest floor, of the rules that fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoundStep {
    pub bound: Bound,
    /// The name of the tier.
    pub tier: String,
    /// The rules that ask for it, in the order of the policy.
    pub rules: Vec<String>,
    /// The score that it leaves, 0..=1.
    pub total: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Ceiling,
    Floor,
}

/// Nothing is enforced on the account, by the policy's word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExemptStep {
    pub exempt_until: Timestamp,
    pub why: String,
    /// The score, which this leaves as it is, 0..=1.
    pub total: f64,
}

impl Step {
    /// The label's part, if it is one.
    pub fn label(&self) -> Option<&LabelStep> {
        match self {
            Self::Label(step) => Some(step),
            _ => None,
        }
    }

    /// The number after this step, of its stage or of the score.
    pub fn total(&self) -> f64 {
        match self {
            Self::Label(step) => step.total,
            Self::Modifier(step) => step.total,
            Self::Stage(step) => step.total,
            Self::Lift(step) => step.total,
            Self::Rule(step) => step.total,
            Self::Bound(step) => step.total,
            Self::Exempt(step) => step.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Scope};
    use serde_json::json;

    #[test]
    fn steps_read_back_as_they_were_written() {
        let older = json!([
            {"label": "contact.phone", "evidence": 0.9, "weight": 0.85, "contribution": 0.765, "total": 0.765},
        ]);
        let steps = [
            Step::Label(LabelStep {
                stage: Some("rules".to_owned()),
                label: "contact.phone".to_owned(),
                evidence: 1.0,
                weight: 0.85,
                contribution: 0.85,
                total: 0.1 + 0.2,
            }),
            Step::Modifier(ModifierStep {
                stage: None,
                modifier: "further".to_owned(),
                because: vec!["contact.link".to_owned(), "contact.phone".to_owned()],
                add: 0.08,
                total: 0.93,
            }),
            Step::Stage(StageStep {
                stage: "rules".to_owned(),
                number: 0.93,
                weight: 0.5,
                contribution: 0.465,
                total: 0.465,
            }),
            Step::Lift(LiftStep {
                lifted_by: "rules".to_owned(),
                number: 0.93,
                share: 0.8,
                total: 0.744,
            }),
            Step::Rule(RuleStep {
                rule: "large-jobs".to_owned(),
                failed: None,
                floor: Some("high".to_owned()),
                ceiling: None,
                tag: Some("large".to_owned()),
                asks: Some(ScopedAction {
                    action: Action::Cooldown,
                    scope: Scope::Account,
                    expires_at: Some(Timestamp::from_micros(7)),
                    begins_at: None,
                    in_force_since: None,
                }),
                alert: Some("shared".to_owned()),
                case: Some("collusion".to_owned()),
                review: true,
                total: 0.744,
            }),
            Step::Rule(RuleStep {
                rule: "broken".to_owned(),
                failed: Some("there is no `a`".to_owned()),
                floor: None,
                ceiling: None,
                tag: None,
                asks: None,
                alert: None,
                case: None,
                review: false,
                total: 0.744,
            }),
            Step::Bound(BoundStep {
                bound: Bound::Floor,
                tier: "high".to_owned(),
                rules: vec!["large-jobs".to_owned()],
                total: 0.845,
            }),
            Step::Exempt(ExemptStep {
                exempt_until: Timestamp::from_micros(7),
                why: "a test account".to_owned(),
                total: 0.845,
            }),
        ];
        let text = json!(steps).to_string();
        assert_eq!(serde_json::from_str::<Vec<Step>>(&text).unwrap(), steps);
        let read: Vec<Step> = serde_json::from_value(older.clone()).unwrap();
        assert_eq!(json!(read), older);
    }
}
