//! What a decision was made from, beyond the event and what it says itself: what a replay needs.
//! Stored sealed beside the decision.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{Account, Decision, Finding, Input, Isolation, Known, Standing, Timestamp};
use crate::policy::Step;
use crate::registry::{LiveDetector, Subscribed};
use crate::runtime::Limits;

/// What a decision was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Basis<'a> {
    /// What each detector was told, by reference into the event.
    pub inputs: Vec<(Cow<'a, str>, Cow<'a, [Input]>)>,
    /// What they were told beyond the event: values as they were read, texts of other events by reference.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub known: Cow<'a, Known>,
    /// How the subject stood as far as rules ask, when it was judged.
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub account: Cow<'a, Account>,
    /// The arithmetic of the score.
    pub trace: Vec<Step>,
    /// How the subject stood; `None` where that made no difference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stood: Option<Stood>,
    /// What no run had more of. Each had of this what its manifest asks for.
    pub ceiling: Limits,
    /// Runs that were otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<Otherwise>,
    /// The commitments of all entities, in the order of the decision's signals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Cow<'a, str>>,
}

/// How a subject stood, and at which moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stood {
    pub at: Timestamp,
    pub standing: Standing,
}

/// How a run was otherwise, by the operator's word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Otherwise {
    /// Which of the decision's findings.
    pub finding: usize,
    /// In a kept instance.
    #[serde(default)]
    pub isolation: Isolation,
    /// `None`: under the ceiling and its manifest alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

impl<'a> Basis<'a> {
    /// Of a decision by the detectors that saw its event.
    pub(super) fn new(
        decision: &'a Decision,
        trace: Vec<Step>,
        seen: &[Subscribed<'a>],
        ceiling: &Limits,
        known: &'a Known,
        account: &'a Account,
    ) -> Self {
        let manifests = seen.iter().map(|subscribed| subscribed.live.prepared.manifest());
        let entities = decision.signals.iter().flat_map(|signal| &signal.entities);
        let numbered = decision.findings.iter().enumerate();
        Self {
            inputs: manifests
                .map(|manifest| {
                    (Cow::from(&*manifest.name), Cow::Borrowed(manifest.inputs.as_slice()))
                })
                .collect(),
            known: Cow::Borrowed(known),
            account: Cow::Borrowed(account),
            trace,
            stood: None,
            ceiling: *ceiling,
            otherwise: numbered
                .filter_map(|(number, finding)| {
                    let subscribed = seen.iter().find(|it| is_of(finding, it.live))?;
                    otherwise(number, subscribed.live, ceiling)
                })
                .collect(),
            entities: entities.map(|entity| Cow::from(&*entity.commitment)).collect(),
        }
    }
}

#[allow(clippy::ptr_arg, reason = "serde passes the field as it is")]
fn is_nothing(known: &Cow<'_, Known>) -> bool {
    known.is_empty()
}

#[allow(clippy::ptr_arg, reason = "serde passes the field as it is")]
fn is_nobody(account: &Cow<'_, Account>) -> bool {
    **account == Account::NOBODY
}

fn otherwise(finding: usize, live: &LiveDetector, ceiling: &Limits) -> Option<Otherwise> {
    let limits = *live.prepared.limits();
    let usual = limits == ceiling.within(&live.prepared.manifest().budget);
    let fresh = live.isolation == Isolation::Fresh;
    (!usual || !fresh).then(|| Otherwise {
        finding,
        isolation: live.isolation,
        limits: (!usual).then_some(limits),
    })
}

/// Whether a finding is of a version as it stands.
pub(super) fn is_of(finding: &Finding, live: &LiveDetector) -> bool {
    finding.stage == Some(live.stage)
        && finding.digest == Some(live.prepared.digest())
        && finding.settings_digest == Some(live.prepared.settings_digest())
}
