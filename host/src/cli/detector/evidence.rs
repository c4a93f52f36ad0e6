//! Evidence for people: the text that a span points at, underlined on a terminal, marked by a line
//! beneath it on a pipe.

use std::ops::Range;

use console::measure_text_width;

use crate::cli::table::plain;
use crate::model::event::Field;
use crate::model::{Event, EvidenceSpan, Known};

/// How evidence is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// As a terminal underlines.
    Underline,
    /// By `^` beneath, a column for each that the text takes.
    Carets,
}

/// The text that a span points into, of the event or of an earlier one.
pub(super) fn text_of<'a>(
    event: &'a Event,
    known: &'a Known,
    span: &EvidenceSpan,
) -> Option<&'a str> {
    if let Some(event_id) = &span.event_id {
        let mut recalled = known.recalled().map(|(_, recalled)| recalled);
        return recalled.find(|it| it.event_id == *event_id).map(|it| it.text.as_str());
    }
    match (event.field(&span.field)?, span.item) {
        (Field::Attribute(text), _) => Some(text),
        (Field::Json(json), None) => json.as_str(),
        (Field::Json(json), Some(item)) => json.get(usize::try_from(item).ok()?)?.as_str(),
    }
}

/// The evidence itself.
pub(super) fn quote<'a>(
    event: &'a Event,
    known: &'a Known,
    span: &EvidenceSpan,
) -> Option<&'a str> {
    text_of(event, known, span)?.get(span.start as usize..span.end as usize)
}

/// The lines of `text` that hold evidence, cut to `width` columns.
pub(super) fn marked(text: &str, spans: &[Range<usize>], width: usize, mark: Mark) -> Vec<String> {
    let mut spans = spans.to_vec();
    spans.sort_by_key(|span| span.start);
    let mut shown = Vec::new();
    for line in lines(text, width) {
        let within = spans.iter().map(|span| span.start.max(line.start)..span.end.min(line.end));
        let within: Vec<_> = within.filter(|span| span.start < span.end).collect();
        if within.is_empty() {
            continue;
        }
        match mark {
            Mark::Underline => shown.push(underlined(text, &line, &within)),
            Mark::Carets => {
                shown.push(plain(&text[line.clone()]));
                shown.push(carets(text, &line, &within));
            }
        }
    }
    shown
}

/// The lines as they are shown: those of the text, none wider than `width`.
fn lines(text: &str, width: usize) -> Vec<Range<usize>> {
    let (mut lines, mut start, mut columns) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let takes = columns_of(&text[at..at + c.len_utf8()]);
        if c == '\n' {
            lines.push(start..at);
            (start, columns) = (at + 1, 0);
        } else if columns + takes > width && takes > 0 && at > start {
            lines.push(start..at);
            (start, columns) = (at, takes);
        } else {
            columns += takes;
        }
    }
    lines.push(start..text.len());
    lines
}

fn underlined(text: &str, line: &Range<usize>, spans: &[Range<usize>]) -> String {
    let (mut shown, mut at) = (String::new(), line.start);
    for span in spans {
        let start = span.start.max(at);
        if start < span.end {
            shown += &plain(&text[at..start]);
            shown += &format!("\u{1b}[4m{}\u{1b}[24m", plain(&text[start..span.end]));
            at = span.end;
        }
    }
    shown + &plain(&text[at..line.end])
}

fn carets(text: &str, line: &Range<usize>, spans: &[Range<usize>]) -> String {
    // Measured from the start of the line: what is beside a character may change its width.
    let column = |at: usize| columns_of(&text[line.start..at]);
    let mut shown = String::new();
    for span in spans {
        let (start, end) = (column(span.start).max(shown.len()), column(span.end));
        shown += &" ".repeat(start - shown.len());
        shown += &"^".repeat(end.saturating_sub(start));
    }
    shown
}

fn columns_of(text: &str) -> usize {
    measure_text_width(&plain(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans_of(text: &str, quotes: &[&str]) -> Vec<Range<usize>> {
        let span = |quote: &&str| {
            let start = text.find(quote).unwrap();
            start..start + quote.len()
        };
        quotes.iter().map(span).collect()
    }

    #[test]
    fn carets_stand_below_the_evidence_however_wide_it_is() {
        let cases = [
            ("call 555 0142 now", &["555 0142"][..], "call 555 0142 now\n     ^^^^^^^^"),
            ("電話 ５５５ はい", &["５５５"], "電話 ５５５ はい\n     ^^^^^^"),
            ("👻 é e\u{301} x", &["e\u{301}", "x"], "👻 é e\u{301} x\n     ^ ^"),
            ("a\tb\u{200b}c", &["c"], "a·b·c\n    ^"),
            ("one two", &["two", "one t"], "one two\n^^^^^^^"),
            ("first\nsecond\nthird", &["second"], "second\n^^^^^^"),
        ];
        for (text, quotes, expected) in cases {
            let shown = marked(text, &spans_of(text, quotes), 80, Mark::Carets);
            assert_eq!(shown.join("\n"), expected);
        }
    }

    #[test]
    fn a_terminal_underlines_and_obeys_nothing_of_the_text() {
        let text = "a\u{1b}[31m 555 0142";
        let shown = marked(text, &spans_of(text, &["555 0142"]), 80, Mark::Underline);
        assert_eq!(shown, ["a·[31m \u{1b}[4m555 0142\u{1b}[24m"]);
    }

    #[test]
    fn long_texts_are_cut_and_evidence_goes_on_in_the_next_line() {
        let text = "0123456789".repeat(3);
        let shown = marked(&text, &[8..12, 25..26], 10, Mark::Carets);
        assert_eq!(shown, ["0123456789", "        ^^", "0123456789", "^^", "0123456789", "     ^"]);
    }
}
