//! An account without an at sign: "my gmail is john.smith88", "the g-mail thing".

use std::ops::Range;

use crate::address::{self, Address, Writing, has_sign};
use crate::anchors::{Anchors, Mention, Provider};
use crate::read;
use crate::words::{NOT_ACCOUNT, NOT_LOCAL};

/// How far after the provider the account may stand.
const TAIL_BYTES: usize = 56;
/// The longest way of leading to it, such as " direccion es ".
const LINK_BYTES: usize = 28;
const TOKEN_MAX: usize = 64;
/// Small words between an account and the provider: "john88 on the gmail".
const SMALL: &[&str] = &[
    "on", "at", "in", "en", "em", "chez", "sur", "no", "na", "the", "my", "your", "le", "la", "el",
    "from", "then",
];
const SMALL_MAX: usize = 3;

/// What the provider at `mention` points to, if anything.
pub fn near(text: &str, mention: &Provider, floor: usize, anchors: &Anchors) -> Option<Address> {
    let (end, ending) = address::ending(text, mention.range.end)?;
    let named = mention.range.start..end;
    let found = linked(text, &named, floor, anchors)
        .or_else(|| before(text, &named, floor))
        .or_else(|| later(text, &named, anchors));
    if let Some((token, writing)) = found {
        let account = text.get(token.clone())?;
        let name = mention.domain.split('.').next()?;
        let domain =
            ending.map_or(mention.domain.to_owned(), |(ending, _)| format!("{name}.{ending}"));
        return Some(Address {
            range: named.start.min(token.start)..named.end.max(token.end),
            value: Some(format!("{account}@{domain}")),
            writing,
        });
    }
    let pointed = || {
        let after = read::after(text, end, 12);
        let thing = [" thing", " address", " account", " app", " box"]
            .iter()
            .any(|word| after.starts_with(word));
        let led = anchors.points_at_a_thing(read::before(text, named.start, 12, 0));
        thing || (led && mention.range.end == text.trim_end().len())
    };
    let disguised = match mention.writing {
        Mention::Plain => false,
        Mention::Split => mention.domain != "outlook.com" && pointed(),
        Mention::Disguised => true,
    };
    disguised.then_some(Address { range: named, value: None, writing: Writing::Nickname })
}

/// "my gmail is john88"
fn linked(
    text: &str,
    named: &Range<usize>,
    floor: usize,
    anchors: &Anchors,
) -> Option<(Range<usize>, Writing)> {
    let Some(link) = anchors.link(read::after(text, named.end, LINK_BYTES)) else {
        // "gmail john88": side by side only what can be nothing else.
        let token = token(text, read::skip(text.as_bytes(), named.end))?;
        return is_account(text.get(token.clone())?).then_some((token, Writing::Account));
    };
    let token = token(text, named.end + link)?;
    let account = text.get(token.clone())?;
    if has_sign(account) {
        return Some((token, Writing::Account));
    }
    // A bare word is an account only where the sentence is about an account and ends with it.
    let rest = read::after(text, token.end, 2).trim_start_matches([' ', '.', '!', ',', ';', ')']);
    let ends = rest.is_empty() || rest.starts_with('\n');
    let mine = anchors.points_at_a_thing(read::before(text, named.start, 12, floor));
    let ordinary = NOT_LOCAL.binary_search(&account).is_ok()
        || NOT_ACCOUNT.contains(&account)
        // Long names end so too: "harbourroofing".
        || (account.len() < 10 && (account.ends_with("ing") || account.ends_with("ed")));
    let letters = account.bytes().all(|byte| byte.is_ascii_alphabetic());
    (ends && mine && letters && account.len() >= 5 && !ordinary).then_some((token, Writing::Word))
}

/// "john.smith88 on gmail"
fn before(text: &str, named: &Range<usize>, floor: usize) -> Option<(Range<usize>, Writing)> {
    let bytes = text.as_bytes();
    let mut at = named.start;
    for _ in 0..=SMALL_MAX {
        let end = read::skip_back(bytes, at, floor);
        if end == at {
            return None;
        }
        let start = read::run_back(bytes, end, floor, TOKEN_MAX, read::is_local);
        let word = text.get(start..end)?;
        if !SMALL.contains(&word) {
            let ends_sentence = word.ends_with('.');
            let account = is_account(word);
            return (account && !ends_sentence).then_some((start..end, Writing::Account));
        }
        at = start;
    }
    None
}

/// "gmail dot com, and before that it's john.smith88"
fn later(text: &str, named: &Range<usize>, anchors: &Anchors) -> Option<(Range<usize>, Writing)> {
    let tail = read::after(text, named.end, TAIL_BYTES);
    let telling = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    if !tail.bytes().any(telling) {
        return None;
    }
    let tail_end = named.end + tail.len();
    let bytes = text.as_bytes();
    let mut at = named.end;
    while at < tail_end {
        let start =
            at + read::run(&bytes[at..tail_end], 0, TAIL_BYTES, |byte| !read::is_local(byte));
        let end = read::run(bytes, start, TOKEN_MAX, read::is_local);
        if end == start {
            return None;
        }
        let word = text.get(start..end)?;
        if is_account(word.trim_end_matches('.')) && anchors.introduces(text.get(named.end..start)?)
        {
            return Some((start..start + word.trim_end_matches('.').len(), Writing::Account));
        }
        at = end;
    }
    None
}

/// The token at `start`, without the punctuation that ends a sentence.
fn token(text: &str, start: usize) -> Option<Range<usize>> {
    let end = read::run(text.as_bytes(), start, TOKEN_MAX, read::is_local);
    let length = text.get(start..end)?.trim_end_matches(['.', '-', '+', '%']).len();
    (length >= 3).then_some(start..start + length)
}

/// A name and a number, or names joined: what an ordinary word is not.
fn is_account(word: &str) -> bool {
    if word.len() < 4 {
        return false;
    }
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    let joined = word.bytes().any(|byte| matches!(byte, b'_'))
        || word.split('.').all(|part| part.len() >= 2) && word.contains('.');
    let numbered = word.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
    letters >= 3 && has_sign(word) && (joined || numbered)
}
