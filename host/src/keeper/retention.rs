//! Takes out of the record what is older than its class is kept.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::model::{RetentionClass, Timestamp};
use crate::store::{Store, StoreError};

/// How often it looks for what has become too old.
const LOOK: Duration = Duration::from_secs(3_600);
/// Between two batches, so that events are not held up by a long row of them.
const BREATH: Duration = Duration::from_millis(50);

/// How long each class is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days; 0: for ever.
    pub allowed_days: u32,
    pub enforced_days: u32,
}

impl Retention {
    fn days(&self, class: RetentionClass) -> u32 {
        match class {
            RetentionClass::Allowed => self.allowed_days,
            RetentionClass::Enforced => self.enforced_days,
        }
    }

    /// What was decided before this goes; `None`: nothing does.
    fn before(&self, class: RetentionClass, now: Timestamp) -> Option<Timestamp> {
        const DAY_MICROS: i64 = 86_400 * 1_000_000;
        let days = i64::from(self.days(class));
        (days > 0).then(|| Timestamp::from_micros(now.micros() - days * DAY_MICROS))
    }

    /// Looks now and then until told to stop.
    pub async fn run(self, store: Store, stop: CancellationToken) {
        if self == Self::default() {
            return;
        }
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                pruned = self.prune(&store, Timestamp::now()) => match pruned {
                    Ok(0) => {}
                    Ok(decisions) => tracing::info!(decisions, "removed what is kept no longer"),
                    Err(error) => tracing::error!("what is too old could not be removed: {error}"),
                },
                () = stop.cancelled() => return,
            }
        }
    }

    /// Removes all that is too old, and returns how many decisions that were.
    ///
    /// # Errors
    /// Where the database does not answer; what went by then is gone.
    pub async fn prune(self, store: &Store, now: Timestamp) -> Result<u64, StoreError> {
        let mut pruned = 0;
        for class in RetentionClass::ALL {
            let Some(before) = self.before(class, now) else { continue };
            loop {
                match store.prune(class, before).await? {
                    0 => break,
                    gone => pruned += gone,
                }
                tokio::time::sleep(BREATH).await;
            }
        }
        Ok(pruned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_without_days_is_kept_for_ever() {
        let retention = Retention { allowed_days: 30, enforced_days: 0 };
        let now = Timestamp::from_micros(40 * 86_400 * 1_000_000);
        let ten_days = Timestamp::from_micros(10 * 86_400 * 1_000_000);
        assert_eq!(retention.before(RetentionClass::Allowed, now), Some(ten_days));
        assert_eq!(retention.before(RetentionClass::Enforced, now), None);
    }
}
