//! An instance that is kept from one event to the next, where the operator has granted that.
//!
//! It costs less than a fresh one and holds what the guest left in its memory. Everything that the
//! host gives anew to a fresh instance, it gives anew to each call here: time, log, clock, random
//! numbers. So a guest that keeps nothing gives the same bits in either.

use std::time::Duration;

use wasmtime::Store;

use super::abi::v1;
use super::call::{Call, Run};
use super::guest::{self, Guest};
use super::{Prepared, PreparedInner};

/// A kept instance: see [`Prepared::warm`].
pub struct Warm {
    prepared: Prepared,
    store: Store<Guest>,
    component: v1::Component,
    poisoned: bool,
}

impl Prepared {
    /// An instance to be kept. It may go from thread to thread, and runs one event at a time.
    ///
    /// # Errors
    /// Why it could not be instantiated.
    pub fn warm(&self, call: &Call<'_>) -> Result<Warm, String> {
        let inner = &self.0;
        let mut store = inner.store(call, guest::thread_time(), inner.limits.deadline);
        let component =
            inner.instantiate(&mut store, call).map_err(|error| format!("{error:#}"))?;
        Ok(Warm { prepared: self.clone(), store, component, poisoned: false })
    }
}

impl Warm {
    /// As [`Prepared::evaluate`], on this instance. Its memory only grows, within the detector's
    /// limit for all calls together.
    pub fn evaluate(&mut self, call: &Call<'_>, deadline: Duration) -> Run {
        let PreparedInner { limits, .. } = &*self.prepared.0;
        let start = guest::thread_time();
        self.store.data_mut().restart(limits, call.time_ms, self.prepared.0.seed(call));
        guest::arm(&mut self.store, start, deadline.min(limits.deadline));
        let answer = v1::evaluate(&self.component, &mut self.store, call);
        self.poisoned |= answer.is_err();
        self.prepared.0.conclude(answer, self.store.data_mut(), start)
    }

    /// Whether a call was cut off by a trap, a deadline or a limit: such an instance only fails from
    /// then on, so make another.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}
