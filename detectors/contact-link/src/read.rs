//! Reading small pieces of folded text, forwards and backwards. Every scan has a length limit:
//! that is what keeps a message full of anchors linear.

const SPACE_MAX: usize = 4;

/// How a dot was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dot {
    Plain,
    /// Space before it only: "acme .com".
    Before,
    /// Space after it: "acme. com".
    Spaced,
    /// Spelled as a word.
    Word,
    /// In brackets.
    Bracketed,
}

pub const DOT_WORDS: &[&str] = &["dot", "d0t", "punto", "point", "ponto"];

pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

pub fn is_label(byte: u8) -> bool {
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

/// The dot after a label that ended at `at`: where the next label starts, and how it was written.
pub fn dot(text: &str, at: usize) -> Option<(usize, Dot)> {
    let bytes = text.as_bytes();
    let sign = skip(bytes, at);
    match bytes.get(sign)? {
        b'.' => {
            let next = skip(bytes, sign + 1);
            let dot = match (sign > at, next > sign + 1) {
                (false, false) => Dot::Plain,
                (true, false) => Dot::Before,
                (_, true) => Dot::Spaced,
            };
            Some((next, dot))
        }
        b'(' | b'[' | b'{' | b'<' | b'*' | b'_' => {
            let inner = skip(bytes, sign + 1);
            let end =
                if bytes.get(inner) == Some(&b'.') { inner + 1 } else { dot_word(text, inner)? };
            let close = skip(bytes, end);
            matches!(bytes.get(close)?, b')' | b']' | b'}' | b'>' | b'*' | b'_')
                .then(|| (skip(bytes, close + 1), Dot::Bracketed))
        }
        _ if sign > at => {
            let end = dot_word(text, sign)?;
            let next = skip(bytes, end);
            (next > end).then_some((next, Dot::Word))
        }
        _ => None,
    }
}

fn dot_word(text: &str, at: usize) -> Option<usize> {
    let end = run(text.as_bytes(), at, 8, |byte| byte.is_ascii_alphanumeric());
    DOT_WORDS.contains(&text.get(at..end)?).then_some(end)
}

/// Up to `length` bytes that end before `at`, from a whole character.
pub fn before(text: &str, at: usize, length: usize) -> &str {
    let mut start = at.saturating_sub(length);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..at).unwrap_or_default()
}
