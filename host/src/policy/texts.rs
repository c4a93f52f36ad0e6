//! Texts for the end user: in each of the policy's languages, with places for what the decision says. Which
//! language somebody reads follows from the event, and what stands in a place from the decision, so that a
//! replay says the same.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use toml::Spanned;

use super::diagnostic::{Report, code};
use super::document::{Document, WrittenTexts};
use super::expression::Origin;
use super::lists::check_field;
use super::words::{quote, suggest};
use crate::model::event::Field;
use crate::model::text::{Misplaced, PLACES_MAX};
use crate::model::{Action, Event, Language, Scope, ScopedAction, Template, Timestamp, lookup};

/// Bytes of a text for the end user, as it is written.
const MESSAGE_BYTES_MAX: usize = 1_000;
/// Languages that one text may be in.
const LANGUAGES_MAX: usize = 64;

/// What a text may say of the decision.
pub const PLACES: [&str; 6] = ["action", "scope", "until", "count", "tier", "reason"];

/// What stands where a decision has nothing to say.
const NOTHING: &str = "-";

/// In which languages a policy speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Languages {
    /// Of texts of which none is in the language that is wanted. `None`: each text is one alone.
    pub default: Option<Language>,
    /// The dotted path into the event that holds the subject's language.
    pub field: Option<String>,
}

/// A text in one language or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// Where the wanted language is not among `others`.
    default: Template,
    others: Vec<(Language, Template)>,
}

/// What a text says of a decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    /// Never empty.
    pub actions: &'a [ScopedAction],
    /// The number of its strike; 0 where it gives none.
    pub count: u32,
    pub tier: &'a str,
    pub reason: &'a str,
}

/// What the text of a verdict is made of, for when it is known how it escalates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    pub(super) language: Option<Language>,
    /// `None`: the end user is told nothing.
    pub(super) text: Option<Template>,
    pub(super) tier: String,
    pub(super) reason: String,
}

impl Languages {
    /// The language of an event's subject, as far as it is said and is one.
    pub(super) fn of(&self, event: &Event) -> Option<Language> {
        match event.field(self.field.as_deref()?)? {
            Field::Attribute(text) => text.parse().ok(),
            Field::Json(Json::String(text)) => text.parse().ok(),
            Field::Json(Json::Array(items)) => items.first()?.as_str()?.parse().ok(),
            Field::Json(_) => None,
        }
    }
}

impl Texts {
    /// The text for somebody who reads this language.
    pub fn in_language(&self, language: Option<&Language>) -> &Template {
        let all = self.others.iter().map(|(own, text)| (own, text));
        language.and_then(|language| lookup(language, all)).unwrap_or(&self.default)
    }
}

impl Serialize for Texts {
    /// As they are written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.others.is_empty() {
            return serializer.collect_str(&self.default);
        }
        let mut map = serializer.serialize_map(None)?;
        for (language, text) in &self.others {
            map.serialize_entry(language, &text.to_string())?;
        }
        map.end()
    }
}

impl Said<'_> {
    pub fn in_words(&self, text: &Template) -> String {
        text.render(|place| match place {
            "action" => self.strongest().0.as_str().replace('_', " "),
            "scope" => self.strongest().1.as_str().to_owned(),
            "until" => self.end().map_or_else(|| NOTHING.to_owned(), Timestamp::to_minute),
            "count" => self.count.to_string(),
            "tier" => self.tier.to_owned(),
            _ => self.reason.to_owned(),
        })
    }

    fn strongest(&self) -> (Action, Scope) {
        let each = self.actions.iter().map(|own| (own.action, own.scope));
        each.max().unwrap_or((Action::Allow, Scope::Message))
    }

    /// When the most severe of those actions ends that end at all.
    fn end(&self) -> Option<Timestamp> {
        let ends = self.actions.iter().filter_map(|own| Some((own.action, own.expires_at?)));
        ends.max().map(|(_, end)| end)
    }
}

/// The languages of a document; what is wrong is reported.
pub(super) fn languages(document: &Document<'_>, report: &mut Report<'_>) -> Option<Languages> {
    let default = match &document.default_language {
        Some(written) => Some(language(written, report)?),
        None => None,
    };
    let field = match &document.language_field {
        Some(written) => Some(check_field(written, report)?),
        None => None,
    };
    if let (Some(written), None) = (&document.language_field, &document.default_language) {
        let message = "`language_field` says who reads which language, and no `default_language` \
                       what all others read";
        let hint = "add `default_language = \"en\"`, or what the texts are in".to_owned();
        report.error(code::LANGUAGES, written.span(), message, hint);
        return None;
    }
    Some(Languages { default, field })
}

