//! Points in time: microseconds since 1970, written as RFC 3339 in UTC.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-09-01T09:00:00Z")]
pub struct Timestamp(i64);

impl Timestamp {
    /// Later than anything.
    pub const MAX: Self = Self(i64::MAX);

    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Parses RFC 3339 with any offset. Fractions finer than a microsecond are cut off.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed: jiff::Timestamp =
            text.parse().map_err(|error: jiff::Error| error.to_string())?;
        Ok(Self(parsed.as_microsecond()))
    }

    /// Parses a date as HTTP writes it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse_http(text: &str) -> Result<Self, String> {
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
        parsed.map(|at| Self(at.as_microsecond())).map_err(|error| error.to_string())
    }

    /// To the minute and for people: `2026-09-01 09:00 UTC`.
    pub fn to_minute(self) -> String {
        let at = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }

    /// The time this many milliseconds later.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        write!(f, "{at}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions_are_understood() {
        let utc = Timestamp::parse("2026-09-01T09:00:00.25Z").unwrap();
        let paris = Timestamp::parse("2026-09-01T11:00:00.250000+02:00").unwrap();
        assert_eq!(utc, paris);
        assert_eq!(utc.to_string(), "2026-09-01T09:00:00.25Z");
    }

    #[test]
    fn a_date_without_a_zone_is_refused() {
        assert!(Timestamp::parse("2026-09-01T09:00:00").is_err());
        assert!(Timestamp::parse("2026-02-30T09:00:00Z").is_err());
    }
}
