//! Features of a policy: numbers about earlier events that its rules know by name. Declared as detectors
//! declare theirs, and the same definition wherever it is declared.

use std::collections::HashMap;

use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::WrittenFeature;
use super::lists::{check_field, check_name};
use super::rules::Rule;
use super::words::{quote, word};
use crate::model::{Feature, Function, Input, TypePattern};

/// Features that one policy may have: each is a read of the record for each event.
const FEATURES_MAX: usize = 32;

/// A number about earlier events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFeature {
    /// Lower-case words joined by `_`: it stands in conditions as `features.NAME`.
    pub name: String,
    /// A feature.
    pub input: Input,
}

impl NamedFeature {
    /// Whether it says something of every event: of the others it may say nothing.
    pub(super) fn is_sure(&self) -> bool {
        let Input::Feature(Feature { function, by, .. }) = &self.input else { return false };
        by == "subject" && matches!(function, Function::Count | Function::Distinct | Function::Sum)
    }
}

/// The features, if nothing is wrong with them.
pub(super) fn check(
    written: &Spanned<Vec<WrittenFeature<'_>>>,
    report: &mut Report<'_>,
) -> Option<Vec<NamedFeature>> {
    let features = written.get_ref();
    if let Some(beyond) = features.get(FEATURES_MAX) {
        let message = format!("{} features; {FEATURES_MAX} are allowed", features.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
        return None;
    }
    let (mut seen, mut twice) = (HashMap::new(), false);
    for name in features.iter().filter_map(|feature| feature.name.as_ref()) {
        if let Some(first) = seen.insert(*name.get_ref(), name.span().start) {
            twice = true;
            let line = report.line(first);
            let message =
                format!("the feature {} is already on line {line}", quote(name.get_ref()));
            let hint = "rules tell features by their names: give each its own".to_owned();
            report.error(code::DUPLICATE, name.span(), message, hint);
        }
    }
    let checked: Vec<Option<NamedFeature>> =
        features.iter().map(|feature| check_one(feature, report)).collect();
    checked.into_iter().collect::<Option<_>>().filter(|_| !twice)
}

fn check_one(written: &WrittenFeature<'_>, report: &mut Report<'_>) -> Option<NamedFeature> {
    let name = written.name.as_ref().and_then(|name| check_name(name, "feature", report));
    let function =
        word(written.function.as_ref(), "function", Function::ALL, Function::as_str, report);
    let of = match &written.of {
        Some(of) => check_field(of, report).map(Some),
        None => Some(None),
    };
    let by = written.by.as_ref().and_then(|by| check_field(by, report));
    let events =
        written.events.as_ref().map_or(Some(Vec::new()), |events| patterns(events, report));
    let feature = Feature {
        function: function?,
        of: of?,
        by: by?,
        window_s: u64::from(*written.window_s.as_ref()?.get_ref()),
        events: events.filter(|_| !written.damaged)?,
    };
    let input = Input::Feature(feature);
    if let Err(why) = input.check() {
        report.error(code::FEATURE, written.at.clone(), why, None);
        return None;
    }
    Some(NamedFeature { name: name?, input })
}

fn patterns(
    written: &Spanned<Vec<Spanned<&str>>>,
    report: &mut Report<'_>,
) -> Option<Vec<TypePattern>> {
    let pattern = |event: &Spanned<&str>| {
        let pattern = event.get_ref().parse().ok();
        if pattern.is_none() {
            let message = format!("{} is not a pattern of event types", quote(event.get_ref()));
            let hint = "write one such as `message.sent`, or `message.*` for any ending";
            report.error(code::MALFORMED, event.span(), message, hint.to_owned());
        }
        pattern
    };
    let patterns: Vec<Option<TypePattern>> = written.get_ref().iter().map(pattern).collect();
    patterns.into_iter().collect()
}

/// Warns of features that no rule asks for.
pub(super) fn warn_of_unused(
    written: &[WrittenFeature<'_>],
    rules: &[Rule],
    report: &mut Report<'_>,
) {
    for feature in written {
        let Some(name) = &feature.name else { continue };
        let mut asked = rules.iter().flat_map(|rule| &rule.condition.asks().features);
        if asked.all(|used| used != name.get_ref()) {
            let message = format!("no rule asks for the feature {}", quote(name.get_ref()));
            let hint = format!("write `features.{}` into the `when` of a rule", name.get_ref());
            report.warning(code::FEATURE_UNUSED, name.span(), message, hint);
        }
    }
}
