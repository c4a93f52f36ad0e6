//! The channel of e-mail: one message over SMTP (RFC 5321), under an id that stays the same. Connects to what was
//! looked up and admitted, and says nothing of ours before TLS is there, where it is wanted.

use std::fs;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::connect::{Lookup, addresses, causes};
use super::http::{Answer, bare};
use super::tls;
use super::wording::Wording;
use crate::config::{Email, MailServer, Reach, Secrets, Security};
use crate::model::{AttemptOutcome, DeliveryId, Outgoing, Timestamp};

mod wary;

use wary::Wary;

/// How long a server that has taken a message has to say goodbye.
const LEAVE: Duration = Duration::from_secs(1);
/// A file with a password is no larger.
const PASSWORD_BYTES_MAX: usize = 4 << 10;

/// One server, and in whose name what is written.
pub(super) struct Mail {
    server: MailServer,
    reach: Reach,
    lookup: Lookup,
    tls: Option<TlsParameters>,
    from: Mailbox,
    hello: ClientId,
    credentials: Option<Credentials>,
    wording: Wording,
    patience: Duration,
}

impl Mail {
    /// # Errors
    /// What the configuration says and cannot be done. No password is quoted.
    pub fn new(email: &Email, patience: Duration, lookup: Lookup) -> Result<Self, String> {
        let server = email.server()?;
        let from: Mailbox = email.from.parse().map_err(|_| {
            "`from` is an address, or \"Market <notices@market.example>\"".to_owned()
        })?;
        if email.telling.to.as_ref().is_some_and(|to| to.parse::<Address>().is_err()) {
            return Err("`to` is no address".to_owned());
        }
        let password = password(&email.password, email.password_file.as_deref())?;
        let credentials = email.user.clone().zip(password);
        let tls = match server.security {
            Security::None => None,
            Security::Tls | Security::StartTls => Some(parameters(&server, email)?),
        };
        Ok(Self {
            reach: email.reach()?,
            lookup,
            tls,
            hello: ClientId::Domain(from.email.domain().to_owned()),
            from,
            credentials: credentials
                .map(|(user, password)| Credentials::new(user, password.to_string())),
            wording: Wording::of(&email.telling),
            patience,
            server,
        })
    }

    /// Sends all of these as one message, once. It is delivered when the server has taken it upon itself.
    pub async fn send(&self, id: &DeliveryId, told: &[Outgoing], at: Timestamp) -> Answer {
        let (envelope, message) = match self.message(id, told, at) {
            Ok(message) => message,
            Err(answer) => return answer,
        };
        match timeout(self.patience, self.exchange(&envelope, &message)).await {
            Ok(Ok((status, mut connection))) => {
                // It has it, whatever it says to our leaving.
                let _ = timeout(LEAVE, connection.quit()).await;
                Answer { status, ..bare(AttemptOutcome::Delivered) }
            }
            Ok(Err(answer)) => answer,
            Err(_) => {
                let error = format!("not taken within {} ms", self.patience.as_millis());
                Answer { error: Some(error), ..bare(AttemptOutcome::TimedOut) }
            }
        }
    }

