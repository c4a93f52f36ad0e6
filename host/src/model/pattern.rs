//! Patterns over event types: `message.sent`, or `message.*` for any ending.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An event type, or the beginning of some.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypePattern {
    text: String,
}

impl TypePattern {
    pub fn matches(&self, event_type: &str) -> bool {
        match self.text.strip_suffix('*') {
            Some(beginning) => event_type.starts_with(beginning),
            None => event_type == self.text,
        }
    }

    /// Of every type.
    pub fn every() -> Self {
        Self { text: "*".to_owned() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TypePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fixed = text.strip_suffix('*').unwrap_or(text);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
        if text.is_empty() || text.len() > 128 || !fixed.chars().all(plain) {
            return Err(format!(
                "`{text}` is not a pattern of event types: write one such as message.sent, or message.* for any ending"
            ));
        }
        Ok(Self { text: text.to_owned() })
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for TypePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for TypePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::TypePattern;

    #[test]
    fn a_star_stands_for_any_ending_and_only_at_the_end() {
        let pattern = |text: &str| text.parse::<TypePattern>().unwrap();
        assert!(pattern("message.*").matches("message.sent"));
        assert!(!pattern("message.*").matches("messages"));
        assert!(pattern("*").matches("anything.at_all"));
        assert!(pattern("bid.placed").matches("bid.placed"));
        assert!(!pattern("bid.placed").matches("bid.placed.again"));
        assert!("m*ssage".parse::<TypePattern>().is_err());
        assert!("".parse::<TypePattern>().is_err());
    }
}
