//! Whether a host is a piece of an e-mail address, which is for another detector.

use crate::anchors::Anchors;
use crate::read::{self, Dot};

/// How far back the account of an e-mail address is looked for.
const ACCOUNT_BYTES: usize = 20;

/// What leads to "at" or "@" in prose, so that no e-mail address is meant.
#[rustfmt::skip]
const PLACE_WORDS: &[&str] = &[
    "me", "us", "it", "find", "visit", "here", "online", "available", "see", "is", "are", "site", "website",
    "page", "more", "look", "book", "order", "shop", "store", "them", "now", "info", "details",
];

/// Whether the host at `start..end` is the domain of an address, or stands before its sign.
pub fn is_address(text: &str, anchors: &Anchors, start: usize, end: usize, dot: Dot) -> bool {
    let after = text.get(end..).unwrap_or_default();
    let worded = |after: &str| after.starts_with("(at)") || after.starts_with("[at]");
    if after.starts_with('@') || worded(after) || after.strip_prefix(' ').is_some_and(worded) {
        return true;
    }
    let bytes = text.as_bytes();
    let Some(last) = start.checked_sub(1).and_then(|at| bytes.get(at)) else { return false };
    // Only these can end an at sign in any form; most hosts follow something else.
    if !(read::is_space(*last) || b"@)]}>*_|~-".contains(last)) {
        return false;
    }
    if *last == b'@' && start > 1 && bytes[start - 2].is_ascii_alphanumeric() {
        return true;
    }
    let before = read::before(text, start, ACCOUNT_BYTES);
    if anchors.ends_in_sign(before) {
        let word = before.trim_end_matches([' ', '@']);
        let apart = |letter: char| !letter.is_ascii_alphanumeric();
        let account = word.rsplit(apart).next().unwrap_or_default();
        let place = account.is_empty() || PLACE_WORDS.contains(&account);
        return !(before.trim_end().ends_with('@') && place);
    }
    if anchors.ends_in_at(before) {
        let account = before.trim_end().rsplit(' ').nth(1).unwrap_or_default();
        let participle = account.ends_with("ing") || account.ends_with("ed");
        let prose = account.is_empty() || participle || PLACE_WORDS.contains(&account);
        let sign = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
        return account.bytes().any(sign) || (dot >= Dot::Word && !prose);
    }
    false
}
