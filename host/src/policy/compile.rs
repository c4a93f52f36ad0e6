//! From a document as written to a policy: what each value means, against what the host knows.
//! Every fault is reported, not only the first.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use toml::Spanned;

use super::diagnostic::{Diagnostic, Report, code};
use super::document::{self, Document};
use super::weights;
use super::whole::{INCLUDE, Whole};
use super::words::{NAME_HINT, name, nearest, quote, word};
use super::{
    Known, OnError, Policy, exemptions, features, lists, modifiers, onset, rules, stages, strikes,
    texts, tiers,
};
use crate::model::manifest::is_name;
use crate::model::{Digest, TypePattern};

/// Bytes of a policy document.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a source, as in an event.
const SOURCE_BYTES_MAX: usize = 256;
const EVENTS_MAX: usize = 64;
const REQUIRES_MAX: usize = 64;

/// A policy, and what its author should know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    pub policy: Policy,
    /// In the order of the text.
    pub warnings: Vec<Diagnostic>,
}

impl Policy {
    /// Reads and checks a document.
    ///
    /// # Errors
    /// Every error and warning, in the order of the text; at least one is an error.
    pub fn compile(text: &str, known: &Known) -> Result<Compiled, Vec<Diagnostic>> {
        Self::compile_whole(&Whole::alone(text), Some(known))
    }

    /// Reads a document that has judged before: whatever it names was known then.
    ///
    /// # Errors
    /// As [`Policy::compile`].
    pub fn compile_again(text: &str) -> Result<Compiled, Vec<Diagnostic>> {
        Self::compile_whole(&Whole::alone(text), None)
    }

    /// Reads and checks a document with its parts. Without `known` it has judged before.
    ///
    /// # Errors
    /// As [`Policy::compile`].
    pub fn compile_whole(
        whole: &Whole,
        known: Option<&Known>,
    ) -> Result<Compiled, Vec<Diagnostic>> {
        if !whole.faults().is_empty() {
            return Err(whole.faults().to_vec());
        }
        let mut report = Report::new(whole);
        let policy = read(whole.text(), known, &mut report);
        match (policy, report.finish()) {
            (Some(policy), (warnings, false)) => Ok(Compiled { policy, warnings }),
            (_, (diagnostics, _)) => Err(diagnostics),
        }
    }
}

/// `None` only where an error was reported. Without `known` any name is taken for known.
fn read(text: &str, known: Option<&Known>, report: &mut Report<'_>) -> Option<Policy> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let message =
            format!("the document has {} bytes; {DOCUMENT_BYTES_MAX} are allowed", text.len());
        report.error(code::TOO_LARGE, 0..0, message, None);
        return None;
    }
    let table = document::parse(text, report)?;
    if let Some((key, _)) = table.get_key_value(INCLUDE) {
        let hint = "`picket policy push FILE` sends the document with its parts put in, and \
                    `picket policy check FILE --whole` prints it so";
        let message = "the document includes parts and came without them";
        report.error(code::INCLUDE, key.span(), message, hint.to_owned());
        return None;
    }
    let document = Document::read(&table, report);
    let name = name(document.name.as_ref(), "a policy", report);
    let source = document.source.as_ref().and_then(|source| check_source(source, report));
    let events = document.events.as_ref().map(|events| check_events(events, report));
    let requires = match &document.requires {
        Some(requires) => check_requires(requires, known, report),
        None => Vec::new(),
    };
    let on_error =
        word(document.on_error.as_ref(), "on_error", OnError::ALL, OnError::as_str, report);
    let weights =
        document.weights.as_ref().and_then(|weights| weights::check(weights, known, report));
    if let (Some(written), Some(weights), None) = (&document.weights, &weights, &document.modifiers)
    {
        weights.warn_if_idle(written.span(), report);
    }
    let scheme = stages::check(&document, weights.as_ref(), report);
    let modifiers = match &document.modifiers {
        Some(written) => modifiers::check(written, scheme.as_ref(), weights.as_ref(), report),
        None => Some(Vec::new()),
    };
    let prove = known.is_some();
    let languages = texts::languages(&document, report);
    let speaks = languages.as_ref();
    let tiers =
        document.tiers.as_ref().and_then(|tiers| tiers::check(tiers, speaks, prove, report));
    let strikes = match &document.strikes {
        Some(written) => strikes::check(written, tiers.as_deref(), speaks, prove, report).map(Some),
        None => Some(None),
    };
    let onset = match &document.enforcement {
        Some(written) => onset::check(written, report).map(Some),
        None => Some(None),
    };
    let lists = match &document.lists {
        Some(written) => lists::check(written, report),
        None => Some(Vec::new()),
    };
    let features = match &document.features {
        Some(written) => features::check(written, report),
        None => Some(Vec::new()),
    };
    let around = rules::Around {
        tiers: tiers.as_deref(),
        lists: lists.as_deref(),
        features: features.as_deref(),
        events: events.as_deref().unwrap_or_default(),
        known,
    };
    let rules = match &document.rules {
        Some(written) => rules::check(written, &around, report),
        None => Some(Vec::new()),
    };
    if let (Some(written), Some(rules)) = (&document.lists, &rules) {
        rules::warn_of_unused_lists(written.get_ref(), rules, report);
    }
    if let (Some(written), Some(rules), Some(_)) = (&document.features, &rules, &features) {
        features::warn_of_unused(written.get_ref(), rules, report);
    }
    let exemptions = match &document.exemptions {
        Some(written) => exemptions::check(written, report),
        None => Some(Vec::new()),
    };
    if let Some(languages) = &languages {
        texts::warn(&document, languages, report);
    }
    let (rules, features) = (rules?, features?);
    let (asks, reads) = rules::asked(&rules, &features);
    Some(Policy {
        name: name?,
        source: source?,
        digest: Digest::of(text.as_bytes()),
        events: events?,
        requires,
        on_error: on_error?,
        languages: languages?,
        scheme: scheme?,
        weights: weights?.into_owned(),
        modifiers: modifiers?,
        tiers: tiers?,
        strikes: strikes?,
        onset: onset?,
        named: rules::labels(&rules),
        rules,
        lists: lists?,
        features,
        asks,
        reads,
        exemptions: exemptions?,
    })
}

