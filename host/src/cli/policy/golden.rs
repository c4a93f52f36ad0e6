//! Golden cases of a policy: what goes in, and the decision that must come out. A line of a `.jsonl`
//! file, or a whole `.json` file, is one case.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::facts::WrittenFacts;
use super::found::{Found, Shipped, Written, WrittenSignal};
use crate::cli::sandbox;
use crate::model::{Action, Event, Scope, ScopedAction, Score, Timestamp};
use crate::policy::{Escalation, Verdict};

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What the case shows.
    pub name: String,
    /// The `data.content` of a `message.sent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A CloudEvents envelope of which all but `data` may be left out; in place of `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Json>,
    /// What was found; the shipped detectors run where this is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Vec<WrittenSignal>>,
    /// Beside `signals`: detectors from which no finding came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What is known beyond the event and what is found; nothing unless given.
    #[serde(default, skip_serializing_if = "WrittenFacts::is_empty")]
    pub facts: WrittenFacts,
    pub expect: Expected,
}

/// What a decision is held to: whatever is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<Score>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<Action>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// All that is enforced, by scope, each as `ACTION SCOPE`, with behind it how long it lasts where it ends, as `N h`, or
    /// `in force`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<String>>,
    /// The number of the strike that it gives; 0: it gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    strike: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    degraded: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alerts: Option<Vec<String>>,
    /// The matter of the case that it belongs to; empty: it belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    case: Option<String>,
    /// The names of the rules that fire, in the order of the policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<String>>,
}

/// A file of cases.
pub(super) struct File {
    pub path: PathBuf,
    pub cases: Vec<Case>,
}

impl Case {
    /// The event, and what is found in it.
    pub fn given(&self, shipped: &mut Shipped) -> anyhow::Result<(Event, Found)> {
        let envelope = match (&self.text, &self.event, &self.signals) {
            (Some(text), None, _) => json!({"data": {"content": text}}),
            (None, Some(event), _) => event.clone(),
            (None, None, Some(_)) => json!({"data": {}}),
            (Some(_), Some(_), _) => bail!("it has `text` and `event`: leave one out"),
            (None, None, None) => bail!("it has neither `text`, `event` nor `signals`"),
        };
        let event = sandbox::event(&envelope)?;
        let found = match &self.signals {
            Some(signals) => {
                let (signals, missing) = (signals.clone(), self.missing.clone());
                Written { signals, missing, facts: WrittenFacts::default() }.found()
            }
            None if !self.missing.is_empty() => {
                bail!("`missing` stands beside `signals`: the shipped detectors are all there")
            }
            None => shipped.find(&event)?,
        };
        Ok((event, found.told(self.facts.clone())))
    }
}

impl Expected {
    /// What the case would have to say for this verdict on an event of this moment and what is enforced of it, as exact
    /// as it is: score, tier and action where it says nothing.
    pub fn adopting(&self, verdict: &Verdict, enforced: &Escalation, at: Timestamp) -> Self {
        let nothing = *self == Self::default();
        let each = enforced.actions.iter().map(|own| (own.action, own.scope));
        let (action, scope) = each.max().unwrap_or(verdict.strongest());
        let strike = enforced.change.as_ref().and_then(|change| change.strike.as_ref());
        let worded = || enforced.actions.iter().map(|own| worded(own, at)).collect();
        Self {
            score: (nothing || self.score.is_some()).then_some(verdict.score),
            tier: (nothing || self.tier.is_some()).then(|| verdict.tier.clone()),
            action: (nothing || self.action.is_some()).then_some(action),
            scope: self.scope.map(|_| scope),
            actions: self.actions.as_ref().map(|_| worded()),
            strike: self.strike.map(|_| strike.map_or(0, |strike| strike.number)),
            review: self.review.map(|_| verdict.review || enforced.review),
            degraded: self.degraded.map(|_| verdict.degraded),
            tags: self.tags.as_ref().map(|_| verdict.tags.clone()),
            alerts: self.alerts.as_ref().map(|_| verdict.alerts.clone()),
            case: self.case.as_ref().map(|_| verdict.case.clone().unwrap_or_default()),
            rules: self.rules.as_ref().map(|_| verdict.rules().map(str::to_owned).collect()),
        }
    }

