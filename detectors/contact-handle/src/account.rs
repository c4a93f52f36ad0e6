//! The ways of giving or pointing to an account beside a mention of a service. Each is a rule; what
//! a rule asks for depends on how clearly the mention is a service.

use std::ops::Range;

use crate::read::{self, Token};
use crate::services::{Clarity, Mention};
use crate::words::CONNECTIVES;

mod giving;
mod named;
mod phrases;

pub use giving::Giving;
use phrases::leads;
pub use phrases::{Phrases, Said};

/// How far a pointer such as "same name as here" may stand from the service.
const POINTER_BYTES: usize = 56;
/// The same where the service is also a word.
const NEAR_BYTES: usize = 20;
/// How far back "my" or "find me on" is looked for.
const CUE_BYTES: usize = 40;
/// "zap: same name": between the service and the pointer there is only a sign.
const LISTED_BYTES: usize = 2;

/// An account that was found.
pub struct Account {
    /// Where, in the folded text.
    pub range: Range<usize>,
    pub service: &'static str,
    /// The name of the account, where it was given.
    pub handle: Option<String>,
    pub giving: Giving,
}

/// The account at a mention of a service, if one is given or pointed to.
pub fn of(
    text: &str,
    mention: &Mention,
    service: &'static str,
    floor: usize,
    said: &Said<'_>,
) -> Option<Account> {
    if in_address(text.as_bytes(), mention) {
        return None;
    }
    let place = Place { text, mention, service, floor, said };
    place
        .named_after()
        .or_else(|| place.named_before())
        .or_else(|| place.pointed())
        .or_else(|| place.found())
}

/// "insta.com/name", "rosa@telegram.org": for other detectors.
fn in_address(bytes: &[u8], mention: &Mention) -> bool {
    let (start, end) = (mention.range.start, mention.range.end);
    let host =
        bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_alphabetic);
    let before = start.checked_sub(1).and_then(|at| bytes.get(at));
    let path = before.is_some_and(|byte| matches!(byte, b'@' | b'.' | b'_'));
    host || (path && mention.clarity != Clarity::Nickname)
}

struct Place<'a> {
    text: &'a str,
    mention: &'a Mention,
    service: &'static str,
    floor: usize,
    said: &'a Said<'a>,
}

impl Place<'_> {
    /// "same username as here, on insta"
    fn pointed(&self) -> Option<Account> {
        let word = self.mention.clarity == Clarity::Word;
        // "no signal" is English more often than Portuguese.
        let before = self.before(CUE_BYTES);
        let weak = self.service == "signal" && before.trim_end().ends_with("no");
        let apart = matches!(self.service, "line" | "signal" | "threads");
        let listed = !apart
            && self
                .said
                .pointer_after(self.mention.range.end)
                .is_some_and(|found| found.start <= self.mention.range.end + LISTED_BYTES);
        if word && (self.service == "line" || weak || !(listed || leads(before))) {
            return None;
        }
        let Range { start, end } = self.mention.range;
        let vague = self.mention.clarity == Clarity::Elsewhere;
        let back = if vague { 2 * NEAR_BYTES } else { POINTER_BYTES };
        let behind = self.said.pointer_before(start).filter(|found| found.start + back >= start);
        let reach = if word || vague { NEAR_BYTES } else { POINTER_BYTES };
        let ahead = || self.said.pointer_after(end).filter(|found| found.start <= end + reach);
        let range = behind
            .map(|found| found.start..end)
            .or_else(|| ahead().map(|found| start..found.end))?;
        (range.start >= self.floor).then_some(Account {
            range,
            service: self.service,
            handle: None,
            giving: Giving::Pointed,
        })
    }

    /// "find me on insta"
    fn found(&self) -> Option<Account> {
        let hidden = self.mention.disguised;
        let wordy = self.mention.clarity == Clarity::Word
            && matches!(self.service, "line" | "threads" | "messenger");
        if self.mention.clarity == Clarity::Elsewhere || wordy {
            return None;
        }
        let range = &self.mention.range;
        let start =
            self.said.seeks(range).or_else(|| hidden.then(|| self.said.writes(range)).flatten())?;
        (start >= self.floor).then_some(Account {
            range: start..self.mention.range.end,
            service: self.service,
            handle: None,
            giving: Giving::Found,
        })
    }

    fn account(&self, token: &Token, range: Range<usize>, giving: Giving) -> Option<Account> {
        let handle = self.text.get(token.range.clone())?.trim_start_matches('@').to_owned();
        Some(Account { range, service: self.service, handle: Some(handle), giving })
    }

    fn before(&self, length: usize) -> &str {
        read::before(self.text, self.mention.range.start, length)
    }

    /// Whether the phrase ends at `at`: a name is the last word of its phrase, an adjective is not.
    fn ends(&self, at: usize) -> bool {
        ends(self.text, at)
    }
}

/// Whether a phrase ends at `at`.
pub fn ends(text: &str, at: usize) -> bool {
    let next = read::skip(text.as_bytes(), at);
    let word = read::word(text, next);
    word.is_empty()
        || text.get(at..next).is_some_and(|gap| gap.contains('\n'))
        || CONNECTIVES.contains(&word)
}
