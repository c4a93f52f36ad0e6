//! The rules that raise alerts, as they are written.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Config;
use crate::model::{AlertRule, Watch};

/// Rules that there may be.
const RULES_MAX: usize = 64;
/// A day: seven times that is how far back a rule looks.
const WINDOW_MINUTES_MAX: u32 = 24 * 60;
/// Bytes of what a rule names.
const NAME_BYTES_MAX: usize = 256;

/// A rule that raises alerts. It looks at the last minutes, this one included, every few seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenAlert {
    /// The source that it watches; left out: each, by itself.
    pub source: Option<String>,
    pub watch: WhatWatched,
    /// Of `watch = "label"`.
    pub label: Option<String>,
    /// Of `watch = "tier"`.
    pub tier: Option<String>,
    /// How far it looks back; 10 unless written.
    #[serde(default = "usual_window")]
    pub window_minutes: u32,
    /// Raised above this share, from 0 to 1: of the decisions, of `overturned` of those that people ruled on.
    pub share_above: Option<f64>,
    /// Raised above so many.
    pub count_above: Option<u64>,
    /// Raised above so many times the mean of the seven windows before.
    pub times_above: Option<f64>,
    /// Nothing is concluded from fewer decisions, or rulings, and of `times_above` from fewer of what it
    /// watches; 20 unless written.
    #[serde(default = "usual_least")]
    pub least: u64,
}

/// What a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhatWatched {
    Label,
    Tier,
    Failures,
    Overturned,
    Silence,
}

fn usual_window() -> u32 {
    10
}

fn usual_least() -> u64 {
    20
}

impl WrittenAlert {
    fn check(&self) -> Result<Watch, String> {
        let named = |name: &Option<String>, key: &str| match name {
            Some(name) if (1..=NAME_BYTES_MAX).contains(&name.len()) => Ok(name.clone()),
            _ => Err(format!("name it: `{key} = \"...\"`")),
        };
        let watch = match self.watch {
            WhatWatched::Label => Watch::Label(named(&self.label, "label")?),
            WhatWatched::Tier => Watch::Tier(named(&self.tier, "tier")?),
            WhatWatched::Failures => Watch::Failures,
            WhatWatched::Overturned => Watch::Overturned,
            WhatWatched::Silence => Watch::Silence,
        };
        for (key, is, belongs) in [
            ("label", self.label.is_some(), self.watch == WhatWatched::Label),
            ("tier", self.tier.is_some(), self.watch == WhatWatched::Tier),
        ] {
            if is && !belongs {
                return Err(format!("`{key}` says nothing here: leave it out"));
            }
        }
        if !(1..=WINDOW_MINUTES_MAX).contains(&self.window_minutes) {
            return Err(format!("`window_minutes` lies in 1..={WINDOW_MINUTES_MAX}"));
        }
        let bounds =
            [self.share_above.is_some(), self.count_above.is_some(), self.times_above.is_some()];
        let count = bounds.iter().filter(|is| **is).count();
        match self.watch {
            WhatWatched::Silence if count > 0 => {
                return Err("silence has no bound: leave it out".to_owned());
            }
            WhatWatched::Silence => {}
            _ if count != 1 => {
                return Err("write one bound: `share_above`, `count_above` or `times_above`".into());
            }
            _ => {}
        }
        if self.share_above.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return Err("`share_above` lies from 0 to below 1".to_owned());
        }
        if self.times_above.is_some_and(|times| !(times >= 1.0 && times.is_finite())) {
            return Err("`times_above` is at least 1".to_owned());
        }
        Ok(watch)
    }
}

/// What is wrong with the first that something is wrong with.
pub(super) fn check_all(all: &BTreeMap<String, WrittenAlert>) -> Option<String> {
    if all.len() > RULES_MAX {
        return Some(format!("`alerts` has at most {RULES_MAX} entries"));
    }
    all.iter().find_map(|(name, rule)| {
        let problem = match crate::model::manifest::is_name(name) {
            true => rule.check().err()?,
            false => "its name is lower-case letters and digits, in words joined by `-`".to_owned(),
        };
        Some(format!("`alerts.{name}`: {problem}"))
    })
}

impl Config {
    /// The rules that raise alerts.
    pub fn alert_rules(&self) -> Vec<AlertRule> {
        let rule = |(name, written): (&String, &WrittenAlert)| {
            Some(AlertRule {
                name: name.clone(),
                source: written.source.clone(),
                watch: written.check().ok()?,
                window_minutes: written.window_minutes,
                share_above: written.share_above,
                count_above: written.count_above,
                times_above: written.times_above,
                least: written.least,
            })
        };
        self.alerts.iter().filter_map(rule).collect()
    }
}
