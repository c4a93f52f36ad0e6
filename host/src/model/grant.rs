//! What the operator says about detectors: what they may read and say, and what they may use.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::manifest::Budget;
use super::{Input, Isolation, Manifest, TypePattern};

/// The operator's tables by detector; `*` speaks for those that have no word of their own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DetectorRules(BTreeMap<String, DetectorRule>);

/// One table, `[detectors.NAME]`. What is not written in it is as `[detectors."*"]` says, and what
/// is not written there either is not limited.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorRule {
    /// Event types that it may see, such as `message.*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<TypePattern>>,
    /// Fields of the event that it may read, such as `data.content` or `data.*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    /// Beginnings of the labels that it may give, such as `contact.`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Lists of policies that it may ask about, such as `known_phones` or `known_*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lists: Option<Vec<String>>,
    /// What it may be told of the past, such as `count by subject` or `recent data.content by *`. The fields
    /// that this is read from are granted as `fields`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
    /// Whether an instance may be kept from one event to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// What it may use, where that is less than its manifest and the ceiling for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// What it may see, read and say of one source, in place of the above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sources: BTreeMap<String, Grants>,
}

/// What a detector may see, read and say of one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<TypePattern>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lists: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
}

const EVERY: &str = "*";

impl DetectorRules {
    /// Checks a manifest against what is granted to it for a source, or for every one (`*`): then
    /// it must be within what each source that is named here grants.
    ///
    /// # Errors
    /// The first thing that it asks for and is not granted, with the line to write.
    pub fn check(&self, manifest: &Manifest, source: &str) -> Result<(), String> {
        let rules = || self.of(&manifest.name);
        let mut sources: BTreeSet<Option<&str>> = BTreeSet::from([None]);
        match source {
            EVERY => {
                sources.extend(rules().flat_map(|rule| rule.sources.keys()).map(|s| Some(&**s)))
            }
            one => sources = BTreeSet::from([Some(one)]),
        }
        for source in sources {
            let events = |grants: &Grants| grants.events.clone();
            if let Some(granted) = self.granted(&manifest.name, source, &events) {
                let covers = |wanted: &TypePattern| {
                    granted.iter().any(|granted| covers(granted.as_str(), wanted.as_str()))
                };
                let denied = |does: &str, wanted: &TypePattern| {
                    Err(not_granted(does, wanted.as_str(), "events", manifest, source))
                };
                if let Some(wanted) = manifest.events.iter().find(|wanted| !covers(wanted)) {
                    return denied("see events of type", wanted);
                }
                let counted =
                    manifest.inputs.iter().filter_map(Input::past).flat_map(|it| it.types());
                if let Some(wanted) = counted.into_iter().find(|wanted| !covers(wanted)) {
                    return denied("be told of earlier events of type", &wanted);
                }
            }
            if let Some(granted) =
                self.granted(&manifest.name, source, &|grants| grants.fields.clone())
            {
                let paths = manifest.inputs.iter().flat_map(Input::paths);
                let mut denied = paths.filter(|path| !granted.iter().any(|it| covers(it, path)));
                if let Some(path) = denied.next() {
                    return Err(not_granted("read the field", path, "fields", manifest, source));
                }
            }
            if let Some(granted) =
                self.granted(&manifest.name, source, &|grants| grants.labels.clone())
            {
                let says = |label: &&String| !granted.iter().any(|it| label.starts_with(&**it));
                if let Some(label) = manifest.labels.iter().find(says) {
                    return Err(not_granted("give the label", label, "labels", manifest, source));
                }
            }
            if let Some(granted) =
                self.granted(&manifest.name, source, &|grants| grants.lists.clone())
            {
                let names = manifest.inputs.iter().filter_map(|input| match input {
                    Input::List { name } => Some(name),
                    _ => None,
                });
                let mut denied = names.filter(|name| !granted.iter().any(|it| covers(it, name)));
                if let Some(name) = denied.next() {
                    return Err(not_granted("ask about the list", name, "lists", manifest, source));
                }
            }
            if let Some(granted) =
                self.granted(&manifest.name, source, &|grants| grants.features.clone())
            {
                let past = manifest.inputs.iter().filter(|input| input.past().is_some());
                let mut denied = past
                    .map(Input::to_string)
                    .filter(|input| !granted.iter().any(|it| covers(it, input)));
                if let Some(input) = denied.next() {
                    return Err(not_granted("be told", &input, "features", manifest, source));
                }
            }
        }
        Ok(())
    }

    /// Whether an instance of it may be kept.
    pub fn isolation(&self, detector: &str) -> Isolation {
        self.of(detector).find_map(|rule| rule.isolation).unwrap_or_default()
    }

    /// What it may use at most, beyond the ceiling for all.
    pub fn budget(&self, detector: &str) -> Budget {
        self.of(detector).find_map(|rule| rule.budget).unwrap_or_default()
    }

    /// The tables that speak for a detector, its own first.
    fn of(&self, detector: &str) -> impl Iterator<Item = &DetectorRule> {
        [detector, EVERY].into_iter().filter_map(|name| self.0.get(name))
    }

