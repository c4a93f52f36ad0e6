//! Reading small pieces of folded text, forwards and backwards. Every scan has a length limit:
//! that is what keeps a message full of anchors linear.

use std::borrow::Cow;

use crate::words::DOT_WORDS;

const SPACE_MAX: usize = 4;
const LABEL_MAX: usize = 63;
const SPELLED_MAX: usize = 40;

/// How a dot was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dot {
    Plain,
    Spaced,
    Worded,
}

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// A byte of the part of an address before the at sign.
pub fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'%')
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// One past the run of bytes that satisfy `keep`, from `at`, at most `max` long.
pub fn run(bytes: &[u8], at: usize, max: usize, keep: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take(max).take_while(|byte| keep(**byte)).count()
}

/// Where the run of bytes that satisfy `keep` and end before `at` starts, not below `floor`.
pub fn run_back(
    bytes: &[u8],
    at: usize,
    floor: usize,
    max: usize,
    keep: impl Fn(u8) -> bool,
) -> usize {
    let rest = bytes.get(floor..at).unwrap_or_default();
    at - rest.iter().rev().take(max).take_while(|byte| keep(**byte)).count()
}

pub fn skip(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, SPACE_MAX, is_space)
}

pub fn skip_back(bytes: &[u8], at: usize, floor: usize) -> usize {
    run_back(bytes, at, floor, SPACE_MAX, is_space)
}

fn alphanumeric_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// The word at `at`, which may be empty.
pub fn word(text: &str, at: usize) -> &str {
    let end = run(text.as_bytes(), at, LABEL_MAX, |byte| byte.is_ascii_alphanumeric());
    text.get(at..end).unwrap_or_default()
}

/// The domain label at `at`, and where it ends. Letters spelled one by one ("g m a i l") count.
pub fn label(text: &str, at: usize) -> Option<(Cow<'_, str>, usize)> {
    let bytes = text.as_bytes();
    if alphanumeric_at(bytes, at)
        && !alphanumeric_at(bytes, at + 1)
        && let Some((word, end)) = spelled(bytes, at)
    {
        return Some((Cow::Owned(word), end));
    }
    let end = run(bytes, at, LABEL_MAX, is_label);
    let label = text.get(at..end)?.trim_matches('-');
    (!label.is_empty()).then_some((Cow::Borrowed(label), end))
}

fn spelled(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    if bytes.get(at + 1) != Some(&b' ') || !alphanumeric_at(bytes, at + 2) {
        return None;
    }
    let mut word = String::new();
    let mut last = at;
    while alphanumeric_at(bytes, last)
        && !alphanumeric_at(bytes, last + 1)
        && word.len() < SPELLED_MAX
    {
        word.push(char::from(bytes[last]));
        if bytes.get(last + 1) != Some(&b' ')
            || !alphanumeric_at(bytes, last + 2)
            || alphanumeric_at(bytes, last + 3)
        {
            break;
        }
        last += 2;
    }
    (word.len() >= 2).then_some((word, last + 1))
}

/// Letters spelled one by one that end before `at`, and where they start.
pub fn spelled_back(bytes: &[u8], at: usize, floor: usize) -> Option<(String, usize)> {
    let mut letters = Vec::new();
    let mut first = at.checked_sub(1)?;
    while first >= floor && alphanumeric_at(bytes, first) && letters.len() < SPELLED_MAX {
        letters.push(char::from(bytes[first]));
        // Another letter alone, with a space on both sides.
        let another = first >= floor + 2
            && bytes[first - 1] == b' '
            && alphanumeric_at(bytes, first - 2)
            && (first < floor + 3 || is_space(bytes[first - 3]));
        if !another {
            break;
        }
        first -= 2;
    }
    (letters.len() >= 3).then(|| (letters.iter().rev().collect(), first))
}

/// The dot after a label that ended at `at`: where the next label starts, and how it was written.
pub fn dot(text: &str, at: usize) -> Option<(usize, Dot)> {
    let bytes = text.as_bytes();
    let sign = skip(bytes, at);
    match bytes.get(sign)? {
        b'.' => {
            let next = skip(bytes, sign + 1);
            let plain = sign == at && next == sign + 1;
            Some((next, if plain { Dot::Plain } else { Dot::Spaced }))
        }
        b'(' | b'[' | b'{' | b'<' | b'*' | b'_' => {
            let inner = skip(bytes, sign + 1);
            let end =
                if bytes.get(inner) == Some(&b'.') { inner + 1 } else { dot_word(text, inner)? };
            let close = skip(bytes, end);
            matches!(bytes.get(close)?, b')' | b']' | b'}' | b'>' | b'*' | b'_')
                .then(|| (skip(bytes, close + 1), Dot::Worded))
        }
        _ if sign > at => {
            let end = dot_word(text, sign)?;
            let next = skip(bytes, end);
            (next > end).then_some((next, Dot::Worded))
        }
        _ => None,
    }
}

fn dot_word(text: &str, at: usize) -> Option<usize> {
    let end = run(text.as_bytes(), at, 8, |byte| byte.is_ascii_alphanumeric());
    DOT_WORDS.contains(&text.get(at..end)?).then_some(end)
}

/// Up to `length` bytes that end before `at`, from a whole character.
pub fn before(text: &str, at: usize, length: usize, floor: usize) -> &str {
    let mut start = at.saturating_sub(length).max(floor.min(at));
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..at).unwrap_or_default()
}

/// Up to `length` bytes from `at`, to a whole character.
pub fn after(text: &str, at: usize, length: usize) -> &str {
    let mut end = (at + length).min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(at..end).unwrap_or_default()
}
