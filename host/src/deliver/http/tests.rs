//! Requests to names that lead wherever the test says, over real connections.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::{DecisionId, Digest, Scope};

/// An endpoint that takes everything, and how many connections it was asked for.
struct Endpoint {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Endpoint {
    async fn start(secure: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let secure = secure.clone();
                tokio::spawn(async move {
                    match secure {
                        None => take(stream).await,
                        Some(secure) => take(secure.accept(stream).await?).await,
                    }
                });
            }
        });
        Self { port, connections }
    }
}

/// Takes one request and ends the connection, so that the next try looks the name up again.
async fn take(stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some(("content-length", bytes)) => length = bytes.parse().map_err(io::Error::other)?,
            None => break,
            Some(_) => {}
        }
    }
    stream.read_exact(&mut vec![0; length]).await?;
    stream.write_all(b"HTTP/1.1 204 Taken\r\nconnection: close\r\n\r\n").await?;
    stream.shutdown().await
}

/// A lookup that answers with one after the other, and how often it was asked.
fn script(answers: Vec<Option<&str>>) -> (Lookup, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let parse = |text: &str| -> Vec<IpAddr> {
        text.split_whitespace().map(|one| one.parse().unwrap()).collect()
    };
    let answers: Vec<Option<Vec<IpAddr>>> =
        answers.into_iter().map(|answer| answer.map(parse)).collect();
    let answers = Mutex::new(answers.into_iter());
    let lookup: Lookup = Arc::new(move |host| {
        assert!(host.ends_with(".example"), "{host}");
        counted.fetch_add(1, Ordering::SeqCst);
        let answer = answers.lock().unwrap().next().expect("it is asked no more often");
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    });
    (lookup, asked)
}

fn outgoing() -> (DeliveryId, Outgoing) {
    let decision = DecisionId::new();
    let id = DeliveryId::of_action(decision, Scope::Message);
    let outgoing = json!({
        "id": id, "kind": "action", "source": "market", "subject": "ann", "event_id": "e-1",
        "decision_id": decision, "decided_at": Timestamp::now(), "mode": "active",
        "action": "soft_block", "scope": "message", "expires_at": null, "reason": "A test.",
        "message": null,
        "policy": {"name": "market", "version": 1, "digest": Digest::of(b"").to_string()},
    });
    (id, serde_json::from_value(outgoing).unwrap())
}

fn http(url: String, ca_file: Option<&Path>, lookup: Lookup) -> Http {
    let destination = Destination {
        allow_private: false,
        allow_networks: vec!["127.0.0.1/32".to_owned()],
        ..Destination::plain(url, ca_file.map(Path::to_path_buf))
    };
    Http::new(&destination, Duration::from_secs(20), lookup).unwrap()
}

async fn send(http: &Http) -> Answer {
    let (id, outgoing) = outgoing();
    http.send(&id, Ok(outgoing), Timestamp::now()).await
}

#[tokio::test]
async fn where_a_name_leads_is_looked_at_once_for_each_connection_and_pinned() {
    let endpoint = Endpoint::start(None).await;
    let (good, bad, lost) =
        (AttemptOutcome::Delivered, AttemptOutcome::OutOfBounds, AttemptOutcome::Unreachable);
    let tries = [
        (Some("127.0.0.1"), good, ""),
        // Who answers for the name may say something else the next time.
        (Some("10.0.0.7"), bad, "10.0.0.7 is a private address"),
        (Some("169.254.169.254"), bad, "link-local"),
        (Some("::ffff:10.0.0.7"), bad, "private"),
        (Some("127.0.0.2"), bad, "loopback"),
        // One that may not be is one too many, wherever it stands.
        (Some("127.0.0.1 192.168.0.1"), bad, "192.168.0.1"),
        (Some(""), lost, "has no address"),
        (None, lost, "no such name"),
        (Some("127.0.0.1"), good, ""),
    ];
    let (lookup, asked) = script(tries.iter().map(|(answer, ..)| *answer).collect());
    let http = http(format!("http://market.example:{}/x", endpoint.port), None, lookup);
    for (number, (answer, outcome, says)) in (1..).zip(tries) {
        let came = send(&http).await;
        assert_eq!(came.outcome, outcome, "{answer:?}: {:?}", came.error);
        let said = came.error.unwrap_or_default();
        assert!(said.contains(says), "{answer:?}: {said}");
        assert_eq!(asked.load(Ordering::SeqCst), number, "once a try");
    }
    assert_eq!(endpoint.connections.load(Ordering::SeqCst), 2, "nobody else was connected to");
}

#[tokio::test]
async fn the_receiver_is_vouched_for_under_its_name_wherever_that_leads() {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["market.example".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let endpoint = Endpoint::start(Some(Arc::new(config).into())).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cert.pem()).unwrap();
    for (host, outcome, says) in [
        ("market.example", AttemptOutcome::Delivered, ""),
        ("other.example", AttemptOutcome::Unreachable, "not valid for name"),
    ] {
        let (lookup, _) = script(vec![Some("127.0.0.1")]);
        let url = format!("https://{host}:{}/x", endpoint.port);
        let answer = send(&http(url, Some(file.path()), lookup)).await;
        assert_eq!(answer.outcome, outcome, "{host}: {:?}", answer.error);
        let said = answer.error.unwrap_or_default();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_number_in_place_of_a_name_is_looked_at_before_anything_is_sent() {
    let (lookup, _) = script(Vec::new());
    let destination = Destination {
        allow_private: false,
        allow_networks: Vec::new(),
        ..Destination::plain("http://127.0.0.1:8000/x".to_owned(), None)
    };
    let refused = Http::new(&destination, Duration::from_secs(1), lookup);
    let error = refused.err().expect("it is refused");
    assert!(error.starts_with("`url`: 127.0.0.1 is a loopback"), "{error}");
}

#[test]
fn a_wait_is_seconds_or_a_date() {
    let now = Timestamp::parse("1994-11-06T08:49:30Z").unwrap();
    let cases = [
        ("120", Some(120_000)),
        ("0", Some(0)),
        ("99999999999999999999", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7_000)),
        ("Sun, 06 Nov 1994 08:49:00 GMT", None),
        ("soon", None),
        ("-1", None),
    ];
    for (value, wait_ms) in cases {
        assert_eq!(retry_after_ms(value, now), wait_ms, "{value}");
    }
}
