//! Simulation: history goes through a candidate policy, and candidate detectors where there are any, and what
//! would have been decided is held against what was, or against another policy. The pure steps of `ingest`
//! and strikes of its own; nothing here can write.
//!
//! `origin` brings events in the order in which they came, `told` says what each knows of those before it, `plan`
//! evaluates and judges them on all cores, and `tally` counts in that order again; where rules ask what came of earlier
//! decisions, they are judged there (`course`). Invariant: the same input comes to the same report, whatever the number of
//! threads; what it cost is told beside it.

mod conduct;
mod cost;
mod course;
mod file;
mod labels;
mod ledger;
mod origin;
mod page;
mod past;
mod plan;
mod record;
mod remembered;
pub mod report;
mod tally;
mod told;

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
use told::Teller;

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
    teller: Teller,
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
    #[error(
        "too much would have to be remembered at once, most of it for `{most}`: simulate a part of the accounts with \
         --sample, or let the policy look back less far"
    )]
    TooMuch { most: String },
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
        let Self { mut origin, opener, plan, mut teller, mut tally } = self;
        let mut meter = Meter::start(&plan, effort.threads);
        let mut batch = origin.next().await?;
        while let Some(raw) = batch {
            let (opener, weighing) = (Arc::clone(&opener), Arc::clone(&plan));
            let work = move || {
                let weighed = weigh(&opener, &weighing, &mut teller, raw, effort.threads);
                (teller, weighed)
            };
            let (done, next) = tokio::join!(tokio::task::spawn_blocking(work), origin.next());
            let weighed;
            (teller, weighed) = done.map_err(|_| SimulateError::Panicked)?;
            for weighed in weighed? {
                match weighed {
                    Ok(weighed) => {
                        meter.count(&weighed);
                        tally.take(&plan, weighed, effort.examples)?;
                    }
                    Err(why) => tally.pass_over(why),
                }
            }
            told(origin.position());
            batch = next?;
        }
        let result = tally.report(&plan, teller.ended());
        let cost = meter.cost(result.history.events);
        Ok(Simulated { result, cost })
    }

    /// How long it is: decisions of the record, bytes of a file; `None` where nobody knows.
    pub fn length(&self) -> Option<u64> {
        self.origin.length()
    }
}

/// Opens, tells, evaluates and judges a batch, on some threads but for the telling. What comes back is in its order.
fn weigh(
    opener: &Opener,
    plan: &Plan,
    teller: &mut Teller,
    batch: Vec<Raw>,
    threads: usize,
) -> Result<Vec<Result<Weighed, origin::PassedOver>>, SimulateError> {
    let opened = on_threads(batch, threads, &|raw| opener.open(raw))?;
    let mut told = Vec::with_capacity(opened.len());
    for opened in opened {
        told.push(match opened? {
            Opened::Past(mut past) => {
                teller.tell(&mut past)?;
                Ok(past)
            }
            Opened::PassedOver(why) => Err(why),
        });
    }
    on_threads(told, threads, &|past: Result<Box<past::Past>, _>| past.map(|it| plan.weigh(*it)))
}

/// Does something to each, a part of them on each thread. What comes back is in their order.
fn on_threads<T: Send, U: Send>(
    each: Vec<T>,
    threads: usize,
    work: &(impl Fn(T) -> U + Sync),
) -> Result<Vec<U>, SimulateError> {
    if threads <= 1 {
        return Ok(each.into_iter().map(work).collect());
    }
    let size = each.len().div_ceil(threads).max(1);
    let mut parts = Vec::with_capacity(threads);
    let mut rest = each.into_iter();
    loop {
        let part: Vec<T> = rest.by_ref().take(size).collect();
        if part.is_empty() {
            break;
        }
        parts.push(part);
    }
    thread::scope(|scope| {
        let running: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(|| part.into_iter().map(work).collect::<Vec<U>>()))
            .collect();
        let mut done = Vec::new();
        for thread in running {
            done.extend(thread.join().map_err(|_| SimulateError::Panicked)?);
        }
        Ok(done)
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
