//! Lists: values of an event that a policy knows by name, each until its time. Whether an event is on
//! one follows from the event and from when it is decided, and so replays.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value as Json;
use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::{WrittenEntry, WrittenList};
use super::words::{quote, suggest, word};
use crate::model::event::Field;
use crate::model::{Event, Timestamp};

/// Lists that one policy may have.
const LISTS_MAX: usize = 32;
/// Entries of one list.
const ENTRIES_MAX: usize = 2_000;
/// Bytes of a value or of a reason.
const TEXT_BYTES_MAX: usize = 256;

/// Values that mean something to a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Lower-case words joined by `_`: it stands in conditions as `lists.NAME`.
    pub name: String,
    pub kind: ListKind,
    /// The dotted path into the event whose value is looked for.
    pub field: String,
    /// Invariant: sorted by value, each value once.
    entries: Vec<Entry>,
}

/// What a list is for. What follows from being on it is said by the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListKind {
    Allow,
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    value: String,
    until: Option<Timestamp>,
}

impl ListKind {
    pub const ALL: [Self; 2] = [Self::Allow, Self::Deny];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for ListKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl List {
    /// Whether an event that is decided at this time is on it. A text or whole number of the event is
    /// compared to the letter; of a list of those one is enough.
    pub fn has(&self, event: &Event, at: Timestamp) -> bool {
        match event.field(&self.field) {
            Some(Field::Attribute(text)) => self.holds(text, at),
            Some(Field::Json(Json::Array(items))) => {
                items.iter().any(|item| self.holds_json(item, at))
            }
            Some(Field::Json(json)) => self.holds_json(json, at),
            None => false,
        }
    }

    fn holds_json(&self, json: &Json, at: Timestamp) -> bool {
        match json {
            Json::String(text) => self.holds(text, at),
            Json::Number(number) if !number.is_f64() => self.holds(&number.to_string(), at),
            _ => false,
        }
    }

    /// Exactly at its end an entry is gone.
    fn holds(&self, value: &str, at: Timestamp) -> bool {
        let found = self.entries.binary_search_by(|entry| entry.value.as_str().cmp(value));
        found.is_ok_and(|place| self.entries[place].until.is_none_or(|until| at < until))
    }
}

/// The lists, if nothing is wrong with them.
pub(super) fn check(
    written: &Spanned<Vec<WrittenList<'_>>>,
    report: &mut Report<'_>,
) -> Option<Vec<List>> {
    let lists = written.get_ref();
    if let Some(beyond) = lists.get(LISTS_MAX) {
        let message = format!("{} lists; {LISTS_MAX} are allowed", lists.len());
        report.error(code::TOO_LARGE, beyond.at.clone(), message, None);
    }
    let mut seen = HashMap::new();
    for name in lists.iter().filter_map(|list| list.name.as_ref()) {
        if let Some(first) = seen.insert(*name.get_ref(), name.span().start) {
            let line = report.line(first);
            let message = format!("the list {} is already on line {line}", quote(name.get_ref()));
            let hint = "rules tell lists by their names: give each its own".to_owned();
            report.error(code::DUPLICATE, name.span(), message, hint);
        }
    }
    let checked: Vec<Option<List>> = lists.iter().map(|list| check_one(list, report)).collect();
    checked.into_iter().collect()
}

fn check_one(written: &WrittenList<'_>, report: &mut Report<'_>) -> Option<List> {
    let name = written.name.as_ref().and_then(|name| check_name(name, "list", report));
    let kind = word(written.kind.as_ref(), "kind", ListKind::ALL, ListKind::as_str, report);
    let field = written.field.as_ref().and_then(|field| check_field(field, report));
    let entries = written.entries.as_ref().and_then(|entries| check_entries(entries, report));
    Some(List { name: name?, kind: kind?, field: field?, entries: entries? })
}

/// A name that can stand in a condition: `lists.known-good` would be a subtraction. `what` has it.
pub(super) fn check_name(
    written: &Spanned<&str>,
    what: &str,
    report: &mut Report<'_>,
) -> Option<String> {
    let underscored = written.get_ref().replace('_', "-");
    let good = !written.get_ref().contains('-')
        && underscored.starts_with(|c: char| c.is_ascii_lowercase())
        && crate::model::manifest::is_name(&underscored);
    if !good {
        let message = format!("{} is not a name for a {what}", quote(written.get_ref()));
        let hint = format!(
            "write lower-case letters and digits in words joined by `_`, at most 64 characters: it \
             stands in conditions as `{what}s.NAME`"
        );
        report.error(code::MALFORMED, written.span(), message, hint);
    }
    good.then(|| (*written.get_ref()).to_owned())
}

/// A field of an event, by its path.
pub(super) fn check_field(written: &Spanned<&str>, report: &mut Report<'_>) -> Option<String> {
    const FIRST: [&str; 5] = ["subject", "data", "type", "id", "source"];
    let field = *written.get_ref();
    let (first, rest) = field.split_once('.').map_or((field, None), |(a, b)| (a, Some(b)));
    let parts = rest.is_none_or(|rest| rest.split('.').all(|part| !part.is_empty()));
    let good = FIRST.contains(&first) && (first == "data") == rest.is_some() && parts;
    if !good {
        let message = format!("{} is no field of an event", quote(field));
        let hint = match FIRST.contains(&first) {
            true => "write `subject`, `type`, `id`, `source`, or a path such as `data.thread_id`"
                .to_owned(),
            false => suggest(first, &FIRST),
        };
        report.error(code::UNKNOWN_NAME, written.span(), message, hint);
    }
    good.then(|| field.to_owned())
}

fn check_entries(
    written: &Spanned<Vec<WrittenEntry<'_>>>,
    report: &mut Report<'_>,
) -> Option<Vec<Entry>> {
    let entries = written.get_ref();
    if let Some(beyond) = entries.get(ENTRIES_MAX).and_then(|entry| entry.value.as_ref()) {
        let message = format!("{} entries; {ENTRIES_MAX} are allowed", entries.len());
        report.error(code::TOO_LARGE, beyond.span(), message, None);
    }
    let mut seen = HashMap::new();
    for entry in entries {
        for text in [&entry.value, &entry.why].into_iter().flatten() {
            check_text(text, report);
        }
        let Some(value) = &entry.value else { continue };
        if let Some(first) = seen.insert(*value.get_ref(), value.span().start) {
            let line = report.line(first);
            let message = format!("{} is already on line {line}", quote(value.get_ref()));
            report.error(code::DUPLICATE, value.span(), message, "remove one of them".to_owned());
        }
    }
    let entry = |entry: &WrittenEntry<'_>| {
        let value = (*entry.value.as_ref()?.get_ref()).to_owned();
        let until = entry.until.as_ref().map(|until| *until.get_ref());
        // An end that could not be read is not the same as none.
        (until.is_some() == entry.ends).then_some(Entry { value, until })
    };
    let mut checked: Vec<Entry> = entries.iter().map(entry).collect::<Option<_>>()?;
    checked.sort_by(|a, b| a.value.cmp(&b.value));
    Some(checked)
}

/// A value or a reason: something, and not too long.
pub(super) fn check_text(text: &Spanned<&str>, report: &mut Report<'_>) {
    let length = text.get_ref().len();
    if text.get_ref().trim().is_empty() {
        report.error(code::EMPTY, text.span(), "nothing is written here", None);
    } else if length > TEXT_BYTES_MAX {
        let message = format!("{length} bytes; {TEXT_BYTES_MAX} are allowed");
        report.error(code::TOO_LARGE, text.span(), message, None);
    }
}
