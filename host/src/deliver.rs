//! Tells platforms what to do: takes from the outbox what is due, sends it, and records what came of
//! it, until it is delivered or dead. A file per channel; this one knows when and how many.
//!
//! At least once: what is sent and not recorded, because somebody pulled the plug, is sent again under
//! the same id. In order: the store lets only the first of a subject be due. No destination waits for
//! another: each has its own number of requests in flight.

mod connect;
mod http;
mod keys;
mod lane;
mod schedule;
mod tls;
mod witness;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Destination};
use crate::model::{Attempt, AttemptOutcome, Timestamp};
use crate::store::{Claimed, Next, Store, StoreError, Tried, Turn};
use crate::telemetry::Metrics;

pub use witness::Witness;

use http::Http;
use lane::Lane;
use schedule::Schedule;

/// At least so long from one turn to the next: each costs a flush that decisions wait for as well.
const TURN: Duration = Duration::from_millis(50);
/// How often the outbox is looked at unasked: another server may have left something.
const LOOK: Duration = Duration::from_secs(1);
/// How long to wait before trying the store again when it does not answer.
const RETRY: Duration = Duration::from_millis(500);
/// How much longer than a request a claim holds: until what came of it is recorded.
const CLAIM_SLACK: Duration = Duration::from_secs(5);
/// How long requests in flight have to end when the server stops; the others are given back.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// How often an alert is raised about what is dead, for each source.
const ALERT_EVERY: Duration = Duration::from_secs(600);

/// What is wrong with a destination.
#[derive(Debug, Error)]
#[error("`destinations.{source_name}`: {detail}")]
pub struct DestinationError {
    source_name: String,
    detail: String,
}

/// Whether a destination could be sent to under this configuration, and whether what is sent is signed.
///
/// # Errors
/// What is wrong with it, or with one of its files.
pub fn examine(source: &str, destination: &Destination) -> Result<bool, DestinationError> {
    Ok(Http::new(source, destination, Duration::ZERO, connect::system())?.signs())
}

/// The worker that delivers. One runs in each server.
pub struct Deliver {
    store: Store,
    metrics: Arc<Metrics>,
    lanes: BTreeMap<String, Lane>,
    schedule: Schedule,
    request_timeout: Duration,
    written: Arc<Notify>,
    /// This server, by a number that no other has.
    server: i64,
    under_way: JoinSet<(Attempt, Option<u64>)>,
    claims: HashMap<Id, Claim>,
    /// What is to be recorded in the next turn.
    tried: Vec<Tried>,
    alerts: Vec<(&'static str, String, String)>,
    alerted: HashMap<String, Instant>,
}

/// What a request in flight is about.
struct Claim {
    seq: i64,
    source: String,
    /// Tries before this one.
    attempts: u32,
}

impl Deliver {
    /// `written` is rung when decisions that ask for something are durable.
    ///
    /// # Errors
    /// A destination to which no connection could be made under this configuration.
    pub fn new(
        config: &Config,
        store: Store,
        metrics: Arc<Metrics>,
        written: Arc<Notify>,
    ) -> Result<Self, DestinationError> {
        let request_timeout = Duration::from_millis(config.delivery_timeout_ms);
        let mut lanes = BTreeMap::new();
        for (source, destination) in &config.destinations {
            let channel = Http::new(source, destination, request_timeout, connect::system())?;
            if !channel.signs() {
                tracing::warn!(
                    source,
                    "what is sent to this destination is not signed: make a key with `picket key webhook new`"
                );
            }
            lanes.insert(source.clone(), Lane::new(channel, config.delivery_concurrent_max));
        }
        Ok(Self {
            store,
            metrics,
            lanes,
            schedule: Schedule {
                waits_ms: config.delivery_retry_ms.clone(),
                attempts_max: config.delivery_attempts_max,
            },
            request_timeout,
            written,
            server: i64::from_ne_bytes(rand::random::<[u8; 8]>()),
            under_way: JoinSet::new(),
            claims: HashMap::new(),
            tried: Vec::new(),
            alerts: Vec::new(),
            alerted: HashMap::new(),
        })
    }

    /// Delivers until told to stop. What is in flight then may end; the rest is given back.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut last_turn = None::<Instant>;
        while !stop.is_cancelled() {
            while let Some(ended) = self.under_way.try_join_next_with_id() {
                self.take(ended);
            }
            let overdue = self.all_of(|lane| lane.overdue(Instant::now()));
            self.give_back(overdue);
            if let Err(error) = self.step(&mut last_turn, &stop).await {
                tracing::error!("deliveries cannot be read or recorded: {error}");
                let _ = timeout(RETRY, stop.cancelled()).await;
            }
        }
        self.end().await;
    }

