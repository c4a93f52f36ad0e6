//! Group commit: events and decisions wait in a bounded queue, and one task writes whatever waits
//! in one transaction, for a flush of the disk costs milliseconds and serves a hundred as well as
//! one. The task outlives every error; it ends when the queue is closed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::audit::Leaves;
use super::decisions::SealedEntry;
use super::error::StoreError;
use super::tx::Writer;
use super::{
    Options, alerts, cases, decisions, events, keyring, observations, outbox, policy_trials, rates,
    strikes, trials, withheld,
};
use crate::model::Decision;

/// How long to find out what became of a commit, and how long to wait between two looks.
const SETTLE_FOR: Duration = Duration::from_secs(20);
const SETTLE_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What became of an entry.
#[derive(Debug, Clone, PartialEq)]
enum Claim {
    /// With the decision that is written instead, where its subject stood otherwise.
    Won(Option<Arc<Decision>>),
    Lost,
    Stale,
}

/// The same, to whoever sent it.
#[derive(Debug)]
pub(super) enum Answer {
    /// It is written, or this is instead.
    Won(Option<Arc<Decision>>),
    /// Its event id was taken.
    Lost,
    /// It is sealed with a key that its subject has no more, and comes back.
    Stale(Box<SealedEntry>),
}

#[derive(Debug)]
struct Job {
    entry: SealedEntry,
    reply: oneshot::Sender<Result<Answer, StoreError>>,
}

/// Where commits wait.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Starts the task.
    pub fn start(writer: Writer, options: &Options) -> Self {
        let closing = CancellationToken::new();
        let (jobs, waiting) = mpsc::channel(options.commit_queue.max(1));
        let batch_max = options.commit_batch_max.max(1);
        let task = tokio::spawn(work(writer, waiting, batch_max, closing.clone()));
        Self { jobs, closing, task: Mutex::new(Some(task)) }
    }

    /// Waits until the entry is durable, or lost. A caller that stops waiting does not stop it.
    pub async fn send(&self, entry: SealedEntry) -> Result<Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job { entry, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                StoreError::Busy { limit: self.jobs.max_capacity() }
            }
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    pub fn depth(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    pub fn is_closed(&self) -> bool {
        self.jobs.is_closed()
    }

    /// Takes no more jobs and waits until those that wait are done.
    pub async fn close(&self) {
        self.closing.cancel();
        let task = self.task.lock().map(|mut task| task.take()).unwrap_or_default();
        if let Some(task) = task {
            task.await.ok();
        }
    }
}

async fn work(
    writer: Writer,
    mut waiting: mpsc::Receiver<Job>,
    batch_max: usize,
    closing: CancellationToken,
) {
    let mut jobs = Vec::with_capacity(batch_max);
    loop {
        tokio::select! {
            biased;
            () = closing.cancelled(), if !waiting.is_closed() => waiting.close(),
            // Cancelled, it has taken nothing. Zero: closed and empty.
            taken = waiting.recv_many(&mut jobs, batch_max) => {
                if taken == 0 {
                    return;
                }
                answer(&writer, std::mem::take(&mut jobs)).await;
            }
        }
    }
}

/// Writes a batch. Where the database refuses it, each entry is tried by itself, so that a bad one
/// fails alone; where the database is not available, that is the answer for all.
async fn answer(writer: &Writer, jobs: Vec<Job>) {
    let entries: Vec<&SealedEntry> = jobs.iter().map(|job| &job.entry).collect();
    let claims = match commit(writer, &entries).await {
        Ok(claims) => claims.into_iter().map(Ok).collect(),
        Err(error) if error.is_passing() || entries.len() == 1 => vec![Err(error); entries.len()],
        Err(_) => one_by_one(writer, &entries).await,
    };
    for (job, claim) in jobs.into_iter().zip(claims) {
        let answer = claim.map(|claim| match claim {
            Claim::Won(instead) => Answer::Won(instead),
            Claim::Lost => Answer::Lost,
            Claim::Stale => Answer::Stale(Box::new(job.entry)),
        });
        // A caller that is gone does not mind.
        job.reply.send(answer).ok();
    }
}