    /// What is written for the source, or else for all; `None`: nothing is.
    fn granted<T>(
        &self,
        detector: &str,
        source: Option<&str>,
        read: &dyn Fn(&Grants) -> Option<T>,
    ) -> Option<T> {
        self.of(detector).find_map(|rule| {
            let own = source.and_then(|source| rule.sources.get(source)).and_then(read);
            own.or_else(|| read(&rule.grants()))
        })
    }
}

impl DetectorRule {
    fn grants(&self) -> Grants {
        let Self { events, fields, labels, lists, features, .. } = self.clone();
        Grants { events, fields, labels, lists, features }
    }
}

/// Whether a pattern with or without a `*` at its end covers another.
fn covers(granted: &str, wanted: &str) -> bool {
    match granted.strip_suffix('*') {
        Some(beginning) => wanted.starts_with(beginning),
        None => granted == wanted,
    }
}

/// A source as a key of a table, in quotes where TOML needs them.
fn key(source: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match !source.is_empty() && source.chars().all(is_bare) {
        true => source.to_owned(),
        false => toml::Value::String(source.to_owned()).to_string(),
    }
}

fn not_granted(
    does: &str,
    what: &str,
    list: &str,
    manifest: &Manifest,
    source: Option<&str>,
) -> String {
    let name = &manifest.name;
    let table = match source {
        Some(source) => format!("[detectors.{name}.sources.{}]", key(source)),
        None => format!("[detectors.{name}]"),
    };
    format!(
        "{name} wants to {does} `{what}`, which is not granted: add \"{what}\" to `{list}` under {table} in picket.toml"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(rules: &str, source: &str) -> Result<(), String> {
        let manifest = json!({
            "schema": 1, "name": "contact-phone", "version": "1.2.0", "summary": "",
            "labels": ["contact.phone", "evasion.digits"], "events": ["message.*"],
            "inputs": [
                {"kind": "field", "path": "data.content"},
                {"kind": "list", "name": "known_phones"},
                {"kind": "feature", "function": "distinct", "of": "data.recipient_id",
                 "by": "subject", "window_s": 60, "events": ["message.*", "bid.placed"]},
                {"kind": "recent", "path": "data.content", "by": "data.thread_id", "last": 3,
                 "window_s": 60, "events": ["message.sent"]},
            ],
        });
        let manifest = Manifest::parse(&manifest.to_string()).unwrap();
        let rules: DetectorRules = toml::from_str(rules).unwrap();
        rules.check(&manifest, source)
    }

    #[test]
    fn what_is_not_limited_is_granted() {
        assert_eq!(check("", "*"), Ok(()));
        assert_eq!(check("[contact-phone]\nisolation = \"warm\"", "*"), Ok(()));
        let all = "['*']\nevents = ['*']\nfields = ['data.*', 'subject']\n\
                   labels = ['contact.', 'evasion.']\nlists = ['known_*']\n\
                   features = ['distinct *', 'recent data.content by data.thread_id']";
        assert_eq!(check(all, "*"), Ok(()));
        assert_eq!(check("[other]\nfields = []", "*"), Ok(()));
    }

    #[test]
    fn more_than_granted_is_refused_with_the_line_to_write() {
        let cases = [
            (
                "['*']\nevents = ['bid.*']",
                "add \"message.*\" to `events` under [detectors.contact-phone]",
            ),
            ("['*']\nevents = ['message.sent']", "see events of type `message.*`"),
            (
                "['*']\nevents = ['message.*']",
                "be told of earlier events of type `bid.placed`, which is not granted: add \"bid.placed\" to `events`",
            ),
            ("[contact-phone]\nfields = ['data.note']", "add \"data.content\" to `fields`"),
            ("[contact-phone]\nlabels = ['contact.']", "give the label `evasion.digits`"),
            ("[contact-phone]\nfields = ['data.*']", "add \"subject\" to `fields`"),
            (
                "[contact-phone]\nfields = ['data.content', 'subject']",
                "add \"data.recipient_id\" to `fields` under [detectors.contact-phone]",
            ),
            (
                "['*']\nlists = []",
                "add \"known_phones\" to `lists` under [detectors.contact-phone]",
            ),
            (
                "[contact-phone]\nfeatures = ['recent *']",
                "add \"distinct data.recipient_id by subject\" to `features` under",
            ),
            (
                "[contact-phone.sources.fair]\nfeatures = ['distinct *']",
                "be told `recent data.content by data.thread_id`, which is not granted",
            ),
            (
                "[contact-phone.sources.fair]\nfields = []",
                "add \"data.content\" to `fields` under [detectors.contact-phone.sources.fair]",
            ),
            (
                "[contact-phone.sources.'fair.example']\nfields = []",
                "under [detectors.contact-phone.sources.\"fair.example\"] in picket.toml",
            ),
        ];
        for (rules, says) in cases {
            let error = check(rules, "*").unwrap_err();
            assert!(error.contains(says), "{rules}: {error}");
        }
    }

    #[test]
    fn the_nearest_word_holds() {
        let own = "['*']\nfields = []\n[contact-phone]\nfields = ['data.*', 'subject']";
        assert_eq!(check(own, "*"), Ok(()));
        let wider = "[contact-phone]\nfields = []\n[contact-phone.sources.fair]\nfields = ['*']";
        assert_eq!(check(wider, "fair"), Ok(()));
        assert!(check(wider, "*").is_err());
        assert!(check(wider, "other").is_err());
    }
}
