//! How a document says which tiers give a strike, and what strikes lead to.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Report;
use super::super::values::{hours, text, texts, whole, wrong_type};
use super::texts::{WrittenTexts, languages};
use super::{Keys, tables};

pub(in crate::policy) struct WrittenStrikes<'t> {
    pub(in crate::policy) tiers: Option<Spanned<Vec<Spanned<&'t str>>>>,
    pub(in crate::policy) window_days: Option<Spanned<u32>>,
    pub(in crate::policy) steps: Option<Spanned<Vec<WrittenStep<'t>>>>,
}

pub(in crate::policy) struct WrittenStep<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) action: Option<Spanned<&'t str>>,
    /// Whether the key is there, readable or not.
    pub(in crate::policy) says_how_long: bool,
    pub(in crate::policy) for_h: Option<Spanned<u32>>,
    pub(in crate::policy) message: Option<Spanned<WrittenTexts<'t>>>,
}

impl<'t> WrittenStrikes<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 3] = ["tiers", "window_days", "steps"];
        const STEPS_HINT: &str = "say what the first strike leads to, the second and so on: a `[[strikes.steps]]` for each";
        let strikes = Keys::of(table, at, "strikes", &KEYS, report);
        Self {
            tiers: strikes.needed("tiers", "such as `tiers = [\"high\"]`", report, texts),
            window_days: strikes.needed(
                "window_days",
                "how long a strike counts: `window_days = 30`",
                report,
                whole,
            ),
            steps: strikes.needed("steps", STEPS_HINT, report, steps),
        }
    }
}

impl<'t> WrittenStep<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        let step = Keys::of(table, at.clone(), "a step", &["action", "for_h", "message"], report);
        Self {
            at,
            action: step.needed("action", "such as `action = \"cooldown\"`", report, text),
            says_how_long: table.contains_key("for_h"),
            for_h: step.given("for_h", report, hours),
            message: step.given("message", report, languages),
        }
    }
}

pub(super) fn strikes<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<WrittenStrikes<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => Some(WrittenStrikes::read(table, value.span(), report)),
        _ => wrong_type(what, "a table", value, None, report),
    }
}

fn steps<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenStep<'t>>> {
    let hint = "write each step below a `[[strikes.steps]]` of its own";
    tables(what, value, hint, WrittenStep::read, report)
}
