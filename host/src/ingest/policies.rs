//! The policies of a source on one event: what each hears of the findings, and what those on trial say of
//! the same findings beside the active one. Nothing is evaluated twice.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Given, IngestError};
use crate::model::{Event, Finding, PolicyRun, PolicyTurn, Said};
use crate::policy::{Policy, Verdict};
use crate::registry::{LivePolicy, Snapshot};

/// The policy that decides: the canary of the source for its share of the subjects.
pub(super) fn speaks_for(
    snapshot: &Snapshot,
    event: &Event,
) -> Result<Arc<LivePolicy>, IngestError> {
    let judges = snapshot.judges(&event.source).ok_or_else(|| IngestError::UnknownSource {
        source_name: event.source.clone(),
        known: snapshot.sources().collect::<Vec<_>>().join(", "),
    })?;
    Ok(Arc::clone(judges.of(&event.subject)))
}

/// The findings as a policy hears them: with one for each detector that it requires and that is not loaded.
pub(super) fn heard(
    policy: &Policy,
    snapshot: &Snapshot,
    source: &str,
    mut findings: Vec<Finding>,
) -> Vec<Finding> {
    findings.extend(absent(policy, snapshot, source).map(Finding::absent));
    findings.sort_by(|a, b| a.detector.cmp(&b.detector));
    findings
}

fn absent<'a>(
    policy: &'a Policy,
    snapshot: &'a Snapshot,
    source: &'a str,
) -> impl Iterator<Item = &'a str> {
    policy.requires().iter().map(String::as_str).filter(move |name| !snapshot.has(source, name))
}

/// One run for each policy on trial of the event's source. `findings` are as the one heard them that
/// decided, and `verdict` is what it said.
pub(super) fn trials(
    snapshot: &Snapshot,
    given: &Given<'_>,
    decided: &LivePolicy,
    findings: &[Finding],
    verdict: &Verdict,
) -> Vec<PolicyRun> {
    let (event, facts) = (given.event, given.facts());
    let Some(judges) = snapshot.judges(&event.source) else { return Vec::new() };
    if judges.on_trial().is_empty() {
        return Vec::new();
    }
    let says = |live: &LivePolicy| match live.deployment == decided.deployment {
        true => Cow::Borrowed(verdict),
        false => {
            let findings = as_heard_by(&live.policy, snapshot, &event.source, findings);
            Cow::Owned(live.policy.judge(event, &facts, &findings))
        }
    };
    let active = judges.active();
    let without = says(active);
    let concerned = |live: &&LivePolicy| {
        [&live.policy, &active.policy].iter().any(|policy| policy.judges(&event.kind))
    };
    let runs = judges.on_trial().iter().map(|live| &**live).filter(concerned).map(|live| {
        let with = says(live);
        let direction = without.direction_to(&with);
        PolicyRun {
            deployment: live.deployment,
            stage: live.stage,
            against: active.deployment,
            decided: live.deployment == decided.deployment,
            review: with.review,
            difference: direction.map(|direction| PolicyTurn {
                direction,
                without: said(&without),
                with: said(&with),
            }),
        }
    });
    runs.collect()
}

/// The findings of another policy, as this one hears them. They are the same but for what each requires.
fn as_heard_by<'a>(
    policy: &Policy,
    snapshot: &Snapshot,
    source: &str,
    findings: &'a [Finding],
) -> Cow<'a, [Finding]> {
    // What is not loaded stands nowhere.
    let is_absent = |finding: &&Finding| finding.stage.is_none();
    let others = findings.iter().filter(is_absent).map(|finding| &*finding.detector);
    let mut own: Vec<&str> = absent(policy, snapshot, source).collect();
    own.sort_unstable();
    if others.eq(own.iter().copied()) {
        return Cow::Borrowed(findings);
    }
    let found = findings.iter().filter(|finding| !is_absent(finding)).cloned().collect();
    Cow::Owned(heard(policy, snapshot, source, found))
}

fn said(verdict: &Verdict) -> Said {
    Said {
        score: verdict.score,
        tier: verdict.tier.clone(),
        action: verdict.strongest().0,
        review: verdict.review,
        case: verdict.case.clone(),
    }
}
