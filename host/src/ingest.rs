//! THE flow: an event in, a recorded decision out. The only file that knows the order.
//!
//! Each event runs on a tracked task that holds its admission permit: a client that leaves does not
//! take an accepted event with it, and the server stops only when the last one is recorded.

mod basis;
mod conclude;
mod fingerprint;
mod job;
mod policies;
mod run;
mod trial;
mod turns;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::{Engine, Pool, PoolError};
use crate::features::Features;
use crate::model::profile::Risk;
use crate::model::{Account, Decision, DecisionId, Event, Known, Outgoing, Timestamp, Wants};
use crate::policy::CONDUCT_MAX;
use crate::registry::{LivePolicy, Registry, Snapshot};
use crate::store::{Accepted, Committed, Recorded, Salt, SealedEntry, Store, StoreError};
use crate::telemetry::{Metrics, Received};

pub use basis::{Basis, Otherwise, Stood};
pub use conclude::{Given, conclude, enforce};
pub use fingerprint::FingerprintKey;
use job::{Decided, Job};
pub use turns::{Turn, Turns};

/// The parts that the flow runs through. Cheap to clone.
#[derive(Clone)]
pub struct Ingest(Arc<Parts>);

/// What `app` hands over.
pub struct Parts {
    pub store: Store,
    pub registry: Arc<Registry>,
    pub engine: Arc<Engine>,
    pub features: Arc<Features>,
    pub pool: Pool,
    pub metrics: Arc<Metrics>,
    pub fingerprint_key: FingerprintKey,
    /// Events in flight.
    pub permits: Semaphore,
    pub tasks: TaskTracker,
    /// Wakes the worker that decides accepted events.
    pub accepted: Notify,
    /// Whose actions are delivered, and which of them; none named: all.
    pub destinations: BTreeMap<String, Arc<[Wants]>>,
    /// Rung when a decision is durable of which something is delivered.
    pub written: Arc<Notify>,
}

/// What the sender is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Decided and durable.
    Decided(Arc<Decision>),
    /// Accepted and durable, decided later under this id.
    Pending(DecisionId),
}

/// Why an event was not taken. Nothing of it is recorded; of the first two, something was before.
#[derive(Debug, Clone, Error)]
pub enum IngestError {
    #[error("the event id `{0}` of this source was used for another event")]
    Conflict(String),
    #[error("the event of this id was erased, and its decision with it")]
    Erased,
    #[error("no policy speaks for the source `{source_name}`; known are: {known}")]
    UnknownSource { source_name: String, known: String },
    #[error("too many events are being decided")]
    Busy,
    #[error("the server has just started, and what is deployed is not all live yet")]
    Starting,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the event could not be finished; the log says why")]
    Lost,
}

/// Accepted events that are fetched at once.
const ACCEPTED_BATCH: usize = 64;
/// How long the worker waits before it tries again what has failed.
const RETRY: Duration = Duration::from_millis(500);

impl From<PoolError> for IngestError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Busy => Self::Busy,
            PoolError::Panicked => Self::Lost,
        }
    }
}

impl Ingest {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub fn parts(&self) -> &Parts {
        &self.0
    }

    /// Decides an event and records it. Returns when the decision is durable.
    ///
    /// # Errors
    /// Nothing was acknowledged: see [`IngestError`].
    pub async fn submit(&self, event: Event) -> Result<Answer, IngestError> {
        self.tracked(event, |this, event| async move { this.decide(event, None).await }).await
    }

    /// Records an event as accepted; a worker decides it under the id that is returned.
    ///
    /// # Errors
    /// As [`Ingest::submit`].
    pub async fn accept(&self, event: Event) -> Result<Answer, IngestError> {
        self.tracked(event, |this, event| async move { this.take(event).await }).await
    }

    /// What would be decided about one of whom nothing is known: nothing is claimed from the record, and read of
    /// it only what detectors and policies declare about the past.
    ///
    /// # Errors
    /// An unknown source, too much to do, or a store that does not answer.
    pub async fn dry_run(&self, event: Event) -> Result<Decision, IngestError> {
        let snapshot = self.serving()?;
        let policy = policies::speaks_for(&snapshot, &event)?;
        let received_at = Timestamp::now();
        let mut job = self.job(snapshot, policy, Arc::new(event), DecisionId::new(), received_at);
        job.known = self.past(&job).await;
        run::run(&self.0, job, false, Decided::for_nobody).await
    }

