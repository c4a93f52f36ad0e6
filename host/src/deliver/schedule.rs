//! When a delivery is tried again, and when it is given up. Pure.

use crate::model::{AttemptOutcome, Timestamp};
use crate::store::Next;

/// How patient deliveries are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    /// The second try comes within this time, and each further one within twice that of the last.
    pub first_ms: u64,
    pub max_ms: u64,
    pub attempts_max: u32,
}

impl Schedule {
    /// How a delivery goes on after so many tries, `None` where the last came to nothing at all.
    /// `chance` lies in 0..1: with full jitter, so that what failed together does not come back
    /// together. What the receiver asks for is waited out first, up to `max_ms`.
    pub fn next(
        &self,
        attempts: u32,
        outcome: Option<AttemptOutcome>,
        retry_after_ms: Option<u64>,
        now: Timestamp,
        chance: f64,
    ) -> Next {
        match outcome {
            Some(AttemptOutcome::Delivered) => return Next::Delivered,
            // It will not read better next time.
            Some(AttemptOutcome::Unreadable) => return Next::Dead,
            _ if attempts >= self.attempts_max => return Next::Dead,
            _ => {}
        }
        let asked_ms = retry_after_ms.unwrap_or_default().min(self.max_ms);
        let wait_ms = (self.within_ms(attempts) as f64 * chance) as u64 + asked_ms;
        Next::Again(now.plus_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX)))
    }

    /// The longest time from this try to the next.
    fn within_ms(&self, attempts: u32) -> u64 {
        let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
        self.first_ms.saturating_mul(doubled).min(self.max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule { first_ms: 1_000, max_ms: 60_000, attempts_max: 8 };
    fn now() -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn wait_ms(attempts: u32, retry_after_ms: Option<u64>, chance: f64) -> Option<i64> {
        let failed = Some(AttemptOutcome::Refused);
        match SCHEDULE.next(attempts, failed, retry_after_ms, now(), chance) {
            Next::Again(due) => Some(due.millis()),
            Next::Dead => None,
            Next::Delivered => panic!("it was refused"),
        }
    }

    #[test]
    fn waits_double_up_to_their_bound_and_are_spread_over_all_of_it() {
        let almost: Vec<_> = (1..=8).map(|attempts| wait_ms(attempts, None, 0.9999)).collect();
        let doubled = [999, 1_999, 3_999, 7_999, 15_998, 31_996, 59_994];
        assert_eq!(almost[..7], doubled.map(Some));
        assert_eq!(almost[7], None);
        for attempts in 1..8 {
            assert_eq!(wait_ms(attempts, None, 0.0), Some(0));
            let (half, most) = (wait_ms(attempts, None, 0.5), wait_ms(attempts, None, 0.9999));
            assert!((half.unwrap() * 2 - most.unwrap()).abs() <= 8, "{half:?} {most:?}");
        }
        let endless = Schedule { attempts_max: u32::MAX, ..SCHEDULE };
        let far = endless.next(1_000_000, None, None, now(), 0.5);
        assert_eq!(far, Next::Again(now().plus_millis(30_000)));
    }

    #[test]
    fn what_the_receiver_asks_for_is_waited_out_within_the_bound() {
        assert_eq!(wait_ms(1, Some(20_000), 0.0), Some(20_000));
        assert_eq!(wait_ms(1, Some(20_000), 0.5), Some(20_500));
        assert_eq!(wait_ms(1, Some(u64::MAX), 0.0), Some(60_000));
    }

    #[test]
    fn what_is_delivered_or_unreadable_has_ended() {
        let next = |outcome| SCHEDULE.next(1, Some(outcome), None, now(), 0.5);
        assert_eq!(next(AttemptOutcome::Delivered), Next::Delivered);
        assert_eq!(next(AttemptOutcome::Unreadable), Next::Dead);
        for outcome in AttemptOutcome::ALL {
            let ended = [AttemptOutcome::Delivered, AttemptOutcome::Unreadable].contains(&outcome);
            assert_eq!(ended, !matches!(next(outcome), Next::Again(_)), "{outcome:?}");
        }
    }
}
