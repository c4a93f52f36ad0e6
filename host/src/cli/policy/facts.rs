//! What somebody says is known beyond an event and what was found in it: features, how the account stands, and
//! how many accounts had the same. What is not given is as if nothing had happened before.

use std::collections::BTreeMap;

use anyhow::bail;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::cli::known::read;
use crate::model::{Account, Event, Finding, Input, Known, Told};
use crate::policy::Policy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFacts {
    /// By the name of the feature; `null`: nothing is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    features: BTreeMap<String, Json>,
    #[serde(default, skip_serializing_if = "is_nobody")]
    pub subject: Account,
    /// By label: how many accounts had what its signals carry, this one included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accounts: BTreeMap<String, u32>,
}

fn is_nobody(account: &Account) -> bool {
    *account == Account::NOBODY
}

impl WrittenFacts {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a policy asks for what is given.
    pub fn is_for(&self, policy: &Policy) -> anyhow::Result<()> {
        let names: Vec<&str> = policy.features().iter().map(|it| it.name.as_str()).collect();
        for (name, value) in &self.features {
            let Some(feature) = policy.features().iter().find(|it| it.name == *name) else {
                let near = names.iter().min_by_key(|known| strsim::osa_distance(name, known));
                let mend = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "it has no features".to_owned(),
                };
                bail!("the policy {} has no feature `{name}`: {mend}", policy.name());
            };
            if !value.is_null() && read(&feature.input, value).is_none() {
                bail!("the feature `{name}` cannot be {value}");
            }
        }
        let asked: Vec<&str> = policy.asks().iter().filter_map(Input::entities).collect();
        if let Some(label) = self.accounts.keys().find(|label| !asked.contains(&label.as_str())) {
            bail!(
                "no rule of the policy {} asks for accounts(\"{label}\", ...); asked for are: {}",
                policy.name(),
                asked.join(", ")
            );
        }
        Ok(())
    }

    /// What is known of what a policy asks.
    pub fn known(&self, policy: &Policy, event: &Event, findings: &[Finding]) -> Known {
        let mut known = Known::default();
        for feature in policy.features() {
            let is = match self.features.get(&feature.name) {
                Some(value) => read(&feature.input, value).unwrap_or(Told::Absent),
                None => match has_whom(event, &feature.input) {
                    true => Told::of_nothing(&feature.input),
                    false => Told::Absent,
                },
            };
            known.tell(&feature.input, is);
        }
        for input in policy.asks() {
            let Some(label) = input.entities() else { continue };
            let carries = findings.iter().flat_map(|finding| &finding.signals);
            let carried =
                carries.into_iter().any(|it| it.label == label && !it.entities.is_empty());
            let count = self.accounts.get(label).copied().unwrap_or(u32::from(carried));
            known.tell(input, Told::Integer(i64::from(count)));
        }
        known
    }
}

/// Whether an event says whose past a feature is about.
fn has_whom(event: &Event, input: &Input) -> bool {
    input.past().is_some_and(|past| event.field(past.by).is_some())
}
