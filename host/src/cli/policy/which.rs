//! How a version of a policy is named on the command line.

use std::str::FromStr;

use crate::cli::client::encode;

/// A policy, and perhaps one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Which {
    pub name: String,
    /// A number, or a digest.
    pub version: Option<String>,
}

/// One version of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WhichVersion {
    pub name: String,
    pub version: String,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version.to_owned())),
            None => (text, None),
        };
        match name.is_empty() || version.as_deref() == Some("") {
            true => Err("write NAME or NAME@VERSION, such as market@3".to_owned()),
            false => Ok(Self { name: name.to_owned(), version }),
        }
    }
}

impl FromStr for WhichVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Which { name, version } = text.parse()?;
        let version = version.ok_or_else(|| {
            format!("which version? write {name}@VERSION; `picket policy show {name}` lists them")
        })?;
        Ok(Self { name, version })
    }
}

impl WhichVersion {
    /// Where the API has it.
    pub fn path(&self) -> String {
        format!("/v1/policies/{}/{}", encode(&self.name), encode(&self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_after_an_at() {
        let which: WhichVersion = "market@3".parse().unwrap();
        assert_eq!(which.path(), "/v1/policies/market/3");
        assert_eq!("market".parse::<Which>().unwrap().version, None);
        assert!("market".parse::<WhichVersion>().unwrap_err().contains("market@VERSION"));
        for wrong in ["", "@3", "market@"] {
            assert!(wrong.parse::<Which>().is_err(), "{wrong}");
        }
    }
}
