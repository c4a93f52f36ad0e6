//! The platforms' endpoint: takes the actions that are delivered and keeps what each was about. Now and then it
//! refuses one, or breaks off when it has it, so that repeats are met.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use rand::RngExt;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::record::Delivery;

/// One in so many is refused, and one in so many is kept and not answered.
const ODDS: u32 = 40;
const ANSWER: &[u8] = b"HTTP/1.1 204 Done\r\n\r\n";
const NOT_NOW: &[u8] = b"HTTP/1.1 503 Not now\r\ncontent-length: 0\r\n\r\n";

/// A port on this machine. It closes when this is dropped.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Delivery>>>,
    task: JoinHandle<()>,
}

impl Endpoint {
    /// # Errors
    /// Where there is no port to be had.
    pub async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&arrived);
        let task = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&kept)));
            }
        });
        Ok(Self { address, arrived, task })
    }

    /// The configuration that has the actions of these sources sent here.
    pub fn destinations(&self, sources: &[&str]) -> String {
        let url = format!("http://{}/actions", self.address);
        let one = |source: &&str| format!("{source} = {{ url = \"{url}\", allow_private = true }}");
        format!("{{ {} }}", sources.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    /// What has arrived since the last call, repeats included.
    pub async fn take(&self) -> Vec<Delivery> {
        std::mem::take(&mut *self.arrived.lock().await)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves a connection until either end has had enough.
async fn serve(connection: TcpStream, arrived: Arc<Mutex<Vec<Delivery>>>) -> Option<()> {
    let mut connection = BufReader::new(connection);
    loop {
        let delivery = read(&mut connection).await?;
        if rand::rng().random_ratio(1, ODDS) {
            connection.write_all(NOT_NOW).await.ok()?;
            continue;
        }
        arrived.lock().await.push(delivery);
        if rand::rng().random_ratio(1, ODDS) {
            return None;
        }
        connection.write_all(ANSWER).await.ok()?;
    }
}

/// A request as `hyper` sends it: a head with a length, and the body.
async fn read(connection: &mut BufReader<TcpStream>) -> Option<Delivery> {
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => {
                id = value.to_owned();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().ok()?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let body: Value = serde_json::from_slice(&body).ok()?;
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    Some(Delivery {
        id,
        content: hasher.finish(),
        event_id: text("event_id"),
        decision: text("decision_id"),
        scope: text("scope"),
    })
}