    /// Takes a turn where there is something to do and the last one is long enough ago; otherwise waits.
    async fn step(
        &mut self,
        last_turn: &mut Option<Instant>,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let rest = last_turn.map_or(Duration::ZERO, |at| TURN.saturating_sub(at.elapsed()));
        if !self.tried.is_empty() && !rest.is_zero() {
            self.rest(rest, stop).await;
            return Ok(());
        }
        let (wanted, next) = self.look().await?;
        if wanted.is_empty() && self.tried.is_empty() {
            self.idle(next, stop).await;
            return Ok(());
        }
        if !rest.is_zero() {
            self.rest(rest, stop).await;
            return Ok(());
        }
        *last_turn = Some(Instant::now());
        self.turn(&wanted).await
    }

    /// How many of each source may be claimed now, and when the next one is due where none is.
    async fn look(&self) -> Result<(Vec<(String, usize)>, Option<Timestamp>), StoreError> {
        let (mut wanted, mut next) = (Vec::new(), None);
        for (source, lane) in &self.lanes {
            let room = lane.room();
            if room == 0 {
                continue;
            }
            match self.store.next_delivery_due(source).await? {
                Some(due) if due <= Timestamp::now() => wanted.push((source.clone(), room)),
                due => next = [next, due].into_iter().flatten().min(),
            }
        }
        Ok((wanted, next))
    }

    /// Waits for so long. What ends meanwhile makes room for what is claimed.
    async fn rest(&mut self, rest: Duration, stop: &CancellationToken) {
        let until = sleep(rest);
        tokio::pin!(until);
        loop {
            let ended = tokio::select! {
                Some(ended) = self.under_way.join_next_with_id() => ended,
                () = &mut until => return,
                () = stop.cancelled() => return,
            };
            self.take(ended);
        }
    }

    /// Waits until there may be something to do.
    async fn idle(&mut self, next: Option<Timestamp>, stop: &CancellationToken) {
        let until_next = next.map(|due| due.micros().saturating_sub(Timestamp::now().micros()));
        let until_next =
            until_next.map(|micros| Duration::from_micros(micros.max(0).unsigned_abs()));
        let ended = tokio::select! {
            Some(ended) = self.under_way.join_next_with_id() => Some(ended),
            () = self.written.notified() => None,
            () = stop.cancelled() => None,
            () = sleep(until_next.map_or(LOOK, |wait| wait.min(LOOK))) => None,
        };
        if let Some(ended) = ended {
            self.take(ended);
        }
    }

    /// Records what came of tries, claims what is due and sends it.
    async fn turn(&mut self, wanted: &[(String, usize)]) -> Result<(), StoreError> {
        let wanted: Vec<(&str, usize)> =
            wanted.iter().map(|(source, free)| (source.as_str(), *free)).collect();
        let begun = Instant::now();
        let now = Timestamp::now();
        let holds = self.request_timeout + CLAIM_SLACK;
        let claimed = self
            .store
            .deliver(&Turn {
                server: self.server,
                tried: &self.tried,
                wanted: &wanted,
                now,
                claimed_until: now
                    .plus_millis(i64::try_from(holds.as_millis()).unwrap_or(i64::MAX)),
                alerts: &self.alerts,
            })
            .await?;
        self.tried.clear();
        self.alerts.clear();
        for one in claimed {
            if let Some(lane) = self.lanes.get_mut(&one.source) {
                lane.claimed(begun, one);
            }
        }
        for (source, _) in wanted {
            self.lanes.get_mut(source).into_iter().for_each(Lane::turned);
            self.fill(source);
        }
        Ok(())
    }

    /// Sends what is claimed of a source, as far as there is room.
    fn fill(&mut self, source: &str) {
        while let Some(lane) = self.lanes.get_mut(source)
            && let Some(claimed) = lane.next(Instant::now())
        {
            let channel = Arc::clone(&lane.channel);
            self.send(channel, claimed);
        }
    }

