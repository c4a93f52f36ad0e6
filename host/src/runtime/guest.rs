//! What the host holds for one running instance, and how long that may run.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, Store, UpdateDeadline};

use super::limits::{Limiter, Limits};
use super::wasi::Wasi;
pub(super) use crate::model::LogLevel as Level;

/// The state of one store: the budgets of one instance.
pub(super) struct Guest {
    pub limiter: Limiter,
    pub log: Log,
    pub wasi: Option<Box<Wasi>>,
    /// On the thread's processor clock: what is answered later is not believed.
    end: Duration,
}

impl Guest {
    /// Whether its time is up by the clock, also where it was not looked at in time to be stopped.
    pub fn is_late(&self) -> bool {
        thread_time() > self.end
    }

    /// Begins another call on the same instance: what a call may use is whole again, what the
    /// instance has grown to stays counted.
    pub fn restart(&mut self, limits: &Limits, time_ms: i64, seed: [u8; 32]) {
        self.log = Log::new(limits);
        self.limiter.denied = false;
        if let Some(wasi) = &mut self.wasi {
            wasi.restart(time_ms, seed);
        }
    }
}

/// What a guest wrote, within its budget.
pub(super) struct Log {
    pub lines: Vec<(Level, String)>,
    lines_left: usize,
    bytes_left: usize,
}

impl Log {
    fn new(limits: &Limits) -> Self {
        Self { lines: Vec::new(), lines_left: limits.log_lines, bytes_left: limits.log_bytes }
    }

    /// Keeps the line, or as much of it as fits. What is over budget is dropped silently: the
    /// detector must not be able to tell.
    pub fn write(&mut self, level: Level, message: &str) {
        if self.lines_left == 0 || self.bytes_left == 0 {
            return;
        }
        let mut end = message.len().min(self.bytes_left);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.lines_left -= 1;
        self.bytes_left -= end;
        self.lines.push((level, message[..end].to_owned()));
    }

    /// The last thing that the guest called an error, such as the message of a panic.
    pub fn last_error(&self) -> Option<&str> {
        let mut errors = self.lines.iter().rev().filter(|(level, _)| *level == Level::Error);
        errors.next().map(|(_, message)| message.as_str())
    }
}

/// A time limit was reached.
#[derive(Debug, thiserror::Error)]
#[error("ran out of time")]
pub(super) struct OutOfTime;

/// A store for one instance, with every budget set. [`arm`] starts the clock.
///
/// Time is the processor time of this thread: a guest cannot wait, so that is what it uses, and on
/// a busy machine a detector is not blamed for the time that others took.
pub(super) fn store(engine: &Engine, limits: &Limits, wasi: Option<Wasi>) -> Store<Guest> {
    let guest = Guest {
        limiter: Limiter::new(limits),
        log: Log::new(limits),
        wasi: wasi.map(Box::new),
        end: Duration::ZERO,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.limiter);
    store.set_hostcall_fuel(limits.output_bytes);
    store
}

/// Starts the clock anew, at `now`: before every entry, instantiation included.
///
/// It is looked at with every tick. Ticks say nothing of how much time has passed: where the machine is
/// busy, ten of them may take fifty milliseconds.
pub(super) fn arm(store: &mut Store<Guest>, now: Duration, deadline: Duration) {
    let end = now + deadline;
    store.data_mut().end = end;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| match thread_time() < end {
        true => Ok(UpdateDeadline::Continue(1)),
        false => Err(OutOfTime.into()),
    });
}

/// Processor time that this thread has used.
pub(super) fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use wasmtime::{Instance, Module};

    use super::*;

    #[test]
    fn one_tick_after_its_end_it_is_out_of_time() {
        let engine = crate::runtime::engine::scratch().unwrap();
        let module = wat::parse_str(r#"(module (func (export "f") (loop (br 0))))"#).unwrap();
        let module = Module::from_binary(&engine, &module).unwrap();
        let mut store = store(&engine, &Limits::default(), None);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let function = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
        let (now, deadline) = (thread_time(), Duration::from_millis(3));
        arm(&mut store, now, deadline);
        while thread_time() < now + deadline {}
        engine.increment_epoch();
        let error = function.call(&mut store, ()).unwrap_err();
        assert!(error.is::<OutOfTime>(), "{error:#}");
    }
}