    /// Decides what was accepted, also what an earlier run of the program left behind, until told to
    /// stop.
    pub async fn run_worker(self, stop: CancellationToken) {
        // What could not be decided is passed over for a while, so that it holds nothing else up.
        let mut stuck: HashSet<DecisionId> = HashSet::new();
        while !stop.is_cancelled() {
            let waiting = match self.0.store.accepted(ACCEPTED_BATCH + stuck.len()).await {
                Ok(waiting) => waiting,
                Err(error) => {
                    tracing::error!("accepted events cannot be read: {error}");
                    let _ = tokio::time::timeout(RETRY, stop.cancelled()).await;
                    continue;
                }
            };
            let due: Vec<_> =
                waiting.into_iter().filter(|one| !stuck.contains(&one.decision_id)).collect();
            if due.is_empty() {
                let patience = if stuck.is_empty() { Duration::MAX } else { RETRY };
                tokio::select! {
                    () = self.0.accepted.notified() => {}
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(patience) => stuck.clear(),
                }
                continue;
            }
            // Side by side, so that they share flushes.
            let mut turns = Turns::default();
            let due =
                due.into_iter().map(|accepted| (self.turn(&mut turns, &accepted.event), accepted));
            let decided = due.map(async |(turn, accepted): (_, Accepted)| {
                let _turn = Turn::come(turn).await;
                let id = accepted.decision_id;
                let Accepted { received_at, fingerprint, salt, .. } = accepted;
                let promised = Promised { id, received_at, fingerprint, salt };
                let decided = self.decide(accepted.event, Some(promised)).await;
                // Erased meanwhile: then there is nothing left to decide.
                let failed = decided.err().filter(|error| !matches!(error, IngestError::Erased));
                failed.map(|error| (id, error))
            });
            for (id, error) in futures::future::join_all(decided).await.into_iter().flatten() {
                tracing::warn!(decision = %id, "accepted event not decided yet: {error}");
                stuck.insert(id);
            }
        }
    }

    /// A turn after the earlier events of this subject in a row of events, where detectors are told of the
    /// past, or rules of the past or the account: there the later ones must see the earlier ones. Of others
    /// nobody waits.
    pub fn turn(&self, turns: &mut Turns, event: &Event) -> Option<Turn> {
        let snapshot = self.0.registry.current();
        let waits =
            !snapshot.definitions_of(&event.source).is_empty() || snapshot.reads(event).any();
        waits.then(|| turns.next(&event.source, &event.subject))
    }

    /// Runs a step on a task of its own, within the admission limit.
    async fn tracked<F>(
        &self,
        event: Event,
        step: impl FnOnce(Self, Event) -> F + Send + 'static,
    ) -> Result<Answer, IngestError>
    where
        F: Future<Output = Result<Answer, IngestError>> + Send,
    {
        let this = self.clone();
        let source = event.source.clone();
        let task = self.0.tasks.spawn(async move {
            let permit: Result<SemaphorePermit<'_>, _> = this.0.permits.try_acquire();
            let answer = match permit {
                Ok(_held) => step(this.clone(), event).await,
                Err(_) => Err(IngestError::Busy),
            };
            if let Err(error) = &answer {
                this.count_failure(&source, error);
            }
            answer
        });
        task.await.unwrap_or(Err(IngestError::Lost))
    }

    /// Steps 3 to 8: look, evaluate, judge, escalate, commit, answer.
    async fn decide(
        &self,
        event: Event,
        promised: Option<Promised>,
    ) -> Result<Answer, IngestError> {
        let begun = Instant::now();
        let salt = promised.as_ref().map(|promised| promised.salt);
        let (id, received_at, fingerprint) = match promised {
            Some(Promised { id, received_at, fingerprint, .. }) => (id, received_at, fingerprint),
            None => {
                let fingerprint = self.0.fingerprint_key.of(&event);
                // A shortcut, for the unique key in the commit decides; but what is gone because of its
                // age is in the way of no commit.
                if let Some(recorded) = self.0.store.claim(&event.source, &event.id).await? {
                    return self.known(recorded, fingerprint, &event);
                }
                (DecisionId::new(), Timestamp::now(), fingerprint)
            }
        };
        let snapshot = self.serving()?;
        let policy = policies::speaks_for(&snapshot, &event)?;
        let event = Arc::new(event);
        let mut job = self.job(snapshot, policy, Arc::clone(&event), id, received_at);
        let standing =
            self.0.store.standing(&event.source, &event.subject, job.mode(), job.happened_at());
        let sealing = self.0.store.sealing(&event);
        let past = async { Ok(self.past(&job).await) };
        let (mut sealing, standing, known, risk) =
            tokio::try_join!(sealing, standing, past, self.risk(&job))?;
        job.known = known;
        job.account = job.account(&standing, risk);
        if let Some(salt) = salt {
            sealing = sealing.salted(salt);
        }
        let wants = self.0.destinations.get(&event.source).cloned();
        let sends = wants.clone();
        let finish = move |decided: Decided| {
            let entry = decided.entry(standing, fingerprint, wants);
            let decision = Arc::clone(&entry.decision);
            entry.seal(sealing).map(|sealed: SealedEntry| (decision, sealed))
        };
        let (decision, sealed) = run::run(&self.0, job, true, finish).await??;
        let decision = match self.0.store.commit_sealed(sealed).await? {
            Committed::New => decision,
            Committed::Otherwise(instead) => instead,
            Committed::Existing(recorded) => return self.known(*recorded, fingerprint, &event),
        };
        let told = |wants: &Wants| {
            wants.alerts && !decision.alerts.is_empty()
                || !Outgoing::to(&decision, &event, wants).is_empty()
        };
        if sends.is_some_and(|sends| sends.iter().any(told)) {
            self.0.written.notify_one();
        }
        self.0.metrics.event(&event.source, Received::Decided);
        self.0.metrics.decision(&decision, begun.elapsed());
        self.0.metrics.findings(&decision.findings);
        Ok(Answer::Decided(decision))
    }

