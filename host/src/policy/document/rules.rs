//! Rules, lists and exemptions as they are written.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Report;
use super::super::values::{boolean, hours, text, texts, time};
use super::{Keys, tables};
use crate::model::Timestamp;

pub(in crate::policy) struct WrittenRule<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) name: Option<Spanned<&'t str>>,
    pub(in crate::policy) when: Option<Spanned<&'t str>>,
    /// Whether a key that says what follows is there, readable or not.
    pub(in crate::policy) does_something: bool,
    pub(in crate::policy) floor: Option<Spanned<&'t str>>,
    pub(in crate::policy) ceiling: Option<Spanned<&'t str>>,
    pub(in crate::policy) tag: Option<Spanned<&'t str>>,
    pub(in crate::policy) action: Option<Spanned<&'t str>>,
    pub(in crate::policy) scope: Option<Spanned<&'t str>>,
    /// Whether `for_h` is there, readable or not.
    pub(in crate::policy) ends: bool,
    pub(in crate::policy) for_h: Option<Spanned<u32>>,
    pub(in crate::policy) alert: Option<Spanned<&'t str>>,
    pub(in crate::policy) review: Option<Spanned<bool>>,
}

pub(in crate::policy) struct WrittenList<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) name: Option<Spanned<&'t str>>,
    pub(in crate::policy) kind: Option<Spanned<&'t str>>,
    pub(in crate::policy) field: Option<Spanned<&'t str>>,
    pub(in crate::policy) entries: Option<Spanned<Vec<WrittenEntry<'t>>>>,
}

pub(in crate::policy) struct WrittenEntry<'t> {
    pub(in crate::policy) value: Option<Spanned<&'t str>>,
    /// Whether `until` is there, readable or not.
    pub(in crate::policy) ends: bool,
    pub(in crate::policy) until: Option<Spanned<Timestamp>>,
    pub(in crate::policy) why: Option<Spanned<&'t str>>,
}

pub(in crate::policy) struct WrittenExemption<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) subjects: Option<Spanned<Vec<Spanned<&'t str>>>>,
    pub(in crate::policy) until: Option<Spanned<Timestamp>>,
    pub(in crate::policy) why: Option<Spanned<&'t str>>,
}

impl<'t> WrittenRule<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 10] = [
            "name", "when", "floor", "ceiling", "tag", "action", "scope", "for_h", "alert",
            "review",
        ];
        let rule = Keys::of(table, at.clone(), "a rule", &KEYS, report);
        let does = ["floor", "ceiling", "tag", "action", "alert", "review"];
        let when = "the condition, in CEL: `when = 'tier == \"low\" && score > 0.2'`";
        Self {
            at,
            name: rule.needed("name", "such as `name = \"large-jobs\"`", report, text),
            when: rule.needed("when", when, report, text),
            does_something: does.iter().any(|key| rule.has(key)),
            floor: rule.given("floor", report, text),
            ceiling: rule.given("ceiling", report, text),
            tag: rule.given("tag", report, text),
            action: rule.given("action", report, text),
            scope: rule.given("scope", report, text),
            ends: rule.has("for_h"),
            for_h: rule.given("for_h", report, hours),
            alert: rule.given("alert", report, text),
            review: rule.given("review", report, boolean),
        }
    }
}

impl<'t> WrittenList<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 4] = ["name", "kind", "field", "entries"];
        let list = Keys::of(table, at.clone(), "a list", &KEYS, report);
        let kind = "what it is for: `kind = \"allow\"` or `\"deny\"`";
        let field = "what of an event is on it: `field = \"subject\"`, `\"data.thread_id\"`";
        Self {
            at,
            name: list.needed("name", "such as `name = \"verified\"`", report, text),
            kind: list.needed("kind", kind, report, text),
            field: list.needed("field", field, report, text),
            entries: list.needed(
                "entries",
                "such as `entries = [{ value = \"user-17\" }]`",
                report,
                entries,
            ),
        }
    }
}

impl<'t> WrittenEntry<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let entry = Keys::of(table, at, "an entry", &["value", "until", "why"], report);
        Self {
            value: entry.needed("value", "such as `value = \"user-17\"`", report, text),
            ends: entry.has("until"),
            until: entry.given("until", report, time),
            why: entry.given("why", report, text),
        }
    }
}

impl<'t> WrittenExemption<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let exemption =
            Keys::of(table, at.clone(), "an exemption", &["subjects", "until", "why"], report);
        let until = "an exemption ends: `until = \"2026-12-31T00:00:00Z\"`";
        let why = "say it to whoever reads a decision: `why = \"...\"`";
        Self {
            at,
            subjects: exemption.needed("subjects", "such as `[\"user-17\"]`", report, texts),
            until: exemption.needed("until", until, report, time),
            why: exemption.needed("why", why, report, text),
        }
    }
}

pub(super) fn rules<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenRule<'t>>> {
    tables(what, value, "write each rule below a `[[rules]]` of its own", WrittenRule::read, report)
}

pub(super) fn lists<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenList<'t>>> {
    tables(what, value, "write each list below a `[[lists]]` of its own", WrittenList::read, report)
}

fn entries<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenEntry<'t>>> {
    let hint = "write each entry as `{ value = \"user-17\" }`, or below a `[[lists.entries]]`";
    tables(what, value, hint, WrittenEntry::read, report)
}

pub(super) fn exemptions<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenExemption<'t>>> {
    let hint = "write each exemption below an `[[exemptions]]` of its own";
    tables(what, value, hint, WrittenExemption::read, report)
}