fn check_source(written: &Spanned<&str>, report: &mut Report<'_>) -> Option<String> {
    let source = *written.get_ref();
    let good = (1..=SOURCE_BYTES_MAX).contains(&source.len()) && !source.contains(char::is_control);
    if !good {
        let message = format!("{} is not a source", quote(source));
        let hint = format!(
            "write the `source` that the platform's events carry: 1 to {SOURCE_BYTES_MAX} bytes without control characters"
        );
        report.error(code::MALFORMED, written.span(), message, hint);
    }
    good.then(|| source.to_owned())
}

fn check_events(
    written: &Spanned<Vec<Spanned<&str>>>,
    report: &mut Report<'_>,
) -> Vec<TypePattern> {
    if written.get_ref().is_empty() {
        let hint = "such as `events = [\"message.*\"]`, or `[\"*\"]` for all".to_owned();
        report.error(code::EMPTY, written.span(), "the policy judges no events", hint);
    }
    check_list(written, "events", EVENTS_MAX, report);
    let mut patterns = Vec::new();
    for event in written.get_ref() {
        match event.get_ref().parse() {
            Ok(pattern) => patterns.push(pattern),
            Err(_) => {
                let message = format!("{} is not a pattern of event types", quote(event.get_ref()));
                let hint = "write one such as `message.sent`, or `message.*` for any ending";
                report.error(code::MALFORMED, event.span(), message, hint.to_owned());
            }
        }
    }
    patterns
}

fn check_requires(
    written: &Spanned<Vec<Spanned<&str>>>,
    known: Option<&Known>,
    report: &mut Report<'_>,
) -> Vec<String> {
    check_list(written, "requires", REQUIRES_MAX, report);
    for detector in written.get_ref() {
        let name = *detector.get_ref();
        if !is_name(name) {
            let message = format!("{} is not a name for a detector", quote(name));
            report.error(code::MALFORMED, detector.span(), message, NAME_HINT.to_owned());
        } else if let Some(known) = known.filter(|known| !known.detectors.contains(name)) {
            let message = format!("the required detector `{name}` is not loaded");
            let near = nearest(name, known.detectors.iter().map(String::as_str));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "until it is, every decision is degraded and `on_error` applies".to_owned(),
            };
            report.warning(code::DETECTOR_NOT_LOADED, detector.span(), message, hint);
        }
    }
    written.get_ref().iter().map(|detector| (*detector.get_ref()).to_owned()).collect()
}

/// What holds for every list of texts: a limit, and nothing twice.
pub(super) fn check_list(
    written: &Spanned<Vec<Spanned<&str>>>,
    key: &str,
    max: usize,
    report: &mut Report<'_>,
) {
    let items = written.get_ref();
    if let Some(beyond) = items.get(max) {
        let message = format!("`{key}` has {} items; {max} are allowed", items.len());
        report.error(code::TOO_LARGE, beyond.span(), message, None);
    }
    let mut seen = HashMap::new();
    for item in items {
        if let Some(first) = seen.insert(*item.get_ref(), item.span().start) {
            let line = report.line(first);
            let message = format!("{} is already on line {line}", quote(item.get_ref()));
            report.error(code::DUPLICATE, item.span(), message, "remove one of them".to_owned());
        }
    }
}
