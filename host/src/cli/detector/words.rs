//! How the state of a version is worded.

use super::super::table::plain;
use crate::model::{Bounds, Canary, Isolation, Stage};
use crate::registry::DetectorStatus;

pub(super) use super::super::which::{Which, WhichVersion};
pub(super) use super::super::words::{percent, warn, why};

pub(super) fn source(source: &str) -> String {
    match source {
        "*" => "every source".to_owned(),
        source => plain(source),
    }
}

/// A stage, with the share of a canary.
pub(super) fn stage(stage: Stage, canary: Option<&Canary>) -> String {
    match canary {
        Some(canary) => format!("{stage} {}", percent(canary.share)),
        None => stage.to_string(),
    }
}

/// What an operator granted a version beyond a fresh instance for each event.
pub(super) fn isolation(status: &DetectorStatus) -> Option<&'static str> {
    let warm = "warm: an instance is kept from event to event, by the operator's word";
    (status.isolation == Some(Isolation::Warm)).then_some(warm)
}

/// What takes a canary back to shadow, in a line.
pub(super) fn bounds(bounds: &Bounds) -> String {
    let mut each = Vec::new();
    let mut add = |is: bool, what: String| each.extend(is.then_some(what));
    let (failures, overturned) = (bounds.failure_rate_max, bounds.overturn_rate_max);
    let (least, most) = (bounds.fire_rate_min, bounds.fire_rate_max);
    add(failures < 1.0, format!("more than {} of its runs fail", percent(failures)));
    add(least > 0.0, format!("it finds something in less than {}", percent(least)));
    add(most < 1.0, format!("it finds something in more than {}", percent(most)));
    add(
        overturned < 1.0,
        format!("more than {} of its decisions are overturned", percent(overturned)),
    );
    if let Some(micros) = bounds.mean_micros_max {
        add(true, format!("a run takes more than {micros} us on average"));
    }
    match each.is_empty() {
        true => "nothing takes it back to shadow by itself: it has no bounds".to_owned(),
        false => format!(
            "back to shadow by itself after {} events where {}",
            bounds.events_min,
            each.join(", or ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_say_what_they_do() {
        let usual = bounds(&Bounds::default());
        assert!(
            usual.starts_with("back to shadow by itself after 100 events where more than 1%"),
            "{usual}"
        );
        assert!(usual.ends_with("more than 30% of its decisions are overturned"), "{usual}");
        let none = Bounds { failure_rate_max: 1.0, overturn_rate_max: 1.0, ..Bounds::default() };
        assert!(bounds(&none).contains("it has no bounds"));
        let cost = bounds(&Bounds { mean_micros_max: Some(80), ..none });
        assert!(cost.ends_with("where a run takes more than 80 us on average"), "{cost}");
    }
}
