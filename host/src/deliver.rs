//! Tells platforms what to do: takes from the outbox what is due, sends it, and records what came of
//! it, until it is delivered or dead. A file per channel; this one knows when and how many.
//!
//! At least once: what is sent and not recorded, because somebody pulled the plug, is sent again under
//! the same id. In order: the store lets only the first of a subject be due, and what is claimed behind it
//! follows it one by one. No destination waits for another: each has its own number of requests in flight.

mod call;
mod channel;
mod connect;
mod examine;
mod hours;
mod http;
mod keys;
mod lane;
mod mail;
mod schedule;
mod tls;
mod witness;
mod wording;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::model::{AttemptOutcome, DestinationId, Timestamp};
use crate::store::{Claimed, Next, Store, StoreError, Tried, Turn, Wanted};
use crate::telemetry::Metrics;

pub use examine::{DestinationError, examine};
pub use witness::Witness;

use channel::{Channel, Load, Sent, Try};
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

/// The worker that delivers. One runs in each server.
pub struct Deliver {
    store: Store,
    metrics: Arc<Metrics>,
    lanes: BTreeMap<DestinationId, Lane>,
    schedule: Schedule,
    request_timeout: Duration,
    written: Arc<Notify>,
    /// This server, by a number that no other has.
    server: i64,
    under_way: JoinSet<Sent>,
    claims: HashMap<Id, Vec<Claim>>,
    /// What is to be recorded in the next turn.
    tried: Vec<Tried>,
    alerts: Vec<(&'static str, String, String)>,
    alerted: HashMap<DestinationId, Instant>,
}

/// What a request in flight is about.
struct Claim {
    seq: i64,
    to: DestinationId,
    /// Tries before this one.
    attempts: u32,
    /// Whether it can only be ended with another.
    behind: bool,
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
        for (table, to, made) in Channel::all(config, request_timeout) {
            let channel = made.map_err(|detail| DestinationError::new(table, &to, detail))?;
            if !channel.vouches() {
                tracing::warn!(
                    source = %to,
                    "what is sent to this destination is not signed: make a key with `picket key webhook new`"
                );
            }
            lanes.insert(to, Lane::new(channel, config.delivery_concurrent_max));
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

    /// How many for each destination may be claimed now, and when the next one is due where none is.
    async fn look(&self) -> Result<(Vec<Wanted>, Option<Timestamp>), StoreError> {
        let (mut wanted, mut next) = (Vec::new(), None);
        for (to, lane) in &self.lanes {
            let room = lane.room();
            if room == 0 {
                continue;
            }
            match self.store.next_delivery_due(to).await? {
                Some(due) if due <= Timestamp::now() => wanted.push(Wanted {
                    to: to.clone(),
                    count: lane.channel.count(room),
                    behind: lane.channel.behind(),
                }),
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
    async fn turn(&mut self, wanted: &[Wanted]) -> Result<(), StoreError> {
        let begun = Instant::now();
        let now = Timestamp::now();
        let holds = self.request_timeout + CLAIM_SLACK;
        let claimed = self
            .store
            .deliver(&Turn {
                server: self.server,
                tried: &self.tried,
                wanted,
                now,
                claimed_until: now
                    .plus_millis(i64::try_from(holds.as_millis()).unwrap_or(i64::MAX)),
                alerts: &self.alerts,
            })
            .await?;
        self.tried.clear();
        self.alerts.clear();
        let mut by_lane: BTreeMap<DestinationId, Vec<Claimed>> = BTreeMap::new();
        for one in claimed {
            by_lane.entry(one.to.clone()).or_default().push(one);
        }
        for Wanted { to, .. } in wanted {
            let Some(lane) = self.lanes.get_mut(to) else { continue };
            let (loads, held) = lane.channel.sort(by_lane.remove(to).unwrap_or_default(), now);
            loads.into_iter().for_each(|load| lane.claimed(begun, load));
            lane.turned();
            for (one, until) in held {
                self.tried.push(untried(one, until));
            }
            self.fill(to);
        }
        Ok(())
    }

    /// Sends what is claimed for a destination, as far as there is room.
    fn fill(&mut self, to: &DestinationId) {
        while let Some(lane) = self.lanes.get_mut(to)
            && let Some(load) = lane.next(Instant::now())
        {
            let channel = Arc::clone(&lane.channel);
            self.send(channel, load);
        }
    }

    fn send(&mut self, channel: Arc<Channel>, load: Load) {
        let claim = |one: &Claimed| {
            let &Claimed { seq, attempts, behind, .. } = one;
            Claim { seq, to: one.to.clone(), attempts, behind: behind.is_some() }
        };
        let claims = load.iter().map(claim).collect();
        let task = self.under_way.spawn(async move { channel.send(load).await });
        self.claims.insert(task.id(), claims);
    }

    /// Decides how deliveries go on, now that a load has ended.
    fn take(&mut self, ended: Result<(Id, Sent), JoinError>) {
        let (id, sent) = match ended {
            Ok((id, sent)) => (id, Some(sent)),
            Err(error) => {
                tracing::error!("a delivery failed within: {error}");
                (error.id(), None)
            }
        };
        let Some(claims) = self.claims.remove(&id) else { return };
        let Some(to) = claims.first().map(|claim| claim.to.clone()) else { return };
        let tries = match &sent {
            Some(Sent::Each(tries)) => tries.as_slice(),
            Some(Sent::Together(tried)) => std::slice::from_ref(tried),
            None => &[],
        };
        tries.iter().for_each(|tried| self.notice(&to, tried));
        let outcomes = || tries.iter().map(|tried| tried.attempt.outcome);
        if let Some(lane) = self.lanes.get_mut(&to) {
            lane.ended(outcomes().next() == Some(AttemptOutcome::Delivered));
            if outcomes().any(|outcome| outcome == AttemptOutcome::Gone) {
                tracing::error!(source = %to, "a destination wants no more: it is disabled");
                // It wants none of them. They are given back in the turn that disables it.
                let waiting = lane.given_up();
                self.give_back(waiting);
            }
        }
        // What is behind another waits on with it, unless it was sent as well.
        let each: Vec<(Claim, Option<Try>)> = match sent {
            Some(Sent::Each(tries)) => {
                claims.into_iter().zip(tries.into_iter().map(Some)).collect()
            }
            Some(Sent::Together(tried)) => {
                let delivered = tried.attempt.outcome == AttemptOutcome::Delivered;
                let went = claims.into_iter().filter(|claim| delivered || !claim.behind);
                went.map(|claim| (claim, Some(tried.clone()))).collect()
            }
            None => {
                let due = claims.into_iter().filter(|claim| !claim.behind);
                due.map(|claim| (claim, None)).collect()
            }
        };
        let (now, chance) = (Timestamp::now(), rand::random());
        for (Claim { seq, to, attempts, .. }, tried) in each {
            let attempts = attempts.saturating_add(1);
            let outcome = tried.as_ref().map(|tried| tried.attempt.outcome);
            let asked_ms = tried.as_ref().and_then(|tried| tried.retry_after_ms);
            let next = self.schedule.next(attempts, outcome, asked_ms, now, chance);
            if next == Next::Dead {
                self.bury(&to, attempts, outcome);
            }
            let attempt = tried.map(|tried| tried.attempt);
            self.tried.push(Tried { seq, to, attempts, attempt, next });
        }
        self.fill(&to);
    }

    /// Counts a try, and says where it was refused here.
    fn notice(&self, to: &DestinationId, tried: &Try) {
        self.metrics.deliveries.attempt(&to.source, tried.attempt.outcome);
        if tried.attempt.outcome == AttemptOutcome::OutOfBounds {
            let error = tried.attempt.error.as_deref().unwrap_or_default();
            tracing::warn!(source = %to, "nothing was sent to where it may not be sent: {error}");
        }
    }

    /// What every lane gives of what waits there.
    fn all_of(&mut self, take: impl Fn(&mut Lane) -> Vec<Load>) -> Vec<Load> {
        self.lanes.values_mut().flat_map(take).collect()
    }

    /// Gives back what is claimed and not sent: it is as due as it was.
    fn give_back(&mut self, loads: Vec<Load>) {
        let now = Timestamp::now();
        let due = loads.into_iter().flatten().filter(|one| one.behind.is_none());
        self.tried.extend(due.map(|one| untried(one, now)));
    }

    /// Says that something could not be delivered, once in a while for each destination.
    fn bury(&mut self, to: &DestinationId, attempts: u32, outcome: Option<AttemptOutcome>) {
        let outcome = outcome.map_or("failed", AttemptOutcome::as_str);
        tracing::error!(source = %to, attempts, outcome, "a delivery is given up");
        if self.alerted.get(to).is_some_and(|at| at.elapsed() < ALERT_EVERY) {
            return;
        }
        self.alerted.insert(to.clone(), Instant::now());
        let source = &to.source;
        let text = format!(
            "A delivery was given up after {attempts} tries, the last of which was {outcome}. See \
             `picket delivery list --state dead --source {source}`; when the destination answers \
             again, `picket delivery replay --source {source} --why ...`."
        );
        self.alerts.push(("delivery.dead", to.to_string(), text));
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
        let claims = self.claims.drain().flat_map(|(_, claims)| claims);
        for Claim { seq, to, attempts, .. } in claims.filter(|claim| !claim.behind) {
            self.tried.push(Tried { seq, to, attempts, attempt: None, next: Next::Again(now) });
        }
        if let Err(error) = self.turn(&[]).await {
            tracing::warn!("what was delivered last is not recorded and will be repeated: {error}");
        }
    }
}

/// It was not tried, and is due then.
fn untried(one: Claimed, due: Timestamp) -> Tried {
    let Claimed { seq, to, attempts, .. } = one;
    Tried { seq, to, attempts, attempt: None, next: Next::Again(due) }
}
