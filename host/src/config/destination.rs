//! Where the actions of a source are sent.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::Config;

/// Sources that may have a destination: each has connections of its own.
pub(super) const DESTINATIONS_MAX: usize = 100;
/// Headers that a request brings along by itself.
const OWN_HEADERS: [&str; 8] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// A platform's endpoint. Whether it lies on a private network is the operator's own word.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// `https://...`, or `http://...` on a network that is trusted.
    pub url: String,
    /// What each request carries besides, such as the receiver's own key.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A file with the certificates (PEM) of those who may vouch for the receiver, in place of those
    /// that the system trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for Destination {
    /// Without the headers' values and the address's query, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("headers", &self.headers.keys())
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

impl Config {
    /// Where checkpoints of the audit log are posted to.
    pub fn witness(&self) -> Option<Destination> {
        let ca_file = Some(self.checkpoint_ca_file.clone()).filter(|it| !it.as_os_str().is_empty());
        let url = Some(self.checkpoint_url.clone()).filter(|url| !url.is_empty());
        url.map(|url| Destination::plain(url, ca_file))
    }
}

impl Destination {
    /// An address without headers.
    pub fn plain(url: String, ca_file: Option<PathBuf>) -> Self {
        Self { url, headers: BTreeMap::new(), ca_file }
    }

    /// The address as it is sent to: in ASCII, whatever the host's name is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn address(&self) -> Result<String, String> {
        Url::parse(&self.url).map(String::from).map_err(|error| error.to_string())
    }

    /// Whether it could be sent to at all. No value is quoted: it may be secret.
    pub fn check(&self) -> Result<(), String> {
        let url = Url::parse(&self.url).map_err(|error| {
            format!("`url` is no address: {error}; write it whole, as https://host/path")
        })?;
        if !["https", "http"].contains(&url.scheme()) {
            return Err(format!("`url` begins with `{}:`: write https: or http:", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("`url` holds a name or a password: write them as a header, such as \
                        headers = { Authorization = \"Basic ...\" }"
                .to_owned());
        }
        if url.fragment().is_some() {
            return Err("`url` ends in a `#` part, which is never sent: leave it out".to_owned());
        }
        if self.ca_file.is_some() && url.scheme() == "http" {
            return Err("`ca_file` says who vouches for the receiver, and http: has nobody \
                        vouch: write https: or leave it out"
                .to_owned());
        }
        for (name, value) in &self.headers {
            let parsed = HeaderName::try_from(name.as_str())
                .map_err(|_| format!("`{name}` is not the name of a header"))?;
            if OWN_HEADERS.contains(&parsed.as_str()) {
                return Err(format!("the header `{name}` is set by each request: leave it out"));
            }
            HeaderValue::try_from(value.as_str()).map_err(|_| {
                format!("the value of the header `{name}` holds what no header may: line breaks or control characters")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("picket.toml", text, []).map_err(|error| error.to_string())
    }

    #[test]
    fn a_destination_is_an_address_with_headers() {
        let config = parse(
            "[destinations.market]\nurl = \"https://bücher.example/a?key=hunter2\"\n\
             headers = { Authorization = \"Bearer hunter2\" }",
        )
        .unwrap();
        let destination = &config.destinations["market"];
        assert_eq!(destination.address().unwrap(), "https://xn--bcher-kva.example/a?key=hunter2");
        let said = format!("{config:?}");
        assert!(said.contains("Authorization") && !said.contains("hunter2"), "{said}");
        // Where it lies is the operator's own word.
        for url in ["http://10.0.0.7:8000/x", "https://localhost", "http://[::1]/"] {
            parse(&format!("[destinations.market]\nurl = \"{url}\"")).unwrap();
        }
    }

    #[test]
    fn each_mistake_says_how_to_mend_it_and_no_secret() {
        let cases = [
            ("ulr = \"https://a.example/\"", "unknown field `ulr`, expected one of `url`"),
            ("headers = {}", "missing field `url`"),
            ("url = \"a.example/hunter2\"", "`destinations.market`: `url` is no address"),
            ("url = \"ftp://a.example\"", "write https: or http:"),
            ("url = \"https://me:hunter2@a.example\"", "write them as a header"),
            ("url = \"https://a.example/#hunter2\"", "`#` part"),
            ("url = \"http://a.example\"\nca_file = \"ca.pem\"", "has nobody vouch"),
            (
                "url = \"https://a.example\"\nheaders = { Host = \"hunter2\" }",
                "set by each request",
            ),
            (
                "url = \"https://a.example\"\nheaders = { \"a b\" = \"x\" }",
                "not the name of a header",
            ),
            ("url = \"https://a.example\"\nheaders = { A = \"hunter2\\n\" }", "line breaks"),
        ];
        for (text, says) in cases {
            let error = parse(&format!("[destinations.market]\n{text}")).unwrap_err();
            assert!(error.contains(says) && !error.contains("hunter2"), "{text}: {error}");
        }
        let cases = [
            ("delivery_attempts_max = 101", "`delivery_attempts_max` is at most 100"),
            ("delivery_attempts_max = 0", "at least 1"),
            ("delivery_timeout_ms = 200_000", "at most 120000"),
            ("delivery_retry_first_ms = 3_600_001", "`delivery_retry_first_ms` is at most 3600000"),
        ];
        for (text, says) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        let many: String = (0..101)
            .map(|number| format!("[destinations.s{number}]\nurl = \"https://a.example\"\n"))
            .collect();
        assert!(parse(&many).unwrap_err().contains("at most 100 entries"));
    }
}
