//! The words of a document: how a message quotes one, which one was probably meant, and the two
//! checks that several keys share.

use toml::Spanned;

use super::diagnostic::{Report, code};
use crate::model::manifest::is_name;

/// Characters of a quoted text that a message repeats.
const QUOTE_CHARS: usize = 64;

/// A text of the document within a message: short, on one line, without control characters.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for c in text.chars().take(QUOTE_CHARS) {
        match c.is_control() {
            true => quoted.extend(c.escape_debug()),
            false => quoted.push(c),
        }
    }
    if text.chars().nth(QUOTE_CHARS).is_some() {
        quoted.push('…');
    }
    quoted.push('`');
    quoted
}

/// The known word that was most likely meant, if any is near: at most a third of its letters differ.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let length = word.chars().take(QUOTE_CHARS + 1).count();
    if length > QUOTE_CHARS {
        return None;
    }
    let bound = (length / 3).max(1);
    let lower = word.to_lowercase();
    (known.into_iter())
        .map(|known| (strsim::osa_distance(&lower, known), known))
        .filter(|&(distance, _)| distance <= bound)
        .min()
        .map(|(_, known)| known)
}

/// `did you mean` the nearest; else all that can be written.
pub(super) fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("write one of `{}`", known.join("`, `")),
    }
}

/// A name of lower-case words. `owner` says what it is the name of.
pub(super) fn name(
    written: Option<&Spanned<&str>>,
    owner: &str,
    report: &mut Report<'_>,
) -> Option<String> {
    let written = written?;
    let name = *written.get_ref();
    if !is_name(name) {
        let message = format!("{} is not a name for {owner}", quote(name));
        report.error(code::MALFORMED, written.span(), message, NAME_HINT.to_owned());
        return None;
    }
    Some(name.to_owned())
}

/// What a name of lower-case words looks like.
pub(super) const NAME_HINT: &str =
    "write lower-case letters and digits, in words joined by `-`, at most 64 characters";

/// One of few words.
pub(super) fn word<T: Copy, const N: usize>(
    written: Option<&Spanned<&str>>,
    key: &str,
    all: [T; N],
    as_str: fn(T) -> &'static str,
    report: &mut Report<'_>,
) -> Option<T> {
    let written = written?;
    let word = *written.get_ref();
    let found = all.into_iter().find(|&one| as_str(one) == word);
    if found.is_none() {
        let message = format!("`{key}` cannot be {}", quote(word));
        let hint = suggest(word, &all.map(as_str));
        report.error(code::UNKNOWN_WORD, written.span(), message, hint);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_short_and_printable() {
        assert_eq!(quote("a\u{1b}[31mb\n"), "`a\\u{1b}[31mb\\n`");
        assert_eq!(quote(&"x".repeat(65)).chars().count(), 67);
    }

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["contact.link", "contact.phone", "nudge"];
        assert_eq!(nearest("contact.fone", known), Some("contact.phone"));
        assert_eq!(nearest("NUDGE", known), Some("nudge"));
        assert_eq!(nearest("ban", known), None);
        assert_eq!(nearest(&"n".repeat(9_000), known), None);
    }
}
