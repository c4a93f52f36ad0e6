//! When a delivery is tried again, and when it is given up. Pure.

use crate::model::{AttemptOutcome, Timestamp};
use crate::store::Next;

/// How patient deliveries are.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// How long until the second try, the third, and so on; the last holds for all that follow. Ascends,
    /// and is never empty.
    pub waits_ms: Vec<u64>,
    pub attempts_max: u32,
}

impl Schedule {
    /// How a delivery goes on after so many tries, `None` where the last came to nothing at all.
    /// `chance` lies in 0..1: a wait is half to one and a half times as long as it is written, so that what
    /// failed together does not come back together. What the receiver asks for is waited out, up to the
    /// longest wait that is written.
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
            Some(AttemptOutcome::Unreadable | AttemptOutcome::Rejected) => return Next::Dead,
            // It is not this delivery that failed: it waits with all the others.
            Some(AttemptOutcome::Gone) => return Next::Gone,
            _ if attempts >= self.attempts_max => return Next::Dead,
            _ => {}
        }
        let spread = |wait_ms: u64| (wait_ms as f64 * (0.5 + chance)) as u64;
        let longest_ms = self.waits_ms.last().copied().unwrap_or_default();
        let asked_ms = retry_after_ms.map(|asked| asked.min(longest_ms));
        let asked_ms = asked_ms.map_or(0, |asked| asked.saturating_add(spread(self.wait_ms(1))));
        let wait_ms = spread(self.wait_ms(attempts)).max(asked_ms);
        Next::Again(now.plus_millis(i64::try_from(wait_ms).unwrap_or(i64::MAX)))
    }

    /// How long it is from this try to the next, as it is written.
    fn wait_ms(&self, attempts: u32) -> u64 {
        let number = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        self.waits_ms.get(number).or(self.waits_ms.last()).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule { waits_ms: vec![1_000, 20_000, 60_000], attempts_max: 8 }
    }

    fn now() -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn wait_ms(attempts: u32, retry_after_ms: Option<u64>, chance: f64) -> Option<i64> {
        let failed = Some(AttemptOutcome::Refused);
        match schedule().next(attempts, failed, retry_after_ms, now(), chance) {
            Next::Again(due) => Some(due.millis()),
            Next::Dead => None,
            other => panic!("it was refused: {other:?}"),
        }
    }

    #[test]
    fn waits_are_as_written_and_spread_around_that() {
        let even: Vec<_> = (1..=8).map(|attempts| wait_ms(attempts, None, 0.5)).collect();
        let written = [1_000, 20_000, 60_000, 60_000, 60_000, 60_000, 60_000].map(Some);
        assert_eq!(even[..7], written);
        assert_eq!(even[7], None);
        for attempts in 1..8 {
            let written = wait_ms(attempts, None, 0.5).unwrap();
            assert_eq!(wait_ms(attempts, None, 0.0), Some(written / 2));
            let most = wait_ms(attempts, None, 0.9999).unwrap();
            assert!((written * 149 / 100..written * 3 / 2).contains(&most), "{most}");
        }
        let endless = Schedule { attempts_max: u32::MAX, ..schedule() };
        let far = endless.next(1_000_000, None, None, now(), 0.5);
        assert_eq!(far, Next::Again(now().plus_millis(60_000)));
    }

    #[test]
    fn what_the_receiver_asks_for_is_waited_out_within_the_bound() {
        assert_eq!(wait_ms(1, Some(20_000), 0.0), Some(20_500));
        assert_eq!(wait_ms(1, Some(20_000), 0.5), Some(21_000));
        assert_eq!(wait_ms(1, Some(u64::MAX), 0.0), Some(60_500));
        // Who asks for less than is written does not hurry us.
        assert_eq!(wait_ms(3, Some(0), 0.5), Some(60_000));
    }

    #[test]
    fn what_is_delivered_or_unreadable_has_ended_and_what_is_gone_waits_for_a_word() {
        let next = |outcome| schedule().next(8, Some(outcome), None, now(), 0.5);
        for outcome in AttemptOutcome::ALL {
            let expected = match outcome {
                AttemptOutcome::Delivered => Next::Delivered,
                // However often it was tried.
                AttemptOutcome::Gone => Next::Gone,
                _ => Next::Dead,
            };
            assert_eq!(next(outcome), expected, "{outcome:?}");
            let early = schedule().next(1, Some(outcome), None, now(), 0.5);
            let again =
                !["delivered", "unreadable", "rejected", "gone"].contains(&outcome.as_str());
            assert_eq!(matches!(early, Next::Again(_)), again, "{outcome:?}");
        }
    }
}
