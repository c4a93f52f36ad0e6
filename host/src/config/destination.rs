//! Where the actions of a source are sent, and what keeps them on their way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize};

use super::reach::Reach;
use super::secrets::Secrets;
use super::{Config, each};
use crate::model::{Action, DestinationId};

/// Sources that may have a destination: each has connections of its own.
pub(super) const DESTINATIONS_MAX: usize = 100;
/// Keys that may sign for one destination, so that the header of the signatures stays short.
const KEYS_MAX: usize = 8;
/// The lowest port that is taken, besides those of the web: below it others than platforms listen.
const PORT_MIN: u16 = 1_024;
/// Headers that a request brings along by itself.
const OWN_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
    "upgrade",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// A platform's endpoint.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// `https://...`
    pub url: String,
    /// What it is called where a source has several; empty: it is the one without a name.
    #[serde(default)]
    pub name: String,
    /// What each request carries besides, such as the receiver's own key.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A file with the certificates (PEM) of those who may vouch for the receiver, in place of those
    /// that the system trusts.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Files with keys that sign what is sent: `whsec_...` or `whsk_...`, each on a line of its own. All of
    /// them sign, so that the receiver may go over from one to the next when it likes.
    #[serde(default)]
    pub secret_files: Vec<PathBuf>,
    /// Such keys themselves, for where the configuration comes from the environment.
    #[serde(default, skip_serializing)]
    pub secrets: Secrets,
    /// The actions that it is told; empty: all of them.
    #[serde(default)]
    pub actions: BTreeSet<Action>,
    /// Whether it is told of alerts that rules raise.
    #[serde(default)]
    pub alerts: bool,
    /// Whether `http://...` will do, which anybody on the way can read. To loopback it does anyway.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether it may lie on a private network, or on this machine.
    #[serde(default)]
    pub allow_private: bool,
    /// Networks (`10.20.0.0/16`) in which it may lie besides.
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// The others of its source. In the file they stand in one list with it.
    #[serde(skip)]
    pub also: Vec<Self>,
}

/// One for each source, or a list.
pub(super) fn by_source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Destination>, D::Error> {
    let all: BTreeMap<String, Vec<Destination>> = each::by_source(deserializer)?;
    let one = |(source, all): (String, Vec<Destination>)| {
        let mut all = all.into_iter();
        let first = all.next()?;
        Some((source, Destination { also: all.collect(), ..first }))
    };
    Ok(all.into_iter().filter_map(one).collect())
}

impl fmt::Debug for Destination {
    /// Without the headers' values, the keys and the address's query, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("name", &self.name)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("headers", &self.headers.keys())
            .field("ca_file", &self.ca_file)
            .field("secret_files", &self.secret_files)
            .field("secrets", &self.secrets)
            .field("actions", &self.actions)
            .field("alerts", &self.alerts)
            .field("allow_http", &self.allow_http)
            .field("allow_private", &self.allow_private)
            .field("allow_networks", &self.allow_networks)
            .field("also", &self.also)
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
    /// An address of the operator's own, wherever it lies, without headers and signatures.
    pub fn plain(url: String, ca_file: Option<PathBuf>) -> Self {
        Self {
            name: String::new(),
            url,
            headers: BTreeMap::new(),
            ca_file,
            secret_files: Vec::new(),
            secrets: Secrets::default(),
            actions: BTreeSet::new(),
            alerts: false,
            allow_http: true,
            allow_private: true,
            allow_networks: ["0.0.0.0/0", "::/0"].map(str::to_owned).into(),
            also: Vec::new(),
        }
    }

