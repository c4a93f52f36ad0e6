//! Accounts that are given by name, after a mention of a service or before it.

use super::phrases::is_mine;
use super::{Account, CUE_BYTES, Giving, Place};
use crate::read::{self, Shape, Token};
use crate::services::Clarity;
use crate::words::{FILLERS, LINKS, NOUNS, PREPOSITIONS, SMALL};

/// How far a name may reach.
const TOKEN_BYTES: usize = 40;
const SMALL_MAX: usize = 4;
const NOUNS_MAX: usize = 2;
/// Nouns that a name follows without a link: "telegram user name".
const TITLES: &[&str] =
    &["user", "username", "usuario", "handle", "id", "nick", "nickname", "pseudo", "name"];
/// Links that a name follows and hardly anything else.
const NAMED: &[&str] = &["as", "under", "called", "named"];

/// How a name is tied to the service before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    None,
    /// ",", or a dash without space
    Weak,
    /// "is"
    Word,
    /// "as", "under"
    Named,
    /// ":", "="
    Symbol,
}

/// The signs that tie a name to a service, whether they want space before them, and how they tie.
const SYMBOLS: &[(&str, bool, Link)] = &[
    ("->", false, Link::Symbol),
    ("=>", false, Link::Symbol),
    (":", false, Link::Symbol),
    ("=", false, Link::Symbol),
    ("(", false, Link::Symbol),
    ("~", false, Link::Symbol),
    ("→", false, Link::Symbol),
    ("- ", true, Link::Symbol),
    ("– ", true, Link::Symbol),
    ("— ", true, Link::Symbol),
    (", ", false, Link::Weak),
    ("-", false, Link::Weak),
    ("/", false, Link::Weak),
    ("👉", false, Link::Symbol),
];

