//! The ways by which something reaches its destination, and what of it goes together.

use std::time::Duration;

use super::call::Call;
use super::connect::system;
use super::hours::Hours;
use super::http::{Answer, Http};
use super::mail::Mail;
use crate::config::{Config, Telling};
use crate::model::{DestinationId, Outgoing, Timestamp};
use crate::store::Claimed;

/// Notices that one message may hold.
pub(super) const DIGEST_MAX: usize = 50;

/// What is sent as one. Never empty; without a digest it is one thing.
pub(super) type Load = Vec<Claimed>;

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

    /// How much of what waits behind something may go with it.
    pub fn behind(&self) -> usize {
        match self {
            Self::Mail(_, hours) | Self::Call(_, hours) if hours.gathers() => DIGEST_MAX - 1,
            _ => 0,
        }
    }

    /// What of this is sent now, as what goes together, and what is not sent before when.
    pub fn sort(
        &self,
        claimed: Vec<Claimed>,
        now: Timestamp,
    ) -> (Vec<Load>, Vec<(Claimed, Timestamp)>) {
        match self {
            Self::Endpoint(_) => (claimed.into_iter().map(|one| vec![one]).collect(), Vec::new()),
            Self::Mail(_, hours) | Self::Call(_, hours) => hours.sort(claimed, now),
        }
    }

    /// Sends it once.
    pub async fn send(&self, load: Load, at: Timestamp) -> Answer {
        let mut load = load.into_iter();
        let Some(first) = load.next() else { return Answer::nothing() };
        if let Self::Endpoint(http) = self {
            return http.send(&first.id, first.outgoing, at).await;
        }
        let id = first.id.clone();
        let told: Result<Vec<Outgoing>, _> =
            std::iter::once(first).chain(load).map(|one| one.outgoing).collect();
        match (self, told) {
            (_, Err(error)) => Answer::unreadable(error.to_string()),
            (Self::Mail(mail, _), Ok(told)) => mail.send(&id, &told, at).await,
            (Self::Call(call, _), Ok(told)) => call.send(&id, &told).await,
            (Self::Endpoint(_), Ok(_)) => Answer::nothing(),
        }
    }
}

/// Each of several, with its source.
fn each<'a, T>(
    all: impl Iterator<Item = (&'a String, impl IntoIterator<Item = T>)>,
) -> impl Iterator<Item = (&'a String, T)> {
    all.flat_map(|(source, all)| all.into_iter().map(move |one| (source, one)))
}
