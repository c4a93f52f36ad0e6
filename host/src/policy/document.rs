//! A policy document as written: its keys and the types of their values, each with its place in the
//! text. What the values mean is checked elsewhere.

mod enforcement;
mod features;
mod rules;
mod scoring;
mod strikes;
mod texts;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::diagnostic::{Report, code};
use super::values::{boolean, hours, score, text, texts, wrong_type};
use super::words::{nearest, quote, suggest};
use crate::model::Score;

pub(super) use enforcement::{WrittenEnforcement, WrittenHours};
pub(super) use features::WrittenFeature;
pub(super) use rules::{WrittenEntry, WrittenExemption, WrittenList, WrittenRule};
pub(super) use scoring::{WrittenLift, WrittenModifier, WrittenStage};
pub(super) use strikes::{WrittenStep, WrittenStrikes};
pub(super) use texts::WrittenTexts;

/// What was written; `None` and left out where it is missing or of the wrong type, which is then
/// reported.
pub(super) struct Document<'t> {
    pub(super) name: Option<Spanned<&'t str>>,
    pub(super) source: Option<Spanned<&'t str>>,
    pub(super) events: Option<Spanned<Vec<Spanned<&'t str>>>>,
    pub(super) requires: Option<Spanned<Vec<Spanned<&'t str>>>>,
    pub(super) on_error: Option<Spanned<&'t str>>,
    pub(super) default_language: Option<Spanned<&'t str>>,
    pub(super) language_field: Option<Spanned<&'t str>>,
    pub(super) merge: Option<Spanned<&'t str>>,
    pub(super) weights: Option<Spanned<Vec<Weight<'t>>>>,
    pub(super) stages: Option<Spanned<Vec<WrittenStage<'t>>>>,
    pub(super) lift: Option<Spanned<WrittenLift>>,
    pub(super) modifiers: Option<Spanned<Vec<WrittenModifier<'t>>>>,
    pub(super) tiers: Option<Spanned<Vec<WrittenTier<'t>>>>,
    pub(super) strikes: Option<Spanned<WrittenStrikes<'t>>>,
    pub(super) enforcement: Option<Spanned<WrittenEnforcement<'t>>>,
    pub(super) rules: Option<Spanned<Vec<WrittenRule<'t>>>>,
    pub(super) lists: Option<Spanned<Vec<WrittenList<'t>>>>,
    pub(super) features: Option<Spanned<Vec<WrittenFeature<'t>>>>,
    pub(super) exemptions: Option<Spanned<Vec<WrittenExemption<'t>>>>,
}

pub(super) struct Weight<'t> {
    pub(super) label: Spanned<&'t str>,
    pub(super) weight: Option<Score>,
}

pub(super) struct WrittenTier<'t> {
    /// Its header, or where it is written in line.
    pub(super) at: Range<usize>,
    pub(super) name: Option<Spanned<&'t str>>,
    pub(super) from: Option<Spanned<Score>>,
    pub(super) to: Option<Spanned<Score>>,
    pub(super) action: Option<Spanned<&'t str>>,
    pub(super) scope: Option<Spanned<&'t str>>,
    /// Whether `for_h` is there, readable or not.
    pub(super) ends: bool,
    pub(super) for_h: Option<Spanned<u32>>,
    pub(super) review: Option<Spanned<bool>>,
    pub(super) message: Option<Spanned<WrittenTexts<'t>>>,
}

const ON_ERROR_HINT: &str = "say what a failed or absent detector means: `on_error = \"allow\"` lets \
    what was found decide alone, `\"review\"` also asks a person to look, `\"deny\"` also withholds \
    the message (at least `soft_block`) and asks a person to look";
const MERGE_HINT: &str = "say how labels make one score: `merge = \"max\"` takes the worst one, \
    `\"noisy-or\"` lets them confirm each other, `\"weighted\"` averages over all weights, \
    `\"sum-capped\"` adds them up, `\"stage-weighted\"` merges the labels of each stage and adds up \
    the stages";