/// A text, if nothing is wrong with it. Without `prove` a place that is not known stands for itself.
pub(super) fn check(
    written: &Spanned<WrittenTexts<'_>>,
    languages: Option<&Languages>,
    prove: bool,
    report: &mut Report<'_>,
) -> Option<Texts> {
    let each = match written.get_ref() {
        WrittenTexts::One(text) => {
            let default = template(text, prove, report)?;
            return Some(Texts { default, others: Vec::new() });
        }
        WrittenTexts::Each(each) => each,
    };
    if let Some((beyond, _)) = each.get(LANGUAGES_MAX) {
        let message = format!("{} languages; {LANGUAGES_MAX} are allowed", each.len());
        report.error(code::TOO_LARGE, beyond.span(), message, None);
        return None;
    }
    let mut others: Vec<(Language, Template)> = Vec::with_capacity(each.len());
    let mut good = true;
    for (name, text) in each {
        let (Some(language), Some(text)) = (language(name, report), template(text, prove, report))
        else {
            good = false;
            continue;
        };
        if others.iter().any(|(own, _)| *own == language) {
            let message = format!("the language {} is there twice", quote(name.get_ref()));
            report.error(code::DUPLICATE, name.span(), message, "remove one of them".to_owned());
            good = false;
        }
        others.push((language, text));
    }
    // What is wrong with the languages themselves was reported.
    let languages = languages?;
    let Some(own) = &languages.default else {
        let message = "texts by language, and no `default_language` for whoever reads none of them";
        let hint = "write `default_language = \"en\"` beside `name`, or the language of yours";
        report.error(code::LANGUAGES, written.span(), message, hint.to_owned());
        return None;
    };
    let default = others.iter().find(|(language, _)| language == own);
    if default.is_none() && good {
        let message = format!("no text in `{own}`, the `default_language`");
        let hint = "whoever reads none of the others reads that one: write it".to_owned();
        report.error(code::LANGUAGES, written.span(), message, hint);
    }
    let default = default?.1.clone();
    good.then_some(Texts { default, others })
}

fn language(written: &Spanned<&str>, report: &mut Report<'_>) -> Option<Language> {
    let language = written.get_ref().parse().ok();
    if language.is_none() {
        let message = format!("{} is no language", quote(written.get_ref()));
        let hint = "write it as BCP 47 does, such as `en` or `pt-BR`".to_owned();
        report.error(code::MALFORMED, written.span(), message, hint);
    }
    language
}

fn template(written: &Spanned<&str>, prove: bool, report: &mut Report<'_>) -> Option<Template> {
    let (text, at) = (*written.get_ref(), written.span());
    if text.trim().is_empty() {
        let hint = "leave `message` out where the end user is told nothing".to_owned();
        report.error(code::EMPTY, at, "`message` is empty", hint);
        return None;
    }
    if text.len() > MESSAGE_BYTES_MAX {
        let said = format!("`message` has {} bytes; {MESSAGE_BYTES_MAX} are allowed", text.len());
        report.error(code::TOO_LARGE, at, said, None);
        return None;
    }
    let faults = match Template::parse(text, &PLACES) {
        Ok(template) => return Some(template),
        Err(_) if !prove => return Some(Template::lenient(text, &PLACES)),
        Err(faults) => faults,
    };
    let origin = Origin::of(report.text(), at, text);
    for fault in faults {
        let (part, message, hint) = match fault {
            Misplaced::Unknown(part) => {
                let name = &text[part.clone()];
                let message = format!("a text has no place {}", quote(&format!("{{{name}}}")));
                (part.start - 1..part.end + 1, message, suggest(name.trim(), &PLACES))
            }
            Misplaced::Brace(part) => {
                let hint = "write `{{` for a `{` that is meant, and `}}` for a `}`".to_owned();
                (part, "a brace that neither begins nor ends a place".to_owned(), hint)
            }
            Misplaced::TooMany(part) => {
                let message = format!("more than {PLACES_MAX} places");
                (part, message, "say it once".to_owned())
            }
        };
        report.error(code::PLACEHOLDER, origin.place(part), message, hint);
    }
    None
}

/// Warns of what no decision of the policy has anything to say to, and of languages that nobody gets.
pub(super) fn warn(document: &Document<'_>, languages: &Languages, report: &mut Report<'_>) {
    let (tiers, strikes, rules) = (&document.tiers, &document.strikes, &document.rules);
    let steps = strikes.iter().filter_map(|all| all.get_ref().steps.as_ref());
    let steps: Vec<_> = steps.flat_map(|steps| steps.get_ref()).collect();
    let tiers: Vec<_> = tiers.iter().flat_map(|tiers| tiers.get_ref()).collect();
    let ends = tiers.iter().any(|tier| tier.ends)
        || steps.iter().any(|step| step.says_how_long)
        || rules.iter().flat_map(|rules| rules.get_ref()).any(|rule| rule.ends);
    let texts = (tiers.iter().filter_map(|tier| tier.message.as_ref()))
        .chain(steps.iter().filter_map(|step| step.message.as_ref()));
    let mut several = None;
    for written in texts {
        let each: Vec<&Spanned<&str>> = match written.get_ref() {
            WrittenTexts::One(text) => vec![text],
            WrittenTexts::Each(each) => each.iter().map(|(_, text)| text).collect(),
        };
        several = several.or((each.len() > 1).then(|| written.span()));
        for text in each {
            let idle = [
                ("until", ends, "nothing that the policy enforces ends by itself"),
                ("count", strikes.is_some(), "the policy gives no strikes"),
            ];
            for (place, _, why) in idle.into_iter().filter(|(_, says, _)| !says) {
                let template = Template::lenient(text.get_ref(), &PLACES);
                if !template.places().any(|own| own == place) {
                    continue;
                }
                let place = format!("{{{place}}}");
                let Some(at) = text.get_ref().find(&place) else { continue };
                let origin = Origin::of(report.text(), text.span(), text.get_ref());
                let message = format!("`{place}` has nothing to say: {why}");
                let at = origin.place(at..at + place.len());
                report.warning(code::IDLE_PLACE, at, message, "leave it out".to_owned());
            }
        }
    }
    if let (Some(at), None) = (several, &languages.field) {
        let message = "texts in several languages, and nothing says who reads which";
        let hint = "name the field of the event that does: `language_field = \"data.language\"`";
        report.warning(code::ONE_LANGUAGE, at, message, hint.to_owned());
    }
}

#[cfg(test)]
mod tests;
