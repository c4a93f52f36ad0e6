//! Whether a canary is still within its bounds.

use crate::model::{Bounds, Trial};

/// Which bound a canary has left, in a sentence; `None` while it is within all of them or there are
/// too few events to tell.
pub(super) fn breach(trial: &Trial, bounds: &Bounds) -> Option<String> {
    if trial.events < bounds.events_min.max(1) {
        return None;
    }
    let percent = |rate: f64| format!("{:.2} %", rate * 100.0);
    let events = trial.events;
    let above = |what: &str, rate: f64, max: f64| {
        (rate > max).then(|| {
            let (rate, max) = (percent(rate), percent(max));
            format!("{what} {rate} of {events} events, and {max} are allowed")
        })
    };
    above("it failed on", trial.failure_rate(), bounds.failure_rate_max)
        .or_else(|| above("it found something in", trial.fire_rate(), bounds.fire_rate_max))
        .or_else(|| {
            let (rate, min) = (trial.fire_rate(), bounds.fire_rate_min);
            (rate < min).then(|| {
                let (rate, min) = (percent(rate), percent(min));
                format!("it found something in {rate} of {events} events only, and at least {min} are expected")
            })
        })
        .or_else(|| {
            let max = bounds.mean_micros_max?;
            let mean = trial.mean_micros();
            (mean > max as f64).then(|| {
                format!("a run took {mean:.0} us on average over {events} events, and {max} us are allowed")
            })
        })
        .or_else(|| {
            let rate = trial.overturn_rate()?;
            (trial.ruled >= RULED_MIN && rate > bounds.overturn_rate_max).then(|| {
                let (rate, max) = (percent(rate), percent(bounds.overturn_rate_max));
                format!("of {} of its decisions that a person looked at {rate} were overturned, and {max} are allowed", trial.ruled)
            })
        })
}

/// Nothing is concluded from fewer rulings of people.
const RULED_MIN: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Stage, Timestamp};

    fn trial() -> Trial {
        Trial {
            stage: Stage::Canary,
            since: Timestamp::from_micros(0),
            events: 200,
            counted: 10,
            failures: 2,
            fired: 20,
            micros: 2_000,
            micros_max: 50,
            stricter: 0,
            milder: 0,
            retiered: 0,
            reviews_added: 0,
            reviews_spared: 0,
            ruled: 10,
            overturned: 3,
        }
    }

    #[test]
    fn each_bound_is_kept_up_to_its_number_and_named_beyond() {
        let bounds = Bounds { mean_micros_max: Some(10), ..Bounds::default() };
        assert_eq!(breach(&trial(), &bounds), None);
        let cases = [
            (Bounds { failure_rate_max: 0.009, ..bounds }, "it failed on 1.00 %"),
            (Bounds { fire_rate_max: 0.09, ..bounds }, "in 10.00 % of 200 events, and 9.00 %"),
            (Bounds { fire_rate_min: 0.11, ..bounds }, "at least 11.00 %"),
            (Bounds { mean_micros_max: Some(9), ..bounds }, "10 us on average"),
            (Bounds { overturn_rate_max: 0.29, ..bounds }, "30.00 % were overturned"),
        ];
        for (bounds, says) in cases {
            let said = breach(&trial(), &bounds).unwrap();
            assert!(said.contains(says), "{said}");
            // Too few to tell.
            assert_eq!(breach(&trial(), &Bounds { events_min: 201, ..bounds }), None);
        }
    }

    #[test]
    fn a_few_rulings_decide_nothing() {
        let few = Trial { ruled: 4, overturned: 4, ..trial() };
        assert_eq!(breach(&few, &Bounds::default()), None);
    }
}
