//! Earlier events of which detectors were told: a decision refers to them, and a replay opens them again.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value as Json;

use super::{Lack, Missing};
use crate::features::text_of;
use crate::model::{DecisionId, Digest, Event, Input, Known};
use crate::store::Referred;

/// An earlier event, and the digest of its document.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    pub event: Event,
    pub digest: Digest,
}

impl From<Referred> for Earlier {
    fn from(referred: Referred) -> Self {
        Self { digest: Digest::of(&referred.json), event: referred.event }
    }
}

/// The decisions whose events a decision refers to, by what it was made from. Where that does not read back,
/// the replay says so.
pub(super) fn wanted(basis: &Json) -> BTreeSet<DecisionId> {
    let known: Known = serde_json::from_value(basis["known"].clone()).unwrap_or_default();
    known.recalled().map(|(_, recalled)| recalled.decision).collect()
}

/// What detectors were told, with its texts again.
#[derive(Debug, Default)]
pub(super) struct Retold {
    pub known: Known,
    /// Inputs whose texts are not all here, and why.
    pub lacking: Vec<(Input, Missing)>,
    /// Of each earlier event: as it was, and as it is here.
    pub digests: (Vec<Digest>, Vec<Digest>),
}

/// Opens what was referred to.
pub(super) fn retell(
    mut known: Known,
    earlier: &HashMap<DecisionId, Result<Earlier, Missing>>,
) -> Retold {
    let (mut lacking, mut digests) = (Vec::new(), (Vec::new(), Vec::new()));
    for (input, recalled) in known.recalled_mut() {
        let id = recalled.decision;
        match earlier.get(&id) {
            Some(Ok(Earlier { event, digest })) => {
                digests.0.push(recalled.event);
                digests.1.push(*digest);
                recalled.event_id.clone_from(&event.id);
                recalled.text = text_of(input, event).unwrap_or_default().to_owned();
            }
            Some(Err(missing)) => lacking.push((input.clone(), missing.clone())),
            None => {
                let detail = format!(
                    "the event of the decision {id}, of which a detector was told, is not here"
                );
                lacking.push((input.clone(), Missing::new(Lack::Event, detail)));
            }
        }
    }
    Retold { known, lacking, digests }
}
