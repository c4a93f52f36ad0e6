//! How a version is named on the command line, of a detector or of a policy.

use std::str::FromStr;

use super::client::encode;

/// A detector or a policy, and perhaps one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Which {
    pub name: String,
    /// A number, or a digest.
    pub version: Option<String>,
}

/// One version of it.
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
            true => {
                Err("write NAME or NAME@VERSION, such as contact-phone@1.3.0 or market@3"
                    .to_owned())
            }
            false => Ok(Self { name: name.to_owned(), version }),
        }
    }
}

impl FromStr for WhichVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Which { name, version } = text.parse()?;
        let version = version.ok_or_else(|| {
            format!("which version? write {name}@VERSION; `show {name}` lists them")
        })?;
        Ok(Self { name, version })
    }
}

impl WhichVersion {
    /// Where the API has this version of a detector.
    pub fn of_detector(&self) -> String {
        format!("/v1/detectors/{}/versions/{}", encode(&self.name), encode(&self.version))
    }

    /// Where the API has this version of a policy.
    pub fn of_policy(&self) -> String {
        format!("/v1/policies/{}/{}", encode(&self.name), encode(&self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_after_an_at() {
        let which: WhichVersion = "contact-phone@1.3.0".parse().unwrap();
        assert_eq!(which.of_detector(), "/v1/detectors/contact%2Dphone/versions/1%2E3%2E0");
        let which: WhichVersion = "market@3".parse().unwrap();
        assert_eq!(which.of_policy(), "/v1/policies/market/3");
        assert_eq!("probe".parse::<Which>().unwrap().version, None);
        assert!("probe".parse::<WhichVersion>().unwrap_err().contains("probe@VERSION"));
        for wrong in ["", "@1.0.0", "probe@"] {
            assert!(wrong.parse::<Which>().is_err(), "{wrong}");
        }
    }
}