    /// Records an event that is decided later.
    async fn take(&self, event: Event) -> Result<Answer, IngestError> {
        policies::speaks_for(&*self.serving()?, &event)?;
        let fingerprint = self.0.fingerprint_key.of(&event);
        if let Some(recorded) = self.0.store.claim(&event.source, &event.id).await? {
            return self.known(recorded, fingerprint, &event);
        }
        let id = DecisionId::new();
        match self.0.store.accept(&event, Timestamp::now(), fingerprint, id).await? {
            Committed::New | Committed::Otherwise(_) => {
                self.0.metrics.event(&event.source, Received::Accepted);
                self.0.accepted.notify_one();
                Ok(Answer::Pending(id))
            }
            Committed::Existing(recorded) => self.known(*recorded, fingerprint, &event),
        }
    }

    /// The answer for an event id that was there before.
    fn known(
        &self,
        recorded: Recorded,
        fingerprint: [u8; 32],
        event: &Event,
    ) -> Result<Answer, IngestError> {
        if recorded.erased {
            return Err(IngestError::Erased);
        }
        if recorded.fingerprint != fingerprint {
            return Err(IngestError::Conflict(event.id.clone()));
        }
        self.0.metrics.event(&event.source, Received::Duplicate);
        Ok(match recorded.decision {
            Some(decision) => Answer::Decided(Arc::new(decision)),
            None => Answer::Pending(recorded.decision_id),
        })
    }

    /// The set that decides. What is only a part of it after a start decides nothing.
    fn serving(&self) -> Result<Arc<Snapshot>, IngestError> {
        match self.0.registry.is_restored() {
            true => Ok(self.0.registry.current()),
            false => Err(IngestError::Starting),
        }
    }

    fn job(
        &self,
        snapshot: Arc<Snapshot>,
        policy: Arc<LivePolicy>,
        event: Arc<Event>,
        id: DecisionId,
        received_at: Timestamp,
    ) -> Job {
        let ceiling = *self.0.registry.ceiling();
        Job {
            snapshot,
            policy,
            event,
            id,
            received_at,
            engine: Arc::clone(&self.0.engine),
            features: Arc::clone(&self.0.features),
            known: Known::default(),
            account: Account::NOBODY,
            decided_at: received_at,
            ceiling,
        }
    }

    /// What is declared about the past of an event by the detectors that see it and the policies that judge it.
    /// Where nothing is, nothing is read.
    async fn past(&self, job: &Job) -> Known {
        let wanted = job.snapshot.definitions_for(&job.event);
        self.0.features.read(&wanted, &job.event, job.happened_at(), job.id).await
    }

    /// What its conduct makes of the subject, where a policy of the source asks.
    async fn risk(&self, job: &Job) -> Result<Option<Risk>, StoreError> {
        let Event { source, subject, .. } = &*job.event;
        if !job.snapshot.reads(&job.event).risk {
            return Ok(None);
        }
        let conduct = self.0.store.conduct(source, subject, CONDUCT_MAX).await?;
        Ok(Some(job.policy.policy.risk(&conduct, job.happened_at())))
    }

    fn count_failure(&self, source: &str, error: &IngestError) {
        // A source that is not known may be called anything, so it is no label.
        if self.0.registry.current().policy(source).is_none() {
            return;
        }
        let received = match error {
            IngestError::Conflict(_) => Received::Conflict,
            IngestError::Erased | IngestError::Store(StoreError::Spent) => Received::Erased,
            IngestError::Busy
            | IngestError::Starting
            | IngestError::Store(StoreError::Busy { .. }) => Received::Shed,
            IngestError::Store(_) | IngestError::Lost | IngestError::UnknownSource { .. } => {
                Received::Failed
            }
        };
        self.0.metrics.event(source, received);
    }
}

/// What an event was accepted with.
struct Promised {
    id: DecisionId,
    received_at: Timestamp,
    fingerprint: [u8; 32],
    salt: Salt,
}
