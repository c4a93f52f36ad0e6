//! Weights: what each label counts for, and where in the order of the arithmetic it stands.

use std::ops::Range;

use toml::Spanned;

use super::Known;
use super::diagnostic::{Report, code};
use super::document::Weight;
use super::words::{nearest, quote};
use crate::model::Score;
use crate::model::manifest::is_label;

const WEIGHTS_MAX: usize = 256;

/// The labels of a document with what they weigh, sorted by label.
pub(super) struct Weights<'t>(Vec<(Spanned<&'t str>, Score)>);

impl<'t> Weights<'t> {
    /// Where a label stands in the order of the arithmetic.
    fn place(&self, label: &str) -> Option<usize> {
        self.0.binary_search_by(|(weighed, _)| (*weighed.get_ref()).cmp(label)).ok()
    }

    /// The places of labels that another part of the document names, ascending, each once. One that
    /// has no weight is reported.
    pub(super) fn places(
        &self,
        labels: &[Spanned<&str>],
        report: &mut Report<'_>,
    ) -> Option<Vec<usize>> {
        let mut places = Vec::with_capacity(labels.len());
        for label in labels {
            let place = self.place(label.get_ref());
            if place.is_none() {
                let message = format!("{} has no weight", quote(label.get_ref()));
                let known = self.0.iter().map(|(weighed, _)| *weighed.get_ref());
                let hint = match nearest(label.get_ref(), known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "give it one in `[weights]`, 0 if it counts for nothing by itself"
                        .to_owned(),
                };
                report.error(code::UNWEIGHED, label.span(), message, hint);
            }
            places.push(place);
        }
        let mut places: Vec<usize> = places.into_iter().collect::<Option<_>>()?;
        places.sort_unstable();
        places.dedup();
        Some(places)
    }

    /// The labels that weigh more than 0.
    pub(super) fn weighing(&self) -> impl Iterator<Item = &Spanned<&'t str>> {
        self.0.iter().filter(|(_, weight)| *weight > Score::ZERO).map(|(label, _)| label)
    }

    /// Warns where nothing counts at all. `written` is where the weights stand.
    pub(super) fn warn_if_idle(&self, written: Range<usize>, report: &mut Report<'_>) {
        if self.weighing().next().is_none() {
            let message = "no label has weight, so every event gets the first tier";
            let hint = "give the labels that matter a weight above 0".to_owned();
            report.warning(code::NOTHING_WEIGHS, written, message, hint);
        }
    }

    pub(super) fn into_owned(self) -> Vec<(String, Score)> {
        let owned =
            |(label, weight): (Spanned<&str>, Score)| (label.into_inner().to_owned(), weight);
        self.0.into_iter().map(owned).collect()
    }
}

/// The weights, if each can be read.
pub(super) fn check<'t>(
    written: &Spanned<Vec<Weight<'t>>>,
    known: Option<&Known>,
    report: &mut Report<'_>,
) -> Option<Weights<'t>> {
    let labels = written.get_ref();
    if let Some(beyond) = labels.get(WEIGHTS_MAX) {
        let message = format!("{} weights; {WEIGHTS_MAX} are allowed", labels.len());
        report.error(code::TOO_LARGE, beyond.label.span(), message, None);
    }
    for Weight { label, .. } in labels {
        check_label(label, known, report);
    }
    let weights = labels.iter().map(|weight| Some((weight.label.clone(), weight.weight?)));
    let mut weights: Vec<_> = weights.collect::<Option<_>>()?;
    weights.sort_by(|(a, _), (b, _)| a.get_ref().cmp(b.get_ref()));
    Some(Weights(weights))
}

fn check_label(written: &Spanned<&str>, known: Option<&Known>, report: &mut Report<'_>) {
    let label = *written.get_ref();
    if !is_label(label) {
        let message = format!("{} is not a label", quote(label));
        let hint = "write a family and a name in quotes, such as `\"contact.phone\"`".to_owned();
        report.error(code::MALFORMED, written.span(), message, hint);
        return;
    }
    let Some(known) = known else { return };
    if !known.labels.knows(label) {
        let hint = match nearest(label, known.labels.names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a label is known once a detector that reports it is stored".to_owned(),
        };
        report.error(code::UNKNOWN_LABEL, written.span(), format!("unknown label `{label}`"), hint);
    } else if !known.labels.loaded.contains(label) {
        let message = format!("no loaded detector reports `{label}`");
        let hint = "it counts as soon as one is loaded".to_owned();
        report.warning(code::LABEL_NOT_LOADED, written.span(), message, hint);
    }
}