/// The tables of a document, as far as it is TOML. A key that is written twice is reported and the
/// rest still read; after any other fault of syntax nothing more is said, for it would be guessed.
pub(super) fn parse<'t>(text: &'t str, report: &mut Report<'_>) -> Option<DeTable<'t>> {
    let (table, faults) = DeTable::parse_recoverable(text);
    let place = |span: Option<Range<usize>>| span.unwrap_or(text.len()..text.len());
    if let Some(fault) = faults.iter().find(|fault| fault.message() != "duplicate key") {
        let span = place(fault.span());
        let hint = unquoted(text, &span)
            .map(|word| format!("texts stand in quotes: put `\"` around {}", quote(word)));
        report.error(code::SYNTAX, span, fault.message(), hint);
        return None;
    }
    for fault in faults {
        let span = place(fault.span());
        let key = quote(text.get(span.clone()).unwrap_or_default().trim_matches(['"', '\'']));
        let hint = "each key is written once: remove one of them".to_owned();
        report.error(code::DUPLICATE, span, format!("{key} is written twice"), hint);
    }
    Some(table.into_inner())
}

/// The bare word that stands where a value should, the likeliest fault of syntax in a policy.
fn unquoted<'t>(text: &'t str, span: &Range<usize>) -> Option<&'t str> {
    let word = text.get(span.clone())?;
    let value = text.get(..span.start)?.trim_end().ends_with(['=', ',', '[']);
    (value && word.starts_with(char::is_alphabetic)).then_some(word)
}

impl<'t> Document<'t> {
    pub(super) fn read(table: &'t DeTable<'t>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 19] = [
            "name",
            "source",
            "events",
            "requires",
            "on_error",
            "default_language",
            "language_field",
            "merge",
            "weights",
            "stages",
            "lift",
            "modifiers",
            "tiers",
            "strikes",
            "enforcement",
            "rules",
            "lists",
            "features",
            "exemptions",
        ];
        let top = Keys::of(table, 0..0, "a policy", &KEYS, report);
        Self {
            name: top.needed("name", "such as `name = \"qwickservices\"`", report, text),
            source: top.needed("source", "name the platform that is judged", report, text),
            events: top.needed("events", "such as `events = [\"message.*\"]`", report, texts),
            requires: top.given("requires", report, texts),
            on_error: top.needed("on_error", ON_ERROR_HINT, report, text),
            default_language: top.given("default_language", report, text),
            language_field: top.given("language_field", report, text),
            merge: top.needed("merge", MERGE_HINT, report, text),
            weights: top.needed(
                "weights",
                "such as `[weights]` and `\"contact.phone\" = 0.85`",
                report,
                weights,
            ),
            stages: top.given("stages", report, scoring::stages),
            lift: top.given("lift", report, scoring::lift),
            modifiers: top.given("modifiers", report, scoring::modifiers),
            tiers: top.needed("tiers", "begin with a `[[tiers]]` from 0.0", report, tiers),
            strikes: top.given("strikes", report, strikes::strikes),
            enforcement: top.given("enforcement", report, enforcement::enforcement),
            rules: top.given("rules", report, rules::rules),
            lists: top.given("lists", report, rules::lists),
            features: top.given("features", report, features::features),
            exemptions: top.given("exemptions", report, rules::exemptions),
        }
    }
}

impl<'t> WrittenTier<'t> {
    fn read(table: &'t DeTable<'t>, at: Range<usize>, report: &mut Report<'_>) -> Self {
        const KEYS: [&str; 8] =
            ["name", "from", "to", "action", "scope", "for_h", "review", "message"];
        let tier = Keys::of(table, at.clone(), "a tier", &KEYS, report);
        Self {
            at,
            name: tier.needed("name", "such as `name = \"high\"`", report, text),
            from: tier.needed("from", "the least score of the tier: `from = 0.645`", report, score),
            to: tier.given("to", report, score),
            action: tier.needed("action", "such as `action = \"nudge\"`", report, text),
            scope: tier.given("scope", report, text),
            ends: tier.has("for_h"),
            for_h: tier.given("for_h", report, hours),
            review: tier.given("review", report, boolean),
            message: tier.given("message", report, texts::languages),
        }
    }
}

