//! One event on the evaluation threads. Most are evaluated and judged at once. Where rules ask about what
//! signals carry, that is read in between, for it is known when the detectors are done and not before; no
//! thread waits for it.

use std::sync::Arc;

use super::job::{Decided, Job};
use super::{IngestError, Parts};
use crate::engine;
use crate::model::Finding;

/// How far an event has come.
enum Come<T, F> {
    Done(T),
    /// Something has to be read before it can be judged.
    Asks {
        job: Arc<Job>,
        findings: Vec<Finding>,
        finish: F,
    },
}

/// Decides an event and finishes it there. `kept`: it is recorded, and so may be looked at again by the engine.
pub(super) async fn run<T, F>(
    parts: &Parts,
    mut job: Job,
    kept: bool,
    finish: F,
) -> Result<T, IngestError>
where
    T: Send + 'static,
    F: FnOnce(Decided) -> T + Send + 'static,
{
    let work = move |answer: engine::Answer<'_, Come<T, F>>| {
        job.begin();
        let job = Arc::new(job);
        let (findings, upkeep) = job.evaluate();
        let come = match job.asks(&findings).is_empty() {
            true => Come::Done(finish(job.judge(findings, &job.known))),
            false => Come::Asks { job: Arc::clone(&job), findings, finish },
        };
        let spare = answer.give(come);
        if kept {
            job.engine.look_after(upkeep, || spare.is_left());
        }
    };
    let (job, findings, finish) = match parts.pool.run(work).await? {
        Come::Done(done) => return Ok(done),
        Come::Asks { job, findings, finish } => (job, findings, finish),
    };
    let wanted = job.asks(&findings);
    let (event, at) = (&job.event, job.happened_at());
    let mut known = job.known.clone();
    known.extend(parts.features.accounts(&wanted, event, &findings, at, job.id).await);
    let work = move |answer: engine::Answer<'_, T>| {
        answer.give(finish(job.judge(findings, &known)));
    };
    Ok(parts.pool.run(work).await?)
}
