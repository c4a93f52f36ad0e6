//! Where the bytes of a text stand in the document that it was written in: TOML has four kinds of
//! quotes, and escapes in two of them.

use std::ops::Range;

/// Where a text came from.
pub(in crate::policy) struct Origin {
    /// The whole value, quotes included.
    span: Range<usize>,
    /// For each byte of the text and its end, its byte of the document. Empty where the two cannot be
    /// laid beside each other.
    places: Vec<usize>,
}

impl Origin {
    /// `document` is the TOML, `span` where the value stands in it, `text` what it says.
    pub fn of(document: &str, span: Range<usize>, text: &str) -> Self {
        let written = document.get(span.clone()).unwrap_or_default();
        let places = places(written, text).unwrap_or_default();
        let places = places.into_iter().map(|at| span.start + at).collect();
        Self { span, places }
    }

    /// Where a part of the text stands in the document.
    pub fn place(&self, part: Range<usize>) -> Range<usize> {
        match (self.places.get(part.start), self.places.get(part.end)) {
            (Some(&start), Some(&end)) => start..end,
            _ => self.span.clone(),
        }
    }
}

/// Walks both at once. `None` where they turn out not to be the same.
fn places(written: &str, text: &str) -> Option<Vec<usize>> {
    let mark = written.chars().next().filter(|mark| matches!(mark, '"' | '\''))?;
    let triple = mark.to_string().repeat(3);
    let marks = if written.len() >= 6 && written.starts_with(&triple) { 3 } else { 1 };
    let end = written.len().checked_sub(marks)?;
    let mut at = marks;
    if marks == 3 {
        // A line break right after the quotes is not of the text.
        at += line_break(&written[at..]);
    }
    let mut places = Vec::with_capacity(text.len() + 1);
    for c in text.chars() {
        if mark == '"' {
            at = skip_folds(written, at, end);
        }
        places.extend(std::iter::repeat_n(at, c.len_utf8()));
        let rest = written.get(at..end)?;
        at += match rest.chars().next()? {
            '\\' if mark == '"' => escape(rest),
            '\r' if c == '\n' => 2,
            same if same == c => c.len_utf8(),
            _ => return None,
        };
    }
    places.push(at);
    (at <= end).then_some(places)
}

/// Past a backslash at the end of a line, which joins the next one to it.
fn skip_folds(written: &str, mut at: usize, end: usize) -> usize {
    while let Some(rest) = written.get(at..end).and_then(|rest| rest.strip_prefix('\\')) {
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        if !rest[..blank].contains('\n') {
            break;
        }
        at += 1 + blank;
    }
    at
}

fn line_break(text: &str) -> usize {
    match text {
        _ if text.starts_with("\r\n") => 2,
        _ if text.starts_with('\n') => 1,
        _ => 0,
    }
}

/// The length of an escape.
fn escape(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => 6,
        Some(b'U') => 10,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    /// What stands in the document where a word of the value is.
    fn found(value: &str, word: &str) -> String {
        let document = format!("a = 1\nwhen = {value}\n");
        let table = DeTable::parse(&document).unwrap().into_inner();
        let written = table.get("when").unwrap();
        let text = written.get_ref().as_str().unwrap();
        let at = text.find(word).unwrap();
        let place = Origin::of(&document, written.span(), text).place(at..at + word.len());
        document[place].to_owned()
    }

    #[test]
    fn words_are_found_in_every_kind_of_quotes() {
        assert_eq!(found(r#""tier == 'low'""#, "low"), "low");
        assert_eq!(found(r#"'tier == "low"'"#, "\"low\""), "\"low\"");
        assert_eq!(found(r#""a \"low\" \u00e9 b""#, "b"), "b");
        assert_eq!(found(r#""a \"low\" \u00e9 b""#, "\"low\" é"), r#"\"low\" \u00e9"#);
        assert_eq!(found("\"\"\"\nscore\n  > low\"\"\"", "low"), "low");
        assert_eq!(found("'''\r\nscore\r\n  > low'''", "low"), "low");
        assert_eq!(found("\"\"\"\nscore \\\n    > low\"\"\"", "> low"), "> low");
    }

    #[test]
    fn what_cannot_be_laid_side_by_side_is_the_whole_value() {
        assert_eq!(Origin::of("when = \"abc\"", 7..12, "xyz").place(0..1), 7..12);
        assert_eq!(Origin::of("when = \"abc\"", 7..12, "abc").place(0..9), 7..12);
        assert_eq!(Origin::of("", 7..12, "abc").place(0..1), 7..12);
    }
}
