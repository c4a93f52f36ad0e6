//! When something is tried again that failed by no fault of its own: ever more seldom.

use std::time::{Duration, Instant};

const WAIT_MIN: Duration = Duration::from_secs(2);
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The time until the next try, which doubles with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff {
    wait: Duration,
    due: Instant,
}

impl Backoff {
    /// After a failure; `before` is what followed from the one before that.
    pub fn after(before: Option<Self>, now: Instant) -> Self {
        let wait = before.map_or(WAIT_MIN, |before| (before.wait * 2).min(WAIT_MAX));
        Self { wait, due: now + wait }
    }

    pub fn due(&self) -> Instant {
        self.due
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_comes_after_twice_the_time_up_to_a_bound() {
        let mut now = Instant::now();
        let mut backoff = None;
        for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600] {
            let next = Backoff::after(backoff, now);
            let wait = Duration::from_secs(wait);
            assert!(!next.is_due(now + wait - Duration::from_millis(1)) && next.is_due(now + wait));
            now = next.due();
            backoff = Some(next);
        }
    }
}
