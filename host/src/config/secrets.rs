//! Secrets as they are written: held to be used, and never shown, quoted or written again.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Some secrets, in the order in which they were written. In the file they are one text or a list.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.as_str())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<String>> for Secrets {
    fn from(texts: Vec<String>) -> Self {
        Self(texts.into_iter().map(Zeroizing::new).collect())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Secrets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// Reads them by hand: the ready-made way quotes a text that it did not expect.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Secrets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Secrets, E> {
        Ok(Secrets(vec![Zeroizing::new(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Secrets, A::Error> {
        let mut secrets = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            secrets.push(Zeroizing::new(text));
        }
        Ok(Secrets(secrets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        secrets: Secrets,
    }

    fn read(text: &str) -> Result<Secrets, String> {
        let table: Result<Table, _> = toml::from_str(text);
        table.map(|table| table.secrets).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn one_or_many_are_read_and_none_is_shown() {
        for (text, count) in [
            ("secrets = \"hunter2\"", 1),
            ("secrets = [\"hunter2\", \"b\"]", 2),
            ("secrets = []", 0),
        ] {
            let secrets = read(text).unwrap();
            assert_eq!(secrets.iter().count(), count);
            assert_eq!(format!("{secrets:?}"), format!("{count} secrets"));
            assert!(count == 0 || secrets.iter().next() == Some("hunter2"));
        }
        for text in ["secrets = { a = \"hunter2\" }", "secrets = 7", "secrets = [[\"hunter2\"]]"] {
            let error = read(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
