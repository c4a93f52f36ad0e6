//! How a document says that labels make a score: stages, their lift, modifiers.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Report;
use super::super::values::{score, text, texts, wrong_type};
use super::{Keys, tables};
use crate::model::Score;

pub(in crate::policy) struct WrittenStage<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) name: Option<Spanned<&'t str>>,
    pub(in crate::policy) weight: Option<Spanned<Score>>,
    pub(in crate::policy) merge: Option<Spanned<&'t str>>,
    pub(in crate::policy) labels: Option<Spanned<Vec<Spanned<&'t str>>>>,
}

pub(in crate::policy) struct WrittenLift {
    pub(in crate::policy) from: Option<Spanned<Score>>,
    pub(in crate::policy) share: Option<Spanned<Score>>,
}

pub(in crate::policy) struct WrittenModifier<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) name: Option<Spanned<&'t str>>,
    pub(in crate::policy) labels: Option<Spanned<Vec<Spanned<&'t str>>>>,
    pub(in crate::policy) with: Option<Spanned<Vec<Spanned<&'t str>>>>,
    /// Whether a key that says how much is there, readable or not.
    pub(in crate::policy) says_how_much: bool,
    pub(in crate::policy) add: Option<Spanned<Score>>,
    pub(in crate::policy) add_each_further: Option<Spanned<Score>>,
    pub(in crate::policy) at_most: Option<Spanned<Score>>,
    pub(in crate::policy) stage: Option<Spanned<&'t str>>,
}

impl<'t> WrittenStage<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 4] = ["name", "weight", "merge", "labels"];
        const MERGE_HINT: &str =
            "say how its labels make one number, such as `merge = \"max\"` or `\"sum-capped\"`";
        let stage = Keys::of(table, at.clone(), "a stage", &KEYS, report);
        Self {
            at,
            name: stage.needed("name", "such as `name = \"rules\"`", report, text),
            weight: stage.needed("weight", "its part of the score: `weight = 0.5`", report, score),
            merge: stage.needed("merge", MERGE_HINT, report, text),
            labels: stage.needed("labels", "such as `labels = [\"contact.phone\"]`", report, texts),
        }
    }
}

impl WrittenStage<'_> {
    /// Whether it says which labels are its own.
    pub(in crate::policy) fn names_labels(&self) -> bool {
        self.labels.as_ref().is_some_and(|labels| !labels.get_ref().is_empty())
    }
}

impl WrittenLift {
    fn read(table: &DeTable<'_>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let lift = Keys::of(table, at, "a lift", &["from", "share"], report);
        let from = "the least number of a stage that lifts the score: `from = 0.85`";
        let share = "the part of that number which the score is at least: `share = 0.8`";
        Self {
            from: lift.needed("from", from, report, score),
            share: lift.needed("share", share, report, score),
        }
    }
}

impl<'t> WrittenModifier<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 7] =
            ["name", "labels", "with", "add", "add_each_further", "at_most", "stage"];
        let modifier = Keys::of(table, at.clone(), "a modifier", &KEYS, report);
        let how_much = ["add", "add_each_further"];
        let labels =
            "name those because of which something is added: `labels = [\"contact.phone\"]`";
        Self {
            at,
            name: modifier.needed("name", "such as `name = \"further-contact\"`", report, text),
            labels: modifier.needed("labels", labels, report, texts),
            with: modifier.given("with", report, texts),
            says_how_much: how_much.iter().any(|key| modifier.has(key)),
            add: modifier.given("add", report, score),
            add_each_further: modifier.given("add_each_further", report, score),
            at_most: modifier.given("at_most", report, score),
            stage: modifier.given("stage", report, text),
        }
    }
}

pub(super) fn stages<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenStage<'t>>> {
    let hint = "write each stage below a `[[stages]]` of its own";
    tables(what, value, hint, WrittenStage::read, report)
}

pub(super) fn modifiers<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenModifier<'t>>> {
    let hint = "write each modifier below a `[[modifiers]]` of its own";
    tables(what, value, hint, WrittenModifier::read, report)
}

pub(super) fn lift<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<WrittenLift> {
    let hint = "write `[lift]`, and below it `from = 0.85` and `share = 0.8`";
    match value.get_ref() {
        DeValue::Table(table) => Some(WrittenLift::read(table, value.span(), report)),
        _ => wrong_type(what, "a table", value, Some(hint.to_owned()), report),
    }
}
