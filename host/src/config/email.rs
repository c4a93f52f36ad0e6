//! E-mail: by which server it leaves, in whose name, and what keeps it from going astray.

use std::collections::BTreeMap;
use std::path::PathBuf;

use reqwest::Url;
use serde::{Deserialize, Deserializer, Serialize};

use super::destination::Destination;
use super::each;
use super::reach::Reach;
use super::secrets::Secrets;
use super::telling::{Telling, Told};

/// Whom a source writes e-mails to, and by which server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// `smtp://host:587`, which goes over to TLS (STARTTLS) before anything is said, or `smtps://host:465`.
    pub url: String,
    /// In whose name: an address, or `Market <notices@market.example>`.
    pub from: String,
    /// As whom the server knows us; left out where it asks nobody.
    pub user: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// The password itself, for where the configuration comes from the environment.
    #[serde(default, skip_serializing)]
    pub password: Secrets,
    /// A file with the certificates (PEM) of those who may vouch for the server, in place of those that the
    /// system trusts.
    pub ca_file: Option<PathBuf>,
    /// Whether `smtp://` stays as it is, for a server on this machine.
    #[serde(default)]
    pub allow_plain: bool,
    /// As of destinations.
    #[serde(default)]
    pub allow_private: bool,
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Whom, of what, in which words and when. In the file its keys stand beside the others.
    #[serde(skip)]
    pub telling: Telling,
}

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    pub host: String,
    pub port: u16,
    pub security: Security,
}

/// What keeps a connection from being read and changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte on.
    Tls,
    /// TLS before anything of ours is said, or nothing.
    StartTls,
    /// Nothing.
    None,
}

impl Email {
    /// Which server, and how.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn server(&self) -> Result<MailServer, String> {
        const FORM: &str = "`url` is written as smtp://host:587 or smtps://host:465";
        let url = Url::parse(&self.url).map_err(|_| FORM.to_owned())?;
        let (security, usual) = match url.scheme() {
            "smtps" => (Security::Tls, 465),
            "smtp" if self.allow_plain => (Security::None, 25),
            "smtp" => (Security::StartTls, 587),
            _ => return Err(FORM.to_owned()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("`url` holds a name or a password: write `user` and `password_file`".into());
        }
        let bare = ["", "/"].contains(&url.path()) && url.query().is_none();
        let host = url.host_str().filter(|host| !host.is_empty() && bare).ok_or(FORM)?;
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(MailServer { host, port: url.port().unwrap_or(usual), security })
    }

    /// Which addresses the server may have.
    ///
    /// # Errors
    /// Which network is none.
    pub fn reach(&self) -> Result<Reach, String> {
        Reach::new(self.allow_private, &self.allow_networks)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> Option<String> {
        let MailServer { host, port, .. } = self.server().ok()?;
        let scheme = self.url.split(':').next()?;
        Some(format!("{scheme}://{host}:{port}"))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let server = self.server()?;
        // The same rules for where it may lie as for what is posted to.
        let place = Destination {
            allow_http: true,
            allow_private: self.allow_private,
            allow_networks: self.allow_networks.clone(),
            ..Destination::plain(format!("http://{}", bracketed(&server.host)), None)
        };
        place.check()?;
        let plain = server.security == Security::None;
        if plain && !is_loopback(&server.host) {
            return Err(
                "`allow_plain` is for a server on this machine alone: what goes further can be \
                        read by anybody on the way"
                    .to_owned(),
            );
        }
        if plain && self.ca_file.is_some() {
            return Err(
                "`ca_file` says who vouches for the server, and with `allow_plain` nobody is \
                        asked"
                    .to_owned(),
            );
        }
        let passwords = self.password.iter().count() + usize::from(self.password_file.is_some());
        if passwords > 1 || (passwords == 1) != self.user.is_some() {
            return Err(
                "`user` goes with one password, in `password_file` or `password`".to_owned()
            );
        }
        if self.from.contains(char::is_control) || !self.from.contains('@') {
            return Err("`from` is an address, or \"Market <notices@market.example>\"".to_owned());
        }
        self.telling.check(true)
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// One for each source, or a list.
pub(super) fn by_source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<Email>>, D::Error> {
    let all: BTreeMap<String, Vec<Told<Email>>> = each::by_source(deserializer)?;
    let one = |Told { by, telling }: Told<Email>| Email { telling: telling.named("email"), ..by };
    let all = all.into_iter();
    Ok(all.map(|(source, all)| (source, all.into_iter().map(one).collect())).collect())
}

/// What is wrong with the first that something is wrong with.
pub(super) fn check_all(all: &BTreeMap<String, Vec<Email>>) -> Option<String> {
    let mut each = all.iter().flat_map(|(source, all)| all.iter().map(move |one| (source, one)));
    each.find_map(|(source, one)| {
        let problem = one.check().err()?;
        Some(format!("`email.{source}`: {problem}"))
    })
}