impl Place<'_> {
    /// "tg: name", "my insta username is name"
    pub fn named_after(&self) -> Option<Account> {
        let bytes = self.text.as_bytes();
        let mut at = self.mention.range.end;
        let (mut noun, mut title) = (false, false);
        for _ in 0..NOUNS_MAX {
            let start = read::skip(bytes, at);
            let word = read::word(self.text, start);
            if start == at || word.is_empty() || !NOUNS.contains(&word) {
                break;
            }
            noun = true;
            title |= TITLES.contains(&word);
            at = start + word.len();
        }
        let (link, mut at) = self.link(at);
        for _ in 0..NOUNS_MAX {
            let word = read::word(self.text, at);
            if word.is_empty() || !FILLERS.contains(&word) {
                break;
            }
            at = read::skip(bytes, at + word.len());
        }
        // A word beside a mention is nothing: most mentions end here.
        let telling = |byte: u8| byte.is_ascii_digit() || b"@_#:.".contains(&byte);
        let end = read::run(bytes, at, TOKEN_BYTES, |byte| !read::is_space(byte));
        if link < Link::Word && !noun && !bytes.get(at..end)?.iter().copied().any(telling) {
            return None;
        }
        let token = read::token(self.text, at)?;
        let ends = self.ends(token.range.end);
        let giving = self.judge_after(&token, link, (noun, title), ends)?;
        self.account(&token, self.mention.range.start..token.range.end, giving)
    }

    fn judge_after(
        &self,
        token: &Token,
        link: Link,
        (noun, title): (bool, bool),
        ends: bool,
    ) -> Option<Giving> {
        let mine = || is_mine(self.before(CUE_BYTES));
        let linked = link >= Link::Word;
        if token.shape == Shape::Ordinary {
            return None;
        }
        if token.signed {
            let holds = match self.mention.clarity {
                Clarity::Word => linked || noun || ends || token.shape == Shape::Marked || mine(),
                _ => true,
            };
            return holds.then_some(Giving::Named);
        }
        let apart = matches!(self.service, "line" | "signal" | "threads" | "messenger")
            && self.mention.clarity == Clarity::Word;
        let long = token.range.len() >= 5;
        let sure = !matches!(self.mention.clarity, Clarity::Word | Clarity::Nickname);
        if token.shape == Shape::Marked
            || (token.shape == Shape::Joined && (linked || noun || sure))
        {
            let name = &self.text[token.range.clone()];
            // Signal's names end in a full stop and a number.
            let dotted = self.service == "signal" && name.len() >= 6 && name.contains('.');
            let tagged = name.contains(['#', '_', ':']) || dotted;
            let holds = match self.mention.clarity {
                Clarity::Clear | Clarity::Short => linked || noun || long,
                Clarity::Word if apart => linked && (noun || tagged || mine()),
                Clarity::Word => linked || noun || tagged || (long && self.service == "snapchat"),
                Clarity::Nickname => linked || ends,
                Clarity::Elsewhere => linked,
            };
            return holds.then_some(Giving::Named);
        }
        let holds = ends
            && match self.mention.clarity {
                _ if apart => linked && noun,
                Clarity::Clear | Clarity::Short | Clarity::Word => match link {
                    Link::Symbol => true,
                    Link::Named => true,
                    Link::Word => noun || mine(),
                    Link::None => title || (noun && mine()),
                    Link::Weak => false,
                },
                Clarity::Nickname => link == Link::Symbol || (linked && (noun || mine())),
                Clarity::Elsewhere => false,
            };
        holds.then_some(Giving::Word)
    }

    /// The link at `at`, and where the name starts.
    fn link(&self, at: usize) -> (Link, usize) {
        let bytes = self.text.as_bytes();
        let start = read::skip(bytes, at);
        let rest = self.text.get(start..).unwrap_or_default();
        let after = |sign: &str| read::skip(bytes, start + sign.len());
        let found = match bytes.get(start) {
            Some(b':' | b'=' | b'(' | b'~' | b'-' | b',' | b'/' | 0xE2 | 0xF0) => {
                // A dash joins only with space around it: "snap-on" is a tool.
                let sign = SYMBOLS
                    .iter()
                    .find(|(sign, spaced, _)| rest.starts_with(sign) && (!spaced || start > at));
                sign.map(|(sign, _, link)| (*link, after(sign)))
            }
            _ => None,
        };
        if let Some(found) = found {
            return found;
        }
        let word = read::word(self.text, start);
        if start > at && LINKS.contains(&word) {
            let link = if NAMED.contains(&word) { Link::Named } else { Link::Word };
            return (link, after(word));
        }
        (Link::None, start)
    }

    /// "name88 on insta", "@name (snap)"
    pub fn named_before(&self) -> Option<Account> {
        let bytes = self.text.as_bytes();
        let mut at = self.mention.range.start;
        let mut joined = false;
        let mut end = at;
        for _ in 0..SMALL_MAX {
            end = read::skip_back(bytes, at, self.floor);
            if end > self.floor && matches!(bytes[end - 1], b'(' | b':' | b'/' | b'-' | b',') {
                end = read::skip_back(bytes, end - 1, self.floor);
            }
            let start =
                read::run_back(bytes, end, self.floor, 8, |byte| byte.is_ascii_alphabetic());
            let word = &self.text[start..end];
            if !SMALL.contains(&word) {
                break;
            }
            joined |= PREPOSITIONS.contains(&word);
            at = start;
        }
        let start =
            read::run_back(bytes, end, self.floor, TOKEN_BYTES, |byte| !read::is_space(byte));
        let telling = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'@' | b'_');
        if !joined && !bytes[start..end].iter().any(telling) {
            return None;
        }
        let token = read::token_back(self.text, end, self.floor)?;
        let close = joined || (end < self.mention.range.start && self.ends(self.mention.range.end));
        let word = self.mention.clarity == Clarity::Word;
        let giving = match token.shape {
            Shape::Ordinary => None,
            _ if self.mention.clarity == Clarity::Elsewhere && !token.signed => None,
            _ if token.signed => (if word { joined } else { close }).then_some(Giving::Named),
            Shape::Marked if !word && close => Some(Giving::Named),
            Shape::Marked => {
                (joined && !matches!(self.service, "line" | "threads")).then_some(Giving::Named)
            }
            Shape::Joined | Shape::Plain => {
                let start = token.range.start;
                let led = self.said.phrases.introduces(read::before(self.text, start, CUE_BYTES));
                let joined_name =
                    token.shape == Shape::Joined && !matches!(self.service, "line" | "threads");
                let service =
                    !word || joined_name || matches!(self.service, "snapchat" | "discord");
                (joined && led && service).then_some(Giving::Word)
            }
        }?;
        self.account(&token, token.range.start..self.mention.range.end, giving)
    }
}
