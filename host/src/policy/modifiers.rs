//! Modifiers: what is added to a number because of what was found together. They only add, so more
//! evidence never lowers a score.

use std::collections::HashMap;

use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::WrittenModifier;
use super::stages::Scheme;
use super::weights::Weights;
use super::words::{name, quote, suggest};
use crate::model::Score;

/// Modifiers that one policy may have.
const MODIFIERS_MAX: usize = 32;

/// Something that is added. A label is found where its evidence is above 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Modifier {
    /// Lower-case words joined by `-`.
    pub name: String,
    pub adds: Adds,
    /// The labels that it is about: their places among the policy's weights, ascending.
    pub(super) labels: Vec<usize>,
    /// If not empty, one of these must be found too.
    pub(super) with: Vec<usize>,
    /// The stage to whose number it adds, by its place; `None` where it adds to the score itself,
    /// after any lift.
    pub(super) stage: Option<usize>,
}

/// How much a modifier adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adds {
    /// This, once one of the labels is found.
    Once(Score),
    /// `each` for every label that is found beyond the first, `at_most` in all.
    EachFurther { each: Score, at_most: Score },
}

impl Modifier {
    /// What it adds, and the labels because of which; `None` where it does not apply. Exact, in
    /// millionths.
    pub(super) fn applies(&self, is_found: impl Fn(usize) -> bool) -> Option<(Score, Vec<usize>)> {
        let among = |places: &[usize]| -> Vec<usize> {
            places.iter().copied().filter(|&place| is_found(place)).collect()
        };
        let (mut because, with) = (among(&self.labels), among(&self.with));
        if because.is_empty() || (with.is_empty() && !self.with.is_empty()) {
            return None;
        }
        let add = match self.adds {
            Adds::Once(add) => add,
            Adds::EachFurther { each, at_most } => {
                let further = u32::try_from(because.len() - 1).unwrap_or(u32::MAX);
                let millionths = each.millionths().saturating_mul(further);
                Score::from_millionths(millionths).unwrap_or(Score::ONE).min(at_most)
            }
        };
        because.extend(with);
        because.sort_unstable();
        (add > Score::ZERO).then_some((add, because))
    }

    /// Whether it looks at a label, by its place.
    pub(super) fn names(&self, place: usize) -> bool {
        self.labels.contains(&place) || self.with.contains(&place)
    }
}

