//! What stands around a number: the words before and after it, and what touches it.

use std::ops::Range;

use crate::cues::{Cue, cue};

/// Words further back than this do not speak of the number.
const BYTES_BEFORE: usize = 90;
const BYTES_AFTER: usize = 40;
const WORDS_BEFORE: usize = 10;
const WORDS_AFTER: usize = 5;

/// What the surroundings say of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context {
    /// A plus sign, perhaps with a bracket, touches it.
    pub plus: bool,
    /// It is part of a longer word, a file name, an address of a page or a mail box.
    pub glued: bool,
    /// A currency sign or word touches it.
    pub money: bool,
    /// A unit or a per cent sign follows it.
    pub unit: bool,
    /// How near a word about phones or calling stands.
    pub contact: Near,
    /// How near a word about papers, products, accounts or meters stands.
    pub reference: Near,
}

/// How near a cue stands to the number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Near {
    /// It does not.
    #[default]
    No,
    /// In the same clause.
    Clause,
    /// Nothing but `is`, `the`, `number` and the like between.
    Touching,
}

impl Context {
    /// The surroundings of `range` in the folded `text`.
    pub fn of(text: &str, range: Range<usize>) -> Self {
        let mut found = Self::default();
        found.before(&text[..range.start]);
        found.after(&text[range.end..]);
        found
    }

    fn before(&mut self, all: &str) {
        let text = tail(all, BYTES_BEFORE);
        let mut rest = text.trim_end_matches('(');
        self.plus = rest.ends_with('+');
        rest = rest.trim_end_matches('+');
        self.money = ends_with_currency(rest);
        if rest.ends_with('#') {
            self.reference = Near::Touching;
        }
        let touching = rest.trim_end_matches(['-', '_', '.', '/', '=', '#', '@', '\'']);
        let marks = touching.len() < rest.len();
        if touching.ends_with(|c: char| c.is_alphanumeric())
            && (marks || touching.len() == text.len())
        {
            self.prefix(touching, rest);
        }
        self.words_before(touching);
    }

    /// The word that touches the number on its left: `tel5550123` is a phone, `sku-5550123` is not.
    fn prefix(&mut self, word_end: &str, with_marks: &str) {
        let start = word_end.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        let word = word_end.get(start..).unwrap_or_default();
        let in_address = with_marks.ends_with(['/', '=', '_', '@']);
        match cue(word) {
            Some(Cue::Device | Cue::Reach) => self.contact = Near::Touching,
            _ if word_end.ends_with("wa.me") => self.contact = Near::Touching,
            _ if !in_address && with_marks.ends_with('.') => {}
            _ => self.glued = true,
        }
    }

    /// Reads the words before the number, nearest first, to the end of the sentence before.
    fn words_before(&mut self, text: &str) {
        let mut touching = true;
        let mut number = false;
        for (nth, (word, ends_sentence)) in Backwards(text).take(WORDS_BEFORE).enumerate() {
            if ends_sentence && nth > 0 {
                break;
            }
            let near = if touching { Near::Touching } else { Near::Clause };
            match cue(word) {
                Some(Cue::Link) => {}
                Some(Cue::Number) => number = true,
                Some(Cue::Device | Cue::Reach) => {
                    self.contact = self.contact.max(near);
                    break;
                }
                Some(Cue::Reference) => {
                    // `call about the order on 415...`: go on, a call outweighs what it is about.
                    self.reference = self.reference.max(near);
                    if touching {
                        break;
                    }
                }
                Some(Cue::Money) if touching => {
                    self.money = true;
                    break;
                }
                _ if word.bytes().all(|byte| byte.is_ascii_digit()) => {}
                _ => touching = false,
            }
        }
        if number && self.reference != Near::Touching && self.contact == Near::No {
            self.contact = Near::Clause;
        }
    }

    fn after(&mut self, all: &str) {
        let text = head(all, BYTES_AFTER);
        let first = text.chars().next();
        if first.is_some_and(char::is_alphabetic) || text.starts_with(['@', '_']) {
            let extension = text.starts_with("ext") || text.starts_with('x');
            self.glued |= !extension && !self.word_after(text);
        }
        if starts_with(text, '-', char::is_alphabetic) && self.contact == Near::No {
            self.glued = true;
        }
        let trimmed = text.trim_start_matches([' ', ')', '-']);
        self.unit |= trimmed.starts_with(['%', '°', '"', 'º']);
        self.money |= trimmed.starts_with(['$', '€', '£', '¥', '₹']);
        for (nth, word) in words(text).take(WORDS_AFTER).enumerate() {
            match cue(word) {
                Some(Cue::Unit) if nth == 0 => self.unit = true,
                Some(Cue::Money) if nth == 0 => self.money = true,
                Some(Cue::Device | Cue::Reach) if self.reference != Near::Touching => {
                    self.contact = self.contact.max(Near::Clause);
                    return;
                }
                Some(Cue::Reference) if nth > 0 => return,
                _ => {}
            }
        }
    }

    /// A word grown onto the end of the number that is a cue of its own: `5550123whatsapp`.
    fn word_after(&mut self, text: &str) -> bool {
        match words(text).next().and_then(cue) {
            Some(Cue::Device | Cue::Reach) => self.contact = self.contact.max(Near::Clause),
            Some(Cue::Unit) => self.unit = true,
            Some(Cue::Link) => {}
            _ => return false,
        }
        true
    }
}

/// The words of a text from its end, each with whether a sentence ends right after it.
struct Backwards<'a>(&'a str);

impl<'a> Iterator for Backwards<'a> {
    type Item = (&'a str, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let word_end = self.0.trim_end_matches(|c: char| !c.is_alphanumeric());
        let between = &self.0[word_end.len()..];
        if word_end.is_empty() {
            return None;
        }
        let start = word_end
            .rfind(|c: char| !c.is_alphanumeric())
            .map_or(0, |at| at + char_len(word_end, at));
        self.0 = &word_end[..start];
        Some((&word_end[start..], ends_sentence(between)))
    }
}

/// A full stop, question or exclamation mark before a space, or an empty line.
fn ends_sentence(between: &str) -> bool {
    let bytes = between.as_bytes();
    bytes
        .windows(2)
        .any(|pair| matches!(pair, [b'.' | b'!' | b'?', b' ' | b'\n'] | [b';', _] | [b'\n', b'\n']))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    // A word that the window cuts in two says nothing.
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn ends_with_currency(text: &str) -> bool {
    text.trim_end_matches(' ').ends_with(['$', '€', '£', '¥', '₹'])
}

fn starts_with(text: &str, first: char, then: fn(char) -> bool) -> bool {
    text.strip_prefix(first).is_some_and(|rest| rest.starts_with(then))
}

fn char_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(1, char::len_utf8)
}

/// The last `bytes` of a text, less what is cut in two.
fn tail(text: &str, bytes: usize) -> &str {
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// The first `bytes` of a text, less what is cut in two.
fn head(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