    fn send(&mut self, channel: Arc<Http>, claimed: Claimed) {
        let Claimed { seq, id, source, attempts, outgoing } = claimed;
        let request = async move {
            let (at, begun) = (Timestamp::now(), Instant::now());
            let answer = channel.send(&id, outgoing, at).await;
            let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            let http::Answer { outcome, status, error, retry_after_ms } = answer;
            (Attempt { at, outcome, status, micros, error }, retry_after_ms)
        };
        let task = self.under_way.spawn(request);
        self.claims.insert(task.id(), Claim { seq, source, attempts });
    }

    /// Decides how a delivery goes on, now that a try has ended.
    fn take(&mut self, ended: Result<(Id, (Attempt, Option<u64>)), JoinError>) {
        let (id, ended) = match ended {
            Ok((id, ended)) => (id, Some(ended)),
            Err(error) => {
                tracing::error!("a delivery failed within: {error}");
                (error.id(), None)
            }
        };
        let Some(Claim { seq, source, attempts }) = self.claims.remove(&id) else { return };
        let attempts = attempts.saturating_add(1);
        let (attempt, retry_after_ms) = ended.unzip();
        let outcome = attempt.as_ref().map(|attempt| attempt.outcome);
        let next = self.schedule.next(
            attempts,
            outcome,
            retry_after_ms.flatten(),
            Timestamp::now(),
            rand::random(),
        );
        if let Some(outcome) = outcome {
            self.metrics.deliveries.attempt(&source, outcome);
        }
        if let Some(Attempt { outcome: AttemptOutcome::OutOfBounds, error, .. }) = &attempt {
            let error = error.as_deref().unwrap_or_default();
            tracing::warn!(source, "nothing was sent to where it may not be sent: {error}");
        }
        match next {
            Next::Dead => self.bury(&source, attempts, outcome),
            Next::Gone => tracing::error!(source, "a destination wants no more: it is disabled"),
            Next::Delivered | Next::Again(_) => {}
        }
        if let Some(lane) = self.lanes.get_mut(&source) {
            lane.ended(next == Next::Delivered);
            if next == Next::Gone {
                // It wants none of them. They are given back in the turn that disables it.
                let claimed = lane.given_up();
                self.give_back(claimed);
            }
        }
        self.fill(&source);
        self.tried.push(Tried { seq, source, attempts, attempt, next });
    }

    /// What every lane gives of what waits there.
    fn all_of(&mut self, take: impl Fn(&mut Lane) -> Vec<Claimed>) -> Vec<Claimed> {
        self.lanes.values_mut().flat_map(take).collect()
    }

    /// Gives back what is claimed and not sent: it is as due as it was.
    fn give_back(&mut self, claimed: Vec<Claimed>) {
        let now = Timestamp::now();
        for Claimed { seq, source, attempts, .. } in claimed {
            self.tried.push(Tried { seq, source, attempts, attempt: None, next: Next::Again(now) });
        }
    }

    /// Says that something could not be delivered, once in a while for each source.
    fn bury(&mut self, source: &str, attempts: u32, outcome: Option<AttemptOutcome>) {
        let outcome = outcome.map_or("failed", AttemptOutcome::as_str);
        tracing::error!(source, attempts, outcome, "a delivery is given up");
        if self.alerted.get(source).is_some_and(|at| at.elapsed() < ALERT_EVERY) {
            return;
        }
        self.alerted.insert(source.to_owned(), Instant::now());
        let text = format!(
            "A delivery was given up after {attempts} tries, the last of which was {outcome}. See \
             `picket delivery list --state dead --source {source}`; when the destination answers \
             again, `picket delivery replay --source {source} --why ...`."
        );
        self.alerts.push(("delivery.dead", source.to_owned(), text));
    }

    /// Lets what is in flight end, gives back the rest and records all of it.
    async fn end(&mut self) {
        let waiting = self.all_of(Lane::given_up);
        self.give_back(waiting);
        let patience = sleep(STOP_PATIENCE);
        tokio::pin!(patience);
        loop {
            let ended = tokio::select! {
                ended = self.under_way.join_next_with_id() => ended,
                () = &mut patience => None,
            };
            match ended {
                Some(ended) => self.take(ended),
                None => break,
            }
        }
        self.under_way.abort_all();
        let now = Timestamp::now();
        for (_, Claim { seq, source, attempts }) in self.claims.drain() {
            self.tried.push(Tried { seq, source, attempts, attempt: None, next: Next::Again(now) });
        }
        if let Err(error) = self.turn(&[]).await {
            tracing::warn!("what was delivered last is not recorded and will be repeated: {error}");
        }
    }
}
