//! A text for people as it is written: one, or one for each language.

use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::super::diagnostic::Report;
use super::super::values::{text, wrong_type};
use super::super::words::quote;

pub(in crate::policy) enum WrittenTexts<'t> {
    /// In the policy's own language.
    One(Spanned<&'t str>),
    /// By language.
    Each(Vec<(Spanned<&'t str>, Spanned<&'t str>)>),
}

pub(super) fn languages<'t>(
    what: &str,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report<'_>,
) -> Option<WrittenTexts<'t>> {
    match value.get_ref() {
        DeValue::String(one) => Some(WrittenTexts::One(Spanned::new(value.span(), one))),
        DeValue::Table(table) => {
            let each =
                |(language, value): (&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)| {
                    let name: &str = language.get_ref();
                    let said = text(&quote(name), value, report)?;
                    Some((Spanned::new(language.span(), name), Spanned::new(value.span(), said)))
                };
            Some(WrittenTexts::Each(table.iter().filter_map(each).collect()))
        }
        _ => {
            let hint = "write `message = \"...\"`, or one for each language: `message = { en = \
                        \"...\", es = \"...\" }`";
            wrong_type(what, "a string or a table of languages", value, Some(hint.into()), report)
        }
    }
}
