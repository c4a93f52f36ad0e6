//! What a version on trial would have changed: the same event judged with it and without it.

use crate::model::{Difference, Finding, Outcome, Signal, Stage, TrialRun};
use crate::policy::{Policy, Verdict};
use crate::registry::Subscribed;

use super::basis::is_of;
use super::conclude::Given;

/// One run for each version on trial that saw this event. `verdict` is what was decided.
pub(super) fn trials(
    policy: &Policy,
    given: &Given<'_>,
    seen: &[Subscribed<'_>],
    findings: &[Finding],
    verdict: &Verdict,
) -> Vec<TrialRun> {
    let on_trial = seen.iter().filter(|subscribed| subscribed.live.stage.is_trial());
    on_trial
        .filter_map(|subscribed| {
            let at = findings.iter().position(|finding| is_of(finding, subscribed.live))?;
            let candidate = &findings[at];
            if candidate.outcome == Outcome::Skipped {
                return None;
            }
            let other = |finding: &&Finding| {
                finding.detector == candidate.detector
                    && match candidate.counted {
                        // What would count if it did not.
                        true => finding.stage == Some(Stage::Active),
                        false => finding.counted,
                    }
            };
            let incumbent = findings.iter().find(other);
            let difference = match incumbent.is_some_and(|incumbent| alike(incumbent, candidate)) {
                true => None,
                false => {
                    let says = if candidate.counted { incumbent } else { Some(candidate) };
                    let turned = turn(findings, &candidate.detector, says);
                    let turned = policy.judge(given.event, &given.facts(), &turned);
                    match candidate.counted {
                        true => difference(&turned, verdict),
                        false => difference(verdict, &turned),
                    }
                }
            };
            Some(TrialRun {
                deployment: subscribed.live.deployment,
                stage: subscribed.live.stage,
                counted: candidate.counted,
                failed: candidate.outcome != Outcome::Ok,
                fired: !candidate.signals.is_empty(),
                micros: candidate.micros,
                difference,
            })
        })
        .collect()
}

/// The findings with another version of a detector having its say.
fn turn(findings: &[Finding], detector: &str, says: Option<&Finding>) -> Vec<Finding> {
    let mut turned = findings.to_vec();
    for (finding, was) in turned.iter_mut().zip(findings) {
        if finding.detector == detector {
            finding.counted = says.is_some_and(|says| std::ptr::eq(says, was));
        }
    }
    turned
}

/// Whether a policy cannot tell two findings apart.
fn alike(a: &Finding, b: &Finding) -> bool {
    let says = |signal: &Signal| {
        (signal.label.clone(), signal.score.to_bits(), signal.confidence.to_bits())
    };
    let both = a.signals.iter().map(says).eq(b.signals.iter().map(says));
    a.outcome == Outcome::Ok && b.outcome == Outcome::Ok && both
}

fn difference(without: &Verdict, with: &Verdict) -> Option<Difference> {
    let direction = without.direction_to(with)?;
    let (before, after) = (without.strongest().0, with.strongest().0);
    Some(Difference {
        direction,
        without: before,
        with: after,
        reviews: (without.review, with.review),
    })
}
