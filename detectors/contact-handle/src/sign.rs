//! An at sign and a name without a service: "find me, @name". Between people on the platform a name
//! after an at sign is ordinary, so words that ask to be looked up must stand before it.

use crate::account::{Account, Giving, Said};
use crate::read::{self, Shape};

const CUE_BYTES: usize = 36;

/// The account at the at sign at `at`, if one is given.
pub fn account(text: &str, at: usize, floor: usize, said: &Said<'_>) -> Option<Account> {
    let bytes = text.as_bytes();
    let mail = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
    let tight = bytes.get(at + 1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    if mail || !tight {
        return None;
    }
    let token = read::token(text, at).filter(|token| token.shape > Shape::Ordinary)?;
    let before = read::before(text, at, CUE_BYTES);
    let start = at - before.len() + said.phrases.calls(before)?;
    (start >= floor).then_some(Account {
        range: start..token.range.end,
        service: "unknown",
        handle: Some(text.get(token.range)?.trim_start_matches('@').to_owned()),
        giving: Giving::Signed,
    })
}
