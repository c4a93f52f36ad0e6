//! The ways by which something reaches its destination, and what of it goes together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::call::Call;
use super::connect::system;
use super::hours::Hours;
use super::http::{Answer, Http};
use super::mail::Mail;
use crate::config::{Config, Telling};
use crate::model::{Attempt, AttemptOutcome, DeliveryId, DestinationId, Outgoing, Timestamp};
use crate::store::{Claimed, StoreError};

/// Notices that one message may hold.
pub(super) const DIGEST_MAX: usize = 50;

/// How many deliveries about one account follow each other without a turn between them.
const RUN_MAX: usize = 16;
/// How long after the first of them another is begun: a claim holds for little longer than one request.
const RUN_TIME: Duration = Duration::from_secs(1);

/// What is on its way as one: in one message, or one after the other. Never empty, and what is due is first.
pub(super) type Load = Vec<Claimed>;

/// A request that has ended.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub attempt: Attempt,
    /// How long its receiver asks to be left alone.
    pub retry_after_ms: Option<u64>,
}

/// What came of a load.
#[derive(Debug)]
pub(super) enum Sent {
    /// Of all of it, in one message.
    Together(Try),
    /// Of each from the first on, up to what was not delivered. Nothing was sent of what is beyond.
    Each(Vec<Try>),
}

/// A way to a destination.
pub(super) enum Channel {
    Endpoint(Box<Http>),
    Mail(Box<Mail>, Hours),
    Call(Box<Call>, Hours),
}

impl Channel {
    /// Every channel of a configuration, with what the table is called that says so; or what is wrong with it.
    pub fn all(
        config: &Config,
        patience: Duration,
    ) -> Vec<(&'static str, DestinationId, Result<Self, String>)> {
        let mut all = Vec::new();
        for (source, one) in each(config.destinations.iter().map(|(s, first)| (s, first.all()))) {
            let made =
                Http::new(one, patience, system()).map(|http| Self::Endpoint(Box::new(http)));
            all.push(("destinations", DestinationId::named(source, &one.name), made));
        }
        let named = |source: &str, telling: &Telling| DestinationId::named(source, &telling.name);
        for (source, email) in each(config.email.iter()) {
            let made = Mail::new(email, patience, system())
                .and_then(|mail| Ok(Self::Mail(Box::new(mail), Hours::of(&email.telling)?)));
            all.push(("email", named(source, &email.telling), made));
        }
        for (source, sms) in each(config.sms.iter()) {
            let made = Call::new(sms, patience, system())
                .and_then(|call| Ok(Self::Call(Box::new(call), Hours::of(&sms.telling)?)));
            all.push(("sms", named(source, &sms.telling), made));
        }
        all
    }

    /// Whether its receiver can tell that it is us.
    pub fn vouches(&self) -> bool {
        match self {
            Self::Endpoint(http) => http.signs(),
            Self::Mail(..) | Self::Call(..) => true,
        }
    }

    /// How much is claimed where so much may be in flight: of what is gathered at least what one message holds.
    pub fn count(&self, room: usize) -> usize {
        match self {
            Self::Mail(_, hours) | Self::Call(_, hours) if hours.gathers() => room.max(DIGEST_MAX),
            _ => room,
        }
    }

    /// How much of what waits behind something may go with it, or right after it.
    pub fn behind(&self) -> usize {
        match self {
            Self::Endpoint(_) => RUN_MAX - 1,
            Self::Mail(_, hours) | Self::Call(_, hours) if hours.gathers() => DIGEST_MAX - 1,
            Self::Mail(..) | Self::Call(..) => 0,
        }
    }

    /// What of this is sent now, as what goes together, and what is not sent before when.
    pub fn sort(
        &self,
        claimed: Vec<Claimed>,
        now: Timestamp,
    ) -> (Vec<Load>, Vec<(Claimed, Timestamp)>) {
        match self {
            Self::Endpoint(_) => (runs(claimed), Vec::new()),
            Self::Mail(_, hours) | Self::Call(_, hours) => hours.sort(claimed, now),
        }
    }

