//! The life of a version: where it stands, for whom it counts, and what would take it back.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a detector version or a policy stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Counted.
    Active,
    /// Counted for a share of the subjects; for the others it runs and is recorded.
    Canary,
    /// Runs and is recorded, never counted.
    Shadow,
    /// Failed too often: not run, but for a probe now and then.
    Quarantined,
    /// No longer run. Its bytes are kept.
    Retired,
}

impl Stage {
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Canary, Self::Shadow, Self::Quarantined, Self::Retired];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
            Self::Quarantined => "quarantined",
            Self::Retired => "retired",
        }
    }

    /// Whether it is loaded and sees events.
    pub fn is_live(self) -> bool {
        self != Self::Retired
    }

    /// Whether it is on trial: compared with what counts.
    pub fn is_trial(self) -> bool {
        matches!(self, Self::Canary | Self::Shadow)
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is not a stage: one of {all}")
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a new file lands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Landing {
    /// At once in the place of what served.
    Active,
    /// Beside what serves, to be looked at.
    #[default]
    Shadow,
}

impl From<Landing> for Stage {
    fn from(landing: Landing) -> Self {
        match landing {
            Landing::Active => Self::Active,
            Landing::Shadow => Self::Shadow,
        }
    }
}

/// Whether an evaluation gets an instance of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// A fresh one for each event: nothing can pass from one event to the next.
    #[default]
    Fresh,
    /// Kept from event to event, by the operator's word, for speed; watched more closely.
    Warm,
}

/// How a canary goes: for whom it counts, and what takes it back to shadow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Of the subjects, for which it counts. A subject that is in stays in while the share grows.
    #[schema(minimum = 0.0, maximum = 1.0)]
    pub share: f64,
    #[serde(default)]
    pub bounds: Bounds,
}

/// What a canary may do before it goes back to shadow by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Nothing is concluded from fewer events.
    pub events_min: u64,
    /// Of its runs, that failed.
    pub failure_rate_max: f64,
    /// Processor time of a run on average, in microseconds; `null`: its deadline alone.
    pub mean_micros_max: Option<u64>,
    /// Of its runs, that found something: at least and at most.
    pub fire_rate_min: f64,
    pub fire_rate_max: f64,
    /// Of its decisions that a person looked at, that were overturned.
    pub overturn_rate_max: f64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            events_min: 100,
            failure_rate_max: 0.01,
            mean_micros_max: None,
            fire_rate_min: 0.0,
            fire_rate_max: 1.0,
            overturn_rate_max: 0.3,
        }
    }
}

impl Canary {
    /// Checks that every number is a rate.
    ///
    /// # Errors
    /// The first that is not, by name.
    pub fn check(&self) -> Result<(), String> {
        let Bounds { failure_rate_max, fire_rate_min, fire_rate_max, overturn_rate_max, .. } =
            self.bounds;
        let rates = [
            ("share", self.share),
            ("bounds.failure_rate_max", failure_rate_max),
            ("bounds.fire_rate_min", fire_rate_min),
            ("bounds.fire_rate_max", fire_rate_max),
            ("bounds.overturn_rate_max", overturn_rate_max),
        ];
        match rates.iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            Some((name, rate)) => Err(format!("`{name}` is {rate}; it lies in 0..=1")),
            None if self.share == 0.0 => {
                Err("`share` is 0, so it would count for nobody: say shadow instead".to_owned())
            }
            None if fire_rate_min > fire_rate_max => {
                Err("`bounds.fire_rate_min` is above `bounds.fire_rate_max`".to_owned())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_read_as_it_is_written() {
        for stage in Stage::ALL {
            assert_eq!(stage.as_str().parse(), Ok(stage));
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
        assert!("live".parse::<Stage>().unwrap_err().contains("active, canary"));
    }

    #[test]
    fn a_canary_with_a_number_that_is_no_rate_is_refused_by_name() {
        let good = Canary { share: 0.05, bounds: Bounds::default() };
        assert_eq!(good.check(), Ok(()));
        assert!(Canary { share: 1.5, ..good }.check().unwrap_err().contains("`share`"));
        assert!(Canary { share: 0.0, ..good }.check().unwrap_err().contains("say shadow"));
        let bounds = Bounds { fire_rate_min: 0.5, fire_rate_max: 0.1, ..Bounds::default() };
        assert!(Canary { bounds, ..good }.check().unwrap_err().contains("above"));
        let bounds = Bounds { overturn_rate_max: f64::NAN, ..Bounds::default() };
        assert!(Canary { bounds, ..good }.check().unwrap_err().contains("overturn"));
    }
}
