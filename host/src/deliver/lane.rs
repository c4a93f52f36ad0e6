//! The way to one destination: how much is on it, and what is claimed and waits until there is room. Knows
//! nothing of requests; who sends them asks it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::channel::{Channel, Load};

/// How much more than may be in flight is claimed at once, for a destination that is quick.
const AHEAD_MAX: usize = 256;
/// How long what is claimed may wait to be sent. Then it is given back, or its claim could run out while
/// it is on its way.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// One destination.
pub(super) struct Lane {
    pub channel: Arc<Channel>,
    concurrent_max: usize,
    in_flight: usize,
    /// Claimed, each with when that was begun.
    waiting: VecDeque<(Instant, Load)>,
    /// Since the last claim.
    delivered: usize,
}

impl Lane {
    pub fn new(channel: Channel, concurrent_max: usize) -> Self {
        Self {
            channel: Arc::new(channel),
            concurrent_max,
            in_flight: 0,
            waiting: VecDeque::new(),
            delivered: 0,
        }
    }

    /// How many to claim: as many as may be in flight, and as many again as were delivered since the last
    /// claim, for the next one is some time away. So a destination that answers at once is not made to
    /// wait for a turn, and of one that hangs no more is claimed than hangs.
    pub fn room(&self) -> usize {
        let wanted = self.concurrent_max + self.delivered.min(AHEAD_MAX);
        wanted.saturating_sub(self.in_flight + self.waiting.len())
    }

    /// What was claimed by a turn that began then.
    pub fn claimed(&mut self, at: Instant, load: Load) {
        self.waiting.push_back((at, load));
    }

    /// Counts deliveries anew.
    pub fn turned(&mut self) {
        self.delivered = 0;
    }

    /// What is to be sent now, if there is something and room for it.
    pub fn next(&mut self, now: Instant) -> Option<Load> {
        if self.in_flight >= self.concurrent_max {
            return None;
        }
        let (_, load) = self.waiting.pop_front_if(|one| !is_overdue(one, now))?;
        self.in_flight += 1;
        Some(load)
    }

    /// Something that was sent is not on its way any more.
    pub fn ended(&mut self, delivered: bool) {
        self.in_flight -= 1;
        self.delivered += usize::from(delivered);
    }

    /// What has waited for too long.
    pub fn overdue(&mut self, now: Instant) -> Vec<Load> {
        // They wait in the order in which they were claimed.
        let count = self.waiting.iter().take_while(|one| is_overdue(one, now)).count();
        self.waiting.drain(..count).map(|(_, load)| load).collect()
    }

    /// All that waits.
    pub fn given_up(&mut self) -> Vec<Load> {
        self.waiting.drain(..).map(|(_, load)| load).collect()
    }
}

fn is_overdue((at, _): &(Instant, Load), now: Instant) -> bool {
    now.duration_since(*at) >= WAIT_MAX
}

#[cfg(test)]
mod tests {
    use super::super::connect;
    use super::super::http::Http;
    use super::*;
    use crate::config::Destination;
    use crate::model::{DecisionId, DeliveryId, DestinationId, Scope};
    use crate::store::{Claimed, StoreError};

    fn lane(concurrent_max: usize) -> Lane {
        let to = Destination::plain("http://127.0.0.1:9009/actions".to_owned(), None);
        let http = Http::new(&to, WAIT_MAX, connect::system()).unwrap();
        Lane::new(Channel::Endpoint(Box::new(http)), concurrent_max)
    }

    fn claim(lane: &mut Lane, at: Instant, count: usize) {
        for seq in 0..count {
            let claimed = Claimed {
                seq: i64::try_from(seq).unwrap(),
                id: DeliveryId::of_action(DecisionId::new(), Scope::Message),
                to: DestinationId::of("market"),
                attempts: 0,
                behind: None,
                outgoing: Err(StoreError::Closed),
            };
            lane.claimed(at, vec![claimed]);
        }
        lane.turned();
    }

    /// Sends what may be sent, and has all of it delivered, until nothing is left; counts it.
    fn deliver_all(lane: &mut Lane) -> usize {
        let mut count = 0;
        while lane.next(Instant::now()).is_some() {
            lane.ended(true);
            count += 1;
        }
        count
    }

    #[test]
    fn no_more_is_in_flight_than_may_be_and_the_next_goes_when_one_ends() {
        let (mut lane, now) = (lane(2), Instant::now());
        claim(&mut lane, now, 4);
        let mut next = || lane.next(now).map(|load| load[0].seq);
        assert_eq!([next(), next(), next()], [Some(0), Some(1), None]);
        lane.ended(false);
        let mut next = || lane.next(now).map(|load| load[0].seq);
        assert_eq!([next(), next()], [Some(2), None]);
    }

    #[test]
    fn of_a_quick_destination_more_is_claimed_each_time_up_to_a_bound() {
        let mut lane = lane(4);
        let mut rooms = Vec::new();
        for _ in 0..100 {
            let room = lane.room();
            rooms.push(room);
            claim(&mut lane, Instant::now(), room);
            assert_eq!(deliver_all(&mut lane), room);
        }
        assert_eq!(rooms[..4], [4, 8, 12, 16]);
        assert_eq!(rooms.last(), Some(&(4 + AHEAD_MAX)));
    }

    #[test]
    fn of_one_that_hangs_or_refuses_no_more_is_claimed_than_may_be_in_flight() {
        let mut lane = lane(4);
        claim(&mut lane, Instant::now(), 4);
        while lane.next(Instant::now()).is_some() {}
        assert_eq!(lane.room(), 0, "all hang");
        (0..4).for_each(|_| lane.ended(false));
        assert_eq!(lane.room(), 4, "all were refused");
    }

    #[test]
    fn what_waits_for_too_long_is_not_sent() {
        let (mut lane, begun) = (lane(1), Instant::now());
        claim(&mut lane, begun, 3);
        claim(&mut lane, begun + WAIT_MAX, 2);
        assert!(lane.overdue(begun + WAIT_MAX / 2).is_empty());
        assert!(lane.next(begun + WAIT_MAX).is_none());
        assert_eq!(lane.overdue(begun + WAIT_MAX).len(), 3);
        assert_eq!(lane.next(begun + WAIT_MAX).map(|load| load[0].seq), Some(0));
        assert_eq!(lane.given_up().len(), 1);
    }
}