/// A table whose keys were checked.
struct Keys<'t> {
    table: &'t DeTable<'t>,
    at: Range<usize>,
    owner: &'static str,
    /// Known keys that an unknown one was probably meant to be: not reported as missing as well.
    misspelt: Vec<&'static str>,
}

impl<'t> Keys<'t> {
    fn of(
        table: &'t DeTable<'t>,
        at: Range<usize>,
        owner: &'static str,
        known: &[&'static str],
        report: &mut Report<'_>,
    ) -> Self {
        let mut misspelt = Vec::new();
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let (word, span) = (key.get_ref(), key.span());
            let message = format!("{owner} has no key {}", quote(word));
            report.error(code::UNKNOWN_KEY, span, message, suggest(word, known));
            misspelt.extend(nearest(word, known.iter().copied()));
        }
        Self { table, at, owner, misspelt }
    }

    /// Whether a key is there, readable or not, or was probably meant by another.
    fn has(&self, key: &str) -> bool {
        self.table.contains_key(key) || self.misspelt.contains(&key)
    }

    fn given<T>(
        &self,
        key: &str,
        report: &mut Report<'_>,
        read: Read<'t, T>,
    ) -> Option<Spanned<T>> {
        let value = self.table.get(key)?;
        Some(Spanned::new(value.span(), read(&quote(key), value, report)?))
    }

    fn needed<T>(
        &self,
        key: &'static str,
        hint: &str,
        report: &mut Report<'_>,
        read: Read<'t, T>,
    ) -> Option<Spanned<T>> {
        if !self.has(key) {
            let message = format!("{} must have the key `{key}`", self.owner);
            report.error(code::MISSING_KEY, self.at.clone(), message, hint.to_owned());
        }
        self.given(key, report, read)
    }
}

/// Reads a value, given what to call it.
type Read<'t, T> = fn(&str, &'t Spanned<DeValue<'t>>, &mut Report<'_>) -> Option<T>;

fn weights<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<Weight<'t>>> {
    let DeValue::Table(table) = value.get_ref() else {
        return wrong_type(what, "a table of labels", value, None, report);
    };
    let weight = |(label, value): (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)| {
        let label: Spanned<&'t str> = Spanned::new(label.span(), label.get_ref());
        let what = quote(label.get_ref());
        if value.get_ref().is_table() {
            // `contact.phone = 0.85` without quotes is a table `contact` to TOML.
            let hint = "write the whole label in quotes: `\"contact.phone\" = 0.85`".to_owned();
            wrong_type::<()>(&what, "a number", value, Some(hint), report);
            return None;
        }
        let weight = score(&what, value, report);
        Some(Weight { label, weight })
    };
    Some(table.iter().filter_map(weight).collect())
}

fn tiers<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<Vec<WrittenTier<'t>>> {
    let hint = "write each tier below a `[[tiers]]` of its own";
    tables(what, value, hint, WrittenTier::read, report)
}

/// A list of tables, each of which `read` makes something of, given where it stands.
fn tables<'t, T>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    hint: &str,
    read: fn(&'t DeTable<'t>, Range<usize>, &mut Report<'_>) -> T,
    report: &mut Report<'_>,
) -> Option<Vec<T>> {
    let hint = Some(hint.to_owned());
    let DeValue::Array(items) = value.get_ref() else {
        return wrong_type(what, "a list of tables", value, hint, report);
    };
    let table = |item: &'t Spanned<DeValue<'t>>| match item.get_ref() {
        DeValue::Table(table) => Some(read(table, item.span(), report)),
        _ => wrong_type(&format!("an item of {what}"), "a table", item, hint.clone(), report),
    };
    Some(items.iter().filter_map(table).collect())
}