    /// It and the others of its source.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.also)
    }

    /// The address as it is sent to: in ASCII, whatever the host's name is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn address(&self) -> Result<String, String> {
        Url::parse(&self.url).map(String::from).map_err(|error| error.to_string())
    }

    /// Scheme, host and port: what of the address is never secret.
    pub fn origin(&self) -> Option<String> {
        Url::parse(&self.url).ok().map(|url| url.origin().ascii_serialization())
    }

    /// Whether what is sent there is signed.
    pub fn signs(&self) -> bool {
        !self.secrets.is_empty() || !self.secret_files.is_empty()
    }

    /// Which addresses it may have.
    ///
    /// # Errors
    /// Which network is none.
    pub fn reach(&self) -> Result<Reach, String> {
        Reach::new(self.allow_private, &self.allow_networks)
    }

    /// Whether it could be sent to at all. No value is quoted: it may be secret.
    ///
    /// # Errors
    /// What is in the way, and how to mend it.
    pub fn check(&self) -> Result<(), String> {
        if !self.name.is_empty() && !DestinationId::is_name(&self.name) {
            return Err(
                "`name` is lower-case letters and digits, in words joined by `-`, and begins \
                        with a letter"
                    .to_owned(),
            );
        }
        let url = Url::parse(&self.url).map_err(|error| {
            format!("`url` is no address: {error}; write it whole, as https://host/path")
        })?;
        self.check_url(&url)?;
        self.check_place(&url)?;
        if self.secrets.iter().count() + self.secret_files.len() > KEYS_MAX {
            return Err(format!(
                "it has at most {KEYS_MAX} keys: take out those that are used no longer"
            ));
        }
        if self.actions.contains(&Action::Allow) {
            return Err("`actions` names `allow`, which is never sent: leave it out".to_owned());
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

    /// How it is written.
    fn check_url(&self, url: &Url) -> Result<(), String> {
        if !["https", "http"].contains(&url.scheme()) {
            return Err(format!("`url` begins with `{}:`: write https:", url.scheme()));
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
        match url.port() {
            Some(port) if port < PORT_MIN && ![80, 443].contains(&port) && !self.allow_private => {
                Err(format!(
                    "`url` names the port {port}, where other things than platforms listen: take 443, or \
                 one from {PORT_MIN} up, or say allow_private = true"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Where it lies, as far as that can be told without looking its name up.
    fn check_place(&self, url: &Url) -> Result<(), String> {
        let reach = self.reach()?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.ends_with(".localhost");
        let address = match host.parse::<IpAddr>() {
            Ok(address) => Some(address),
            Err(_) => local.then_some(Ipv4Addr::LOCALHOST.into()),
        };
        if let Some(address) = address {
            reach.admits(address).map_err(|barred| format!("`url`: {barred}"))?;
        }
        let loopback = address.is_some_and(|address| address.to_canonical().is_loopback());
        match url.scheme() == "http" && !self.allow_http && !loopback {
            true => Err("`url` begins with http:, which anybody on the way can read and change: \
                         write https:, or allow_http = true where the whole way is trusted"
                .to_owned()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse("picket.toml", text, []).map_err(|error| error.to_string())
    }

    #[test]
    fn a_destination_is_an_address_with_headers_and_keys() {
        let config = parse(
            "[destinations.market]\nurl = \"https://bücher.example/a?key=hunter2\"\n\
             headers = { Authorization = \"Bearer hunter2\" }\nsecrets = [\"hunter2\"]\n\
             secret_files = [\"market.whsk\"]",
        )
        .unwrap();
        let destination = &config.destinations["market"];
        assert_eq!(destination.address().unwrap(), "https://xn--bcher-kva.example/a?key=hunter2");
        assert_eq!(destination.origin().unwrap(), "https://xn--bcher-kva.example");
        assert!(destination.signs());
        let said = format!("{config:?}");
        assert!(said.contains("Authorization") && !said.contains("hunter2"), "{said}");
        // Whatever of it is written again, no key is.
        assert!(!toml::to_string(destination).unwrap().contains("secrets"));
    }

    #[test]
    fn where_it_may_lie_is_said_before_anything_is_sent() {
        let cases = [
            ("https://market.example/x", "", None),
            ("https://market.example:8443/x", "", None),
            ("https://203.0.114.7/x", "", None),
            ("https://10.0.0.7/x", "", Some("10.0.0.7 is a private address")),
            ("https://10.0.0.7/x", "allow_private = true", None),
            ("https://10.0.0.7/x", "allow_networks = [\"10.0.0.0/24\"]", None),
            ("https://10.0.1.7/x", "allow_networks = [\"10.0.0.0/24\"]", Some("private address")),
            ("https://169.254.169.254/", "allow_private = true", Some("link-local")),
            ("https://market.example", "allow_networks = [\"hunter\"]", Some("is no network")),
            ("https://localhost/", "", Some("loopback")),
            ("https://a.localhost/", "", Some("loopback")),
            // However a number is written, it is the same address.
            ("https://0x7f.1/", "", Some("127.0.0.1 is a loopback")),
            ("https://2130706433/", "", Some("127.0.0.1 is a loopback")),
            ("https://0300.0250.1.1/", "", Some("192.168.1.1 is a private")),
            ("https://[::ffff:10.0.0.7]/", "", Some("is a private address")),
            ("https://[fe80::1]/", "", Some("link-local")),
            ("http://localhost:8000/x", "allow_private = true", None),
            ("http://[::1]/", "allow_private = true", None),
            ("http://10.0.0.7/x", "allow_private = true", Some("begins with http:")),
            ("http://market.example/x", "", Some("allow_http = true where")),
            ("http://market.example/x", "allow_http = true", None),
            ("https://market.example:25/", "", Some("names the port 25")),
            ("https://market.example:0/", "", Some("names the port 0")),
            ("https://market.example:1023/", "", Some("one from 1024 up")),
            ("https://market.example:80/", "", None),
        ];
        for (url, more, says) in cases {
            let parsed = parse(&format!("[destinations.market]\nurl = \"{url}\"\n{more}"));
            match (parsed, says) {
                (Ok(_), None) => {}
                (Err(error), Some(says)) => {
                    let placed = error.starts_with("picket.toml: `destinations.market`: ");
                    assert!(error.contains(says) && placed, "{url}: {error}");
                }
                (parsed, says) => panic!("{url} {more}: {says:?} {parsed:?}"),
            }
        }
    }

    #[test]
    fn each_mistake_says_how_to_mend_it_and_no_secret() {
        let cases = [
            ("ulr = \"https://a.example/\"", "unknown field `ulr`, expected one of `url`"),
            ("headers = {}", "missing field `url`"),
            (
                "url = \"https://a.example\"\nactions = [\"ban\"]",
                "unknown variant `ban`, expected one of",
            ),
            ("url = \"https://a.example\"\nactions = [\"allow\"]", "which is never sent"),
            ("url = \"a.example/hunter2\"", "`destinations.market`: `url` is no address"),
            ("url = \"ftp://a.example\"", "write https:"),
            ("url = \"https://me:hunter2@a.example\"", "write them as a header"),
            ("url = \"https://a.example/#hunter2\"", "`#` part"),
            ("url = \"http://a.example\"\nca_file = \"ca.pem\"", "has nobody vouch"),
            ("url = \"https://a.example\"\nsecrets = { a = \"hunter2\" }", "a text or a list"),
            (
                "url = \"https://a.example\"\nsecrets = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
                "invalid type: integer `1`",
            ),
            (
                "url = \"https://a.example\"\nheaders = { Webhook-Id = \"hunter2\" }",
                "set by each request",
            ),
            (
                "url = \"https://a.example\"\nsecret_files = [\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"]",
                "at most 8 keys",
            ),
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
            ("delivery_retry_ms = []", "`delivery_retry_ms` has 1 to 100 entries"),
            ("delivery_retry_ms = [0]", "each of `delivery_retry_ms` lies in 1..=86400000"),
            ("delivery_retry_ms = [86_400_001]", "each of `delivery_retry_ms` lies in"),
            ("delivery_retry_ms = [5, 4]", "`delivery_retry_ms` ascends"),
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
