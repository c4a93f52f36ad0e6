//! Instances that are kept from event to event, for the versions that the operator granted it.
//!
//! One is taken out while it is used, and put back only after a run that was good in every way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::runtime::Warm;

/// Instances that are kept at once, all builds together: half of those that the sandbox has room for,
/// so that fresh ones always find some.
pub(super) const KEPT_MAX: usize = 32;

/// How many instances are kept, all builds together.
#[derive(Clone, Default)]
pub(super) struct Room(Arc<AtomicUsize>);

/// The kept instances of one build: never more than were in use at once, so at most one for each
/// evaluation thread.
pub(super) struct Kept {
    instances: Mutex<Vec<Warm>>,
    room: Room,
}

impl Kept {
    pub fn new(room: Room) -> Self {
        Self { instances: Mutex::default(), room }
    }

    /// The instance that was used last, whose memory is most likely still at hand.
    pub fn take(&self) -> Option<Warm> {
        let warm = self.instances().pop()?;
        self.room.0.fetch_sub(1, Ordering::Relaxed);
        Some(warm)
    }

    /// Keeps an instance, where there is room.
    pub fn put(&self, warm: Warm) {
        if self.room.0.fetch_add(1, Ordering::Relaxed) < KEPT_MAX {
            self.instances().push(warm);
        } else {
            self.room.0.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn instances(&self) -> std::sync::MutexGuard<'_, Vec<Warm>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let kept = self.instances().len();
        self.room.0.fetch_sub(kept, Ordering::Relaxed);
    }
}
