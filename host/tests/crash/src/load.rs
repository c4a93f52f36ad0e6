//! Clients that send as fast as they are answered, and write down what they are told, until the server is
//! gone. What was never answered is sent again first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::Mutex;

use crate::client::{Answer, Client};
use crate::endpoint::Endpoint;
use crate::event::Plan;
use crate::fault::{Fault, Kind};
use crate::journal::{Journal, Said};

/// Events of one batch, at most.
const BATCH_MAX: u64 = 10;
/// Events that a client remembers, to send one of them again.
const REMEMBERED: usize = 64;
/// How long a client that was refused waits.
const PAUSE: Duration = Duration::from_millis(20);
/// How long what was never answered is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What all of one database's clients share.
#[derive(Debug)]
pub struct Shared {
    pub plan: Plan,
    pub journal: Mutex<Journal>,
    /// Where its actions go.
    pub endpoint: Endpoint,
    pub faults: Mutex<Vec<Fault>>,
    /// The number of the next new event.
    pub next: AtomicU64,
    pub stop: AtomicBool,
    /// Requests that were refused: what they asked for was not done.
    pub refused: AtomicU64,
    /// Events that were sent a second time without need.
    pub repeated: AtomicU64,
}

impl Shared {
    /// # Errors
    /// Where there is no port for the endpoint.
    pub async fn new(seed: u64) -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            plan: Plan::new(seed),
            journal: Mutex::default(),
            endpoint: Endpoint::open().await?,
            faults: Mutex::default(),
            next: AtomicU64::new(1),
            stop: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
        }))
    }

    pub async fn fault(&self, fault: Option<Fault>) {
        self.faults.lock().await.extend(fault);
    }

    /// Writes down an answer.
    pub async fn heard(&self, number: u64, answer: Answer) -> Heard {
        let mut heard = Heard::Answer;
        let fault = match answer {
            Answer::Nothing => return Heard::Nothing,
            Answer::Decided(told) => self.journal.lock().await.decided(number, told),
            Answer::Accepted(id) => self.journal.lock().await.accepted(number, &id),
            // Refused for now, as a busy server may: it was not acknowledged.
            Answer::Refused(429 | 503 | 504) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                heard = Heard::NotNow;
                None
            }
            Answer::Refused(status) => {
                Some(Fault::new(Kind::Refused, format!("event {number}: {status}")))
            }
        };
        self.fault(fault).await;
        heard
    }

    /// Sends an event and writes down what is answered.
    pub async fn send(&self, client: &Client, number: u64) -> Heard {
        self.journal.lock().await.sending(number);
        self.heard(number, client.post(&self.plan.event(number), false).await).await
    }

    /// Sends what was never answered once more, with the same ids, until all of it is.
    pub async fn resend(&self, client: &Client, since: u64, clients: usize) {
        let unanswered: Vec<u64> = {
            let journal = self.journal.lock().await;
            journal
                .since(since)
                .filter(|(_, said)| **said == Said::Nothing)
                .map(|(n, _)| n)
                .collect()
        };
        let sending = unanswered.into_iter().map(|number| async move {
            let begun = Instant::now();
            // It is up, and may not be well yet.
            while self.send(client, number).await == Heard::NotNow && begun.elapsed() < PATIENCE {
                tokio::time::sleep(PAUSE).await;
            }
        });
        futures::stream::iter(sending).buffer_unordered(clients.max(1)).collect::<Vec<_>>().await;
    }
}

/// What a client makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    Answer,
    /// Refused, and to be tried again later.
    NotNow,
    /// The server is gone.
    Nothing,
}

/// Sends until told to stop, or until nothing answers.
pub async fn client(shared: Arc<Shared>, client: Client, seed: u64) {
    let mut chance = StdRng::seed_from_u64(seed);
    let mut remembered: Vec<u64> = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let heard = match chance.random_range(0..100) {
            0..60 => one(&shared, &client, &mut remembered, false).await,
            60..78 => one(&shared, &client, &mut remembered, true).await,
            78..88 => batch(&shared, &client, chance.random_range(2..=BATCH_MAX)).await,
            88..97 => again(&shared, &client, remembered.choose(&mut chance)).await,
            _ => forge(&shared, &client, remembered.choose(&mut chance)).await,
        };
        match heard {
            Heard::Answer => {}
            Heard::NotNow => tokio::time::sleep(PAUSE).await,
            Heard::Nothing => break,
        }
        let excess = remembered.len().saturating_sub(REMEMBERED);
        remembered.drain(..excess);
    }
}

async fn one(
    shared: &Shared,
    client: &Client,
    remembered: &mut Vec<u64>,
    respond_async: bool,
) -> Heard {
    let number = shared.next.fetch_add(1, Ordering::Relaxed);
    shared.journal.lock().await.sending(number);
    let answer = client.post(&shared.plan.event(number), respond_async).await;
    if matches!(answer, Answer::Decided(_) | Answer::Accepted(_)) {
        remembered.push(number);
    }
    shared.heard(number, answer).await
}

async fn batch(shared: &Shared, client: &Client, size: u64) -> Heard {
    let first = shared.next.fetch_add(size, Ordering::Relaxed);
    let numbers = first..first + size;
    let mut journal = shared.journal.lock().await;
    numbers.clone().for_each(|number| journal.sending(number));
    drop(journal);
    let events: Vec<_> = numbers.clone().map(|number| shared.plan.event(number)).collect();
    let mut last = Heard::Answer;
    for (number, answer) in numbers.zip(client.batch(&events).await) {
        last = shared.heard(number, answer).await;
    }
    last
}

async fn again(shared: &Shared, client: &Client, number: Option<&u64>) -> Heard {
    let Some(&number) = number else { return Heard::Answer };
    shared.repeated.fetch_add(1, Ordering::Relaxed);
    shared.send(client, number).await
}

/// Sends another event under an id that is taken, which must be a conflict.
async fn forge(shared: &Shared, client: &Client, number: Option<&u64>) -> Heard {
    let Some(&number) = number else { return Heard::Answer };
    match client.post(&shared.plan.forged(number), false).await {
        Answer::Nothing => Heard::Nothing,
        Answer::Refused(429 | 503 | 504) => Heard::NotNow,
        Answer::Refused(409) => Heard::Answer,
        other => {
            let what = format!("another event under the id of {number}: {other:?}");
            shared.fault(Some(Fault::new(Kind::Refused, what))).await;
            Heard::Answer
        }
    }
}
