//! Features as they are written.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::diagnostic::Report;
use super::super::values::{text, texts, whole};
use super::{Keys, tables};

pub(in crate::policy) struct WrittenFeature<'t> {
    /// Its header, or where it is written in line.
    pub(in crate::policy) at: Range<usize>,
    pub(in crate::policy) name: Option<Spanned<&'t str>>,
    pub(in crate::policy) function: Option<Spanned<&'t str>>,
    pub(in crate::policy) of: Option<Spanned<&'t str>>,
    pub(in crate::policy) by: Option<Spanned<&'t str>>,
    pub(in crate::policy) window_s: Option<Spanned<u32>>,
    pub(in crate::policy) events: Option<Spanned<Vec<Spanned<&'t str>>>>,
    /// Whether `of` or `events` is there and could not be read.
    pub(in crate::policy) damaged: bool,
}

impl<'t> WrittenFeature<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 6] = ["name", "function", "of", "by", "window_s", "events"];
        let feature = Keys::of(table, at.clone(), "a feature", &KEYS, report);
        let function = "what it says of earlier events: `function = \"count\"`, `\"sum\"`, `\"mean\"`, \
                        `\"distinct\"`, `\"first_seen\"` or `\"last_seen\"`";
        let by = "whose past it is about: `by = \"subject\"`, `\"data.thread_id\"`";
        let window = "how many seconds back it looks: `window_s = 3600`";
        let of = feature.given("of", report, text);
        let events = feature.given("events", report, texts);
        let damaged =
            (feature.has("of") && of.is_none()) || (feature.has("events") && events.is_none());
        Self {
            at,
            name: feature.needed("name", "such as `name = \"messages_1h\"`", report, text),
            function: feature.needed("function", function, report, text),
            of,
            by: feature.needed("by", by, report, text),
            window_s: feature.needed("window_s", window, report, whole),
            events,
            damaged,
        }
    }
}

pub(super) fn features<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenFeature<'t>>> {
    let hint = "write each feature below a `[[features]]` of its own";
    tables(what, value, hint, WrittenFeature::read, report)
}
