//! How versions are named on the command line, and how their state is worded.

use std::str::FromStr;

use super::super::client::encode;
use super::super::table::plain;
use crate::model::{Canary, Isolation, Stage};
use crate::registry::DetectorStatus;

pub(super) use super::super::words::{percent, warn, why};

/// A detector, and perhaps one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Which {
    pub name: String,
    /// A number, or a digest.
    pub version: Option<String>,
}

/// One version of a detector.
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
            true => Err("write NAME or NAME@VERSION, such as contact-phone@1.3.0".to_owned()),
            false => Ok(Self { name: name.to_owned(), version }),
        }
    }
}

impl FromStr for WhichVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Which { name, version } = text.parse()?;
        let version = version.ok_or_else(|| {
            format!("which version? write {name}@VERSION; `picket detector show {name}` lists them")
        })?;
        Ok(Self { name, version })
    }
}

impl WhichVersion {
    /// Where the API has it.
    pub fn path(&self) -> String {
        format!("/v1/detectors/{}/versions/{}", encode(&self.name), encode(&self.version))
    }
}

pub(super) fn source(source: &str) -> String {
    match source {
        "*" => "every source".to_owned(),
        source => plain(source),
    }
}

/// A stage, with the share of a canary.
pub(super) fn stage(stage: Stage, canary: Option<&Canary>) -> String {
    match canary {
        Some(canary) => format!("{stage} {}", percent(canary.share)),
        None => stage.to_string(),
    }
}

/// What an operator granted a version beyond a fresh instance for each event.
pub(super) fn isolation(status: &DetectorStatus) -> Option<&'static str> {
    let warm = "warm: an instance is kept from event to event, by the operator's word";
    (status.isolation == Some(Isolation::Warm)).then_some(warm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_after_an_at() {
        let which: WhichVersion = "contact-phone@1.3.0".parse().unwrap();
        assert_eq!(which.path(), "/v1/detectors/contact%2Dphone/versions/1%2E3%2E0");
        assert_eq!("probe".parse::<Which>().unwrap().version, None);
        assert!("probe".parse::<WhichVersion>().unwrap_err().contains("probe@VERSION"));
        for wrong in ["", "@1.0.0", "probe@"] {
            assert!(wrong.parse::<Which>().is_err(), "{wrong}");
        }
    }
}
