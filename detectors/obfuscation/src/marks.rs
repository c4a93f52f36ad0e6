//! The at sign and the full stop of an address written out: `(at)`, `[dot]`, `at gmail dot com`.
//!
//! A scan by hand: a handful of words is not worth the tables of regular expressions.

use std::ops::Range;

use picket_sdk::text::Folded;

use crate::{Disguise, Kind, SPANS_MAX};

const AT: &[&str] = &["at", "arroba", "arobase", "arobas", "@"];
const DOT: &[&str] = &["dot", "punto", "ponto", "point", "."];
const ENDINGS: &[&str] = &[
    "com", "net", "org", "io", "me", "co", "us", "uk", "es", "fr", "br", "pt", "mx", "ar", "info",
    "biz", "app",
];
/// Providers that are nothing but that: `at gmail` is enough.
const MAIL: &[&str] = &["gmail", "hotmail", "icloud", "protonmail"];
/// What else stands before a `dot com`.
const SITES: &[&str] = &[
    "yahoo",
    "outlook",
    "proton",
    "aol",
    "live",
    "msn",
    "uol",
    "bol",
    "orange",
    "wanadoo",
    "laposte",
    "wa",
    "paypal",
    "instagram",
    "telegram",
    "t",
];

/// Adds the written-out marks of a text.
pub(crate) fn find(folded: &Folded, found: &mut Vec<Disguise>) {
    let text = folded.as_str();
    let mut at = 0;
    let mut count = 0;
    while at < text.len() && count < SPANS_MAX {
        let mark = token(text, at);
        let range = is_mark(&text[mark.clone()])
            .then(|| bracketed(text, &mark).or_else(|| spoken(text, &mark)))
            .flatten();
        at = range.as_ref().map_or(mark.end, |range| range.end).max(at + 1);
        if let Some(range) = range {
            count += 1;
            found.push(Disguise { kind: Kind::SpelledMarks, range });
        }
    }
}

/// The word that starts at `at`, or the one byte there; empty inside a wider character.
fn token(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    match length {
        0 if bytes[at].is_ascii() => at..at + 1,
        0 => 0..0,
        _ => at..at + length,
    }
}

fn is_mark(word: &str) -> bool {
    AT.contains(&word) || DOT.contains(&word)
}

/// `ana (at) example`: a mark in brackets of any kind between two words.
fn bracketed(text: &str, mark: &Range<usize>) -> Option<Range<usize>> {
    let before = skip_back(text, mark.start).strip_suffix(['[', '(', '{', '<', '*'])?;
    let before = skip_back(before, before.len());
    let after = text[mark.end..].strip_prefix(' ').unwrap_or(&text[mark.end..]);
    let after = after.strip_prefix([']', ')', '}', '>', '*'])?;
    let after = after.strip_prefix(' ').unwrap_or(after);
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let start = before.trim_end_matches(name).len();
    let rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let long =
        after.len() - rest.len() >= 2 && after.starts_with(|c: char| c.is_ascii_alphabetic());
    (start < before.len() && long).then(|| start..text.len() - rest.len())
}

/// `at gmail`, `at example dot com`, `gmail dot com`.
fn spoken(text: &str, mark: &Range<usize>) -> Option<Range<usize>> {
    let (first, first_end) = next_word(text, mark.end)?;
    if AT.contains(&&text[mark.clone()]) {
        let second = next_word(text, first_end);
        let mail = match (first, second) {
            ("g", Some(("mail", end))) => Some(end),
            (first, _) if MAIL.contains(&first) => Some(first_end),
            _ => None,
        };
        let address =
            second.filter(|(word, _)| DOT.contains(word)).and_then(|(_, end)| next_word(text, end));
        let end =
            address.filter(|(ending, _)| ENDINGS.contains(ending)).map(|(_, end)| end).or(mail)?;
        return Some(mark.start..end);
    }
    let before = text[..mark.start].strip_suffix(' ')?;
    let start = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric()).len();
    let site = &before[start..];
    let known = MAIL.contains(&site) || SITES.contains(&site);
    (known && ENDINGS.contains(&first)).then_some(start..first_end)
}

/// The word one space after `at`, and its end.
fn next_word(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text[at..].strip_prefix(' ')?;
    let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    (length > 0).then(|| (&rest[..length], at + 1 + length))
}

/// The text up to `end` without one space before it.
fn skip_back(text: &str, end: usize) -> &str {
    text[..end].strip_suffix(' ').unwrap_or(&text[..end])
}