    /// Sends it once.
    pub async fn send(&self, load: Load) -> Sent {
        let begun = Begun::now();
        match self {
            Self::Endpoint(http) => Sent::Each(run(http, load, begun).await),
            Self::Mail(mail, _) => Sent::Together(begun.ended(match told(load) {
                Ok((id, told)) => mail.send(&id, &told, begun.at).await,
                Err(error) => Answer::unreadable(error.to_string()),
            })),
            Self::Call(call, _) => Sent::Together(begun.ended(match told(load) {
                Ok((id, told)) => call.send(&id, &told).await,
                Err(error) => Answer::unreadable(error.to_string()),
            })),
        }
    }
}

/// When a request was begun.
#[derive(Clone, Copy)]
struct Begun {
    at: Timestamp,
    clock: Instant,
}

impl Begun {
    fn now() -> Self {
        Self { at: Timestamp::now(), clock: Instant::now() }
    }

    fn ended(self, answer: Answer) -> Try {
        let Answer { outcome, status, error, retry_after_ms } = answer;
        let micros = u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX);
        Try { attempt: Attempt { at: self.at, outcome, status, micros, error }, retry_after_ms }
    }
}

/// What follows each other: of each account what is due, and what waits behind it.
fn runs(claimed: Vec<Claimed>) -> Vec<Load> {
    let mut runs: BTreeMap<i64, Load> = BTreeMap::new();
    for one in claimed {
        runs.entry(one.behind.unwrap_or(one.seq)).or_default().push(one);
    }
    // Without what is due nothing behind it may come.
    runs.into_values().filter(|run| run[0].behind.is_none()).collect()
}

async fn run(http: &Http, load: Load, begun: Begun) -> Vec<Try> {
    let mut tries = Vec::with_capacity(load.len());
    for one in load {
        if !tries.is_empty() && begun.clock.elapsed() > RUN_TIME {
            break;
        }
        let begun = Begun::now();
        let tried = begun.ended(http.send(&one.id, one.outgoing, begun.at).await);
        let delivered = tried.attempt.outcome == AttemptOutcome::Delivered;
        tries.push(tried);
        if !delivered {
            break;
        }
    }
    tries
}

/// What one message says, under the id of the first thing in it.
fn told(load: Load) -> Result<(DeliveryId, Vec<Outgoing>), StoreError> {
    let id = load[0].id.clone();
    let told = load.into_iter().map(|one| one.outgoing).collect::<Result<_, _>>()?;
    Ok((id, told))
}

/// Each of several, with its source.
fn each<'a, T>(
    all: impl Iterator<Item = (&'a String, impl IntoIterator<Item = T>)>,
) -> impl Iterator<Item = (&'a String, T)> {
    all.flat_map(|(source, all)| all.into_iter().map(move |one| (source, one)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DecisionId, Scope};

    fn claimed(seq: i64, behind: Option<i64>) -> Claimed {
        let id = DeliveryId::of_action(DecisionId::new(), Scope::Message);
        let outgoing = Err(StoreError::Closed);
        Claimed { seq, id, to: DestinationId::of("market"), attempts: 0, behind, outgoing }
    }

    #[test]
    fn a_run_is_what_is_due_and_what_waits_behind_it() {
        let rows = [(3, None), (5, None), (7, Some(3)), (8, Some(5)), (9, Some(3)), (11, Some(4))];
        let runs = runs(rows.map(|(seq, behind)| claimed(seq, behind)).into());
        let seqs = |run: &Load| run.iter().map(|one| one.seq).collect::<Vec<_>>();
        let seqs: Vec<_> = runs.iter().map(seqs).collect();
        assert_eq!(
            seqs,
            [vec![3, 7, 9], vec![5, 8]],
            "without what is due nothing behind it comes"
        );
    }
}
