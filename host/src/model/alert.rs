//! Alerts: what somebody should look at; and the rules that raise them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{DecisionId, Timestamp};

/// What a rule watches, of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watch {
    /// Decisions in which this label counted.
    Label(String),
    /// Decisions of this tier.
    Tier(String),
    /// Decisions for which a detector did not finish.
    Failures,
    /// Of what people ruled on, what they overturned.
    Overturned,
    /// That nothing comes.
    Silence,
}

impl Watch {
    /// How all decisions are counted.
    pub const DECIDED: &'static str = "decided";
    /// How all rulings are counted.
    pub const RULED: &'static str = "ruled";

    /// How it is counted.
    pub fn counted(&self) -> String {
        match self {
            Self::Label(label) => format!("label:{label}"),
            Self::Tier(tier) => format!("tier:{tier}"),
            Self::Failures => "failed".to_owned(),
            Self::Overturned => "overturned".to_owned(),
            Self::Silence => Self::DECIDED.to_owned(),
        }
    }

    /// What it is a share of.
    pub fn whole(&self) -> &'static str {
        match self {
            Self::Overturned => Self::RULED,
            _ => Self::DECIDED,
        }
    }

    /// The kind of the alerts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Label(_) => "rate.label",
            Self::Tier(_) => "rate.tier",
            Self::Failures => "rate.failures",
            Self::Overturned => "rate.overturned",
            Self::Silence => "rate.silence",
        }
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => write!(f, "decisions with {label}"),
            Self::Tier(tier) => write!(f, "decisions of the tier {tier}"),
            Self::Failures => f.write_str("decisions for which a detector failed"),
            Self::Overturned => f.write_str("overturned decisions"),
            Self::Silence => f.write_str("decisions"),
        }
    }
}

/// A rule that raises alerts: over the last minutes, this one included, up to a bound.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRule {
    pub name: String,
    /// `None`: each source by itself.
    pub source: Option<String>,
    pub watch: Watch,
    pub window_minutes: u32,
    /// Raised above this share, 0..=1, of what there is of the kind.
    pub share_above: Option<f64>,
    /// Raised above so many.
    pub count_above: Option<u64>,
    /// Raised above so many times the mean of the seven windows before.
    pub times_above: Option<f64>,
    /// Nothing is concluded from fewer than so many of what it is a share of, nor that there is more of
    /// something than usual from fewer than so many of itself.
    pub least: u64,
}

/// What came in a window, and in those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub part: u64,
    /// What it is a part of.
    pub whole: u64,
    /// The part in the seven windows before; `None` where the source is not as old, so that nothing is usual.
    pub before: Option<u64>,
}

/// Windows with which one is compared.
pub const WINDOWS_BEFORE: u32 = 7;
/// Minutes that a rate has been back at least before its alert is resolved.
const CALM_MINUTES_MIN: u32 = 2;

impl AlertRule {
    /// For how many minutes the rate is back before an alert is resolved: a fifth of the window. A rate that
    /// hovers about its bound, or two servers whose clocks differ, would otherwise raise one after the other.
    pub fn calm_minutes(&self) -> u32 {
        (self.window_minutes / 5).max(CALM_MINUTES_MIN)
    }

    /// Why it is to be raised, in a sentence; `None` where it is not.
    pub fn breach(&self, counts: &Counts) -> Option<String> {
        let Counts { part, whole, before } = *counts;
        let (minutes, watch) = (self.window_minutes, &self.watch);
        if self.watch == Watch::Silence {
            return (part == 0).then(|| format!("nothing came in {minutes} minutes"));
        }
        if whole < self.least {
            return None;
        }
        let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        let mean = before.map(|before| before as f64 / f64::from(WINDOWS_BEFORE));
        let all = format!("{part} {watch} of {whole} in {minutes} minutes");
        let above_share = self.share_above.filter(|above| share > *above);
        let above_count = self.count_above.filter(|above| part > *above);
        let above_times = self.times_above.zip(mean).filter(|_| part >= self.least);
        let above_times = above_times.filter(|(above, mean)| part as f64 > above * mean);
        above_share
            .map(|above| format!("{all}: {:.1} %, above {:.1} %", share * 100.0, above * 100.0))
            .or_else(|| above_count.map(|above| format!("{all}: more than {above}")))
            .or_else(|| {
                above_times.map(|(above, mean)| {
                    format!("{all}: more than {above} times the {mean:.1} that are usual")
                })
            })
    }
}

/// That an alert of a rule was raised, or is resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlertNews {
    /// The alert's.
    pub id: DecisionId,
    /// Such as `rate.label`, or `rule.alert` where a rule of a policy asks for it.
    pub kind: String,
    /// What it is called: the rule of the configuration, or what a policy's rule asks for.
    pub rule: String,
    pub source: String,
    pub text: String,
    pub at: Timestamp,
    pub resolved: bool,
}

/// How far an alert has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    Open,
    /// Somebody has said that they saw it. Where a rule raised it, that lasts until it is resolved.
    Acknowledged,
    /// The rate is back, or no decision has asked for it for an hour.
    Resolved,
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(watch: Watch) -> AlertRule {
        AlertRule {
            name: "r".to_owned(),
            source: None,
            watch,
            window_minutes: 10,
            share_above: None,
            count_above: None,
            times_above: None,
            least: 10,
        }
    }

    #[test]
    fn a_rule_is_kept_up_to_its_bound_and_says_what_is_beyond() {
        let of = |part, whole, before| Counts { part, whole, before: Some(before) };
        let new = Counts { part: 31, whole: 100, before: None };
        let share = AlertRule { share_above: Some(0.2), ..rule(Watch::Failures) };
        let count = AlertRule { count_above: Some(5), ..rule(Watch::Tier("high".to_owned())) };
        let times = AlertRule { times_above: Some(3.0), ..rule(Watch::Label("a.b".to_owned())) };
        for (rule, counts, says) in [
            (&share, of(20, 100, 0), None),
            (
                &share,
                of(21, 100, 0),
                Some(
                    "21 decisions for which a detector failed of 100 in 10 minutes: 21.0 %, above 20.0 %",
                ),
            ),
            (&share, of(9, 9, 0), None),
            (&count, of(5, 100, 0), None),
            (
                &count,
                of(6, 100, 0),
                Some("6 decisions of the tier high of 100 in 10 minutes: more than 5"),
            ),
            (&times, of(30, 100, 70), None),
            // Where nothing is usual yet, and where it is nearly nothing.
            (&times, new, None),
            (&times, of(9, 100, 0), None),
            (
                &times,
                of(31, 100, 70),
                Some(
                    "31 decisions with a.b of 100 in 10 minutes: more than 3 times the 10.0 that are usual",
                ),
            ),
            (&rule(Watch::Silence), of(1, 1, 0), None),
            (&rule(Watch::Silence), of(0, 0, 9), Some("nothing came in 10 minutes")),
        ] {
            assert_eq!(rule.breach(&counts).as_deref(), says, "{counts:?}");
        }
    }

    #[test]
    fn a_rate_is_back_for_a_while_before_its_alert_is_resolved() {
        for (window_minutes, calm) in [(1, 2), (10, 2), (30, 6), (1_440, 288)] {
            let rule = AlertRule { window_minutes, ..rule(Watch::Failures) };
            assert_eq!(rule.calm_minutes(), calm);
        }
    }
}