/// The modifiers, if nothing is wrong with them.
pub(super) fn check(
    written: &Spanned<Vec<WrittenModifier<'_>>>,
    scheme: Option<&Scheme>,
    weights: Option<&Weights<'_>>,
    report: &mut Report<'_>,
) -> Option<Vec<Modifier>> {
    let modifiers = written.get_ref();
    if let Some(beyond) = modifiers.get(MODIFIERS_MAX) {
        let message = format!("{} modifiers; {MODIFIERS_MAX} are allowed", modifiers.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
    }
    let mut seen = HashMap::new();
    for name in modifiers.iter().filter_map(|modifier| modifier.name.as_ref()) {
        if let Some(first) = seen.insert(*name.get_ref(), name.span().start) {
            let line = report.line(first);
            let message =
                format!("the modifier {} is already on line {line}", quote(name.get_ref()));
            let hint = "the trace tells modifiers by their names: give each its own".to_owned();
            report.error(code::DUPLICATE, name.span(), message, hint);
        }
    }
    let checked: Vec<Option<Modifier>> =
        modifiers.iter().map(|modifier| check_one(modifier, scheme, weights, report)).collect();
    checked.into_iter().collect()
}

fn check_one(
    written: &WrittenModifier<'_>,
    scheme: Option<&Scheme>,
    weights: Option<&Weights<'_>>,
    report: &mut Report<'_>,
) -> Option<Modifier> {
    let name = name(written.name.as_ref(), "a modifier", report);
    let adds = check_adds(written, report);
    check_lists(written, adds, report);
    let stage = match &written.stage {
        Some(stage) => scheme.and_then(|scheme| stage_of(stage, scheme, report)).map(Some),
        None => Some(None),
    };
    let mut places = |labels: Option<&Spanned<Vec<Spanned<&str>>>>| {
        weights.and_then(|weights| match labels {
            Some(labels) => weights.places(labels.get_ref(), report),
            None => Some(Vec::new()),
        })
    };
    let (labels, with) = (places(written.labels.as_ref()), places(written.with.as_ref()));
    Some(Modifier { name: name?, adds: adds?, labels: labels?, with: with?, stage: stage? })
}

fn check_adds(written: &WrittenModifier<'_>, report: &mut Report<'_>) -> Option<Adds> {
    match (&written.add, &written.add_each_further) {
        (Some(add), None) => {
            if let Some(at_most) = &written.at_most {
                let hint = "leave it out, or write `add_each_further` in the place of `add`";
                let message = "`at_most` bounds nothing: `add` adds once";
                report.error(code::ADDS, at_most.span(), message, hint.to_owned());
            }
            Some(Adds::Once(*add.get_ref()))
        }
        (None, Some(each)) => {
            let at_most = written.at_most.as_ref().map_or(Score::ONE, |it| *it.get_ref());
            Some(Adds::EachFurther { each: *each.get_ref(), at_most })
        }
        (Some(_), Some(each)) => {
            let hint = "leave one out; two modifiers may be about the same labels".to_owned();
            let message = "a modifier has either `add` or `add_each_further`";
            report.error(code::ADDS, each.span(), message, hint);
            None
        }
        // What is there and could not be read was reported.
        (None, None) if written.says_how_much => None,
        (None, None) => {
            let hint = "write `add = 0.12`, or `add_each_further = 0.08` for each of `labels` that \
                        is found beyond the first";
            let message = "the modifier does not say what it adds";
            report.error(code::ADDS, written.at.clone(), message, hint.to_owned());
            None
        }
    }
}

/// That the lists can do what they are there for.
fn check_lists(written: &WrittenModifier<'_>, adds: Option<Adds>, report: &mut Report<'_>) {
    let Some(labels) = &written.labels else { return };
    let needed = if matches!(adds, Some(Adds::EachFurther { .. })) { 2 } else { 1 };
    if labels.get_ref().len() < needed {
        let message = match needed {
            1 => "a modifier about no label never applies",
            _ => "`add_each_further` needs two labels at least",
        };
        let hint = "name the labels because of which something is added".to_owned();
        report.error(code::EMPTY, labels.span(), message, hint);
    }
    if let Some(with) = written.with.as_ref().filter(|with| with.get_ref().is_empty()) {
        let hint = "leave `with` out, or name the labels of which one must be found too".to_owned();
        report.error(code::EMPTY, with.span(), "`with` names no label", hint);
    }
    let mut seen = HashMap::new();
    let with = written.with.iter().flat_map(|with| with.get_ref());
    for label in labels.get_ref().iter().chain(with) {
        if let Some(first) = seen.insert(*label.get_ref(), label.span().start) {
            let line = report.line(first);
            let message = format!("{} is already on line {line}", quote(label.get_ref()));
            let hint = "a label is not found together with itself: remove one of them".to_owned();
            report.error(code::DUPLICATE, label.span(), message, hint);
        }
    }
}

/// The place of a stage.
fn stage_of(written: &Spanned<&str>, scheme: &Scheme, report: &mut Report<'_>) -> Option<usize> {
    let stages = match scheme {
        Scheme::Stages { stages, .. } => stages,
        Scheme::Labels(merge) => {
            let message = format!("`stage` means nothing with `merge = \"{merge}\"`");
            let hint = "leave it out: the modifier then adds to the score itself".to_owned();
            report.error(code::STAGES, written.span(), message, hint);
            return None;
        }
    };
    let place = stages.iter().position(|stage| stage.name == *written.get_ref());
    if place.is_none() {
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        let message = format!("`stage` cannot be {}", quote(written.get_ref()));
        report.error(
            code::UNKNOWN_WORD,
            written.span(),
            message,
            suggest(written.get_ref(), &names),
        );
    }
    place
}