    /// The parts that are written, each as people read it.
    pub fn parts(&self) -> Vec<String> {
        let part = |key: &str, value: Option<String>| value.map(|value| format!("{key} {value}"));
        let parts = [
            part("score", self.score.map(|it| it.to_string())),
            part("tier", self.tier.clone()),
            part("action", self.action.map(|it| it.to_string())),
            part("scope", self.scope.map(|it| it.to_string())),
            part("actions", self.actions.as_ref().map(|it| it.join(", "))),
            part("strike", self.strike.map(|it| it.to_string())),
            part("review", self.review.map(|it| it.to_string())),
            part("degraded", self.degraded.map(|it| it.to_string())),
            part("tags", self.tags.as_ref().map(|it| joined(it))),
            part("alerts", self.alerts.as_ref().map(|it| joined(it))),
            part("case", self.case.as_ref().map(|it| named(it))),
            part("rules", self.rules.as_ref().map(|it| joined(it))),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// An action as cases write it.
fn worded(own: &ScopedAction, at: Timestamp) -> String {
    const HOUR_MICROS: i64 = 3_600 * 1_000_000;
    let ScopedAction { action, scope, .. } = own;
    match (own.in_force_since, own.expires_at) {
        (Some(_), _) => format!("{action} {scope} in force"),
        (None, Some(end)) => {
            // What begins later lasts as long.
            let begins = own.begins_at.unwrap_or(at);
            format!("{action} {scope} {} h", (end.micros() - begins.micros()) / HOUR_MICROS)
        }
        (None, None) => format!("{action} {scope}"),
    }
}

fn named(word: &str) -> String {
    if word.is_empty() { "none".to_owned() } else { word.to_owned() }
}

fn joined(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(",") }
}

/// What goes in, on a line.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.text.as_ref().map(|text| format!("{text:?}")));
        parts.extend(self.event.as_ref().map(ToString::to_string));
        for signal in self.signals.iter().flatten() {
            parts.push(match signal.confidence == 1.0 {
                true => format!("{} {}", signal.label, signal.score),
                false => format!("{} {} x {}", signal.label, signal.score, signal.confidence),
            });
        }
        if !self.facts.is_empty() {
            parts.push(serde_json::to_string(&self.facts).map_err(|_| fmt::Error)?);
        }
        parts.extend(self.missing.iter().map(|name| format!("no finding of {name}")));
        match parts.is_empty() {
            true => f.write_str("no signal"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

impl File {
    /// Reads one file.
    pub fn read(path: PathBuf) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        let cases = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                let text = fs::read_to_string(&path).with_context(|| shown.clone())?;
                vec![serde_json::from_str(&text).with_context(|| shown.clone())?]
            }
            Some("jsonl") => {
                let text = fs::read_to_string(&path).with_context(|| shown.clone())?;
                let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
                let case = |(at, line): (usize, &str)| {
                    serde_json::from_str(line).with_context(|| format!("{shown}:{}", at + 1))
                };
                lines.map(case).collect::<Result<_, _>>()?
            }
            _ => bail!("{shown}: golden cases live in .jsonl and .json files"),
        };
        Ok(Self { path, cases })
    }

    pub fn write(&self) -> anyhow::Result<()> {
        let write = |case: &Case| match self.path.extension().is_some_and(|end| end == "json") {
            true => serde_json::to_string_pretty(case),
            false => serde_json::to_string(case),
        };
        let lines: Result<Vec<String>, _> = self.cases.iter().map(write).collect();
        fs::write(&self.path, lines?.join("\n") + "\n")
            .with_context(|| self.path.display().to_string())
    }
}

/// Where the cases of a policy are: `golden/NAME.jsonl`, `golden/NAME.json` and what is in `golden/NAME/`,
/// beside it, by its file's name.
pub(super) fn files_of(policy: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let golden = policy.with_file_name("golden");
    let stem = policy.file_stem().unwrap_or_default();
    let mut files: Vec<PathBuf> = (["jsonl", "json"].iter())
        .map(|extension| golden.join(stem).with_added_extension(extension))
        .filter(|path| path.is_file())
        .collect();
    let folder = golden.join(stem);
    if folder.is_dir() {
        files.extend(listed(&folder)?);
    }
    Ok(files)
}

/// What is in a folder, by name.
pub(super) fn listed(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths: Result<Vec<PathBuf>, _> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.with_context(|| folder.display().to_string())?;
    paths.sort();
    Ok(paths)
}
