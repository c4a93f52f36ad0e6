//! Reading an address around an at sign: the account to the left, the domain to the right.

use std::ops::Range;

use crate::anchors::{Anchors, Provider, Strength};
use crate::read;
use crate::words::{DETERMINERS, NOT_LOCAL};

mod domain;
mod local;
mod writing;

use domain::Domain;
pub use domain::ending;
use local::{LOCAL_MAX, Local};
pub use writing::Writing;

/// How far back a word such as "email" makes "john at gmail" an address.
const CUE_BYTES: usize = 48;
/// Shorter words before "at gmail" are too often words.
const NAME_MIN: usize = 8;

/// An address that was found.
pub struct Address {
    /// Where, in the folded text.
    pub range: Range<usize>,
    /// The canonical address, where one can be formed.
    pub value: Option<String>,
    pub writing: Writing,
}

/// The address around the at sign at `mark`. `next` is the next provider in the text, `floor` the
/// end of the evidence so far.
pub fn around(
    text: &str,
    mark: Range<usize>,
    strength: Strength,
    floor: usize,
    next: Option<&Provider>,
    anchors: &Anchors,
) -> Option<Address> {
    let bytes = text.as_bytes();
    let at = read::skip(bytes, mark.end);
    let apart =
        at > mark.end || (mark.start > floor && read::is_space(*bytes.get(mark.start - 1)?));
    // A word for the sign must stand apart, the sign itself must touch something: both reject most
    // anchors here, before anything is read.
    let domain = domain::provider(text, at, next)
        .or_else(|| domain::generic(text, at, !apart && strength == Strength::Sign))?;
    if strength == Strength::Word && is_point(text, at) {
        return None;
    }
    let local = local::before(text, mark.start, floor)?;
    let word = text.get(local.start..mark.start)?.trim();
    let ordinary = NOT_LOCAL.binary_search(&local.value.as_str()).is_ok();
    if ordinary && (apart || strength == Strength::Word) {
        return None;
    }
    let marked = has_sign(&local.value);
    let mail = || anchors.speaks_of_mail(read::before(text, local.start, CUE_BYTES, 0));
    let holds = match strength {
        Strength::Sign | Strength::Marked => true,
        Strength::Word if domain.provider && domain.ended => !participle(word) || mail(),
        Strength::Word if domain.provider => marked || mail() || seems(&local, &domain, text),
        Strength::Word if domain.writing == Writing::Worded => !participle(word) || mail(),
        Strength::Word => marked || mail(),
    };
    if !holds {
        return None;
    }
    let guessed =
        strength == Strength::Word && !marked && domain.provider && !domain.ended && !mail();
    let sign = match strength {
        _ if guessed => Writing::Word,
        Strength::Sign if apart => Writing::Spaced,
        Strength::Sign => Writing::Plain,
        Strength::Marked | Strength::Word => Writing::Worded,
    };
    Some(Address {
        range: local.start..domain.end,
        value: Some(format!("{}@{}", local.value, domain.value)),
        writing: sign.max(local.writing).max(domain.writing),
    })
}

/// "moc.liamg@nhoj": the address whose domain is written backwards at `range`.
pub fn backwards(text: &str, range: Range<usize>) -> Option<Address> {
    let bytes = text.as_bytes();
    let sign = read::skip(bytes, range.end);
    if bytes.get(sign) != Some(&b'@') {
        return None;
    }
    let start = read::skip(bytes, sign + 1);
    let end = read::run(bytes, start, LOCAL_MAX, read::is_local);
    let written = text.get(range.start..end)?;
    (end > start).then(|| Address {
        range: range.start..end,
        value: Some(written.chars().rev().filter(|letter| !letter.is_whitespace()).collect()),
        writing: Writing::Backwards,
    })
}

/// "john88gmail.com": the at sign left out before the provider at `range`.
pub fn glued(text: &str, range: Range<usize>, floor: usize) -> Option<Address> {
    let bytes = text.as_bytes();
    let start = read::run_back(bytes, range.start, floor, LOCAL_MAX, read::is_local);
    let local = text.get(start..range.start)?.trim_matches(['.', '-', '_']);
    let provider = text.get(range.clone())?.strip_suffix("com")?;
    let host = start > 0 && matches!(bytes[start - 1], b'/' | b'@' | b':');
    (local.len() >= 3 && !host).then(|| Address {
        range: start..range.end,
        value: Some(format!("{local}@{}.com", provider.trim_end_matches('.'))),
        writing: Writing::Incomplete,
    })
}

/// Whether "some point" or "that point" stands at `at`, which with "at" is a time or a place.
fn is_point(text: &str, at: usize) -> bool {
    let first = read::word(text, at);
    let next = read::skip(text.as_bytes(), at + first.len());
    DETERMINERS.contains(&first) && read::word(text, next) == "point"
}

/// Whether a token is marked as an account by a digit or a sign among letters.
pub fn has_sign(token: &str) -> bool {
    token.bytes().any(|byte| byte.is_ascii_alphabetic())
        && token.bytes().any(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'+'))
}

/// "johnsmith at hotmail" at the end of a phrase: a long name, and a provider that is no employer.
fn seems(local: &Local, domain: &Domain, text: &str) -> bool {
    let rest = text.get(domain.end..).unwrap_or_default().trim_start_matches(' ');
    let ends = !rest.starts_with(|next: char| next.is_ascii_alphanumeric());
    ends && local.value.len() >= NAME_MIN
        && !participle(&local.value)
        && domain.value != "yahoo.com"
}

/// English forms that stand before "at" in prose: "arriving at", "located at".
fn participle(word: &str) -> bool {
    word.ends_with("ing") || word.ends_with("ed")
}
