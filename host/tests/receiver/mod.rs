//! A platform's endpoint on loopback that does what it is told, above all what no endpoint should.
#![allow(dead_code, reason = "each test binary uses what it needs")]

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Does {
    /// Answers with this status.
    Answer(u16),
    /// Answers with this status and asks to wait.
    AskToWait(u16, &'static str),
    /// Sends elsewhere.
    Redirect(String),
    /// Takes the request and never answers.
    Hang,
    /// Closes without an answer.
    Close,
    /// Tears the connection down, as a machine does that lost its memory of it; not over TLS.
    Reset,
    /// Says 200 and closes in the middle of the body.
    CloseMidBody,
    /// Says 200 and sends a body without end.
    Flood,
    /// Says 200 and sends its body byte by byte, for ever.
    Drip,
    /// Answers what is not HTTP.
    Babble,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Value,
    pub bytes: Vec<u8>,
    /// How often its id had come before.
    pub before: usize,
    /// Counts what comes and what is answered, so that one can tell what overlapped.
    pub at: usize,
    pub answered_at: Option<usize>,
}

impl Received {
    /// What a repeat is known by, which of webhooks both headers say.
    pub fn id(&self) -> &str {
        let id = self.headers.get("idempotency-key").map_or("", String::as_str);
        assert_eq!(self.headers.get("webhook-id").map_or(id, String::as_str), id);
        id
    }

    pub fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {}", self.body))
    }
}

/// The endpoint. What it has received can be waited for.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    does: Box<dyn Fn(&Received) -> Does + Send + Sync>,
    log: watch::Sender<Log>,
    stop: CancellationToken,
}

/// That a connection is to be torn down.
struct Reset;
#[derive(Default)]
struct Log {
    clock: usize,
    received: Vec<Received>,
    /// How often each id has come.
    times: HashMap<String, usize>,
}

/// Makes something secure of what was accepted.
pub type Secure = tokio_rustls::TlsAcceptor;

/// An authority of one's own, and what it vouches for on loopback.
pub fn vouched_for() -> (String, Secure) {
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    let names = vec!["127.0.0.1".to_owned()];
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a certificate with its key");
    (cert.pem(), std::sync::Arc::new(config).into())
}

impl Receiver {
    pub async fn start(does: impl Fn(&Received) -> Does + Send + Sync + 'static) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), None, does).await
    }

    pub async fn start_at(
        address: SocketAddr,
        secure: Option<Secure>,
        does: impl Fn(&Received) -> Does + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (log, _) = watch::channel(Log::default());
        let inner = Inner { does: Box::new(does), log, stop: CancellationToken::new() };
        let receiver = Self { address, inner: Arc::new(inner) };
        tokio::spawn(receiver.clone().accept(listener, secure));
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/actions", self.address)
    }

    /// What has come so far, in order.
    pub fn received(&self) -> Vec<Received> {
        self.inner.log.borrow().received.clone()
    }

    /// Waits until what has come is enough.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut log = self.inner.log.subscribe();
        let waited = log.wait_for(|log| enough(&log.received));
        match tokio::time::timeout(PATIENCE, waited).await {
            Ok(log) => log.expect("the receiver is there").received.clone(),
            Err(_) => panic!("waited in vain until {what}: {:#?}", self.received()),
        }
    }

    /// Waits for so many requests, as long as some come.
    pub async fn until_count(&self, count: usize) -> Vec<Received> {
        let mut log = self.inner.log.subscribe();
        while log.borrow_and_update().received.len() < count {
            let more = tokio::time::timeout(PATIENCE, log.changed()).await;
            let Ok(more) = more else {
                panic!("waited in vain for {count} requests; {} came", self.received().len());
            };
            more.expect("the receiver is there");
        }
        self.received()
    }

    pub fn stop(&self) {
        self.inner.stop.cancel();
    }

    async fn accept(self, listener: TcpListener, secure: Option<Secure>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.inner.stop.cancelled() => return,
            };
            let Ok((stream, _)) = accepted else { continue };
            let (this, secure) = (self.clone(), secure.clone());
            tokio::spawn(async move {
                let stop = this.inner.stop.clone();
                let served = async {
                    match secure {
                        None => {
                            // A second hold on the connection, for how it ends.
                            let stream = stream.into_std().ok()?;
                            let hold = TcpStream::from_std(stream.try_clone().ok()?).ok()?;
                            let Reset = this.serve(TcpStream::from_std(stream).ok()?).await?;
                            hold.set_zero_linger().ok()
                        }
                        Some(secure) => {
                            this.serve(secure.accept(stream).await.ok()?).await.map(|Reset| ())
                        }
                    }
                };
                tokio::select! {
                    _ = served => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }

    /// Serves a connection until it ends.
    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<Reset> {
        let mut stream = BufReader::new(stream);
        loop {
            let (number, does) = self.request(&mut stream).await?;
            let head = |status: u16, more: &str| format!("HTTP/1.1 {status} As told\r\n{more}\r\n");
            let (text, goes_on) = match &does {
                Does::Answer(status) => (head(*status, "content-length: 2\r\n") + "ok", true),
                Does::AskToWait(status, wait) => {
                    (head(*status, &format!("retry-after: {wait}\r\ncontent-length: 0\r\n")), true)
                }
                Does::Redirect(url) => {
                    (head(307, &format!("location: {url}\r\ncontent-length: 0\r\n")), true)
                }
                Does::Hang => return std::future::pending().await,
                Does::Close => return None,
                Does::Reset => return Some(Reset),
                Does::CloseMidBody => (head(200, "content-length: 100\r\n") + "half", false),
                Does::Flood | Does::Drip => (head(200, "transfer-encoding: chunked\r\n"), true),
                Does::Babble => ("220 mail.example ESMTP\r\n".to_owned(), false),
            };
            // Counted first, or whoever has the answer could act on it before it counts.
            self.inner.log.send_modify(|log| {
                log.clock += 1;
                log.received[number].answered_at = Some(log.clock);
            });
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            match does {
                Does::Flood => loop {
                    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
                    stream.write_all(chunk.as_bytes()).await.ok()?;
                },
                Does::Drip => loop {
                    stream.write_all(b"1\r\nx\r\n").await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                },
                _ if !goes_on => return None,
                _ => {}
            }
        }
    }

    /// Reads a request and says its number and what is to be done with it.
    async fn request(
        &self,
        stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>,
    ) -> Option<(usize, Does)> {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let length: usize = headers.get("content-length")?.parse().ok()?;
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes).await.ok()?;
        let mut told = None;
        self.inner.log.send_modify(|log| {
            log.clock += 1;
            let mut one = Received {
                path,
                headers,
                body: serde_json::from_slice(&bytes).unwrap_or_default(),
                bytes,
                before: 0,
                at: log.clock,
                answered_at: None,
            };
            let times = log.times.entry(one.id().to_owned()).or_default();
            one.before = *times;
            *times += 1;
            told = Some((log.received.len(), (self.inner.does)(&one)));
            log.received.push(one);
        });
        told
    }
}