    fn message(
        &self,
        id: &DeliveryId,
        told: &[Outgoing],
        at: Timestamp,
    ) -> Result<(Envelope, Vec<u8>), Answer> {
        let (subject, body) = self.wording.of_all(told).map_err(Answer::unreadable)?;
        let to = told.first().and_then(|one| one.notice.as_ref()).map_or("", |it| &it.to);
        // The address itself may be anybody's, so it is not quoted.
        let to: Address = to.parse().map_err(|_| rejected("what it is for is no address"))?;
        let date = SystemTime::UNIX_EPOCH
            + Duration::from_millis(u64::try_from(at.millis()).unwrap_or_default());
        let automatic = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(subject)
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .date(date)
            .raw_header(automatic)
            .singlepart(SinglePart::plain(body));
        let message = message.map_err(|error| Answer::unreadable(error.to_string()))?;
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to]);
        let envelope = envelope.map_err(|error| Answer::unreadable(error.to_string()))?;
        Ok((envelope, message.formatted()))
    }

    /// Has the server take a message upon itself; what it answered to that, and the connection.
    async fn exchange(
        &self,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<(Option<u16>, AsyncSmtpConnection), Answer> {
        let MailServer { host, port, security } = &self.server;
        let found = addresses(&self.lookup, &self.reach, host, *port).await;
        let found = found.map_err(|(barred, error)| {
            let outcome = match barred {
                true => AttemptOutcome::OutOfBounds,
                false => AttemptOutcome::Unreachable,
            };
            Answer { error: Some(error), ..bare(outcome) }
        })?;
        let unsaid = |error: Error| failed(&error, false);
        let mut connection = match (security, &self.tls) {
            (Security::StartTls, Some(tls)) => {
                let stream = TcpStream::connect(&found[..]).await.map_err(|error| {
                    let error = Some(causes(&error));
                    Answer { error, ..bare(AttemptOutcome::Unreachable) }
                })?;
                let stream = Box::new(Wary::new(stream));
                let connected = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
                let mut connection = connected.await.map_err(unsaid)?;
                connection.starttls(tls.clone(), &self.hello).await.map_err(unsaid)?;
                connection
            }
            (_, tls) => {
                let (patience, hello) = (Some(self.patience), &self.hello);
                let connected = AsyncSmtpConnection::connect_tokio1(
                    &found[..],
                    patience,
                    hello,
                    tls.clone(),
                    None,
                );
                connected.await.map_err(unsaid)?
            }
        };
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            if let Err(error) = connection.auth(&mechanisms, credentials).await {
                connection.abort().await;
                return Err(unsaid(error));
            }
        }
        let response = connection.send(envelope, message).await;
        let response = response.map_err(|error| failed(&error, true))?;
        Ok((status(response.code()), connection))
    }
}

/// What a failure means. `said`: the server knew what it was about, so that a 5xx is its last word; before
/// that it is about us, and may be mended. Nothing that a server says is kept but its code.
fn failed(error: &Error, said: bool) -> Answer {
    let status = error.status().and_then(status);
    if let Some(code) = status {
        let outcome = match error.is_permanent() && said {
            true => AttemptOutcome::Rejected,
            false => AttemptOutcome::Refused,
        };
        return Answer { status, error: Some(format!("it answered {code}")), ..bare(outcome) };
    }
    let (outcome, error) = match error {
        _ if error.is_response() => {
            (AttemptOutcome::BrokeOff, "it answered what is not SMTP".to_owned())
        }
        _ if error.is_timeout() => (AttemptOutcome::TimedOut, "no answer in time".to_owned()),
        _ if error.is_client() => (AttemptOutcome::Refused, causes(error)),
        _ if said => (AttemptOutcome::BrokeOff, causes(error)),
        _ => (AttemptOutcome::Unreachable, causes(error)),
    };
    Answer { error: Some(error), ..bare(outcome) }
}

fn rejected(why: &str) -> Answer {
    Answer { error: Some(why.to_owned()), ..bare(AttemptOutcome::Rejected) }
}

fn status(code: lettre::transport::smtp::response::Code) -> Option<u16> {
    code.to_string().parse().ok()
}

fn parameters(server: &MailServer, email: &Email) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(server.host.clone());
    if let Some(file) = &email.ca_file {
        tls = tls.certificate_store(CertificateStore::None);
        for authority in tls::authorities(file)? {
            let certificate = Certificate::from_der(authority.to_vec());
            tls = tls.add_root_certificate(certificate.map_err(|error| causes(&error))?);
        }
    }
    tls.build().map_err(|error| causes(&error))
}

/// The password, from where it stands.
pub(super) fn password(
    secrets: &Secrets,
    file: Option<&std::path::Path>,
) -> Result<Option<Zeroizing<String>>, String> {
    if let Some(secret) = secrets.iter().next() {
        return Ok(Some(Zeroizing::new(secret.to_owned())));
    }
    let Some(file) = file else { return Ok(None) };
    let wrong = |error: &str| format!("`password_file`: {} {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    let text = Zeroizing::new(text);
    let password = text.trim_end_matches(['\r', '\n']);
    match password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        true => Err(wrong("holds no password: it stands there alone, on one line")),
        false => Ok(Some(Zeroizing::new(password.to_owned()))),
    }
}
