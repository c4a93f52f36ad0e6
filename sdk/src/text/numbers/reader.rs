//! One pass over the words of a folded text that joins those which stand for digits.

use super::leet::{is_leet, leet, split_words};
use super::words::{Meaning, meaning};
use super::{Gap, Numbers, Written};

/// Between two groups there are at most so many bytes.
const GAP_BYTES_MAX: usize = 32;
/// Between two groups there are at most so many words such as `then`.
const FILLERS_MAX: u32 = 3;

pub(super) struct Reader<'a> {
    pub(super) text: &'a [u8],
    pub(super) digits_min: usize,
    pub(super) out: Numbers,
    /// The first group of the run that is being read.
    pub(super) run: usize,
    /// One past the last group that surely belongs to it; those after it wait for a sure one.
    pub(super) sure: usize,
    pub(super) open: Open,
    pub(super) gap: Gap,
    pub(super) fillers: u32,
    /// `double` and the like: how often, and where the word starts.
    pub(super) repeat: Option<(u8, usize)>,
    /// A preposition waits, so figures must not follow.
    pub(super) preposition: bool,
}

/// What may still be added to the last group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    No,
    /// A digit from 1 to 9.
    Digit,
    /// Seven, eight or nine.
    Dix,
    /// A number from 1 to 19.
    Score,
    /// `vingt` or `hundred`.
    Quatre,
    /// `hundred`.
    Hundred,
    /// Tens, or a digit after `and`.
    Hundreds,
    /// Tens or a digit.
    Cents,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, digits_min: usize) -> Self {
        Self {
            text: text.as_bytes(),
            digits_min,
            out: Numbers::default(),
            run: 0,
            sure: 0,
            open: Open::No,
            gap: Gap::Start,
            fillers: 0,
            repeat: None,
            preposition: false,
        }
    }

    pub(super) fn read(mut self) -> Numbers {
        let mut at = 0;
        while at < self.text.len() {
            let byte = self.text[at];
            if byte.is_ascii_alphanumeric() {
                let (end, digits) = self.token(at);
                self.word(at, end, digits);
                at = end;
            } else {
                at += self.sign(at, byte);
            }
        }
        self.finish();
        self.out
    }

    /// The end of the letters and digits that start here, and how many are digits.
    fn token(&self, start: usize) -> (usize, usize) {
        let mut digits = 0;
        let mut end = start;
        while let Some(byte) = self.text.get(end).filter(|byte| byte.is_ascii_alphanumeric()) {
            digits += usize::from(byte.is_ascii_digit());
            end += 1;
        }
        (end, digits)
    }

    /// Takes note of one sign between words; returns its length.
    fn sign(&mut self, at: usize, byte: u8) -> usize {
        if !self.reading() {
            return 1;
        }
        let (gap, length) = match byte {
            // A full stop at the end of a sentence parts more than one inside a number.
            b' ' | b'\t' if at > 0 && self.text[at - 1] == b'.' && self.gap == Gap::Dot => {
                (Gap::Comma, 1)
            }
            b' ' | b'\t' => (Gap::Space, 1),
            b'-' => (Gap::Hyphen, 1),
            b'.' => (Gap::Dot, 1),
            b',' => (Gap::Comma, 1),
            b'(' | b')' | b'[' | b']' => (Gap::Bracket, 1),
            b'\n' | b'\r' => (Gap::Line, 1),
            b'/' => (Gap::Slash, 1),
            b':' | b';' | b'=' | b'!' | b'?' | b'%' => (Gap::Colon, 1),
            b'+' => (Gap::Plus, 1),
            b'$' => (Gap::Currency, 1),
            0..0x80 => (Gap::Sign, 1),
            _ => match wide(&self.text[at..]) {
                Some((c, length)) if c.is_alphanumeric() => {
                    self.finish();
                    return length;
                }
                Some(('€' | '£' | '¥' | '₹' | '¢', length)) => (Gap::Currency, length),
                Some((_, length)) => (Gap::Sign, length),
                None => (Gap::Sign, 1),
            },
        };
        self.widen(gap);
        length
    }

    fn widen(&mut self, gap: Gap) {
        self.gap = if self.gap == Gap::Start { gap } else { self.gap.max(gap) };
    }

    /// Reads one word of letters and digits.
    fn word(&mut self, start: usize, end: usize, digits: usize) {
        if self.reading() && start - self.last_end() > GAP_BYTES_MAX {
            self.finish();
        }
        if digits == end - start {
            return self.figures(start, end);
        }
        if digits == 0 {
            return self.letters(start, end);
        }
        let goes_on =
            (self.reading() && matches!(self.gap, Gap::Hyphen | Gap::Dot)) || self.is_joined(end);
        if is_leet(&self.text[start..end], digits, goes_on) {
            let text = self.text;
            let digits = text[start..end].iter().map(|&byte| leet(byte).unwrap_or(byte));
            self.push(start, end, digits, Written::Leet, true);
            return;
        }
        // Words and figures without a space, or a name such as `a4471`: each part by itself.
        let mut at = start;
        while at < end {
            let figures = self.text[at].is_ascii_digit();
            let length = self.text[at..end]
                .iter()
                .take_while(|byte| byte.is_ascii_digit() == figures)
                .count();
            if figures {
                self.figures(at, at + length)
            } else {
                self.letters(at, at + length)
            }
            at += length;
        }
    }

    /// Whether a hyphen or a dot joins what ends at `end` to more.
    pub(super) fn is_joined(&self, end: usize) -> bool {
        matches!(self.text.get(end..end + 2), Some([b'-' | b'.', next]) if next.is_ascii_alphanumeric())
    }

    fn figures(&mut self, start: usize, end: usize) {
        if self.preposition || self.waits_for_word(end - start) {
            self.finish();
        }
        let text = self.text;
        self.push(start, end, text[start..end].iter().copied(), Written::Figures, true);
        self.open = Open::No;
    }

    /// Only words that may be no digits were read, and these figures do not make them any: after an
    /// `oh` a few figures would.
    fn waits_for_word(&self, figures: usize) -> bool {
        self.sure == self.run
            && self.reading()
            && (figures > 6 || self.gap > Gap::Hyphen || !self.starts_with_oh())
    }

    /// Whether the run starts with the letter that is said for 0.
    pub(super) fn starts_with_oh(&self) -> bool {
        self.out.groups.get(self.run).is_some_and(|first| self.text[first.start as usize] == b'o')
    }

    fn letters(&mut self, start: usize, end: usize) {
        let word = &self.text[start..end];
        let Some(meaning) = meaning(word) else {
            return self.unknown(start, end);
        };
        match meaning {
            Meaning::And | Meaning::Filler | Meaning::Currency | Meaning::Sign => {
                self.between(meaning)
            }
            Meaning::Repeat(times) => {
                self.repeat = Some((times, start));
            }
            Meaning::Hundred | Meaning::Cent => self.hundred(end, meaning == Meaning::Cent),
            Meaning::Article(value) if self.after_words() => {
                self.value(start, end, value, Open::No)
            }
            Meaning::Homophone(value) | Meaning::Preposition(value) if self.reading() => {
                if matches!(meaning, Meaning::Preposition(_)) {
                    if !self.after_words() {
                        return self.finish();
                    }
                    self.preposition = true;
                }
                self.push(start, end, [b'0' + value].into_iter(), Written::Homophone, false);
            }
            Meaning::Homophone(value) if !matches!(word, b"too" | b"free") => {
                self.push(start, end, [b'0' + value].into_iter(), Written::Homophone, false);
            }
            Meaning::Oh => self.push(start, end, [b'0'].into_iter(), Written::Homophone, false),
            Meaning::Article(_) | Meaning::Homophone(_) | Meaning::Preposition(_) => self.finish(),
            Meaning::Digit(value) => {
                self.value(start, end, value, if value == 0 { Open::No } else { Open::Hundred })
            }
            Meaning::Quatre => self.value(start, end, 4, Open::Quatre),
            Meaning::Teen(value) => self.value(start, end, value, Open::No),
            Meaning::Dix => self.value(start, end, 10, Open::Dix),
            Meaning::Tens(value) => self.value(start, end, value, Open::Digit),
            Meaning::Soixante => self.value(start, end, 60, Open::Score),
            Meaning::Vingt
                if self.open == Open::Quatre
                    && self.gap <= Gap::Hyphen
                    && self.repeat.is_none() =>
            {
                self.replace(end, 80, Open::Score)
            }
            Meaning::Vingt => self.value(start, end, 20, Open::Digit),
            Meaning::Hundreds(value) => {
                self.push(start, end, [b'0' + value, b'0', b'0'].into_iter(), Written::Words, true);
                self.open = Open::Cents;
            }
        }
    }

    fn between(&mut self, meaning: Meaning) {
        if !self.reading() {
            return;
        }
        self.fillers += u32::from(meaning != Meaning::Sign);
        if self.fillers > FILLERS_MAX {
            return self.finish();
        }
        self.widen(match meaning {
            Meaning::Sign => Gap::Hyphen,
            Meaning::Currency => Gap::Currency,
            _ => Gap::Filler,
        });
    }

    /// A word that means no digit: the run ends, unless it is made of number words or of letters that
    /// look like digits.
    fn unknown(&mut self, start: usize, end: usize) {
        let word = &self.text[start..end];
        if self.reading() && word.len() <= 2 && word.iter().all(|byte| b"oil".contains(byte)) {
            return self.push(
                start,
                end,
                word.iter().map(|&byte| leet(byte).unwrap_or(byte)),
                Written::Leet,
                false,
            );
        }
        let mut parts = [0; 17];
        let Some(count) = split_words(word, &mut parts) else {
            return self.finish();
        };
        for part in parts[..=count].windows(2) {
            self.letters(start + part[0], start + part[1]);
        }
    }
}

/// The character that a UTF-8 text starts with, and its length.
fn wide(text: &[u8]) -> Option<(char, usize)> {
    let text = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(text) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).ok()?,
    };
    valid.chars().next().map(|c| (c, c.len_utf8()))
}
