//! Simulation: history goes through a candidate policy, and candidate detectors where there are any, and what
//! would have been decided is held against what was, or against another policy. The pure steps of `ingest`
//! and strikes of its own; nothing here can write.
//!
//! `origin` brings events in the order in which they came, `plan` evaluates and judges them on all cores, and
//! `tally` counts in that order again. Invariant: the same input comes to the same report, whatever the number of
//! threads; what it cost is told beside it.

mod cost;
mod file;
mod labels;
mod ledger;
mod origin;
mod page;
mod past;
mod plan;
mod record;
pub mod report;
mod tally;

use std::io;
use std::sync::Arc;
use std::thread;

use serde::Serialize;
use thiserror::Error;

use crate::model::Timestamp;
use crate::policy::Policy;
use crate::store::StoreError;

use cost::Meter;
use origin::{Opened, Opener, Origin, Raw};
use plan::Weighed;
use tally::Tally;

pub use cost::{Cost, DetectorCost};
pub use file::Events;
pub use labels::Labels;
pub use page::html;
pub use past::Said;
pub use plan::{DetectorSaid, Plan};
pub use record::policies;
pub use report::Report;

/// A simulation that has not begun.
pub struct Simulation {
    origin: Origin,
    opener: Arc<Opener>,
    plan: Arc<Plan>,
    tally: Tally,
}

/// How much of it is wanted, and how.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// The share of the accounts, 0..=1, each with all that it did.
    pub share: f64,
    /// Examples of each kind of difference.
    pub examples: usize,
    /// Threads that evaluate and judge.
    pub threads: usize,
}

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulated {
    /// The same for the same input, to the byte.
    pub result: Report,
    /// What it took here.
    pub cost: Cost,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum SimulateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{place}: {detail}")]
    Input { place: String, detail: String },
    #[error("{place}: {source}")]
    Read {
        place: String,
        #[source]
        source: io::Error,
    },
    #[error("the simulation panicked; what is above says where")]
    Panicked,
}

impl Simulation {
    /// Runs it to the end. `told` hears how far it is, in whatever [`Simulation::length`] is given in.
    ///
    /// # Errors
    /// Input that cannot be read or is wrong, a database that does not answer.
    pub async fn run(
        self,
        effort: Effort,
        mut told: impl FnMut(u64),
    ) -> Result<Simulated, SimulateError> {
        let Self { mut origin, opener, plan, mut tally } = self;
        let mut meter = Meter::start(&plan, effort.threads);
        let mut batch = origin.next().await?;
        while let Some(raw) = batch {
            let (opener, weighing) = (Arc::clone(&opener), Arc::clone(&plan));
            let work = move || weigh(&opener, &weighing, raw, effort.threads);
            let (weighed, next) = tokio::join!(tokio::task::spawn_blocking(work), origin.next());
            for opened in weighed.map_err(|_| SimulateError::Panicked)? {
                match opened? {
                    Ok(weighed) => {
                        meter.count(&weighed);
                        tally.take(&plan, weighed, effort.examples);
                    }
                    Err(why) => tally.pass_over(why),
                }
            }
            told(origin.position());
            batch = next?;
        }
        let result = tally.report(&plan);
        let cost = meter.cost(result.history.events);
        Ok(Simulated { result, cost })
    }

    /// How long it is: decisions of the record, bytes of a file; `None` where nobody knows.
    pub fn length(&self) -> Option<u64> {
        self.origin.length()
    }
}

type Outcome = Result<Result<Weighed, origin::PassedOver>, SimulateError>;

/// Opens, evaluates and judges a batch on some threads. What comes back is in its order.
fn weigh(opener: &Opener, plan: &Plan, batch: Vec<Raw>, threads: usize) -> Vec<Outcome> {
    let each = |raw: Raw| -> Outcome {
        Ok(match opener.open(raw)? {
            Opened::Past(past) => Ok(plan.weigh(*past)),
            Opened::PassedOver(why) => Err(why),
        })
    };
    if threads <= 1 {
        return batch.into_iter().map(each).collect();
    }
    let size = batch.len().div_ceil(threads).max(1);
    let mut parts = Vec::with_capacity(threads);
    let mut rest = batch.into_iter();
    loop {
        let part: Vec<Raw> = rest.by_ref().take(size).collect();
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    thread::scope(|scope| {
        let running: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(|| part.into_iter().map(each).collect::<Vec<_>>()))
            .collect();
        let ended = running.into_iter().flat_map(|thread| {
            thread.join().unwrap_or_else(|_| vec![Err(SimulateError::Panicked)])
        });
        ended.collect()
    })
}

/// The names and lower bounds of a policy's tiers.
fn tiers(policy: &Policy) -> Vec<report::Bound> {
    let bound =
        |tier: &crate::policy::Tier| report::Bound { name: tier.name.clone(), from: tier.from };
    policy.tiers().iter().map(bound).collect()
}

/// A day, in UTC, as people write it.
fn day(number: i64) -> String {
    const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
    let at = Timestamp::from_micros(number.saturating_mul(DAY_MICROS)).to_string();
    at.split('T').next().unwrap_or_default().to_owned()
}
