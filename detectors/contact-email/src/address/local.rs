//! The part of an address before the at sign, read from right to left.

use std::ops::Range;

use super::Writing;
use crate::read;
use crate::words::{JOINERS, LOW, NOT_LOCAL};

pub const LOCAL_MAX: usize = 64;
const JOINS_MAX: usize = 4;

/// The part before the at sign.
pub struct Local {
    pub start: usize,
    pub value: String,
    pub writing: Writing,
}

/// What stands before the at sign at `mark`, reading nothing before `floor`.
pub fn before(text: &str, mark: usize, floor: usize) -> Option<Local> {
    let bytes = text.as_bytes();
    let end = read::skip_back(bytes, mark, floor);
    let mut writing = if end < mark { Writing::Spaced } else { Writing::Plain };
    let mut start = read::run_back(bytes, end, floor, LOCAL_MAX, read::is_local);
    let mut value = text.get(start..end)?.trim_matches(['.', '-', '%', '+']).to_owned();
    if value.len() == 1
        && let Some((spelled, first)) = read::spelled_back(bytes, end, floor)
    {
        return Some(Local { start: first, value: spelled, writing: Writing::Spaced });
    }
    if value.is_empty() {
        return None;
    }
    for _ in 0..JOINS_MAX {
        let Some((sign, piece)) = joined(text, start, floor) else { break };
        value = format!("{}{sign}{value}", &text[piece.clone()]);
        start = piece.start;
        writing = Writing::Worded;
    }
    // Leading punctuation belongs to the sentence.
    let lead = text
        .get(start..end)?
        .bytes()
        .take_while(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    start += lead.count();
    Some(Local { start, value, writing })
}

/// "john dot" before `at`, as a sign and the piece before it.
fn joined(text: &str, at: usize, floor: usize) -> Option<(char, Range<usize>)> {
    let bytes = text.as_bytes();
    let mut end = read::skip_back(bytes, at, floor);
    let apart = end < at;
    let is_close = |byte: &u8| matches!(byte, b')' | b']' | b'}' | b'>');
    let bracketed = end > floor && bytes.get(end - 1).is_some_and(is_close);
    if bracketed {
        end = read::skip_back(bytes, end - 1, floor);
    } else if !apart {
        return None;
    }
    let (sign, mut start) = joiner(text, end, floor)?;
    if bracketed {
        let open = read::skip_back(bytes, start, floor);
        if open == floor || !matches!(bytes[open - 1], b'(' | b'[' | b'{' | b'<') {
            return None;
        }
        start = open - 1;
    }
    let last = read::skip_back(bytes, start, floor);
    if last == start && !bracketed {
        return None;
    }
    let first = read::run_back(bytes, last, floor, LOCAL_MAX, read::is_local);
    let piece = text.get(first..last)?;
    let usable =
        !piece.is_empty() && !piece.ends_with('.') && NOT_LOCAL.binary_search(&piece).is_err();
    usable.then_some((sign, first..last))
}

fn joiner(text: &str, end: usize, floor: usize) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    if end > floor && bytes[end - 1] == b'.' {
        // "john . smith": only with space on both sides, else it ends a sentence.
        let spaced = end >= floor + 2 && read::is_space(bytes[end - 2]);
        return spaced.then_some(('.', end - 1));
    }
    let word = |end: usize| {
        let start = read::run_back(bytes, end, floor, 16, |byte| byte.is_ascii_alphanumeric());
        (start, &text[start..end])
    };
    let sign_of =
        |word: &str| JOINERS.iter().find(|(name, _)| *name == word).map(|(_, sign)| *sign);
    let (start, last) = word(end);
    if LOW.contains(&last) {
        let (start, dash) = word(read::skip_back(bytes, start, floor));
        return sign_of(dash).map(|_| ('_', start));
    }
    sign_of(last).map(|sign| (sign, start))
}
