//! The evaluation threads: as many as there are cores, never the async workers.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use thiserror::Error;
use tokio::sync::oneshot;

/// While more events than this wait for a thread, no thread does what nobody waits for.
const WAITING_MAX: usize = 16;

struct Job(Box<dyn FnOnce(&Spare<'_>) + Send>);

/// Where a job leaves its answer. What it does after that, nobody waits for.
pub struct Answer<'a, T> {
    to: oneshot::Sender<T>,
    spare: &'a Spare<'a>,
}

/// What is left of a thread's time.
pub struct Spare<'a> {
    queue: &'a Receiver<Job>,
}

impl<'a, T> Answer<'a, T> {
    /// Sends the answer off.
    pub fn give(self, answer: T) -> &'a Spare<'a> {
        // Who asked may have gone; the work was bounded all the same.
        let _ = self.to.send(answer);
        self.spare
    }
}

impl Spare<'_> {
    /// Whether there is any: few events wait. What is begun must be short, for the next one may come.
    pub fn is_left(&self) -> bool {
        self.queue.len() <= WAITING_MAX
    }
}

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
                for Job(job) in &queue {
                    // A panic drops the answer's sender, so the caller learns; the thread goes on.
                    let work = || job(&Spare { queue: &queue });
                    if catch_unwind(AssertUnwindSafe(work)).is_err() {
                        tracing::error!("an evaluation panicked");
                    }
                }
            })
        });
        Ok(Self { jobs: Some(jobs), threads: threads.collect::<std::io::Result<_>>()? })
    }

    /// Runs `work` on one of the threads, until it gives its answer; it may go on after that.
    ///
    /// # Errors
    /// [`PoolError::Busy`] at once where the queue is full.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(Answer<'_, T>) + Send + 'static,
    ) -> Result<T, PoolError> {
        let (to, answered) = oneshot::channel();
        let job = Job(Box::new(move |spare| work(Answer { to, spare })));
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
            let panics = pool.run(|_: Answer<'_, ()>| panic!("on purpose"));
            assert_eq!(panics.await, Err(PoolError::Panicked));
        }
        assert_eq!(pool.run(seven).await, Ok(7));
    }

    fn seven(answer: Answer<'_, u32>) {
        answer.give(7);
    }

    #[tokio::test]
    async fn what_a_job_does_after_its_answer_is_waited_for_by_nobody() {
        let pool = Pool::start(64).unwrap();
        let cores = pool.threads.len();
        let release = Arc::new(Barrier::new(cores + 1));
        let (told, spare) = std::sync::mpsc::channel();
        for _ in 0..cores {
            let (release, told) = (Arc::clone(&release), told.clone());
            let answered = pool.run(move |answer| {
                let spare = answer.give(7);
                // The answer is there, and this goes on until the test has seen that.
                told.send(spare.is_left()).unwrap();
                release.wait();
                told.send(spare.is_left()).unwrap();
            });
            assert_eq!(answered.await, Ok(7));
        }
        assert!((0..cores).all(|_| spare.recv().unwrap()), "nobody waits");
        // More wait than may: then there is no time to spare.
        let waiting = futures::future::join_all((0..=WAITING_MAX).map(|_| pool.run(seven)));
        let mut waiting = std::pin::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!(pool.queue_depth(), WAITING_MAX + 1);
        release.wait();
        assert_eq!(waiting.await, vec![Ok(7); WAITING_MAX + 1]);
        assert!((0..cores).any(|_| !spare.recv().unwrap()));
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
                    let work = move |answer: Answer<'_, ()>| {
                        running.wait();
                        release.wait();
                        answer.give(());
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
            async move { pool.run(seven).await }
        });
        while pool.queue_depth() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(seven).await, Err(PoolError::Busy));
        tokio::task::spawn_blocking(move || release.wait()).await.unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
        for one in held {
            one.await.unwrap();
        }
    }
}
