//! How a document says when what is asked of an account begins.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Report;
use super::super::values::{text, whole, wrong_type};
use super::Keys;

pub(in crate::policy) struct WrittenEnforcement<'t> {
    pub(in crate::policy) jitter_minutes: Option<Spanned<u32>>,
    pub(in crate::policy) hours: Option<Spanned<WrittenHours<'t>>>,
    pub(in crate::policy) offset: Option<Spanned<&'t str>>,
}

pub(in crate::policy) struct WrittenHours<'t> {
    pub(in crate::policy) from: Option<Spanned<&'t str>>,
    pub(in crate::policy) to: Option<Spanned<&'t str>>,
}

impl<'t> WrittenEnforcement<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 3] = ["jitter_minutes", "hours", "offset"];
        let enforcement = Keys::of(table, at, "enforcement", &KEYS, report);
        Self {
            jitter_minutes: enforcement.given("jitter_minutes", report, whole),
            hours: enforcement.given("hours", report, hours),
            offset: enforcement.given("offset", report, text),
        }
    }
}

impl<'t> WrittenHours<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const HINT: &str = "such as `hours = { from = \"08:00\", to = \"20:00\" }`";
        let hours = Keys::of(table, at, "hours", &["from", "to"], report);
        Self {
            from: hours.needed("from", HINT, report, text),
            to: hours.needed("to", HINT, report, text),
        }
    }
}

pub(super) fn enforcement<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<WrittenEnforcement<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(WrittenEnforcement::read(table, value.span(), report)),
        _ => wrong_type(what, "a table", value, None, report),
    }
}

fn hours<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<WrittenHours<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(WrittenHours::read(table, value.span(), report)),
        _ => wrong_type(what, "a table", value, None, report),
    }
}
