//! What stands after a host.

use crate::read;

const PATH_MAX: usize = 300;

/// Whether a path, a query or a port follows the host that ended at `at`.
pub fn has_path(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let opens = |byte: &u8| byte.is_ascii_alphanumeric() || b"@~#+?_-".contains(byte);
    match bytes.get(at) {
        Some(b'/' | b'?' | b'#') => bytes.get(at + 1).is_some_and(opens),
        Some(b':') => {
            let end = read::run(bytes, at + 1, 6, |byte| byte.is_ascii_digit());
            let apart = bytes.get(end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
            (2..=5).contains(&(end - at - 1)) && apart
        }
        _ => false,
    }
}

/// Where the link ends whose host ended at `at`, without the punctuation of the sentence.
pub fn path_end(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at) {
        Some(b'/' | b'?' | b'#') => token_end(text, at),
        Some(b':') if has_path(text, at) => token_end(text, at),
        _ => at,
    }
}

/// Where the run without spaces at `at` ends, without the punctuation of the sentence.
pub fn token_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let inside = |byte: u8| !read::is_space(byte) && !b"\"<>|".contains(&byte);
    let mut end = read::run(bytes, at, PATH_MAX, inside);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    read::run_back(bytes, end, at, PATH_MAX, |byte| b".,;:!?)]}'*".contains(&byte))
}

/// Whether no further word follows in the sentence.
pub fn ends_sentence(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let next = read::skip(bytes, at);
    let word = bytes.get(next).is_some_and(u8::is_ascii_alphanumeric);
    !word || bytes.get(at) == Some(&b'\n')
}

/// Whether nothing else stands on the line.
pub fn ends_line(text: &str, at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default().trim_start_matches([' ', '.', '!', '/']);
    rest.is_empty() || rest.starts_with(['\n', '\r'])
}
