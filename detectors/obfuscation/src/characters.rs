//! Words with look-alike letters or with characters in them that cannot be seen.
//!
//! Nothing is asked about what the word says: neither happens by itself. Styled characters do, in
//! names and headings, so they only count in the words and numbers that other modules look for.

use picket_sdk::text::Folded;

use crate::{Disguise, Kind, SPANS_MAX};

/// Adds the words of a text that are so disguised.
pub(crate) fn find(sent: &str, folded: &Folded, found: &mut Vec<Disguise>) {
    let whole = folded.disguises(0..folded.as_str().len());
    if whole.homoglyph + whole.invisible == 0 {
        return;
    }
    let text = folded.as_str();
    let words = text.split_ascii_whitespace().map(|word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    });
    for range in words {
        let disguises = folded.disguises(range.clone());
        if disguises.homoglyph > 0 {
            found.push(Disguise { kind: Kind::Homoglyphs, range });
            continue;
        }
        let bytes = folded.sent(range.clone());
        // An override stands before what it reverses.
        let reversed = sent[..bytes.start].ends_with(['\u{202D}', '\u{202E}']);
        if reversed || (disguises.invisible > 0 && hides(&sent[bytes])) {
            found.push(Disguise { kind: Kind::Invisible, range });
        }
        if found.len() >= SPANS_MAX {
            break;
        }
    }
}

/// Whether a character that cannot be seen stands between two letters or digits. Between letters a
/// soft hyphen is how some editors break long words, and the quotes and dashes of an older encoding
/// are what a careless conversion leaves of `don’t`.
fn hides(word: &str) -> bool {
    let mut last: Option<char> = None;
    let mut hidden = false;
    let mut soft = true;
    for c in word.chars() {
        if is_hidden(c) {
            hidden = true;
            soft &= is_harmless(c);
            continue;
        }
        let between = hidden && last.is_some_and(char::is_alphanumeric) && c.is_alphanumeric();
        if between && !(soft && c.is_alphabetic()) {
            return true;
        }
        (last, hidden, soft) = (Some(c), false, true);
    }
    word.contains(['\u{202D}', '\u{202E}'])
}

/// A soft hyphen, or what Windows-1252 keeps its quotes, dashes and dots at.
fn is_harmless(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{82}' | '\u{84}' | '\u{85}' | '\u{8B}' | '\u{91}'..='\u{97}' | '\u{9B}'
    )
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}
