//! Tables for people: aligned, plain where piped, and safe whatever a detector wrote.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// A terminal that does not say how wide it is.
const WIDTH: u16 = 80;
/// Less than this is no width for a table.
const WIDTH_MIN: u16 = 20;

/// A table with these columns.
pub(super) fn new(columns: &[&str]) -> Table {
    let mut table = Table::new();
    if table.width().is_some_and(|width| width < WIDTH_MIN) {
        table.set_width(WIDTH);
    }
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(columns);
    table
}

/// Text of others, without what a terminal would obey: control and bidi characters are made visible.
pub(super) fn plain(text: &str) -> String {
    let visible = |c: char| match c {
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => '·',
        c if c.is_control() => '·',
        c => c,
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(super::plain("a\u{1b}[31mb\u{202e}c\n\u{200b}d é 👻"), "a·[31mb·c··d é 👻");
    }
}
