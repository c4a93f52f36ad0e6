//! Picket: a fresh instance for each call, as it serves, and one that is kept.

use std::time::Duration;

use anyhow::{Context, bail};
use picket::model::Outcome;
use picket::runtime::{Call, Limits, RawSignal, Run, Runtime, RuntimeOptions, Trust, Value};

use super::{Contestant, Found, made, timed};

/// What a Python wants that begins; see its README.
const DEADLINE: Duration = Duration::from_millis(100);

pub fn contestants(languages: &[String]) -> anyhow::Result<Vec<Contestant>> {
    let ceiling = Limits { deadline: DEADLINE, ..Limits::default() };
    let runtime = Runtime::new(&RuntimeOptions { ceiling, ..RuntimeOptions::default() })?;
    // Its clock stops with it, and a detector needs that to the end.
    let runtime: &Runtime = Box::leak(Box::new(runtime));
    let mut contestants = Vec::new();
    for language in languages {
        let file = made::detector(language)?;
        let fresh = runtime
            .load(&file, "{}", Trust::Bundled)
            .with_context(|| format!("loading the detector in {language}"))?;
        let mut kept = with_call("", |call| fresh.warm(call)).map_err(anyhow::Error::msg)?;
        contestants.push(Contestant::new(format!("Picket, {language}, fresh"), move |text| {
            let (nanos, run) = timed(|| with_call(text, |call| fresh.evaluate(call, DEADLINE)));
            Ok((nanos, found(run)?))
        })?);
        contestants.push(Contestant::new(format!("Picket, {language}, warm"), move |text| {
            let (nanos, run) = timed(|| with_call(text, |call| kept.evaluate(call, DEADLINE)));
            Ok((nanos, found(run)?))
        })?);
    }
    Ok(contestants)
}

fn with_call<T>(content: &str, work: impl FnOnce(&Call<'_>) -> T) -> T {
    let inputs = [Value::Text(content)];
    work(&Call { id: "e", kind: "message.sent", time_ms: 0, inputs: &inputs })
}

fn found(run: Run) -> anyhow::Result<Vec<Found>> {
    if run.outcome != Outcome::Ok {
        bail!("it fails ({}: {})", run.outcome, run.error.unwrap_or_default());
    }
    let found = |signal: RawSignal| Found {
        label: signal.label,
        score: signal.score,
        confidence: signal.confidence,
        reason: signal.reason,
        spans: signal.spans.iter().map(|it| (it.start as usize, it.end as usize)).collect(),
        entities: signal.entities.into_iter().map(|it| (it.kind, it.value)).collect(),
    };
    Ok(run.signals.into_iter().map(found).collect())
}
