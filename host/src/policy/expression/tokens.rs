//! The words of a condition and where they stand. The parser of the `cel` crate keeps no places of
//! what it understood, and its recursion costs some ten kilobytes of stack for each bracket: so a
//! text is looked through here first, refused where it is too much, and its tree is laid beside its
//! tokens afterwards.

use std::ops::Range;

/// Bytes of a condition.
pub(super) const BYTES_MAX: usize = 2_000;
/// Words, numbers, texts and signs. A chain such as `1 + 1 + 1` nests by its length.
const TOKENS_MAX: usize = 400;
/// Brackets within brackets.
const BRACKETS_MAX: usize = 24;
/// `?` in one condition.
const CHOICES_MAX: usize = 12;

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    /// In bytes of the condition.
    pub at: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Number,
    Text,
    Sign,
}

/// The tokens, or what is too much and where.
pub(super) fn scan(text: &str) -> Result<Vec<Token>, (Range<usize>, String)> {
    if text.len() > BYTES_MAX {
        let message = format!("the condition has {} bytes; {BYTES_MAX} are allowed", text.len());
        return Err((0..text.len(), message));
    }
    let mut tokens = Vec::new();
    let (mut open, mut choices, mut at) = (0_usize, 0, 0);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (length, kind) = match first {
            _ if first.is_whitespace() => (first.len_utf8(), None),
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), None),
            _ => {
                let (length, kind) = token(rest, first);
                (length, Some(kind))
            }
        };
        let place = at..at + length;
        at += length;
        let Some(kind) = kind else { continue };
        match first {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '?' => choices += 1,
            _ => {}
        }
        tokens.push(Token { kind, at: place.clone() });
        let too_much = [
            (tokens.len() > TOKENS_MAX, TOKENS_MAX, "words and signs"),
            (open > BRACKETS_MAX, BRACKETS_MAX, "brackets within brackets"),
            (choices > CHOICES_MAX, CHOICES_MAX, "choices by `?`"),
        ];
        if let Some((_, max, what)) = too_much.into_iter().find(|(is, ..)| *is) {
            return Err((place, format!("the condition has more than {max} {what}")));
        }
    }
    Ok(tokens)
}

/// The length and kind of the token that a text begins with.
fn token(rest: &str, first: char) -> (usize, Kind) {
    let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    match first {
        '"' | '\'' => (quoted(rest, first, false), Kind::Text),
        '0'..='9' => (number(rest), Kind::Number),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => (number(rest), Kind::Number),
        _ if word > 0 => {
            let prefix = rest[..word].to_ascii_lowercase();
            match rest[word..].chars().next() {
                Some(mark @ ('"' | '\'')) if ["r", "b", "rb", "br"].contains(&&*prefix) => {
                    (word + quoted(&rest[word..], mark, prefix.contains('r')), Kind::Text)
                }
                _ => (word, Kind::Word),
            }
        }
        _ => (first.len_utf8(), Kind::Sign),
    }
}

/// The length of a number, with its point and exponent.
fn number(rest: &str) -> usize {
    let mut before = ' ';
    let end = rest.find(|c: char| {
        let sign = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        before = c;
        !(c.is_ascii_alphanumeric() || c == '.' || sign)
    });
    end.unwrap_or(rest.len())
}

/// The length of a text between these marks, one or three of each. Without an end it goes to the end
/// of all; the parser says so.
fn quoted(rest: &str, mark: char, raw: bool) -> usize {
    let triple = mark.to_string().repeat(3);
    let marks = if rest.starts_with(&triple) { &triple[..] } else { &triple[..1] };
    let mut escaped = false;
    let end = rest.char_indices().skip(marks.len()).find(|&(at, c)| {
        let ends = !escaped && rest[at..].starts_with(marks);
        escaped = c == '\\' && !escaped && !raw;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + marks.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_and_texts_are_told_apart() {
        let text = "ab.c1 >= 1.5e-3 && x == 'it\\'s' // no\n+ r\"\\\" \"\"\"a\"b\"\"\" .5";
        let tokens = scan(text).unwrap();
        let shown: Vec<(&str, Kind)> =
            tokens.iter().map(|token| (&text[token.at.clone()], token.kind)).collect();
        use Kind::{Number, Sign, Text, Word};
        #[rustfmt::skip]
        assert_eq!(shown, [
            ("ab", Word), (".", Sign), ("c1", Word), (">", Sign), ("=", Sign), ("1.5e-3", Number),
            ("&", Sign), ("&", Sign), ("x", Word), ("=", Sign), ("=", Sign), ("'it\\'s'", Text),
            ("+", Sign), ("r\"\\\"", Text), ("\"\"\"a\"b\"\"\"", Text), (".5", Number),
        ]);
    }

    #[test]
    fn what_is_too_much_is_refused_where_it_is() {
        let nested = |levels: usize| format!("{}1{}", "(".repeat(levels), ")".repeat(levels));
        assert!(scan(&nested(BRACKETS_MAX)).is_ok());
        let (place, message) = scan(&nested(BRACKETS_MAX + 1)).unwrap_err();
        assert_eq!(
            (place, &*message),
            (24..25, "the condition has more than 24 brackets within brackets")
        );
        assert!(scan(&"a?".repeat(13)).unwrap_err().1.contains("12 choices"));
        assert!(scan(&"1+".repeat(201)).unwrap_err().1.contains("400 words"));
        assert!(scan(&"x".repeat(2_001)).unwrap_err().1.contains("2000 are allowed"));
        assert!(scan("'never ends").is_ok() && scan("\"\"\"").is_ok() && scan("é€").is_ok());
    }
}
