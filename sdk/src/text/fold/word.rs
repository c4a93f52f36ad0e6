//! Whether the foreign letters of one word stand for Latin ones.
//!
//! Cyrillic and Greek prose is no disguise, so a look-alike is only read as Latin inside a word that
//! mixes scripts and reads as Latin throughout.

use super::character::{Reading, read};

/// What was decided about the word that holds a place of the text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict {
    /// One past the last byte of the word: until there the verdict holds.
    pub(super) end: usize,
    /// Its look-alikes are read as what they look like.
    pub(super) latin: bool,
}

#[derive(Default)]
struct Letters {
    latin: u32,
    digits: u32,
    twins: u32,
    /// Twins that are none of the letters people take for digits.
    wordy_twins: u32,
    /// Foreign letters that look like nothing Latin.
    other: u32,
    /// The Latin part is one block of capitals and the foreign part follows it, as in `PDFка`.
    suffixed: Suffixed,
}

#[derive(Default, PartialEq, Eq)]
enum Suffixed {
    #[default]
    Start,
    Capitals,
    Suffix,
    No,
}

/// Judges the word of `text` that holds the foreign letter at byte `at`. Linear in the word; in the
/// text where the word is all foreign, which `prose` remembers.
pub(super) fn judge(text: &str, at: usize, prose: &mut Option<bool>) -> Verdict {
    let start = text[..at]
        .char_indices()
        .rev()
        .take_while(|&(_, c)| class(c) != Class::End)
        .last()
        .map_or(at, |(start, _)| start);
    let mut letters = Letters::default();
    let mut end = text.len();
    for (offset, c) in text[start..].char_indices() {
        if !letters.add(c) {
            end = start + offset;
            break;
        }
    }
    Verdict {
        end,
        latin: letters.read_as_latin(|| *prose.get_or_insert_with(|| is_latin_prose(text))),
    }
}

/// What a character is to a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Latin {
        capital: bool,
    },
    Digit,
    /// A foreign letter that looks like this ASCII byte.
    Twin(u8, char),
    /// A foreign letter that looks like nothing Latin.
    Other,
    /// A mark, or something that cannot be seen.
    Passed,
    /// No part of a word.
    End,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            '0'..='9' => Class::Digit,
            'a'..='z' => Class::Latin { capital: false },
            'A'..='Z' => Class::Latin { capital: true },
            _ => Class::End,
        };
    }
    match read(c) {
        Reading::Foreign(Some(twin), lower) => Class::Twin(twin, lower),
        Reading::Foreign(None, _) if is_foreign_sign(c) => Class::Passed,
        Reading::Foreign(None, _) => Class::Other,
        Reading::Byte(byte, _) if byte.is_ascii_digit() => Class::Digit,
        Reading::Byte(byte, _) if byte.is_ascii_alphabetic() => Class::Latin { capital: false },
        Reading::Bytes(..) => Class::Latin { capital: false },
        Reading::Hidden | Reading::Mark { .. } => Class::Passed,
        _ => Class::End,
    }
}

/// The few signs among the letters of the Greek, Cyrillic and Armenian blocks.
fn is_foreign_sign(c: char) -> bool {
    matches!(c, '\u{375}' | '\u{37E}' | '\u{384}' | '\u{385}' | '\u{387}' | '\u{3F6}' | '\u{482}' | '\u{559}'..='\u{55F}' | '\u{589}'..='\u{58F}')
}

impl Letters {
    /// Counts one character; `false` where the word is over.
    fn add(&mut self, c: char) -> bool {
        match class(c) {
            Class::Latin { capital } => {
                self.latin += 1;
                self.latin_letter(capital);
            }
            Class::Digit => self.digits += 1,
            Class::Twin(twin, lower) => {
                self.twins += 1;
                self.wordy_twins += u32::from(!b"o3640ilsb".contains(&twin));
                self.foreign_letter(lower == c);
            }
            Class::Other => self.other += 1,
            Class::Passed => {}
            Class::End => return false,
        }
        true
    }

    fn latin_letter(&mut self, capital: bool) {
        self.suffixed = match self.suffixed {
            Suffixed::Start | Suffixed::Capitals if capital => Suffixed::Capitals,
            _ => Suffixed::No,
        };
    }

    fn foreign_letter(&mut self, small: bool) {
        self.suffixed = match self.suffixed {
            Suffixed::Capitals | Suffixed::Suffix if small => Suffixed::Suffix,
            _ => Suffixed::No,
        };
    }

    fn read_as_latin(&self, latin_prose: impl FnOnce() -> bool) -> bool {
        if self.other > 0 || self.twins == 0 {
            return false;
        }
        match (self.latin, self.digits) {
            (0, 0) => self.twins >= 3 && latin_prose(),
            (0, digits) => digits >= 2 && self.wordy_twins == 0,
            _ => self.suffixed != Suffixed::Suffix,
        }
    }
}

/// Whether the text is written in Latin letters: none of another script lacks a Latin twin.
fn is_latin_prose(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && !text.chars().any(|c| class(c) == Class::Other)
}