/// Writes entries each by itself, until the database is not available.
async fn one_by_one(writer: &Writer, entries: &[&SealedEntry]) -> Vec<Result<Claim, StoreError>> {
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        let claims = match answers.last() {
            // Not tried again for each: every try may wait for a lock.
            Some(Err(error)) if StoreError::is_passing(error) => Err(error.clone()),
            _ => commit(writer, &[entry]).await,
        };
        answers.push(claims.map(|claims| claims.into_iter().next().unwrap_or(Claim::Lost)));
    }
    answers
}

/// Writes entries in one transaction, and finds out what became of it where its end was not heard
/// of. Until that is known nobody gets an answer, or one that says so.
async fn commit(writer: &Writer, entries: &[&SealedEntry]) -> Result<Vec<Claim>, StoreError> {
    let lost = match write(writer, entries, false).await {
        Err(lost @ StoreError::Unsettled(_)) => lost,
        outcome => return outcome,
    };
    tracing::warn!("the database went away during a commit of {} entries", entries.len());
    let deadline = Instant::now() + SETTLE_FOR;
    loop {
        match write(writer, entries, true).await {
            Err(error) if error.is_passing() && Instant::now() < deadline => {
                sleep(SETTLE_AGAIN_AFTER).await;
            }
            Err(error) if error.is_passing() => return Err(lost),
            outcome => return outcome,
        }
    }
}

/// One transaction: settles the keys, claims the event ids, settles how the subjects of the winners stand,
/// writes their decisions and what they ask for, then the audit log. With `again`, what an earlier try has
/// written is found first. That try has ended: it held the lock which this one has now.
async fn write(
    writer: &Writer,
    entries: &[&SealedEntry],
    again: bool,
) -> Result<Vec<Claim>, StoreError> {
    let mut tx = writer.begin().await?;
    let keys = entries.iter().map(|entry| &*entry.key);
    let standing = keyring::settle(tx.connection()?, keys).await?;
    let stands = |entry: &SealedEntry| standing.contains(&entry.key.id());
    // Of equal ids within the batch, the first to come is the one that competes.
    let mut ids = HashSet::with_capacity(entries.len());
    let mut competing: Vec<&SealedEntry> = entries
        .iter()
        .copied()
        .filter(|entry| stands(entry) && ids.insert(entry.event_key()))
        .collect();
    let mut written = HashSet::new();
    if again {
        written = events::written(tx.connection()?, &competing).await?;
        competing.retain(|entry| !written.contains(entry.decision_id()));
    }
    let claimed = events::claim(tx.connection()?, &competing).await?;
    let (mut winners, mut won_by) = (Vec::new(), Vec::new());
    let mut claims = Vec::with_capacity(entries.len());
    for entry in entries {
        if !stands(entry) {
            claims.push(Claim::Stale);
            continue;
        }
        // Taken out, so that an equal id later in the batch has lost.
        let first = ids.take(&entry.event_key()).is_some();
        let won = first && claimed.contains(entry.decision_id());
        let has_won = first && written.contains(entry.decision_id());
        if won {
            won_by.push(claims.len());
            winners.push(*entry);
        }
        // What may have been made again is read back: it is not known here what was written of it.
        let known = won || (has_won && entry.escalation().is_none());
        claims.push(if known { Claim::Won(None) } else { Claim::Lost });
    }
    let settled = strikes::settle(tx.connection()?, winners).await?;
    for (place, entry) in won_by.into_iter().zip(&settled) {
        if let Cow::Owned(instead) = entry {
            claims[place] = Claim::Won(instead.decided().cloned());
        }
    }
    let winners: Vec<&SealedEntry> = settled.iter().map(|entry| &**entry).collect();
    let leaves = winners.iter().map(|entry| entry.leaf()).collect();
    let Some(mut leaves) = Leaves::from_vec(leaves) else {
        tx.roll_back().await;
        return Ok(claims);
    };
    decisions::insert(tx.connection()?, &winners).await?;
    strikes::insert(tx.connection()?, &winners).await?;
    cases::insert(tx.connection()?, &winners).await?;
    trials::add(tx.connection()?, &winners).await?;
    policy_trials::add(tx.connection()?, &winners).await?;
    withheld::add(tx.connection()?, &winners).await?;
    rates::add(tx.connection()?, &winners).await?;
    outbox::insert(tx.connection()?, &winners).await?;
    observations::insert(tx.connection()?, &winners).await?;
    leaves.extend(alerts::asked::raise(tx.connection()?, &winners).await?);
    tx.commit(leaves).await?;
    Ok(claims)
}
