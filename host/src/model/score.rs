//! Scores: whole millionths, so that every machine and every replay compares the same bits.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// A final score in 0..=1, held as millionths. Rounded once, half to even.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = f64, minimum = 0.0, maximum = 1.0, example = 0.83)]
pub struct Score(u32);

const ONE: u32 = 1_000_000;

impl Score {
    pub const ZERO: Self = Self(0);
    pub const ONE: Self = Self(ONE);

    /// The nearest millionth of a number, half to even, within 0..=1. NaN is 0: scores of detectors
    /// are checked before they are merged, so none gets here.
    pub fn from_unit(number: f64) -> Self {
        let millionths = (number * f64::from(ONE)).round_ties_even();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        Self(millionths.clamp(0.0, f64::from(ONE)) as u32)
    }

    /// A score of this many millionths, or `None` above one.
    pub fn from_millionths(millionths: u32) -> Option<Self> {
        (millionths <= ONE).then_some(Self(millionths))
    }

    pub fn millionths(self) -> u32 {
        self.0
    }

    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(ONE)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_f64())
    }
}

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Score {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&number) {
            Ok(Self::from_unit(number))
        } else {
            Err(de::Error::custom("a score lies in 0..=1"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_exact_in_decimal() {
        for (number, millionths) in
            [(0.395, 395_000), (0.645, 645_000), (0.845, 845_000), (1.0, 1_000_000)]
        {
            assert_eq!(Score::from_unit(number).millionths(), millionths);
            assert_eq!(Score::from_unit(number).to_string(), number.to_string());
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!(Score::from_unit(0.000_000_5).millionths(), 0);
        assert_eq!(Score::from_unit(0.000_001_5).millionths(), 2);
    }

    #[test]
    fn json_round_trips() {
        for millionths in (0..=1_000_000).step_by(997) {
            let score = Score::from_millionths(millionths).unwrap();
            let json = serde_json::to_string(&score).unwrap();
            assert_eq!(serde_json::from_str::<Score>(&json).unwrap(), score);
        }
    }
}
