//! What a simulation took on this machine: the part of the result that is another one every time.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::plan::{DetectorSaid, Plan, Weighed};

/// What it took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    pub threads: usize,
    pub wall_s: f64,
    /// Processor time of the whole program, loading detectors aside.
    pub cpu_s: f64,
    /// Per second of processor time.
    pub events_per_s_core: f64,
    /// Of each detector that was run.
    pub detectors: Vec<DetectorCost>,
}

/// Processor time of a detector's runs, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectorCost {
    #[serde(flatten)]
    pub detector: DetectorSaid,
    pub runs: u64,
    pub micros_mean: f64,
    pub micros_p50: u64,
    pub micros_p99: u64,
    pub micros_max: u64,
    /// Runs that took longer than the deadline that a server would have kept.
    pub late: u64,
}

/// Measures.
pub(super) struct Meter {
    threads: usize,
    begun: Instant,
    cpu: Duration,
    detectors: Vec<(DetectorSaid, Duration, Histogram<u64>, u64)>,
}

impl Meter {
    pub fn start(plan: &Plan, threads: usize) -> Self {
        let detectors = plan.detectors.iter().map(|runner| {
            // Grows as it must: from 1 µs to the patience of a run.
            let micros = Histogram::new(3).expect("three digits are within what it can do");
            (runner.said.clone(), runner.deadline, micros, 0)
        });
        Self {
            threads,
            begun: Instant::now(),
            cpu: processor_time(),
            detectors: detectors.collect(),
        }
    }

    pub fn count(&mut self, weighed: &Weighed) {
        for ((_, deadline, micros, late), run) in self.detectors.iter_mut().zip(&weighed.runs) {
            let Some(run) = run else { continue };
            micros.saturating_record(run.micros);
            *late += u64::from(Duration::from_micros(run.micros) > *deadline);
        }
    }

    pub fn cost(self, events: u64) -> Cost {
        let cpu_s = processor_time().saturating_sub(self.cpu).as_secs_f64();
        let detectors =
            self.detectors.into_iter().map(|(detector, _, micros, late)| DetectorCost {
                detector,
                runs: micros.len(),
                micros_mean: micros.mean(),
                micros_p50: micros.value_at_quantile(0.5),
                micros_p99: micros.value_at_quantile(0.99),
                micros_max: micros.max(),
                late,
            });
        Cost {
            threads: self.threads,
            wall_s: self.begun.elapsed().as_secs_f64(),
            cpu_s,
            events_per_s_core: if cpu_s > 0.0 { events as f64 / cpu_s } else { 0.0 },
            detectors: detectors.collect(),
        }
    }
}

/// Of the whole program.
fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}
