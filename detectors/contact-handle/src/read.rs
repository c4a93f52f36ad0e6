//! Reading small pieces of folded text, forwards and backwards. Every scan has a length limit:
//! that is what keeps a message full of mentions linear.

use std::ops::Range;

use crate::words::{ENDINGS, ORDINARY};

const SPACE_MAX: usize = 3;
const TOKEN_MAX: usize = 36;

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

pub fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'\'')
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

/// The word at `at`: letters, digits and apostrophes.
pub fn word(text: &str, at: usize) -> &str {
    let end =
        run(text.as_bytes(), at, TOKEN_MAX, |byte| byte.is_ascii_alphanumeric() || byte == b'\'');
    text.get(at..end).unwrap_or_default()
}

/// An account name.
pub struct Token {
    pub range: Range<usize>,
    /// An at sign stands before it.
    pub signed: bool,
    pub shape: Shape,
}

/// How much a name looks like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A word of the language.
    Ordinary,
    /// Letters only.
    Plain,
    /// Words joined by a full stop, which may be a missing space.
    Joined,
    /// Letters with a number or an underscore.
    Marked,
}

/// The account name at `at`, with an at sign or without.
pub fn token(text: &str, at: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let signs = run(bytes, at, 2, |byte| byte == b'@');
    let signed = signs > at;
    // "live:name" is how Skype names accounts.
    let start = signs;
    let name = if text.get(start..)?.starts_with("live:") { start + 5 } else { start };
    let end = run(bytes, name, TOKEN_MAX, is_token);
    let mut end = start + text.get(start..end)?.trim_end_matches(['.', '-', '\'']).len();
    if bytes.get(end) == Some(&b'#') {
        let number = run(bytes, end + 1, 5, |byte| byte.is_ascii_digit());
        if number == end + 5 {
            end = number;
        }
    }
    // An address of mail, or a host with a path, is not ours.
    if matches!(bytes.get(end), Some(b'@')) || end <= name {
        return None;
    }
    let shape = shape(text.get(start..end)?)?;
    Some(Token { range: start..end, signed, shape })
}

/// The account name that ends at `end`.
pub fn token_back(text: &str, end: usize, floor: usize) -> Option<Token> {
    let bytes = text.as_bytes();
    let tagged = |byte: u8| is_token(byte) || byte == b'#';
    let mut start = run_back(bytes, end, floor, TOKEN_MAX, tagged);
    while start < end && !bytes[start].is_ascii_alphanumeric() && bytes[start] != b'_' {
        start += 1;
    }
    let shape = shape(text.get(start..end)?)?;
    let signed = start > floor && bytes[start - 1] == b'@';
    let mail = signed && start >= floor + 2 && is_token(bytes[start - 2]);
    (!mail && !text[start..end].ends_with('.')).then(|| Token {
        range: start - usize::from(signed)..end,
        signed,
        shape,
    })
}

/// `None` for what cannot be an account name, such as a number or a measure.
fn shape(name: &str) -> Option<Shape> {
    let first = name.bytes().next()?;
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).count();
    let numbered = name.bytes().any(|byte| byte.is_ascii_digit());
    if letters < 2
        || name.len() < 3
        || !(first.is_ascii_alphabetic() || first == b'_' || (letters >= 5 && numbered))
    {
        return None;
    }
    let underscored = name.bytes().any(|byte| matches!(byte, b'_' | b'#' | b':'));
    let apostrophe = name.contains('\'');
    Some(if !apostrophe && (underscored || (numbered && name.len() >= 4)) {
        Shape::Marked
    } else if apostrophe || name.split('.').any(is_ordinary) {
        Shape::Ordinary
    } else if name.contains('.') {
        Shape::Joined
    } else {
        Shape::Plain
    })
}

fn is_ordinary(name: &str) -> bool {
    let formed = name.len() < 10 && ENDINGS.iter().any(|ending| name.ends_with(ending));
    formed || ORDINARY.binary_search(&name).is_ok()
}

/// Up to `length` bytes that end before `at`, from a whole character.
pub fn before(text: &str, at: usize, length: usize) -> &str {
    let mut start = at.saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..at).unwrap_or_default()
}
