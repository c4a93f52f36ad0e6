//! The small part of HTML that the page needs. Invariant: what came from outside goes through [`text`], so
//! that nothing of it is ever markup.

use std::fmt::Write as _;

/// Text of others as HTML, in an element or a quoted attribute. Control and bidi characters are made visible.
pub(super) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => safe.push('·'),
            c if c.is_control() => safe.push('·'),
            c => safe.push(c),
        }
    }
    safe
}

/// A number with thin groups of three, as people read it.
pub(super) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A share: `12.5%`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// `part` of `whole`, as a share; a dash of nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    match whole {
        0 => "–".to_owned(),
        whole => percent(part as f64 / whole as f64),
    }
}

/// A cell: a number, or a text that is HTML already.
pub(super) enum Cell {
    Number(u64),
    Text(String),
    /// Aligned as numbers are.
    Figure(String),
}

/// A table with a caption, headings that say what they are of, and the first cell of each row as its heading.
pub(super) fn table(caption: &str, head: &[&str], rows: &[(String, Vec<Cell>)]) -> String {
    let figures = rows.first().map(|(_, cells)| cells.iter().map(is_figure).collect::<Vec<_>>());
    let figures = figures.unwrap_or_default();
    let mut out = format!("<div class=\"wide\"><table><caption>{caption}</caption><thead><tr>");
    for (at, name) in head.iter().enumerate() {
        let figure = at > 0 && figures.get(at - 1) == Some(&true);
        let class = if figure { " class=\"n\"" } else { "" };
        put(&mut out, format_args!("<th scope=\"col\"{class}>{name}</th>"));
    }
    out.push_str("</tr></thead><tbody>");
    for (name, cells) in rows {
        put(&mut out, format_args!("<tr><th scope=\"row\">{name}</th>"));
        for cell in cells {
            match cell {
                Cell::Number(count) => {
                    put(&mut out, format_args!("<td class=\"n\">{}</td>", number(*count)));
                }
                Cell::Figure(figure) => {
                    put(&mut out, format_args!("<td class=\"n\">{figure}</td>"))
                }
                Cell::Text(html) => put(&mut out, format_args!("<td>{html}</td>")),
            }
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

fn is_figure(cell: &Cell) -> bool {
    !matches!(cell, Cell::Text(_))
}

/// Writing to a string does not fail.
pub(super) fn put(out: &mut String, what: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_others_is_markup() {
        assert_eq!(
            text("<script>alert(\"1\")</script> & 'x'\u{202e}\n"),
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;x&#39;··"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        let said = [0, 999, 1_000, 1_234_567].map(number);
        assert_eq!(said, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((share(1, 8), share(1, 0)), ("12.5%".to_owned(), "–".to_owned()));
    }
}
