//! The evaluation threads: as many as there are cores, never the async workers.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Sender, TrySendError, bounded};
use thiserror::Error;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The threads and the bounded queue before them.
pub struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

/// Why work was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PoolError {
    /// The queue is full: the caller should try again a little later.
    #[error("every evaluation thread is busy and the queue is full")]
    Busy,
    #[error("the work panicked; the log says where")]
    Panicked,
}

impl Pool {
    /// Starts one thread per core.
    ///
    /// # Errors
    /// Where the operating system refuses a thread.
    pub fn start(queue_max: usize) -> std::io::Result<Self> {
        let (jobs, queue) = bounded::<Job>(queue_max);
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = (0..cores).map(|number| {
            let queue = queue.clone();
            thread::Builder::new().name(format!("picket-eval-{number}")).spawn(move || {
                for job in queue {
                    // A panic drops the answer's sender, so the caller learns; the thread goes on.
                    if catch_unwind(AssertUnwindSafe(job)).is_err() {
                        tracing::error!("an evaluation panicked");
                    }
                }
            })
        });
        Ok(Self { jobs: Some(jobs), threads: threads.collect::<std::io::Result<_>>()? })
    }

    /// Runs `work` on one of the threads.
    ///
    /// # Errors
    /// [`PoolError::Busy`] at once where the queue is full.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            // Who asked may have gone; the work was bounded all the same.
            let _ = answer.send(work());
        });
        let jobs = self.jobs.as_ref().expect("the queue lives as long as the pool");
        jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => PoolError::Busy,
        })?;
        answered.await.map_err(|_| PoolError::Panicked)
    }

    /// Events that wait for a thread.
    pub fn queue_depth(&self) -> usize {
        self.jobs.as_ref().map_or(0, Sender::len)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[tokio::test]
    async fn a_panic_is_told_and_the_threads_go_on() {
        let pool = Pool::start(8).unwrap();
        for _ in 0..2 * pool.threads.len() {
            assert_eq!(pool.run(|| panic!("on purpose")).await, Err::<(), _>(PoolError::Panicked));
        }
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_full_queue_says_so_at_once_and_work_goes_on() {
        let pool = Arc::new(Pool::start(1).unwrap());
        let cores = pool.threads.len();
        let (running, release) =
            (Arc::new(Barrier::new(cores + 1)), Arc::new(Barrier::new(cores + 1)));
        let mut held = Vec::new();
        for _ in 0..cores {
            let (pool, running, release) = (pool.clone(), running.clone(), release.clone());
            held.push(tokio::spawn(async move {
                loop {
                    let (running, release) = (running.clone(), release.clone());
                    let work = move || {
                        running.wait();
                        release.wait();
                    };
                    if pool.run(work).await.is_ok() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }));
        }
        tokio::task::spawn_blocking(move || running.wait()).await.unwrap();
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.run(|| 7).await }
        });
        while pool.queue_depth() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| 8).await, Err(PoolError::Busy));
        tokio::task::spawn_blocking(move || release.wait()).await.unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
        for one in held {
            one.await.unwrap();
        }
    }
}
